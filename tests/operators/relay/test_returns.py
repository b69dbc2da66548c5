"""Mail of the queue that comes back, and how its sender is told."""

from __future__ import annotations

import asyncio
import quopri
from pathlib import Path

import pytest

from sandbox.operators.mail import Recipient
from sandbox.operators.relay.backoff import Backoff
from sandbox.trust import make_bad

from .rig import (
    ANNE,
    BOB,
    CARL,
    CONTENT,
    HOST,
    TWO,
    Pki,
    Rig,
    listed,
    one_host,
    rig,
    until,
)


async def test_a_refused_message_comes_back_to_its_senders_inbox(pki: Pki, tmp_path: Path) -> None:
    async with rig(pki, tmp_path) as (here, peer, _):
        peer.say("RCPT", "550 5.1.1 no such user")
        await here.send(BOB)
        notice = await here.notice()
        assert notice.startswith(b"Return-Path: <>\r\n")
        assert b"Status: 5.1.1\r\n" in notice
        assert b"Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n" in notice
        assert here.store.queue() == []
        await until(lambda: here.watching.deliveries)  # told after it is written
        assert [each.mailbox for each in here.watching.deliveries] == [ANNE]


async def test_a_refused_message_does_not_harm_the_next_on_its_connection(
    pki: Pki, tmp_path: Path
) -> None:
    async with rig(pki, tmp_path, per_domain=1) as (here, peer, _):
        peer.say("RCPT", "550 5.1.1 no such user")
        await here.send(CARL)
        await here.send(BOB)
        await here.empty()
        assert [each.rcpt for each in peer.delivered] == [[f"RCPT TO:<{BOB}>"]]
        assert len(here.events("relay-failed")) == 1
        assert peer.connections == 1


async def test_only_the_refused_recipients_come_back(pki: Pki, tmp_path: Path) -> None:
    async with rig(pki, tmp_path) as (here, peer, _):
        peer.say(f"RCPT {CARL}", "550 5.1.1 no such user")
        await here.send(BOB, CARL)
        notice = await here.notice()
        assert f"Final-Recipient: rfc822; {CARL}".encode() in notice
        assert BOB.encode() not in notice
        assert [each.rcpt for each in peer.delivered] == [[f"RCPT TO:<{BOB}>"]]


async def test_a_recipient_refused_for_now_does_not_hold_the_others_back(
    pki: Pki, tmp_path: Path
) -> None:
    async with rig(pki, tmp_path) as (here, peer, _):
        peer.say(f"RCPT {CARL}", "450 4.2.0 later")
        await here.send(BOB, CARL)
        await here.empty()
        assert [each.rcpt for each in peer.delivered] == [
            [f"RCPT TO:<{BOB}>"],
            [f"RCPT TO:<{CARL}>"],
        ]


async def comes_back(here: Rig, status: str) -> bytes:
    notice = await here.notice()
    assert f"\r\nStatus: {status}\r\n".encode() in notice
    assert here.store.queue() == []
    assert here.behaviour.delivered == []
    return notice


async def test_mail_for_a_domain_off_the_list_comes_back_without_a_connection(
    pki: Pki, tmp_path: Path
) -> None:
    async with rig(pki, tmp_path) as (here, peer, _):
        here.domains = listed(pki, without="op2.mssante.test")
        await here.send(BOB)
        await comes_back(here, "5.7.1")
        assert peer.connections == 0
        assert here.events("refused")[0]["reason"] == "relay-domain-unlisted"


async def test_a_domain_withdrawn_while_a_connection_is_open_gets_nothing_more(
    pki: Pki, tmp_path: Path
) -> None:
    async with rig(pki, tmp_path) as (here, peer, _):
        await here.send(BOB)
        await here.empty()
        here.domains = listed(pki, without="op2.mssante.test")
        await here.send(BOB)
        await here.notice()
        assert len(peer.delivered) == 1


async def test_a_domain_withdrawn_while_messages_wait_for_the_connection_gets_none_of_them(
    pki: Pki, tmp_path: Path
) -> None:
    async with rig(pki, tmp_path, per_domain=1) as (here, peer, _):
        peer.hold = asyncio.Event()
        await here.send(BOB)
        await here.send(CARL, content=CONTENT + b"more\r\n")
        await until(lambda: len(here.runner._held) == 2 and peer.ends)
        here.domains = listed(pki, without="op2.mssante.test")
        peer.hold.set()
        await here.notice()
        assert [each.rcpt for each in peer.delivered] == [[f"RCPT TO:<{BOB}>"]]


async def test_mail_for_a_server_whose_certificate_is_revoked_comes_back(
    pki: Pki, tmp_path: Path
) -> None:
    revoked = pki.save(pki.ca.operator_server(TWO, [HOST]), "revoked")
    pki.ca.revoke(revoked, "key-compromise")

    async with rig(pki, tmp_path, certificate="revoked") as (here, _, _):
        here.dns.resolver.zone = one_host()
        await here.send(BOB)
        notice = await comes_back(here, "5.7.1")
        assert "certificat de l'autre relais est révoqué".encode() in text(notice)


