"""What operators share: PKI over HTTP, the list of domains, DNS, directory, Pro Santé Connect."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
from cryptography import x509

from sandbox.directory import Directory, DirectoryServer, ServerOptions
from sandbox.live.keys import Keys
from sandbox.live.plan import CitizensPlan, JoinedPlan, OperatorPlan, ServicePlan, SpacePlan
from sandbox.serve import HttpServer, Pool, Service, client_context, server_context
from sandbox.serve.plain import Handler, plain_app
from sandbox.trust import DomainLedger, DomainList, ListError, ListKeeper, ListPolicy, dn_of
from sandbox.trust.checking import load_bundle
from sandbox.trust.dns_server import DnsServer
from sandbox.trust.list_xml import ListPublisher
from sandbox.trust.resolver import Resolver
from sandbox.trust.server_files import TlsFiles
from sandbox.trust.service import LIST_PATH, PkiFaults, files_handler, list_handler, ocsp_handler

__all__ = [
    "DirectoryService",
    "ListReader",
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
    plan: SpacePlan,
    keys: Keys,
    ledger: DomainLedger,
    faults: PkiFaults,
    *,
    resolver: Resolver,
    pool: Pool,
) -> list[Service]:
    """Return PKI (CRL, certificates, OCSP), list and DNS, ready to start."""
    ca = keys.ca

    def http(at: ServicePlan, handler: Handler, certificate: str = "") -> HttpServer:
        context = server_context_of(keys, certificate) if certificate else None
        return HttpServer(
            app=plain_app(handler), host=at.address, port=at.port, context=context, pool=pool
        )

    publisher = ListPublisher(ledger, keys.list_signer(), ca.clock)
    return [
        http(plan.files, files_handler(ca, faults)),
        http(plan.ocsp, ocsp_handler(ca, faults)),
        http(plan.domains, list_handler(publisher.current, faults), "list/web"),
        DnsServer(resolver=resolver, host=plan.dns.address, port=plan.dns.port, pool=pool),
    ]


def enrol_domains(
    ledger: DomainLedger,
    operators: Iterable[OperatorPlan | CitizensPlan | JoinedPlan],
    keys: Keys,
) -> None:
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
        self._context = client_context(bundle)
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


class DirectoryService:
    """LDAP, LDAPS, FHIR and extractions; the directory's server has a thread of its own."""

    def __init__(self, directory: Directory, plan: SpacePlan, keys: Keys, connections: int) -> None:
        self._stack = contextlib.ExitStack()
        self._server = DirectoryServer(
            directory,
            ServerOptions(
                host=plan.annuaire.address,
                ldap_port=plan.ldap.port,
                ldaps_port=plan.ldaps.port,
                http_port=plan.annuaire.port,
                context=server_context_of(keys, "annuaire"),
                connections=connections,
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
    return TlsFiles(*server_files(keys, path), keys.bundle)


def shared_certificates(plan: SpacePlan) -> Sequence[tuple[str, ServicePlan, tuple[str, ...]]]:
    """Return path, server and names of the certificates of what operators share."""
    psc = (plan.psc.host, f"auth.{plan.psc.host}", f"wallet.{plan.psc.host}")
    return (
        ("list/web", plan.domains, (plan.domains.host,)),
        ("annuaire", plan.annuaire, (plan.annuaire.host,)),
        ("psc", plan.psc, psc),
        ("control", plan.control, (plan.control.host,)),
    )
