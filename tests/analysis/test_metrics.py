"""Metrics are what a hand counts in the tables."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest

from sandbox.analysis.metrics import METRICS, collect, headline, latency, login_weights
from sandbox.observations.observations import Observations


def rows(*columns: str, of: list[tuple[Any, ...]]) -> pd.DataFrame:
    return pd.DataFrame(of, columns=list(columns))


def observed(**tables: pd.DataFrame) -> Observations:
    """Ten IMAP sessions of two methods, four messages sent of which three arrive."""
    usual = {
        "logins": rows("protocol", "method", "operator", "measure", "seconds", "count", of=[
            ("imap", "cps", "a", "machine", 0.1, 3), ("smtp", "cps", "b", "machine", 0.5, 1),
            ("imap", "totp", "a", "user", 16.0, 2), ("imap", "totp", "a", "machine", 0.2, 4),
        ]),
        "login_totals": rows("protocol", "method", "operator", "measure", "count",
                             "total_seconds", of=[
            ("imap", "cps", "a", "machine", 3, 0.3), ("smtp", "cps", "b", "machine", 1, 0.5),
            ("imap", "totp", "a", "user", 2, 32.0), ("imap", "totp", "a", "machine", 4, 0.8),
        ]),
        "sessions": rows("protocol", "method", "sessions", of=[
            ("imap", "cps", 4), ("imap", "totp", 6), ("smtp", "cps", 4), ("relay", "", 3),
        ]),
        "failures": rows("protocol", "method", "cause", "count", of=[
            ("imap", "totp", "code_reused", 1),
            ("relay", "", "slots_exhausted", 7),
        ]),
        "deliveries": rows("seconds", "count", of=[(0.5, 3)]),
        "endpoints": rows("endpoint", "slots_used_peak", "slots", "utilisation_peak", of=[
            ("imap", 30, 40, 0.4), ("smtp", 9, 10, 0.2), ("mx", 10, 10, 3.0),
        ]),
        "backends": rows("backend", "utilisation_peak", of=[("psc", 0.7), ("sms", 0.9)]),
    }  # fmt: skip
    return Observations({"person_days": 4}, usual | tables)


RUN = observed()
WEIGHTS = login_weights([RUN])


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("failure_share", 1 / (8 + 1)),  # of attempts: logins and failures
        ("person_wait", 32.0 / 4),
        ("machine_latency", (0.2 * 4 + 0.2 * 4) / 8),
        ("psc_peak", 0.7),
    ],
)
def test_a_metric_is_what_a_hand_counts(metric: str, value: float) -> None:
    assert headline(RUN, WEIGHTS)[metric] == pytest.approx(value)


def test_headlines_are_the_metrics_that_the_report_explains() -> None:
    assert set(headline(RUN, WEIGHTS)) == set(METRICS)


def test_a_latency_takes_imap_and_smtp_together() -> None:
    found = latency(RUN, "cps", "machine")
    assert (found["p50"], found["p95"], found["p99"]) == (0.1, 0.5, 0.5)
    assert found["mean"] == pytest.approx(0.8 / 4)


def test_a_method_that_nobody_used_has_no_latency() -> None:
    assert all(math.isnan(value) for value in latency(RUN, "ecps", "user").values())


def test_designs_are_compared_at_the_same_mix_of_methods() -> None:
    """A design under which the slow method fails more does not look faster for it."""
    slow_failing = observed(
        login_totals=rows("protocol", "method", "operator", "measure", "count", "total_seconds",
                          of=[("imap", "cps", "a", "machine", 100, 10.0),
                              ("imap", "totp", "a", "machine", 1, 0.2),
                              ("imap", "totp", "a", "user", 1, 16.0)]),
    )  # fmt: skip
    other = observed(
        login_totals=rows("protocol", "method", "operator", "measure", "count", "total_seconds",
                          of=[("imap", "cps", "a", "machine", 100, 10.0),
                              ("imap", "totp", "a", "machine", 100, 20.0),
                              ("imap", "totp", "a", "user", 100, 1600.0)]),
    )  # fmt: skip
    weights = login_weights([slow_failing, other])
    first, second = (headline(run, weights) for run in (slow_failing, other))
    assert first["machine_latency"] == pytest.approx(second["machine_latency"])


def test_a_metric_is_collected_over_replications() -> None:
    assert collect([{"a": 1.0}, {"a": 2.0}], "a") == [1.0, 2.0]


def test_a_space_where_nobody_logs_in_has_no_wait_and_fails_altogether() -> None:
    nobody = observed(
        login_totals=rows("protocol", "method", "operator", "measure", "count", "total_seconds",
                          of=[]),
    )  # fmt: skip
    found = headline(nobody, login_weights([nobody]))
    assert found["person_wait"] == 0.0
    assert math.isnan(found["machine_latency"])
    assert found["failure_share"] == 1.0


def test_short_waits_that_a_design_adds_do_not_lower_what_a_person_waits() -> None:
    """As the mean over the logins that somebody waited for did."""
    totals = RUN.tables["login_totals"]
    more = rows(*totals.columns, of=[("smtp", "totp", "a", "user", 50, 50.0)])
    prompting = observed(login_totals=pd.concat([totals, more]))
    assert headline(prompting, WEIGHTS)["person_wait"] > headline(RUN, WEIGHTS)["person_wait"]


def test_what_a_person_waits_is_unknown_where_persons_are() -> None:
    unknown = Observations({}, RUN.tables)
    assert math.isnan(headline(unknown, WEIGHTS)["person_wait"])
