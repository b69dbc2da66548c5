"""One vocabulary of faults over every service of a space, incidents made of them, and their end.

A fault is `service`, `fault` and members that narrow it. Each service keeps its own rules, and its
own words of what they do; here they are listed together, put in force, and taken away at once.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.console.answers import MissingError
from sandbox.console.incidents import FaultPreset, incidents_of
from sandbox.live.faults import KNOWN, SpaceFaults
from sandbox.live.providers import client_of
from sandbox.observations.schema import Words
from sandbox.psc.fault_rules import FaultRule
from sandbox.psc.faults import FAULTS as PSC_FAULTS
from sandbox.psc.outage import Window
from sandbox.psc.provider import Provider
from sandbox.psc.sms import SmsLaw
from sandbox.space.errors import UserError
from sandbox.trust.resolver import DNS_FAULTS, DnsFault, Resolver

__all__ = [
    "MEMBERS",
    "MEMBER_WORDS",
    "NUMBERS",
    "SERVICES",
    "Breakable",
    "Breakage",
    "Known",
    "known",
]

Rule = dict[str, Any]
DOWN, LOST = "down", "lost"
_DAY = 86_400.0
SERVICES: dict[str, Words] = {
    "mail": Words("Courrier (IMAP, SMTP, relais)", "Mail (IMAP, SMTP, relay)"),
    "psc": Words("Pro Santé Connect", "Pro Santé Connect"),
    "sms": Words("SMS des opérateurs", "Operators' SMS"),
    "pki": Words("IGC-Santé et liste des domaines", "IGC-Santé and list of domains"),
    "dns": Words("DNS", "DNS"),
}
MEMBERS: dict[str, tuple[str, ...]] = {
    "mail": ("operator", "design", "method", "protocol", "endpoint", "command", "person",
             "mailbox", "client", "nth", "per", "probability", "seconds", "code"),
    "psc": ("operator", "person", "point", "client_id", "nth", "per", "probability", "seconds"),
    "sms": ("operator", "probability"),
    "pki": ("seconds",),
    "dns": ("name", "record", "skip", "times", "address", "ttl", "delay"),
}  # fmt: skip
MEMBER_WORDS: dict[str, Words] = {
    "endpoint": Words("Point d'accès", "Endpoint"),
    "command": Words("Commande", "Command"),
    "person": Words("Personne (identifiant)", "Person (identifier)"),
    "mailbox": Words("BAL", "Mailbox"),
    "client": Words("Adresse du client", "Client's address"),
    "nth": Words("La N-ième fois", "The Nth time"),
    "per": Words("comptée par", "counted per"),
    "probability": Words("Probabilité", "Probability"),
    "seconds": Words("Secondes", "Seconds"),
    "code": Words("Code de la réponse", "Code of the reply"),
    "point": Words("Où, chez PSC", "Where, at PSC"),
    "client_id": Words("Client de PSC", "Client of PSC"),
    "name": Words("Nom", "Name"),
    "record": Words("Type", "Type"),
    "skip": Words("Laisser passer", "Let pass"),
    "times": Words("Fois", "Times"),
    "address": Words("Adresse rendue", "Address returned"),
    "ttl": Words("TTL (s)", "TTL (s)"),
    "delay": Words("Retard (s)", "Delay (s)"),
}
NUMBERS = frozenset(("nth", "probability", "seconds", "code", "skip", "times", "ttl", "delay"))


class Breakable(Protocol):
    """What of a space misbehaves; see `LiveSpace`."""

    faults: SpaceFaults
    resolver: Resolver
    sheet: dict[str, Any]

    def providers(self) -> Mapping[str, Provider]:
        """Return Pro Santé Connect under "", each operator's own CIBA under its label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A fault that there is, what it does, and what narrows it."""

    service: str
    fault: str
    words: Words
    members: tuple[str, ...]


