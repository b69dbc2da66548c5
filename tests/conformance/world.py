"""Everything that an operator in memory is judged with: certificates, doors, accounts, time."""

from __future__ import annotations

import ssl
import time
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from sandbox.conformance.connection import Pipe, UnreachableError
from sandbox.conformance.subject import (
    CheckedDoor,
    CheckedMailbox,
    Means,
    Neighbour,
    Pair,
    Subject,
)
from sandbox.trust import Issued, KeyKind, Organisation, Professional, TestCA, make_bad
from sandbox.trust.hierarchy import AuthorityName
from sandbox.trust.profiles import ProfileName
from tests.conformance.operator import Holder, Operator, Session
from tests.conformance.operator_imap import ImapSession
from tests.conformance.operator_smtp import SmtpSession

OWN, NEAR = "op1.mssante.test", "op2.mssante.test"
HOST = "mail.op1.mssante.test"
ONE = Organisation(name="OPERATEUR UN", department="Paris (75)", finess="750000018")
TWO = Organisation(name="OPERATEUR DEUX", department="Paris (75)", finess="119999993")
SECRETS = {
    "anne": "JBSWY3DPEHPK3PXP" * 2,
    "bob": "KRSXG5CTMVRXEZLU" * 2,
    "carl": "MFRGGZDFMZTWQ2LK" * 2,
}
NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME
IMPLICIT = ("cps", "certificat", "totp")
PSC = ("ecps", "ciba-operateur")


def _door(name: str, protocol: str, port: int, tls: str, methods: tuple[str, ...],
          mechanisms: tuple[str, ...]) -> CheckedDoor:  # fmt: skip
    return CheckedDoor(
        name=name, protocol=protocol, host=HOST, address="127.0.0.1", port=port, tls=tls,
        client_certificate="optional", methods=methods, mechanisms=mechanisms,
    )  # fmt: skip


DOORS = (
    _door("imap", "imap", 993, "implicit", IMPLICIT, ("PLAIN", "EXTERNAL")),
    _door("smtp", "smtp", 465, "implicit", IMPLICIT, ("PLAIN", "EXTERNAL")),
    _door("imap.psc", "imap", 143, "starttls", PSC, ("PLAIN", "XOAUTH2")),
    _door("smtp.psc", "smtp", 587, "starttls", PSC, ("PLAIN", "XOAUTH2")),
)
RELAY = _door("mx", "relay", 25, "starttls", (), ())
NEAR_DOORS = (_door("near.imap", "imap", 1993, "implicit", IMPLICIT, ("PLAIN", "EXTERNAL")),)


