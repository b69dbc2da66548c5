"""Indices, gains and maps against functions whose answers are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sandbox.decision.factors import Factor
from sandbox.decision.indices import OTHERS, screen, sobol
from sandbox.decision.information import basis, evppi, perfect_information
from sandbox.decision.ranges import Range, Uncertain
from sandbox.decision.rules import Sample, _grown, _leaf_of, grow


def factor(name: str) -> Factor:
    return Factor(name, (Uncertain(name, "number", 0.5, (Range(0, 0.5, 1, "uniform"),), (), "",
                                   "placeholder"),))  # fmt: skip


def ishigami(u: np.ndarray) -> np.ndarray:
    """Ishigami and Homma (1990), a = 7, b = 0.1."""
    x = math.pi * (2 * u - 1)
    value: np.ndarray = (
        np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])
    )
    return value


def test_sobol_indices_of_the_ishigami_function_are_within_their_intervals() -> None:
    a, b = 7.0, 0.1
    variance = a**2 / 8 + b * math.pi**4 / 5 + b**2 * math.pi**8 / 18 + 0.5
    first = [0.5 * (1 + b * math.pi**4 / 5) ** 2 / variance, a**2 / 8 / variance, 0.0]
    crossed = 8 * b**2 * math.pi**8 / 225 / variance
    total = [first[0] + crossed, first[1], crossed]
    factors = [factor(name) for name in "abc"]
    found = sobol(factors, ishigami, ["a", "b", "c"], 1024, seed=1)
    for name, one, all_of_it in zip("abc", first, total, strict=True):
        index = found[name]
        assert index.known
        assert abs(index.first - one) <= 1.5 * index.first_half + 0.01
        assert abs(index.total - all_of_it) <= 1.5 * index.total_half + 0.01


def test_sobol_indices_of_the_g_function_and_of_all_others_together() -> None:
    """Saltelli and Sobol' (1995); the last factors are asked for as one group."""
    a = np.array([0.0, 1.0, 4.5, 9.0, 99.0])

    def g(u: np.ndarray) -> np.ndarray:
        value: np.ndarray = ((np.abs(4 * u - 2) + a) / (1 + a)).prod(axis=1)
        return value

    partial = 1 / (3 * (1 + a) ** 2)
    variance = (1 + partial).prod() - 1
    factors = [factor(name) for name in "vwxyz"]
    found = sobol(factors, g, ["v", "w"], 2048, seed=1)
    assert set(found) == {"v", "w", OTHERS}
    for place, name in enumerate("vw"):
        expected = partial[place] / variance
        assert abs(found[name].first - expected) <= 1.5 * found[name].first_half + 0.01
    rest = ((1 + partial[2:]).prod() - 1) / variance
    assert abs(found[OTHERS].first - rest) <= 1.5 * found[OTHERS].first_half + 0.01


def test_a_planted_driver_is_screened_first_and_a_dummy_last() -> None:
    factors = [factor(name) for name in ("dummy", "weak", "driver")]
    effects = screen(factors, lambda u: 10 * u[:, 2] + u[:, 1], seed=1)
    assert list(effects) == ["driver", "weak", "dummy"]
    assert effects["dummy"] == 0


def test_few_points_give_an_interval_that_says_so() -> None:
    noise = np.random.default_rng(1)
    factors = [factor(name) for name in "abc"]
    found = sobol(factors, lambda u: noise.random(len(u)), ["a"], 8, seed=1)
    assert not found["a"].known


N = 8192
ONE = np.ones((1, 1))  # one criterion


@pytest.fixture(scope="module")
def normal() -> tuple[np.ndarray, np.ndarray]:
    """Two standard normal inputs, and their probabilities."""
    from scipy.special import ndtri

    u = np.random.default_rng(3).random((N, 2))
    return u, ndtri(u)


def test_what_knowing_an_input_is_worth_is_the_closed_form(
    normal: tuple[np.ndarray, np.ndarray],
) -> None:
    """Losses 0 and x + y: knowing x saves E max(0, -x) = 1 / sqrt(2 pi); all, sqrt(2) times it."""
    u, x = normal
    losses = np.stack([np.zeros(N), x.sum(axis=1)], axis=1)
    gain, alone = evppi(basis(factor("x"), u[:, :1]), losses[:, :, None], ONE)
    assert gain == alone
    expected = 1 / math.sqrt(2 * math.pi)
    assert abs(gain.mean - expected) <= gain.half + 0.01
    assert perfect_information(losses[:, :, None], ONE) == pytest.approx(
        math.sqrt(2) * expected, abs=0.03
    )


