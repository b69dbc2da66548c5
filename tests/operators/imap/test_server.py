"""Over real sockets and TLS: clients that we did not write, held logins, time-outs, bounds."""

from __future__ import annotations

import asyncio
import contextlib
import imaplib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from sandbox.observations.schema import Cause
from sandbox.operators.imap import ImapSettings
from sandbox.operators.model import CertificateCredentials, SaslName
from sandbox.operators.room import ByteRoom
from tests.operators.imap.conftest import HOST, Keys, Live, live
from tests.operators.imap.dialogue import NOW

MESSAGE = b"From: Dr <dr@op2.mssante.test>\r\nSubject: bonjour\r\n\r\nUn message.\r\n"


LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True, params=sorted(LOOPS))
def loop_factory(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    """A space runs on either kind of event loop, and so does each test."""
    return LOOPS[request.param]


async def until(reader: asyncio.StreamReader, start: bytes) -> list[bytes]:
    """Return the lines up to the one that begins with `start`."""
    got = []
    while True:
        line = await reader.readline()
        assert line, got
        got.append(line)
        if line.startswith(start):
            return got


async def logged_in(here: Live) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await here.connect()
    await reader.readline()
    writer.write(b"a LOGIN anne good\r\n")
    assert (await reader.readline()).startswith(b"a OK")
    return reader, writer


async def test_imaplib_over_implicit_tls(tmp_path: Path, keys: Keys) -> None:
    def talk(port: int) -> None:
        with imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=context) as client:
            client.login("anne", "good")
            client.select()
            assert client.append("INBOX", "\\Flagged", None, MESSAGE)[0] == "OK"
            client.noop()
            kind, found = client.search(None, "SUBJECT", '"bonjour"')
            assert (kind, found) == ("OK", [b"1"])
            _, fetched = client.fetch("1", "(FLAGS RFC822)")
            assert isinstance(fetched[0], tuple)
            assert fetched[0][1] == MESSAGE
            client.store("1", "+FLAGS", "\\Deleted")
            assert client.expunge()[1] == [b"1"]
            assert client.create('"R&AOk-sultats"')[0] == "OK"
            assert b'(\\HasNoChildren) "/" R&AOk-sultats' in client.list()[1]
            client.unselect()

    context = keys.client()
    context.check_hostname = False  # imaplib connects by address

    async with live(tmp_path, keys) as here:
        await asyncio.to_thread(talk, here.door.port)
        await here.closed()


async def test_imaplib_with_starttls_and_a_token(tmp_path: Path, keys: Keys) -> None:
    def talk(port: int) -> None:
        client = imaplib.IMAP4("127.0.0.1", port)
        assert "STARTTLS" in client.capabilities
        assert "LOGINDISABLED" in client.capabilities
        client.starttls(context)
        assert "AUTH=XOAUTH2" in client.capabilities
        client.authenticate("XOAUTH2", lambda _: b"user=anne\x01auth=Bearer good\x01\x01")
        client.select(readonly=True)
        client.logout()

    context = keys.client()
    context.check_hostname = False

    async with live(tmp_path, keys, tls="starttls") as here:
        await asyncio.to_thread(talk, here.door.port)
        await here.closed()
        [seen] = here.world.seen.logins
        assert seen.channel.tls == "TLSv1.3"
        assert seen.cause is None
        assert (seen.backend, seen.person) == (1.0, 2.0)


async def test_what_is_sent_in_clear_behind_starttls_is_thrown_away(
    tmp_path: Path, keys: Keys
) -> None:
    async with live(tmp_path, keys, tls="starttls") as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.door.port)
        await reader.readline()
        writer.write(b"a STARTTLS\r\nb LOGIN anne good\r\n")
        assert (await reader.readline()).startswith(b"a OK")
        await writer.start_tls(keys.client(), server_hostname=HOST)
        writer.write(b"c NOOP\r\n")
        assert await reader.readline() == b"c OK NOOP completed\r\n"
        assert here.world.gate.asked == []
        writer.close()


async def test_a_held_login_is_kept_alive_then_answered(tmp_path: Path, keys: Keys) -> None:
    async with live(tmp_path, keys, ImapSettings(keepalive_seconds=0.02)) as here:
        here.world.gate.open.clear()
        reader, writer = await here.connect()
        await reader.readline()
        writer.write(b"a LOGIN anne good\r\nb NOOP\r\n")
        for _ in range(3):
            assert (await reader.readline()).startswith(b"* OK Still waiting")
        here.world.gate.open.set()
        got = await until(reader, b"b ")
        assert [line[:4] for line in got if not line.startswith(b"*")] == [b"a OK", b"b OK"]
        writer.close()


async def test_a_held_login_is_cancelled_when_its_client_hangs_up(
    tmp_path: Path, keys: Keys
) -> None:
    async with live(tmp_path, keys) as here:
        here.world.gate.open.clear()
        reader, writer = await here.connect()
        await reader.readline()
        writer.write(b"a LOGIN anne good\r\n")
        while not here.world.gate.asked:
            await asyncio.sleep(0.01)
        writer.close()
        while not here.world.seen.logins:
            await asyncio.sleep(0.01)
        assert here.world.gate.cancelled == 1
        assert here.world.seen.logins[0].cause is Cause.CLIENT_TIMEOUT


