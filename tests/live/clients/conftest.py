"""One space for all tests of a worker: two operators, every design at once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.clients.world import World, running_world


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    with running_world() as found:
        yield found
