"""What a controller sees of a running space: list, DNS, TLS, directory, mail stores, deposits.

The list is read as operators read it (HTTPS, signature verified), names are asked of the space's
DNS, each relay is connected to and shows its certificate. What cannot be seen is said, not guessed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import smtplib
import ssl
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dns.exception
import dns.message
import dns.query
import dns.rdatatype
import httpx
from cryptography import x509

from sandbox.conformance.findings import CheckResult
from sandbox.conformance.judge import judge_operator
from sandbox.conformance.ours import from_sheet
from sandbox.conformance.requirements import requirements
from sandbox.controls.view import (
    CertificateSeen,
    DomainSeen,
    Failure,
    MailboxSeen,
    OperatorSeen,
    RelaySeen,
    StructureSeen,
    View,
)
from sandbox.directory import Directory, Mailbox
from sandbox.indicators.counting import Indicators
from sandbox.indicators.files import deposited, read_file
from sandbox.indicators.month import Month
from sandbox.live.sheet_file import read_sheet
from sandbox.messages.ins import PATIENT_LABEL
from sandbox.operators.auth.revocation import Revocation, RevocationPolicy
from sandbox.operators.store import last_uses
from sandbox.serve import client_context
from sandbox.space.errors import UserError
from sandbox.trust import (
    DN,
    CertificateChecker,
    DomainList,
    ListError,
    ListKeeper,
    ListPolicy,
    ProfileName,
    RevocationStatus,
    dn_of,
    load_bundle,
    read_certificate,
)

__all__ = ["INTERFACES", "certificate_name", "look"]

Tree = dict[str, Any]
_SECONDS = 5.0
# What of the interfaces is tried: nothing, what protects the channel, all of `check operator`.
INTERFACES: Mapping[str, tuple[str, ...]] = {
    "none": (),
    "channel": ("tls-", "smtp-starttls-", "imap-starttls-", "relay-"),
    "all": ("",),
}


def look(
    folder: Path, now: float, *, interfaces: str = "channel", subjects: Collection[str] = (),
    tell: Callable[[str], None] = lambda _: None,
) -> View:  # fmt: skip
    """See a running space.

    Args:
        folder: of the space.
        now: instant by which delays are judged; what is seen is seen now.
        interfaces: a key of `INTERFACES`.
        subjects: operators whose interfaces are tried; all when empty.
        tell: told what takes long.

    Raises:
        UserError: no space runs there, or its list cannot be had or believed.
    """
    sheet = read_sheet(folder)
    with Directory(sheet["directory"]["database"]) as directory:
        return _Look(sheet, directory, now, interfaces, subjects, tell).view()


def certificate_name(folder: Path, operator: str) -> str:
    """Return the name that the list has, or will have, for an operator: its relay's subject."""
    chain = folder / "certificates" / operator / "relay" / "chain.pem"
    return _named(dn_of(x509.load_pem_x509_certificate(chain.read_bytes())))


