"""What candidates are judged by: criteria, their units, and the least difference that matters."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CLOSED", "CRITERIA", "SIMULATED", "Criterion"]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that less of is better.

    Attributes:
        unit: share, s, s a day (of a person who works), euros a year or person-hours a year.
        threshold: a smaller difference means nothing to a decision, in the unit.
        simulated: by the engine; else in closed form, exactly.
    """

    name: str
    unit: str
    threshold: float
    simulated: bool


CRITERIA: dict[str, Criterion] = {
    each.name: each
    for each in (
        Criterion("cannot_connect", "share", 0.001, simulated=False),
        Criterion("messages_to_migrate", "share", 0.001, simulated=False),
        Criterion("yearly_cost", "euros a year", 10_000.0, simulated=False),
        Criterion("incident_hours", "person-hours a year", 100.0, simulated=False),
        Criterion("failure_share", "share", 0.0005, simulated=True),
        Criterion("person_wait", "s a day", 0.5, simulated=True),
        Criterion("machine_latency", "s", 0.005, simulated=True),
    )
}
CLOSED = tuple(name for name, each in CRITERIA.items() if not each.simulated)
SIMULATED = tuple(name for name, each in CRITERIA.items() if each.simulated)
