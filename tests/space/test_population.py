"""People, mailboxes and software: as many as the deck says, the same when asked again."""

from __future__ import annotations

import numpy as np
import pytest

from sandbox.space.errors import UserError
from sandbox.space.loader import load_scenario, with_inputs
from sandbox.space.methods import Feature, Method
from sandbox.space.operators import operator_sizes, operator_weights
from sandbox.space.population import ROBOT, SOFTWARE, Accesses, BalKind, Space, build_space

SCALE = 0.05
# population -> share of deployment in September 2021 (deck).
DEPLOYED = {"hospital": 0.81, "liberal": 0.52, "ehpad": 0.36, "laboratory": 0.71}


@pytest.fixture(scope="module")
def space() -> Space:
    return build_space(load_scenario("aout-2021"), seed=3, scale=SCALE)


def test_a_month_of_2021_has_the_mailboxes_published_around_it() -> None:
    """224 478 in June 2019 (maisondeskines), 535 357 published in August 2026 (domain.md §7.3)."""
    scenario = load_scenario("aout-2021")
    total = sum(
        p.units * p.deployment
        * (p.personal_mailboxes + p.shared_mailboxes + p.application_mailboxes)
        for p in scenario.populations.values()
    )  # fmt: skip
    assert 224_478 < total < 535_357


@pytest.mark.parametrize(("name", "share"), DEPLOYED.items())
def test_populations_are_connected_as_the_deck_says(space: Space, name: str, share: float) -> None:
    people = space.scenario.populations[name]
    number = space.populations.index(name)
    assert people.deployment == share
    each = (people.personal_mailboxes, people.shared_mailboxes, people.application_mailboxes)
    for kind, boxes in zip(BalKind, each, strict=True):
        expected = people.units * share * boxes * SCALE
        assert abs(space.mailboxes[number, kind] - expected) <= 0.5


