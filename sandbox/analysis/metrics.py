"""From observations to the figures that a decision rests on, one value per replication."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sandbox.observations.observations import Observations

__all__ = [
    "CANNOT_CONNECT", "COMPARED", "METRICS", "Metric", "collect", "headline", "latency",
    "login_weights", "mean_latency",
]  # fmt: skip

QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Metric:
    """A headline figure.

    Attributes:
        name: key.
        french, english: what it is.
        short: the same in a column's heading, French and English.
        unit: s, s a day (of a person) or share.
        threshold: a smaller difference means nothing to a decision, in the unit.
    """

    name: str
    french: str
    english: str
    short: tuple[str, str]
    unit: str
    threshold: float


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("failure_share", "échecs d'authentification",
               "failed logins", ("échecs", "failed"), "share", 0.0005),
        Metric("person_wait", "attente d'une personne par jour ouvré",
               "wait of a person a working day", ("attente", "wait"), "s a day", 0.5),
        Metric("machine_latency", "latence machine moyenne, à mélange égal",
               "mean machine latency, same mix", ("machine", "machine"), "s", 0.005),
        Metric("psc_peak", "charge maximale de Pro Santé Connect (minute)",
               "busiest minute of Pro Santé Connect", ("PSC", "PSC"), "share", 0.02),
    )
}  # fmt: skip
# Computed by `space.compatibility`, not simulated: the traffic is that of who can connect.
CANNOT_CONNECT = Metric(
    "cannot_connect", "accès qui ne peuvent pas se connecter", "accesses that cannot connect",
    ("exclus", "out"), "share", 0.001,
)  # fmt: skip
COMPARED: dict[str, Metric] = {CANNOT_CONNECT.name: CANNOT_CONNECT, **METRICS}


def latency(observations: Observations, method: str, measure: str) -> dict[str, float]:
    """Return p50, p95, p99 and mean of the logins of a method, in seconds; nan when there is none.

    IMAP and SMTP together; `measure` is machine or user.
    """
    logins = observations.tables["logins"]
    mine = logins[(logins["method"] == method) & (logins["measure"] == measure)]
    counts = mine.groupby("seconds")["count"].sum()
    result = {name: _quantile(counts, q) for name, q in QUANTILES.items()}
    result["mean"] = mean_latency(observations, method, measure)
    return result


def mean_latency(observations: Observations, method: str, measure: str) -> float:
    """Return the mean of the logins of a method, s, as `latency` does."""
    totals = observations.tables["login_totals"]
    mine = totals[(totals["method"] == method) & (totals["measure"] == measure)]
    count = mine["count"].sum()
    return float(mine["total_seconds"].sum() / count) if count else math.nan


def _quantile(counts: pd.Series, q: float) -> float:
    """Return the nearest-rank quantile of counts indexed by seconds, sorted."""
    if counts.empty:
        return math.nan
    cumulated = counts.to_numpy().cumsum()
    rank = max(1, math.ceil(q * cumulated[-1]))
    return float(counts.index[int(np.searchsorted(cumulated, rank))])


def login_weights(runs: Iterable[Observations]) -> pd.Series:
    """Return the share of each method in the logins of all designs together.

    Failures take logins away from one method more than from another; means are compared at this
    common mix.
    """
    totals = pd.concat([run.tables["login_totals"] for run in runs])
    counts = totals[totals["measure"] == "machine"].groupby("method")["count"].sum()
    return counts / counts.sum()  # nobody may have logged in


def _standardised(observations: Observations, weights: pd.Series) -> float:
    """Return mean machine latency at a common mix of methods (direct standardisation)."""
    totals = observations.tables["login_totals"]
    mine = totals[totals["measure"] == "machine"]
    sums = mine.groupby("method")[["count", "total_seconds"]].sum()
    means = sums["total_seconds"] / sums["count"]
    known = weights[weights.index.isin(means.index)]
    return float((means[known.index] * known).sum() / known.sum()) if len(known) else math.nan


def _a_day(observations: Observations) -> float:
    """Return what people waited for logins, s a person and working day; nan: nobody is known.

    A sum, not a mean over logins: short waits that a design adds would lower such a mean.
    """
    days = float(observations.about.get("person_days", 0))
    totals = observations.tables["login_totals"]
    waited = totals[totals["measure"] == "user"]["total_seconds"].sum()
    return float(waited) / days if days > 0 else math.nan


def headline(observations: Observations, weights: pd.Series) -> dict[str, float]:
    """Return every metric of METRICS for one replication of one design.

    Args:
        weights: of `login_weights` over all designs compared.
    """
    tables = observations.tables
    failures = tables["failures"]
    lost = failures[failures["protocol"] != "relay"]["count"].sum()
    # A session tries again: each attempt ends in one login or one failure.
    totals = tables["login_totals"]
    attempts = totals[totals["measure"] == "machine"]["count"].sum() + lost
    backends = tables["backends"]
    psc = backends.loc[backends["backend"] == "psc", "utilisation_peak"]
    return {
        "failure_share": float(lost / attempts) if attempts else math.nan,
        "person_wait": _a_day(observations),
        "machine_latency": _standardised(observations, weights),
        "psc_peak": float(psc.iloc[0]) if len(psc) else math.nan,
    }


def collect(rows: Sequence[Mapping[str, float]], metric: str) -> list[float]:
    """Return one metric over replications."""
    return [row[metric] for row in rows]
