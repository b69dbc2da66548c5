"""What a CRL or an OCSP response proves to a client that does not trust the way it came.

Bytes in, a status out; fetching is the caller's. Anything that does not verify proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from sandbox.trust.checking import RevocationStatus

__all__ = ["crl_status", "ocsp_request", "ocsp_status"]


def crl_status(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    crls: Iterable[x509.CertificateRevocationList],
    now: datetime,
) -> RevocationStatus:
    """Say what CRLs prove of a certificate.

    A complete CRL counts when its issuer signed it and `now` is within its dates. A delta counts
    beside it when the complete CRL is not older than the delta's base (RFC 5280 §5.2.4).
    """
    try:
        return _listed(certificate, issuer, crls, now)
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.ExtensionNotFound):
        return RevocationStatus.UNKNOWN  # as one without a number, which every CRL has (§5.2.3)


def _listed(
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    crls: Iterable[x509.CertificateRevocationList],
    now: datetime,
) -> RevocationStatus:
    valid = [
        crl
        for crl in crls
        if crl.issuer == issuer.subject
        and _within(crl.last_update_utc, crl.next_update_utc, now)
        and crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]  # the CA's: RSA or EC
    ]
    complete = [crl for crl in valid if _base(crl) is None]
    if not complete:
        return RevocationStatus.UNKNOWN
    newest = max(complete, key=_number)
    listed = newest.get_revoked_certificate_by_serial_number(certificate.serial_number)
    revoked = listed is not None
    deltas = [crl for crl in valid if (base := _base(crl)) is not None and base <= _number(newest)]
    for delta in sorted(deltas, key=_number):
        if _number(delta) <= _number(newest):
            continue
        entry = delta.get_revoked_certificate_by_serial_number(certificate.serial_number)
        if entry is not None:
            revoked = _reason(entry) is not x509.ReasonFlags.remove_from_crl
    return RevocationStatus.REVOKED if revoked else RevocationStatus.GOOD


def _within(start: datetime, end: datetime | None, now: datetime) -> bool:
    return end is not None and start <= now <= end


def _number(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def _base(crl: x509.CertificateRevocationList) -> int | None:
    try:
        return crl.extensions.get_extension_for_class(x509.DeltaCRLIndicator).value.crl_number
    except x509.ExtensionNotFound:
        return None


def _reason(entry: x509.RevokedCertificate) -> x509.ReasonFlags | None:
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return None


def ocsp_request(
    certificate: x509.Certificate, issuer: x509.Certificate, nonce: bytes
) -> ocsp.OCSPRequest:
    """Return a request about one certificate, certID by SHA-1 as clients do (RFC 6960 §4.1.1)."""
    return (
        ocsp.OCSPRequestBuilder()
        .add_certificate(certificate, issuer, hashes.SHA1())  # noqa: S303 - names, not trust
        .add_extension(x509.OCSPNonce(nonce), critical=False)
        .build()
    )


def ocsp_status(
    request: ocsp.OCSPRequest, data: bytes, issuer: x509.Certificate, now: datetime
) -> RevocationStatus:
    """Say what a response proves of the certificate that a request asks about.

    It counts when it is successful, about that certID, of that nonce, within its dates, and
    signed by the issuer or by a certificate that the issuer gave the OCSP right.
    """
    try:
        response = ocsp.load_der_ocsp_response(data)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return RevocationStatus.UNKNOWN
        right = (
            response.serial_number == request.serial_number
            and response.issuer_key_hash == request.issuer_key_hash
            and response.issuer_name_hash == request.issuer_name_hash
            and _within(response.this_update_utc, response.next_update_utc, now)
            and _nonce(response.extensions) == _nonce(request.extensions)
            and _signed(response, issuer, now)
        )
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.ExtensionNotFound):
        return RevocationStatus.UNKNOWN
    if not right:
        return RevocationStatus.UNKNOWN
    return {
        ocsp.OCSPCertStatus.GOOD: RevocationStatus.GOOD,
        ocsp.OCSPCertStatus.REVOKED: RevocationStatus.REVOKED,
        ocsp.OCSPCertStatus.UNKNOWN: RevocationStatus.UNKNOWN,
    }[response.certificate_status]


def _nonce(extensions: x509.Extensions) -> bytes:
    return extensions.get_extension_for_class(x509.OCSPNonce).value.nonce


def _signed(response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime) -> bool:
    signer = issuer
    if response.certificates:
        signer = response.certificates[0]
        try:
            signer.verify_directly_issued_by(issuer)
        except (InvalidSignature, TypeError, ValueError):
            return False
        purposes = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if ExtendedKeyUsageOID.OCSP_SIGNING not in purposes:
            return False
        if not _within(signer.not_valid_before_utc, signer.not_valid_after_utc, now):
            return False
    algorithm = response.signature_hash_algorithm
    key = signer.public_key()
    if algorithm is None:
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(
                response.signature, response.tbs_response_bytes, padding.PKCS1v15(), algorithm
            )
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(algorithm))
        else:
            return False
    except InvalidSignature:
        return False
    return True
