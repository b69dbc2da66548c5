"""The stable, documented summary of a comparison: what programs read (docs/summary.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.analysis.comparison import Comparison
from sandbox.analysis.decision_summary import summarise_decision
from sandbox.analysis.headroom import Headroom
from sandbox.analysis.incidents import Loss
from sandbox.analysis.metrics import METRICS, latency, mean_latency
from sandbox.analysis.statistics import estimate, finite
from sandbox.observations.observations import Observations
from sandbox.space.compatibility import Part
from sandbox.space.costs import PAYERS, Bill, migration_cost
from sandbox.space.errors import UserError
from sandbox.space.files import write_whole
from sandbox.space.incidents import Incident
from sandbox.space.methods import Method
from sandbox.space.operators import uses_listed_operators
from sandbox.space.tables import inputs, operator_classes

__all__ = ["assumptions", "summarise", "write_summary"]

LARGEST_OPERATORS = 10  # whose endpoints are listed one by one; Parquet has them all
MEASURES = ("machine", "user")
QUANTILES = ("p50", "p95", "p99", "mean")


def _latency(comparison: Comparison, design: str, method: str, measure: str) -> dict[str, Any]:
    """Return quantiles and mean, each a mean over replications, and the mean's interval."""
    rows = [latency(run, method, measure) for run in comparison.runs[design]]
    found = {name: estimate([row[name] for row in rows]) for name in QUANTILES}
    interval = comparison.estimate_of(
        design, lambda run: mean_latency(run, method, measure)
    ).interval
    return {name: finite(value.mean) for name, value in found.items()} | {
        "ci95": None if interval is None else [finite(end) for end in interval]
    }


def _failures(runs: list[Observations]) -> dict[str, float]:
    """Return failures by cause, as shares of attempts to log in."""
    attempts = 0
    counts: dict[str, int] = {}
    for run in runs:
        frame = run.tables["failures"].query("protocol != 'relay'")
        logins = run.tables["login_totals"].query("measure == 'machine'")
        attempts += int(logins["count"].sum()) + int(frame["count"].sum())
        for cause, count in frame.groupby("cause")["count"].sum().items():
            counts[str(cause)] = counts.get(str(cause), 0) + int(count)
    return {cause: round(count / attempts, 9) for cause, count in sorted(counts.items())}


def _part(part: Part) -> dict[str, Any]:
    return {
        "accesses": round(part.accesses, 6),
        "cannot_connect": round(part.cannot_connect, 9),
        "by_cause": {cause: round(share, 9) for cause, share in part.by_cause.items()},
    }


def _parts(parts: Mapping[str, Part]) -> dict[str, Any]:
    return {name: _part(part) for name, part in parts.items()}


def _compatibility(comparison: Comparison, name: str) -> dict[str, Any]:
    """Return who can connect, computed; webmail is counted apart."""
    found, scenario = comparison.compatibility[name], comparison.scenario
    share, by_product = found.messages_share(scenario), found.messages_by_product(scenario)
    messages = scenario.traffic.messages * comparison.options.scale
    return _part(found.whole) | {
        "webmail": round(found.webmail, 6),
        "by_product": _parts(found.by_product),
        "by_population": _parts(found.by_population),
        "by_method": _parts(found.by_method),
        "volume_to_migrate": {
            "accesses": round(found.whole.accesses * found.whole.cannot_connect, 6),
            "message_share": round(share, 9),
            "messages": round(share * messages, 3),
            "by_product": {
                name: {
                    "accesses": round(part.accesses * part.cannot_connect, 6),
                    "message_share": round(by_product[name], 9),
                    "messages": round(by_product[name] * messages, 3),
                }
                for name, part in found.by_product.items()
            },
        },
    }


