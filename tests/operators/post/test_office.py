"""The post office: trace, both kinds of recipients at once, one delivery per message."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.operators.journal import Journal
from sandbox.operators.mail import Envelope, Recipient
from sandbox.operators.observing import DeliveryObserved, Nobody
from sandbox.operators.post import PostError, PostOffice, read_message
from sandbox.operators.store import MailStore
from tests.operators.smtp.scripted import ALICE, BOB, FAR, MESSAGE, PEER, actor, channel

RELAY = channel(protocol="relay")


class Seen(Nobody):
    def __init__(self) -> None:
        self.deliveries: list[DeliveryObserved] = []

    def delivery(self, seen: DeliveryObserved) -> None:
        self.deliveries.append(seen)


class Office:
    """A post office on a store of its own, at a fixed instant."""

    def __init__(self, store: MailStore) -> None:
        self.store, self.seen, self.journal = store, Seen(), Journal()
        self.now = 1_795_558_964.25
        self.closed: set[str] = set()
        self.post = PostOffice(
            store, operator="op1", domains=frozenset({"op1.mssante.test"}), host="mail.op1.test",
            journal=self.journal, observer=self.seen, closed=self.closed.__contains__,
            clock=lambda: self.now,
        )  # fmt: skip

    async def submit(self, content: bytes = MESSAGE, *to: str, **changes: Any) -> str:
        envelope = Envelope(reverse_path=ALICE,
                            recipients=tuple(Recipient(address=each) for each in to or (BOB,)),
                            **changes)  # fmt: skip
        return await self.post.submit(envelope, read_message(content), actor(), channel(), "poste")

    async def receive(self, content: bytes, *to: str, **changes: Any) -> str:
        envelope = Envelope(reverse_path=FAR,
                            recipients=tuple(Recipient(address=each) for each in to or (BOB,)),
                            **changes)  # fmt: skip
        where = channel(protocol="relay")
        return await self.post.receive(
            envelope, read_message(content), where, PEER, "relay.op2.mssante.test"
        )

    def inbox(self, mailbox: str = BOB) -> list[bytes]:
        folder = self.store.folder(mailbox, "INBOX")
        assert folder is not None
        return [self.store.content(row.message) for row in self.store.rows(folder.id)]


@contextlib.asynccontextmanager
async def office(folder: Path) -> AsyncIterator[Office]:
    store = await MailStore.open(folder / "op1.db")
    await store.provision([ALICE, BOB])
    try:
        yield Office(store)
    finally:
        await store.close()


def run(work: Callable[[Office], Awaitable[None]], folder: Path) -> None:
    async def whole() -> None:
        async with office(folder) as opened:
            await work(opened)

    asyncio.run(whole())


def test_the_trace_of_a_submission(tmp_path: Path) -> None:
    async def work(at: Office) -> None:
        queue_id = await at.submit()
        assert (
            at.inbox()[0]
            == (
                f"Return-Path: <{ALICE}>\r\n"
                "Received: from poste ([127.0.0.9])\r\n"
                f"\tby smtp.op1.test with ESMTPSA id {queue_id}\r\n"
                f"\t(TLSv1.3, authenticated as {ALICE})\r\n"
                f"\tfor <{BOB}>;\r\n"
                "\tTue, 24 Nov 2026 22:22:44 +0000 (and 250 ms)\r\n"
                "Date: Tue, 24 Nov 2026 22:22:44 +0000\r\n"
                f"Message-ID: <{queue_id}@mail.op1.test>\r\n"
            ).encode()
            + MESSAGE
        )

    run(work, tmp_path)


def test_the_trace_names_the_person_nowhere(tmp_path: Path) -> None:
    async def work(at: Office) -> None:
        await at.submit()
        assert actor().identity.encode() not in at.inbox()[0]
        assert [each["identity"] for each in at.journal.since()] == [actor().identity]

    run(work, tmp_path)


def test_the_trace_names_no_recipient_when_there_are_several(tmp_path: Path) -> None:
    async def work(at: Office) -> None:
        await at.submit(MESSAGE, BOB, ALICE)
        assert b"\tfor <" not in at.inbox()[0]

    run(work, tmp_path)


@pytest.mark.parametrize("smtputf8", [True, False])
def test_the_trace_tells_smtputf8(tmp_path: Path, smtputf8: bool) -> None:
    async def work(at: Office) -> None:
        await at.submit(smtputf8=smtputf8)
        await at.receive(MESSAGE, smtputf8=smtputf8)
        found = [re.search(rb" with (\w+) ", each)[1] for each in at.inbox()]  # type: ignore[index]
        assert found == ([b"UTF8SMTPSA", b"UTF8SMTPS"] if smtputf8 else [b"ESMTPSA", b"ESMTPS"])

    run(work, tmp_path)


def test_a_date_and_a_message_id_that_are_there_stay(tmp_path: Path) -> None:
    async def work(at: Office) -> None:
        given = b"DATE: Tue, 24 Nov 2026 10:00:00 +0100\r\nmessage-id: <1@poste>\r\n" + MESSAGE
        await at.submit(given)
        content = at.inbox()[0]
        assert content.endswith(given)
        assert len(re.findall(rb"(?im)^(?:Date|Message-ID):", content)) == 2

    run(work, tmp_path)


def test_a_return_path_of_others_is_taken_off(tmp_path: Path) -> None:
    async def work(at: Office) -> None:
        await at.submit(b"Return-Path:\r\n <x@y.test>\r\n" + MESSAGE + b"Return-Path: body\r\n")
        assert re.findall(rb"(?m)^Return-Path:.*", at.inbox()[0]) == [
            f"Return-Path: <{ALICE}>\r".encode(), b"Return-Path: body\r",
        ]  # fmt: skip

    run(work, tmp_path)


def test_recipients_here_and_elsewhere_are_each_served_once(tmp_path: Path) -> None:
    async def work(at: Office) -> None:
        await at.submit(MESSAGE, BOB, FAR, BOB.upper(), FAR, ALICE)
        assert (len(at.inbox(BOB)), len(at.inbox(ALICE))) == (1, 1)
        assert [each.recipient.address for each in at.store.queue()] == [FAR]

    run(work, tmp_path)


def test_a_message_for_elsewhere_only_has_no_return_path(tmp_path: Path) -> None:
    async def work(at: Office) -> None:
        await at.submit(MESSAGE, FAR)
        assert at.store.content(at.store.queue()[0].message).startswith(b"Received: ")

    run(work, tmp_path)


def test_the_age_of_a_relayed_message_is_since_its_submission(tmp_path: Path) -> None:
    async def work(at: Office) -> None:
        await at.submit(MESSAGE, FAR)
        sent = at.store.content(at.store.queue()[0].message)
        at.now += 1.5
        await at.receive(sent)
        assert [(each.age, each.relayed) for each in at.seen.deliveries] == [(1.5, True)]

    run(work, tmp_path)


def test_a_repetition_adds_nothing_and_is_not_observed(tmp_path: Path) -> None:
    async def work(at: Office) -> None:
        first = await at.receive(MESSAGE, BOB)
        assert await at.receive(MESSAGE, BOB) == first
        assert len(at.inbox()) == len(at.seen.deliveries) == 1
        assert await at.receive(MESSAGE, ALICE) != first

    run(work, tmp_path)


def test_the_same_content_submitted_twice_is_two_messages(tmp_path: Path) -> None:
    async def work(at: Office) -> None:
        await at.submit()
        await at.submit()
        assert len(at.inbox()) == 2

    run(work, tmp_path)


def test_a_store_that_fails_is_told(tmp_path: Path) -> None:
    async def work(at: Office) -> None:
        with pytest.raises(PostError, match="nobody@op1"):
            await at.submit(MESSAGE, "nobody@op1.mssante.test")
        assert at.inbox() == []

    run(work, tmp_path)


def test_postmaster_without_a_domain_is_a_mailbox_here(tmp_path: Path) -> None:
    async def work(at: Office) -> None:
        assert at.post.knows("postmaster") is False
        await at.store.provision(["postmaster@op1.mssante.test"])
        assert at.post.knows("postmaster") is True
        await at.submit(MESSAGE, "postmaster")
        assert len(at.inbox("postmaster@op1.mssante.test")) == 1

    run(work, tmp_path)


def test_a_closed_mailbox_is_known_no_more(tmp_path: Path) -> None:
    async def work(at: Office) -> None:
        at.closed.add(BOB)
        assert at.post.knows(BOB) is False

    run(work, tmp_path)


def test_who_is_known(tmp_path: Path) -> None:
    async def work(at: Office) -> None:
        found = [at.post.knows(each) for each in (BOB.upper(), "x@op1.mssante.test", FAR)]
        assert found == [True, False, None]

    run(work, tmp_path)


def test_a_delivery_here_is_confirmed_to_who_asked_for_it(tmp_path: Path) -> None:
    async def work(at: Office) -> None:
        asked = tuple(
            Recipient(address=each, notify=notify)
            for each, notify in ((BOB, ("SUCCESS",)), (ALICE, ("FAILURE",)))
        )
        envelope = Envelope(reverse_path=ALICE, recipients=asked, envid="E1")
        await at.post.submit(envelope, read_message(MESSAGE), actor(), channel(), "poste")
        message, report = at.inbox(ALICE)
        assert b"Bonjour" in message
        assert report.startswith(b"Return-Path: <>\r\n")
        assert b"Original-Envelope-Id: E1" in report
        assert b"Action: delivered" in report
        assert BOB.encode() in report
        assert [each.mailbox for each in at.seen.deliveries] == [BOB, ALICE, ALICE]

    run(work, tmp_path)


def test_a_confirmation_goes_back_to_the_operator_that_relayed(tmp_path: Path) -> None:
    async def work(at: Office) -> None:
        recipient = Recipient(address=BOB, notify=("SUCCESS",))
        envelope = Envelope(reverse_path=FAR, recipients=(recipient,))
        for _ in range(2):
            await at.post.receive(
                envelope, read_message(MESSAGE), channel(protocol="relay"), PEER, "relay"
            )
        [queued] = at.store.queue()
        assert (queued.recipient.address, queued.envelope.reverse_path) == (FAR, "")

    run(work, tmp_path)


def test_a_notification_is_never_confirmed(tmp_path: Path) -> None:
    async def work(at: Office) -> None:
        recipient = Recipient(address=BOB, notify=("SUCCESS",))
        envelope = Envelope(reverse_path="", recipients=(recipient,))
        await at.post.receive(
            envelope, read_message(MESSAGE), channel(protocol="relay"), PEER, "relay"
        )
        assert at.store.queue() == []

    run(work, tmp_path)


def test_what_is_kept_is_not_refused_because_it_could_not_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is refused sends again, and the message would be there twice."""

    async def work(at: Office) -> None:
        for broken in (at.journal, "note"), (at.seen, "delivery"):
            monkeypatch.setattr(*broken, _full)
            assert await at.submit()
        assert len(at.inbox()) == 2

    run(work, tmp_path)


def _full(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def test_results_of_checks_in_our_own_name_do_not_pass(tmp_path: Path) -> None:
    async def work(at: Office) -> None:
        for server in ("mail.op1.test", "mx.op1.mssante.test", "op1.mssante.test"):
            await at.receive(f"Authentication-Results: {server}; dkim=pass\r\n".encode() + MESSAGE)
        other = b"Authentication-Results: mx.op2.mssante.test; dkim=pass\r\n"
        await at.receive(other + MESSAGE)
        assert [b"dkim=pass" in each for each in at.inbox()] == [False, False, False, True]

    run(work, tmp_path)
