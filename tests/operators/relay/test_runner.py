"""The queue at work against a peer on real sockets: what arrives, what waits, what comes back."""

from __future__ import annotations

import asyncio
import quopri
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from sandbox.operators.mail import Recipient
from sandbox.operators.relay import runner
from sandbox.operators.relay.backoff import Backoff
from sandbox.operators.relay.connection import Timeouts
from sandbox.operators.store import StoreError
from sandbox.trust import MailDomain, ZoneSpec, make_bad
from sandbox.trust.resolver import DnsFault

from .peer import LOST, peer_door
from .rig import ANNE, BOB, CARL, CONTENT, HOST, OTHER, TWO, Pki, Rig, listed, rig, until, zone


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(work())  # type: ignore[arg-type]


# What arrives -------------------------------------------------------------------------------------


def test_mail_arrives_over_mutual_tls(pki: Pki, tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path) as (here, peer, _):
            await here.send(BOB)
            await here.empty()
            (taken,) = peer.delivered
            assert taken.content == CONTENT
            assert taken.mail == f"MAIL FROM:<{ANNE}> SIZE={len(CONTENT)}"
            assert taken.rcpt == [f"RCPT TO:<{BOB}>"]
            assert taken.certificate == pki.ours.certificate.public_bytes(Encoding.DER)
            told = await here.event("relay-delivered")
            assert (told["to"], told["host"], told["attempt"]) == (BOB, HOST, 1)
            assert told["dn"].startswith("CN=mx.op2.mssante.test,OU=1750000026")

    run(work)


def test_recipients_at_one_domain_share_a_transaction(pki: Pki, tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path) as (here, peer, _):
            await here.send(CARL, Recipient(address=BOB, notify=("FAILURE",), orcpt="rfc822;b@x"))
            await here.empty()
            (taken,) = peer.delivered
            assert taken.rcpt == [
                f"RCPT TO:<{BOB}> NOTIFY=FAILURE ORCPT=rfc822;b@x",
                f"RCPT TO:<{CARL}>",
            ]

    run(work)


def test_messages_share_a_connection_also_after_a_pause(pki: Pki, tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path, per_domain=1) as (here, peer, _):
            for number in range(5):
                await here.send(BOB, content=CONTENT + f"{number}\r\n".encode())
            await here.empty()
            await here.send(BOB)
            await here.empty()
            assert len(peer.delivered) == 6
            assert peer.connections == 1

    run(work)


def test_the_return_path_of_a_copy_delivered_here_is_not_relayed(pki: Pki, tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path) as (here, peer, _):
            await here.send(BOB, content=b"Return-Path: <anne@op1.mssante.test>\r\n" + CONTENT)
            await here.empty()
            assert [each.content for each in peer.delivered] == [CONTENT]

    run(work)


def test_a_connection_ends_after_its_number_of_messages(pki: Pki, tmp_path: Path) -> None:
    async def work() -> None:
        options = {"per_domain": 1, "per_connection": 2}
        async with rig(pki, tmp_path, **options) as (here, peer, _):
            for number in range(5):
                await here.send(BOB, content=CONTENT + f"{number}\r\n".encode())
            await here.empty()
            assert len(peer.delivered) == 5
            assert peer.connections == 3

    run(work)


def test_much_mail_arrives_once_each_over_few_connections(pki: Pki, tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path) as (here, peer, _):
            contents = [CONTENT + f"{number}\r\n".encode() for number in range(200)]
            await asyncio.gather(*(here.send(BOB, content=each) for each in contents))
            await here.empty()
            assert sorted(each.content for each in peer.delivered) == sorted(contents)
            assert peer.connections <= 4

    run(work)


def test_a_long_queue_is_taken_in_parts_that_keep_each_message_whole(
    pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "MOST_HELD", 20)

    async def work() -> None:
        async with rig(pki, tmp_path, up=False, backoff=Backoff()) as (here, peer, door):
            await here.runner.stop()
            third = "dora@op2.mssante.test"
            for number in range(30):
                await here.send(BOB, CARL, third, content=CONTENT + b"%d\r\n" % number)
            await here.stop()
            await door.start()
            await here.start()
            await here.empty()
            assert [len(each.rcpt) for each in peer.delivered] == [3] * 30
            assert len({each.content for each in peer.delivered}) == 30

    run(work)


