"""What is trusted: authorities and certificates, the list of domains, the zone, the directory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sandbox.console.answers import MissingError
from sandbox.directory import Directory
from sandbox.directory.lookup import look_up
from sandbox.live.keys import AUTHORITY, PIN
from sandbox.space.errors import UserError
from sandbox.trust.authority import TestCA
from sandbox.trust.domain_list import DomainLedger
from sandbox.trust.hierarchy import AUTHORITIES, AuthorityName

__all__ = [
    "FILES",
    "KINDS",
    "Authority",
    "Certificate",
    "Listed",
    "authorities",
    "certificates",
    "file_of",
    "found",
    "issue",
    "issued_here",
    "listed",
    "revoke",
    "withdraw_or_restore",
]

_FOUND = 50
_NAMES, _LABEL = 20, 64
KINDS = ("server", "application")  # of certificates that people have issued
FILES = ("chain.pem", "key.pem", "bundle.p12")


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """An authority, `depth` below a root, and how many certificates it issued."""

    name: str
    common_name: str
    depth: int
    issued: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate that was issued.

    Attributes:
        serial: hexadecimal.
        issuer, profile, subject, fault: as registered.
        not_after: its end, ISO 8601.
        days: until then, negative once past.
        revoked: why, empty when it is not.
        since: of the revocation, ISO 8601.
    """

    serial: str
    issuer: str
    profile: str
    subject: str
    fault: str
    not_after: str
    days: int
    revoked: str
    since: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A domain that is or was on the list.

    Attributes:
        domain: its name.
        certificates: names that may speak for it now, none once withdrawn.
        history: instant and event, oldest first.
    """

    domain: str
    certificates: tuple[str, ...]
    history: tuple[tuple[str, str], ...]


def authorities(ca: TestCA) -> list[Authority]:
    """Return the tree, each root before what it signed."""
    counts = Counter(record["issuer"] for record in ca.register.issued())
    ordered: list[Authority] = []

    def below(parent: AuthorityName | None, depth: int) -> None:
        for name, spec in AUTHORITIES.items():
            if spec.parent == parent:
                ordered.append(
                    Authority(name=name.value, common_name=spec.common_name, depth=depth,
                              issued=counts[name.value])
                )  # fmt: skip
                below(name, depth + 1)

    below(None, 0)
    return ordered


def certificates(ca: TestCA, query: str, now: datetime) -> list[Certificate]:
    """Return what was issued to those whose name, serial or profile holds a text, newest first."""
    wanted = query.lower()
    shown = []
    for record in reversed(ca.register.issued()):
        told = f"{record['subject']} {record['serial']} {record['profile']} {record['issuer']}"
        if record["issuer"] == "authority" or wanted not in told.lower():
            continue
        change = ca.register.status(AuthorityName(record["issuer"]), int(record["serial"], 16))
        revoked = change.revoked
        end = datetime.fromisoformat(record["not_after"])
        shown.append(
            Certificate(
                serial=record["serial"], issuer=record["issuer"], profile=record["profile"],
                subject=record["subject"], fault=record.get("fault", ""),
                not_after=record["not_after"], days=(end - now).days,
                revoked=revoked.reason if revoked else "",
                since=revoked.when.isoformat() if revoked else "",
            )
        )  # fmt: skip
    return shown


def revoke(ca: TestCA, serial: str, reason: str) -> None:
    """Revoke a certificate at once, for CRL and OCSP; an empty reason releases it from a hold.

    Raises:
        MissingError: it was not issued here.
        UserError: it is revoked already, or no such reason.
    """
    try:
        number = int(serial, 16)
        ca.register.issuer_of(number)
    except (ValueError, UserError):
        raise MissingError(
            "numéro de série inconnu", "unknown serial number", where=serial[:60]
        ) from None
    if reason:
        ca.revoke(number, reason)
    else:
        ca.release(number)


def issue(ca: TestCA, folder: Path, kind: str, name: str) -> str:
    """Issue a certificate and keep it with its key, readable by nobody else; return its serial.

    Raises:
        UserError: no such kind, or names that no certificate can have.
    """
    if kind not in KINDS:
        raise UserError.expected("kind", KINDS)
    if kind == "server":
        names = [each.strip() for each in name.split(",") if each.strip()][:_NAMES]
        made = ca.endpoint_server(AUTHORITY, names)
    else:
        label = name.strip()
        if not (label.isprintable() and 0 < len(label) <= _LABEL):
            raise UserError(f"1 à {_LABEL} caractères", f"1 to {_LABEL} characters", where="name")
        made = ca.org_client(AUTHORITY, label)
    serial = f"{made.certificate.serial_number:x}"
    made.save(folder / serial, pin=PIN)
    return serial


def issued_here(folder: Path) -> frozenset[str]:
    """Return the serials of what was issued by `issue`."""
    return frozenset(each.name for each in folder.glob("*")) if folder.is_dir() else frozenset()


def file_of(folder: Path, serial: str, file: str) -> Path:
    """Return a file of what was issued by `issue`.

    Raises:
        MissingError: there is none.
    """
    here = {each.lstrip("0"): each for each in issued_here(folder)}
    found = here.get(serial.lower().lstrip("0"))
    if found is None or file not in FILES:
        raise MissingError("rien n'a été émis ici sous ce numéro", "nothing was issued here so",
                           where=f"{serial[:60]} {file[:20]}")  # fmt: skip
    return folder / found / file


def listed(ledger: DomainLedger, now: datetime) -> list[Listed]:
    """Return every domain that is or was on the list."""
    current: dict[str, list[str]] = {}
    for entry in ledger.at(now).entries:
        current.setdefault(entry.domain, []).append(str(entry.certificate))
    history: dict[str, list[tuple[str, str]]] = {}
    for record in ledger.history():
        history.setdefault(record["domain"], []).append((record["when"], record["event"]))
    return [
        Listed(domain=domain, certificates=tuple(current.get(domain, ())), history=tuple(events))
        for domain, events in sorted(history.items())
    ]


def withdraw_or_restore(ledger: DomainLedger, domain: str, now: datetime) -> bool:
    """Withdraw a domain, or put it back as it last was; return whether it is on the list now.

    Raises:
        MissingError: it never was on the list.
    """
    events = [record for record in ledger.history() if record["domain"] == domain]
    if not events:
        raise MissingError("domaine inconnu de la liste", "unknown domain", where=domain[:80])
    if domain in ledger.at(now).domains:
        ledger.remove(domain, now)
        return False
    before = datetime.fromisoformat(events[-2]["when"])
    entries = [entry for entry in ledger.at(before).entries if entry.domain == domain]
    first = entries[0]
    ledger.add(
        domain, [entry.certificate for entry in entries], now, description=first.description,
        responsible=first.responsible, support=first.support,
    )  # fmt: skip
    return True


def found(directory: Directory, query: str) -> list[dict[str, Any]]:
    """Return the entries of the directory that a person looks up."""
    if not query:
        return []
    page = look_up(directory, query, _FOUND)
    return [{"dn": entry.dn, **dict(entry.attributes)} for entry in page.entries]
