"""What the faults in force cost: what a little traffic met, beside what the description predicts.

Pure. The prediction knows the space's plan, the rules and the policies, and none of the servers: an
act whose endpoint is closed, whose certificate is bad, whose proof cannot be had, fails. What it
cannot tell beforehand (which command of how many, what a client remembers of a name) it leaves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.live.fronts import certificates_shown
from sandbox.operators.fault_rules import MailRule
from sandbox.operators.faults import CONNECT, Lasting
from sandbox.space.incidents import Incident
from sandbox.space.intervals import share_interval
from sandbox.space.methods import Method
from sandbox.space.places import Place

__all__ = ["Act", "Cost", "CostTally", "costs", "kinds", "predicted"]

Rule = Mapping[str, Any]
_CLOSED = (Lasting.CLOSED, Lasting.STOPPED)
# What an act does once, whoever does it: a fault there strikes it surely.
_ONCE = {"imap": (CONNECT, "AUTHENTICATE"), "smtp": (CONNECT, "AUTH", "MAIL", "DATA")}
# Fault -> the incident of the scenario that it is an example of.
_KINDS: dict[tuple[str, str], Incident] = {
    ("psc", "down"): Incident.PSC,
    ("sms", "lost"): Incident.SMS,
    ("mail", "certificate-expired"): Incident.CERTIFICATE,
    ("mail", "certificate-revoked"): Incident.CERTIFICATE,
    ("mail", "port-closed"): Incident.ENDPOINT,
    ("mail", "operator-stopped"): Incident.HOST,
    ("dns", "servfail"): Incident.NAME,
    ("dns", "nxdomain"): Incident.NAME,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What somebody did: a login over IMAP, or a message over SMTP.

    Attributes:
        operator, design, protocol, method: where, and how.
        known: whether the operator still honours an earlier approval of this mailbox.
    """

    operator: str
    design: str
    protocol: str
    method: Method
    known: bool = False


@dataclass(slots=True)
class CostTally:
    """How often, and how often in vain."""

    done: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the faults cost under one design.

    Attributes:
        design: its name.
        done, failed: acts since the faults are in force.
        low, high: of the share that failed, 95 % (Wilson); None before the first act.
        predicted: share that should fail of these acts; None: it is not predicted.
        agrees: whether the prediction is within the interval; None: there is none of both.
    """

    design: str
    done: int
    failed: int
    low: float | None
    high: float | None
    predicted: float | None
    agrees: bool | None


def costs(
    rules: Sequence[Rule], places: Sequence[Place], designs: Iterable[str],
    tallies: Mapping[Act, CostTally],
) -> list[Cost]:  # fmt: skip
    """Return what the rules cost under each design."""
    return [
        _cost(name, rules, places, {a: t for a, t in tallies.items() if a.design == name})
        for name in designs
    ]


def _cost(
    design: str, rules: Sequence[Rule], places: Sequence[Place], tallies: Mapping[Act, CostTally]
) -> Cost:
    done, failed = (sum(getattr(each, n) for each in tallies.values()) for n in ("done", "failed"))
    expected: float | None = 0.0
    for act, tally in tallies.items():
        share = predicted(rules, places, act)
        expected = None if expected is None or share is None else expected + share * tally.done
    low, high = share_interval(failed / done, done) if done else (None, None)
    told = None if expected is None or not done else expected / done
    agrees = None
    if told is not None and low is not None and high is not None:
        agrees = low - 1e-9 <= told <= high + 1e-9
    return Cost(design=design, done=done, failed=failed, low=low, high=high, predicted=told,
                agrees=agrees)  # fmt: skip


def predicted(rules: Sequence[Rule], places: Sequence[Place], act: Act) -> float | None:
    """Return the probability that an act fails; None: the rules do not tell."""
    passes = 1.0
    for rule in rules:
        share = _share(rule, places, act)
        if share is None:
            return None
        passes *= 1 - share
    return 1 - passes


def _share(rule: Rule, places: Sequence[Place], act: Act) -> float | None:
    service, fault = rule["service"], rule["fault"]
    if service == "psc":
        if act.method is not Method.ECPS or act.known:
            return 0.0
        return 1.0 if fault == "down" else None
    if service == "sms":
        hit = (
            act.method is Method.SMS
            and not act.known
            and rule.get("operator") in (None, act.operator)
        )
        return float(rule["probability"]) if hit else 0.0
    if service != "mail":
        return None
    mail = MailRule.from_dict({name: value for name, value in rule.items() if name != "service"})
    here = [
        each for each in places
        if (each.operator, each.design, each.protocol) == (act.operator, act.design, act.protocol)
        and act.method in each.methods
    ]  # fmt: skip
    if mail.effect.lasting is Lasting.DISK:
        return float(act.protocol == "smtp" and mail.operator in ("", act.operator))
    if mail.effect.lasting:
        return float(any(_down(mail, each, places) for each in here))
    return _struck(mail, here, act)


def _down(rule: MailRule, place: Place, places: Sequence[Place]) -> bool:
    """Tell whether a state of listening sockets keeps out who comes to a place."""
    state = rule.effect.lasting
    if state is Lasting.EXPIRED:
        return place.certificate in certificates_shown([rule], places)
    # Clients of this traffic do not ask whether a server's certificate is revoked.
    socket = (place.address, place.port)
    return state in _CLOSED and any(
        rule.touches(each) and (each.address, each.port) == socket for each in places
    )


def _struck(rule: MailRule, here: Sequence[Place], act: Act) -> float | None:
    """Return the share of acts that a fault of commands spoils, where that can be told."""
    scope = ("operator", "design", "protocol")
    if any(getattr(rule, name) not in ("", getattr(act, name)) for name in scope):
        return 0.0
    if act.protocol not in rule.effect.protocols:
        return 0.0
    if rule.endpoint and rule.endpoint not in {each.name for each in here}:
        return 0.0
    if rule.method and rule.method != act.method:
        return 0.0
    if rule.effect.delays:
        return 0.0
    narrow = rule.nth is not None or rule.client or rule.mailbox or rule.person or rule.method
    if narrow or rule.command not in _ONCE[act.protocol]:
        return None
    return rule.probability


def kinds(rules: Iterable[Rule]) -> list[Incident]:
    """Return the incidents of a scenario that faults are examples of."""
    found = (_KINDS.get((rule["service"], rule["fault"])) for rule in rules)
    return list(dict.fromkeys(each for each in found if each is not None))