def test_the_next_host_gets_what_the_first_cannot(pki: Pki, tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path, up=False) as (here, peer, _):
            spare = peer_door(pki.listener("theirs", "127.0.12.2", here.port), peer)
            await spare.start()
            try:
                await here.send(BOB)
                assert (await here.event("relay-delivered"))["host"] == "mx2.op2.mssante.test"
            finally:
                await here.stop()
                await spare.stop()

    run(work)


# What waits ---------------------------------------------------------------------------------------


async def waits(here: Rig, rule: str) -> None:
    """It is deferred for this reason, and its sender hears nothing yet."""
    told = await here.event("relay-deferred")
    assert told["reason"] == rule
    assert len(here.store.queue()) == 1
    assert here.store.queue()[0].last_reply
    assert here.inbox() == []


@pytest.mark.parametrize(
    ("step", "reply"),
    [
        ("GREET", "421 4.3.2 busy"),
        ("EHLO", "421 4.3.2 busy"),
        ("STARTTLS", "454 4.7.0 no TLS now"),
        ("MAIL", "451 4.3.0 later"),
        ("RCPT", "450 4.2.0 greylisted"),
        ("DATA", "451 4.3.0 later"),
        ("END", "451 4.3.0 later"),
        ("GREET", LOST),
        ("EHLO", LOST),
        ("MAIL", LOST),
        ("RCPT", LOST),
        ("DATA", LOST),
        ("STARTTLS", LOST),
        ("GREET", "not smtp"),
        ("MAIL", "not smtp"),
    ],
)
def test_what_fails_for_now_arrives_later_and_once(
    pki: Pki, tmp_path: Path, step: str, reply: str
) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path) as (here, peer, _):
            peer.say(step, reply, reply)
            await here.send(BOB)
            await here.empty()
            assert len(peer.delivered) == 1
            told = here.events("relay-deferred")
            assert len(told) == 2
            assert reply in (LOST, "not smtp") or told[0]["reply"] == reply
            assert here.inbox() == []

    run(work)


def test_a_reply_lost_after_the_content_sends_the_same_transaction_again(
    pki: Pki, tmp_path: Path
) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path) as (here, peer, _):
            peer.say("END", LOST)
            await here.send(BOB, CARL)
            await here.empty()
            first, second = peer.delivered
            assert (first.mail, first.rcpt, first.content) == (
                second.mail, second.rcpt, second.content,
            )  # fmt: skip

    run(work)


def test_a_peer_that_is_down_gets_its_mail_when_it_is_up(pki: Pki, tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path, up=False) as (here, peer, door):
            await here.send(BOB)
            await waits(here, "unreachable")
            await door.start()
            await here.empty()
            assert len(peer.delivered) == 1

    run(work)


def test_dns_that_fails_holds_mail_back_until_it_works(pki: Pki, tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path) as (here, peer, _):
            here.dns.resolver.set_faults([DnsFault(kind="servfail")])
            await here.send(BOB)
            await waits(here, "dns-unavailable")
            here.dns.resolver.set_faults([])
            await here.empty()
            assert len(peer.delivered) == 1

    run(work)


def test_without_starttls_nothing_is_sent(pki: Pki, tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path) as (here, peer, _):
            peer.starttls = False
            await here.send(BOB)
            await waits(here, "starttls-missing")
            assert peer.delivered == []

    run(work)


def test_words_that_slip_in_between_starttls_and_tls_end_the_attempt(
    pki: Pki, tmp_path: Path
) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path) as (here, peer, _):
            peer.say("STARTTLS", "220 go\r\n250 mx")
            await here.send(BOB)
            await waits(here, "garbled")
            assert peer.delivered == []

    run(work)


def test_a_failure_is_final_only_when_every_host_has_it(pki: Pki, tmp_path: Path) -> None:
    pki.save(make_bad(pki.ca, "impostor", pki.theirs.plan), "impostor")

    async def work() -> None:
        async with rig(pki, tmp_path, certificate="impostor") as (here, _, _):
            await here.send(BOB)
            await waits(here, "unreachable")

    run(work)


