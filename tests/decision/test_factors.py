"""What is drawn stays in its range, sums to one, and moves together where it must."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sandbox.decision.evaluation import Evaluation, prepare
from sandbox.decision.factors import columns_of
from sandbox.decision.ranges import Range, Uncertain, read_ranges, uncertain_inputs
from sandbox.space.errors import UserError
from sandbox.space.loader import parse_scenario
from sandbox.space.scenario import Scenario

U = np.linspace(0.0005, 0.9995, 1000)


def test_a_pert_law_has_its_mean_and_its_ends() -> None:
    drawn = Range(0.0, 2.0, 10.0).quantile(U)
    assert drawn.mean() == pytest.approx((0 + 4 * 2 + 10) / 6, rel=0.01)
    assert 0 <= drawn.min() < drawn.max() <= 10


def test_a_uniform_law_is_uniform() -> None:
    assert Range(1.0, 2.0, 3.0, "uniform").quantile(U) == pytest.approx(1 + 2 * U)


def test_experts_count_alike() -> None:
    two = (Range(0.0, 0.5, 1.0, "uniform", "a"), Range(9.0, 9.5, 10.0, "uniform", "b"))
    drawn = Uncertain("x", "number", 1.0, two, (), "", "placeholder").quantile(U)
    assert (drawn <= 1).mean() == pytest.approx(0.5)
    assert (drawn >= 9).mean() == pytest.approx(0.5)


def test_a_switch_is_on_as_often_as_its_range_says() -> None:
    drawn = Uncertain("x", "switch", 0.0, (Range(0, 0, 1),), (), "", "placeholder").quantile(U)
    assert set(drawn) == {0.0, 1.0}
    assert drawn.mean() == pytest.approx(1 / 6, abs=0.01)


def test_shares_sum_to_one_in_every_draw(evaluation: Evaluation) -> None:
    values = evaluation.values(np.random.default_rng(1).random((200, evaluation.columns)))
    keys = [f"populations.liberal.method_{m}" for m in ("cps", "totp", "ecps", "sms")]
    total = sum(values[key] for key in keys)
    assert total == pytest.approx(1.0)
    assert values[keys[0]].std() > 0.03


def test_both_halves_of_a_mechanism_move_together(evaluation: Evaluation) -> None:
    values = evaluation.values(np.random.default_rng(1).random((50, evaluation.columns)))
    imap, smtp = (values[f"products.robot-a.{p}_external"] for p in ("imap", "smtp"))
    assert (imap == smtp).all()


def test_drawn_scenarios_are_ones_that_the_schema_allows(evaluation: Evaluation) -> None:
    from sandbox.decision.factors import at, scenario_at

    values = evaluation.values(np.random.default_rng(3).random((5, evaluation.columns)))
    for draw in range(5):
        made = scenario_at(evaluation.scenario, at(evaluation.factors, values, draw))
        tree = made.model_dump(mode="json")
        assert parse_scenario(tree, "drawn").populations == made.populations


def test_columns_follow_each_other(evaluation: Evaluation) -> None:
    columns = columns_of(evaluation.factors)
    assert [c for each in columns for c in each] == list(range(evaluation.columns))


def test_a_policy_that_is_fixed_is_not_drawn(demo: Scenario) -> None:
    assert "login_policy" in uncertain_inputs(demo)
    assert "login_policy" not in uncertain_inputs(demo, policy="external")
    crossed = prepare(demo, designs=("single-endpoint",), policy="all")
    assert crossed.names == tuple(f"single-endpoint/{p}" for p in demo.policies_known)


def test_a_scenario_and_a_file_replace_ranges(demo: Scenario, tmp_path: Path) -> None:
    path = tmp_path / "ranges.csv"
    path.write_text(
        "key,low,high,mode,expert\ncosts.editors,100,200,150,Ana\ncosts.editors,90,110,100,Luc\n",
        encoding="utf-8",
    )
    own = demo.model_copy(update={"ranges": {"costs.sms_price": (0.01, 0.02)}})
    found = uncertain_inputs(own, read_ranges(path))
    assert found["costs.sms_price"].ranges[0].high == 0.02
    assert [each.expert for each in found["costs.editors"].ranges] == ["Ana", "Luc"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("key,low\na,1\n", "columns"),
        ("key,low,high\ncosts.editors,2,1\n", "low <= mode <= high"),
        ("key,low,high\ncosts.editors,2,x\n", "numbers"),
        ("key,low,high,law\ncosts.editors,1,2,normal\n", "no such law"),
        ("key,low,high\ncosts.nothing,1,2\n", "no such input"),
        ("key,low,high\nlogin_policy,1,2\n", "not a number"),
    ],
)
def test_a_bad_file_of_ranges_is_refused_in_one_line(
    demo: Scenario, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "ranges.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        uncertain_inputs(demo, read_ranges(path))


def test_a_range_beyond_what_an_input_may_be_is_refused(demo: Scenario) -> None:
    given = [("products.robot-a.imap_external", Range(0.3, 0.6, 1.9))]
    with pytest.raises(UserError, match=r"imap_external = 1\.9.*less than or equal to 1"):
        uncertain_inputs(demo, given)


def test_a_reversed_range_of_a_scenario_is_refused(demo: Scenario) -> None:
    tree = demo.model_dump(mode="json") | {"ranges": {"costs.editors": [3, 1]}}
    with pytest.raises(UserError, match="reversed"):
        parse_scenario(tree, "x.toml")
