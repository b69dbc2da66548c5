"""Doors and tasks around the provider: three listeners, one loop, no busy waiting."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from starlette.types import ASGIApp

from sandbox.psc.ciba import AuthRequest, DeviceDecision
from sandbox.psc.client_certificates import (
    ClientCertificateJudge,
    ClientCertificates,
    psc_files,
    registered,
)
from sandbox.psc.clock import Clock
from sandbox.psc.control import control_routes, direct_decisions
from sandbox.psc.control_access import ControlAccess
from sandbox.psc.notifications import Sender
from sandbox.psc.provider import Provider, ProviderOptions
from sandbox.psc.settings import Settings, settings_for
from sandbox.psc.store import ProviderStore
from sandbox.psc.web import application, direct_of, service_name
from sandbox.serve import HttpServer, Pool, bind, client_context, server_context
from sandbox.serve import running as run
from sandbox.serve.any_certificate import any_certificate_context
from sandbox.serve.tls import CIPHERS
from sandbox.space.errors import UserError
from sandbox.trust import load_bundle
from sandbox.trust.checking import AskRevocation
from sandbox.trust.server_files import TlsFiles

__all__ = ["ProviderServer", "Running", "running"]

HOST = "127.0.0.1"
# FAPI 1.0 part 2, 8.5; BCP 195: what is left of TLS 1.2 with an RSA certificate.
FAPI_CIPHERS = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"
LONGEST_NAP = 3_600.0


@dataclass(frozen=True, slots=True)
class _Way:
    """A way in: its listening socket, and whether a client certificate is asked, or must be."""

    bound: socket.socket
    asks: Literal["none", "optional", "required"]

    @property
    def port(self) -> int:
        return int(self.bound.getsockname()[1])


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
        return access.address(self.provider.wallet_origin)

    def decide(
        self, national_id: str | None, decision: str = "approve", *, client_id: str | None = None
    ) -> AuthRequest:
        """Decide the newest pending request of a person (of anyone), of one client if named.

        Raises:
            UserError: nothing is pending.
        """
        waiting = self.provider.requests.waiting(national_id, client_id)
        if not waiting:
            raise UserError("aucune demande en attente", "no pending request")
        return self.provider.requests.decide(waiting[0].ticket, DeviceDecision(decision))

    def approve(self, national_id: str | None = None) -> AuthRequest:
        """Approve the newest pending request of a person (of anyone)."""
        return self.decide(national_id, "approve")

    def refuse(self, national_id: str | None = None) -> AuthRequest:
        """Refuse the newest pending request of a person (of anyone)."""
        return self.decide(national_id, "refuse")


class ProviderServer:
    """A provider on three doors: main, for clients with certificates, for browsers. A `Service`.

    Args:
        settings: how it answers.
        options: people, clients, telephones, faults.
        files: certificate, key and authorities.
        revocation: asks whether a client's certificate is revoked; None does not ask.
        port, mtls_port, wallet_port: main, with certificate, for browsers; 0 is any free one.
        host_name: in its URLs.
        address: loopback address to listen on.
        state: a file that survives; None forgets.
        clock: a clock to share.
        pool: bounds shared with other doors.
    """

    def __init__(
        self,
        settings: Settings,
        options: ProviderOptions,
        *,
        files: TlsFiles,
        revocation: AskRevocation | None = None,
        port: int,
        mtls_port: int = 0,
        wallet_port: int = 0,
        host_name: str,
        address: str = HOST,
        state: Path | None = None,
        clock: Clock | None = None,
        pool: Pool | None = None,
    ) -> None:
        self._settings, self._options, self._files = settings, options, files
        self._revocation = revocation
        self._address, self._host_name = address, host_name
        self._ports = (port, mtls_port, wallet_port)
        self._state, self._clock, self._pool = state, clock, pool
        self._stack = contextlib.AsyncExitStack()
        self._running: Running | None = None

    @property
    def running(self) -> Running:
        """The provider, once started."""
        assert self._running is not None
        return self._running

    async def start(self) -> None:
        """Answer when this returns.

        Raises:
            UserError: a port or the state file cannot be had.
        """
        files = self._files
        async with contextlib.AsyncExitStack() as stack:
            # In profile `psc` the main door asks too, as Pro Santé Connect's own software expects
            # of the host of tokens and CIBA.
            psc = self._settings.profile == "psc"
            asked: tuple[Literal["none", "optional", "required"], ...] = (
                "optional" if psc else "none", "required", "none",
            )  # fmt: skip
            main, mutual, wallet = (
                _Way(stack.enter_context(bind(self._address, port)), asks)
                for port, asks in zip(self._ports, asked, strict=True)
            )
            store = ProviderStore(self._state)
            stack.callback(store.close)
            provider = Provider(
                self._settings,
                f"https://{self._host_name}:{main.port}",
                mtls_origin=f"https://{self._host_name}:{mutual.port}",
                wallet_origin=f"https://{self._host_name}:{wallet.port}",
                options=self._options,
                store=store,
                clock=self._clock,
            )
            app, direct = (
                application(provider, control_routes(provider)),
                direct_of(provider) | direct_decisions(provider),
            )
            ciphers = FAPI_CIPHERS if self._settings.fapi else CIPHERS
            judge = ClientCertificateJudge(load_bundle(files.ca.read_bytes()), self._revocation)
            for way in (main, mutual, wallet):
                answering: ASGIApp = app
                if way.asks == "none":
                    context = server_context(files.chain, files.key, ciphers=ciphers)
                else:
                    context = any_certificate_context(files.chain, files.key, ciphers=ciphers)
                    answering = ClientCertificates(app, provider, judge, way.asks == "required")
                server = HttpServer(
                    app=answering, direct=None if way.asks == "required" else direct,
                    bound=way.bound, context=context, pool=self._pool,
                )  # fmt: skip
                await server.start()
                stack.push_async_callback(server.stop)
            self._running = Running(provider, files, main.port)
            stop = asyncio.Event()
            sender = Sender(client_context(files.ca))
            work = asyncio.get_running_loop().create_task(_work(provider, sender, stop))

            async def finish() -> None:
                stop.set()
                provider.wake()
                await work

            stack.push_async_callback(finish)
            self._stack = stack.pop_all()

    async def stop(self) -> None:
        """Answer no more; keep the state."""
        await self._stack.aclose()


@contextlib.contextmanager
def running(
    profile: str = "psc",
    *,
    port: int = 0,
    options: ProviderOptions | None = None,
    state: Path | None = None,
    clock: Clock | None = None,
    **changes: Any,
) -> Iterator[Running]:
    """Run a provider in a thread for as long as the block lasts.

    `changes` are settings (`interval=5`, `fapi=True` ...); `state` is a file that survives, `clock`
    a clock to share.

    Raises:
        UserError: a setting, a port or a file is wrong.
    """
    with tempfile.TemporaryDirectory(prefix="psc-") as folder:
        server = ProviderServer(
            settings_for(profile, **changes),
            options or ProviderOptions(),
            files=psc_files(Path(folder), rsa=changes.get("fapi", False)),
            revocation=registered(Path(folder)),
            port=port,
            host_name="localhost",
            state=state,
            clock=clock,
        )
        with run(server, name="psc"):
            yield server.running
