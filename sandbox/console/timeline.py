"""The story of one connection: TLS, login, telephone, PKI, directory, mail, relay, in one order.

Pure: journal entries and events of providers in, frozen values out. A refusal keeps the words of
whoever refused; a poll that finds nobody has answered yet is no refusal and counts as none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sandbox.console.feed import PscEvent
from sandbox.console.ledger import Trail
from sandbox.observations.schema import Words
from sandbox.space.methods import METHODS, Method

__all__ = ["Layer", "Timeline", "TimelineStep", "ToldRefusal", "layer_of_reason", "timeline"]

Entry = Mapping[str, Any]


class Layer(StrEnum):
    """Which part of the space a step is about."""

    TLS = "tls"
    SASL = "sasl"
    PKI = "pki"
    DIRECTORY = "directory"
    CIBA = "ciba"
    SMTP = "smtp"
    IMAP = "imap"
    RELAY = "relay"


# Beginnings of the names of reasons, the first that fits; what is left is of the login itself.
_REASONS: tuple[tuple[tuple[str, ...], Layer], ...] = (
    (("certificate-", "revocation-", "relay-certificate-", "other-structure"), Layer.PKI),
    (("ciba-", "sms-", "psc-", "token-"), Layer.CIBA),
    (("relay-",), Layer.RELAY),
    (("smtp-",), Layer.SMTP),
    (("imap-",), Layer.IMAP),
    (("tls-",), Layer.TLS),
    (
        ("unknown-person", "no-such-mailbox", "other-operator", "no-mailbox-here", "not-a-holder",
         "holder-not-named", "mailbox-not-named", "not-an-application", "application-mailbox"),
        Layer.DIRECTORY,
    ),
)  # fmt: skip
_EVENTS: dict[str, Layer] = {
    "login": Layer.SASL, "ended": Layer.SASL, "ciba-request": Layer.CIBA,
    "ciba-failed": Layer.CIBA, "psc-failed": Layer.CIBA, "token-unreadable": Layer.CIBA,
    "relay-delivered": Layer.RELAY, "relay-deferred": Layer.RELAY, "relay-failed": Layer.RELAY,
}  # fmt: skip
_TEXTS: dict[str, Words] = {
    "login": Words("Connecté", "Logged in"),
    "ended": Words("Session terminée par l'opérateur", "Session ended by the operator"),
    "ciba-request": Words("Le téléphone sonne", "The telephone rings"),
    "ciba-failed": Words("Réponse inattendue du fournisseur", "Unexpected answer of the provider"),
    "psc-failed": Words("Pro Santé Connect a échoué", "Pro Santé Connect failed"),
    "token-unreadable": Words("Jeton illisible", "Unreadable token"),
    "accepted": Words("Message accepté et gardé", "Message accepted and kept"),
    "repeated": Words("Message déjà reçu, rien d'ajouté", "Message already here, nothing added"),
    "relay-delivered": Words("Remis à l'autre opérateur", "Delivered to the other operator"),
    "relay-deferred": Words("Remise reportée", "Delivery put off"),
    "relay-failed": Words("Remise abandonnée", "Delivery given up"),
    "fault": Words("Défaut mis exprès", "Fault on demand"),
    "select": Words("Dossier ouvert", "Folder opened"),
    "examine": Words("Dossier ouvert en lecture", "Folder opened to read"),
    "fetch": Words("Messages lus", "Messages fetched"),
    "append": Words("Message déposé", "Message put in"),
    "store": Words("Marques changées", "Flags changed"),
    "expunge": Words("Messages effacés", "Messages removed"),
    "id": Words("Le logiciel se présente", "The software names itself"),
}
_ABOUT = (
    "mechanism", "method", "mailbox", "user", "name", "identity", "binding_message", "fault",
    "command", "reply", "queue_id", "reverse_path", "recipient", "recipients", "to", "host",
    "address", "dn", "peer", "folder", "messages", "uids", "flags", "size", "attempt", "seconds",
    "backend", "person", "detail", "id_name", "id_version", "direction", "domain",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldRefusal:
    """Why something was refused, in the refuser's own words."""

    reason: str
    cause: Words
    clause: str
    remedy: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineStep:
    """One step.

    Attributes:
        at: when, seconds since 1970.
        layer: what it is about.
        event: its name in the journal, or `psc-` and the kind of the provider's event.
        text: in a few words.
        details: name and value, secrets never.
        refused: why, of a refusal.
        link: key of another connection that it leads to, empty for none.
    """

    at: float
    layer: Layer
    event: str
    text: Words
    details: tuple[tuple[str, str], ...] = ()
    refused: ToldRefusal | None = None
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """A connection and its steps, oldest first."""

    trail: Trail
    steps: tuple[TimelineStep, ...]

    @property
    def seconds(self) -> float:
        """From the first step to the last."""
        return self.steps[-1].at - self.steps[0].at if self.steps else 0.0


def layer_of_reason(name: str) -> Layer:
    """Return what a reason to refuse is about."""
    for beginnings, layer in _REASONS:
        if name.startswith(beginnings):
            return layer
    return Layer.SASL