def test_a_peer_that_takes_one_connection_gets_all_over_that_one(pki: Pki, tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path, per_domain=2, backoff=Backoff()) as (here, peer, _):
            peer.say("GREET", "220 mx ready", *["421 4.3.2 one at a time"] * 100)
            await asyncio.gather(*(here.send(BOB, content=CONTENT + b"%d" % n) for n in range(40)))
            await here.empty()
            assert len(peer.delivered) == 40
            assert here.events("relay-deferred") == []

    run(work)


def test_a_server_with_another_name_gets_nothing(pki: Pki, tmp_path: Path) -> None:
    pki.save(pki.ca.operator_server(TWO, ["mx.op3.mssante.test"]), "named")

    async def work() -> None:
        async with rig(pki, tmp_path, certificate="named") as (here, peer, _):
            await here.send(BOB)
            await waits(here, "relay-certificate-wrong-name")
            assert peer.delivered == []
            assert here.events("refused")[0]["reason"] == "relay-certificate-wrong-name"

    run(work)


def test_an_operator_that_the_list_does_not_give_the_domain_gets_nothing(
    pki: Pki, tmp_path: Path
) -> None:
    pki.save(pki.ca.operator_server(OTHER, [HOST]), "other")

    async def work() -> None:
        async with rig(pki, tmp_path, certificate="other") as (here, peer, _):
            await here.send(BOB)
            await waits(here, "relay-recipient-domain")
            assert peer.delivered == []
            refused = here.events("refused")[0]
            assert refused["reason"] == "relay-recipient-domain"
            assert "CH DE TEST" in refused["dn"]

    run(work)


def test_an_expired_server_certificate_holds_mail_back(pki: Pki, tmp_path: Path) -> None:
    pki.save(make_bad(pki.ca, "expired", pki.theirs.plan), "expired")

    async def work() -> None:
        async with rig(pki, tmp_path, certificate="expired") as (here, peer, _):
            await here.send(BOB)
            await waits(here, "relay-certificate-expired")
            assert peer.delivered == []

    run(work)


# What comes back ----------------------------------------------------------------------------------


def test_a_refused_message_comes_back_to_its_senders_inbox(pki: Pki, tmp_path: Path) -> None:
    async def work() -> None:
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

    run(work)


def test_a_refused_message_does_not_harm_the_next_on_its_connection(
    pki: Pki, tmp_path: Path
) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path, per_domain=1) as (here, peer, _):
            peer.say("RCPT", "550 5.1.1 no such user")
            await here.send(CARL)
            await here.send(BOB)
            await here.empty()
            assert [each.rcpt for each in peer.delivered] == [[f"RCPT TO:<{BOB}>"]]
            assert len(here.events("relay-failed")) == 1
            assert peer.connections == 1

    run(work)


def test_only_the_refused_recipients_come_back(pki: Pki, tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path) as (here, peer, _):
            peer.say(f"RCPT {CARL}", "550 5.1.1 no such user")
            await here.send(BOB, CARL)
            notice = await here.notice()
            assert f"Final-Recipient: rfc822; {CARL}".encode() in notice
            assert BOB.encode() not in notice
            assert [each.rcpt for each in peer.delivered] == [[f"RCPT TO:<{BOB}>"]]

    run(work)


def test_a_recipient_refused_for_now_does_not_hold_the_others_back(
    pki: Pki, tmp_path: Path
) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path) as (here, peer, _):
            peer.say(f"RCPT {CARL}", "450 4.2.0 later")
            await here.send(BOB, CARL)
            await here.empty()
            assert [each.rcpt for each in peer.delivered] == [
                [f"RCPT TO:<{BOB}>"],
                [f"RCPT TO:<{CARL}>"],
            ]

    run(work)


async def comes_back(here: Rig, status: str) -> bytes:
    notice = await here.notice()
    assert f"\r\nStatus: {status}\r\n".encode() in notice
    assert here.store.queue() == []
    assert here.behaviour.delivered == []
    return notice


def test_mail_for_a_domain_off_the_list_comes_back_without_a_connection(
    pki: Pki, tmp_path: Path
) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path) as (here, peer, _):
            here.domains = listed(pki, without="op2.mssante.test")
            await here.send(BOB)
            await comes_back(here, "5.7.1")
            assert peer.connections == 0
            assert here.events("refused")[0]["reason"] == "relay-domain-unlisted"

    run(work)


