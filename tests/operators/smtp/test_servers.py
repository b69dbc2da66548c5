"""The servers behind a real door: clients that we did not write, over real TLS, on a real store."""

from __future__ import annotations

import asyncio
import shutil
import smtplib
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from sandbox.operators.model import Accepted, SaslName
from sandbox.operators.smtp import SmtpLimits
from sandbox.operators.smtp.dialogue import SmtpDialogue
from sandbox.space.methods import Method
from tests.operators.smtp.scripted import ALICE, BOB, FAR, MESSAGE, actor
from tests.operators.smtp.served import HOST, Place, in_thread, place


def send(at: Place, *, tls: str, certificate: str = "", password: str = "good") -> None:
    if tls == "implicit":
        client: smtplib.SMTP = smtplib.SMTP_SSL(
            "127.0.0.1", at.port, context=at.context(certificate), local_hostname="poste"
        )
    else:
        client = smtplib.SMTP("127.0.0.1", at.port, local_hostname="poste")
        client.starttls(context=at.context(certificate))
    with client:
        if password:
            client.login(ALICE, password)
        client.sendmail(ALICE, [BOB, FAR], MESSAGE)


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_a_message_reaches_the_inbox_and_the_queue(
    keys: Path, tmp_path: Path, tls: str
) -> None:
    async with place(keys, tmp_path, tls=tls) as at:
        await in_thread(lambda: send(at, tls=tls))
        content = at.inbox(BOB)[0]
        assert content.startswith(f"Return-Path: <{ALICE}>\r\nReceived: from poste ".encode())
        assert content.endswith(b"\r\n\r\nBonjour\r\n")
        assert [each.recipient.address for each in at.store.queue()] == [FAR]
        assert at.seen.logins[0].method is Method.TOTP
        assert at.seen.logins[0].tls > 0
        assert at.authenticator.channels[0].tls == "TLSv1.3"
        assert len(at.seen.connections) == 1
        assert [each.mailbox for each in at.seen.deliveries] == [BOB]
        events = [each["event"] for each in at.journal.since()]
        assert events == ["accepted"]


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_a_certificate_alone_sends(keys: Path, tmp_path: Path, tls: str) -> None:
    only = (SaslName.NONE, SaslName.EXTERNAL)

    async with place(keys, tmp_path, tls=tls, certificate="required", mechanisms=only) as at:
        await in_thread(lambda: send(at, tls=tls, certificate="client", password=""))
        assert len(at.inbox(BOB)) == 1


async def test_a_missing_certificate_is_told_in_words(keys: Path, tmp_path: Path) -> None:
    async with place(keys, tmp_path, certificate="required", mechanisms=(SaslName.NONE,)) as at:
        with pytest.raises(smtplib.SMTPConnectError, match="certificate is required"):
            await in_thread(lambda: send(at, tls="implicit", password=""))


async def test_a_wrong_password_is_refused_and_observed(keys: Path, tmp_path: Path) -> None:
    async with place(keys, tmp_path) as at:
        with pytest.raises(smtplib.SMTPAuthenticationError, match="Authentication failed"):
            await in_thread(lambda: send(at, tls="implicit", password="bad"))
        assert {each.reason for each in at.seen.logins} == {"bad-password"}


async def connect(at: Place) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", at.port, ssl=at.context())
    await reader.readline()
    writer.write(b"EHLO poste\r\n")
    while (await reader.readline())[3:4] == b"-":
        pass
    return reader, writer


HELD = b"AUTH PLAIN AGFsaWNlQG9wMS5tc3NhbnRlLnRlc3QAaG9sZA==\r\n"


async def test_a_held_login_leaves_the_others_alone(keys: Path, tmp_path: Path) -> None:
    async with place(keys, tmp_path) as at:
        reader, writer = await connect(at)
        writer.write(HELD)
        await at.authenticator.asked.wait()
        await in_thread(lambda: send(at, tls="implicit"))
        assert len(at.inbox(BOB)) == 1
        at.authenticator.telephone.set()
        assert (await reader.readline()).startswith(b"235 ")
        writer.close()


async def test_a_client_that_goes_away_cancels_its_held_login(keys: Path, tmp_path: Path) -> None:
    async with place(keys, tmp_path) as at:
        _, writer = await connect(at)
        writer.write(HELD)
        await at.authenticator.asked.wait()
        writer.close()
        await at.authenticator.cancelled.wait()
        while not at.seen.logins:
            await asyncio.sleep(0)
        assert at.seen.logins[0].cause is not None


async def test_an_abrupt_end_does_not_take_the_reply_away(keys: Path, tmp_path: Path) -> None:
    async with place(keys, tmp_path) as at:
        reader, writer = await connect(at)
        writer.write(b"NOOP\nNOOP\r\n" + b"x" * 1_000_000)
        assert await reader.readline() == (
            b"521 5.5.2 Bare CR or LF received; lines end with CRLF\r\n"
        )
        writer.close()


