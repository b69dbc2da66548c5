"""Which fault strikes when, and its effects applied.

A rule says which fault, at which point, for which client and person, and when: the `nth` time (of
that auth_req_id, or of that client), or a seeded probability. The same seed and the same requests
give the same misbehaviours.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from sandbox.psc.faults import FAULTS, Fault
from sandbox.psc.notifications import Notification
from sandbox.psc.refusals import ProfileName
from sandbox.psc.replies import HttpReply
from sandbox.space.chance import Tally, check_strike, uniform
from sandbox.space.errors import UserError
from sandbox.space.reading import STRICT, read_as, read_toml

__all__ = ["FaultRule", "Faults", "imposed", "load_faults", "notified", "spoiled"]

_NOBODYS = ("jwks", "discovery")  # points that answer without knowing of whom


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """One rule. `nth` counts from 1; None with `probability` 1 means always.

    `per` says what `nth` counts: occurrences at that point for one `request` or one `client`; with
    a `person` (national identifier), those of that person alone.
    """

    __pydantic_config__ = STRICT

    fault: str
    point: str = ""
    client_id: str | None = None
    person: str | None = None
    nth: int | None = None
    per: Literal["request", "client"] = "request"
    probability: float = 1.0
    seconds: float = 3.0

    def __post_init__(self) -> None:
        """Refuse a rule that could never strike.

        Raises:
            UserError: naming the member and what is allowed.
        """
        if self.fault not in FAULTS:
            raise UserError.among("inconnu", "unknown", f"fault {self.fault!r}", FAULTS)
        check_strike(self.fault, self.nth, self.probability, self.seconds)
        points = self.effect.points
        if not self.point:
            object.__setattr__(self, "point", points[0])
        if self.point not in points:
            raise UserError.expected(f"{self.fault}: point {self.point!r}", points)
        if self.person is not None and self.point in _NOBODYS:
            raise UserError(
                "ce point ne sait pas de qui il s'agit",
                "this point does not know of whom it answers",
                where=f"{self.fault}: person, point {self.point!r}",
            )

    @property
    def effect(self) -> Fault:
        """What the fault does."""
        return FAULTS[self.fault]

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> FaultRule:
        """Build from plain data.

        Raises:
            UserError: an unknown or ill-typed member.
        """
        return read_as(cls, {k: v for k, v in data.items() if v is not None}, "fault")

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {k: v for k, v in asdict(self).items() if v is not None}


class Faults:
    """The rules in force and what they have counted."""

    def __init__(self, seed: int = 0, rules: tuple[FaultRule, ...] = ()) -> None:
        self.seed = seed
        self.rules = rules
        self._seen = Tally()

    def replace(self, rules: tuple[FaultRule, ...], seed: int | None = None) -> None:
        """Put other rules in force; counting starts again."""
        self.rules = rules
        self.seed = self.seed if seed is None else seed
        self._seen.clear()

    def pick(
        self, point: str, client_id: str, request: str = "", person: str = ""
    ) -> tuple[FaultRule, ...]:
        """Count one occurrence and return the rules that strike it.

        Args:
            point: where.
            client_id: who asks, empty when unknown.
            request: which of the client's requests.
            person: national identifier of whom it is about, empty when nobody is known.
        """
        if not self.rules:
            return ()
        by_request = self._seen.count(point, "request", f"{client_id}\n{request}")
        by_client = self._seen.count(point, "client", client_id)
        by_person = self._seen.count(point, "person", f"{client_id}\n{person}")
        struck = []
        for index, rule in enumerate(self.rules):
            if rule.point != point or rule.client_id not in (None, client_id):
                continue
            if rule.person not in (None, person):
                continue
            whose = (client_id,) if rule.person is None else (client_id, person)
            count = by_client if rule.person is None else by_person
            if rule.nth is not None and rule.nth != (
                by_request if rule.per == "request" else count
            ):
                continue
            if rule.probability < 1 and (
                uniform(self.seed, index, *whose, point, count) >= rule.probability
            ):
                continue
            struck.append(rule)
        return tuple(struck)


def imposed(struck: tuple[FaultRule, ...], profile: ProfileName) -> HttpReply | None:
    """Return the answer that a fault imposes whatever the state, or None."""
    for rule in struck:
        if rule.effect.impose is not None:
            return rule.effect.impose(rule.point, rule.seconds, profile)
    return None


def spoiled(reply: HttpReply, struck: tuple[FaultRule, ...]) -> HttpReply:
    """Apply the faults that change an answer: members dropped or added, delay."""
    for rule in struck:
        effect = rule.effect
        if effect.delays:
            reply = replace(reply, delay=reply.delay + rule.seconds)
        if effect.body is not None and isinstance(reply.body, dict) and reply.status < 300:
            reply = replace(reply, body=effect.body(reply.body))
    return reply


def notified(one: Notification, struck: tuple[FaultRule, ...]) -> tuple[Notification, ...]:
    """Return what is sent in place of one notification."""
    sent: tuple[Notification, ...] = (one,)
    for rule in struck:
        change = rule.effect.notify
        if change is not None:
            sent = tuple(other for each in sent for other in change(each))
    return sent


def load_faults(path: Path) -> tuple[int, tuple[FaultRule, ...]]:
    """Read `seed` and `[[fault]]` rules from TOML.

    Raises:
        UserError: unreadable file, or a rule that is refused.
    """
    data = read_toml(path)
    rules = data.get("fault", [])
    seed = data.get("seed", 0)
    listed = isinstance(rules, list) and all(isinstance(item, dict) for item in rules)
    if not listed or not isinstance(seed, int) or set(data) - {"seed", "fault"}:
        raise UserError.expected(path, "seed = 0, [[fault]]")
    return seed, tuple(FaultRule.from_dict(item) for item in rules)
