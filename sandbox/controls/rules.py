"""The table of controls: what each asks of one subject, where it is written, how grave it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sandbox.controls.ladder import DAYS, CaseState, Severity
from sandbox.controls.view import DomainSeen, Failure, MailboxSeen, OperatorSeen, View
from sandbox.indicators.month import Month
from sandbox.observations.schema import Words

__all__ = [
    "ADMISSION",
    "CONTROLS",
    "DUE_DAY",
    "EXPIRY_DAYS",
    "IDLE_DAYS",
    "INACTIVE_DAYS",
    "Control",
    "ControlFinding",
    "examine",
]

DAY = 86_400.0
# Delays are ours: none is public.
IDLE_DAYS = 90  # without traffic: a domain is unused
INACTIVE_DAYS = 365  # without login or message: a mailbox is inactive
NEW_DAYS = 30  # a domain or a mailbox that is new is not asked why it is not used
EXPIRY_DAYS = 30  # before the end of a certificate
DUE_DAY = 10  # of the month after: indicators are there
_MONTHS = 12  # that are looked back on

Subject = Literal["operator", "domain", "mailbox"]
Evidence = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ControlFinding:
    """What a control found.

    Attributes:
        control: its name.
        subject: name of the operator, domain or mailbox.
        operator: who has to mend it.
        finding: one line, French / English.
        evidence: what shows it.
        deadline: by when, seconds since 1970.
    """

    control: str
    subject: str
    operator: str
    finding: str
    evidence: Evidence
    deadline: float

    def as_json(self) -> dict[str, Any]:
        """Return the stable form: docs/controls.md."""
        return {
            "control": self.control,
            "subject": self.subject,
            "finding": self.finding,
            "evidence": list(self.evidence),
            "deadline": datetime.fromtimestamp(self.deadline, UTC).date().isoformat(),
        }


@dataclass(frozen=True, slots=True)
class Control:
    """One control.

    Attributes:
        name: stable identifier.
        of: kind of its subject.
        severity: of what it finds.
        what: what is wrong, when it finds something.
        source: where it is asked.
        ask: returns the evidence of what is wrong, empty for nothing.
    """

    name: str
    of: Subject
    severity: Severity
    what: Words
    source: str
    ask: Callable[[View, Any], Evidence]


# Operators ---------------------------------------------------------------------------------------


def _failures(found: Iterable[Failure]) -> Iterator[str]:
    for each in found:
        yield f"{each.requirement} [{each.clause}] {each.why}"
        yield from (f"  {line}" for line in each.evidence[-3:])


def _client_interface(_: View, it: OperatorSeen) -> Evidence:
    return tuple(_failures(it.client))


def _relay_interface(_: View, it: OperatorSeen) -> Evidence:
    return tuple(_failures(it.relay))


def _due(view: View) -> list[Month]:
    """Return the months of the last year whose indicators are due, the last one first."""
    month = Month.at(view.now).before
    if view.now < month.end + (DUE_DAY - 1) * DAY:
        month = month.before
    found = [month]
    while len(found) < _MONTHS:
        found.append(found[-1].before)
    return found


def _indicators_sent(view: View, it: OperatorSeen) -> Evidence:
    wrong = []
    for month in _due(view) if it.listed else ():
        if it.since >= month.begin:
            break
        found = view.deposits.get(month, {}).get(it.name)
        if found is None:
            wrong.append(f"{month}: rien n'est déposé / nothing was deposited")
        elif isinstance(found, str):
            wrong.append(f"{month}: {found}")
    return tuple(wrong)


def _contradicted(view: View, it: OperatorSeen, *, is_certain: bool) -> Evidence:
    return tuple(
        f"{month}: {claim}: {anomaly.said} déclarés / said, {anomaly.seen} vus par / seen by "
        f"{', '.join(anomaly.peers[:5])}"
        for month in _due(view)
        for anomaly in view.anomalies.get(month, ())
        if anomaly.is_certain == is_certain
        for name, claim in zip(anomaly.operator, anomaly.claim, strict=True)
        if name == it.name
    )


def _indicators_true(view: View, it: OperatorSeen) -> Evidence:
    return _contradicted(view, it, is_certain=True)


def _indicators_agree(view: View, it: OperatorSeen) -> Evidence:
    return _contradicted(view, it, is_certain=False)


# Domains -----------------------------------------------------------------------------------------


def _dns(_: View, it: DomainSeen) -> Evidence:
    if not it.listed:
        return ()
    if not it.relays:
        return (f"{it.name}: aucun MX / no MX",)
    return tuple(
        f"{relay.host}: aucune adresse / no address" for relay in it.relays if not relay.addresses
    )


def _reached(_: View, it: DomainSeen) -> Evidence:
    return tuple(
        f"{relay.host}: {relay.why}" for relay in it.relays
        if it.listed and relay.addresses and relay.certificate is None
    )  # fmt: skip


def _tls(_: View, it: DomainSeen) -> Evidence:
    return tuple(
        f"{relay.host}: {relay.tls}" for relay in it.relays
        if it.listed and relay.tls and relay.tls not in {"TLSv1.2", "TLSv1.3"}
    )  # fmt: skip


def _name_listed(_: View, it: DomainSeen) -> Evidence:
    return tuple(
        f"{relay.host}: {relay.certificate.dn}, liste / list: {' | '.join(it.listed)}"
        for relay in it.relays
        if it.listed and relay.certificate and relay.certificate.dn not in it.listed
    )  # fmt: skip


def _certificate(_: View, it: DomainSeen) -> Evidence:
    found = []
    for relay in it.relays:
        if not it.listed or relay.certificate is None:
            continue
        found += [f"{relay.host}: {trouble}" for trouble in relay.certificate.troubles]
        if relay.host not in relay.certificate.names:
            found.append(f"{relay.host}: {', '.join(relay.certificate.names)}")
    return tuple(found)


def _expiry(view: View, it: DomainSeen) -> Evidence:
    soon = view.now + EXPIRY_DAYS * DAY
    return tuple(
        f"{relay.host}: {_day(relay.certificate.not_after)}" for relay in it.relays
        if it.listed and relay.certificate and view.now <= relay.certificate.not_after < soon
    )  # fmt: skip


def _outside(_: View, it: DomainSeen) -> Evidence:
    if it.listed or not it.relays:
        return ()
    return (f"{it.name}: MX {it.relays[0].host}",)


def _left_over(_: View, it: DomainSeen) -> Evidence:
    if it.listed or not it.mailboxes:
        return ()
    return (f"{it.name}: {it.mailboxes} BAL / mailboxes",)


def _unused(view: View, it: DomainSeen) -> Evidence:
    since = max(it.last_traffic, it.since)
    new = it.since > view.now - NEW_DAYS * DAY
    if not it.listed or new or since >= view.now - IDLE_DAYS * DAY:
        return ()
    return (f"{it.name}: {_day(it.last_traffic) if it.last_traffic else 'jamais / never'}",)


# Mailboxes ---------------------------------------------------------------------------------------


def _finess(_: View, it: MailboxSeen) -> Evidence:
    if it.type not in {"ORG", "APP"}:
        return ()
    where = it.structure
    if where is None:
        return (f"{it.address}: aucune structure / no structure",)
    if not where.finess or where.kind not in {"G", "J"}:
        return (f"{it.address}: {where.national_id} ({where.kind})",)
    if where.kind == "G" and not where.parent_known:
        return (f"{it.address}: {where.finess} (G), J {where.parent or '?'} inconnu / unknown",)
    return ()


def _inactive(view: View, it: MailboxSeen) -> Evidence:
    last = max(it.last_used, it.created)
    if last >= view.now - INACTIVE_DAYS * DAY:
        return ()
    return (f"{it.address}: {_day(it.last_used) if it.last_used else 'jamais / never'}",)


def _holder_gone(_: View, it: MailboxSeen) -> Evidence:
    return tuple(f"{it.address}: {each}" for each in it.gone)


def _day(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).date().isoformat()


_DECK = "Task Force MSSanté, atelier 1 (10/12/2021)"
_MINOR, _MAJOR, _GRAVE = Severity.MINOR, Severity.MAJOR, Severity.GRAVE
CONTROLS: tuple[Control, ...] = (
    Control("domain-dns", "domain", _MAJOR,
            Words("Le DNS ne mène pas au relais du domaine.",
                  "DNS does not lead to the domain's relay."),
            f"{_DECK}: TLS, liste blanche, DNS", _dns),
    Control("domain-reached", "domain", _MAJOR,
            Words("Un relais du domaine ne montre aucun certificat.",
                  "A relay of the domain shows no certificate."),
            f"{_DECK}: TLS, liste blanche, DNS", _reached),
    Control("domain-tls", "domain", _GRAVE,
            Words("Un relais du domaine parle une version de TLS trop ancienne.",
                  "A relay of the domain speaks too old a version of TLS."),
            "ECO.1.1.1 ; RFC 8996", _tls),
    Control("domain-name", "domain", _GRAVE,
            Words("Le certificat du relais n'est pas celui que la liste nomme.",
                  "The relay's certificate is not the one that the list names."),
            f"{_DECK}: TLS, liste blanche, DNS", _name_listed),
    Control("domain-certificate", "domain", _GRAVE,
            Words("Le certificat du relais n'est pas valable.",
                  "The relay's certificate is not valid."),
            "ECO.1.1.5, ECO.1.1.6, ECO.1.1.10", _certificate),
    Control("domain-expiry", "domain", _MINOR,
            Words("Le certificat du relais expire bientôt.",
                  "The relay's certificate expires soon."),
            "ours", _expiry),
    Control("domain-outside", "domain", _MAJOR,
            Words("Un domaine hors de la liste a encore un MX.",
                  "A domain that is not on the list has an MX still."),
            f"{_DECK}: TLS, liste blanche, DNS", _outside),
    Control("domain-withdrawn", "domain", _MAJOR,
            Words("Un domaine retiré de la liste garde des BAL.",
                  "A domain that was withdrawn from the list keeps mailboxes."),
            f"{_DECK}: suppression des BAL lors d'un retrait de NDD", _left_over),
    Control("domain-unused", "domain", _MINOR,
            Words(f"Aucun message depuis {IDLE_DAYS} jours.",
                  f"No message for {IDLE_DAYS} days."),
            f"{_DECK}: suppression de tout NDD sans exploitation", _unused),
    Control("client-interface", "operator", _MAJOR,
            Words("L'interface des clients de messagerie n'est pas conforme.",
                  "The interface for mail clients does not conform."),
            f"{_DECK}: API Client de messagerie", _client_interface),
    Control("relay-interface", "operator", _GRAVE,
            Words("L'interface entre opérateurs n'est pas conforme.",
                  "The interface between operators does not conform."),
            f"{_DECK}: sécurisation du canal entre opérateurs", _relay_interface),
    Control("indicators-sent", "operator", _MAJOR,
            Words("Les indicateurs du mois n'ont pas été déposés.",
                  "The month's indicators were not deposited."),
            f"{_DECK}: nouveaux indicateurs d'usage", _indicators_sent),
    Control("indicators-true", "operator", _MAJOR,
            Words("Les indicateurs contredisent ceux des autres.",
                  "The indicators contradict those of others."),
            "ours", _indicators_true),
    Control("indicators-agree", "operator", _MINOR,
            Words("Les indicateurs et ceux d'un autre se contredisent ; l'un des deux se trompe.",
                  "The indicators and another's contradict each other; one of the two is wrong."),
            "ours", _indicators_agree),
    Control("mailbox-finess", "mailbox", _MINOR,
            Words("La BAL n'est rattachée à aucun FINESS G ou J connu.",
                  "The mailbox hangs on no known FINESS G or J."),
            f"{_DECK}: rattachement des BAL au bon FINESS G ou J", _finess),
    Control("mailbox-inactive", "mailbox", _MAJOR,
            Words(f"Ni connexion ni envoi depuis {INACTIVE_DAYS} jours.",
                  f"Neither login nor message for {INACTIVE_DAYS} days."),
            f"{_DECK}: suppression des BAL inactives", _inactive),
    Control("mailbox-holder", "mailbox", _MAJOR,
            Words("Un titulaire est décédé ou radié, la BAL est ouverte.",
                  "A holder is deceased or struck off; the mailbox is open."),
            "domain.md §3.2: the directory says who holds a mailbox", _holder_gone),
)  # fmt: skip


# Made before a domain enters the list too (the deck's controls a priori).
ADMISSION = frozenset({
    "domain-dns", "domain-reached", "domain-tls", "domain-name", "domain-certificate",
    "client-interface", "relay-interface",
})  # fmt: skip


def examine(
    view: View,
    controls: Iterable[Control] = CONTROLS,
    chosen: Callable[[Control, str], bool] = lambda _, __: True,
) -> list[ControlFinding]:
    """Ask the controls about the subjects of a view; return what they find, in the table's order.

    Args:
        view: what is seen.
        controls: which.
        chosen: whether a control looks at a subject.
    """
    found: list[ControlFinding] = []
    for control in controls:
        subjects: dict[str, Any] = dict({
            "operator": view.operators, "domain": view.domains, "mailbox": view.mailboxes
        }[control.of])  # fmt: skip
        what = f"{control.what.french} / {control.what.english}"
        deadline = view.now + DAYS[control.severity][CaseState.NOTICE] * DAY
        mine = []
        for name, subject in subjects.items():
            if chosen(control, name) and (evidence := control.ask(view, subject)):
                operator = subject.name if control.of == "operator" else subject.operator
                mine.append(ControlFinding(control.name, name, operator, what, evidence, deadline))
        found += sorted(mine, key=lambda each: each.subject)
    return found
