"""The certificates of a live space, kept in its folder: issued once, used again while they last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from sandbox.live.plan import CertificatePlan, CitizensPlan, JoinedPlan, OperatorPlan
from sandbox.space.errors import UserError
from sandbox.space.files import write_private
from sandbox.trust import Card, Issued, KeyKind, Organisation, Professional, TestCA, Urls
from sandbox.trust.bad import make_bad
from sandbox.trust.keys import load_key
from sandbox.trust.profiles import ProfileName

__all__ = [
    "AUTHORITY",
    "PIN",
    "TRUSTSTORE_PASSWORD",
    "Keys",
    "WantedCertificate",
    "application",
    "bad_server",
    "card",
    "relay",
    "server",
]

# Fictitious: department 11 with a number that no structure has, its Luhn key right.
AUTHORITY = Organisation(
    name="AGENCE DU NUMERIQUE EN SANTE DE TEST", department="Paris (75)", finess="119999993"
)
# Java's own default: what is inside is public.
TRUSTSTORE_PASSWORD = "changeit"  # noqa: S105
PIN = "1234"  # of every test card and PKCS#12 file; the sheet says so
LIST_SIGNER = "list/signer"
_RENEWED_BEFORE = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedCertificate:
    """A certificate to have.

    Attributes:
        path: its folder under the folder of certificates.
        about: what it says; when that changes it is issued again.
        issue: makes it.
        keys: how many key pairs it takes.
        pin: guards a PKCS#12 copy, empty for none.
    """

    path: str
    about: object
    issue: Callable[[TestCA], Issued | Card]
    keys: int = 1
    pin: str = ""

    @property
    def digest(self) -> str:
        """Digest of `about`."""
        return hashlib.sha256(repr(self.about).encode()).hexdigest()


def server(plan: CertificatePlan, organisation: Organisation) -> WantedCertificate:
    """Want the certificate of a server: names, and addresses for software without a resolver."""
    return WantedCertificate(
        path=plan.path,
        about=("server", organisation, plan.names, plan.addresses),
        issue=lambda ca: ca.endpoint_server(organisation, plan.names, plan.addresses),
    )


def relay(operator: OperatorPlan | CitizensPlan | JoinedPlan) -> WantedCertificate:
    """Want the certificate of an operator's relay, which the list of domains names."""
    names, addresses = (operator.relay.host,), (operator.relay.address,)
    return WantedCertificate(
        path=f"{operator.label}/relay",
        about=("relay", operator.organisation, names, addresses),
        issue=lambda ca: ca.operator_server(operator.organisation, names, addresses),
    )


def bad_server(
    path: str, plan: CertificatePlan, organisation: Organisation, fault: str, *, mutual: bool
) -> WantedCertificate:
    """Want what a server shows with one fault of `trust.bad`; `mutual` for a relay's."""
    profile = ProfileName.OPERATOR_SERVER if mutual else ProfileName.ENDPOINT_SERVER

    def issue(ca: TestCA) -> Issued:
        good = ca.plans.server(profile, organisation, plan.names, plan.addresses)
        return make_bad(ca, fault, good)

    about = ("bad", fault, organisation, plan.names, plan.addresses)
    return WantedCertificate(path=path, about=about, issue=issue)


def card(path: str, person: Professional) -> WantedCertificate:
    """Want the CPS of a person."""
    return WantedCertificate(
        path=path,
        about=("card", person, PIN),
        issue=lambda ca: ca.cps(person, pin=PIN),
        keys=2,
    )


def application(path: str, organisation: Organisation, address: str) -> WantedCertificate:
    """Want the ORG AUTH_CLI certificate of an application mailbox."""
    return WantedCertificate(
        path=path,
        about=("application", organisation, address),
        issue=lambda ca: ca.org_client(organisation, address),
        pin=PIN,
    )


def _truststore(bundle: bytes) -> bytes:
    """Return certificates as a PKCS#12 file that Java takes for trusted ones."""
    certificates = [
        pkcs12.PKCS12Certificate(each, each.subject.rfc4514_string().encode())
        for each in x509.load_pem_x509_certificates(bundle)
    ]
    return pkcs12.serialize_java_truststore(
        certificates, BestAvailableEncryption(TRUSTSTORE_PASSWORD.encode())
    )


