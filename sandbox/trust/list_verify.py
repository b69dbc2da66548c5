"""Is this the list, whole, by its signer, and not an old one played again?

The signature's shape is held to a table before any cryptography: what the list does not use is
refused, so wrapping, transforms and foreign references have nothing to hold on to. Entries are
read from the bytes that the signature covers, never from the document that came.
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidDigest, SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from sandbox.space.files import write_private
from sandbox.trust.checking import chains_to, read_certificate
from sandbox.trust.dn import dn_of
from sandbox.trust.domain_list import DomainList
from sandbox.trust.list_xml import ListError, parse_document, read_entries
from sandbox.trust.profiles import PROFILES, ProfileName

__all__ = ["SIGNERS", "ListKeeper", "ListPolicy", "Verified", "read_unverified", "verify_list"]

# The signer is named: any organisation of the PKI has a seal that chains to the same roots.
SIGNERS = frozenset({"alb@mssante.fr", "alb@mssante.test"})

_DS = "http://www.w3.org/2000/09/xmldsig#"
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
# Every element that the signature may hold below itself, its place, and the one value allowed.
_ALGORITHMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("SignedInfo/CanonicalizationMethod", (_EXCLUSIVE,)),
    ("SignedInfo/SignatureMethod", ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",)),
    (
        "SignedInfo/Reference/Transforms/Transform",
        ("http://www.w3.org/2000/09/xmldsig#enveloped-signature", _EXCLUSIVE),
    ),
    ("SignedInfo/Reference/DigestMethod", ("http://www.w3.org/2001/04/xmlenc#sha256",)),
)
_ID_NAMES = frozenset({"id", "{http://www.w3.org/XML/1998/namespace}id"})


@dataclass(frozen=True, kw_only=True)
class ListPolicy:
    """What a reader accepts.

    Attributes:
        bundle: Roots and intermediates.
        partial: The bundle may hold any certificate of the chain, an intermediate or the signer
            itself, in place of the root: who gives it vouches for it.
        signers: Addresses, one of which the signer's certificate must have as SAN.
        max_age: Oldest generation accepted; None accepts any age (the period that operators must
            respect is not public).
        is_revoked: Says whether the signer's certificate is revoked.
    """

    bundle: tuple[x509.Certificate, ...]
    partial: bool = False
    signers: frozenset[str] = SIGNERS
    max_age: timedelta | None = None
    is_revoked: Callable[[x509.Certificate], bool] | None = None


@dataclass(frozen=True)
class Verified:
    """A list that was accepted, with its signer's certificate."""

    domains: DomainList
    signer: x509.Certificate

    @property
    def signer_name(self) -> str:
        """The subject of the signer."""
        return str(dn_of(self.signer))


def _find(element: etree._Element, path: str) -> list[etree._Element]:
    return element.findall("/".join(f"{{{_DS}}}{step}" for step in path.split("/")))


def _signature_of(root: etree._Element) -> etree._Element:
    """Return the only signature, a child of the root and of the only shape accepted."""
    everywhere = list(root.iter(f"{{{_DS}}}Signature"))
    if not everywhere:
        raise ListError("unsigned", "no signature")
    if len(everywhere) > 1 or everywhere[0].getparent() is not root:
        raise ListError("wrapping", "a signature that is not the only child signature of the list")
    signature = everywhere[0]
    references = list(signature.iter(f"{{{_DS}}}Reference"))
    if len(references) != 1 or references[0].get("URI") != "":
        raise ListError("wrapping", 'the signature must have one reference, URI=""')
    if list(signature.iter(f"{{{_DS}}}Object")) or list(signature.iter(f"{{{_DS}}}Manifest")):
        raise ListError("wrapping", "the signature holds an Object or a Manifest")
    for path, allowed in _ALGORITHMS:
        found = tuple(each.get("Algorithm") or "" for each in _find(signature, path))
        if found != allowed:
            raise ListError("algorithm", f"{path}: {', '.join(found) or 'absent'}")
    return signature


def _refuse_duplicate_ids(root: etree._Element) -> None:
    seen: set[str] = set()
    for element in root.iter(etree.Element):
        for name, value in element.attrib.items():
            if str(name).lower() not in _ID_NAMES:
                continue
            if value in seen:
                raise ListError("duplicate-id", f"identifier {value!r} occurs twice")
            seen.add(str(value))


def _signer_of(signature: etree._Element) -> x509.Certificate:
    found = _find(signature, "KeyInfo/X509Data/X509Certificate")
    if len(found) != 1 or len(list(signature.iter(f"{{{_DS}}}X509Certificate"))) != 1:
        raise ListError("signer", f"{len(found)} certificates in KeyInfo; the list has one")
    try:
        return read_certificate(base64.b64decode(found[0].text or ""))
    except (ValueError, binascii.Error):
        raise ListError("signer", "the certificate in KeyInfo cannot be read") from None


