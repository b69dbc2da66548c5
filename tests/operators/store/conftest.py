"""A store in a folder of its own, with two mailboxes and a clock that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.operators.store import MailStore
from tests.operators.store.scenes import ALICE, BOB, Clock


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock, anyio_backend: str) -> AsyncIterator[MailStore]:
    opened = await MailStore.open(tmp_path / "mail.db", clock=clock)
    await opened.provision([ALICE, BOB])
    yield opened
    await opened.close()
