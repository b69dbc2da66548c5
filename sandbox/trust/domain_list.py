"""The list of authorised domains (liste blanche) as plain data, and its history.

A domain has one entry per operator certificate: several hosts of an operator, or several
operators during a migration, make several entries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from sandbox.space.errors import UserError
from sandbox.trust.dn import DN, parse_dn
from sandbox.trust.journal import AuthorityJournal

__all__ = ["DomainLedger", "DomainList", "ListEntry", "normal_domain"]

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def normal_domain(text: str) -> str:
    """Return a domain in lower case, without a final dot, in ASCII.

    Raises:
        ValueError: it is not a domain of two labels or more.
    """
    name = text.strip().rstrip(".").lower()
    if not name.isascii():
        name = name.encode("idna").decode("ascii")
    labels = name.split(".")
    if len(name) > 253 or len(labels) < 2 or not all(_LABEL.fullmatch(each) for each in labels):
        raise ValueError(f"{text!r} is not a domain")
    return name


@dataclass(frozen=True, kw_only=True)
class ListEntry:
    """One authorised pair (domain, operator certificate).

    Attributes:
        domain: Domain, normalised.
        certificate: Subject of the operator's certificate.
        description: Free text.
        responsible: Contact of the person in charge.
        support: Contact of the support.
        updated: Last change (UTC); None when the list gives none that can be read.
    """

    domain: str
    certificate: DN
    description: str = ""
    responsible: str = ""
    support: str = ""
    updated: datetime | None = None


@dataclass(frozen=True)
class DomainList:
    """The list at the moment of its generation.

    Attributes:
        generated: When it was made (UTC).
        entries: Its entries, in the order of the file.
    """

    generated: datetime
    entries: tuple[ListEntry, ...]

    @cached_property
    def domains(self) -> frozenset[str]:
        """All authorised domains."""
        return frozenset(entry.domain for entry in self.entries)

    @property
    def certificates(self) -> frozenset[tuple[tuple[str, str], ...]]:
        """Keys of the distinct certificate names."""
        return frozenset(entry.certificate.key for entry in self.entries)

    @property
    def organisations(self) -> frozenset[str]:
        """Distinct organisation names (O), as written."""
        return frozenset(entry.certificate.get("O") for entry in self.entries)

    @property
    def units(self) -> frozenset[str]:
        """Distinct structure identifiers (OU)."""
        return frozenset(entry.certificate.get("OU") for entry in self.entries)

    def authorises(self, domain: str, certificate: DN) -> bool:
        """Tell whether a certificate may speak for a domain, in either direction."""
        try:
            name = normal_domain(domain)
        except ValueError:
            return False
        return name in self._by_certificate.get(certificate.key, frozenset())

    @cached_property
    def _by_certificate(self) -> dict[tuple[tuple[str, str], ...], frozenset[str]]:
        """Domains by certificate: every message of a relay asks, so the answer must be quick."""
        found: dict[tuple[tuple[str, str], ...], set[str]] = {}
        for entry in self.entries:
            found.setdefault(entry.certificate.key, set()).add(entry.domain)
        return {key: frozenset(domains) for key, domains in found.items()}

    def domains_of(self, certificate: DN) -> frozenset[str]:
        """Return the domains that a certificate may speak for."""
        return self._by_certificate.get(certificate.key, frozenset())


class DomainLedger:
    """The history of the list: additions, removals and migrations, never erased.

    Args:
        path: A JSON-lines file; None keeps the history in memory.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._journal = AuthorityJournal(path)

    def add(
        self,
        domain: str,
        certificates: Iterable[DN],
        when: datetime,
        *,
        description: str = "",
        responsible: str = "",
        support: str = "",
    ) -> None:
        """Authorise a domain for certificates.

        Raises:
            UserError: not a domain, no certificate, or already authorised for one of them.
        """
        name, names = _domain(domain), list(certificates)
        if not names:
            raise UserError(
                "donner au moins un nom de certificat",
                "give at least one certificate name",
                where=name,
            )
        present = {e.certificate.key for e in self.at(when).entries if e.domain == name}
        for each in names:
            if each.key in present:
                raise UserError(
                    "déjà autorisé pour", "already authorised for", where=name, then=each
                )
        self._write(
            "add",
            name,
            when,
            names,
            {"description": description, "responsible": responsible, "support": support},
        )

    def remove(self, domain: str, when: datetime) -> None:
        """Withdraw a domain: all its entries go.

        Raises:
            UserError: the domain is not on the list.
        """
        name = self._listed(domain, when)
        self._write("remove", name, when, [], {})

    def migrate(self, domain: str, certificates: Iterable[DN], when: datetime) -> None:
        """Give a domain to another operator: its entries are replaced at one moment.

        Raises:
            UserError: the domain is not on the list, or no certificate is given.
        """
        name, names = self._listed(domain, when), list(certificates)
        if not names:
            raise UserError(
                "donner au moins un nom de certificat",
                "give at least one certificate name",
                where=name,
            )
        self._write("migrate", name, when, names, {})

    def history(self, domain: str = "") -> tuple[dict[str, Any], ...]:
        """Return the events, oldest first, of one domain or of all."""
        name = _domain(domain) if domain else ""
        return tuple(r for r in self._journal.records() if not name or r["domain"] == name)

    def at(self, when: datetime) -> DomainList:
        """Return the list as it stood at a moment."""
        state: dict[str, list[ListEntry]] = {}
        for record in self._journal.records():
            moment = datetime.fromisoformat(record["when"])
            if moment > when:
                continue
            old = state.get(record["domain"], [])
            if record["event"] == "remove":
                state.pop(record["domain"], None)
                continue
            new = [
                ListEntry(domain=record["domain"], certificate=parse_dn(text), updated=moment)
                for text in record["certificates"]
            ]
            if record["event"] == "add":
                texts = record["texts"]
                state[record["domain"]] = old + [replace(each, **texts) for each in new]
            else:
                keep = old[0]
                state[record["domain"]] = [
                    replace(
                        each,
                        description=keep.description,
                        responsible=keep.responsible,
                        support=keep.support,
                    )
                    for each in new
                ]
        return DomainList(
            when.astimezone(UTC).replace(microsecond=0),
            tuple(entry for name in sorted(state) for entry in state[name]),
        )

    def _listed(self, domain: str, when: datetime) -> str:
        name = _domain(domain)
        if name not in self.at(when).domains:
            raise UserError("absent de la liste", "not on the list", where=name)
        return name

    def _write(
        self, event: str, domain: str, when: datetime, names: list[DN], texts: dict[str, str]
    ) -> None:
        records = self._journal.records()
        if records and datetime.fromisoformat(records[-1]["when"]) > when:
            raise UserError(
                f"l'historique va déjà jusqu'à {records[-1]['when']} ; donner une date qui suit",
                f"the history ends at {records[-1]['when']}; give a later date",
                where=when,
            )
        self._journal.append(
            {
                "event": event,
                "domain": domain,
                "when": when.astimezone(UTC).isoformat(),
                "certificates": [str(each) for each in names],
                "texts": texts,
            }
        )


def _domain(text: str) -> str:
    try:
        return normal_domain(text)
    except ValueError:
        raise UserError(
            "ce n'est pas un nom de domaine ; en donner un comme",
            "not a domain name; give one such as",
            where=f"{text!r}",
            then="op1.mssante.test",
        ) from None
