"""One directory and one authority for the session; files, clock and journal of each test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.directory import Directory
from sandbox.psc import Running
from sandbox.trust import KeyKind, TestCA

from .ciba_space import frozen_provider, reset
from .world import SPEC, World


@pytest.fixture(scope="session")
def annuaire() -> Iterator[Directory]:
    with Directory.build(SPEC) as opened:
        yield opened


@pytest.fixture(scope="session")
def igc() -> TestCA:
    return TestCA(key_kind=KeyKind.P256)


@pytest.fixture
def world(annuaire: Directory, igc: TestCA, tmp_path: Path) -> World:
    return World(annuaire, igc, tmp_path / "op1")


@pytest.fixture(scope="module")
def started() -> Iterator[Running]:
    with frozen_provider() as running_psc:
        yield running_psc


@pytest.fixture
def psc(started: Running) -> Running:
    """Return a provider that a module has started, as new."""
    reset(started)
    return started


@pytest.fixture(autouse=True)
def no_task_left() -> None:
    """See `tests.operators.conftest`."""