def known() -> tuple[Known, ...]:
    """Return every fault that there is."""
    found = [
        (("pki" if _is_pki(name) else "mail"), name, _words(text)) for name, text in KNOWN.items()
    ]
    found.append(("psc", DOWN, Words("ne répond plus à personne", "answers nobody")))
    found += [("psc", name, _words(each.text)) for name, each in PSC_FAULTS.items()]
    found.append(("sms", LOST, Words("n'arrivent pas", "do not arrive")))
    found += [("dns", name, _words(text)) for name, text in DNS_FAULTS.items()]
    return tuple(
        Known(service=service, fault=fault, words=words, members=_of(service, fault))
        for service, fault, words in found
    )


def _of(service: str, fault: str) -> tuple[str, ...]:
    return () if (service, fault) == ("psc", DOWN) else MEMBERS[service]


def _words(text: str) -> Words:
    french, _, english = text.partition(" / ")
    return Words(french, english or french)


class Breakage:
    """The faults of a space.

    Args:
        space: that misbehaves.

    Attributes:
        changed: called when other faults are in force.
    """

    def __init__(self, space: Breakable) -> None:
        self._space = space
        self._lock = threading.Lock()
        self._scheduled: tuple[Window, ...] | None = None
        self._laws: dict[str, SmsLaw] = {}
        self.changed: Callable[[], None] = lambda: None

    @property
    def seed(self) -> int:
        """Of what is drawn."""
        return self._space.faults.mail.seed

    def rules(self) -> list[Rule]:
        """Return what is in force, as `add` takes it."""
        space = self._space
        found = [
            {"service": "pki" if _is_pki(rule["fault"]) else "mail", **rule}
            for rule in space.faults.rules()
        ]
        provider = space.providers()[""]
        if self._scheduled is not None:
            found.append({"service": "psc", "fault": DOWN})
        found += [{"service": "psc", **rule.to_dict()} for rule in provider.faults.rules]
        found += [
            {"service": "sms", "fault": LOST, "operator": label,
             "probability": self._provider(label).devices.sms.law.loss}
            for label in self._laws
        ]  # fmt: skip
        found += [
            {"service": "dns", "fault": each.kind, "name": each.name}
            for each in space.resolver.faults
        ]
        return found

    def named(self) -> dict[str, Rule]:
        """Return what is in force by a name of its own, which stays while it is."""
        found, twins = {}, Counter[str]()
        for rule in self.rules():
            text = json.dumps(rule, sort_keys=True)
            twins[text] += 1
            name = hashlib.sha256(f"{text}{twins[text]}".encode()).hexdigest()[:12]
            found[name] = rule
        return found

    def incidents(self) -> tuple[FaultPreset, ...]:
        """Return the faults that come together, those that can be here."""
        return incidents_of(self._space.sheet)

    def add(self, rules: Sequence[Rule]) -> None:
        """Put faults in force beside those that are.

        Raises:
            UserError: a fault that cannot be; those before it are in force.
        """
        try:
            with self._lock:
                for rule in rules:
                    self._add(dict(rule))
        finally:
            self.changed()

    def remove(self, name: str) -> None:
        """Take away one fault; what waits for a relay is tried at once.

        Raises:
            MissingError: there is none of that name in force.
        """
        with self._lock:
            rule = self.named().get(name)
            if rule is None:
                raise MissingError("aucun défaut de ce nom en cours", "no such fault in force",
                                   where=name[:40])  # fmt: skip
            self._remove(dict(rule))
        self.changed()

    def _remove(self, rule: Rule) -> None:
        service, space, provider = rule.pop("service"), self._space, self._provider("")
        if service in ("mail", "pki"):
            space.faults.remove(rule)
        elif service == "dns":
            wanted = (rule["fault"], rule["name"])
            kept = list(space.resolver.faults)
            kept.remove(next(each for each in kept if (each.kind, each.name) == wanted))
            space.resolver.set_faults(kept)
        elif service == "sms":
            self._provider(rule["operator"]).devices.sms.law = self._laws.pop(rule["operator"])
        elif rule["fault"] == DOWN:
            assert self._scheduled is not None
            provider.outages, self._scheduled = self._scheduled, None
        else:
            rules = list(provider.faults.rules)
            rules.remove(FaultRule.from_dict(rule))
            provider.faults.replace(tuple(rules))

    def reseed(self, seed: int) -> None:
        """Draw from another seed, or from the same again: counts start from 1."""
        with self._lock:
            faults = self._space.faults
            faults.replace(faults.rules(), seed)
            for provider in self._space.providers().values():
                provider.faults.replace(provider.faults.rules, seed)
        self.changed()

    def _add(self, rule: Rule) -> None:
        service, fault = rule.pop("service", None), rule.get("fault")
        if service not in SERVICES:
            raise UserError.expected("service", SERVICES)
        names = [each.fault for each in known() if each.service == service]
        if fault not in names:
            raise UserError.expected("fault", names)
        unknown = set(rule) - {"fault", *_of(service, str(fault))}
        if unknown:
            allowed = ", ".join(_of(service, str(fault))) or "—"
            raise UserError("inconnu, attendu", "unknown, expected",
                            where=f"{service} {fault}: {min(unknown)}", then=allowed)  # fmt: skip
        space = self._space
        if service in ("mail", "pki"):
            space.faults.replace([*space.faults.rules(), rule])
        elif service == "dns":
            space.resolver.set_faults([*space.resolver.faults, _dns(rule)])
        elif service == "sms":
            self._lose(rule)
        elif fault == DOWN:
            provider = space.providers()[""]
            if self._scheduled is None:
                self._scheduled = provider.outages
            now = provider.now()
            provider.outages = (*self._scheduled, (now, now + _DAY))
        else:
            provider = space.providers()[""]
            asked = FaultRule.from_dict(self._of_client(rule))
            provider.faults.replace((*provider.faults.rules, asked))

    def _of_client(self, rule: Rule) -> Rule:
        """Return a rule of Pro Santé Connect with an operator as the client that it is there."""
        label = rule.pop("operator", None)
        if label is None:
            return rule
        if label not in {each["name"] for each in self._space.sheet["operators"]}:
            raise UserError("aucun opérateur de ce nom", "no such operator", where="operator")
        if "client_id" in rule:
            raise UserError("l'un ou l'autre", "one or the other", where="operator, client_id")
        return {**rule, "client_id": client_of(label)}

    def _lose(self, rule: Rule) -> None:
        share, only = rule.get("probability", 1.0), rule.get("operator")
        labels = [label for label in self._space.providers() if label and only in (None, label)]
        if not labels:
            raise UserError("aucun opérateur de ce nom", "no such operator", where="operator")
        if isinstance(share, bool) or not isinstance(share, int | float):
            raise UserError("nombre attendu", "a number is expected", where="probability")
        for label in labels:
            sms = self._provider(label).devices.sms
            law = SmsLaw(wait=sms.law.wait, loss=float(share))
            self._laws.setdefault(label, sms.law)
            sms.law = law

    def clear(self) -> None:
        """Have all be well again; what waits for a relay is tried at once."""
        with self._lock:
            provider = self._space.providers()[""]
            if self._scheduled is not None:
                provider.outages, self._scheduled = self._scheduled, None
            provider.faults.replace(())
            for label, law in self._laws.items():
                self._provider(label).devices.sms.law = law
            self._laws.clear()
            self._space.resolver.set_faults(())
            self._space.faults.clear()
        self.changed()

    def _provider(self, label: str) -> Provider:
        return self._space.providers()[label]


def _dns(rule: Rule) -> DnsFault:
    numbers = ("skip", "times", "ttl", "delay")
    for name, value in rule.items():
        good = isinstance(value, int | float) and not isinstance(value, bool)
        if name in numbers and not (good and math.isfinite(value)):
            raise UserError("nombre attendu", "a number is expected", where=name)
        if name not in numbers and not isinstance(value, str):
            raise UserError("texte attendu", "a text is expected", where=name)
    return DnsFault(
        **{("kind" if name == "fault" else name): value for name, value in rule.items()}
    )


def _is_pki(fault: str) -> bool:
    return fault.startswith(("crl-", "ocsp-", "list-"))