async def test_who_pours_commands_into_a_held_login_is_cut(tmp_path: Path, keys: Keys) -> None:
    async with live(tmp_path, keys) as here:
        here.world.gate.open.clear()
        reader, writer = await here.connect()
        await reader.readline()
        writer.write(b"a LOGIN anne good\r\n")
        while not here.world.gate.asked:
            await asyncio.sleep(0.01)
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                writer.write(b"b NOOP\r\n" * 1000)
                await writer.drain()
        await here.closed()
        assert here.world.gate.cancelled == 1
        writer.close()


async def test_a_silent_stranger_is_told_and_closed(tmp_path: Path, keys: Keys) -> None:
    async with live(tmp_path, keys, ImapSettings(login_seconds=0.1)) as here:
        reader, writer = await here.connect()
        assert (await reader.read()).endswith(b"* BYE Nothing was heard for too long\r\n")
        writer.close()


async def test_a_silent_holder_is_told_and_closed(tmp_path: Path, keys: Keys) -> None:
    async with live(tmp_path, keys, ImapSettings(login_seconds=0.1, idle_seconds=0.3)) as here:
        reader, writer = await logged_in(here)
        assert (await reader.read()) == b"* BYE Nothing was heard for too long\r\n"
        writer.close()


async def test_who_stops_in_the_middle_of_a_message_is_told_and_closed(
    tmp_path: Path, keys: Keys
) -> None:
    settings = ImapSettings(login_seconds=0.1, idle_seconds=600, stalled_seconds=0.2)
    async with live(tmp_path, keys, settings) as here:
        reader, writer = await logged_in(here)
        writer.write(b"b APPEND INBOX {100+}\r\nFrom: ")
        assert (await reader.read()) == b"* BYE Nothing was heard for too long\r\n"
        writer.close()


async def test_a_session_ends_with_its_token(tmp_path: Path, keys: Keys) -> None:
    async with live(tmp_path, keys) as here:
        here.world.gate.expires_at = NOW + 0.1
        reader, writer = await logged_in(here)
        assert (await reader.read()).startswith(b"* BYE The session's authentication has exp")
        writer.close()


async def test_idle_tells_of_a_delivery(tmp_path: Path, keys: Keys) -> None:
    async with live(tmp_path, keys) as here:
        reader, writer = await logged_in(here)
        writer.write(b"b SELECT INBOX\r\nc IDLE\r\n")
        await until(reader, b"+ idling")
        await here.world.deliver(MESSAGE)
        assert await reader.readline() == b"* 1 EXISTS\r\n"
        assert await reader.readline() == b"* 1 RECENT\r\n"
        writer.write(b"DONE\r\n")
        assert await reader.readline() == b"c OK IDLE terminated\r\n"
        writer.close()


async def test_a_certificate_is_judged_before_the_greeting(tmp_path: Path, keys: Keys) -> None:
    async with live(tmp_path, keys) as here:
        reader, writer = await here.connect(card=True)
        assert (await reader.readline()).startswith(b"* OK ")  # the gate knows another one
        assert here.world.gate.asked == [CertificateCredentials(mechanism=SaslName.NONE)]
        writer.write(b'b LIST "" "*"\r\n')
        assert await reader.readline() == b"b BAD Log in first\r\n"
        writer.close()


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_who_has_no_certificate_where_one_is_required_is_told_so(
    tmp_path: Path, keys: Keys, tls: str
) -> None:
    async with live(tmp_path, keys, tls=tls, certificate="required") as here:
        if tls == "implicit":
            reader, writer = await here.connect()
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", here.door.port)
            await reader.readline()
            writer.write(b"a STARTTLS\r\n")
            await reader.readline()
            await writer.start_tls(keys.client(), server_hostname=HOST)
        assert await reader.read() == b"* BYE A client certificate is required here\r\n"
        writer.close()
        [event] = [e for e in here.world.journal.since() if e["event"] == "refused"]
        assert event["reason"] == "certificate-missing"
        [seen] = here.world.seen.logins
        assert (seen.reason, seen.cause) == (
            "certificate-missing", Cause.CERTIFICATE_REFUSED
        )  # fmt: skip


async def test_large_messages_come_whole_to_a_slow_client(tmp_path: Path, keys: Keys) -> None:
    large = b"Subject: large\r\n\r\n" + b"0123456789abcde\n" * 400_000

    async with live(tmp_path, keys) as here:
        await here.world.append(large, large)
        reader, writer = await logged_in(here)
        writer.write(b"b SELECT INBOX\r\nc FETCH 1:2 BODY.PEEK[]\r\nd NOOP\r\n")
        for _ in range(2):
            line = (await until(reader, b"* "))[-1]
            while b"FETCH" not in line:
                line = (await until(reader, b"* "))[-1]
            assert await reader.readexactly(len(large)) == large
            assert await reader.readline() == b")\r\n"
            await asyncio.sleep(0.05)
        await until(reader, b"d OK")
        writer.close()