def test_knowing_a_dummy_is_worth_nothing(normal: tuple[np.ndarray, np.ndarray]) -> None:
    u, x = normal
    dummy = np.random.default_rng(9).random((N, 1))
    losses = np.stack([np.zeros(N), 0.3 + x[:, 0]], axis=1)
    gain, _ = evppi(basis(factor("dummy"), dummy), losses[:, :, None], ONE)
    assert gain.clear == 0.0
    known, _ = evppi(basis(factor("x"), u[:, :1]), losses[:, :, None], ONE)
    assert known.clear > 0.1


LEAST = np.array([1.0])  # points


def sample(features: np.ndarray, losses: np.ndarray) -> Sample:
    return Sample(features, losses[:, :, None])


def test_a_map_of_ties_is_right_within_the_margin_and_says_how_rarely_it_names_the_best() -> None:
    generator = np.random.default_rng(5)
    losses = 0.9 * generator.random((3000, 3))  # no feature tells which; none matters
    drawn = sample(generator.random((3000, 4)), losses)
    found = grow(["a", "b", "c"], [(k, "") for k in "wxyz"], drawn, drawn, LEAST, ONE)
    assert found.equal["map"].margin == 1.0
    assert found.equal["map"].exact < 0.45
    assert all(rule.others == () for rule in found.rules)


def test_where_no_choice_is_safe_the_map_names_those_that_it_cannot_tell_apart() -> None:
    generator = np.random.default_rng(6)
    tossed = 40.0 * (generator.random(3000) > 0.5)
    losses = np.stack([tossed, 40.0 - tossed, np.full(3000, 60.0)], axis=1)
    drawn = sample(generator.random((3000, 4)), losses)
    found = grow(["a", "b", "c"], [(k, "") for k in "wxyz"], drawn, drawn, LEAST, ONE)
    for rule in found.rules:
        assert {rule.candidate, *rule.others} == {"a", "b"}
        assert rule.probability < 0.8
        assert rule.safe == 1.0


def test_a_regression_on_every_input_is_the_ceiling_of_a_map_that_cannot_say_it() -> None:
    """Thirty inputs weigh alike: eight leaves know little of the sum."""
    generator = np.random.default_rng(7)
    x = generator.random((3000, 30))
    gap = 20 * (x.sum(axis=1) - 15)
    drawn = sample(x, np.stack([gap, -gap], axis=1))
    found = grow(["a", "b"], [(f"k{n}", "") for n in range(30)], drawn, drawn, LEAST, ONE)
    assert found.equal["ceiling"].margin > 0.99
    assert found.equal["always"].margin < found.equal["map"].margin < 0.9


def test_weights_turn_a_choice_from_where_they_say() -> None:
    """Best on the first criterion by 30 points, worse on the second by 10."""
    x = np.random.default_rng(8).random((400, 2))
    points = np.broadcast_to(np.array([[0.0, 10.0], [30.0, 0.0]]), (400, 2, 2))
    drawn = Sample(x, points)
    found = grow(["a", "b"], [("k", ""), ("l", "")], drawn, drawn, np.ones(2), np.ones((1, 2)) / 2)
    (rule,) = found.rules
    assert rule.candidate == "a"
    assert rule.turns == ()  # 75 %: above what a weight is tried at
    drawn = Sample(x, points / np.array([3.0, 1.0]) + np.array([0.0, 0.0]))
    turned = grow(["a", "b"], [("k", ""), ("l", "")], drawn, drawn, np.ones(2), np.ones((1, 2)) / 2)
    assert [(t.criterion, t.candidate) for t in turned.rules[0].turns] == [(1, "b")]
    assert turned.rules[0].turns[0].weight == pytest.approx(0.51)
    assert turned.turns == turned.rules[0].turns  # one rule: the mean of all draws is its own


