"""Leaf profiles as a table: who signs, which usages, which policy (domain.md §5.2).

Measured on real certificates: server, seal, the persons' signature and employee authentication.
Inferred, since no sample was found: ORG AUTH_CLI, the card-holder's authentication (as the
employee's), and the tier that signs a CPE (STANDARD).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from sandbox.trust.hierarchy import AuthorityName

__all__ = [
    "CARD_NUMBER",
    "CARD_TYPE",
    "MARKER",
    "POLICY_TEST",
    "PROFESSION",
    "PROFILES",
    "CertificateProfile",
    "Marker",
    "ProfileName",
    "marker_extension",
    "octets",
    "private_integer",
    "private_text",
    "usages_for",
]

_GIP_CPS = "1.2.250.1.71.1.2"
CARD_TYPE = ObjectIdentifier(f"{_GIP_CPS}.2")
CARD_NUMBER = ObjectIdentifier(f"{_GIP_CPS}.3")
MARKER = ObjectIdentifier(f"{_GIP_CPS}.5")
PROFESSION = ObjectIdentifier(f"{_GIP_CPS}.7")

POLICY_TEST = ObjectIdentifier("1.2.250.1.213.1.7.2.1.1.1.1")


class Marker(Enum):
    """Which environment a certificate says it belongs to, by the high bit of extension `.5`."""

    TEST = 0x80
    PRODUCTION = 0x00


class ProfileName(StrEnum):
    """The profiles that this authority issues."""

    OPERATOR_SERVER = "operator-server"
    ENDPOINT_SERVER = "endpoint-server"
    ORG_CLIENT = "org-client"
    ORG_SEAL = "org-seal"
    LIST_SIGNING = "list-signing"
    CPS_AUTH = "cps-auth"
    CPS_SIGN = "cps-sign"
    CPE_AUTH = "cpe-auth"


@dataclass(frozen=True, kw_only=True)
class CertificateProfile:
    """What all certificates of a profile share.

    Attributes:
        name: Its name on the command line.
        issuer: The authority that signs it.
        usages: Key usages set, by their names in `cryptography`; the extension is critical.
        purposes: Extended key usages.
        kind: Low bits of GIP-CPS extension `.5`: 3 for organisations, 0 for cards.
        production_policy: Policy in production; None where none was seen.
        years: Validity.
        label: What it is for, French then English.
    """

    name: ProfileName
    issuer: AuthorityName
    usages: tuple[str, ...]
    purposes: tuple[ObjectIdentifier, ...]
    kind: int
    production_policy: ObjectIdentifier | None
    label: str
    years: int = 3


_SERVER_POLICY = ObjectIdentifier("1.2.250.1.213.1.7.1.1.2.5.1")
_SEAL_POLICY = ObjectIdentifier("1.2.250.1.213.1.7.1.1.2.3.1")
_EKU = ExtendedKeyUsageOID
_BOTH_ENDS = (_EKU.SERVER_AUTH, _EKU.CLIENT_AUTH)
_TLS = ("digital_signature", "key_encipherment")
_SEAL = ("digital_signature", "content_commitment")


def _organisation(
    name: ProfileName, label: str, usages: tuple[str, ...], purposes: tuple[ObjectIdentifier, ...],
    policy: ObjectIdentifier | None = None,
) -> CertificateProfile:  # fmt: skip
    return CertificateProfile(
        name=name, label=label, issuer=AuthorityName.ELEMENTAIRE_ORGANISATIONS, usages=usages,
        purposes=purposes, kind=3, production_policy=policy,
    )  # fmt: skip


def _card(
    name: ProfileName, label: str, issuer: AuthorityName, usage: str, *purposes: ObjectIdentifier
) -> CertificateProfile:
    return CertificateProfile(
        name=name, label=label, issuer=issuer, usages=(usage,), purposes=purposes, kind=0,
        production_policy=None,
    )  # fmt: skip


PROFILES: dict[ProfileName, CertificateProfile] = {
    profile.name: profile
    for profile in (
        _organisation(
            ProfileName.OPERATOR_SERVER, "relais entre opérateurs / relay between operators",
            _TLS, _BOTH_ENDS, _SERVER_POLICY,
        ),
        _organisation(
            ProfileName.ENDPOINT_SERVER,
            "points d'accès des logiciels / endpoints for mail software",
            _TLS, _BOTH_ENDS, _SERVER_POLICY,
        ),
        _organisation(
            ProfileName.ORG_CLIENT, "BAL applicative (ORG AUTH_CLI) / application mailbox",
            ("digital_signature",), (_EKU.CLIENT_AUTH,),
        ),
        _organisation(
            ProfileName.ORG_SEAL, "cachet d'organisation / organisation seal",
            _SEAL, (_EKU.EMAIL_PROTECTION,), _SEAL_POLICY,
        ),
        _organisation(
            ProfileName.LIST_SIGNING,
            "signature de la liste de domaines / signature of the list of domains",
            _SEAL, (_EKU.EMAIL_PROTECTION,), _SEAL_POLICY,
        ),
        _card(
            ProfileName.CPS_AUTH, "CPS, authentification / CPS card, authentication",
            AuthorityName.FORT_PERSONNES, "digital_signature",
            _EKU.CLIENT_AUTH, _EKU.SMARTCARD_LOGON,
        ),
        _card(
            ProfileName.CPS_SIGN, "CPS, signature / CPS card, signature",
            AuthorityName.FORT_PERSONNES, "content_commitment", _EKU.EMAIL_PROTECTION,
        ),
        _card(
            ProfileName.CPE_AUTH, "carte d'employé (CPE) / employee card",
            AuthorityName.STANDARD_PERSONNES, "digital_signature",
            _EKU.CLIENT_AUTH, _EKU.SMARTCARD_LOGON,
        ),
    )
}  # fmt: skip


def usages_for(usages: tuple[str, ...], *, rsa: bool) -> tuple[str, ...]:
    """Return a profile's key usages for a key: RFC 5480 §3 has no keyEncipherment for EC keys."""
    return usages if rsa else tuple(each for each in usages if each != "key_encipherment")


def octets(value: bytes) -> bytes:
    """Return `value` as a DER OCTET STRING."""
    return asn1.encode_der(value)


def marker_extension(profile: CertificateProfile, marker: Marker) -> x509.UnrecognizedExtension:
    """Return GIP-CPS extension `.5`: 0x83 or 0x03 for organisations, 0x80 or 0x00 for cards."""
    return x509.UnrecognizedExtension(MARKER, octets(bytes([profile.kind | marker.value])))


def private_integer(oid: ObjectIdentifier, value: int) -> x509.UnrecognizedExtension:
    """Return a GIP-CPS extension that holds an INTEGER."""
    return x509.UnrecognizedExtension(oid, asn1.encode_der(value))


def private_text(oid: ObjectIdentifier, value: str) -> x509.UnrecognizedExtension:
    """Return a GIP-CPS extension that holds a PrintableString."""
    return x509.UnrecognizedExtension(oid, asn1.encode_der(asn1.PrintableString(value)))
