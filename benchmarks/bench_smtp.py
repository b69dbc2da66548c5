"""Our SMTP server beside aiosmtpd: same client, same work, same TLS, nothing stored, one run.

One unit of work is one message of `--size` octets by an authenticated client over implicit TLS
(MAIL, RCPT, DATA without pipelining), on kept connections or on one connection each. Ours does
besides what a submission server has to: owner of the mailbox, header, trace, journal. The client
shares the two cores, so compare the server's processor time. Then probes: what each answers to
input that a mail server must not misread.
Run: python benchmarks/bench_smtp.py
"""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.machine import arguments, keep  # noqa: E402
from sandbox.operators.journal import Journal  # noqa: E402
from sandbox.operators.listener import Listener, MailDoor, endpoint_context  # noqa: E402
from sandbox.operators.login import Logins  # noqa: E402
from sandbox.operators.model import Accepted, SaslName  # noqa: E402
from sandbox.operators.observing import Nobody  # noqa: E402
from sandbox.operators.post.office import PostOffice  # noqa: E402
from sandbox.operators.smtp import SubmissionServer  # noqa: E402
from sandbox.space.designs import Endpoint  # noqa: E402
from sandbox.space.places import Place  # noqa: E402
from sandbox.trust import KeyKind, Organisation, TestCA  # noqa: E402
from tests.operators.smtp.scripted import ALICE, BOB, actor  # noqa: E402

SERVERS = ("ours", "aiosmtpd")
LOGIN = b"AUTH PLAIN " + base64.b64encode(f"\0{ALICE}\0good".encode()) + b"\r\n"
HEAD = f"From: {ALICE}\r\nTo: {BOB}\r\nDate: Tue, 24 Nov 2026 22:00:00 +0000\r\n".encode()
PROBES = {
    "command ended by LF alone": b"NOOP\n",
    "command with a CR in it": b"NOOP\rRSET\r\n",
    "AUTH line of 3 kB": b"AUTH PLAIN " + b"QUFB" * 750 + b"\r\n",
    "DSN parameters": f"MAIL FROM:<{ALICE}> RET=HDRS ENVID=1\r\n".encode(),
    "DATA pipelined with its message": (
        f"MAIL FROM:<{ALICE}>\r\nRCPT TO:<{BOB}>\r\nDATA\r\n".encode() + HEAD + b"\r\n.\r\n"
    ),
    "message with LF . LF in it": HEAD + b"\r\na\n.\nMAIL FROM:<x@y.test>\r\n.\r\n",
    "message with a NUL": HEAD + b"\r\na\0\r\n.\r\n",
    "message with two From": HEAD + HEAD + b"\r\n.\r\n",
}


class _Nowhere:
    """A store that keeps nothing: SMTP alone is measured."""

    def has_mailbox(self, _: str) -> bool:
        return True

    async def accept(self, *_: Any, queue_id: str, **__: Any) -> str:
        return queue_id


class _Anybody:
    async def authenticate(self, *_: Any) -> Accepted:
        return Accepted(actor=actor())

    async def again(self, *_: Any) -> None:
        """Whoever was let in may stay."""


async def serve(kind: str, port: int, keys: Path) -> None:
    """Serve until killed."""
    context = endpoint_context(
        keys / "server/chain.pem", keys / "server/key.pem", "", client_certificate="none"
    )
    if kind == "ours":
        journal = Journal()
        post = PostOffice(
            _Nowhere(),  # type: ignore[arg-type]
            operator="op1", domains=frozenset({"op1.mssante.test"}), host="x", journal=journal,
        )  # fmt: skip
        logins = Logins(judge=_Anybody(), journal=journal, observer=Nobody())
        server = SubmissionServer(post, logins, may_receive=lambda _: None)
        endpoint = Endpoint(
            name="s", protocol="smtp", methods=(), host="x", address="s", port=port,
            certificate="s", tls="implicit", client_certificate="none",
        )  # fmt: skip
        place = Place(
            operator="op1", design="d", endpoint=endpoint, host="x", address="127.0.0.1", port=port
        )
        listener = Listener(place=place, mechanisms=(SaslName.PLAIN,), context=context)
        await MailDoor([listener], server.protocol).start()
    else:
        from aiosmtpd.smtp import SMTP, AuthResult

        logging.getLogger("mail.log").setLevel(logging.ERROR)

        class Handler:
            async def handle_DATA(self, *_: Any) -> str:  # noqa: N802 - aiosmtpd's name
                return "250 2.0.0 OK"

        def protocol() -> SMTP:
            return SMTP(
                Handler(), hostname="x", data_size_limit=26_214_400, enable_SMTPUTF8=True,
                auth_require_tls=False, authenticator=lambda *_: AuthResult(success=True),
                loop=asyncio.get_running_loop(),
            )  # fmt: skip

        await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port, ssl=context)
    print("ready", flush=True)
    await asyncio.Event().wait()


