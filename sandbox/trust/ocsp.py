"""OCSP (RFC 6960): a request's bytes in, a response's bytes out, and the ways to get it wrong.

The responder signs with a delegated certificate, as the real service does. Certificates made by
`bad` name a URL whose path is the fault, so a fault belongs to a certificate, not to the server.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from sandbox.trust.hierarchy import AuthorityName
from sandbox.trust.keys import PrivateKey
from sandbox.trust.revocation import REASONS, Change

__all__ = ["MAX_REQUEST", "OCSP_FAULTS", "CertificateStatus", "IssuerIndex", "Responder", "respond"]

MAX_REQUEST = 16 * 1024
_VALIDITY = timedelta(hours=4)

# What goes wrong -> what a client should make of it, French then English.
OCSP_FAULTS: dict[str, str] = {
    "unsigned": "signature qui ne vérifie pas / a signature that does not verify",
    "wrong-signer": "signée par un certificat sans droit OCSP / signed without the OCSP right",
    "wrong-certid": "répond pour un autre certificat / answers about another certificate",
    "wrong-nonce": "nonce d'une autre requête / the nonce of another request",
    "stale": "réponse périmée / an answer past its nextUpdate",
    "not-yet": "réponse datée de demain / an answer dated tomorrow",
    "unknown": "certificat inconnu / the certificate is unknown",
    "try-later": "tryLater, code 3 / tryLater, status 3",
    "internal-error": "internalError, code 2 / internalError, status 2",
    "garbage": "octets qui ne sont pas de l'OCSP / bytes that are not OCSP",
    "slow": "réponse après un délai / an answer after a delay",
    "unreachable": "connexion coupée sans réponse / the connection is dropped",
}


@dataclass(frozen=True, kw_only=True)
class Responder:
    """An authority, seen by its responder.

    Attributes:
        name: Its name.
        issuer: The authority whose certificates are answered for.
        certificate: The delegated OCSP signing certificate.
        key: Its key.
        outsider: A certificate and key of the same authority without the OCSP right, for
            the fault `wrong-signer`.
    """

    name: AuthorityName
    issuer: x509.Certificate
    certificate: x509.Certificate
    key: PrivateKey
    outsider: Callable[[], tuple[x509.Certificate, PrivateKey]]


@dataclass(frozen=True)
class CertificateStatus:
    """What is known of a serial number: was it issued, is it revoked."""

    issued: bool
    revoked: Change | None = None


class IssuerIndex:
    """Finds the authority that a certID names, for the hashes that clients use."""

    _ALGORITHMS: tuple[type[hashes.HashAlgorithm], ...] = (
        hashes.SHA1,
        hashes.SHA256,
        hashes.SHA384,
        hashes.SHA512,
    )

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes, bytes], Responder] = {}

    def add(self, responder: Responder) -> None:
        """Make an authority known."""
        name = responder.issuer.subject.public_bytes()
        # RFC 6960 §4.1.1: the hash of the key's BIT STRING, which is what SKI method 1 takes.
        bits = _key_bits(responder.issuer)
        for algorithm in self._ALGORITHMS:
            key = (str(algorithm.name), _digest(algorithm, name), _digest(algorithm, bits))
            self._known[key] = responder

    def find(self, request: ocsp.OCSPRequest) -> Responder | None:
        """Return the responder for a request, or None when it names no authority of ours."""
        return self._known.get(
            (request.hash_algorithm.name, request.issuer_name_hash, request.issuer_key_hash)
        )


def _digest(algorithm: type[hashes.HashAlgorithm], data: bytes) -> bytes:
    digest = hashes.Hash(algorithm())
    digest.update(data)
    return digest.finalize()


def _key_bits(certificate: x509.Certificate) -> bytes:
    """Return the content of subjectPublicKey."""
    key = certificate.public_key()
    encoding, form = (
        (serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
        if key.__class__.__name__.startswith("RSA")
        else (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    )
    return key.public_bytes(encoding, form)


def _refusal(status: ocsp.OCSPResponseStatus) -> bytes:
    response = ocsp.OCSPResponseBuilder.build_unsuccessful(status)
    return response.public_bytes(serialization.Encoding.DER)


def respond(
    data: bytes,
    *,
    index: IssuerIndex,
    status: Callable[[AuthorityName, int], CertificateStatus],
    now: datetime,
    fault: str = "",
) -> bytes:
    """Answer one OCSP request.

    Args:
        data: The request, DER. Requests about several certificates are refused as malformed
            (the library reads one, and so do the clients in use).
        index: The authorities answered for.
        status: What is known of a serial number of an authority.
        now: The time.
        fault: A key of `OCSP_FAULTS` other than slow and unreachable, which the server plays.

    Returns:
        The response, DER, always a protocol answer: never an exception for bad input.
    """
    if fault == "garbage":
        return b"<html>maintenance</html>"
    if fault == "try-later":
        return _refusal(ocsp.OCSPResponseStatus.TRY_LATER)
    if fault == "internal-error":
        return _refusal(ocsp.OCSPResponseStatus.INTERNAL_ERROR)
    try:
        request = ocsp.load_der_ocsp_request(data)
        responder = index.find(request)
        nonce = _nonce(request)
        serial = _serial(request)
    except (ValueError, NotImplementedError, UnsupportedAlgorithm, x509.DuplicateExtension):
        return _refusal(ocsp.OCSPResponseStatus.MALFORMED_REQUEST)
    if responder is None:
        return _refusal(ocsp.OCSPResponseStatus.UNAUTHORIZED)
    known = status(responder.name, serial)
    if fault == "unknown":
        known = CertificateStatus(issued=False)
    at = now.astimezone(UTC).replace(microsecond=0)
    if fault == "stale":
        at -= timedelta(days=30)
    elif fault == "not-yet":
        at += timedelta(days=1)
    revoked = known.revoked
    builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
        request.issuer_name_hash,
        request.issuer_key_hash,
        serial + 1 if fault == "wrong-certid" else serial,
        request.hash_algorithm,
        ocsp.OCSPCertStatus.REVOKED
        if revoked
        else ocsp.OCSPCertStatus.GOOD
        if known.issued
        else ocsp.OCSPCertStatus.UNKNOWN,
        at,
        at + _VALIDITY,
        revoked.when if revoked else None,
        REASONS[revoked.reason] if revoked else None,
    )
    certificate, key = responder.certificate, responder.key
    if fault == "wrong-signer":
        certificate, key = responder.outsider()
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, certificate)
    builder = builder.certificates([certificate])
    if nonce is not None:
        value = nonce.nonce if fault != "wrong-nonce" else bytes(b ^ 0xFF for b in nonce.nonce)
        builder = builder.add_extension(x509.OCSPNonce(value), critical=False)
    response = builder.sign(key, hashes.SHA256())
    encoded = response.public_bytes(serialization.Encoding.DER)
    if fault == "unsigned":
        # The signature is a run of bytes that occurs once: replace it with zeros.
        return encoded.replace(response.signature, bytes(len(response.signature)))
    return encoded


def _serial(request: ocsp.OCSPRequest) -> int:
    """Return the serial number when it is one that RFC 5280 §4.1.2.2 allows."""
    serial = request.serial_number
    if not 0 < serial < 1 << 159:
        raise ValueError("serial number")
    return serial


def _nonce(request: ocsp.OCSPRequest) -> x509.OCSPNonce | None:
    """Return the nonce when there is one of a length that RFC 9654 allows (1 to 128 octets)."""
    try:
        nonce = request.extensions.get_extension_for_class(x509.OCSPNonce).value
    except x509.ExtensionNotFound:
        return None
    if not 1 <= len(nonce.nonce) <= 128:
        raise ValueError("nonce length")
    return nonce