class Pki:
    """Certificates of both operators and of everybody, made once."""

    def __init__(self, folder: Path) -> None:
        self.ca, self.folder = TestCA(key_kind=KeyKind.P256), folder
        self.other = TestCA(key_kind=KeyKind.P256)
        self.roots = folder / "roots.pem"
        self.roots.write_bytes(self.ca.roots_pem())
        self.bundle = folder / "bundle.pem"
        self.bundle.write_bytes(self.ca.bundle_pem())
        self.others = folder / "others.pem"
        self.others.write_bytes(self.other.bundle_pem())
        plans = self.ca.plans
        self.people = {
            name: Professional(national_id=f"81000000000{number}", profession="Médecin",
                         profession_code=10, surname=name.upper(), given_name=name.title())
            for number, name in enumerate(("anne", "bob"))
        }  # fmt: skip
        self.cards = {name: self.ca.cps(person).auth for name, person in self.people.items()}
        self.app = self.ca.org_client(ONE, "app")
        self.relay_of_two = self.ca.operator_server(TWO, ["mx.op2.mssante.test"])
        self.server_plan = plans.server(ProfileName.ENDPOINT_SERVER, ONE, [HOST])
        self.servers: dict[str, Pair] = {"": self.pair(self.ca.issue(self.server_plan), "server")}
        self.bad: dict[str, Pair] = {}
        card, app = plans.cps(self.people["anne"])[0], plans.org_client(ONE, "app")
        relay = plans.server(ProfileName.OPERATOR_SERVER, TWO, ["mx.op2.mssante.test"])
        for kind, plan in (("cps", card), ("certificat", app), ("relay", relay)):
            for fault in ("expired", "revoked"):
                made = make_bad(self.ca, fault, plan)
                self.bad[f"{kind}-{fault}"] = self.pair(made, f"{kind}-{fault}")
            untrusted = self.other.issue(plan)
            self.bad[f"{kind}-untrusted"] = self.pair(untrusted, f"{kind}-untrusted")
        unlisted = self.ca.operator_server(
            Organisation(name="TIERS", department="Aude (11)", finess="750000018"), ["mx.x.test"]
        )
        self.bad["relay-unlisted"] = self.pair(unlisted, "relay-unlisted")

    def pair(self, issued: Issued, name: str) -> Pair:
        issued.save(self.folder / name)
        return Pair(self.folder / name / "chain.pem", self.folder / name / "key.pem")

    def server(self, fault: str) -> Pair:
        """The server's certificate with a fault."""
        if fault not in self.servers:
            if fault == "no-server":
                usage = (ExtendedKeyUsageOID.EMAIL_PROTECTION,)
                made = self.ca.issue(replace(self.server_plan, purposes=usage))
            else:
                made = make_bad(self.ca, fault, self.server_plan)
            self.servers[fault] = self.pair(made, f"server-{fault}")
        return self.servers[fault]


# What a mutant's TLS has that it should not.
SERVERS = {
    "tls-chain": "broken-chain", "tls-name": "wrong-name", "tls-validity": "expired",
    "tls-not-revoked": "revoked", "tls-purpose": "no-server", "tls-key": "weak-key",
}  # fmt: skip
UNTRUSTED = ("certificate-untrusted-refused", "relay-certificate-untrusted")
EXPIRED = ("certificate-expired-refused", "relay-certificate-expired")


def _subject(issued: Issued) -> str:
    return issued.certificate.subject.rfc4514_string()


def _context(pki: Pki, breaks: str, door: CheckedDoor) -> ssl.SSLContext:
    relay = door.protocol == "relay"
    pair = pki.server("" if relay else SERVERS.get(breaks, ""))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ECDHE+AESGCM:@SECLEVEL=0")
    if breaks == "tls-old-versions" and not relay:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:!aNULL:@SECLEVEL=0")
    elif breaks == "tls-weak-suites" and not relay:
        context.set_ciphers("ECDHE+AESGCM:aNULL:@SECLEVEL=0")
    elif breaks == "tls-strong-suites" and not relay:
        context.set_ciphers("ECDHE-ECDSA-AES128-SHA256")
    context.load_cert_chain(pair.certificate, pair.key)
    context.load_verify_locations(pki.bundle)
    context.verify_mode = ssl.CERT_OPTIONAL
    if breaks == UNTRUSTED[relay]:
        context.load_verify_locations(pki.others)
    if breaks == EXPIRED[relay]:
        context.verify_flags |= NO_CHECK_TIME
    return context


def subject_of(pki: Pki) -> Subject:
    """The operator as who judges it knows it."""
    accounts = [
        CheckedMailbox(address=f"{name}@{OWN}", ways=(
            Means(method="cps", username=f"{name}@{OWN}", pair=pki.pair(pki.cards[name], name)),
            Means(method="totp", username=f"{name}@{OWN}", password=f"pass-{name}",
                secret=SECRETS[name]),
            Means(method="ecps", username=f"{name}@{OWN}", password=f"pass-{name}", person=name),
        ))
        for name in ("anne", "bob")
    ]  # fmt: skip
    accounts.append(CheckedMailbox(address=f"app@{OWN}", ways=(
        Means(method="certificat", username=f"app@{OWN}", pair=pki.pair(pki.app, "app")),
    )))  # fmt: skip
    accounts.append(CheckedMailbox(address=f"carl@{OWN}", ways=(
        Means(method="ciba-operateur", username=f"carl@{OWN}", password="pass-carl"),
    )))  # fmt: skip
    dora = Means(
        method="totp", username=f"dora@{NEAR}", password="pass-dora", secret=SECRETS["carl"]
    )
    return Subject(
        name="operateur d'essai", domain=OWN, doors=DOORS, accounts=tuple(accounts),
        roots=pki.roots, relay=RELAY, bad=pki.bad, dns=("127.0.0.1", 53),
        neighbour=Neighbour(
            domain=NEAR, relay=pki.pair(pki.relay_of_two, "relay-two"), doors=NEAR_DOORS,
            account=CheckedMailbox(address=f"dora@{NEAR}", ways=(dora,)),
        ),
    )  # fmt: skip


