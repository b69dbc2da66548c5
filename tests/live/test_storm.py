"""A storm of reconnections on the live space of three operators, beside what the model says."""

from __future__ import annotations

import sys

import pytest

from sandbox.analysis.incidents import BACK
from tests.live.storm import Storm, storm

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells processor time")
CONNECTIONS = 100
BACK_OFF = 0.1  # s; short, so that the operator decides


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Storm:
    return storm(tmp_path_factory.mktemp("storm") / "space", CONNECTIONS, BACK_OFF)


def test_all_connections_that_a_kill_dropped_come_back_and_no_others_were(seen: Storm) -> None:
    assert len(seen.returned) == CONNECTIONS
    assert seen.disturbed == 0


def test_a_storm_lasts_no_less_than_its_work_and_some_times_its_drain_at_most(seen: Storm) -> None:
    """One process serves: its processor time bounds the storm below. Above, the model at the
    service time that was measured in the same run, four times for what else the machine does.
    """
    assert seen.measured >= 0.7 * BACK * CONNECTIONS * seen.processor
    assert seen.measured <= 4 * seen.predicted(max(seen.service))
