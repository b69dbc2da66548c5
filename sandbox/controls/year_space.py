"""A space of a year of controls: subjects in order, what breaks them, and who is there still."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from sandbox.controls.rules import CONTROLS, IDLE_DAYS, INACTIVE_DAYS
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
from sandbox.indicators.counting import Fact, Indicators, count
from sandbox.indicators.month import Month

__all__ = [
    "BEGIN",
    "DAY",
    "DAYS",
    "PLANTED",
    "USUAL",
    "Size",
    "Span",
    "Violation",
    "Year",
    "YearSpace",
    "short_of",
    "union",
]

Span = tuple[float, float]

DAY = 86_400.0
BEGIN = Month(2027, 1)
DAYS = 365
_PEERS = 5  # with which an operator exchanges mail
_MESSAGES = 200  # a month, to each of them
_FAR = BEGIN.begin + 100 * 365 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large the space is: domains and mailboxes of each operator.

    `messages` that a mailbox sends in a day.
    """

    domains: tuple[int, ...]
    mailboxes: tuple[int, ...]
    messages: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """What happens in the year; none of these has a source: all are placeholders.

    Attributes:
        planted: violations of each control.
        mended: days from finding to mending, mean of an exponential.
        stubborn: share of the violations that nobody mends.
        yielding: share of those that are mended once they are suspended.
        appealed: share of the suspensions that are contested.
        decided: days until an appeal is decided, mean of an exponential.
        silent: probability that a relay in order does not answer a look.
        seed: of everything drawn.
    """

    planted: int = 40
    mended: float = 20.0
    stubborn: float = 0.1
    yielding: float = 0.5
    appealed: float = 0.2
    decided: float = 15.0
    silent: float = 0.001
    seed: int = 1


USUAL = Year()


# A space in order, and what breaks a subject of it --------------------------------------------


def _domain(operator: str, number: int) -> DomainSeen:
    name = f"{operator}.mssante.test" if not number else f"d{number}.{operator}.mssante.test"
    dn, host = f"cn=mx.{operator}", f"mx.{operator}.mssante.test"
    certificate = CertificateSeen(dn=dn, names=(host,), not_after=_FAR)
    relay = RelaySeen(host=host, addresses=("127.0.0.1",), certificate=certificate, tls="TLSv1.3")
    return DomainSeen(
        name=name, operator=operator, listed=(dn,), relays=(relay,), mailboxes=1,
        last_traffic=_FAR,
    )  # fmt: skip


def _mailbox(operator: str, number: int, domain: str) -> MailboxSeen:
    shared = number % 5 == 0
    structure = StructureSeen(
        national_id="1750000001", finess="750000001", kind="G", parent="1750000000",
        parent_known=True,
    )  # fmt: skip
    return MailboxSeen(
        address=f"b{number}@{domain}", type="ORG" if shared else "PER",
        domain=domain, operator=operator,
        structure=structure if shared else None, last_used=_FAR,
    )  # fmt: skip


def _relay(seen: DomainSeen, **changes: Any) -> DomainSeen:
    return replace(seen, relays=(replace(seen.relays[0], **changes),))


def _certificate(seen: DomainSeen, **changes: Any) -> DomainSeen:
    shown = seen.relays[0].certificate
    assert shown is not None
    return _relay(seen, certificate=replace(shown, **changes))


_BROKEN = Failure(requirement="planted", clause="-", why="plantée / planted")
Plant = Callable[[Any, float], Any]
# What breaks a subject at an instant, so that one control, and no other, has to find it.
PLANTED: dict[str, Plant] = {
    "domain-dns": lambda it, _: replace(it, relays=()),
    "domain-reached": lambda it, _: _relay(it, certificate=None, tls="", why="timed out"),
    "domain-tls": lambda it, _: _relay(it, tls="TLSv1.1"),
    "domain-name": lambda it, _: _certificate(it, dn="cn=another"),
    "domain-certificate": lambda it, _: _certificate(it, troubles=("revoked",)),
    "domain-outside": lambda it, _: replace(it, listed=(), mailboxes=0),
    "domain-withdrawn": lambda it, _: replace(it, listed=(), relays=()),
    "domain-unused": lambda it, at: replace(it, last_traffic=at - IDLE_DAYS * DAY - 1),
    "client-interface": lambda it, _: replace(it, client=(_BROKEN,)),
    "relay-interface": lambda it, _: replace(it, relay=(_BROKEN,)),
    "mailbox-finess": lambda it, _: replace(it, type="ORG", structure=None),
    "mailbox-inactive": lambda it, at: replace(it, last_used=at - INACTIVE_DAYS * DAY - 1),
    "mailbox-holder": lambda it, _: replace(it, gone=("8… (deceased)",)),
}
_BY_NAME = {each.name: each for each in CONTROLS}