@dataclass
class Memory:
    """A lab without a world: an operator that breaks one requirement, and a good neighbour."""

    pki: Pki
    breaks: str = ""
    off: frozenset[str] = frozenset()  # doors where nobody answers
    _passed: float = 0.0
    _start: float = field(default_factory=lambda: float(int(time.time())))

    def __post_init__(self) -> None:
        pki = self.pki
        names = {name: _subject(card) for name, card in pki.cards.items()}
        holders = {
            f"{name}@{OWN}": Holder(f"{name}@{OWN}", f"pass-{name}", SECRETS[name], names[name],
                                    token=f"token-{name}")
            for name in ("anne", "bob")
        }  # fmt: skip
        holders[f"app@{OWN}"] = Holder(f"app@{OWN}", "-", "", _subject(pki.app))
        holders[f"carl@{OWN}"] = Holder(f"carl@{OWN}", "pass-carl", SECRETS["carl"], rings=True)
        contexts = {each.name: _context(pki, self.breaks, each) for each in (*DOORS, RELAY)}
        near_holder = Holder(f"dora@{NEAR}", "pass-dora", SECRETS["carl"])
        near_contexts = {each.name: _context(pki, "", each) for each in NEAR_DOORS}
        self.near = Operator(NEAR, "", {f"dora@{NEAR}": near_holder}, near_contexts,
                             pki.ca.is_revoked, self.now)  # fmt: skip
        self.operator = Operator(
            OWN, self.breaks, holders, contexts, pki.ca.is_revoked, self.now,
            listed={_subject(pki.relay_of_two): {NEAR}},
            deliver_out=self._out,
        )  # fmt: skip

    def _out(self, sender: str, recipient: str, content: bytes) -> str:
        if recipient not in self.near.boxes:
            return "550 5.1.1 no such mailbox"
        if self.breaks != "delivery-out":
            self.near.deliver(sender, recipient, content)
        return ""

    def open(self, door: CheckedDoor, *, seconds: float = 0.0) -> Pipe:
        del seconds
        if door.name in self.off:
            raise UnreachableError(f"{door.name}: refused")
        operator = self.near if door.name.startswith("near") else self.operator
        kind: type[Session] = ImapSession if door.protocol == "imap" else SmtpSession
        return operator.connect(door, kind)

    def now(self) -> float:
        return self._start + self._passed

    def sleep(self, seconds: float) -> None:
        self._passed += seconds

    def fetch(self, url: str) -> bytes:
        for name in AuthorityName:
            if url == self.pki.ca.urls.crl(name):
                return self.pki.ca.crl(name).public_bytes(Encoding.DER)
        raise UnreachableError(url)

    def lookup(self, name: str, kind: str) -> list[str]:
        if kind == "MX":
            return [] if self.breaks == "dns-mx" else [f"10 {HOST}."]
        found = {f"_imaps._tcp.{OWN}": 993, f"_submissions._tcp.{OWN}": 465}
        if name not in found or self.breaks == "dns-srv":
            return []
        return [f"0 1 {found[name]} {HOST}."]

    def token(self, way: Means) -> str:
        return f"token-{way.person}"

    def crash(self) -> None:
        self.operator.crash()