class Keys:
    """The authority of a space and what it issued.

    Args:
        folder: Holds `pki` (the authority) and `certificates`.
        urls: Where certificates say that CRL and OCSP are.
        kind: Keys of an authority that is founded now.

    Raises:
        UserError: the folder holds something else.
    """

    def __init__(self, folder: Path, urls: Urls, kind: KeyKind) -> None:
        self.ca = TestCA.open(folder / "pki", urls=urls, key_kind=kind)
        self.folder = folder / "certificates"
        self.bundle = folder / "ca-bundle.pem"
        self.roots = folder / "ca-roots.pem"
        self.truststore = folder / "truststore.p12"
        self._manifest = self.folder / "manifest.json"

    @classmethod
    def of(cls, folder: Path) -> Keys:
        """Open those of a space that was founded, whose settings are its own."""
        return cls(folder, Urls(), KeyKind.RSA_2048)

    def ensure(self, wanted: Sequence[WantedCertificate]) -> int:
        """Issue what is missing, out of date or about to expire; keys are made on all cores.

        Returns:
            How many certificates were issued.
        """
        if not self.bundle.exists() or not self.roots.exists():
            write_private(self.bundle, self.ca.bundle_pem())
            write_private(self.roots, self.ca.roots_pem())
        if not self.truststore.exists():
            write_private(self.truststore, _truststore(self.bundle.read_bytes()))
        known = self._read()
        soon = self.ca.clock() + _RENEWED_BEFORE
        missing = [each for each in wanted if not self._good(known.get(each.path), each, soon)]
        if not missing:
            return 0
        self.ca.pool.fill(self.ca.key_kind, sum(each.keys for each in missing))
        for each in missing:
            known[each.path] = self._issue(each)
        write_private(self._manifest, json.dumps(known, indent=1).encode())
        return len(missing)

    def renew(self, wanted: Sequence[WantedCertificate]) -> None:
        """Issue certificates anew, in place of those that are there."""
        known = self._read()
        self.ca.pool.fill(self.ca.key_kind, sum(each.keys for each in wanted))
        for each in wanted:
            known[each.path] = self._issue(each)
        write_private(self._manifest, json.dumps(known, indent=1).encode())

    def revoke(self, paths: Iterable[str], reason: str = "cessation-of-operation") -> int:
        """Revoke certificates whose holder is no more; return how many were not revoked before.

        Args:
            paths: of their folders, patterns as of `Path.glob`; what is not there is passed.
            reason: a key of `sandbox.trust.revocation.REASONS`.
        """
        revoked = 0
        for path in paths:
            for file in sorted(self.folder.glob(f"{path}/cert.pem")):
                certificate = x509.load_pem_x509_certificate(file.read_bytes())
                if not self.ca.is_revoked(certificate):
                    self.ca.revoke(certificate, reason)
                    revoked += 1
        return revoked

    def revoked_cards(self, identity: str) -> list[str]:
        """Return the folders of a person's cards that are revoked."""
        files = sorted(self.folder.glob(f"*/people/{identity}/auth/cert.pem"))
        return [
            str(each.parents[1].relative_to(self.folder)) for each in files
            if self.ca.is_revoked(x509.load_pem_x509_certificate(each.read_bytes()))
        ]  # fmt: skip

    def want_list_signer(self) -> WantedCertificate:
        """Want the certificate that signs the list of domains."""
        return WantedCertificate(
            path=LIST_SIGNER,
            about=("list", AUTHORITY),
            issue=lambda ca: ca.list_signing(AUTHORITY, "alb.mssante.test", "alb@mssante.test"),
        )

    def list_signer(self) -> Issued:
        """Return the kept list-signing certificate with its key."""
        folder = self.folder / LIST_SIGNER
        plan = self.ca.plans.list_signing(AUTHORITY, "alb.mssante.test", "alb@mssante.test")
        chain = self.ca.authorities.chain(plan.issuer)
        return Issued(
            plan=plan,
            certificate=x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes()),
            key=load_key((folder / "key.pem").read_bytes()),
            chain=chain,
            presented=chain[:-1],
        )

    def _issue(self, wanted: WantedCertificate) -> dict[str, str]:
        made = wanted.issue(self.ca)
        target = self.folder / wanted.path
        if isinstance(made, Card):
            made.save(target)
            leaves: Iterable[Issued] = (made.auth, made.sign)
        else:
            made.save(target, pin=wanted.pin)
            leaves = (made,)
        ends = min(each.certificate.not_valid_after_utc for each in leaves)
        return {"digest": wanted.digest, "not_after": ends.isoformat()}

    def _good(self, record: Any, wanted: WantedCertificate, soon: datetime) -> bool:
        return (
            isinstance(record, dict)
            and record.get("digest") == wanted.digest
            and datetime.fromisoformat(record["not_after"]) > soon
        )

    def _read(self) -> dict[str, Any]:
        try:
            known = json.loads(self._manifest.read_bytes())
        except FileNotFoundError:
            return {}
        except ValueError:
            known = None
        if not isinstance(known, dict):
            raise UserError(
                "illisible ; recommencer avec --reset",
                "unreadable; start again with --reset",
                where=self._manifest,
            )
        return known
