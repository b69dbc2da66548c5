"""Fixtures for other people's tests: `pytest_plugins = ["sandbox.psc.pytest_plugin"]`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.psc.server import Running, running

__all__ = ["psc", "psc_core"]


@pytest.fixture
def psc() -> Iterator[Running]:
    """A running provider of the psc profile."""
    with running("psc") as server:
        yield server


@pytest.fixture
def psc_core() -> Iterator[Running]:
    """A running provider of the core profile."""
    with running("core") as server:
        yield server
