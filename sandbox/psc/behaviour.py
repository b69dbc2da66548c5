"""What a person does with a request, fixed or drawn; and the devices that they answer on.

Draws are counter-based: a function of (seed, person, ordinal of the request, step), so that the
same seed gives the same answers whatever the order in which people are asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.psc.ciba import AuthRequest
from sandbox.psc.people import EndUser, People
from sandbox.psc.sms import SmsInbox
from sandbox.space.chance import uniform
from sandbox.space.errors import UserError
from sandbox.space.laws import AnswerLaw, WaitLaw, ecps_answer, sourced_methods

__all__ = ["KINDS", "AnswerPlan", "Behaviour", "Devices", "plan"]

KINDS = ("manual", "approve", "refuse", "ignore", "wrong_code", "offline", "draw")
MEMBERS = {
    "kind", "delay", "mean", "variation", "shortest", "never", "refuse", "wrong_code",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How a person reacts.

    Attributes:
        kind: `manual` waits for someone to press a button; `draw` uses the law.
        delay: seconds before what `approve`, `refuse` and `wrong_code` do.
        law: of `draw`: a scenario's, or that of `data/inputs.csv`.
        wrong_code: share of answers of `draw` that are a wrong code; no figure was found published.
    """

    kind: str = "manual"
    delay: float = 0.0
    law: AnswerLaw = field(default_factory=lambda: ecps_answer(sourced_methods().ecps))
    wrong_code: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a law that is none.

        Raises:
            UserError: unknown kind, or a number out of range.
        """
        if self.kind not in KINDS:
            raise UserError.among(
                "comportement inconnu", "unknown behaviour", f"kind {self.kind!r}", KINDS
            )
        wait = self.law.wait
        numbers = {
            "delay": self.delay,
            "mean": wait.mean,
            "variation": wait.variation,
            "shortest": wait.shift,
        }
        for name, value in numbers.items():
            if not (math.isfinite(value) and 0 <= value <= 86_400):
                raise UserError.expected(f"{name} = {value}", "0 … 86400")
        if wait.mean <= wait.shift:
            raise UserError.expected("mean", "> shortest")
        shares = (self.law.never, self.law.refused, self.wrong_code)
        if any(not 0 <= share <= 1 for share in shares) or self.law.refused + self.wrong_code > 1:
            raise UserError.expected("never, refuse + wrong_code", "0 … 1")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], law: AnswerLaw) -> Behaviour:
        """Build from plain data: kind, delay, and what differs from `law`.

        Raises:
            UserError: an unknown or ill-typed member.
        """
        if set(data) - MEMBERS:
            raise UserError.among(
                "comportement inconnu",
                "unknown behaviour",
                sorted(set(data) - MEMBERS),
                sorted(MEMBERS),
            )
        for name, value in data.items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if (name == "kind") != isinstance(value, str) or (name != "kind" and not number):
                raise UserError(
                    "nombre attendu (kind : chaîne)",
                    "a number is expected (kind: a string)",
                    where=f"{name} = {value!r}",
                )
        wait = WaitLaw(
            data.get("mean", law.wait.mean),
            data.get("variation", law.wait.variation),
            data.get("shortest", law.wait.shift),
        )
        return cls(
            kind=data.get("kind", "manual"),
            delay=data.get("delay", 0.0),
            law=AnswerLaw(wait, data.get("never", law.never), data.get("refuse", law.refused)),
            wrong_code=data.get("wrong_code", 0.0),
        )


@dataclass(frozen=True, slots=True)
class AnswerPlan:
    """What will happen: `decision` after `delay` seconds, or nothing (None)."""

    delay: float
    decision: str | None


def plan(behaviour: Behaviour, seed: int, person: str, ordinal: int) -> AnswerPlan:
    """Say what a person will do with their `ordinal`-th request."""
    match behaviour.kind:
        case "approve" | "refuse" | "wrong_code":
            return AnswerPlan(behaviour.delay, behaviour.kind)
        case "draw":
            law = behaviour.law
            if uniform(seed, person, ordinal, "never") < law.never:
                return AnswerPlan(0.0, None)
            delay = round(law.wait.quantile(uniform(seed, person, ordinal, "delay")), 3)
            fate = uniform(seed, person, ordinal, "fate")
            if fate < law.refused:
                return AnswerPlan(delay, "refuse")
            if fate < law.refused + behaviour.wrong_code:
                return AnswerPlan(delay, "wrong_code")
            return AnswerPlan(delay, "approve")
        case _:
            return AnswerPlan(0.0, None)


class Devices:
    """Everyone's e-CPS telephone or card reader. `by_sms`: a request sends an SMS first.

    A request that rings gets, from its person's behaviour, what will be answered and when; so a
    restart keeps it.
    """

    def __init__(
        self, people: People, sms: SmsInbox, behaviour: Behaviour, *, by_sms: bool, seed: int
    ) -> None:
        self.sms = sms
        # False: the channel to the devices is down (Keycloak's 503, anchors.md C3).
        self.reachable = True
        self.behaviour = behaviour
        # What `draw` draws from unless told otherwise: the scenario's.
        self.law = behaviour.law
        self.behaviours: dict[str, Behaviour] = {}
        self._people = people
        self._by_sms = by_sms
        self._seed = seed
        self._ordinals: dict[str, int] = {}

    def behaviour_of(self, national_id: str) -> Behaviour:
        """Return how a person reacts."""
        return self.behaviours.get(national_id, self.behaviour)

    def behave(self, behaviour: Behaviour, national_id: str | None = None) -> None:
        """Set the behaviour of a person, or of everyone without their own.

        Raises:
            UserError: unknown person.
        """
        if national_id is None:
            self.behaviour = behaviour
        elif self._people.find(national_id) is None:
            raise UserError("personne inconnue", "unknown person", where=f"{national_id!r}")
        else:
            self.behaviours[national_id] = behaviour

    def ring(self, person: EndUser, request: AuthRequest, now: float) -> AuthRequest:
        """Show a request to a person; return it with the answer that is planned, if any."""
        rung: float | None = now
        if self._by_sms and request.mode != "browser":
            message = request.binding_message
            sms = self.sms.send(
                person.phone_number, request.ticket, message, now, request.expires_at
            )
            rung = sms["arrives_at"]
        if rung is None:
            return request
        ordinal = self._ordinals.get(person.national_id, 0)
        self._ordinals[person.national_id] = ordinal + 1
        behaviour = self.behaviour_of(person.national_id)
        planned = plan(behaviour, self._seed, person.national_id, ordinal)
        if planned.decision is None:
            return request
        return request.but(planned_at=rung + planned.delay, planned=planned.decision)