@dataclass(slots=True)
class _Look:
    sheet: Tree
    directory: Directory
    now: float
    interfaces: str
    subjects: Collection[str]
    tell: Callable[[str], None]

    def view(self) -> View:
        authorities = load_bundle(Path(self.sheet["ca"]["bundle"]).read_bytes())
        revocation = Revocation(authorities, RevocationPolicy(cache_seconds=60.0, timeout=_SECONDS))
        # One loop for all questions: the client keeps its connections there.
        with asyncio.Runner() as runner:

            async def asked(certificate: x509.Certificate) -> RevocationStatus:
                return await revocation(certificate)

            try:
                return self._seen(authorities, lambda each: runner.run(asked(each)))
            finally:
                runner.run(revocation.close())

    def _seen(
        self, authorities: tuple[x509.Certificate, ...],
        status: Callable[[x509.Certificate], RevocationStatus],
    ) -> View:  # fmt: skip
        listed = self._list(authorities, status)
        # Mon espace santé has no interface of editors, and citizens are not in the directory.
        exempt = f"{PATIENT_LABEL}.{self.sheet['suffix']}"
        names: dict[str, list[str]] = {}
        since: dict[str, float] = {}
        for entry in listed.entries:
            if entry.domain == exempt:
                continue
            names.setdefault(entry.domain, []).append(_named(entry.certificate))
            if entry.updated is not None:
                at = entry.updated.timestamp()
                since[entry.domain] = min(at, since.get(entry.domain, at))
        sent, carried, logged = self._uses()
        probe = _Probe(self.sheet, CertificateChecker(bundle=authorities), status)
        domains = {each.name: each for each in self.directory.domains()}
        seen = {
            name: DomainSeen(
                name=name,
                operator=domains[name].operator if name in domains else "",
                listed=tuple(names.get(name, ())),
                relays=tuple(probe.relays(name)),
                in_force=name in domains and not domains[name].removed,
                mailboxes=domains[name].mailboxes if name in domains else 0,
                since=since.get(name, 0.0),
                last_traffic=carried.get(name, 0.0),
            )
            for name in sorted(domains.keys() | names.keys())
        }
        operators = self._operators(seen)
        mailboxes = {
            each.address: self._mailbox(each, operators, sent, logged)
            for each in self.directory.mailboxes("1")
        }
        return View(
            now=self.now, operators=operators, domains=seen, mailboxes=mailboxes,
            deposits=self._deposits(),
        )  # fmt: skip

    def _list(
        self, authorities: tuple[x509.Certificate, ...],
        status: Callable[[x509.Certificate], RevocationStatus],
    ) -> DomainList:  # fmt: skip
        url = self.sheet["list"]["url"]
        policy = ListPolicy(
            bundle=authorities,
            is_revoked=lambda each: status(each) is not RevocationStatus.GOOD,
        )
        try:
            answer = httpx.get(
                url, verify=client_context(Path(self.sheet["ca"]["bundle"])), trust_env=False,
                timeout=_SECONDS,
            ).raise_for_status()  # fmt: skip
            return ListKeeper(policy).offer(answer.content, datetime.now(UTC)).domains
        except (httpx.HTTPError, ListError) as error:
            raise UserError("la liste ne peut être lue", "the list cannot be read",
                            where=url, then=f"({error})") from None  # fmt: skip

    def _uses(self) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
        """Return by mailbox when it last sent and was logged in to; by domain, its traffic."""
        sent: dict[str, float] = {}
        carried: dict[str, float] = {}
        logged: dict[str, float] = {}
        for each in self.sheet["operators"]:
            own = Path(self.sheet["folder"]) / "operators" / each["name"]
            mine, of_domains = last_uses(own / "mail.db")
            for name, at in mine.items():
                sent[name] = max(at, sent.get(name, 0.0))
            for name, at in of_domains.items():
                carried[name] = max(at, carried.get(name, 0.0))
            for mailbox, at in _last_logins(own / "journal.jsonl"):
                logged[mailbox] = at
        return sent, carried, logged

    def _operators(self, domains: Mapping[str, DomainSeen]) -> dict[str, OperatorSeen]:
        found = {}
        for each in self.sheet["operators"]:
            name = each["name"]
            own = [domain for domain in domains.values() if domain.operator == name]
            if not any(domain.in_force for domain in own):
                continue  # it has left, or has nothing left
            client, relay = self._interfaces(name)
            found[name] = OperatorSeen(
                name=name,
                since=min((domain.since for domain in own if domain.since), default=self.now),
                listed=any(domain.listed for domain in own),
                client=client,
                relay=relay,
            )
        return found

    def _interfaces(self, operator: str) -> tuple[tuple[Failure, ...], tuple[Failure, ...]]:
        begins = INTERFACES[self.interfaces]
        if self.subjects and operator not in self.subjects:
            return (), ()
        only = [
            each.id for each in requirements()
            if each.binds != "software" and not each.unchecked and each.id.startswith(begins)
        ] if begins else []  # fmt: skip
        if not only:
            return (), ()
        self.tell(f"{operator}: interfaces…")
        with tempfile.TemporaryDirectory(prefix="mssante-controls-") as folder:
            subject, lab = from_sheet(self.sheet, Path(folder), operator=operator)
            report = judge_operator(subject, lab, only=only)
        failed = [
            Failure(requirement=f.id, clause=f.clause, why=f.why, evidence=f.evidence)
            for f in report.findings if f.result is CheckResult.FAIL
        ]  # fmt: skip
        relay = tuple(each for each in failed if each.requirement.startswith("relay-"))
        return tuple(each for each in failed if each not in relay), relay

    def _mailbox(
        self, box: Mailbox, operators: Mapping[str, OperatorSeen],
        sent: Mapping[str, float], logged: Mapping[str, float],
    ) -> MailboxSeen:  # fmt: skip
        structure = None
        if box.structure is not None:
            parent = box.structure.parent
            structure = StructureSeen(
                national_id=box.structure.national_id, finess=box.structure.finess,
                kind=box.structure.kind, parent=parent,
                parent_known=bool(parent) and self.directory.structure(parent) is not None,
            )  # fmt: skip
        operator = self.owner(box.domain)
        known = operators.get(operator)
        return MailboxSeen(
            address=box.address, type=box.type.value, domain=box.domain, operator=operator,
            structure=structure,
            # Nothing is known of the time before its operator was here.
            created=max(float(box.created), known.since if known else 0.0),
            last_used=max(sent.get(box.address, 0.0), logged.get(box.address, 0.0)),
            gone=tuple(
                f"{person.national_id} {person.given_name} {person.surname} ({reason})"
                for person, reason in self.directory.gone_of(box)
            ),
        )  # fmt: skip

    def owner(self, domain: str) -> str:
        """Return the operator that feeds a domain."""
        return next((e.operator for e in self.directory.domains() if e.name == domain), "")

    def _deposits(self) -> dict[Month, dict[str, Indicators | str]]:
        folder = Path(self.sheet["folder"]) / "indicators"
        found: dict[Month, dict[str, Indicators | str]] = {}
        for path in sorted(folder.glob("*")) if folder.is_dir() else ():
            with contextlib.suppress(UserError):
                month = Month.of(path.name)
                found[month] = {
                    name: _read(file, name, month)
                    for name, file in deposited(folder, month).items()
                }
        return found