def _endpoints(comparison: Comparison, runs: list[Observations]) -> dict[str, Any]:
    """Return the endpoints of the largest operators, by host and port."""
    order = (-comparison.space.operator_mailboxes).argsort(kind="stable")[:LARGEST_OPERATORS]
    names = {comparison.space.operators[number] for number in order}
    rows: dict[str, Any] = {}
    for run in runs:
        frame = run.tables["endpoints"]
        for row in frame[frame["operator"].isin(names)].to_dict("records"):
            place = rows.setdefault(f"{row['host']}:{row['port']}", {
                "operator": row["operator"], "endpoint": row["endpoint"], "sessions": 0.0,
                "peak_per_second": 0, "peak_connections": 0, "slots": int(row["slots"]),
                "utilisation_peak": 0.0, "refused": 0.0, "abandoned": 0.0,
            })  # fmt: skip
            for key in ("sessions", "refused", "abandoned"):
                place[key] += int(row[key]) / len(runs)
            for key in ("peak_per_second", "peak_connections"):
                place[key] = max(place[key], int(row[key]))
            place["utilisation_peak"] = max(
                place["utilisation_peak"], round(float(row["utilisation_peak"]), 6)
            )
    return rows


def _headroom(found: Headroom) -> dict[str, Any]:
    where = found.breach
    return {
        "multiplier": round(found.multiplier, 3), "low": round(found.low, 3),
        "high": round(found.high, 3), "endpoint": where.endpoint if where else None,
        "breaks": where.part if where else None, "operator": (where.operator or None)
        if where else None,
    }  # fmt: skip


def _incidents(losses: Mapping[Incident, Loss]) -> dict[str, Any]:
    found: dict[str, Any] = {
        str(incident): {
            "person_hours": round(loss.person_hours, 3),
            "messages_delayed": round(loss.messages_delayed, 3),
            "recovery_seconds": round(loss.recovery_seconds, 1),
        }
        for incident, loss in losses.items()
    }
    total = sum(loss.yearly_person_hours for loss in losses.values())
    return found | {"yearly_person_hours": round(total, 1)}


def _bill(bill: Bill) -> dict[str, Any]:
    return {
        "operators": round(bill.operators), "editors": round(bill.editors),
        "sites": round(bill.sites), "total": round(bill.total),
        "items": {item: round(euros) for item, euros in bill.items.items()},
        "by_size": {
            size: {"operators": bill.counts[size], "euros": round(euros),
                   "each": round(euros / bill.counts[size])}
            for size, euros in bill.by_size.items()
            if bill.counts[size]
        },
    }  # fmt: skip


def _migration(comparison: Comparison) -> dict[str, Any]:
    """Return the scenario's plan under each design; empty without a plan."""
    found = {}
    for name, each in comparison.candidates.items():
        plan = migration_cost(each.design, comparison.scenario, each.policy)
        if plan is None:
            continue
        found[name] = {
            "total_euros": {
                "low": round(plan.low), "total": round(plan.total()), "high": round(plan.high),
                **{payer: round(plan.total(payer)) for payer in PAYERS},
            },
            "quarters": [
                {
                    "quarter": bill.quarter.label,
                    "installed": round(bill.quarter.installed), "new": round(bill.quarter.new),
                    "old": round(bill.quarter.old), "cut": round(bill.quarter.cut),
                    "blocked": round(bill.quarter.blocked),
                    "euros": {payer: round(bill.paid_by(payer)) for payer in PAYERS},
                    "items": {item: round(value) for item, value in bill.items.items()},
                }
                for bill in plan.central
            ],
        }  # fmt: skip
    return found


def assumptions(comparison: Comparison) -> list[dict[str, Any]]:
    """Return every input with the value used, its range, its state of knowledge, its source."""
    tree, calibrated = comparison.scenario.model_dump(mode="json"), comparison.scenario.calibration
    rows: list[dict[str, Any]] = []
    for key, row in inputs().items():
        node: Any = tree
        for part in key.split("."):
            node = node.get(part) if isinstance(node, dict) else None
        if node is None:
            continue
        value = float(node) if isinstance(node, bool | int) else node
        rows.append({
            "key": key, "value": value, "default": row.value, "low": row.low, "high": row.high,
            "unit": row.unit, "knowledge": row.knowledge if value == row.value else "scenario",
            "source": row.source.title, "url": row.source.url, "note": row.note,
        })  # fmt: skip
        if calibrated is not None and calibrated.inputs.get(key) == value:
            rows[-1] |= {"knowledge": "calibrated", "source": calibrated.machine, "url": ""}
    if uses_listed_operators(comparison.scenario):
        rows += [
            {
                "key": f"operators.{share.kind}.{share.mailboxes}", "value": share.share,
                "default": share.share, "low": share.low, "high": share.high,
                "unit": "share of mailboxes", "knowledge": share.knowledge,
                "source": share.source.title, "url": share.source.url, "note": share.note,
            }
            for share in operator_classes()
        ]  # fmt: skip
    return rows


