"""What a person does with a request, fixed or drawn.

Draws are counter-based: a function of (seed, person, ordinal of the request, step), so that the
same seed gives the same answers whatever the order in which people are asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.space.chance import uniform
from sandbox.space.errors import UserError
from sandbox.space.laws import AnswerLaw, WaitLaw, ecps_answer, sourced_methods

__all__ = ["KINDS", "AnswerPlan", "Behaviour", "plan"]

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
