"""The fixture `mss_space` for other people's tests; pytest finds it once the package is installed.

It imports nothing of the sandbox until a test asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sandbox.live.space import LiveSpace

__all__ = ["mss_space"]


@pytest.fixture(scope="session")
def mss_space() -> Iterator[LiveSpace]:
    """A running space of two operators under every design; telephones approve at once.

    `mss_space.sheet` is the content of `space.json`. Each process of pytest-xdist has its own.
    """
    from sandbox.live.space import live

    # Tests log in more often than every thirty seconds, and what they revoke is revoked at once.
    with live(
        "demo", designs=("all",), operators=2, totp_share=3_600.0, revocation_cache=0.0
    ) as space:
        yield space
