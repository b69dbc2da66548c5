"""Mail of the queue that waits for a peer on real sockets, and arrives later and once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sandbox.operators.relay.backoff import Backoff
from sandbox.trust import make_bad
from sandbox.trust.resolver import DnsFault

from .peer import LOST
from .rig import (
    BOB,
    CARL,
    CONTENT,
    HOST,
    OTHER,
    TWO,
    Pki,
    rig,
    waits,
)


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
async def test_what_fails_for_now_arrives_later_and_once(
    pki: Pki, tmp_path: Path, step: str, reply: str
) -> None:
    async with rig(pki, tmp_path) as (here, peer, _):
        peer.say(step, reply, reply)
        await here.send(BOB)
        await here.empty()
        assert len(peer.delivered) == 1
        told = here.events("relay-deferred")
        assert len(told) == 2
        assert reply in (LOST, "not smtp") or told[0]["reply"] == reply
        assert here.inbox() == []


async def test_a_reply_lost_after_the_content_sends_the_same_transaction_again(
    pki: Pki, tmp_path: Path
) -> None:
    async with rig(pki, tmp_path) as (here, peer, _):
        peer.say("END", LOST)
        await here.send(BOB, CARL)
        await here.empty()
        first, second = peer.delivered
        assert (first.mail, first.rcpt, first.content) == (
            second.mail, second.rcpt, second.content,
        )  # fmt: skip


async def test_a_peer_that_is_down_gets_its_mail_when_it_is_up(pki: Pki, tmp_path: Path) -> None:
    async with rig(pki, tmp_path, up=False) as (here, peer, door):
        await here.send(BOB)
        await waits(here, "unreachable")
        await door.start()
        await here.empty()
        assert len(peer.delivered) == 1


async def test_dns_that_fails_holds_mail_back_until_it_works(pki: Pki, tmp_path: Path) -> None:
    async with rig(pki, tmp_path) as (here, peer, _):
        here.dns.resolver.set_faults([DnsFault(kind="servfail")])
        await here.send(BOB)
        await waits(here, "dns-unavailable")
        here.dns.resolver.set_faults([])
        await here.empty()
        assert len(peer.delivered) == 1


async def test_without_starttls_nothing_is_sent(pki: Pki, tmp_path: Path) -> None:
    async with rig(pki, tmp_path) as (here, peer, _):
        peer.starttls = False
        await here.send(BOB)
        await waits(here, "starttls-missing")
        assert peer.delivered == []


async def test_words_that_slip_in_between_starttls_and_tls_end_the_attempt(
    pki: Pki, tmp_path: Path
) -> None:
    async with rig(pki, tmp_path) as (here, peer, _):
        peer.say("STARTTLS", "220 go\r\n250 mx")
        await here.send(BOB)
        await waits(here, "garbled")
        assert peer.delivered == []


async def test_a_failure_is_final_only_when_every_host_has_it(pki: Pki, tmp_path: Path) -> None:
    pki.save(make_bad(pki.ca, "impostor", pki.theirs.plan), "impostor")

    async with rig(pki, tmp_path, certificate="impostor") as (here, _, _):
        await here.send(BOB)
        await waits(here, "unreachable")


async def test_a_peer_that_takes_one_connection_gets_all_over_that_one(
    pki: Pki, tmp_path: Path
) -> None:
    async with rig(pki, tmp_path, per_domain=2, backoff=Backoff()) as (here, peer, _):
        peer.say("GREET", "220 mx ready", *["421 4.3.2 one at a time"] * 100)
        await asyncio.gather(*(here.send(BOB, content=CONTENT + b"%d" % n) for n in range(40)))
        await here.empty()
        assert len(peer.delivered) == 40
        assert here.events("relay-deferred") == []


async def test_a_server_with_another_name_gets_nothing(pki: Pki, tmp_path: Path) -> None:
    pki.save(pki.ca.operator_server(TWO, ["mx.op3.mssante.test"]), "named")

    async with rig(pki, tmp_path, certificate="named") as (here, peer, _):
        await here.send(BOB)
        await waits(here, "relay-certificate-wrong-name")
        assert peer.delivered == []
        assert here.events("refused")[0]["reason"] == "relay-certificate-wrong-name"


async def test_an_operator_that_the_list_does_not_give_the_domain_gets_nothing(
    pki: Pki, tmp_path: Path
) -> None:
    pki.save(pki.ca.operator_server(OTHER, [HOST]), "other")

    async with rig(pki, tmp_path, certificate="other") as (here, peer, _):
        await here.send(BOB)
        await waits(here, "relay-recipient-domain")
        assert peer.delivered == []
        refused = here.events("refused")[0]
        assert refused["reason"] == "relay-recipient-domain"
        assert "CH DE TEST" in refused["dn"]


async def test_an_expired_server_certificate_holds_mail_back(pki: Pki, tmp_path: Path) -> None:
    pki.save(make_bad(pki.ca, "expired", pki.theirs.plan), "expired")

    async with rig(pki, tmp_path, certificate="expired") as (here, peer, _):
        await here.send(BOB)
        await waits(here, "relay-certificate-expired")
        assert peer.delivered == []