def test_a_domain_withdrawn_while_a_connection_is_open_gets_nothing_more(
    pki: Pki, tmp_path: Path
) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path) as (here, peer, _):
            await here.send(BOB)
            await here.empty()
            here.domains = listed(pki, without="op2.mssante.test")
            await here.send(BOB)
            await here.notice()
            assert len(peer.delivered) == 1

    run(work)


def test_a_domain_withdrawn_while_messages_wait_for_the_connection_gets_none_of_them(
    pki: Pki, tmp_path: Path
) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path, per_domain=1) as (here, peer, _):
            peer.hold = asyncio.Event()
            await here.send(BOB)
            await here.send(CARL, content=CONTENT + b"more\r\n")
            await until(lambda: len(here.runner._held) == 2 and peer.ends)
            here.domains = listed(pki, without="op2.mssante.test")
            peer.hold.set()
            await here.notice()
            assert [each.rcpt for each in peer.delivered] == [[f"RCPT TO:<{BOB}>"]]

    run(work)


def test_mail_for_a_server_whose_certificate_is_revoked_comes_back(
    pki: Pki, tmp_path: Path
) -> None:
    revoked = pki.save(pki.ca.operator_server(TWO, [HOST]), "revoked")
    pki.ca.revoke(revoked, "key-compromise")

    async def work() -> None:
        async with rig(pki, tmp_path, certificate="revoked") as (here, _, _):
            here.dns.resolver.zone = one_host()
            await here.send(BOB)
            notice = await comes_back(here, "5.7.1")
            assert "certificat de l'autre relais est révoqué".encode() in text(notice)

    run(work)


def test_mail_for_a_server_of_another_authority_comes_back(pki: Pki, tmp_path: Path) -> None:
    pki.save(make_bad(pki.ca, "impostor", pki.theirs.plan), "impostor")

    async def work() -> None:
        async with rig(pki, tmp_path, certificate="impostor") as (here, _, _):
            here.dns.resolver.zone = one_host()
            await here.send(BOB)
            await comes_back(here, "5.7.1")
            assert here.events("refused")[0]["reason"] == "relay-certificate-untrusted"

    run(work)


@pytest.mark.parametrize(
    ("recipient", "status"),
    [
        ("x@null.mssante.test", "5.1.10"),
        ("x@loop.mssante.test", "5.4.6"),
        ("x@op1.mssante.test", "5.4.6"),
        ("x@mssante.fr", "5.7.1"),
    ],
)
def test_mail_that_can_go_nowhere_comes_back(
    pki: Pki, tmp_path: Path, recipient: str, status: str
) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path) as (here, _, _):
            await here.send(recipient)
            await comes_back(here, status)

    run(work)


def test_an_international_address_comes_back_from_a_peer_that_knows_none(
    pki: Pki, tmp_path: Path
) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path) as (here, peer, _):
            peer.extensions = ("PIPELINING", "8BITMIME")
            await here.send("hélène@op2.mssante.test", smtputf8=True)
            notice = await comes_back(here, "5.6.7")
            assert "Final-Recipient: utf-8; hélène@op2.mssante.test".encode() in notice

    run(work)


def test_a_message_too_big_for_the_peer_comes_back_without_being_sent(
    pki: Pki, tmp_path: Path
) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path) as (here, peer, _):
            peer.extensions = ("SIZE 100",)
            await here.send(BOB, content=CONTENT + b"a" * 100 + b"\r\n")
            await comes_back(here, "5.3.4")

    run(work)


def test_what_never_succeeds_comes_back_when_its_time_is_over(pki: Pki, tmp_path: Path) -> None:
    async def work() -> None:
        backoff = Backoff(first=0.02, ceiling=0.05, lifetime=0.2, warn_after=50)
        async with rig(pki, tmp_path, up=False, backoff=backoff) as (here, _, _):
            await here.send(BOB)
            notice = await comes_back(here, "4.4.7")
            assert b"could not be delivered" in text(notice)

    run(work)


def test_a_sender_is_told_once_that_it_takes_long(pki: Pki, tmp_path: Path) -> None:
    async def work() -> None:
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

    run(work)


