"""One vocabulary of faults over every service of a space, incidents made of them, and their end.

A fault is `service`, `fault` and members that narrow it. Each service keeps its own rules, and its
own words of what they do; here they are listed together, put in force, and taken away at once.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.live.faults import KNOWN, SpaceFaults
from sandbox.observations.reasons import Words
from sandbox.psc.fault_rules import FaultRule
from sandbox.psc.faults import FAULTS as PSC_FAULTS
from sandbox.psc.outage import Window
from sandbox.psc.provider import Provider
from sandbox.psc.sms import SmsLaw
from sandbox.space.errors import UserError
from sandbox.trust.resolver import DNS_FAULTS, DnsFault, Resolver

__all__ = [
    "INCIDENTS",
    "NUMBERS",
    "SERVICES",
    "Breakable",
    "Breakage",
    "FaultPreset",
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
    "pki": Words("IGC-Santé (CRL, OCSP)", "IGC-Santé (CRL, OCSP)"),
    "dns": Words("DNS", "DNS"),
}
_MEMBERS: dict[str, tuple[str, ...]] = {
    "mail": ("operator", "design", "endpoint", "protocol", "command", "client", "mailbox",
             "nth", "per", "probability", "seconds", "code"),
    "psc": ("point", "client_id", "nth", "per", "probability", "seconds"),
    "sms": ("operator", "probability"),
    "pki": ("seconds",),
    "dns": ("name", "record", "skip", "times", "address", "ttl", "delay"),
}  # fmt: skip
NUMBERS = frozenset(("nth", "probability", "seconds", "code", "skip", "times", "ttl", "delay"))


class Breakable(Protocol):
    """What of a space misbehaves; see `LiveSpace`."""

    faults: SpaceFaults
    resolver: Resolver

    def providers(self) -> Mapping[str, Provider]:
        """Return Pro Santé Connect under "", each operator's own CIBA under its label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A fault that there is, what it does, and what narrows it."""

    service: str
    fault: str
    words: Words
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPreset:
    """Faults that come together, under the name that people give them."""

    name: str
    title: Words
    watch: Words
    rules: tuple[Rule, ...]


INCIDENTS: tuple[FaultPreset, ...] = (
    FaultPreset(
        name="psc-down",
        title=Words("Lundi 9 h : Pro Santé Connect tombe", "Monday 9:00: Pro Santé Connect falls"),
        watch=Words(
            "Les connexions par e-CPS attendent puis échouent ; cartes et codes passent.",
            "e-CPS logins wait, then fail; cards and codes get through.",
        ),
        rules=({"service": "psc", "fault": DOWN},),
    ),
    FaultPreset(
        name="sms-lost",
        title=Words("Les SMS ne partent plus", "SMS are lost"),
        watch=Words(
            "Plus aucun lien n'arrive ; le motif est sms-lost, pas l'absence de la personne.",
            "No link arrives any more; the reason is sms-lost, not a person who is away.",
        ),
        rules=({"service": "sms", "fault": LOST},),
    ),
    FaultPreset(
        name="revocation-unknown",
        title=Words("L'IGC ne répond plus", "The authority does not answer"),
        watch=Words(
            "Sans OCSP ni CRL fraîche, les cartes sont refusées quand ce qui est su a vieilli.",
            "With neither OCSP nor a fresh CRL, cards are refused once what is known has aged.",
        ),
        rules=(
            {"service": "pki", "fault": "ocsp-unreachable"},
            {"service": "pki", "fault": "crl-unreachable"},
        ),
    ),
    FaultPreset(
        name="relay-down",
        title=Words("Un opérateur ne reçoit plus", "An operator takes no mail"),
        watch=Words(
            "Les messages attendent chez l'expéditeur et partent quand tout est réparé.",
            "Messages wait at the sender's operator and leave when all is mended.",
        ),
        rules=({"service": "mail", "fault": "relay-down"},),
    ),
    FaultPreset(
        name="flaky",
        title=Words("Une commande sur dix coupe la connexion", "One command in ten cuts"),
        watch=Words(
            "Le logiciel se reconnecte-t-il ? La graine rejoue les mêmes coupures.",
            "Does the software connect again? The seed replays the same cuts.",
        ),
        rules=({"service": "mail", "fault": "cut", "probability": 0.1},),
    ),
    FaultPreset(
        name="full-disk",
        title=Words("Le disque d'un opérateur est plein", "An operator's disk is full"),
        watch=Words(
            "451 et NO [UNAVAILABLE] ; lire et effacer marchent encore.",
            "451 and NO [UNAVAILABLE]; reading and removing still work.",
        ),
        rules=({"service": "mail", "fault": "full-disk"},),
    ),
    FaultPreset(
        name="dns",
        title=Words("Le DNS répond SERVFAIL", "DNS answers SERVFAIL"),
        watch=Words(
            "Qui n'a plus de nom en cache ne trouve plus de serveur.",
            "Whoever has no name in cache finds no server.",
        ),
        rules=({"service": "dns", "fault": "servfail"},),
    ),
)


def known() -> tuple[Known, ...]:
    """Return every fault that there is."""
    found = [
        (("pki" if name.startswith(("crl-", "ocsp-")) else "mail"), name, _words(text))
        for name, text in KNOWN.items()
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
    return () if (service, fault) == ("psc", DOWN) else _MEMBERS[service]


def _words(text: str) -> Words:
    french, _, english = text.partition(" / ")
    return Words(french, english or french)


class Breakage:
    """The faults of a space.

    Args:
        space: that misbehaves.
    """

    def __init__(self, space: Breakable) -> None:
        self._space = space
        self._lock = threading.Lock()
        self._scheduled: tuple[Window, ...] | None = None
        self._laws: dict[str, SmsLaw] = {}

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

    def add(self, rules: Sequence[Rule]) -> None:
        """Put faults in force beside those that are.

        Raises:
            UserError: a fault that cannot be; those before it are in force.
        """
        with self._lock:
            for rule in rules:
                self._add(dict(rule))

    def _add(self, rule: Rule) -> None:
        service, fault = rule.pop("service", None), rule.get("fault")
        if service not in SERVICES:
            raise UserError("attendu", "expected", where="service", then=", ".join(SERVICES))
        names = [each.fault for each in known() if each.service == service]
        if fault not in names:
            raise UserError("attendu", "expected", where="fault", then=", ".join(names))
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
            provider.faults.replace((*provider.faults.rules, FaultRule.from_dict(rule)))

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
    return fault.startswith(("crl-", "ocsp-"))
