"""Mail of the queue that arrives at a peer on real sockets, over few connections."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from sandbox.operators.mail import Recipient
from sandbox.operators.relay import runner
from sandbox.operators.relay.backoff import Backoff

from .peer import peer_door
from .rig import ANNE, BOB, CARL, CONTENT, HOST, Pki, rig


async def test_mail_arrives_over_mutual_tls(pki: Pki, tmp_path: Path) -> None:
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


async def test_recipients_at_one_domain_share_a_transaction(pki: Pki, tmp_path: Path) -> None:
    async with rig(pki, tmp_path) as (here, peer, _):
        await here.send(CARL, Recipient(address=BOB, notify=("FAILURE",), orcpt="rfc822;b@x"))
        await here.empty()
        (taken,) = peer.delivered
        assert taken.rcpt == [
            f"RCPT TO:<{BOB}> NOTIFY=FAILURE ORCPT=rfc822;b@x",
            f"RCPT TO:<{CARL}>",
        ]


async def test_messages_share_a_connection_also_after_a_pause(pki: Pki, tmp_path: Path) -> None:
    async with rig(pki, tmp_path, per_domain=1) as (here, peer, _):
        for number in range(5):
            await here.send(BOB, content=CONTENT + f"{number}\r\n".encode())
        await here.empty()
        await here.send(BOB)
        await here.empty()
        assert len(peer.delivered) == 6
        assert peer.connections == 1


async def test_the_return_path_of_a_copy_delivered_here_is_not_relayed(
    pki: Pki, tmp_path: Path
) -> None:
    async with rig(pki, tmp_path) as (here, peer, _):
        await here.send(BOB, content=b"Return-Path: <anne@op1.mssante.test>\r\n" + CONTENT)
        await here.empty()
        assert [each.content for each in peer.delivered] == [CONTENT]


async def test_a_connection_ends_after_its_number_of_messages(pki: Pki, tmp_path: Path) -> None:
    options = {"per_domain": 1, "per_connection": 2}
    async with rig(pki, tmp_path, **options) as (here, peer, _):
        for number in range(5):
            await here.send(BOB, content=CONTENT + f"{number}\r\n".encode())
        await here.empty()
        assert len(peer.delivered) == 5
        assert peer.connections == 3


async def test_much_mail_arrives_once_each_over_few_connections(pki: Pki, tmp_path: Path) -> None:
    async with rig(pki, tmp_path) as (here, peer, _):
        contents = [CONTENT + f"{number}\r\n".encode() for number in range(200)]
        await asyncio.gather(*(here.send(BOB, content=each) for each in contents))
        await here.empty()
        assert sorted(each.content for each in peer.delivered) == sorted(contents)
        assert peer.connections <= 4


async def test_a_long_queue_is_taken_in_parts_that_keep_each_message_whole(
    pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "MOST_HELD", 20)

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


async def test_the_next_host_gets_what_the_first_cannot(pki: Pki, tmp_path: Path) -> None:
    async with rig(pki, tmp_path, up=False) as (here, peer, _):
        spare = peer_door(pki.listener("theirs", "127.0.12.2", here.port), peer)
        await spare.start()
        try:
            await here.send(BOB)
            assert (await here.event("relay-delivered"))["host"] == "mx2.op2.mssante.test"
        finally:
            await here.stop()
            await spare.stop()