def summarise(comparison: Comparison) -> dict[str, Any]:
    """Return the summary of a comparison, ready for JSON.

    Raises:
        UserError: it was made without headroom.
    """
    if not comparison.headroom:
        raise UserError("un rapport demande la marge", "a report needs headroom",
                        where="headroom=False")  # fmt: skip
    first = next(iter(comparison.runs.values()))
    designs: dict[str, Any] = {}
    for name, sequence in comparison.runs.items():
        runs = list(sequence)
        cost = comparison.costs[name]
        candidate = comparison.candidates[name]
        metrics = {}
        for metric in METRICS:
            found = comparison.estimate(name, metric)
            ends = found.interval
            metrics[metric] = {
                "mean": finite(found.mean),
                "ci95": None if ends is None else [finite(end) for end in ends],
            }
        designs[name] = {
            "label": candidate.label,
            "english": candidate.english,
            "login_policy": candidate.policy.name,
            "certificates": cost.certificates,
            "dns_records": cost.dns_records,
            "public_addresses": cost.public_addresses,
            "firewall_openings": cost.firewall_openings,
            "editor_urls": cost.editor_urls,
            "yearly_cost_euros": {
                "low": _bill(cost.low), "central": _bill(cost.central), "high": _bill(cost.high),
            },
            "metrics": metrics,
            "headroom": _headroom(comparison.headroom[name]),
            "incidents": _incidents(comparison.incidents[name]),
            "compatibility": _compatibility(comparison, name),
            "auth_latency_seconds": {
                str(method): {
                    measure: _latency(comparison, name, str(method), measure)
                    for measure in MEASURES
                }
                for method in Method
            },
            "failures": _failures(runs),
            "endpoints": _endpoints(comparison, runs),
        }  # fmt: skip
    sessions = [int(run.tables["sessions"]["sessions"].sum()) for run in first]
    sent = [
        int(run.tables["sessions"].query("protocol == 'smtp'")["sessions"].sum()) for run in first
    ]
    decision, stage = comparison.decision, comparison.first_stage
    return {
        "scenario": comparison.scenario.name,
        "seed": comparison.options.seed,
        "scale": comparison.options.scale,
        "engine": comparison.options.engine,
        "replications": len(first),
        "first_stage": None if stage is None else {
            "replications": len(next(iter(stage.runs.values()))), "share": stage.share,
        },
        "mailboxes": int(comparison.space.mailboxes.sum()),
        "accesses": len(comparison.space.accesses),
        "accesses_simulated": int(first[0].about["accesses"]),
        "messages": round(sum(sent) / len(sent)),
        "sessions": round(sum(sessions) / len(sessions)),
        "wall_seconds": round(comparison.wall_seconds, 3),
        "peak_rss_bytes": comparison.peak_rss_bytes,
        "designs": designs,
        "paired": comparison.paired,
        "sweep": [] if comparison.sweep is None else comparison.sweep.to_dict("records"),
        "migration": _migration(comparison),
        "decision": None if decision is None else summarise_decision(decision),
        "assumptions": assumptions(comparison),
    }  # fmt: skip


def write_summary(comparison: Comparison, folder: Path) -> Path:
    """Write summary.json into `folder`, whole or not at all."""
    text = json.dumps(summarise(comparison), ensure_ascii=False, indent=1, allow_nan=False)
    return write_whole(folder / "summary.json", text + "\n")