async def test_a_client_that_takes_nothing_is_cut(tmp_path: Path, keys: Keys) -> None:
    large = b"Subject: large\r\n\r\n" + b"0123456789abcde\n" * 600_000

    async with live(tmp_path, keys, ImapSettings(stalled_seconds=0.2)) as here:
        await here.world.append(large)
        _, writer = await logged_in(here)
        writer.write(b"b SELECT INBOX\r\n" + b"c FETCH 1 BODY.PEEK[]\r\n" * 9)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await here.closed()
        writer.close()


async def test_three_refusals_end_the_connection(tmp_path: Path, keys: Keys) -> None:
    async with live(tmp_path, keys) as here:
        reader, writer = await here.connect()
        await reader.readline()
        writer.write(b"a LOGIN anne bad\r\nb LOGIN anne bad\r\nc LOGIN anne bad\r\nd NOOP\r\n")
        got = (await reader.read()).splitlines()
        assert [line.split()[0] for line in got] == [b"a", b"b", b"c", b"*"]
        assert got[-1].startswith(b"* BYE")
        writer.close()


curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


async def curled(here: Live, *arguments: str) -> tuple[int, str]:
    command = await asyncio.create_subprocess_exec(
        "curl", "-sS", "--cacert", str(here.keys.folder / "bundle.pem"), "--max-time", "20",
        "--resolve", f"{HOST}:{here.door.port}:127.0.0.1", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    out, _ = await command.communicate()
    assert command.returncode is not None
    return command.returncode, out.decode()


@curl
@pytest.mark.parametrize(
    "login", [["--user", "anne:good"], ["--user", "anne", "--oauth2-bearer", "good"]]
)
async def test_curl_reads_a_message(tmp_path: Path, keys: Keys, login: list[str]) -> None:
    async with live(tmp_path, keys) as here:
        await here.world.deliver(MESSAGE)
        url = f"imaps://{HOST}:{here.door.port}/INBOX;MAILINDEX=1"
        code, out = await curled(here, url, *login)
        assert (code, out.encode()) == (0, MESSAGE)


@curl
async def test_curl_appends_a_message(tmp_path: Path, keys: Keys) -> None:
    (tmp_path / "message").write_bytes(MESSAGE)

    async with live(tmp_path, keys) as here:
        url = f"imaps://{HOST}:{here.door.port}/Sent"
        code, out = await curled(here, url, "--user", "anne:good", "-T", str(tmp_path / "message"))
        assert (code, out) == (0, "")
        found = here.world.service.store.folder("anne.roux@op1.mssante.test", "Sent")
        assert found is not None
        assert [row.size for row in here.world.service.store.rows(found.id)] == [len(MESSAGE)]


async def test_a_flood_of_commands_does_not_keep_others_waiting(tmp_path: Path, keys: Keys) -> None:
    async with live(tmp_path, keys) as here:
        reader, writer = await logged_in(here)
        flood = [b"%d NOOP\r\n" % number for number in range(20_000)]
        writer.write(b"".join(flood))
        other_reader, other = await logged_in(here)
        other.write(b"b NOOP\r\n")
        assert await other_reader.readline() == b"b OK NOOP completed\r\n"
        for number in range(20_000):
            assert await reader.readline() == b"%d OK NOOP completed\r\n" % number
        for each in (writer, other):
            each.close()


async def test_messages_under_way_share_a_bounded_room(tmp_path: Path, keys: Keys) -> None:
    async with live(tmp_path, keys) as here:
        room = here.world.service.room = ByteRoom(600_000)
        half = b"b APPEND INBOX {500000+}\r\n" + b"x" * 400_000
        slow = await logged_in(here)
        slow[1].write(half)
        while room.take(300_000):  # until that has come
            room.give(300_000)
            await asyncio.sleep(0.01)
        other = await logged_in(here)
        other[1].write(half)
        assert (await other[0].readline()).startswith(b"* BYE The server is short of memory")
        slow[1].write(b"x" * 100_000 + b"\r\n")
        assert b"b OK [APPENDUID" in await slow[0].readuntil(b"completed\r\n")
        third = await logged_in(here)
        third[1].write(half + b"x" * 100_000 + b"\r\n")
        assert b"b OK [APPENDUID" in await third[0].readuntil(b"completed\r\n")
        for _, writer in (slow, other, third):
            writer.close()
        await here.closed()


async def test_hundreds_of_half_commands_cost_little_and_harm_nobody(
    tmp_path: Path, keys: Keys
) -> None:
    async with live(tmp_path, keys, tls="starttls") as here:
        halves = [await asyncio.open_connection("127.0.0.1", here.door.port) for _ in range(300)]
        for reader, writer in halves:
            await reader.readline()
            writer.write(b"a LOGIN {4000}\r\n" + b"x" * 3_999)
        reader, writer = await asyncio.open_connection("127.0.0.1", here.door.port)
        await reader.readline()
        writer.write(b"a NOOP\r\n")
        assert await reader.readline() == b"a OK NOOP completed\r\n"
        for _, each in (*halves, (reader, writer)):
            each.close()
        await here.closed()