def test_a_shared_mailbox_is_opened_by_each_of_its_holders(space: Space) -> None:
    """The lower 40 bits of an identity number the accesses of a population, mailbox by mailbox."""
    identity = space.accesses.identity[space.accesses.kind == BalKind.ORG]
    rank, population = identity & ((1 << 40) - 1), identity >> 40
    boxes = np.unique(np.stack([population, rank // 3]), axis=1, return_counts=True)[1]
    assert set(boxes.tolist()) == {3}


def test_active_mailboxes_are_the_share_asked_for(space: Space) -> None:
    number = space.populations.index("liberal")
    people = space.accesses.population == number
    boxes, active = space.mailboxes[number].sum(), space.scenario.populations["liberal"].active
    sd = np.sqrt(active * (1 - active) / boxes)
    assert abs(people.sum() / boxes - active) < 4 * sd


def test_no_two_accesses_share_an_identity(space: Space) -> None:
    assert len(np.unique(space.accesses.identity)) == len(space.accesses)


def test_robots_and_only_robots_use_the_certificate(space: Space) -> None:
    certificate = list(Method).index(Method.CERTIFICATE)
    robot = space.accesses.software == ROBOT
    np.testing.assert_array_equal(robot, space.accesses.method == certificate)
    np.testing.assert_array_equal(robot, space.accesses.kind == BalKind.APP)


@pytest.mark.parametrize("method", ["cps", "totp", "ecps", "sms"])
def test_methods_are_drawn_at_their_shares(space: Space, method: str) -> None:
    people = space.accesses.population == space.populations.index("liberal")
    share = getattr(space.scenario.populations["liberal"], f"method_{method}")
    number = ["cps", "totp", "ecps", "sms"].index(method)
    found = (space.accesses.method[people] == number).mean()
    assert abs(found - share) < 4 * np.sqrt(share * (1 - share) / people.sum())


def test_round_trips_have_the_mean_and_spread_of_their_population(space: Space) -> None:
    people = (space.accesses.population == space.populations.index("liberal")) & (
        space.accesses.software != SOFTWARE.index("webmail")
    )
    rtt, asked = space.accesses.rtt[people], space.scenario.populations["liberal"]
    assert abs(rtt.mean() / asked.rtt - 1) < 4 * asked.rtt_cv / np.sqrt(len(rtt))
    assert rtt.std() / rtt.mean() == pytest.approx(asked.rtt_cv, rel=0.1)


def test_no_firewall_stands_between_webmail_and_its_operator(space: Space) -> None:
    webmail = space.accesses.software == SOFTWARE.index("webmail")
    assert (space.accesses.features[webmail] & Feature.PORT_BLOCKED == 0).all()
    assert (space.accesses.features[~webmail] & Feature.PORT_BLOCKED != 0).any()


def test_mailboxes_gather_at_operators_as_their_weights_say(space: Space) -> None:
    expected = operator_sizes(space.scenario) * SCALE
    # Largest remainder, once for each population and kind.
    assert np.abs(space.operator_mailboxes - expected).max() <= 12
    assert space.operator_mailboxes.sum() == space.mailboxes.sum()


def test_an_operator_of_hospitals_is_not_one_of_practices(space: Space) -> None:
    weights = operator_weights(space.scenario, "liberal")
    hospital = operator_weights(space.scenario, "hospital")
    people = space.accesses.population == space.populations.index("liberal")
    only_hospitals = np.flatnonzero((weights == 0) & (hospital > 0))
    assert len(only_hospitals) > 200
    assert not np.isin(space.accesses.operator[people], only_hospitals).any()


def same(first: Accesses, second: Accesses, *, but: tuple[str, ...] = ()) -> None:
    for field in Accesses.__slots__:
        if field not in but:
            np.testing.assert_array_equal(
                getattr(first, field), getattr(second, field), err_msg=field
            )


def test_the_same_seed_makes_the_same_space(space: Space) -> None:
    again = build_space(space.scenario, seed=3, scale=SCALE)
    same(space.accesses, again.accesses)


def test_another_seed_makes_another_space(space: Space) -> None:
    other = build_space(space.scenario, seed=4, scale=SCALE).accesses
    assert not np.array_equal(space.accesses.identity, other.identity)


@pytest.mark.parametrize(
    ("key", "value", "moves"),
    [
        ("populations.liberal.rtt", 0.1, ("rtt",)),
        ("populations.liberal.method_ecps", 0.7, ("method",)),
        ("products.lps-c.imap_xoauth2", 1.0, ("features",)),
        ("products.lps-a.share", 0.5, ("product", "features")),
        ("populations.liberal.port_blocked", 0.5, ("features",)),
        ("policies.ciba_interval", 1.0, ()),
        ("populations.liberal.software_lps", 0.8, ("software", "product", "features", "rtt")),
    ],
)
def test_a_change_of_one_input_moves_only_what_depends_on_it(
    space: Space, key: str, value: float, moves: tuple[str, ...]
) -> None:
    changed = build_space(with_inputs(space.scenario, {key: value}), seed=3, scale=SCALE)
    same(space.accesses, changed.accesses, but=moves)
    for field in moves:
        assert not np.array_equal(getattr(space.accesses, field), getattr(changed.accesses, field))


def test_the_scale_keeps_proportions(space: Space) -> None:
    half = build_space(space.scenario, seed=3, scale=SCALE / 2)
    assert half.messages == space.messages / 2
    assert np.abs(half.mailboxes - space.mailboxes / 2).max() <= 1


@pytest.mark.parametrize(
    ("seed", "scale", "words"),
    [(-1, 1.0, "seed -1"), (1, 0.0, "scale 0.0"), (1, -1.0, "scale"), (1, 101, "scale 101"),
     (1, float("nan"), "scale nan")],
)  # fmt: skip
def test_a_seed_or_scale_out_of_range_is_refused(seed: int, scale: float, words: str) -> None:
    with pytest.raises(UserError, match=words):
        build_space(load_scenario("demo"), seed=seed, scale=scale)


def test_a_scale_that_leaves_nobody_is_refused() -> None:
    nobody = with_inputs(load_scenario("demo"), {f"populations.{p}.active": 0 for p in DEPLOYED})
    with pytest.raises(UserError, match="no active mailbox"):
        build_space(nobody)
