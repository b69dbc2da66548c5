"""What checks need of the world, and the world itself: sockets, time, HTTP, DNS, tokens."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable
from typing import Protocol

import dns.exception
import dns.resolver
import httpx

from sandbox.conformance.connection import CutError, Pipe, SilentError, UnreachableError
from sandbox.conformance.subject import CheckedDoor, Means, Subject

__all__ = ["Lab", "Sockets"]

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 30.0
LARGEST = 32 * 1024 * 1024  # octets of what is fetched


class Lab(Protocol):
    """The world, as checks meet it."""

    def open(self, door: CheckedDoor, *, seconds: float = ANSWER_SECONDS) -> Pipe:
        """Connect.

        Raises:
            UnreachableError: no connection.
        """

    def now(self) -> float:
        """Seconds since 1970."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""

    def fetch(self, url: str) -> bytes:
        """Return what a URL holds.

        Raises:
            UnreachableError: nothing.
        """

    def lookup(self, name: str, kind: str) -> list[str]:
        """Return records as text; none where there are none.

        Raises:
            UnreachableError: nobody answers.
        """

    def token(self, way: Means) -> str:
        """Return an access token of Pro Santé Connect for a person.

        Raises:
            UnreachableError: none is given.
        """

    def crash(self) -> None:
        """Kill the operator and start it again; returns when it was started.

        Raises:
            UnreachableError: it cannot be killed, or does not start.
        """


class _Socket:
    """A pipe over TCP."""

    def __init__(self, door: CheckedDoor, seconds: float) -> None:
        try:
            self._socket = socket.create_connection((door.address, door.port), CONNECT_SECONDS)
        except OSError as error:
            raise UnreachableError(
                f"{door.name} ({door.address}:{door.port}): {error.strerror or error}"
            ) from None
        self._socket.settimeout(seconds)

    def write(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except TimeoutError:
            raise SilentError from None
        except OSError:
            raise CutError from None

    def read(self) -> bytes:
        try:
            return self._socket.recv(65_536)
        except TimeoutError:
            raise SilentError from None
        except OSError:
            return b""

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()


class Sockets:
    """The world itself.

    Args:
        subject: whose DNS and commands are used.
        token: gives an access token for a way to log in; None where there is no way to one.
        crash: kills and starts again; None where the subject's own commands do, if any.
    """

    def __init__(
        self, subject: Subject, *, token: Callable[[Means], str] | None = None,
        crash: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        self._subject = subject
        self._token = token
        self._crash = crash

    def open(self, door: CheckedDoor, *, seconds: float = ANSWER_SECONDS) -> Pipe:
        """As `Lab`."""
        return _Socket(door, seconds)

    def now(self) -> float:
        """As `Lab`."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """As `Lab`."""
        time.sleep(seconds)

    def fetch(self, url: str) -> bytes:
        """As `Lab`; no proxy, no redirection."""
        try:
            with httpx.Client(trust_env=False, timeout=CONNECT_SECONDS) as http:
                answer = http.get(url).raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnreachableError(f"{url}: {type(error).__name__}") from None
        if len(answer.content) > LARGEST:
            raise UnreachableError(f"{url}: > {LARGEST} octets")
        return answer.content

    def lookup(self, name: str, kind: str) -> list[str]:
        """As `Lab`, of the subject's DNS."""
        if self._subject.dns is None:
            raise UnreachableError("DNS")
        address, port = self._subject.dns
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port, resolver.lifetime = [address], port, CONNECT_SECONDS
        try:
            return [each.to_text() for each in resolver.resolve(name, kind)]
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise UnreachableError(f"DNS {address}:{port}: {type(error).__name__}") from None

    def token(self, way: Means) -> str:
        """As `Lab`."""
        if way.token:
            return way.token
        if self._token is None:
            raise UnreachableError("Pro Santé Connect")
        return self._token(way)

    def crash(self) -> None:
        """As `Lab`."""
        if self._crash is not None:
            self._crash()
            return
        if not (self._subject.crash and self._subject.start):
            raise UnreachableError("aucune commande pour le tuer / no command to kill it")
        for command in (self._subject.crash, self._subject.start):
            try:
                done = subprocess.run(  # noqa: S603 - what the user's own file says
                    command, capture_output=True, timeout=120, check=False
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise UnreachableError(f"{command[0]}: {error}") from None
            if done.returncode:
                raise UnreachableError(f"{command[0]}: {done.returncode}")
