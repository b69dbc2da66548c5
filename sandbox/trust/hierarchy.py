"""The IGC-Santé hierarchy in its TEST form, as a table (domain.md §5.1, measured on real files)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509
from cryptography.x509.oid import NameOID

__all__ = ["AUTHORITIES", "AuthorityName", "AuthoritySpec", "Urls", "authority_subject"]


class AuthorityName(StrEnum):
    """Authorities by the stem of their public files (`ACI-EL-ORG-TEST.crl`)."""

    ROOT_ELEMENTAIRE = "ACR-EL-TEST"
    ROOT_STANDARD = "ACR-ST-TEST"
    ROOT_FORT = "ACR-FO-TEST"
    ELEMENTAIRE_ORGANISATIONS = "ACI-EL-ORG-TEST"
    ELEMENTAIRE_PERSONNES = "ACI-EL-PP-TEST"
    STANDARD_PERSONNES = "ACI-ST-PP-TEST"
    FORT_PERSONNES = "ACI-FO-PP-TEST"


@dataclass(frozen=True)
class AuthoritySpec:
    """One authority: its name, its common name, the authority that signs it (None for a root)."""

    name: AuthorityName
    common_name: str
    parent: AuthorityName | None


_N = AuthorityName
AUTHORITIES: dict[AuthorityName, AuthoritySpec] = {
    spec.name: spec
    for spec in (
        AuthoritySpec(_N.ROOT_ELEMENTAIRE, "TEST AC RACINE IGC-SANTE ELEMENTAIRE", None),
        AuthoritySpec(_N.ROOT_STANDARD, "TEST AC RACINE IGC-SANTE STANDARD", None),
        AuthoritySpec(_N.ROOT_FORT, "TEST AC RACINE IGC-SANTE FORT", None),
        AuthoritySpec(
            _N.ELEMENTAIRE_ORGANISATIONS,
            "TEST AC IGC-SANTE ELEMENTAIRE ORGANISATIONS",
            _N.ROOT_ELEMENTAIRE,
        ),
        AuthoritySpec(
            _N.ELEMENTAIRE_PERSONNES,
            "TEST AC IGC-SANTE ELEMENTAIRE PERSONNES",
            _N.ROOT_ELEMENTAIRE,
        ),
        AuthoritySpec(
            _N.STANDARD_PERSONNES, "TEST AC IGC-SANTE STANDARD PERSONNES", _N.ROOT_STANDARD
        ),
        AuthoritySpec(_N.FORT_PERSONNES, "TEST AC IGC-SANTE FORT PERSONNES", _N.ROOT_FORT),
    )
}


def authority_subject(spec: AuthoritySpec) -> x509.Name:
    """Return the subject of an authority: C, O, two OU and CN as the real ones have them."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ASIP-SANTE"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "0002 187512751"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "IGC-SANTE TEST"),
            x509.NameAttribute(NameOID.COMMON_NAME, spec.common_name),
        ]
    )


@dataclass(frozen=True, kw_only=True)
class Urls:
    """Where certificates say that their public files are.

    The real ones add a second distribution point by LDAP; this sandbox serves HTTP only, so the
    certificates name HTTP only.

    Attributes:
        files: Base of CRL, certificates and policy, for instance `http://127.0.0.1:8280`.
        ocsp: Base of the responder, for instance `http://127.0.0.1:8281`.
    """

    files: str = "http://127.0.0.1:8280"
    ocsp: str = "http://127.0.0.1:8281"

    def crl(self, name: AuthorityName, fault: str = "") -> str:
        """Return the URL of the complete CRL; a fault prefixes the path (see `bad`)."""
        return f"{self.files}/CRL/{fault + '/' if fault else ''}{name}.crl"

    def delta(self, name: AuthorityName) -> str:
        """Return the URL of the delta CRL."""
        return f"{self.files}/CRL/{name}-D.crl"

    def issuer(self, name: AuthorityName) -> str:
        """Return the URL of the authority's own certificate, in DER."""
        return f"{self.files}/AC%20TEST/{name}.cer"

    @property
    def policy(self) -> str:
        """The URL of the certification policy statement."""
        return f"{self.files}/PC%20TEST"

    def responder(self, fault: str = "") -> str:
        """Return the URL of the OCSP responder; a fault is its path (see `bad`)."""
        return f"{self.ocsp}/{fault}"
