"""Sockets, TLS and tasks around the provider: two listeners, one loop, no busy waiting."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sandbox.psc.certificates import TlsFiles, make_tls_files
from sandbox.psc.ciba import AuthRequest, Decision
from sandbox.psc.clock import Clock
from sandbox.psc.control import control_routes
from sandbox.psc.control_access import ControlAccess
from sandbox.psc.notifications import Sender
from sandbox.psc.provider import Options, Provider
from sandbox.psc.settings import Settings, settings_for
from sandbox.psc.store import Store
from sandbox.psc.web import ABORT, PEER_CERTIFICATE, application, service_name
from sandbox.space.errors import UserError
from sandbox.trust.tls import server_context

__all__ = [
    "Listening",
    "Running",
    "bind",
    "prepare",
    "running",
    "serve",
    "serve_app",
    "web_server",
]

HOST = "127.0.0.1"
LONGEST_NAP = 3_600.0


class _CertificateProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which also tells the application the peer's certificate (DER)."""

    def on_message_begin(self) -> None:
        """Open a scope and put the certificate in it."""
        super().on_message_begin()
        # Starlette ignores keys that it does not know.
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope[ABORT] = self.transport.abort
        tls = self.transport.get_extra_info("ssl_object")
        if tls is not None:
            scope[PEER_CERTIFICATE] = tls.getpeercert(binary_form=True)


def bind(port: int, host: str = HOST) -> socket.socket:
    """Listen on a loopback address.

    Raises:
        UserError: the port is taken, or may not be opened.
    """
    # With the protocol named, asyncio sets TCP_NODELAY on what is accepted: else each answer waits
    # 40 ms for a delayed acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        reason = error.strerror if isinstance(error, OSError) else "port ?"
        raise UserError(
            f"{host}:{port} : {reason} ; choisir un autre port / choose another port"
        ) from None
    listener.listen(1024)
    return listener


def tls_context(files: TlsFiles, *, ask_certificate: bool) -> ssl.SSLContext:
    """Return a server context: TLS 1.2 or later, AEAD suites only (BCP 195, F8)."""
    context = server_context(files.chain, files.key)
    if ask_certificate:
        context.load_verify_locations(files.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def web_server(app: ASGIApp, context: ssl.SSLContext | None) -> uvicorn.Server:
    """Return a server for `serve_app`, HTTPS with a context.

    A client's certificate that TLS verified is in the scope, under `web.PEER_CERTIFICATE`.
    """
    config = uvicorn.Config(
        app,
        http=_CertificateProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        proxy_headers=False,
        log_level="critical",
        server_header=False,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=65_536,
        limit_concurrency=20_000,
        backlog=1024,
    )
    config.load()
    config.ssl = context
    return uvicorn.Server(config)


async def serve_app(server: uvicorn.Server, listener: socket.socket) -> None:
    """Serve until `should_exit`, without uvicorn's signal handlers."""
    await server._serve([listener])  # noqa: SLF001  (serve() would take the process's signals)


async def _work(provider: Provider, sender: Sender, stop: asyncio.Event) -> None:
    """Send what is in the outbox and do what is due, sleeping in between."""
    loop = asyncio.get_running_loop()
    woken = asyncio.Event()

    def wake() -> None:
        loop.call_soon_threadsafe(woken.set)

    provider.wake = wake
    sending: set[asyncio.Task[None]] = set()

    async def send_one(notification: Any) -> None:
        provider.requests.delivered(notification, await sender.send(notification))

    try:
        while not stop.is_set():
            woken.clear()
            provider.tick()
            while provider.requests.outbox:
                task = asyncio.create_task(send_one(provider.requests.outbox.popleft()))
                sending.add(task)
                task.add_done_callback(sending.discard)
            due = provider.requests.next_due()
            nap = LONGEST_NAP if due is None else min(max(due - provider.now(), 0.001), LONGEST_NAP)
            if provider.clock.frozen:
                nap = LONGEST_NAP
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), nap)
    finally:
        provider.wake = lambda: None
        if sending:
            await asyncio.wait(sending, timeout=5)
        await sender.close()


