"""`validate`: theory within the intervals, intervals worth their name, wrong models found out."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from sandbox import cli
from sandbox.analysis import cli_validate, identities, theory, validation
from sandbox.analysis.cases import CASES, Family, QueueCase
from sandbox.analysis.validation import Engine, RatioEstimate, measure, plan
from sandbox.space.errors import UserError
from tests.analysis.chain import average_variance

KEYS = {
    "mmc": {"wait_mean", "wait_probability", "queue_length_mean"},
    "mmck": {"wait_mean", "wait_probability", "block_probability", "queue_length_mean"},
    "mg1": {"wait_mean", "wait_probability", "queue_length_mean"},
    "erlang-a": {"wait_mean", "wait_probability", "abandon_probability", "queue_length_mean"},
}
OPTIONS = {
    "mmc": ["--servers", "4", "--load", "0.7"],
    "mmck": ["--servers", "4", "--load", "0.9", "--capacity", "10"],
    "mg1": ["--load", "0.6", "--scv", "2"],
    "erlang-a": ["--servers", "10", "--load", "1.2", "--patience", "0.5"],
}


@pytest.fixture(autouse=True)
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes change no result (`tests/workers`), and take longer to start than these cases."""
    monkeypatch.setattr("sandbox.workers.spread.default_workers", lambda: 1)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli_validate.validate, arguments)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_theory_lies_in_the_interval_of_the_fast_engine(case: QueueCase) -> None:
    result = measure(plan(case, Engine.FAST, 100_000, 7), Engine.FAST)
    disagreements = [q for q in result.expected if not result.agrees(q, 4 * len(CASES))]
    assert not disagreements
    assert result.customers == pytest.approx(100_000, rel=0.02)


@pytest.mark.parametrize("family", [Family.MMCK, Family.ERLANG_A])
def test_theory_lies_in_the_interval_of_simpy(family: Family) -> None:
    case = next(case for case in CASES if case.family is family)
    result = measure(plan(case, Engine.SIMPY, 3000, 7), Engine.SIMPY, workers=1)
    assert all(result.agrees(q, len(result.expected)) for q in result.expected)


def test_both_engines_give_the_same_estimates() -> None:
    case = QueueCase(Family.ERLANG_A, 1.0, 10, patience=0.5)
    planned = replace(plan(case, Engine.FAST, 3000, 3), replications=4)
    fast, simpy = (measure(planned, engine, workers=1).estimates for engine in Engine)
    for quantity in fast:
        np.testing.assert_array_equal(fast[quantity].above, simpy[quantity].above)


@pytest.mark.parametrize(
    "case",
    [
        QueueCase(Family.MMC, 0.7, 3),
        QueueCase(Family.MMCK, 0.9, 4, capacity=10),
        QueueCase(Family.ERLANG_A, 1.1, 10, patience=0.5),
        QueueCase(Family.MG1, 0.6, scv=4.0),
    ],
    ids=lambda case: case.title,
)
def test_a_95_percent_interval_covers_95_times_in_100(case: QueueCase) -> None:
    """100 independent intervals a quantity: 3.5 standard deviations leave 95 % -+ 7.6 %."""
    trials, covered = 100, dict.fromkeys(case.expected().items(), 0)
    for seed in range(trials):
        result = measure(plan(case, Engine.FAST, 20_000, seed), Engine.FAST, workers=1)
        for quantity, truth in result.expected.items():
            low, high = result.estimates[quantity].interval(0.05)
            covered[quantity] += low <= truth <= high
    tolerance = 3.5 * math.sqrt(0.95 * 0.05 * trials)
    for quantity, count in covered.items():
        assert abs(count - 0.95 * trials) <= tolerance, quantity


def test_precision_is_what_the_run_length_allows() -> None:
    """Whitt's variance of the time average of the queue gives the standard error beforehand."""
    states = 2000
    births, deaths = np.full(states, 3.2), np.minimum(np.arange(1.0, states + 1), 4)
    queue = np.maximum(np.arange(states + 1.0) - 4, 0)
    variance = average_variance(births, deaths, queue)
    case = QueueCase(Family.MMC, 0.8, 4)
    planned = replace(plan(case, Engine.FAST, 600_000, 2), replications=60)
    estimate = measure(planned, Engine.FAST).estimates["queue_length_mean"]
    foreseen = math.sqrt(variance / (600_000 / case.rate))
    assert estimate.standard_error == pytest.approx(foreseen, rel=0.35)  # 3.8 sd of a chi, 59 df


@pytest.mark.parametrize("quantity", ["wait_mean", "queue_length_mean", "wait_probability"])
def test_an_engine_that_is_five_percent_wrong_is_found_out(quantity: str) -> None:
    case = QueueCase(Family.MMC, 0.7, 4)
    result = measure(plan(case, Engine.FAST, 3_000_000, 1), Engine.FAST)
    wrong = dict(result.expected)
    wrong[quantity] *= 1.05
    assert result.agrees(quantity, 100)
    assert not replace(result, expected=wrong).agrees(quantity, 100)


def test_an_event_that_was_never_seen_may_still_be_rare() -> None:
    none = RatioEstimate(np.zeros(30), np.full(30, 1000.0), 0.0, most=1.0)
    low, high = none.interval(0.05)
    assert low == 0
    assert high == pytest.approx(-math.log(0.025) / 30_000)  # exact for a Poisson count of 0


