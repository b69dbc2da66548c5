"""What is trusted, as pages and as an API: certificates, list, zone, directory."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from sandbox.console import trust
from sandbox.console.answers import MissingError, Shown, read_object, text_of
from sandbox.console.operations import Operation, text
from sandbox.console.people import carried
from sandbox.directory import Directory
from sandbox.live.keys import PIN
from sandbox.observations.schema import Words
from sandbox.trust.authority import TestCA
from sandbox.trust.domain_list import DomainLedger
from sandbox.trust.resolver import Resolver
from sandbox.trust.revocation import REASONS

__all__ = ["Trust", "Trusted"]

_SHOWN = 20  # certificates and records on a page


class Trusted(Protocol):
    """What of a space is trusted; see `LiveSpace`."""

    directory: Directory
    resolver: Resolver
    ledger: DomainLedger
    sheet: dict[str, Any]

    @property
    def issued(self) -> Path:
        """Folder of what people have had issued."""

    @property
    def ca(self) -> TestCA:
        """The test authority."""

    def refresh_list(self) -> None:
        """Have the operators read the list of domains now."""


class Trust:
    """Trust of a space.

    Args:
        space: that it is of.
    """

    def __init__(self, space: Trusted) -> None:
        self._space = space

    @property
    def table(self) -> dict[str, Shown]:
        """Who shows what, by address."""
        return {"/trust": self.page}

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What there is."""
        query = {"query": text("Part of what is looked for.")}
        return (
            Operation(
                name="certificates", method="GET", path="/certificates",
                handler=self._issued_certificates, query=query,
                words=Words("Les certificats émis, les plus récents d'abord.",
                            "Certificates issued, the newest first."),
            ),
            Operation(
                name="revoke", method="POST", path="/certificates/{serial}/revocation",
                handler=self._revoke, required=("reason",),
                body={"reason": text("Why; empty: release from a hold.", one_of=["", *REASONS])},
                words=Words("Révoquer, aussitôt pour CRL et OCSP ; ou lever une suspension.",
                            "Revoke, at once for CRL and OCSP; or release from a hold."),
            ),
            Operation(
                name="bundle", method="GET", path="/certificates.pem", handler=self._bundle,
                media="application/x-pem-file",
                words=Words("Racines et intermédiaires, en PEM.", "Roots and intermediates, PEM."),
            ),
            Operation(
                name="issue", method="POST", path="/certificates", handler=self._issue,
                required=("kind", "name"),
                body={
                    "kind": text("What for.", one_of=trust.KINDS),
                    "name": text("Host names, separated by commas; or the label of software."),
                },
                words=Words("Émettre un certificat de test et sa clé, à télécharger.",
                            "Issue a test certificate and its key, to download."),
            ),
            Operation(
                name="issued", method="GET", path="/certificates/{serial}/{file}",
                handler=self._issued, media="application/octet-stream",
                words=Words("Un fichier de ce qui a été émis ici : chain.pem, key.pem, bundle.p12.",
                            "A file of what was issued here: chain.pem, key.pem, bundle.p12."),
            ),
            Operation(
                name="card", method="GET", path="/people/{identity:path}/card",
                handler=self._card, media="application/x-pkcs12",
                words=Words("La carte ou le certificat d'une personne, PKCS#12.",
                            "A person's card or certificate, PKCS#12."),
            ),
            Operation(
                name="domains", method="GET", path="/domains", handler=self._domain_list,
                words=Words("La liste des domaines autorisés et son historique.",
                            "The list of authorised domains and its history."),
            ),
            Operation(
                name="toggle", method="POST", path="/domains/{domain}", handler=self._toggle,
                body={},
                words=Words("Retirer un domaine de la liste, ou l'y remettre ; les opérateurs la"
                            " relisent aussitôt.",
                            "Withdraw a domain, or put it back; operators read the list at once."),
            ),
            Operation(
                name="zone", method="GET", path="/zone", handler=self._zone, query=query,
                words=Words("Les enregistrements DNS.", "DNS records."),
            ),
            Operation(
                name="directory", method="GET", path="/directory", handler=self._directory,
                query=query,
                words=Words("Chercher dans l'annuaire : adresse, RPPS, FINESS, nom.",
                            "Search the directory: address, RPPS, FINESS, name."),
            ),
        )  # fmt: skip

    async def page(self, request: Request) -> tuple[str, dict[str, Any]]:
        """Show all of it."""
        query, who, name = (_query(request, key) for key in ("certificate", "who", "name"))
        shown = await asyncio.to_thread(self._certificates, query)
        records = self._records(name)
        return "trust", {
            "query": query, "who": who, "name": name,
            "authorities": await asyncio.to_thread(trust.authorities, self._space.ca),
            "kinds": trust.KINDS, "files": trust.FILES, "pin": PIN,
            "here": await asyncio.to_thread(trust.issued_here, self._space.issued),
            "certificates": shown[:_SHOWN], "certificates_more": len(shown) > _SHOWN,
            "domains": await asyncio.to_thread(self._domains),
            "records": records[:_SHOWN], "records_more": len(records) > _SHOWN,
            "entries": await asyncio.to_thread(trust.found, self._space.directory, who),
            "named": carried(self._space.sheet["accounts"]), "reasons": list(REASONS),
        }  # fmt: skip

    async def _issued_certificates(self, request: Request) -> Response:
        found = await asyncio.to_thread(self._certificates, _query(request))
        return JSONResponse({"certificates": [asdict(each) for each in found]})

    async def _issue(self, request: Request) -> Response:
        data = await read_object(request)
        kind, name = text_of(data, "kind"), text_of(data, "name")
        serial = await asyncio.to_thread(
            trust.issue, self._space.ca, self._space.issued, kind, name
        )
        files = [f"/api/certificates/{serial}/{file}" for file in trust.FILES]
        return JSONResponse({"serial": serial, "files": files, "pin": PIN})

    async def _issued(self, request: Request) -> Response:
        serial, file = request.path_params["serial"], request.path_params["file"]
        path = trust.file_of(self._space.issued, serial, file)
        return FileResponse(path, filename=f"{serial[-8:]}-{file}")

    async def _revoke(self, request: Request) -> Response:
        reason = text_of(await read_object(request), "reason")
        serial = request.path_params["serial"]
        await asyncio.to_thread(trust.revoke, self._space.ca, serial, reason)
        return JSONResponse({"serial": serial, "revoked": reason})

    async def _bundle(self, _: Request) -> Response:
        return _file(self._space.sheet["ca"]["bundle"], "igc-sante-test.pem")

    async def _card(self, request: Request) -> Response:
        identity = request.path_params["identity"]
        person = carried(self._space.sheet["accounts"]).get(identity)
        if person is None or not person.card:
            raise MissingError("aucune carte de cette personne", "no card of that person",
                               where=identity[:60])  # fmt: skip
        return _file(person.card, "carte.p12")

    async def _domain_list(self, _: Request) -> Response:
        found = await asyncio.to_thread(self._domains)
        return JSONResponse({"domains": [asdict(each) for each in found]})

    async def _toggle(self, request: Request) -> Response:
        await read_object(request)
        domain = request.path_params["domain"].lower()

        def change() -> bool:
            here = trust.withdraw_or_restore(self._space.ledger, domain, datetime.now(UTC))
            self._space.refresh_list()
            return here

        return JSONResponse({"domain": domain, "listed": await asyncio.to_thread(change)})

    async def _zone(self, request: Request) -> Response:
        rows = self._records(_query(request))
        names = ("name", "type", "value")
        return JSONResponse({"records": [dict(zip(names, row, strict=True)) for row in rows]})

    async def _directory(self, request: Request) -> Response:
        found = await asyncio.to_thread(trust.found, self._space.directory, _query(request))
        return JSONResponse({"entries": found})

    def _certificates(self, query: str) -> list[trust.Certificate]:
        return trust.certificates(self._space.ca, query, datetime.now(UTC))

    def _domains(self) -> list[trust.Listed]:
        return trust.listed(self._space.ledger, datetime.now(UTC))

    def _records(self, query: str) -> list[tuple[str, str, str]]:
        wanted = query.lower()
        rows = self._space.resolver.zone.records.rows()
        return [row for row in rows if wanted in " ".join(row).lower()]


def _query(request: Request, name: str = "query") -> str:
    return request.query_params.get(name, "").strip()[:200]


def _file(path: str, name: str) -> Response:
    if not Path(path).is_file():
        raise MissingError("fichier absent", "the file is not there", where=name)
    return FileResponse(path, filename=name)
