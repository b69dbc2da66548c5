"""The three views on doors: a service, or a `with` block that has a thread of its own."""

from __future__ import annotations

import ssl
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from typing import Self

from sandbox.directory.directory import Directory
from sandbox.directory.fhir import FhirOptions
from sandbox.directory.ldap import LdapLimits, LdapServer
from sandbox.directory.web import EXTRACTION_PATH, FHIR_PATH, make_app
from sandbox.serve import HttpServer, Pool, check_loopback, running
from sandbox.space.errors import UserError

__all__ = ["DirectoryServer", "ServerOptions"]


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
        connections: Open at once, all doors together; None is as each door bounds itself.

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
    connections: int | None = None

    def __post_init__(self) -> None:
        check_loopback(self.host)
        if self.ldaps_port is not None and self.context is None:
            raise UserError("LDAPS veut un certificat", "LDAPS needs a certificate")


class DirectoryServer:
    """Serves a directory: a `Service`, and a context manager that runs it in a thread.

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
        self._services = AsyncExitStack()
        self._thread = ExitStack()

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
        self._thread.enter_context(running(self, name="directory"))
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.close()

    async def start(self) -> None:
        """Listen.

        Raises:
            BindError: a port cannot be had.
        """
        options = self._options
        pool = None if options.connections is None else Pool(options.connections)
        async with AsyncExitStack() as stack:
            ldap = LdapServer(
                directory=self._directory,
                host=options.host,
                port=options.ldap_port,
                tls_port=options.ldaps_port,
                context=options.context,
                limits=options.limits,
                pool=pool,
            )
            await ldap.start()
            stack.push_async_callback(ldap.stop)
            self.ports.update(ldap.ports)
            if options.http_port is not None:
                web = HttpServer(
                    app=make_app(self._directory, options.fhir),
                    host=options.host,
                    port=options.http_port,
                    context=options.context,
                    pool=pool,
                )
                await web.start()
                stack.push_async_callback(web.stop)
                self.ports["http"] = web.port
            self._services = stack.pop_all()

    async def stop(self) -> None:
        """Answer no more."""
        await self._services.aclose()