def timeline(
    trail: Trail,
    entries: Sequence[Entry],
    heard: Iterable[PscEvent] = (),
    passed_on: Iterable[tuple[Entry, str]] = (),
) -> Timeline:
    """Join what is known of a connection.

    Args:
        trail: the connection.
        entries: its own.
        heard: what providers said of its requests.
        passed_on: what the operator's relay did with its messages, each with the key of the
            connection by which the next operator took it, empty when unknown.
    """
    steps = [step for entry in entries for step in _steps(entry)]
    steps += [_relayed(entry, link) for entry, link in passed_on]
    steps += _provided(heard)
    steps.sort(key=lambda step: step.at)
    if entries and entries[0].get("tls"):
        timed = next((each for each in entries if each.get("connected")), None)
        steps[:0] = _reached(timed) if timed else [_handshake(entries[0], steps[0].at)]
    return Timeline(trail=trail, steps=tuple(steps))


def _reached(entry: Entry) -> list[TimelineStep]:
    """Return the connection and its handshake, at their own instants."""
    accepted, seconds = float(entry["connected"]), float(entry.get("handshake", 0.0))
    took = _handshake(entry, accepted + seconds)
    first = TimelineStep(
        at=accepted, layer=Layer.TLS, event="tcp", details=took.details[1:],
        text=Words("Connexion TCP acceptée", "TCP connection accepted"),
    )  # fmt: skip
    timed = (took.details[0], ("handshake", f"{1000 * seconds:.1f} ms"))
    return [first, replace(took, details=timed)]


def _handshake(entry: Entry, at: float) -> TimelineStep:
    place = f"{entry.get('client')}:{entry.get('client_port')}"
    return TimelineStep(
        at=at, layer=Layer.TLS, event="tls",
        text=Words("Connexion chiffrée", "Encrypted connection"),
        details=(("tls", str(entry["tls"])), ("client", place),
                 ("endpoint", f"{entry.get('design') or 'MX'} · {entry.get('endpoint')}")),
    )  # fmt: skip


def _steps(entry: Entry) -> Iterable[TimelineStep]:
    event = str(entry["event"])
    refused = _refused(entry) if "reason" in entry and "fr" in entry else None
    if refused is not None:
        yield TimelineStep(
            at=float(entry["at"]), layer=layer_of_reason(refused.reason), event=event,
            text=refused.cause, details=_details(entry), refused=refused,
        )  # fmt: skip
        return
    if event == "login":
        yield from _proofs(entry)
    layer = _EVENTS.get(event) or _of_protocol(entry)
    text = _TEXTS.get(event, Words(event, event))
    yield TimelineStep(
        at=float(entry["at"]), layer=layer, event=event, text=text, details=_details(entry)
    )


def _proofs(entry: Entry) -> Iterable[TimelineStep]:
    """Yield what must have been found good for this login to be accepted."""
    at, method = float(entry["at"]), str(entry.get("method", ""))
    if method in set(Method) and METHODS[Method(method)].client_certificate:
        yield TimelineStep(
            at=at, layer=Layer.PKI, event="proof",
            text=Words("Certificat valide, non révoqué", "Certificate valid, not revoked"),
        )  # fmt: skip
    yield TimelineStep(
        at=at, layer=Layer.DIRECTORY, event="proof",
        text=Words("Titulaire de la BAL", "Holder of the mailbox"),
        details=tuple((n, str(entry[n])) for n in ("identity", "mailbox") if entry.get(n)),
    )  # fmt: skip


def _relayed(entry: Entry, link: str) -> TimelineStep:
    event = str(entry["event"])
    refused = _refused(entry) if "reason" in entry and "fr" in entry else None
    return TimelineStep(
        at=float(entry["at"]), layer=Layer.RELAY, event=event,
        text=_TEXTS.get(event, Words(event, event)), details=_details(entry), refused=refused,
        link=link,
    )  # fmt: skip


def _provided(heard: Iterable[PscEvent]) -> Iterable[TimelineStep]:
    """Yield a provider's events; polls that found nothing yet are one step of their own."""
    polls: list[PscEvent] = []
    for each in heard:
        event = each.event
        if event.kind == "poll":
            polls.append(each)
            continue
        refused = None
        if event.kind == "refusal":
            refused = ToldRefusal(
                reason=event.reason or "", cause=Words(event.text_fr, event.text_en),
                clause=event.clause or "",
                remedy=Words(event.remedy_fr or "", event.remedy_en or ""),
            )  # fmt: skip
        yield TimelineStep(
            at=each.at, layer=Layer.CIBA, event=f"psc-{event.kind}",
            text=Words(event.text_fr, event.text_en), refused=refused,
            details=(("provider", each.operator or "Pro Santé Connect"),),
        )  # fmt: skip
    if polls:
        count = len(polls)
        yield TimelineStep(
            at=polls[-1].at, layer=Layer.CIBA, event="psc-poll",
            text=Words("En attente de la personne : ce n'est pas un refus",
                       "Waiting for the person: this is no refusal"),
            details=(("polls", str(count)),),
        )  # fmt: skip


def _refused(entry: Entry) -> ToldRefusal:
    return ToldRefusal(
        reason=str(entry["reason"]),
        cause=Words(str(entry["fr"]), str(entry.get("en", ""))),
        clause=str(entry.get("clause", "")),
        remedy=Words(str(entry.get("remedy_fr", "")), str(entry.get("remedy_en", ""))),
    )


def _of_protocol(entry: Entry) -> Layer:
    protocol = str(entry.get("protocol", ""))
    return Layer(protocol) if protocol in set(Layer) else Layer.SASL


def _details(entry: Entry) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, _short(entry[name])) for name in _ABOUT if entry.get(name) not in (None, "", [])
    )


def _short(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    # Clients wrote some of it: nothing turns the text round or hides.
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)[:500]