def test_the_map_finds_a_planted_rule_and_predicts_fresh_draws() -> None:
    generator = np.random.default_rng(2)

    def draws(count: int) -> tuple[np.ndarray, np.ndarray]:
        x = generator.random((count, 30))
        second = np.where((x[:, 4] > 0.55) & (x[:, 9] > 0.5), 0.0, 20.0)
        return x, np.stack([20.0 - second, second], axis=1)

    labels = [(f"k{n}", "") for n in range(30)]
    found = grow(["one", "two"], labels, sample(*draws(3000)), sample(*draws(1500)), LEAST, ONE)
    assert found.equal["map"].exact >= 0.9
    assert found.equal["always"].exact < 0.8
    two = next(rule for rule in found.rules if rule.candidate == "two")
    assert {condition.key for condition in two.conditions} == {"k4", "k9"}
    limit = next(c.value for c in two.conditions if c.key == "k4")
    assert limit == pytest.approx(0.55, abs=0.02)


def test_a_map_grown_for_all_weights_is_right_under_them_where_one_of_equal_weights_is_not() -> (
    None
):
    """At equal weights one is always best; who gives weight to the second criterion must know x."""
    generator = np.random.default_rng(3)

    def drawn(count: int) -> Sample:
        x = generator.random((count, 6))
        low = np.where(x[:, 2] > 0.5, 30.0, 5.0)
        points = np.zeros((count, 2, 2))
        points[:, 1, 0], points[:, 0, 1] = 60.0, low
        return Sample(x, points)

    weights = np.stack([np.linspace(0.05, 0.95, 19), 1 - np.linspace(0.05, 0.95, 19)], axis=1)
    found = grow(["a", "b"], [(f"k{n}", "") for n in range(6)], drawn(2000), drawn(1000),
                 np.ones(2), weights)  # fmt: skip
    assert found.equal["always"].exact == 1.0
    assert {c.key for rule in found.rules for c in rule.conditions} == {"k2"}
    assert found.weighed["map"].exact > 0.99 > found.weighed["always"].exact


def test_a_tree_cut_to_its_first_leaves_is_the_tree_of_so_many() -> None:
    generator = np.random.default_rng(4)
    x = generator.random((1000, 5))
    points = np.stack([x[:, :1] + x[:, 1:2] * x[:, 2:3], x[:, 3:4] ** 2], axis=1) * 20
    tree = _grown(x, points)
    for leaves in (2, 4, 8):
        smaller = _grown(x, points, leaves)
        assert (_leaf_of(tree, x, leaves) == smaller.apply(x)).all()
        assert len(set(smaller.apply(x))) == leaves


def test_more_rules_are_judged_beside_the_map() -> None:
    x = np.random.default_rng(6).random((3000, 2))
    lost = 50 * np.abs(np.sin(9 * x[:, 0]))
    drawn = sample(x, np.stack([lost, 50 - lost], axis=1))
    found = grow(["a", "b"], [("k", ""), ("l", "")], drawn, drawn, LEAST, ONE)
    sizes = {size.rules: size for size in found.sizes}
    assert sizes[len(found.rules)].equal == found.equal["map"]
    assert min(sizes) == 2
    assert sizes[max(sizes)].equal.exact > sizes[2].equal.exact


def test_weights_that_turn_the_choice_are_those_of_all_draws_not_of_its_largest_case() -> None:
    """In three draws of four nothing turns it; in the mean a weight on the second does."""
    x = np.random.default_rng(9).random((2000, 2))
    often = x[:, :1] < 0.75
    a = np.stack([0 * x[:, 0], np.where(often[:, 0], 0.0, 96.0)], axis=1)
    b = np.stack([np.where(often[:, 0], 20.0, 0.0), 0 * x[:, 0]], axis=1)
    drawn = Sample(x, np.stack([a, b], axis=1) / np.array([1.0, 2.0]))
    found = grow(["a", "b"], [("k", ""), ("l", "")], drawn, drawn, np.ones(2), np.ones((1, 2)) / 2)
    assert found.rules[0].candidate == "a"
    assert found.rules[0].turns == ()
    assert [(turn.criterion, turn.candidate) for turn in found.turns] == [(1, "b")]
    assert found.turns[0].weight == pytest.approx(0.56, abs=0.03)