def test_success_is_reported_where_the_peer_does_not(pki: Pki, tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path) as (here, peer, _):
            peer.extensions = ("PIPELINING",)
            await here.send(Recipient(address=BOB, notify=("SUCCESS",)))
            assert b"\r\nAction: relayed\r\n" in await here.notice()
            assert len(peer.delivered) == 1

    run(work)


def test_a_notification_for_a_sender_elsewhere_is_relayed_from_nobody(
    pki: Pki, tmp_path: Path
) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path) as (here, peer, _):
            await here.send("x@null.mssante.test", sender=BOB)
            await here.empty()
            (taken,) = peer.delivered
            assert taken.mail.startswith("MAIL FROM:<> ")
            assert taken.rcpt == [f"RCPT TO:<{BOB}> NOTIFY=NEVER"]
            assert b"multipart/report" in taken.content

    run(work)


def test_a_notification_that_fails_is_not_answered(pki: Pki, tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path) as (here, peer, _):
            peer.say("RCPT", "550 5.1.1 no such user")
            await here.send("x@null.mssante.test", sender=BOB)
            await until(lambda: len(here.events("relay-failed")) == 2)
            await here.empty()
            assert here.inbox() == []

    run(work)


def test_a_notification_for_a_sender_who_is_gone_is_noted(pki: Pki, tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path) as (here, _, _):
            await here.send("x@null.mssante.test", sender="gone@op1.mssante.test")
            assert (await here.event("notice-lost"))["to"] == "gone@op1.mssante.test"
            await here.empty()

    run(work)


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


def test_a_disk_that_is_full_for_a_while_keeps_the_record_and_sends_nothing_twice(
    pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
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

    run(work)


def test_a_full_disk_does_not_keep_the_relay_from_stopping(
    pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path, recovery=Backoff(first=600)) as (here, peer, _):
            failing(monkeypatch, here.store, "settle", *[FULL] * 1000)
            await here.send(BOB)
            await here.event("relay-not-recorded")
            await here.stop()
            await here.start()
            await here.empty()
            assert [each.content for each in peer.delivered] == [CONTENT] * 2

    run(work)


@pytest.mark.parametrize("name", ["content", "due", "settle"])
def test_a_fault_of_ours_holds_mail_back_for_a_while_only(
    pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path) as (here, peer, _):
            error = sqlite3.OperationalError("disk I/O error")
            left = failing(monkeypatch, here.store, name, error, error)
            await here.send(BOB)
            await here.empty()
            assert not left
            assert {each.content for each in peer.delivered} == {CONTENT}
            assert len(here.events("relay-fault")) == 2

    run(work)


# Stops and starts ---------------------------------------------------------------------------------


def test_what_is_under_way_at_the_stop_is_sent_after_the_start(pki: Pki, tmp_path: Path) -> None:
    async def work() -> None:
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

    run(work)


def test_a_crash_between_acceptance_there_and_record_here_sends_the_same_again(
    pki: Pki, tmp_path: Path
) -> None:
    async def work() -> None:
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

    run(work)


def test_flush_tries_at_once_what_would_wait_and_asks_dns_anew(pki: Pki, tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path, backoff=Backoff()) as (here, peer, _):
            here.dns.resolver.zone = one_host("mx2.op2.mssante.test")
            await here.send(BOB)
            await waits(here, "unreachable")
            here.dns.resolver.zone = zone()
            here.runner.flush()
            await here.empty()
            assert len(peer.delivered) == 1

    run(work)


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


def test_a_connection_that_the_peer_gave_up_is_replaced_at_once(pki: Pki, tmp_path: Path) -> None:
    async def work() -> None:
        async with rig(pki, tmp_path, backoff=Backoff()) as (here, peer, _):
            await here.send(BOB)
            await here.empty()
            peer.say("MAIL", "421 4.4.2 tired of waiting")
            await here.send(CARL)
            await here.empty()
            assert len(peer.delivered) == 2
            assert here.events("relay-deferred") == []

    run(work)


def one_host(host: str = HOST) -> ZoneSpec:
    """The zone with one MX for the peer's domain: what it fails is failed for good."""
    only = MailDomain(name="op2.mssante.test", relays=((10, host),))
    return replace(zone(), domains=(only,))


def text(notice: bytes) -> bytes:
    return quopri.decodestring(notice)
