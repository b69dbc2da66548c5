"""The test authority: issues every profile, revokes, publishes; in memory or in a folder."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from sandbox.space.errors import UserError
from sandbox.space.files import write_private
from sandbox.trust.authorities import Authorities
from sandbox.trust.hierarchy import AUTHORITIES, AuthorityName, Urls
from sandbox.trust.identity import Employee, Organisation, Professional
from sandbox.trust.issuing import Issued, LeafPlan, build_leaf
from sandbox.trust.keys import KeyKind, KeyPool
from sandbox.trust.ocsp import IssuerIndex, Responder, respond
from sandbox.trust.planning import Planner
from sandbox.trust.profiles import Marker, ProfileName
from sandbox.trust.register import CertificateRegister
from sandbox.trust.revocation import Change, build_crl

__all__ = ["Card", "TestCA"]

CRL_VALIDITY = timedelta(days=7)
DELTA_VALIDITY = timedelta(days=1)
# A complete CRL is signed again when something changed, and at least this often.
_CRL_FRESH = timedelta(minutes=1)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Card:
    """A CPS: one certificate to authenticate, one to sign, and the PIN that guards both keys.

    Attributes:
        auth: Authentication certificate.
        sign: Signature certificate.
        pin: PIN of the PKCS#12 files and of the PKCS#11 token.
    """

    auth: Issued
    sign: Issued
    pin: str

    def save(self, folder: Path) -> list[Path]:
        """Write both pairs, PEM and PKCS#12, under `auth` and `sign`."""
        return self.auth.save(folder / "auth", pin=self.pin) + self.sign.save(
            folder / "sign", pin=self.pin
        )


