"""Those who connect and mean no mail: what they send, and how a crowd of them is counted."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Tree = dict[str, Any]
CLOSED, LISTENING, TIME_WAIT = 7, 10, 6  # of TCP, as /proc/net/tcp tells
PATIENCE = 60.0


def endpoint(sheet: Tree, design: str, name: str) -> Tree:
    """An endpoint of the first operator."""
    found: Tree = next(
        each for each in sheet["operators"][0]["designs"][design] if each["name"] == name
    )
    return found


def reach(where: Tree) -> socket.socket:
    """TCP and no more."""
    return socket.create_connection((where["address"], where["port"]), PATIENCE)


def secured(sheet: Tree, where: Tree) -> ssl.SSLSocket:
    """Implicit TLS without a certificate, past the greeting."""
    context = ssl.create_default_context(cafile=sheet["ca"]["bundle"])
    wrapped = context.wrap_socket(reach(where), server_hostname=where["host"])
    until(wrapped, rb"\r\n")
    return wrapped


def until(connection: socket.socket, pattern: bytes) -> bytes:
    """Read until what came ends with a pattern, or the server closes."""
    said = b""
    while not re.search(pattern + rb"\Z", said):
        try:
            data = connection.recv(65_536)
        except (ConnectionError, ssl.SSLError):
            break
        if not data:
            break
        said += data
    return said


def client_hello() -> bytes:
    """The first flight of a TLS client."""
    out = ssl.MemoryBIO()
    half = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="x.test")
    with contextlib.suppress(ssl.SSLWantReadError):
        half.do_handshake()
    return out.read()


def pour(connection: socket.socket, piece: bytes, times: int) -> None:
    """Send much, as long as the server takes it."""
    with contextlib.suppress(OSError):
        for _ in range(times):
            connection.sendall(piece)


@contextlib.contextmanager
def dripping(connections: list[socket.socket]) -> Iterator[None]:
    """Send a byte a second on each connection."""
    over = threading.Event()

    def drip() -> None:
        while not over.wait(1.0):
            for each in connections:
                with contextlib.suppress(OSError):
                    each.send(b"a")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def connections(pid: int, places: list[Tree]) -> int:
    """How many connections a process has at its endpoints, as the kernel counts them."""
    wanted = {(each["address"], each["port"]) for each in places}
    found = 0
    for line in Path(f"/proc/{pid}/net/tcp").read_text("ascii").splitlines()[1:]:
        local, _, state = line.split()[1:4]
        address, port = local.split(":")
        place = (socket.inet_ntoa(bytes.fromhex(address)[::-1]), int(port, 16))
        if place in wanted and int(state, 16) not in (CLOSED, LISTENING, TIME_WAIT):
            found += 1
    return found


def peak(pid: int) -> int:
    """Bytes of memory that a process has had at most."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024
