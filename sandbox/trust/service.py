"""What the trust services answer over HTTP: public files, OCSP, the list of domains. No sockets.

Paths follow the real service: `/CRL/<name>.crl`, `/CRL/<name>-D.crl`, `/AC TEST/<name>.cer`,
`/PC TEST`; OCSP by POST and by GET (RFC 6960 appendix A); `/listeblanchemssante.xml`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import Encoding

from sandbox.serve.plain import Handler, Request, Response
from sandbox.space.errors import UserError
from sandbox.trust.authority import TestCA
from sandbox.trust.hierarchy import AuthorityName
from sandbox.trust.ocsp import MAX_REQUEST, OCSP_FAULTS

__all__ = [
    "LIST_FAULTS",
    "LIST_PATH",
    "SLOW",
    "PkiFaults",
    "files_handler",
    "list_handler",
    "ocsp_handler",
]

LIST_PATH = "/listeblanchemssante.xml"
_XML = "application/xml"

CRL_FAULTS: dict[str, str] = {
    "stale": "CRL périmée / a CRL past its nextUpdate",
    "slow": "CRL après un délai / a CRL after a delay",
    "unreachable": "connexion coupée / the connection is dropped",
    "garbage": "octets qui ne sont pas une CRL / bytes that are not a CRL",
}


LIST_FAULTS: dict[str, str] = {
    "stale": "la liste reste celle d'avant / the list stays what it was",
    "unreachable": "connexion coupée / the connection is dropped",
    "garbage": "une liste dont la signature est fausse / a list whose signature is wrong",
}


SLOW = 15.0  # s: longer than operators wait for evidence (policies.revocation_timeout)


@dataclass
class PkiFaults:
    """Faults of the whole service, changed at run time; empty strings are no fault.

    Attributes:
        ocsp: A key of `OCSP_FAULTS`.
        crl: A key of `CRL_FAULTS`.
        list: A key of `LIST_FAULTS`.
        delay: Seconds that `slow` waits.
    """

    ocsp: str = ""
    crl: str = ""
    list: str = ""
    delay: float = SLOW

    def __setattr__(self, name: str, value: str | float) -> None:
        """Refuse a fault that does not exist when it is set, not when it is met."""
        known = {"ocsp": OCSP_FAULTS, "crl": CRL_FAULTS, "list": LIST_FAULTS}.get(name)
        if known is not None and value and value not in known:
            raise UserError.among(
                "ce n'est pas un défaut de ce service",
                "not a fault of this service",
                f"{name}: {value!r}",
                known,
            )
        object.__setattr__(self, name, value)


_NOT_FOUND = Response(status=404, body=b"not found\n")


def _not_allowed(allowed: str) -> Response:
    return Response(status=405, headers=(("allow", allowed),))


def _authority(name: str) -> AuthorityName | None:
    return next((each for each in AuthorityName if each.value == name), None)


def files_handler(ca: TestCA, faults: PkiFaults) -> Handler:
    """Return the handler of CRL, certificates and policy."""

    def crl(name: str, fault: str) -> Response:
        delta = name.endswith("-D")
        authority = _authority(name.removesuffix("-D"))
        if authority is None or (fault and fault not in CRL_FAULTS):
            return _NOT_FOUND
        if fault == "unreachable":
            return Response(drop=True)
        if fault == "garbage":
            return Response(body=b"<html>maintenance</html>", content_type="application/pkix-crl")
        made = ca.delta_crl(authority) if delta else ca.crl(authority, stale=fault == "stale")
        return Response(
            body=made.public_bytes(Encoding.DER),
            content_type="application/pkix-crl",
            headers=(("cache-control", "no-cache"),),
            delay=faults.delay if fault == "slow" else 0.0,
        )

    def handle(request: Request) -> Response:
        if request.method not in {"GET", "HEAD"}:
            return _not_allowed("GET, HEAD")
        parts = unquote(request.path.partition("?")[0]).strip("/").split("/")
        match parts:
            case ["CRL", file] if file.endswith(".crl"):
                return crl(file.removesuffix(".crl"), faults.crl)
            case ["CRL", fault, file] if file.endswith(".crl"):
                return crl(file.removesuffix(".crl"), fault)
            case ["AC TEST", file] if file.endswith(".cer"):
                authority = _authority(file.removesuffix(".cer"))
                if authority is None:
                    return _NOT_FOUND
                data = ca.authorities.pair(authority)[0].public_bytes(Encoding.DER)
                return Response(body=data, content_type="application/pkix-cert")
            case ["AC TEST", "Chaine_de_certification-IGC-Sante-TEST.p7b"]:
                return Response(
                    body=ca.authorities.bundle_p7b(),
                    content_type="application/x-pkcs7-certificates",
                )
            case ["PC TEST"]:
                return Response(
                    body=b"Certificats de test, sans valeur. / Test certificates, worth nothing.\n"
                )
            case _:
                return _NOT_FOUND

    return handle


def ocsp_handler(ca: TestCA, faults: PkiFaults) -> Handler:
    """Return the handler of OCSP. The first path segment may name a fault."""

    def handle(request: Request) -> Response:
        path = request.path.partition("?")[0].lstrip("/")
        head, _, rest = path.partition("/")
        fault, encoded = (head, rest) if head in OCSP_FAULTS else (faults.ocsp, path)
        if request.method == "POST":
            body = request.body
            if request.headers.get("content-type", "").lower() != "application/ocsp-request":
                return Response(status=415)
        elif request.method == "GET":
            try:
                body = base64.b64decode(unquote(encoded), validate=True)
            except (binascii.Error, ValueError):
                body = b""
            if not encoded:
                return _NOT_FOUND
        else:
            return _not_allowed("GET, POST")
        if len(body) > MAX_REQUEST:
            return Response(status=413)
        if fault == "unreachable":
            return Response(drop=True)
        return Response(
            body=ca.ocsp(body, fault=fault),
            content_type="application/ocsp-response",
            headers=(("cache-control", "no-cache"),),
            delay=faults.delay if fault == "slow" else 0.0,
        )

    return handle


def list_handler(current: Callable[[], bytes], faults: PkiFaults) -> Handler:
    """Return the handler of the list of domains.

    Args:
        current: Gives the signed list, as bytes, at each request.
        faults: In force.
    """
    served = b""

    def handle(request: Request) -> Response:
        if request.path.partition("?")[0] != LIST_PATH:
            return _NOT_FOUND
        if request.method not in {"GET", "HEAD"}:
            return _not_allowed("GET, HEAD")
        nonlocal served
        if faults.list == "unreachable":
            return Response(drop=True)
        if faults.list != "stale" or not served:
            served = current()
        data = served.replace(b"</", b" </", 1) if faults.list == "garbage" else served
        digest = Hash(SHA256())
        digest.update(data)
        tag = f'"{digest.finalize().hex()}"'
        headers = (("etag", tag), ("cache-control", "no-cache"))
        if request.headers.get("if-none-match") == tag:
            return Response(status=304, content_type=_XML, headers=headers)
        return Response(body=data, content_type=_XML, headers=headers)

    return handle
