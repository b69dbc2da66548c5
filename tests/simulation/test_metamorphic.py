"""What must not change, and which way what changes must go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sandbox.simulation import fast
from sandbox.simulation.build import build_model
from sandbox.simulation.model import PoolStat, StationStat
from sandbox.space.designs import BUILT_IN, Design
from tests.simulation.small import ALL_ABLE, NOBODY, able, everyone, run, slots, small_space

BUSY = NOBODY | everyone(software="lps") | slots(40) | {
    "populations.liberal.units": 120, "operators.mailboxes": [1.0], "processor.login": 8.0,
    "software.lps.aligned": 0.5, "policies.retry_limit": 0, "software.lps.timeout": 600,
    **able("lps", **ALL_ABLE),
}  # fmt: skip


def renamed(design: Design) -> Design:
    """Return the same design under other names, hosts and ports of the same kind."""
    endpoints = tuple(
        replace(e, name=f"z-{e.name}", host=f"z-{e.host}", certificate=f"z-{e.certificate}",
                address=f"z-{e.address}")
        for e in design.endpoints
    )  # fmt: skip
    return replace(design, name="other", label="Autre", english="Other", endpoints=endpoints)


@pytest.mark.parametrize("name", BUILT_IN)
def test_designs_that_differ_in_names_only_give_the_same_record(name: str) -> None:
    space = small_space({"traffic.messages": 300})
    first, second = (
        fast.run(build_model(space, design)) for design in (BUILT_IN[name], renamed(BUILT_IN[name]))
    )
    for field in first._fields:
        np.testing.assert_array_equal(getattr(first, field), getattr(second, field), err_msg=field)


@pytest.mark.parametrize("design", ["single-endpoint", "multi-endpoint"])
def test_twice_the_cores_never_raise_a_mean_wait(design: str) -> None:
    waits = []
    for cores in (1, 2, 4, 8):
        record = run(BUSY | {"resources.small.front_cores": cores}, design).record
        waited = record.stations[:, StationStat.WAIT].sum() + record.pools[:, PoolStat.WAIT].sum()
        waits.append(float(waited) / float(record.sessions.sum()))
    assert waits == sorted(waits, reverse=True)
    assert waits[0] > 2 * waits[-1]


def test_twice_the_connections_never_raise_a_refusal() -> None:
    refused = []
    for count in (4, 8, 16, 32):
        record = run(BUSY | slots(count) | {"policies.backlog": 5}, "multi-endpoint").record
        refused.append(int(record.pools[:, [PoolStat.REFUSED, PoolStat.ABANDONED]].sum()))
    assert refused == sorted(refused, reverse=True)
    assert refused[0] > 0
