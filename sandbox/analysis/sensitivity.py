"""Does the ranking of the designs hold when what nobody knows takes its other plausible values?

One input at a time goes to the low and to the high end of its range, on a sample of the space, a
working week, with the same random numbers. What is compared is the order of the designs.

So few people on their share of the servers would wait for the graininess of that share; they have
whole servers, and nobody waits. What only decides when waiting begins (servers, limits, traffic) is
therefore not varied here: it moves the headroom.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import numpy as np

from sandbox.analysis.metrics import CANNOT_CONNECT, COMPARED, METRICS, headline, login_weights
from sandbox.observations.observations import Observations
from sandbox.simulation import fast
from sandbox.simulation.build import build_model
from sandbox.simulation.observe import observe
from sandbox.space.calendar import DayKind, day_kinds
from sandbox.space.candidates import Candidate
from sandbox.space.capacity import capacity_of
from sandbox.space.compatibility import can_connect, compatibility
from sandbox.space.errors import UserError
from sandbox.space.loader import with_inputs
from sandbox.space.population import build_space
from sandbox.space.scenario import Scenario
from sandbox.space.tables import inputs
from sandbox.workers.spread import HERE, Workers, spread

__all__ = ["Sensitivity", "Swing", "uncertain_inputs", "vary_inputs"]

SAMPLE = 600  # accesses
WEEK = 7
# What says how many there are and when they work moves all designs alike; money is in the costs.
LEFT_OUT = (
    "costs.",
    "migration.",
    "traffic.",
    "mailboxes.",
    "resources.",
    "service.",
    "incidents.",
)
NATIONAL_SERVERS = ".servers"
SAME_FOR_ALL = ("units", "deployment", "mailboxes", "active", "present_", "opening_", "closing_")
RANKED = ("cannot_connect", "failure_share", "user_wait", "machine_latency")


@dataclass(frozen=True, slots=True)
class Swing:
    """What one end of one input's range does.

    Attributes:
        key, end, value: the input, low or high, and its value there.
        results: metric -> design -> value.
        changes: metrics whose order of designs differs from the base by more than the threshold.
    """

    key: str
    end: str
    value: float
    results: Mapping[str, Mapping[str, float]]
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The base, and every swing.

    Attributes:
        base: metric -> design -> value, on the sample.
        accesses: in the sample.
        left_out: inputs that could not be varied, with the reason.
    """

    base: Mapping[str, Mapping[str, float]]
    swings: tuple[Swing, ...]
    accesses: int
    left_out: Mapping[str, str]


def uncertain_inputs(scenario: Scenario) -> list[str]:
    """Return the inputs to vary: placeholders with a range, in use here, that a design can feel."""
    keys = []
    for key, row in inputs().items():
        section, leaf = key.split(".")[0], key.split(".")[-1]
        if section == "populations":
            used = key.split(".")[1] in scenario.populations
            used = used and not any(word in leaf for word in SAME_FOR_ALL)
        else:
            used = not key.startswith(LEFT_OUT) and not key.endswith(NATIONAL_SERVERS)
        ranged = row.low is not None and row.low != row.high
        if used and ranged and row.knowledge == "placeholder":
            keys.append(key)
    return keys


def _sample(scenario: Scenario) -> Scenario:
    """Return the scenario cut to the seven days that hold most working days."""
    kinds = day_kinds(scenario.period.start, scenario.period.days)
    if scenario.period.days <= WEEK:
        return scenario
    working = np.convolve(kinds == DayKind.WORKING, np.ones(WEEK), mode="valid")
    first = int(working.argmax())
    share = working[first] / max(1, int((kinds == DayKind.WORKING).sum()))
    return scenario.model_copy(update={
        "period": scenario.period.model_copy(update={
            "start": scenario.period.start + timedelta(days=first), "days": WEEK,
        }),
        "traffic": scenario.traffic.model_copy(update={
            "messages": scenario.traffic.messages * float(share),
        }),
        "sweep": None,
    })  # fmt: skip


