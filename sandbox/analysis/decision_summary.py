"""`decision.json`: what programs read of a decision (docs/decision.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.analysis.decision_names import rule_text
from sandbox.analysis.statistics import finite
from sandbox.decision.choice import Standing
from sandbox.decision.criteria import CRITERIA
from sandbox.decision.factors import Factor
from sandbox.decision.information import Gain
from sandbox.decision.rules import Accuracy, Turn
from sandbox.decision.study import Decision, Driver

__all__ = ["summarise_decision"]

POINTS = "points"


def _ends(middle: float, half: float) -> list[float | None]:
    return [finite(middle - half), finite(middle + half)]


def _standing(each: Standing) -> dict[str, Any]:
    return {
        "probability_best": finite(each.probability),
        "ci95": [finite(end) for end in each.interval],
        "regret_mean": finite(each.regret),
        "regret_p95": finite(each.regret_p95),
    }


def _designs(decision: Decision) -> dict[str, Any]:
    choice, found = decision.choice, {}
    weighed = next(iter(decision.evaluation.by_policy.values()))
    for name in decision.names:
        found[name] = {
            "label": weighed[name].label,
            "english": weighed[name].english,
            **_standing(choice.together[name]),
            "unit": POINTS,
            "probability_best_equal_weights": finite(choice.equal_weights[name]),
            "near_best": finite(choice.near[name]),
            "central_weights": {k: finite(v) for k, v in choice.central_weights[name].items()},
            "by_criterion": {
                criterion: {
                    "unit": CRITERIA[criterion].unit,
                    "mean": finite(decision.means[criterion][name]),
                    **_standing(standings[name]),
                }
                for criterion, standings in choice.by_criterion.items()
            },
        }
    return found


def _gain(gain: Gain, unit: str) -> dict[str, Any]:
    return {
        "evppi": finite(gain.clear),
        "evppi_ci95": _ends(gain.mean, gain.half),
        "unit": unit,
    }


def _ranges(factor: Factor) -> list[dict[str, Any]]:
    rows = []
    for member in factor.members:
        row: dict[str, Any] = {"key": member.key, "value": member.value, "unit": member.unit,
                               "knowledge": member.knowledge}  # fmt: skip
        if member.choices:
            row["choices"] = list(member.choices)
        row["ranges"] = [
            {"low": r.low, "mode": r.mode, "high": r.high,
             "law": "dirichlet" if factor.family else r.law, "expert": r.expert}
            for r in member.ranges
        ]  # fmt: skip
        rows.append(row)
    return rows


def _input(driver: Driver) -> dict[str, Any]:
    index = driver.index if driver.index is not None and driver.index.known else None
    return {
        "key": driver.factor.key,
        "first": None if index is None else finite(index.first),
        "first_ci95": None if index is None else _ends(index.first, index.first_half),
        "total": None if index is None else finite(index.total),
        "ci95": None if index is None else _ends(index.total, index.total_half),
        **_gain(driver.gain, POINTS),
        "elementary_effect": finite(driver.effect),
        "by_criterion": {
            name: _gain(gain, CRITERIA[name].unit)
            for name, gain in driver.by_criterion.items()
            if gain.clear > 0
        },
        "inputs": _ranges(driver.factor),
    }


def _turns(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    criteria = list(CRITERIA)
    return [
        {"criterion": criteria[t.criterion], "weight": t.weight, "then": t.candidate} for t in turns
    ]


def _map(decision: Decision) -> list[dict[str, Any]]:
    criteria = list(CRITERIA)
    return [
        {
            "if": rule_text(rule).en, "if_fr": rule_text(rule).fr, "then": rule.candidate,
            "or": list(rule.others), "probability": finite(rule.probability),
            "probability_any": finite(rule.safe), "coverage": finite(rule.coverage),
            "conditions": [
                {"key": c.key, "above": c.above, "value": finite(c.value), "category": c.category}
                for c in rule.conditions
            ],
            "points": {
                name: dict(zip(criteria, map(finite, row), strict=True))
                for name, row in zip(decision.names, rule.points, strict=True)
            },
            "turns": _turns(rule.turns),
        }
        for rule in decision.map.rules
    ]  # fmt: skip


def _accuracy(each: Accuracy) -> dict[str, float | None]:
    return {"exact": finite(each.exact), "within_a_point": finite(each.point),
            "within_margin": finite(each.margin)}  # fmt: skip


def _accuracies(decision: Decision) -> dict[str, Any]:
    found = decision.map
    return {
        "fresh_draws": found.fresh,
        "margin_points": finite(found.margin),
        "equal_weights": {name: _accuracy(each) for name, each in found.equal.items()},
        "all_weights": {name: _accuracy(each) for name, each in found.weighed.items()},
        "whole_draws": _accuracy(decision.map_replayed),
        "sizes": [
            {
                "rules": each.rules,
                "equal_weights": _accuracy(each.equal),
                "all_weights": _accuracy(each.weighed),
            }
            for each in found.sizes
        ],
    }


def _measures(decision: Decision) -> Sequence[dict[str, Any]]:
    return [
        {"key": each.key, **_gain(each.gain, POINTS), "where": each.where,
         "observations": each.observations, "observed": each.observed}
        for each in decision.measure_first
    ]  # fmt: skip


def summarise_decision(decision: Decision) -> dict[str, Any]:
    """Return what `decision.json` holds, but the time that it took."""
    choice = decision.choice
    return {
        "scenario": decision.evaluation.scenario.name,
        "runs": decision.runs,
        "draws": decision.draws,
        "recommended": choice.recommended,
        "rival": choice.rival,
        "designs": _designs(decision),
        "by_login_policy": decision.by_policy,
        "inputs": [_input(driver) for driver in decision.drivers],
        "drives": {name: [{"key": d.factor.key, "share": finite(d.explains[name])}
                          for d in decision.driving(name)] for name in CRITERIA},
        "other_inputs": {"first": finite(decision.others.first),
                         "total": finite(decision.others.total),
                         "ci95": _ends(decision.others.total, decision.others.total_half)},
        "map": _map(decision),
        "turns": _turns(decision.map.turns),
        "map_accuracy": _accuracies(decision),
        "measure_first": list(_measures(decision)),
        "perfect_information": {
            POINTS: finite(decision.perfect),
            "by_criterion": {k: finite(v) for k, v in decision.perfect_by_criterion.items()},
        },
        "hundred_points": {k: finite(v) for k, v in decision.scales.items()},
        "emulator": {"error": {k: finite(v) for k, v in decision.emulator.error.items()},
                     "explained": {k: finite(v) for k, v in decision.emulator.explained.items()}},
        "sampling_error": {k: finite(v) for k, v in decision.sampling.items()},
    }  # fmt: skip
