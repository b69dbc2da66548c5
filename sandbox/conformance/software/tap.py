"""A wire tap: passes bytes on to an endpoint, and reads what a client says in its ClientHello."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import dataclass
from typing import Self

from sandbox.conformance.client.hello import read_hello

__all__ = ["Hello", "Tap"]


@dataclass(frozen=True)
class Hello:
    """What a client offered in TLS.

    Attributes:
        name: server name (SNI), empty where it sent none.
        tls13: it offered TLS 1.3.
        resumes: it came with a ticket of an earlier session.
        port: local port of the connection to the endpoint, as the operator's journal has it.
    """

    name: str
    tls13: bool
    resumes: bool
    port: int


class Tap:
    """A door at an address of its own, at the endpoint's port, which leads to the endpoint.

    The port stays: a token is for one host and port (RFC 7628 §3.1).

    Args:
        address, port: of the endpoint.
        tls: implicit; in what begins in the clear no ClientHello is read.

    Attributes:
        address: where it listens; a client's name of the endpoint has to lead there.
        hellos: one for each connection that began with TLS, oldest first.
        ports: local ports of the connections to the endpoint, as the operator's journal has them.
        lasted: how long connections that are over were open, s, by `Hello.port`.
    """

    def __init__(self, address: str, port: int, *, tls: str = "implicit") -> None:
        self._to, self._implicit = (address, port), tls == "implicit"
        self._door, self.address = _door(port)
        self.hellos: list[Hello] = []
        self.ports: set[int] = set()
        self.lasted: dict[int, float] = {}
        self._over = threading.Condition()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="tap", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def settled(self, seconds: float) -> None:
        """Wait until all connections are over, a while at most: `lasted` has them then."""
        with self._over:
            self._over.wait_for(lambda: len(self.lasted) >= len(self.ports), seconds)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._door.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near, contextlib.suppress(OSError), socket.create_connection(self._to) as far:
            begin, port = time.monotonic(), far.getsockname()[1]
            self.ports.add(port)
            first = _record(near) if self._implicit else b""
            read = read_hello(first) if first else None
            if read is not None:
                hello = Hello(read.name, tls13=read.tls13, resumes=read.resumes, port=port)
                self.hellos.append(hello)
            far.sendall(first)
            back = threading.Thread(target=_pass_on, args=(far, near), daemon=True)
            back.start()
            _pass_on(near, far)
            with self._over:
                self.lasted[port] = time.monotonic() - begin
                self._over.notify_all()
            back.join()


def _door(port: int) -> tuple[socket.socket, str]:
    """Listen at the first loopback address of the taps' block that is free at a port."""
    for number in range(1, 1 << 14):
        address = f"127.231.{number >> 8}.{number & 255}"
        with contextlib.suppress(OSError):
            return socket.create_server((address, port), backlog=64), address
    raise OSError(f"no address for a tap at port {port}")


def _record(near: socket.socket) -> bytes:
    """Return the first TLS record, or all that came before the end."""
    data = b""
    while len(data) < 5 or len(data) < 5 + int.from_bytes(data[3:5]):
        more = near.recv(65536)
        if not more:
            break
        data += more
    return data


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    with contextlib.suppress(OSError):
        other.shutdown(socket.SHUT_WR)
