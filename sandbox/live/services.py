"""What operators share: PKI over HTTP, the list of domains, DNS, directory, Pro Santé Connect."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from starlette.types import ASGIApp

from sandbox.directory import Directory, DirectoryServer, ServerOptions
from sandbox.live.keys import Keys
from sandbox.live.plan import OperatorPlan, ServicePlan, SpacePlan
from sandbox.psc import Clock, Options, Running, Settings, TlsFiles
from sandbox.psc.server import Listening, bind, prepare, serve, serve_app, web_server
from sandbox.trust import DomainLedger, DomainList, ListError, ListKeeper, ListPolicy, dn_of
from sandbox.trust.background import Service
from sandbox.trust.checking import load_bundle
from sandbox.trust.dns_server import DnsServer
from sandbox.trust.httpd import HttpServer
from sandbox.trust.publisher import ListPublisher
from sandbox.trust.resolver import Resolver
from sandbox.trust.service import LIST_PATH, PkiFaults, files_handler, list_handler, ocsp_handler
from sandbox.trust.tls import server_context

__all__ = [
    "DirectoryService",
    "ListReader",
    "ProviderService",
    "WebService",
    "enrol_domains",
    "list_url",
    "server_context_of",
    "server_files",
    "shared_certificates",
    "tls_files",
    "trust_services",
]

_REFRESH = 60.0  # s between two readings of the list
_TIMEOUT = 5.0


def server_files(keys: Keys, path: str) -> tuple[Path, Path]:
    """Return the chain and the key of a kept certificate."""
    return keys.folder / path / "chain.pem", keys.folder / path / "key.pem"


def server_context_of(keys: Keys, path: str) -> ssl.SSLContext:
    """Return the TLS context of an HTTPS server, from a kept certificate."""
    return server_context(*server_files(keys, path))


def list_url(plan: SpacePlan) -> str:
    """Return where the list of domains is."""
    return plan.domains.url(LIST_PATH)


def trust_services(
    plan: SpacePlan, keys: Keys, ledger: DomainLedger, faults: PkiFaults, *, dns_ttl: int
) -> list[Service]:
    """Return PKI (CRL, certificates, OCSP), list and DNS, ready to start."""
    zone = replace(plan.zone, ttl=dns_ttl)
    ca = keys.ca

    def http(at: ServicePlan, server: HttpServer) -> HttpServer:
        server.host, server.port = at.address, at.port
        return server

    publisher = ListPublisher(ledger, keys.list_signer(), ca.clock)
    return [
        http(plan.files, HttpServer(handler=files_handler(ca, faults))),
        http(plan.ocsp, HttpServer(handler=ocsp_handler(ca, faults))),
        http(
            plan.domains,
            HttpServer(
                handler=list_handler(publisher.current), context=server_context_of(keys, "list/web")
            ),
        ),
        DnsServer(resolver=Resolver(zone), host=plan.dns.address, port=plan.dns.port),
    ]


def enrol_domains(ledger: DomainLedger, operators: Iterable[OperatorPlan], keys: Keys) -> None:
    """Put the operators' domains on the list, with the name of their relay's certificate.

    A domain that was withdrawn stays withdrawn; one that somebody migrated stays where it is.
    """
    for operator in operators:
        if ledger.history(operator.domain):
            continue
        chain, _ = server_files(keys, f"{operator.label}/relay")
        name = dn_of(x509.load_pem_x509_certificate(chain.read_bytes()))
        ledger.add(
            operator.domain,
            [name],
            datetime.now(UTC),
            description=operator.organisation.name,
            responsible=f"responsable@{operator.domain}",
            support=f"support@{operator.domain}",
        )


class ListReader:
    """The operators' copy of the list: read over HTTPS, verified, read again every minute.

    A list that cannot be had or believed changes nothing: the last good one stays in force.

    Args:
        url: where the list is.
        bundle: PEM of roots and intermediates.
        path: where the last good list is kept.
        is_revoked: says whether the signer's certificate is revoked.
        complain: told why a reading failed.
    """

    def __init__(
        self,
        url: str,
        bundle: Path,
        path: Path,
        is_revoked: Callable[[x509.Certificate], bool],
        complain: Callable[[str], None],
    ) -> None:
        self._url = url
        policy = ListPolicy(bundle=load_bundle(bundle.read_bytes()), is_revoked=is_revoked)
        self._keeper = ListKeeper(policy, path)
        self._context = ssl.create_default_context(cafile=str(bundle))
        self._complain = complain
        self._tag = ""
        self._task: asyncio.Task[None] | None = None

    def domains(self) -> DomainList:
        """Return the list in force; nobody is on it before the first good one."""
        current = self._keeper.current
        if current is None:
            return DomainList(datetime.fromtimestamp(0, UTC), ())
        return current.domains

    async def start(self) -> None:
        """Take up the kept list, read the present one, go on reading."""
        self._keeper.restore(datetime.now(UTC))
        await self.refresh()
        self._task = asyncio.get_running_loop().create_task(self._follow())

    async def stop(self) -> None:
        """Read no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def refresh(self) -> None:
        """Read the list now."""
        headers = {"if-none-match": self._tag} if self._tag else {}
        try:
            async with httpx.AsyncClient(
                verify=self._context, trust_env=False, timeout=_TIMEOUT
            ) as client:
                answer = await client.get(self._url, headers=headers)
            if answer.status_code == httpx.codes.NOT_MODIFIED:
                return
            answer.raise_for_status()
            self._keeper.offer(answer.content, datetime.now(UTC))
        except (httpx.HTTPError, ListError) as error:
            self._complain(f"{self._url}: {error}")
        else:
            self._tag = answer.headers.get("etag", "")

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(_REFRESH)
            await self.refresh()


