"""The three views on sockets, in a thread of its own: for tests, a space, the command line."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import TracebackType
from typing import Self

import uvicorn

from sandbox.directory.directory import Directory
from sandbox.directory.fhir import FhirOptions
from sandbox.directory.http import EXTRACTION_PATH, FHIR_PATH, make_app
from sandbox.directory.ldap import LdapLimits, LdapServer
from sandbox.space.errors import UserError

__all__ = ["DirectoryServer", "ServerOptions"]

_START_SECONDS = 30.0
_GRACE_SECONDS = 0.3


@dataclass(frozen=True)
class ServerOptions:
    """Where and how to serve. A port of 0 is any free one; None is none at all.

    Attributes:
        host: Loopback address.
        ldap_port: LDAP, with StartTLS when there is a TLS context.
        ldaps_port: LDAPS; needs a TLS context.
        http_port: FHIR and extractions: HTTPS with a TLS context, HTTP without one.
        context: TLS context of all three.
        limits: Bounds on LDAP.
        fhir: Behaviour of FHIR.

    Raises:
        UserError: an address that is not loopback, or LDAPS without TLS.
    """

    host: str = "127.0.0.1"
    ldap_port: int | None = 0
    ldaps_port: int | None = None
    http_port: int | None = 0
    context: ssl.SSLContext | None = None
    limits: LdapLimits = field(default_factory=LdapLimits)
    fhir: FhirOptions = field(default_factory=FhirOptions)

    def __post_init__(self) -> None:
        try:
            loopback = ip_address(self.host).is_loopback
        except ValueError:
            loopback = False
        if not loopback:
            raise UserError(f"host {self.host!r}: the sandbox binds to 127.0.0.0/8 only")
        if self.ldaps_port is not None and self.context is None:
            raise UserError("LDAPS needs a certificate")


class _Quiet(uvicorn.Server):
    """uvicorn without its signal handlers: the thread is not the main one."""

    def install_signal_handlers(self) -> None:
        """Leave signals to the main thread."""


class DirectoryServer:
    """Serves a directory while its `with` block lasts.

    Args:
        directory: What to serve.
        options: Where and how.

    Attributes:
        ports: Ports in use: `ldap`, `ldaps`, `http`.
    """

    def __init__(self, directory: Directory, options: ServerOptions | None = None) -> None:
        self._directory = directory
        self._options = options or ServerOptions()
        self.ports: dict[str, int] = {}
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="directory", daemon=True)

    @property
    def fhir_url(self) -> str:
        """Base URL of FHIR."""
        return f"{self._http_url}{FHIR_PATH}"

    @property
    def extraction_url(self) -> str:
        """URL under which extractions are."""
        return f"{self._http_url}{EXTRACTION_PATH}"

    @property
    def _http_url(self) -> str:
        scheme = "https" if self._options.context else "http"
        return f"{scheme}://{self._options.host}:{self.ports['http']}"

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(_START_SECONDS)
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:  # noqa: BLE001
            self._failure = failure
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        options = self._options
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        ldap = LdapServer(
            self._directory,
            options.host,
            options.ldap_port,
            options.ldaps_port,
            options.context,
            options.limits,
        )
        async with ldap:
            self.ports.update(ldap.ports)
            if options.http_port is None:
                self._ready.set()
                await self._stop.wait()
                return
            family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
            # With the protocol named, asyncio turns Nagle off: 40 ms less for each answer.
            with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((options.host, options.http_port))
                listener.listen(128)
                self.ports["http"] = listener.getsockname()[1]
                await self._serve_http(listener)

    async def _serve_http(self, listener: socket.socket) -> None:
        config = uvicorn.Config(
            make_app(self._directory, self._options.fhir),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            h11_max_incomplete_event_size=65_536,
            timeout_graceful_shutdown=2,
        )
        config.load()
        config.ssl = self._options.context
        server = _Quiet(config)
        assert self._stop is not None
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        stopping = asyncio.create_task(self._stop.wait())
        while not (server.started or serving.done()):
            await asyncio.sleep(0.01)
        self._ready.set()
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        stopping.cancel()
        if server.server_state.tasks:
            await asyncio.wait(set(server.server_state.tasks), timeout=_GRACE_SECONDS)
        for connection in list(server.server_state.connections):
            # A client that keeps its connection open would hold the stop back.
            connection.transport.abort()
        await serving
