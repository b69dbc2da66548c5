"""The fixture `mss_space` for other people's tests; pytest finds it once the package is installed.

It imports nothing of the sandbox until a test asks for it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sandbox.live.space import LiveSpace

__all__ = ["mss_space"]

_SHOWN = 20  # last lines of the journals that a failed test shows


@pytest.fixture(scope="session")
def mss_space() -> Iterator[LiveSpace]:
    """A running space of two operators under every design; telephones approve at once.

    `mss_space.sheet` is the content of `space.json`. Each process of pytest-xdist has its own.
    """
    from sandbox.live import live

    # Tests log in more often than every thirty seconds, and what they revoke is revoked at once.
    with live(
        "demo", designs=("all",), operators=2, totp_share=3_600.0, revocation_cache=0.0
    ) as space:
        yield space


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Have a test of the space that fails show what the operators say of it."""
    report = yield
    space: LiveSpace | None = getattr(item, "funcargs", {}).get("mss_space")
    if report.failed and space is not None:
        from sandbox.live.journals import Journals, in_words

        entries = [
            each for each in Journals.of(space.folder.path).more() if each["at"] >= call.start
        ]
        if entries:
            lines = "\n".join(map(in_words, entries[-_SHOWN:]))
            report.sections.append(("journal of mss_space", lines))
    return report
