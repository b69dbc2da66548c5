"""Summaries made by hand, so that a test can give the verdict any outcome."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from typing import Any

from sandbox.analysis.metrics import METRICS
from sandbox.analysis.statistics import paired_difference

LEVEL: dict[str, float] = {
    "failure_share": 0.002, "person_wait": 10.0, "machine_latency": 0.15, "psc_peak": 0.2,
}  # fmt: skip


def bill(operators: float, editors: float = 0.0, sites: float = 0.0) -> dict[str, float]:
    total = operators + editors + sites
    return {"operators": operators, "editors": editors, "sites": sites, "total": total}


def access(causes: Mapping[str, float]) -> dict[str, Any]:
    """Return what a summary says of who cannot connect."""
    total = sum(causes.values())
    return {
        "accesses": 1000.0, "webmail": 300.0, "cannot_connect": total, "by_cause": dict(causes),
        "by_product": {}, "by_population": {}, "by_method": {},
        "volume_to_migrate": {"accesses": 1000 * total, "message_share": total / 2,
                              "messages": 500 * total},
    }  # fmt: skip


def _headroom(multiplier: float, endpoint: str, breaks: str) -> dict[str, Any]:
    return {"multiplier": multiplier, "low": multiplier * 0.95, "high": multiplier * 1.05,
            "endpoint": endpoint, "breaks": breaks, "operator": "op001"}  # fmt: skip


def summary(
    metrics: Mapping[str, Mapping[str, list[float]]],
    *,
    costs: Mapping[str, tuple[float, float, float]] | None = None,
    causes: Mapping[str, Mapping[str, float]] | None = None,
    policies: Mapping[str, str] | None = None,
    scale: float = 1.0,
    decision: dict[str, Any] | None = None,
    headroom: Mapping[str, tuple[float, str, str]] | None = None,
    assumptions: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return what summary.json would hold.

    Args:
        metrics: design -> metric -> one value a replication; what is missing takes LEVEL.
        causes: design -> barrier -> share of accesses; policies: design -> login policy.
        costs: design -> low, central, high euros.
        headroom: design -> multiplier, endpoint, what breaks.
    """
    replications = max((len(v) for m in metrics.values() for v in m.values()), default=3)
    series = {
        design: {m: list(given.get(m, [LEVEL[m]] * replications)) for m in METRICS}
        for design, given in metrics.items()
    }
    pairs = list(itertools.combinations(series, 2))
    paired = []
    for metric in METRICS.values():
        for first, second in pairs:
            found = paired_difference(
                series[first][metric.name], series[second][metric.name], comparisons=len(pairs)
            )
            ends = found.difference.interval
            paired.append({
                "metric": metric.name, "first": first, "second": second,
                "difference": found.difference.mean, "ci95": None if ends is None else list(ends),
                "significant": found.significant,
                "matters": abs(found.difference.mean) >= metric.threshold,
                "correlation": None, "variance_reduction": None,
            })  # fmt: skip
    designs = {}
    for name in series:
        low, central, high = (costs or {}).get(name, (1e4, 2e4, 3e4))
        designs[name] = {
            "label": f"Design {name} : détail", "english": f"Design {name}: detail",
            "yearly_cost_euros": {
                "low": bill(low), "central": bill(central), "high": bill(high)},
            "metrics": {
                m: {"mean": sum(v) / len(v), "ci95": None} for m, v in series[name].items()},
            "headroom": _headroom(*(headroom or {}).get(name, (2.0, "imap", "connections"))),
            "login_policy": (policies or {}).get(name, "external"),
            "compatibility": access((causes or {}).get(name, {"mechanism": 0.05})),
        }  # fmt: skip
    return {
        "scenario": "essai", "seed": 1, "scale": scale, "engine": "fast",
        "first_stage": None, "replications": replications, "messages": 1000, "sessions": 5000,
        "designs": designs,
        "paired": paired, "decision": copy.deepcopy(decision),
        "assumptions": assumptions if assumptions is not None else [
            {"key": "costs.day_rate", "knowledge": "published"},
            {"key": "methods.ecps.never", "knowledge": "placeholder"},
        ],
    }  # fmt: skip
