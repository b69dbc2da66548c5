"""From one operator's queue to another's mailbox: both sides are the real ones."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from sandbox.operators.journal import Journal
from sandbox.operators.listener import MailDoor
from sandbox.operators.model import Channel
from sandbox.operators.post.office import PostOffice
from sandbox.operators.refusals import MailRefusal
from sandbox.operators.relay.policy import check_peer, may_send
from sandbox.operators.smtp import RelayServer
from sandbox.operators.store import MailStore
from sandbox.trust import DN, CertificateChecker, RevocationStatus, load_bundle

from .rig import ANNE, BOB, CARL, CONTENT, HOST, OTHER, Pki, Rig, Watching, rig, until


@dataclass
class There:
    """The other operator: BOB has a mailbox, CARL has none."""

    store: MailStore
    journal: Journal
    watching: Watching

    def inbox(self, mailbox: str = BOB) -> list[bytes]:
        folder = self.store.folder(mailbox, "INBOX")
        assert folder is not None
        return [self.store.content(row.message) for row in self.store.rows(folder.id)]


@contextlib.asynccontextmanager
async def operators(
    pki: Pki, folder: Path, *, mailboxes: tuple[str, ...] = (BOB,), **options: object
) -> AsyncIterator[tuple[Rig, There]]:
    async with rig(pki, folder, up=False, **options) as (here, _, _):
        store = await MailStore.open(folder / "there.sqlite")
        await store.provision(mailboxes)
        there = There(store, Journal(), Watching())
        post = PostOffice(
            store, operator="op2", domains=frozenset({"op2.mssante.test"}), host=HOST,
            journal=there.journal, observer=there.watching,
        )  # fmt: skip

        async def revocation(certificate: x509.Certificate) -> RevocationStatus:
            revoked = pki.ca.is_revoked(certificate)
            return RevocationStatus.REVOKED if revoked else RevocationStatus.GOOD

        async def peer(channel: Channel) -> DN | MailRefusal:
            return await check_peer(
                channel.certificate,
                checker=CertificateChecker(bundle=load_bundle(pki.ca.bundle_pem())),
                revocation=revocation,
                now=datetime.now(UTC),
            )

        server = RelayServer(
            post, peer, may_send=lambda dn, domain: may_send(here.domains, dn, domain),
            journal=there.journal, observer=there.watching,
        )  # fmt: skip
        door = MailDoor([pki.listener("theirs", "127.0.12.1", here.port)], server.protocol)
        await door.start()
        try:
            yield here, there
        finally:
            await here.stop()
            await door.stop()
            await server.settled()
            await store.close()


async def test_mail_reaches_the_mailbox_at_the_other_operator(pki: Pki, tmp_path: Path) -> None:
    async with operators(pki, tmp_path) as (here, there):
        await here.send(BOB)
        await here.empty()
        (received,) = there.inbox()
        assert received.startswith(b"Return-Path: <anne@op1.mssante.test>\r\nReceived: from ")
        assert received.endswith(CONTENT)
        (seen,) = there.watching.deliveries
        assert (seen.mailbox, seen.relayed) == (BOB, True)


async def test_a_crash_between_their_250_and_our_record_delivers_once(
    pki: Pki, tmp_path: Path
) -> None:
    async with operators(pki, tmp_path) as (here, there):

        async def crash(**_: object) -> None:
            await asyncio.Event().wait()

        here.store.settle = crash
        await here.send(BOB)
        await until(there.inbox)
        await until(lambda: here.runner._records)
        for record in tuple(here.runner._records):
            record.cancel()
        await asyncio.gather(*here.runner._records, return_exceptions=True)
        await here.stop()
        await here.start()
        await here.empty()
        assert len(there.inbox()) == 1
        assert [e["event"] for e in there.journal.since() if "queue_id" in e] == [
            "accepted", "repeated",
        ]  # fmt: skip


async def test_a_mailbox_that_is_not_there_comes_back_and_the_others_get_theirs(
    pki: Pki, tmp_path: Path
) -> None:
    async with operators(pki, tmp_path) as (here, there):
        await here.send(BOB, CARL)
        notice = await here.notice()
        assert f"Final-Recipient: rfc822; {CARL}".encode() in notice
        assert b"\r\nStatus: 5.1.1\r\n" in notice
        await until(there.inbox)


async def test_a_notification_is_taken_by_the_other_operator(pki: Pki, tmp_path: Path) -> None:
    async with operators(pki, tmp_path) as (here, there):
        await here.send("x@null.mssante.test", sender=BOB)
        await here.empty()
        (received,) = there.inbox()
        assert received.startswith(b"Return-Path: <>\r\n")
        assert b"\r\nAction: failed\r\n" in received


async def test_an_international_address_is_relayed(pki: Pki, tmp_path: Path) -> None:
    hélène = "hélène@op2.mssante.test"

    async with operators(pki, tmp_path, mailboxes=(hélène,)) as (here, there):
        await here.send(hélène, smtputf8=True)
        await here.empty()
        assert here.inbox() == []
        assert len(there.inbox(hélène)) == 1


async def test_a_sender_of_another_operators_domain_is_refused_there(
    pki: Pki, tmp_path: Path
) -> None:
    async with operators(pki, tmp_path) as (here, there):
        forged = CONTENT.replace(ANNE.encode(), b"zoe@op2.mssante.test")
        await here.send(BOB, content=forged)
        assert b"\r\nStatus: 5.7.1\r\n" in await here.notice()
        assert there.inbox() == []


@pytest.mark.parametrize("fault", ["unlisted", "revoked"])
async def test_an_operator_that_may_not_relay_is_refused_and_its_users_are_told(
    tmp_path: Path, fault: str
) -> None:
    pki = Pki(tmp_path / "pki")
    if fault == "revoked":
        pki.ca.revoke(pki.ours, "key-compromise")
    else:
        pki.save(pki.ca.operator_server(OTHER, ["mx.op1.mssante.test"]), "ours")

    async with operators(pki, tmp_path) as (here, there):
        await here.send(BOB)
        assert b"\r\nStatus: 5.7.1\r\n" in await here.notice()
        assert there.inbox() == []
        refused = [e["reason"] for e in there.journal.since() if e["event"] == "refused"]
        expected = {
            "unlisted": "relay-dn-unlisted", "revoked": "relay-certificate-revoked",
        }  # fmt: skip
        assert expected[fault] in refused