async def test_a_silent_client_is_cut(keys: Path, tmp_path: Path) -> None:
    async with place(keys, tmp_path, limits=SmtpLimits(login_seconds=0.2)) as at:
        reader, writer = await connect(at)
        assert (await reader.readline()).startswith(b"421 4.4.2 ")
        writer.close()


async def test_a_fault_in_the_dialogue_is_told_too(
    keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with place(keys, tmp_path) as at:
        monkeypatch.setattr(SmtpDialogue, "_noop", None)
        reader, writer = await connect(at)
        writer.write(b"NOOP\r\n")
        assert (await reader.readline()).startswith(b"421 4.3.0 ")
        writer.close()


async def test_a_session_ends_with_its_token(keys: Path, tmp_path: Path) -> None:
    async with place(keys, tmp_path) as at:

        async def authenticate(*_: object) -> Accepted:
            return Accepted(actor=actor(expires_at=time.time() + 0.1))

        at.authenticator.authenticate = authenticate  # type: ignore[method-assign]
        reader, writer = await connect(at)
        writer.write(HELD)
        assert (await reader.readline()).startswith(b"235 ")
        assert (await reader.readline()).startswith(b"421 4.7.0 Authentication expired")
        writer.close()


async def test_a_flood_behind_a_held_login_ends_both(keys: Path, tmp_path: Path) -> None:
    async with place(keys, tmp_path) as at:
        reader, writer = await connect(at)
        writer.write(HELD)
        await at.authenticator.asked.wait()
        writer.write(b"NOOP\r\n" * 100_000)
        assert (await reader.readline()).startswith(b"554 5.5.0 ")
        await at.authenticator.cancelled.wait()
        writer.close()


async def test_commands_behind_a_message_wait_in_bounded_memory(keys: Path, tmp_path: Path) -> None:
    async with place(keys, tmp_path) as at:

        async def accept(*_: object, **__: object) -> str:
            await at.authenticator.telephone.wait()
            return "X"

        at.store.accept = accept  # type: ignore[assignment, method-assign]
        reader, writer = await connect(at)
        writer.write(HELD.replace(b"aG9sZA==", b"Z29vZA=="))
        await reader.readline()
        writer.write(f"MAIL FROM:<{ALICE}>\r\nRCPT TO:<{BOB}>\r\nDATA\r\n".encode())
        for _ in range(3):
            await reader.readline()
        writer.write(MESSAGE + b".\r\n" + b"NOOP\r\n" * 5_000_000)
        await asyncio.sleep(0.2)  # time enough to read far more than it does
        [inbound] = at.door._open
        assert inbound._real._dialogue.buffered < 1_000_000  # type: ignore[union-attr]
        at.authenticator.telephone.set()
        writer.transport.abort()


async def test_a_store_that_fails_gives_a_temporary_reply_and_keeps_nothing(
    keys: Path, tmp_path: Path
) -> None:
    async with place(keys, tmp_path) as at:
        await at.store._writer.close()
        with pytest.raises(smtplib.SMTPDataError, match="could not be stored"):
            await in_thread(lambda: send(at, tls="implicit"))
        assert at.inbox(BOB) == []


async def test_a_message_being_stored_is_kept_when_the_client_goes_and_the_server_stops(
    keys: Path,
    tmp_path: Path,
) -> None:
    async with place(keys, tmp_path) as at:
        good, under_way = at.store.accept, asyncio.Event()

        async def accept(*given: Any, **named: Any) -> str:
            under_way.set()
            await at.authenticator.telephone.wait()
            return await good(*given, **named)

        at.store.accept = accept  # type: ignore[method-assign]
        reader, writer = await connect(at)
        writer.write(HELD.replace(b"aG9sZA==", b"Z29vZA=="))
        await reader.readline()
        writer.write(f"MAIL FROM:<{ALICE}>\r\nRCPT TO:<{BOB}>\r\nDATA\r\n".encode())
        for _ in range(3):
            await reader.readline()
        writer.write(MESSAGE + b".\r\n")
        await under_way.wait()
        writer.transport.abort()
        await at.door.stop()
        settled = asyncio.ensure_future(at.server.settled())
        await asyncio.sleep(0)
        assert not settled.done()
        at.authenticator.telephone.set()
        await settled
        assert len(at.inbox(BOB)) == 1


async def test_what_is_injected_in_clear_behind_starttls_is_never_heard(
    keys: Path, tmp_path: Path
) -> None:
    async with place(keys, tmp_path, tls="starttls") as at:
        reader, writer = await asyncio.open_connection("127.0.0.1", at.port)
        await reader.readline()
        writer.write(b"EHLO poste\r\n")
        while (await reader.readline())[3:4] == b"-":
            pass
        writer.write(b"STARTTLS\r\nRSET\r\nEHLO attacker\r\n")
        assert (await reader.readline()).startswith(b"220 ")
        await writer.start_tls(at.context())
        writer.write(b"VRFY a@b.test\r\n")
        assert await reader.readline() == b"503 5.5.1 EHLO first\r\n"
        writer.close()


async def test_a_fault_of_ours_is_told_and_leaves_the_others_alone(
    keys: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with place(keys, tmp_path) as at:
        good, at.store.accept = at.store.accept, None  # type: ignore[assignment, method-assign]
        with pytest.raises(smtplib.SMTPDataError, match="Server error, try again later"):
            await in_thread(lambda: send(at, tls="implicit"))
        assert "TypeError" in caplog.text
        at.store.accept = good  # type: ignore[method-assign]
        await in_thread(lambda: send(at, tls="implicit"))
        assert len(at.inbox(BOB)) == 1


# Between operators


def relay_send(at: Place, *, certificate: str, sender: str, to: str, content: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", at.port, local_hostname="relay.op2.mssante.test") as client:
        client.starttls(context=at.context(certificate))
        client.sendmail(sender, [to], content)


RELAY: dict[str, Any] = {
    "tls": "starttls", "certificate": "required", "relay": True, "mechanisms": ()
}  # fmt: skip
THEIRS = f"From: {FAR}\r\nSubject: essai\r\nMessage-ID: <1@op2>\r\n\r\nBonjour\r\n".encode()


async def test_a_relayed_message_is_delivered_once_when_the_relay_repeats_it(
    keys: Path, tmp_path: Path
) -> None:
    async with place(keys, tmp_path, **RELAY) as at:
        for _ in range(2):
            await in_thread(lambda: relay_send(
                at, certificate="relay", sender=FAR, to=BOB, content=THEIRS,
            ))  # fmt: skip
        assert len(at.inbox(BOB)) == 1
        assert [each.relayed for each in at.seen.deliveries] == [True]
        events = [each["event"] for each in at.journal.since()]
        assert events == ["accepted", "repeated"]


async def test_a_relay_that_names_many_mailboxes_that_are_gone_is_heard_to_the_end(
    keys: Path,
    tmp_path: Path,
) -> None:
    async with place(keys, tmp_path, **RELAY) as at:
        gone = [f"gone{number}@op1.mssante.test" for number in range(200)]

        def relayed() -> dict[str, tuple[int, bytes]]:
            with smtplib.SMTP("127.0.0.1", at.port, local_hostname="relay") as client:
                client.starttls(context=at.context("relay"))
                return client.sendmail(FAR, [*gone, BOB], THEIRS)

        refused = await in_thread(relayed)
        assert sorted(refused) == sorted(gone)
        assert len(at.inbox(BOB)) == 1


async def test_a_relay_without_a_certificate_is_told_in_words(keys: Path, tmp_path: Path) -> None:
    async with place(keys, tmp_path, **RELAY) as at:
        with pytest.raises(smtplib.SMTPHeloError, match="certificate is required"):
            await in_thread(lambda: relay_send(
                at, certificate="", sender=FAR, to=BOB, content=THEIRS,
            ))  # fmt: skip


async def test_a_relay_with_another_name_is_refused(keys: Path, tmp_path: Path) -> None:
    async with place(keys, tmp_path, **RELAY) as at:
        with pytest.raises(smtplib.SMTPSenderRefused, match="Relaying not authorized"):
            await in_thread(lambda: relay_send(
                at, certificate="client", sender=FAR, to=BOB, content=THEIRS,
            ))  # fmt: skip
        assert at.inbox(BOB) == []


# Software that we did not write


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_curl_sends(keys: Path, tmp_path: Path, tls: str) -> None:
    async with place(keys, tmp_path, tls=tls) as at:
        (tmp_path / "message.eml").write_bytes(MESSAGE)
        scheme = "smtps" if tls == "implicit" else "smtp"
        command = [
            "curl", "-sS", "--ssl-reqd", "--cacert", str(keys / "bundle.pem"),
            "--connect-to", f"{HOST}:25:127.0.0.1:{at.port}",
            "--connect-to", f"{HOST}:465:127.0.0.1:{at.port}",
            f"{scheme}://{HOST}:{465 if tls == 'implicit' else 25}/poste", "--user",
            f"{ALICE}:good", "--mail-from", ALICE, "--mail-rcpt", BOB, "-T",
            str(tmp_path / "message.eml"),
        ]  # fmt: skip
        done = await in_thread(lambda: subprocess.run(command, capture_output=True, text=True))
        assert done.returncode == 0, done.stderr
        assert len(at.inbox(BOB)) == 1


@pytest.mark.skipif(shutil.which("swaks") is None, reason="swaks is not installed")
@pytest.mark.parametrize("tls", ["implicit", "starttls"])
async def test_swaks_sends(keys: Path, tmp_path: Path, tls: str) -> None:
    async with place(keys, tmp_path, tls=tls) as at:
        command = [
            "swaks", "--server", "127.0.0.1", "--port", str(at.port),
            "--tls-on-connect" if tls == "implicit" else "-tls", "--tls-ca-path",
            str(keys / "bundle.pem"), "--auth", "LOGIN", "--auth-user", ALICE,
            "--auth-password", "good", "--from", ALICE, "--to", BOB, "--ehlo", "poste",
        ]  # fmt: skip
        done = await in_thread(lambda: subprocess.run(command, capture_output=True, text=True))
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(at.inbox(BOB)) == 1
