"""What a controller sees: plain data. Instants are seconds since 1970, 0 for never."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from sandbox.indicators.anomalies import Anomaly, confront
from sandbox.indicators.counting import Indicators
from sandbox.indicators.month import Month

__all__ = [
    "CertificateSeen",
    "DomainSeen",
    "Failure",
    "MailboxSeen",
    "OperatorSeen",
    "RelaySeen",
    "StructureSeen",
    "View",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSeen:
    """A certificate that a server showed.

    Attributes:
        dn: its subject, normalised (`trust.DN`, as text).
        names: DNS names that it holds.
        not_after: its last instant.
        troubles: what is wrong with its chain, profile or revocation; empty for nothing.
    """

    dn: str
    names: tuple[str, ...]
    not_after: float
    troubles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySeen:
    """A host that DNS gives for a domain's mail.

    Attributes:
        host: its name.
        addresses: that DNS gives it.
        certificate: None when it could not be had; `why` says why.
        tls: protocol version; empty without.
    """

    host: str
    addresses: tuple[str, ...]
    certificate: CertificateSeen | None = None
    tls: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainSeen:
    """A domain, of the list, of the directory or of DNS.

    Attributes:
        name: of it.
        operator: that feeds its mailboxes; empty where nobody does.
        listed: certificate names of its entries on the list, normalised; empty: not on the list.
        relays: what DNS gives for it.
        in_force: the directory has it.
        mailboxes: living ones.
        since: when it came into force.
        last_traffic: when it last carried a message.
    """

    name: str
    operator: str
    listed: tuple[str, ...] = ()
    relays: tuple[RelaySeen, ...] = ()
    in_force: bool = True
    mailboxes: int = 0
    since: float = 0.0
    last_traffic: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureSeen:
    """The structure that a mailbox hangs on: `kind` G or J, `parent` its juridical entity."""

    national_id: str
    finess: str
    kind: str
    parent: str
    parent_known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxSeen:
    """A living mailbox.

    Attributes:
        address, type, domain, operator: of it.
        structure: that bears it; None for a person's own.
        created: when it was opened.
        last_used: when somebody last logged in to it or sent from it.
        gone: holders whom the directory says deceased or struck off.
    """

    address: str
    type: str
    domain: str
    operator: str
    structure: StructureSeen | None = None
    created: float = 0.0
    last_used: float = 0.0
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A requirement of an interface that `check operator` found unmet."""

    requirement: str
    clause: str
    why: str
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSeen:
    """An operator.

    Attributes:
        name: its label.
        since: when it came.
        listed: at least one domain of its is on the list.
        client, relay: failures of its two interfaces (API LPS, API MSS-IO).
    """

    name: str
    since: float = 0.0
    listed: bool = True
    client: tuple[Failure, ...] = ()
    relay: tuple[Failure, ...] = ()


@dataclass(frozen=True, kw_only=True)
class View:
    """What is seen at one instant.

    Attributes:
        now: the instant.
        operators, domains, mailboxes: subjects by name.
        deposits: indicators by month and operator; text says why a file could not be read.
    """

    now: float
    operators: Mapping[str, OperatorSeen] = field(default_factory=dict)
    domains: Mapping[str, DomainSeen] = field(default_factory=dict)
    mailboxes: Mapping[str, MailboxSeen] = field(default_factory=dict)
    deposits: Mapping[Month, Mapping[str, Indicators | str]] = field(default_factory=dict)

    @cached_property
    def anomalies(self) -> Mapping[Month, list[Anomaly]]:
        """What the files of each month contradict; what could not be read says nothing."""
        return {
            month: confront(each for each in files.values() if isinstance(each, Indicators))
            for month, files in self.deposits.items()
        }