def _evaluate(
    scenario: Scenario, weighed: Mapping[str, Candidate], seed: int, scale: float
) -> dict[str, dict[str, float]]:
    """Return metric -> design -> value of one replication on a sample."""
    space = build_space(scenario, seed=seed, scale=scale)
    kept = can_connect(space, [(each.design, each.policy) for each in weighed.values()])
    runs: dict[str, Observations] = {}
    for name, each in weighed.items():
        capacity = capacity_of(scenario, each.design)
        model = build_model(space, each.design, each.policy, capacity=capacity, only=kept)
        runs[name] = observe(space, each.design, model, fast.run(model), {})
    weights = login_weights(runs.values())
    values = {name: headline(run, weights) for name, run in runs.items()}
    traffic = {m: {name: values[name][m] for name in weighed} for m in RANKED if m in METRICS}
    return _access(scenario, weighed) | traffic


def _access(scenario: Scenario, weighed: Mapping[str, Candidate]) -> dict[str, dict[str, float]]:
    """Return who cannot connect, computed, as `_evaluate` returns its metrics."""
    return {CANNOT_CONNECT.name: {
        name: compatibility(scenario, each.design, each.policy).whole.cannot_connect
        for name, each in weighed.items()
    }}  # fmt: skip


def _decides_access_alone(key: str) -> bool:
    """Tell whether an input only says who can connect: what is compared is who can everywhere."""
    return key.startswith("products.") or key.endswith(".port_blocked")


def _order_differs(base: Mapping[str, float], other: Mapping[str, float], threshold: float) -> bool:
    """Tell whether two designs change places by more than what matters."""
    names = list(base)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            before, after = base[second] - base[first], other[second] - other[first]
            if before * after < 0 and min(abs(before), abs(after)) >= threshold:
                return True
    return False


def _swing(
    scenario: Scenario, weighed: Mapping[str, Candidate], seed: int, scale: float,
    base: dict[str, dict[str, float]], moved: tuple[str, str],
) -> tuple[str, str, float, dict[str, dict[str, float]] | str]:  # fmt: skip
    key, end = moved
    value = getattr(inputs()[key], end)
    try:
        changed = with_inputs(scenario, {key: value})
        if _decides_access_alone(key):
            return key, end, value, base | _access(changed, weighed)
        return key, end, value, _evaluate(changed, weighed, seed, scale)
    except UserError as error:
        return key, end, value, str(error)


def vary_inputs(
    scenario: Scenario,
    weighed: Mapping[str, Candidate],
    *,
    seed: int = 1,
    workers: Workers = HERE,
    progress: Callable[[float], None] | None = None,
) -> Sensitivity:
    """Move every uncertain input to both ends of its range and rank the designs again.

    Args:
        weighed: designs under their login policy, by name.
        progress: called with the share that is done.
    """
    week = _sample(scenario)
    whole = len(build_space(week, seed=seed).accesses)
    scale = min(1.0, SAMPLE / whole)
    base = _evaluate(week, weighed, seed, scale)
    work = [(key, end) for key in uncertain_inputs(week) for end in ("low", "high")]
    swings: list[Swing] = []
    left_out: dict[str, str] = {}

    def tell(shares: list[float]) -> None:
        if progress is not None:
            progress(sum(shares) / len(shares))

    answers = spread(
        partial(_swing, week, weighed, seed, scale, base), work, workers, progress=tell
    )
    for key, end, value, found in answers:
        if isinstance(found, str):
            left_out[f"{key} {end}"] = found
        else:
            changes = tuple(
                metric for metric in RANKED
                if _order_differs(base[metric], found[metric], COMPARED[metric].threshold)
            )  # fmt: skip
            swings.append(Swing(key, end, value, found, changes))
    accesses = len(build_space(week, seed=seed, scale=scale).accesses)
    return Sensitivity(base, tuple(swings), accesses, left_out)