class Client:
    """A client that costs little."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        self.port, self.context = port, context

    async def __aenter__(self) -> Client:
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.context
        )
        await self.reply()
        await self.say(b"EHLO poste\r\n")
        assert (await self.say(LOGIN)).startswith(b"235")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def reply(self) -> bytes:
        """Return the last line of the next reply."""
        while (line := await self.reader.readline())[3:4] == b"-":
            pass
        return line

    async def say(self, text: bytes) -> bytes:
        """Send a command; return the last line of its reply."""
        self.writer.write(text)
        return await self.reply()

    async def send(self, content: bytes) -> bytes:
        """Send a message; return its reply."""
        for line in (f"MAIL FROM:<{ALICE}>", f"RCPT TO:<{BOB}>", "DATA"):
            await self.say(line.encode() + b"\r\n")
        return await self.say(content)


class Server:
    """One server in a process of its own."""

    def __init__(self, kind: str, keys: Path, port: int) -> None:
        command = [sys.executable, __file__, "--serve", kind, str(port), str(keys)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.process.stdout.readline()

    def processor_seconds(self) -> float:
        """Return what the process has used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_megabytes(self) -> int:
        """Return the most memory that the process had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024

    def stop(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


async def measure(
    server: Server, new: Any, *, messages: int, clients: int, size: int, kept: bool
) -> dict[str, float]:
    """Send messages; return rates."""
    content = HEAD + b"\r\n" + (b"x" * 74 + b"\r\n") * (size // 76) + b".\r\n"

    async def one() -> None:
        if kept:
            async with new() as client:
                for _ in range(messages // clients):
                    assert (await client.send(content)).startswith(b"250")
        else:
            for _ in range(messages // clients):
                async with new() as client:
                    assert (await client.send(content)).startswith(b"250")

    before, start = server.processor_seconds(), time.perf_counter()
    await asyncio.gather(*(one() for _ in range(clients)))
    seconds = time.perf_counter() - start
    return {
        "messages_per_second": round(messages / seconds, 1),
        "processor_ms": round(1000 * (server.processor_seconds() - before) / messages, 3),
    }


async def probe(new: Any, text: bytes) -> str:
    """Return what a server says to one probe."""
    async with new() as client:
        if text.startswith(HEAD):
            said = await client.send(text)
        else:
            said = await client.say(text)
            for _ in range(text.count(b"\n") - 1 if text.startswith(b"MAIL") else 0):
                said = await asyncio.wait_for(client.reply(), 1) or said
                if said[:3] in {b"354", b"554"}:
                    break
        return said.decode("ascii", "replace").strip()


async def run(messages: int, size: int, keys: Path) -> dict[str, Any]:
    """Measure and probe both."""
    context = ssl.create_default_context(cafile=str(keys / "bundle.pem"))
    context.check_hostname = False
    found: dict[str, Any] = {}
    for number, kind in enumerate(SERVERS):
        port = 24_000 + os.getpid() % 1000 * 2 + number
        server = Server(kind, keys, port)
        try:

            def new(port: int = port) -> Client:
                return Client(port, context)

            rounds = {
                "kept": {"messages": messages, "clients": 8, "size": size, "kept": True},
                "new": {"messages": messages // 4, "clients": 8, "size": size, "kept": False},
                "25 MB": {"messages": 12, "clients": 4, "size": 25_000_000, "kept": True},
            }
            await measure(server, new, messages=80, clients=8, size=size, kept=True)
            found[kind] = {
                name: await measure(server, new, **work)  # type: ignore[arg-type]
                for name, work in rounds.items()
            }
            found[kind]["peak_megabytes"] = server.peak_megabytes()
            found[kind]["probes"] = {name: await probe(new, text) for name, text in PROBES.items()}
        finally:
            server.stop()
    return found


def main() -> None:
    """Print and keep the figures."""
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])))
    given = arguments(__doc__ or "", messages=4_000, size=10_000)
    with tempfile.TemporaryDirectory() as folder:
        keys, ca = Path(folder), TestCA(key_kind=KeyKind.P256)
        organisation = Organisation(name="OPERATEUR", department="Paris (75)", finess="750000018")
        ca.endpoint_server(organisation, ["smtp.op1.mssante.test"]).save(keys / "server")
        (keys / "bundle.pem").write_bytes(ca.bundle_pem())
        found = asyncio.run(run(given.messages, given.size, keys))
    for name in ("kept", "new", "25 MB"):
        for kind in SERVERS:
            row = found[kind][name]
            print(
                f"{name:6} {kind:9} {row['messages_per_second']:8.0f} messages/s"
                f" {row['processor_ms']:9.3f} ms of processor each"
            )
    for kind in SERVERS:
        print(f"peak of {kind}: {found[kind]['peak_megabytes']} MB")
    for name in PROBES:
        print(name)
        for kind in SERVERS:
            print(f"    {kind:9} {found[kind]['probes'][name]}")
    keep(given.out, found)


if __name__ == "__main__":
    main()
