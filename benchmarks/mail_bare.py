"""What every login costs before there is an operator: TCP, TLS and our event loop, nothing behind.

The same door and TLS as an operator's, answering LOGIN and LOGOUT with a line each.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.mail_load import Account, Operator
from benchmarks.mail_peers import ORGANISATION, Side, client_context
from sandbox.serve import Door, server_context
from sandbox.trust import KeyKind, TestCA

__all__ = ["bare"]

HOST = "mail.a.mssante.test"


class _Answers(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n")

    def data_received(self, data: bytes) -> None:
        tag, word = data.split()[:2]
        self.transport.write(tag + b" OK done\r\n")
        if word == b"LOGOUT":
            self.transport.close()


async def _serve(folder: Path) -> None:
    context = server_context(
        folder / "chain.pem", folder / "key.pem",
        authorities=(folder / "ca.pem").read_text(), client_certificate="optional",
    )  # fmt: skip
    door = Door(lambda _: _Answers(), context=context)
    await door.start()
    print(door.port, flush=True)
    await asyncio.Event().wait()


@contextlib.contextmanager
def bare() -> Iterator[Side]:
    """Run such a server in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="mss-bench-") as name:
        folder, ca = Path(name), TestCA(key_kind=KeyKind.P256)
        ca.endpoint_server(ORGANISATION, [HOST]).save(folder)
        (folder / "ca.pem").write_bytes(ca.bundle_pem())
        words = [sys.executable, str(Path(__file__).resolve()), str(folder)]
        child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        try:
            assert child.stdout is not None
            place = ("127.0.0.1", int(child.stdout.readline()), HOST)
            account = Account("a", "a", lambda: "b", client_context(ca.bundle_pem()))
            operator = Operator(place, place, (account,))
            yield Side("TLS and event loop alone", operator, operator, (child.pid,), relays=False)
        finally:
            child.terminate()
            child.wait(10)


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1])))