async def test_mail_for_a_server_of_another_authority_comes_back(pki: Pki, tmp_path: Path) -> None:
    pki.save(make_bad(pki.ca, "impostor", pki.theirs.plan), "impostor")

    async with rig(pki, tmp_path, certificate="impostor") as (here, _, _):
        here.dns.resolver.zone = one_host()
        await here.send(BOB)
        await comes_back(here, "5.7.1")
        assert here.events("refused")[0]["reason"] == "relay-certificate-untrusted"


@pytest.mark.parametrize(
    ("recipient", "status"),
    [
        ("x@null.mssante.test", "5.1.10"),
        ("x@loop.mssante.test", "5.4.6"),
        ("x@op1.mssante.test", "5.4.6"),
        ("x@mssante.fr", "5.7.1"),
    ],
)
async def test_mail_that_can_go_nowhere_comes_back(
    pki: Pki, tmp_path: Path, recipient: str, status: str
) -> None:
    async with rig(pki, tmp_path) as (here, _, _):
        await here.send(recipient)
        await comes_back(here, status)


async def test_an_international_address_comes_back_from_a_peer_that_knows_none(
    pki: Pki, tmp_path: Path
) -> None:
    async with rig(pki, tmp_path) as (here, peer, _):
        peer.extensions = ("PIPELINING", "8BITMIME")
        await here.send("hélène@op2.mssante.test", smtputf8=True)
        notice = await comes_back(here, "5.6.7")
        assert "Final-Recipient: utf-8; hélène@op2.mssante.test".encode() in notice


async def test_a_message_too_big_for_the_peer_comes_back_without_being_sent(
    pki: Pki, tmp_path: Path
) -> None:
    async with rig(pki, tmp_path) as (here, peer, _):
        peer.extensions = ("SIZE 100",)
        await here.send(BOB, content=CONTENT + b"a" * 100 + b"\r\n")
        await comes_back(here, "5.3.4")


async def test_what_never_succeeds_comes_back_when_its_time_is_over(
    pki: Pki, tmp_path: Path
) -> None:
    backoff = Backoff(first=0.02, ceiling=0.05, lifetime=0.2, warn_after=50)
    async with rig(pki, tmp_path, up=False, backoff=backoff) as (here, _, _):
        await here.send(BOB)
        notice = await comes_back(here, "4.4.7")
        assert b"could not be delivered" in text(notice)


async def test_a_sender_is_told_once_that_it_takes_long(pki: Pki, tmp_path: Path) -> None:
    backoff = Backoff(first=0.02, ceiling=0.02, lifetime=6000, warn_after=0.1)
    async with rig(pki, tmp_path, up=False, backoff=backoff) as (here, peer, door):
        await here.send(BOB)
        notice = await here.notice()
        assert b"\r\nAction: delayed\r\n" in notice
        told = len(here.events("relay-deferred"))
        await until(lambda: len(here.events("relay-deferred")) > told + 3)
        await door.start()
        await here.empty()
        assert len(here.inbox()) == 1
        assert len(peer.delivered) == 1


async def test_success_is_reported_where_the_peer_does_not(pki: Pki, tmp_path: Path) -> None:
    async with rig(pki, tmp_path) as (here, peer, _):
        peer.extensions = ("PIPELINING",)
        await here.send(Recipient(address=BOB, notify=("SUCCESS",)))
        assert b"\r\nAction: relayed\r\n" in await here.notice()
        assert len(peer.delivered) == 1


async def test_a_notification_for_a_sender_elsewhere_is_relayed_from_nobody(
    pki: Pki, tmp_path: Path
) -> None:
    async with rig(pki, tmp_path) as (here, peer, _):
        await here.send("x@null.mssante.test", sender=BOB)
        await here.empty()
        (taken,) = peer.delivered
        assert taken.mail.startswith("MAIL FROM:<> ")
        assert taken.rcpt == [f"RCPT TO:<{BOB}> NOTIFY=NEVER"]
        assert b"multipart/report" in taken.content


async def test_a_notification_that_fails_is_not_answered(pki: Pki, tmp_path: Path) -> None:
    async with rig(pki, tmp_path) as (here, peer, _):
        peer.say("RCPT", "550 5.1.1 no such user")
        await here.send("x@null.mssante.test", sender=BOB)
        await until(lambda: len(here.events("relay-failed")) == 2)
        await here.empty()
        assert here.inbox() == []


async def test_a_notification_for_a_sender_who_is_gone_is_noted(pki: Pki, tmp_path: Path) -> None:
    async with rig(pki, tmp_path) as (here, _, _):
        await here.send("x@null.mssante.test", sender="gone@op1.mssante.test")
        assert (await here.event("notice-lost"))["to"] == "gone@op1.mssante.test"
        await here.empty()


def text(notice: bytes) -> bytes:
    return quopri.decodestring(notice)
