"""The queue at work against a peer on real sockets: faults of ours, stops and starts."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from sandbox.operators.relay.backoff import Backoff
from sandbox.operators.relay.connection import Timeouts
from sandbox.operators.store import StoreError

from .rig import (
    BOB,
    CARL,
    CONTENT,
    Pki,
    one_host,
    rig,
    run,
    until,
    waits,
    zone,
)

# What goes wrong here -----------------------------------------------------------------------------


def failing(
    monkeypatch: pytest.MonkeyPatch, of: object, name: str, *errors: Exception
) -> list[Exception]:
    """Have a method raise so many times, then work; return what it has still to raise."""
    left, works = list(errors), getattr(of, name)

    def once(*arguments: object, **named: object) -> object:
        if left:
            raise left.pop(0)
        return works(*arguments, **named)

    monkeypatch.setattr(of, name, once)
    return left


FULL = StoreError("failed", "not written: database or disk is full")


async def test_a_disk_that_is_full_for_a_while_keeps_the_record_and_sends_nothing_twice(
    pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig(pki, tmp_path) as (here, peer, _):
        left = failing(monkeypatch, here.store, "settle", FULL, FULL, FULL)
        await here.send(BOB)
        await here.empty()
        assert not left
        assert len(peer.delivered) == 1
        assert len(here.events("relay-not-recorded")) == 3
        await here.send(BOB, content=CONTENT + b"more\r\n")
        await here.empty()
        assert len(peer.delivered) == 2


async def test_a_full_disk_does_not_keep_the_relay_from_stopping(
    pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig(pki, tmp_path, recovery=Backoff(first=600)) as (here, peer, _):
        failing(monkeypatch, here.store, "settle", *[FULL] * 1000)
        await here.send(BOB)
        await here.event("relay-not-recorded")
        await here.stop()
        await here.start()
        await here.empty()
        assert [each.content for each in peer.delivered] == [CONTENT] * 2


@pytest.mark.parametrize("name", ["content", "due", "settle"])
async def test_a_fault_of_ours_holds_mail_back_for_a_while_only(
    pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    async with rig(pki, tmp_path) as (here, peer, _):
        error = sqlite3.OperationalError("disk I/O error")
        left = failing(monkeypatch, here.store, name, error, error)
        await here.send(BOB)
        await here.empty()
        assert not left
        assert {each.content for each in peer.delivered} == {CONTENT}
        assert len(here.events("relay-fault")) == 2


# Stops and starts ---------------------------------------------------------------------------------


async def test_what_is_under_way_at_the_stop_is_sent_after_the_start(
    pki: Pki, tmp_path: Path
) -> None:
    # Patient beyond the test: it is the stop that ends the wait.
    async with rig(pki, tmp_path, timeouts=Timeouts()) as (here, peer, _):
        peer.hold = asyncio.Event()
        await here.send(BOB)
        await until(lambda: peer.connections)
        await here.stop()
        assert peer.delivered == []
        peer.hold = None
        await here.start()
        await here.empty()
        assert len(peer.delivered) == 1


async def test_a_crash_between_acceptance_there_and_record_here_sends_the_same_again(
    pki: Pki, tmp_path: Path
) -> None:
    async with rig(pki, tmp_path) as (here, peer, _):

        async def crash(**_: object) -> None:
            await asyncio.Event().wait()

        here.store.settle = crash  # type: ignore[method-assign, assignment]
        await here.send(BOB, CARL)
        await until(lambda: peer.delivered and here.runner._records)
        for record in tuple(here.runner._records):
            record.cancel()
        await asyncio.gather(*here.runner._records, return_exceptions=True)
        await here.stop()
        await here.start()
        await here.empty()
        first, second = peer.delivered
        assert (first.rcpt, first.content) == (second.rcpt, second.content)


async def test_flush_tries_at_once_what_would_wait_and_asks_dns_anew(
    pki: Pki, tmp_path: Path
) -> None:
    async with rig(pki, tmp_path, backoff=Backoff()) as (here, peer, _):
        here.dns.resolver.zone = one_host("mx2.op2.mssante.test")
        await here.send(BOB)
        await waits(here, "unreachable")
        here.dns.resolver.zone = zone()
        here.runner.flush()
        await here.empty()
        assert len(peer.delivered) == 1


def test_a_waiting_queue_is_not_read_again_and_again(pki: Pki, tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path, up=False, backoff=Backoff()) as (here, _, _):
            await here.send(BOB)
            await waits(here, "unreachable")
            await until(lambda: not here.runner._held)
            reads = 0
            due = here.store.due

            def counting(*args, **kwargs):
                nonlocal reads
                reads += 1
                return due(*args, **kwargs)

            here.store.due = counting  # type: ignore[method-assign]
            await asyncio.sleep(0.2)
            assert reads <= 1

    run(work)


async def test_a_connection_that_the_peer_gave_up_is_replaced_at_once(
    pki: Pki, tmp_path: Path
) -> None:
    async with rig(pki, tmp_path, backoff=Backoff()) as (here, peer, _):
        await here.send(BOB)
        await here.empty()
        peer.say("MAIL", "421 4.4.2 tired of waiting")
        await here.send(CARL)
        await here.empty()
        assert len(peer.delivered) == 2
        assert here.events("relay-deferred") == []