def _named(dn: DN) -> str:
    """Return a name as names are compared: lists write them with blanks and cases of their own."""
    return ",".join(f"{kind}={value}" for kind, value in dn.key)


def _read(path: Path, operator: str, month: Month) -> Indicators | str:
    try:
        said = read_file(path)
    except UserError as error:
        return str(error)
    if said.operator != operator or said.month != month:
        return f"{path.name}: {said.operator}, {said.month}"
    return said


def _last_logins(journal: Path) -> Iterable[tuple[str, float]]:
    """Yield mailboxes with the instants of their logins, in order."""
    if not journal.exists():
        return
    with journal.open("rb") as lines:
        for line in lines:
            if b'"login"' in line:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    entry = json.loads(line)
                    if entry["event"] == "login":
                        yield str(entry["mailbox"]), float(entry["at"])


@dataclass(slots=True)
class _Probe:
    """Asks DNS and relays."""

    sheet: Tree
    checker: CertificateChecker
    status: Callable[[x509.Certificate], RevocationStatus]

    def relays(self, domain: str) -> Iterable[RelaySeen]:
        """Return what DNS gives for a domain, and what each host shows."""
        for host in self._names(domain, "MX"):
            addresses = tuple(self._names(host, "A"))
            yield self._relay(host, addresses)

    def _names(self, name: str, kind: str) -> list[str]:
        at = self.sheet["dns"]
        query = dns.message.make_query(name, kind)
        try:
            answer = dns.query.udp(query, at["address"], port=at["port"], timeout=_SECONDS)
        except (OSError, dns.exception.DNSException):
            return []
        wanted = dns.rdatatype.from_text(kind)
        rows = [row for rrset in answer.answer if rrset.rdtype == wanted for row in rrset]
        if kind == "A":
            return sorted(str(row.address) for row in rows)
        ordered = sorted(rows, key=lambda row: (row.preference, str(row.exchange)))
        return [str(row.exchange).rstrip(".").lower() for row in ordered]

    def _relay(self, host: str, addresses: tuple[str, ...]) -> RelaySeen:
        if not addresses:
            return RelaySeen(host=host, addresses=())
        port = self.sheet["operators"][0]["mx"]["port"]
        try:
            with smtplib.SMTP(local_hostname="controle", timeout=_SECONDS) as smtp:
                smtp.connect(addresses[0], port)
                smtp.ehlo()
                code, text = smtp.docmd("STARTTLS")
                if code != 220 or smtp.sock is None:
                    why = f"STARTTLS: {code} {text.decode(errors='replace')}"
                    return RelaySeen(host=host, addresses=addresses, why=why)
                with self._context(host).wrap_socket(smtp.sock, server_hostname=host) as secured:
                    der, version = secured.getpeercert(binary_form=True), secured.version()
                smtp.sock = None
        except (OSError, smtplib.SMTPException, ValueError) as error:
            return RelaySeen(host=host, addresses=addresses, why=f"{type(error).__name__}: {error}")
        certificate = self._judged(der or b"", host)
        if certificate is None:
            return RelaySeen(
                host=host, addresses=addresses, why="certificat illisible / unreadable"
            )
        return RelaySeen(host=host, addresses=addresses, certificate=certificate, tls=version or "")

    def _context(self, host: str) -> ssl.SSLContext:
        """Return TLS that looks at nothing, and shows what a relay of the space may show."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED  # an old version is to be seen
        for each in self.sheet["operators"]:
            own = Path(self.sheet["folder"]) / "certificates" / each["name"] / "relay"
            if each["mx"]["host"] != host and (own / "key.pem").exists():
                context.load_cert_chain(own / "chain.pem", own / "key.pem")
                break
        return context

    def _judged(self, der: bytes, host: str) -> CertificateSeen | None:
        try:
            leaf = read_certificate(der)
            dn = dn_of(leaf)
        except ValueError:
            return None
        found = self.checker.check(
            leaf, profile=ProfileName.OPERATOR_SERVER, now=datetime.now(UTC), name=host
        )
        troubles = [each.value for each in found]
        if not troubles:
            status = self.status(leaf)
            troubles = [] if status is RevocationStatus.GOOD else [f"revocation: {status.value}"]
        try:
            names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            hosts = tuple(names.value.get_values_for_type(x509.DNSName))
        except x509.ExtensionNotFound:
            hosts = ()
        return CertificateSeen(
            dn=_named(dn), names=hosts, not_after=leaf.not_valid_after_utc.timestamp(),
            troubles=tuple(troubles),
        )  # fmt: skip