class ProviderService:
    """Pro Santé Connect, or an operator's own CIBA, on the loop that starts it.

    Args:
        settings: how it answers.
        options: people, clients, telephones.
        place: where it listens.
        mtls: where it listens for clients with certificates; None for any free port.
        files: certificate, key and authorities.
        state: file that survives.
        clock: the space's.
    """

    def __init__(
        self,
        settings: Settings,
        options: Options,
        *,
        place: ServicePlan,
        mtls: ServicePlan | None,
        files: TlsFiles,
        state: Path,
        clock: Clock,
    ) -> None:
        self._make: Callable[[], Listening] = lambda: prepare(
            settings,
            folder=state.parent,
            port=place.port,
            mtls_port=mtls.port if mtls else 0,
            host_name=place.address,
            options=options,
            state=state,
            clock=clock,
            files=files,
            address=place.address,
        )
        self._listening: Listening | None = None
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> Running:
        """The provider that answers."""
        assert self._listening is not None
        return self._listening.running

    async def start(self) -> None:
        """Answer when this returns.

        Raises:
            UserError: a port cannot be had.
        """
        self._listening = self._make()
        ready: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
        self._task = asyncio.get_running_loop().create_task(
            serve(self._listening, self._stop, ready.set_result)
        )
        waited: set[asyncio.Future[Any]] = {self._task, ready}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        """Answer no more; keep the state."""
        if self._task is not None:
            self._stop.set()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._listening is not None:
            self._listening.running.provider.store.close()


class WebService:
    """An ASGI application over HTTPS on the loop that starts it.

    Args:
        app: what answers.
        place: where it listens.
        context: TLS.
    """

    def __init__(self, app: ASGIApp, place: ServicePlan, context: ssl.SSLContext) -> None:
        self._place = place
        self._server = web_server(app, context)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Answer when this returns.

        Raises:
            UserError: the port cannot be had.
        """
        listening = bind(self._place.port, self._place.address)
        self._task = asyncio.get_running_loop().create_task(serve_app(self._server, listening))
        while not (self._server.started or self._task.done()):
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Answer no more; cut what is open."""
        self._server.should_exit = True
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)


class DirectoryService:
    """LDAP, LDAPS, FHIR and extractions; the directory's server has a thread of its own."""

    def __init__(self, directory: Directory, plan: SpacePlan, keys: Keys) -> None:
        self._stack = contextlib.ExitStack()
        self._server = DirectoryServer(
            directory,
            ServerOptions(
                host=plan.annuaire.address,
                ldap_port=plan.ldap.port,
                ldaps_port=plan.ldaps.port,
                http_port=plan.annuaire.port,
                context=server_context_of(keys, "annuaire"),
            ),
        )

    @property
    def server(self) -> DirectoryServer:
        """The server, for its URLs."""
        return self._server

    async def start(self) -> None:
        """Answer when this returns."""
        await asyncio.to_thread(self._stack.enter_context, self._server)

    async def stop(self) -> None:
        """Answer no more."""
        await asyncio.to_thread(self._stack.close)


def tls_files(keys: Keys, path: str) -> TlsFiles:
    """Return a kept certificate as Pro Santé Connect takes it."""
    chain, key = server_files(keys, path)
    return TlsFiles(chain, key, keys.bundle, None)


def shared_certificates(plan: SpacePlan) -> Sequence[tuple[str, ServicePlan, tuple[str, ...]]]:
    """Return path, server and names of the certificates of what operators share."""
    psc = (plan.psc.host, f"auth.{plan.psc.host}", f"wallet.{plan.psc.host}")
    return (
        ("list/web", plan.domains, (plan.domains.host,)),
        ("annuaire", plan.annuaire, (plan.annuaire.host,)),
        ("psc", plan.psc, psc),
    )