def test_the_interval_of_a_ratio_is_student_s() -> None:
    above = np.array([1.0, 2.0, 3.0])
    low, high = RatioEstimate(above, np.ones(3), 1000.0).interval(0.05)
    half = 4.302653 * 1.0 / math.sqrt(3)  # t, 2 degrees of freedom
    assert (low, high) == pytest.approx((0.0, 2 + half), abs=1e-5)


def test_identities_hold_on_both_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identities, "CUSTOMERS", 1000)
    found = identities.identities(seed=5)
    assert [one for one in found if not one.holds] == []
    assert {one.engine for one in found} == {"fast", "simpy", "both"}
    assert sum(one.left > 0 for one in found) >= 14  # they compare something


@pytest.mark.parametrize("model", KEYS)
def test_json_has_the_documented_keys(model: str) -> None:
    result = invoke("--model", model, *OPTIONS[model], "--customers", "60000", "--json")
    assert result.exit_code == 0, result.output
    payload = json.loads(result.output)
    assert payload["model"] == model
    assert payload["parameters"]["engine"] == "fast"
    assert set(payload["expected"]) == set(payload["got"]) == set(payload["ci95"]) == KEYS[model]
    for quantity, (low, high) in payload["ci95"].items():
        assert low <= payload["got"][quantity] <= high


def test_a_seed_repeats_the_output_to_the_byte() -> None:
    arguments = ("--model", "mmc", "--servers", "2", "--load", "0.5", "--customers", "3000")
    assert invoke(*arguments).output == invoke(*arguments).output
    assert invoke(*arguments).output != invoke(*arguments, "--seed", "9").output


def test_simpy_runs_from_the_command_line() -> None:
    result = invoke("--model", "mmck", "--servers", "2", "--load", "0.9", "--capacity", "4",
                    "--customers", "2000", "--engine", "simpy", "--json")  # fmt: skip
    assert result.exit_code == 0, result.exception
    assert json.loads(result.output)["parameters"]["engine"] == "simpy"


def test_a_table_fits_80_columns() -> None:
    result = invoke("--model", "erlang-a", *OPTIONS["erlang-a"], "--customers", "60000")
    assert max(len(line) for line in result.output.splitlines()) <= 80
    assert "oui / yes" in result.output
    assert "abandon" in result.output


def test_a_disagreement_exits_1(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = theory.Expected(wait_mean=1.0, wait_probability=0.5, queue_length_mean=1.4)
    monkeypatch.setattr(QueueCase, "expected", lambda _: wrong)
    result = invoke("--model", "mmc", *OPTIONS["mmc"], "--customers", "60000")
    assert result.exit_code == 1
    assert "NON / NO" in result.output


def test_the_whole_table_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identities, "CUSTOMERS", 500)
    monkeypatch.setattr(cli_validate, "CASES", CASES[4:6])
    result = invoke("--engine", "fast", "--customers", "20000", "--json")
    payload: dict[str, Any] = json.loads(result.output)
    assert result.exit_code == 0
    assert [model["model"] for model in payload["models"]] == ["mmck", "mmck"]
    table = invoke("--engine", "fast", "--customers", "20000")
    assert table.exit_code == 0
    assert max(len(line) for line in table.output.splitlines()) <= 80


BAD = {
    ("--model", "mmc", "--load", "1"): "--load 1",
    ("--model", "mg1", "--load", "1.5"): "--load 1.5",
    ("--model", "mmc", "--load", "-0.5"): "--load -0.5",
    ("--model", "mmc", "--load", "nan"): "--load nan",
    ("--model", "mmc", "--load", "0.5", "--servers", "0"): "--servers 0",
    ("--model", "mmc"): "--load",
    ("--model", "mmck", "--load", "0.5"): "--capacity",
    ("--model", "mmck", "--servers", "5", "--load", "0.5", "--capacity", "4"): "--capacity 4",
    ("--model", "mmc", "--load", "0.5", "--capacity", "4"): "mmck",
    ("--model", "erlang-a", "--load", "0.5"): "--patience",
    ("--model", "erlang-a", "--load", "0.5", "--patience", "0"): "--patience 0",
    ("--model", "erlang-a", "--servers", "1000", "--load", "9", "--patience", "0.001"): "présents",
    ("--model", "mg1", "--load", "0.5", "--scv", "-1"): "--scv -1",
    ("--model", "mg1", "--load", "0.5", "--servers", "2"): "mmc",
    ("--model", "mmc", "--load", "0.5", "--scv", "2"): "mg1",
    ("--model", "mmc", "--load", "0.5", "--customers", "3"): "--customers 3",
    ("--model", "mmc", "--load", "0.99999"): "arrivals to simulate",
    ("--servers", "4"): "--model",
}


@pytest.mark.parametrize("arguments", BAD, ids=" ".join)
def test_bad_input_is_one_clear_line(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mss-sandbox", "validate", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert BAD[arguments] in message
    assert message.count("\n") == 1


def test_work_beyond_the_bound_is_refused_before_it_starts() -> None:
    with pytest.raises(UserError, match="arrivals to simulate"):
        plan(QueueCase(Family.MMC, 0.99, 1), Engine.SIMPY, validation.MOST_WORK[Engine.SIMPY], 1)