def _trusted(signer: x509.Certificate, policy: ListPolicy, now: datetime) -> bool:
    if not policy.partial:
        return chains_to(signer, (), policy.bundle, now)
    if signer in policy.bundle:
        return True
    if any(_issued(signer, each, now) for each in policy.bundle):
        return True
    rooted = any(each.subject == each.issuer for each in policy.bundle)
    return rooted and chains_to(signer, (), policy.bundle, now)


def _issued(certificate: x509.Certificate, issuer: x509.Certificate, now: datetime) -> bool:
    """Tell whether a certificate that was given is an authority, valid now, and issued another."""
    try:
        authority = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        certificate.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature):
        return False
    return authority and issuer.not_valid_before_utc <= now <= issuer.not_valid_after_utc


def _check_signer(signer: x509.Certificate, policy: ListPolicy, now: datetime) -> None:
    if not _trusted(signer, policy, now):
        raise ListError("untrusted", f"{dn_of(signer)} does not chain to the CA bundle")
    if not signer.not_valid_before_utc <= now <= signer.not_valid_after_utc:
        until = signer.not_valid_after_utc.date()
        raise ListError("signer-expired", f"the signer's certificate is valid until {until}")
    profile = PROFILES[ProfileName.LIST_SIGNING]
    try:
        names = signer.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        purposes = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        usage = signer.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound as error:
        raise ListError("signer", f"the signer's certificate lacks an extension: {error}") from None
    mails = {each.lower() for each in names.get_values_for_type(x509.RFC822Name)}
    if not mails & policy.signers:
        raise ListError(
            "signer", f"signed by {', '.join(mails) or dn_of(signer)}, who does not sign the list"
        )
    if not usage.digital_signature or not set(profile.purposes) <= set(purposes):
        raise ListError("signer", "the signer's certificate is not for signatures")
    if policy.is_revoked is not None and policy.is_revoked(signer):
        raise ListError("signer-revoked", "the signer's certificate is revoked")


def verify_list(data: bytes, policy: ListPolicy, now: datetime) -> Verified:
    """Verify a list and read it.

    Args:
        data: The file.
        policy: What is accepted.
        now: The time to verify at.

    Raises:
        ListError: it must be refused; `code` says why.
    """
    root = parse_document(data)
    signature = _signature_of(root)
    _refuse_duplicate_ids(root)
    signer = _signer_of(signature)
    _check_signer(signer, policy, now)
    configuration = SignatureConfiguration(
        location="./",
        signature_methods=frozenset({SignatureMethod.RSA_SHA256}),
        digest_algorithms=frozenset({DigestAlgorithm.SHA256}),
        verification_time=now,
    )
    try:
        result = XMLVerifier().verify(data, x509_cert=signer, expect_config=configuration)
    except InvalidDigest:
        raise ListError("tampered", "the content is not what was signed") from None
    except SignXMLException as error:
        raise ListError("tampered", f"the signature does not verify: {error}") from None
    except (ValueError, TypeError, etree.LxmlError) as error:
        raise ListError("signature", f"the signature cannot be read: {error}") from None
    assert not isinstance(result, list)
    if result.signed_xml is None:
        raise ListError("signature", "what was signed is not XML")
    domains = read_entries(result.signed_xml)
    if domains.generated > now + timedelta(minutes=5):
        raise ListError("future", f"generated at {domains.generated}, in the future")
    if policy.max_age is not None and now - domains.generated > policy.max_age:
        raise ListError("expired", f"generated at {domains.generated}, over {policy.max_age} ago")
    return Verified(domains, signer)


def read_unverified(data: bytes) -> DomainList:
    """Read what a list says, though nobody vouches for it: for its topology, and nothing else.

    Raises:
        ListError: it is no list.
    """
    return read_entries(parse_document(data))


class ListKeeper:
    """A reader's memory: the last good list stays in force when a bad one comes.

    Args:
        policy: What is accepted.
        path: Where the last good list is kept between runs; None keeps it in memory.
    """

    def __init__(self, policy: ListPolicy, path: Path | None = None) -> None:
        self._policy = policy
        self._path = path
        self._current: Verified | None = None
        self._lock = threading.Lock()

    @property
    def current(self) -> Verified | None:
        """The list in force, or None before the first good one."""
        return self._current

    def restore(self, now: datetime) -> Verified | None:
        """Verify again and take up the list kept on disk, if there is one and it still holds."""
        if self._path is not None and self._path.exists():
            try:
                self._current = verify_list(self._path.read_bytes(), self._policy, now)
            except ListError:
                return None
        return self._current

    def offer(self, data: bytes, now: datetime) -> Verified:
        """Take a list if it is good and not older than the one in force.

        Raises:
            ListError: refused, `replayed` for an older one; the list in force stays.
        """
        verified = verify_list(data, self._policy, now)
        with self._lock:
            held = self._current
            if held is not None and verified.domains.generated < held.domains.generated:
                raise ListError(
                    "replayed",
                    f"generated at {verified.domains.generated}, before the one in force "
                    f"({held.domains.generated})",
                )
            if self._path is not None:
                write_private(self._path, data)
            self._current = verified
        return verified
