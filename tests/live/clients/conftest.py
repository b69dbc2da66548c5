"""Spaces for all tests of a worker: every design at once; certificates that log in alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.clients.world import World, running_world


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    with running_world() as found:
        yield found


@pytest.fixture(scope="session")
def alone() -> Iterator[World]:
    designs = ("single-endpoint", "api-lps-2023")
    with running_world(designs=designs, login_policy="certificate-alone") as found:
        yield found