class TestCA:
    """An IGC-Santé look-alike in its TEST form.

    In memory by default; `TestCA.open(folder)` keeps authorities, journals and keys in a folder
    that several processes share. Authorities are made when first needed.

    Args:
        urls: Where certificates say that CRL, certificates and OCSP are.
        key_kind: Key of the leaves (the real profile is RSA 2048).
        authority_keys: Key of the authorities (the real ones are RSA 4096); by default RSA 4096
            with RSA leaves, P-256 with P-256 leaves.
        marker: Environment that the leaves declare.
        clock: Gives the time, UTC.
        folder: Where state is kept.
    """

    __test__ = False  # pytest: the name starts with Test, the class is no test

    def __init__(
        self,
        *,
        urls: Urls | None = None,
        key_kind: KeyKind = KeyKind.RSA_2048,
        authority_keys: KeyKind | None = None,
        marker: Marker = Marker.TEST,
        clock: Callable[[], datetime] = _utc_now,
        folder: Path | None = None,
    ) -> None:
        self.urls = urls or Urls()
        self.key_kind = key_kind
        self.marker = marker
        self.clock = clock
        self.pool = KeyPool(folder / "pool" if folder else None)
        self.register = CertificateRegister(folder, clock)
        default = KeyKind.P256 if key_kind is KeyKind.P256 else KeyKind.RSA_4096
        self.authorities = Authorities(
            urls=self.urls,
            authority_keys=authority_keys or default,
            service_keys=key_kind,
            pool=self.pool,
            clock=clock,
            folder=folder,
            note=lambda certificate, issuer: self.register.note(certificate, issuer, "authority"),
        )
        self.plans = Planner(urls=self.urls, key_kind=key_kind, marker=marker, clock=clock)
        self._index: IssuerIndex | None = None
        self._crls: dict[tuple[AuthorityName, bool, int], x509.CertificateRevocationList] = {}
        self._lock = threading.RLock()

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        urls: Urls | None = None,
        key_kind: KeyKind = KeyKind.RSA_2048,
        marker: Marker = Marker.TEST,
        clock: Callable[[], datetime] = _utc_now,
    ) -> TestCA:
        """Open the authority kept in a folder, or found one there.

        The settings are those of its founding; the arguments count only then.

        Raises:
            UserError: the folder holds something else.
        """
        settings = folder / "ca.json"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not settings.exists():
            # Another process may be founding the same authority just now.
            if any(path.name != "ca.json" and path.name[0] != "." for path in folder.iterdir()):
                raise UserError(
                    "ni vide, ni une autorité ; donner un dossier vide",
                    "not empty and no authority; give an empty folder",
                    where=folder,
                )
            urls = urls or Urls()
            founded = {
                "files": urls.files,
                "ocsp": urls.ocsp,
                "key_kind": key_kind.value,
                "marker": marker.name,
            }
            write_private(settings, json.dumps(founded, indent=1).encode(), keep=True)
        try:
            read = json.loads(settings.read_bytes())
            return cls(
                urls=Urls(files=read["files"], ocsp=read["ocsp"]),
                key_kind=KeyKind(read["key_kind"]),
                marker=Marker[read["marker"]],
                clock=clock,
                folder=folder,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise UserError.because(
                "ce ne sont pas les réglages d'une autorité ; donner un autre dossier",
                "not the settings of an authority; give another folder",
                settings,
                error,
            ) from None

    def roots_pem(self) -> bytes:
        """Return the three roots in PEM."""
        return self.authorities.roots_pem()

    def bundle_pem(self) -> bytes:
        """Return the whole hierarchy in PEM, roots first."""
        return self.authorities.bundle_pem()

    # Leaves

    def issue(self, plan: LeafPlan, *, fault: str = "") -> Issued:
        """Sign a plan (of `self.plans`) and remember the serial number."""
        issuer, issuer_key = self.authorities.pair(plan.issuer)
        key = self.pool.take(plan.key_kind)
        certificate = build_leaf(plan, key, issuer, issuer_key, x509.random_serial_number())
        self.register.note(certificate, plan.issuer, plan.profile.name.value, fault)
        chain = self.authorities.chain(plan.issuer)
        return Issued(
            plan=plan,
            certificate=certificate,
            key=key,
            chain=chain,
            presented=chain[:-1],
            fault=fault,
        )

    def operator_server(
        self, organisation: Organisation, names: Sequence[str], addresses: Sequence[str] = ()
    ) -> Issued:
        """Issue the certificate of an operator's relay (both ends of mutual TLS).

        Args:
            organisation: The operator.
            names: Host names; the first is the CN and all are in the SAN.
            addresses: IP addresses added to the SAN; the real profile has none.
        """
        profile = ProfileName.OPERATOR_SERVER
        return self.issue(self.plans.server(profile, organisation, names, addresses))

    def endpoint_server(
        self, organisation: Organisation, names: Sequence[str], addresses: Sequence[str] = ()
    ) -> Issued:
        """Issue the certificate of one or more endpoints, with the SANs that a design asks for."""
        profile = ProfileName.ENDPOINT_SERVER
        return self.issue(self.plans.server(profile, organisation, names, addresses))

    def org_client(self, organisation: Organisation, label: str) -> Issued:
        """Issue an ORG AUTH_CLI certificate: the identity of an application mailbox."""
        return self.issue(self.plans.org_client(organisation, label))

    def org_seal(self, organisation: Organisation, label: str, mail: str = "") -> Issued:
        """Issue a seal: signs as an organisation; its SAN carries `mail` when given."""
        return self.issue(self.plans.org_seal(organisation, label, mail))

    def list_signing(self, organisation: Organisation, name: str, mail: str) -> Issued:
        """Issue the certificate that signs the list of domains (SAN `mail`), always RSA 2048."""
        return self.issue(self.plans.list_signing(organisation, name, mail))

    def cps(self, person: Professional, *, pin: str = "1234") -> Card:
        """Issue the two certificates of a person's CPS.

        Args:
            person: The holder.
            pin: Guards the PKCS#12 files and the token.
        """
        auth, sign = self.plans.cps(person)
        return Card(self.issue(auth), self.issue(sign), pin)

    def cpe(self, employee: Employee) -> Issued:
        """Issue the authentication certificate of an employee's card."""
        return self.issue(self.plans.cpe(employee))

    # Revocation and publication

    def revoke(
        self,
        certificate: Issued | x509.Certificate | int,
        reason: str = "unspecified",
        when: datetime | None = None,
    ) -> Change:
        """Revoke a certificate of this authority, at once for CRL and OCSP.

        Args:
            certificate: The certificate, or its serial number.
            reason: A key of `sandbox.trust.revocation.REASONS`.
            when: Revocation date; now by default.

        Raises:
            UserError: not issued here, already revoked, or an unknown reason.
        """
        serial, issuer = _serial(certificate)
        return self.register.revoke(serial, reason, when, issuer)

    def release(self, certificate: Issued | x509.Certificate | int) -> Change:
        """Release a certificate from `certificate-hold`.

        Raises:
            UserError: the certificate is not on hold.
        """
        serial, issuer = _serial(certificate)
        return self.register.release(serial, issuer)

    def is_revoked(self, certificate: x509.Certificate) -> bool:
        """Tell whether a certificate is revoked now (False for one that is not from here)."""
        try:
            name = self.register.issuer_of(certificate.serial_number, certificate.issuer)
        except UserError:
            return False
        return self.register.status(name, certificate.serial_number).revoked is not None

    def crl(self, name: AuthorityName, *, stale: bool = False) -> x509.CertificateRevocationList:
        """Return the complete CRL of an authority as of now.

        Args:
            name: The authority.
            stale: Give one whose nextUpdate has passed.
        """
        if stale:
            return self._build_crl(name, self.clock() - 2 * CRL_VALIDITY, delta=False)
        return self._fresh_crl(name, delta=False)

    def delta_crl(self, name: AuthorityName) -> x509.CertificateRevocationList:
        """Return what changed since the last midnight (UTC), as a delta CRL.

        Any complete CRL of today or later is a base for it.
        """
        return self._fresh_crl(name, delta=True)

    def _fresh_crl(self, name: AuthorityName, *, delta: bool) -> x509.CertificateRevocationList:
        now = self.clock()
        with self._lock:
            key = (name, delta, len(self.register.changes(name)))
            kept = self._crls.get(key)
            if kept is None or not timedelta(0) <= now - kept.last_update_utc < _CRL_FRESH:
                self._crls = {k: v for k, v in self._crls.items() if k[:2] != key[:2]}
                kept = self._crls[key] = self._build_crl(name, now, delta=delta)
            return kept

    def _build_crl(
        self, name: AuthorityName, now: datetime, *, delta: bool
    ) -> x509.CertificateRevocationList:
        certificate, key = self.authorities.pair(name)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return build_crl(
            self.register.changes(name),
            certificate,
            key,
            now=now,
            validity=DELTA_VALIDITY if delta else CRL_VALIDITY,
            delta_since=midnight if delta else None,
            freshest_url=self.urls.delta(name),
        )

    def warm(self) -> IssuerIndex:
        """Have every authority and its OCSP signer at hand: else the first request waits for it."""
        with self._lock:
            if self._index is None:
                self.authorities.prepare()
                self._index = IssuerIndex()
                for name in AUTHORITIES:
                    self._index.add(self._responder(name))
            return self._index

    def ocsp(self, request: bytes, *, fault: str = "") -> bytes:
        """Answer an OCSP request (DER in, DER out); see `sandbox.trust.ocsp.respond`."""
        return respond(
            request,
            index=self.warm(),
            status=self.register.status,
            now=self.clock(),
            fault=fault,
        )

    def _responder(self, name: AuthorityName) -> Responder:
        certificate, key = self.authorities.responder_pair(name, ExtendedKeyUsageOID.OCSP_SIGNING)
        return Responder(
            name=name,
            issuer=self.authorities.pair(name)[0],
            certificate=certificate,
            key=key,
            outsider=lambda: self.authorities.responder_pair(
                name, ExtendedKeyUsageOID.EMAIL_PROTECTION
            ),
        )


def _serial(certificate: Issued | x509.Certificate | int) -> tuple[int, x509.Name | None]:
    if isinstance(certificate, int):
        return certificate, None
    leaf = certificate.certificate if isinstance(certificate, Issued) else certificate
    return leaf.serial_number, leaf.issuer