@dataclass(slots=True)
class Violation:
    """A violation: from when on, since when it is known, until when; `moot`: its subject left."""

    control: str
    subject: str
    begin: float
    stubborn: bool
    found: float = math.inf
    end: float = math.inf
    moot: bool = False


class YearSpace:
    """Subjects in order, those that are broken now, and who was off the list when.

    Attributes:
        off: since when a domain is off the list, or a mailbox closed.
        spans: from when to when one was before, within the year.
    """

    def __init__(self, size: Size, year: Year) -> None:
        names = [f"op{number + 1:03d}" for number in range(len(size.domains))]
        self.operators = {name: OperatorSeen(name=name) for name in names}
        self.domains = {
            seen.name: seen
            for name, many in zip(names, size.domains, strict=True)
            for seen in (_domain(name, number) for number in range(many))
        }
        self.mailboxes = {
            seen.address: seen
            for name, many in zip(names, size.mailboxes, strict=True)
            for seen in self._mailboxes_of(name, many)
        }
        self._names = names
        self.off: dict[str, float] = {}
        self.spans: dict[str, list[Span]] = defaultdict(list)
        self._files: dict[Month, dict[str, Indicators]] = {}  # of months that are over
        self._away: dict[str, tuple[DomainSeen, list[MailboxSeen]]] = {}
        self.violations = list(self._planted(year, np.random.default_rng([year.seed, 1])))

    def _mailboxes_of(self, operator: str, many: int) -> Iterator[MailboxSeen]:
        """Yield an operator's mailboxes, dealt out to its domains."""
        own = [each.name for each in self.domains.values() if each.operator == operator]
        for number in range(many):
            yield _mailbox(operator, number, own[number % len(own)])

    def leave(self, domain: str) -> None:
        """Take a domain away with its mailboxes, and its operator with the last one."""
        seen = self.domains.pop(domain)
        mine = [each for each in self.mailboxes.values() if each.domain == domain]
        for each in mine:
            del self.mailboxes[each.address]
        self._away[domain] = seen, mine
        gone = {domain, *(each.address for each in mine)}
        if not any(each.operator == seen.operator for each in self.domains.values()):
            del self.operators[seen.operator]
            gone.add(seen.operator)
        for violation in self.violations:
            violation.moot |= violation.subject in gone and violation.found == math.inf

    def come_back(self, domain: str) -> None:
        """Bring a domain back with its mailboxes."""
        seen, mine = self._away.pop(domain)
        self.domains[domain] = seen
        self.mailboxes.update((each.address, each) for each in mine)
        self.operators.setdefault(seen.operator, OperatorSeen(name=seen.operator))

    def _planted(self, year: Year, chance: np.random.Generator) -> Iterator[Violation]:
        """Yield violations, at most one a subject: each is to be found for itself."""
        free = {
            kind: list(chance.permutation(len(subjects)))
            for kind, subjects in (
                ("operator", self.operators), ("domain", self.domains),
                ("mailbox", self.mailboxes),
            )
        }  # fmt: skip
        names = {
            "operator": list(self.operators), "domain": list(self.domains),
            "mailbox": list(self.mailboxes),
        }  # fmt: skip
        for control in (*PLANTED, "indicators-sent", "indicators-true"):
            kind = _BY_NAME[control].of
            for _ in range(min(year.planted, len(free[kind]) // 2)):
                subject = names[kind][free[kind].pop()]
                begin = BEGIN.begin + float(chance.random()) * DAYS * DAY
                yield Violation(control, subject, begin, bool(chance.random() < year.stubborn))

    def view(self, now: float, silent: set[str]) -> View:
        """Return what is seen at an instant; `silent` are domains whose relay happens to be so."""
        # Of two months, so that each operator owes two files.
        since = Month.at(now).before.before.begin - 1
        operators = {name: replace(each, since=since) for name, each in self.operators.items()}
        domains = dict(self.domains)
        mailboxes = dict(self.mailboxes)
        places: dict[str, dict[str, Any]] = {
            "operator": operators, "domain": domains, "mailbox": mailboxes,
        }  # fmt: skip
        for each in self.violations:
            where = places[_BY_NAME[each.control].of] if each.control in PLANTED else {}
            if each.begin <= now < each.end and each.subject in where:
                where[each.subject] = PLANTED[each.control](where[each.subject], each.begin)
        for name in silent:
            if domains[name].relays:
                domains[name] = PLANTED["domain-reached"](domains[name], now)
        return View(now=now, operators=operators, domains=domains, mailboxes=mailboxes,
                    deposits=self._deposits(now))  # fmt: skip

    def _deposits(self, now: float) -> dict[Month, dict[str, Indicators | str]]:
        """Return the files of the two months that are due, as they are deposited then.

        A file that is missing or false stays so until it is sent again.
        """
        due = Month.at(now).before
        return {month: self._deposited(month, now) for month in (due, due.before)}

    def _deposited(self, month: Month, now: float) -> dict[str, Indicators | str]:
        true = self.files(month)
        files: dict[str, Indicators | str] = {
            name: file for name, file in true.items() if name in self.operators
        }
        for each in self.violations:
            if each.begin <= now < each.end:
                if each.control == "indicators-sent":
                    files.pop(each.subject, None)
                elif each.control == "indicators-true" and each.subject in files:
                    files[each.subject] = short_of(true[each.subject])
        return files

    def files(self, month: Month) -> dict[str, Indicators]:
        """Return what each operator has to say of a month that is over."""
        if month not in self._files:
            self._files[month] = {name: self._file(name, month) for name in self._names}
        return self._files[month]

    def _file(self, name: str, month: Month) -> Indicators:
        number, around = self._names.index(name), len(self._names)
        facts = []
        for step in range(1, min(_PEERS, around - 1) + 1):
            to, by = self._names[(number + step) % around], self._names[(number - step) % around]
            here = f"b0@{name}.mssante.test"
            facts.append(Fact("relayed", here, f"{to}.mssante.test",
                              times=len(self.exchanged(name, to, month))))  # fmt: skip
            facts.append(Fact("received", here, f"{by}.mssante.test",
                              times=len(self.exchanged(by, name, month))))  # fmt: skip
        return count(name, month, [f"{name}.mssante.test"], [],
                     [each for each in facts if each.times], [])  # fmt: skip

    def exchanged(self, sender: str, recipient: str, month: Month) -> Sequence[float]:
        """Return the instants of an operator's messages to another, evenly over a month.

        While either is off the list, there are none.
        """
        sent: Sequence[float] = _instants(month)
        for name in (sender, recipient):
            for begin, end in self._away_of(f"{name}.mssante.test"):
                if begin < month.end and end > month.begin:
                    sent = [each for each in sent if not begin <= each < end]
        return sent

    def _away_of(self, domain: str) -> list[Span]:
        since = self.off.get(domain)
        return self.spans.get(domain, []) + ([] if since is None else [(since, math.inf)])


@cache
def _instants(month: Month) -> tuple[float, ...]:
    length = month.end - month.begin
    return tuple(month.begin + (each + 0.5) * length / _MESSAGES for each in range(_MESSAGES))


def short_of(said: Indicators) -> Indicators:
    """Return a file that under-reports what was sent by a tenth."""
    kept = {
        key: volume._replace(number=volume.number * 9 // 10) if key.event == "relayed" else volume
        for key, volume in said.messages.items()
    }
    return replace(said, messages=kept)


def union(spans: Iterable[Span]) -> list[Span]:
    """Return spans that do not overlap, in order, that cover the same."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((begin, end))
    return found