@dataclass(slots=True)
class Running:
    """A provider that answers on sockets."""

    provider: Provider
    files: TlsFiles
    port: int
    mtls_port: int

    @property
    def issuer(self) -> str:
        """The issuer identifier."""
        return self.provider.issuer

    @property
    def origin(self) -> str:
        """`https://localhost:port`."""
        return self.provider.origin

    def url(self, endpoint: str, *, mtls: bool = False) -> str:
        """Return an endpoint's address (`token`, `backchannel`, ...)."""
        origin = self.provider.mtls_origin if mtls else self.provider.origin
        return f"{origin}{self.provider.settings.paths[endpoint]}"

    def advance(self, seconds: float) -> float:
        """Move the clock."""
        return self.provider.advance(seconds)

    @property
    def phones(self) -> str:
        """The page of the phones, secret included: open it once."""
        access = ControlAccess(self.provider.control_secret, service_name(self.provider))
        return access.address(self.origin)

    def decide(
        self, national_id: str | None, decision: str = "approve", *, client_id: str | None = None
    ) -> AuthRequest:
        """Decide the newest pending request of a person (of anyone), of one client if named.

        Raises:
            UserError: nothing is pending.
        """
        waiting = self.provider.requests.waiting(national_id, client_id)
        if not waiting:
            raise UserError("aucune demande en attente / no pending request")
        return self.provider.requests.decide(waiting[0].ticket, Decision(decision))

    def approve(self, national_id: str | None = None) -> AuthRequest:
        """Approve the newest pending request of a person (of anyone)."""
        return self.decide(national_id, "approve")

    def refuse(self, national_id: str | None = None) -> AuthRequest:
        """Refuse the newest pending request of a person (of anyone)."""
        return self.decide(national_id, "refuse")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """A provider whose sockets are bound; `serve` makes it answer."""

    running: Running
    servers: tuple[tuple[uvicorn.Server, socket.socket], ...]
    sender: Sender


def prepare(
    settings: Settings,
    *,
    folder: Path,
    port: int,
    mtls_port: int,
    host_name: str,
    options: Options,
    state: Path | None,
    clock: Clock | None,
    files: TlsFiles | None,
    address: str = HOST,
) -> Listening:
    """Bind the sockets and build the provider; see `running` for the members.

    `address` is the loopback address to listen on.

    Raises:
        UserError: a port or the state file cannot be opened.
    """
    files = files or make_tls_files(folder)
    listener = bind(port, address)
    try:
        mtls_listener = bind(mtls_port, address)
    except UserError:
        listener.close()
        raise
    chosen, mtls_chosen = listener.getsockname()[1], mtls_listener.getsockname()[1]
    provider = Provider(
        settings,
        f"https://{host_name}:{chosen}",
        mtls_origin=f"https://{host_name}:{mtls_chosen}",
        options=options,
        store=Store(state),
        clock=clock,
    )
    app = application(provider, control_routes(provider))
    plain = web_server(app, tls_context(files, ask_certificate=False))
    mutual = web_server(app, tls_context(files, ask_certificate=True))
    trust = ssl.create_default_context(cafile=str(files.ca))
    return Listening(
        running=Running(provider, files, chosen, mtls_chosen),
        servers=((plain, listener), (mutual, mtls_listener)),
        sender=Sender(trust),
    )


async def serve(listening: Listening, stop: asyncio.Event, ready: Any = None) -> None:
    """Serve until `stop` is set."""
    tasks = [asyncio.create_task(serve_app(s, sock)) for s, sock in listening.servers]
    worker = asyncio.create_task(_work(listening.running.provider, listening.sender, stop))
    while not all(server.started for server, _ in listening.servers):
        await asyncio.sleep(0.005)
    if ready is not None:
        ready(listening.running)
    await stop.wait()
    for server, _ in listening.servers:
        server.should_exit = True
        if server.server_state.tasks:
            await asyncio.wait(set(server.server_state.tasks), timeout=0.3)
        for connection in list(server.server_state.connections):
            # Idle keep-alive connections and event streams would hold the stop back.
            connection.transport.abort()
    listening.running.provider.wake()
    await asyncio.gather(*tasks, worker)


@contextlib.contextmanager
def running(
    profile: str = "psc",
    *,
    port: int = 0,
    mtls_port: int = 0,
    host_name: str = "localhost",
    options: Options | None = None,
    state: Path | None = None,
    clock: Clock | None = None,
    files: TlsFiles | None = None,
    **changes: Any,
) -> Iterator[Running]:
    """Run a provider in a thread for as long as the block lasts.

    `changes` are settings (`interval=5`, `fapi=True` ...). `files` are certificates from another
    CA; `state` a file that survives; `clock` a clock to share.

    Raises:
        UserError: a setting, a port or a file is wrong.
    """
    settings = settings_for(profile, **changes)
    with tempfile.TemporaryDirectory(prefix="psc-") as folder:
        listening = prepare(
            settings,
            folder=Path(folder),
            port=port,
            mtls_port=mtls_port,
            host_name=host_name,
            options=options or Options(),
            state=state,
            clock=clock,
            files=files,
        )
        ready = threading.Event()
        failures: list[BaseException] = []
        box: dict[str, Any] = {}

        async def main() -> None:
            box["stop"] = asyncio.Event()
            box["loop"] = asyncio.get_running_loop()
            await serve(listening, box["stop"], lambda _: ready.set())

        def target() -> None:
            try:
                asyncio.run(main())
            except BaseException as error:  # noqa: BLE001  (handed to the caller's thread)
                failures.append(error)
            finally:
                ready.set()

        thread = threading.Thread(target=target, name="psc", daemon=True)
        thread.start()
        ready.wait(30)
        try:
            if failures:
                raise failures[0]
            yield listening.running
        finally:
            if not failures:
                box["loop"].call_soon_threadsafe(box["stop"].set)
            thread.join(10)
            listening.running.provider.store.close()
        if failures:
            raise failures[0]
