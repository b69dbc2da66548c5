"""Sessions learn of every change of their mailbox, once it is durable."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sandbox.operators.store import MailStore
from tests.operators.store.scenes import ALICE, BOB, envelope, fill, folder, uids

pytestmark = pytest.mark.anyio


async def test_each_change_tells_the_folders_that_it_touched(store: MailStore) -> None:
    inbox, trash = folder(store).id, folder(store, "Trash").id
    told: list[int] = []
    store.listen(ALICE, told.append)
    for change, touched in (
        (lambda: store.accept(envelope(), b"x", local=[ALICE, BOB], remote=[]), [inbox]),
        (lambda: store.append(inbox, b"y", frozenset(), 0.0), [inbox]),
        (lambda: store.change_flags(inbox, [1], "+", frozenset({r"\Deleted"})), [inbox]),
        (lambda: store.change_flags(inbox, [1], "+", frozenset({r"\Deleted"})), []),
        (lambda: store.copy(inbox, [1], trash), [trash]),
        (lambda: store.move(inbox, [2], trash), [inbox, trash]),
        (lambda: store.expunge(inbox), [inbox]),
        (lambda: store.expunge(inbox), []),
        (lambda: store.rename(trash, "Bin"), [trash]),
        (lambda: store.delete(trash), [trash]),
    ):
        told.clear()
        await change()
        assert sorted(told) == sorted(touched)


async def test_a_listener_sees_what_it_is_told_of(store: MailStore) -> None:
    inbox = folder(store).id
    seen: list[list[int]] = []
    store.listen(ALICE, lambda changed: seen.append(uids(store, changed)))
    await fill(store, inbox, 2)
    assert seen == [[1], [1, 2]]


async def test_other_mailboxes_are_not_told(store: MailStore) -> None:
    told: list[int] = []
    store.listen(BOB, told.append)
    await fill(store, folder(store).id, 1)
    assert told == []


async def test_several_sessions_listen_and_each_stops_for_itself(store: MailStore) -> None:
    first: list[int] = []
    second: list[int] = []
    stop = store.listen(ALICE, first.append)
    store.listen(ALICE.upper(), second.append)
    inbox = folder(store).id
    await fill(store, inbox, 1)
    stop()
    stop()
    await fill(store, inbox, 1)
    assert (first, second) == ([inbox], [inbox, inbox])


async def test_a_listener_that_fails_is_reported_and_harms_no_other(store: MailStore) -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    told: list[int] = []

    def fail(_: int) -> None:
        raise RuntimeError("broken")

    store.listen(ALICE, fail)
    store.listen(ALICE, told.append)
    await fill(store, folder(store).id, 1)
    assert len(told) == 1
    assert [str(context["exception"]) for context in reported] == ["broken"]
