"""The criteria that need no simulation, for whole arrays of draws at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sandbox.decision.access import able_cells, asked_by_all
from sandbox.decision.criteria import CLOSED
from sandbox.decision.factors import Values, scenario_at
from sandbox.decision.incidents import incident_hours, workers_of
from sandbox.space.candidates import Candidate
from sandbox.space.compatibility import compatibility
from sandbox.space.costs import yearly_bill
from sandbox.space.operators import size_table
from sandbox.space.scenario import Scenario

__all__ = ["CHUNK", "closed_form"]

Floats = NDArray[np.float64]
CHUNK = 512  # draws at once: their operators' sizes fit in the cache


def closed_form(
    scenario: Scenario, draws: Values, candidates: Mapping[str, Candidate], count: int
) -> dict[str, Floats]:
    """Return, by criterion of CLOSED, its values, float64 (count, candidates).

    Args:
        draws: by key of an input, `count` values; none of them says the login policy.
    """
    found = {name: np.zeros((count, len(candidates))) for name in CLOSED}
    for first in range(0, count, CHUNK):
        part = slice(first, min(count, first + CHUNK))
        chunk = {key: values[part] for key, values in draws.items()}
        for name, values in _chunk(scenario, chunk, list(candidates.values())).items():
            found[name][part] = values
    return found


def _chunk(scenario: Scenario, draws: Values, candidates: Sequence[Candidate]) -> dict[str, Floats]:
    drawn = scenario_at(scenario, draws)
    sizes = size_table(drawn)
    cells = list(able_cells(drawn, asked_by_all(candidates)))
    workers = workers_of(scenario, drawn, cells, sizes)
    rows: dict[str, list[Floats]] = {name: [] for name in CLOSED}
    for each in candidates:
        who = compatibility(drawn, each.design, each.policy)
        bill = yearly_bill(each.design, each.policy, drawn, sizes)
        rows["cannot_connect"].append(np.asarray(who.whole.cannot_connect))
        rows["messages_to_migrate"].append(np.asarray(who.messages_share(drawn)))
        rows["yearly_cost"].append(np.asarray(bill.total))
        lost = incident_hours(drawn, workers, cells, each.design, each.policy)
        rows["incident_hours"].append(np.asarray(lost))
    return {name: np.stack(np.broadcast_arrays(*columns), axis=-1)
            for name, columns in rows.items()}  # fmt: skip
