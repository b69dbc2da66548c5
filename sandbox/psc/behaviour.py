"""What a person does with a request on the phone or at the card reader: fixed, or drawn.

Draws are counter-based: a function of (seed, person, ordinal of the request, step), so that the
same seed gives the same answers whatever the order in which people are asked.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, fields
from statistics import NormalDist
from typing import Any

from sandbox.space.errors import UserError

__all__ = ["KINDS", "Behaviour", "Plan", "plan", "uniform"]

KINDS = ("manual", "approve", "refuse", "ignore", "wrong_code", "offline", "draw")


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How a person reacts.

    `manual` waits for someone to press a button; `draw` uses the law. Delays are seconds.
    Defaults of the law: a push is approved after a shifted lognormal of mean 8 s and coefficient
    of variation 0.8, and 4.35 % never are (2 559 users, arXiv 2602.01489, in simulation.md 3.6).
    The shares of refusals and wrong codes are assumptions: none was found published.
    """

    kind: str = "manual"
    delay: float = 0.0
    mean: float = 8.0
    variation: float = 0.8
    shortest: float = 1.0
    never: float = 0.0435
    refuse: float = 0.01
    wrong_code: float = 0.005

    def __post_init__(self) -> None:
        """Refuse a law that is none.

        Raises:
            UserError: unknown kind, or a number out of range.
        """
        if self.kind not in KINDS:
            raise UserError(f"comportement {self.kind!r} : attendu / expected {', '.join(KINDS)}")
        for name in ("delay", "mean", "variation", "shortest"):
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 <= value <= 86_400):
                raise UserError(f"{name} = {value} : attendu / expected 0 … 86400")
        if self.mean <= self.shortest:
            raise UserError("mean : attendu / expected > shortest")
        shares = (self.never, self.refuse, self.wrong_code)
        if any(not 0 <= share <= 1 for share in shares) or sum(shares) > 1:
            raise UserError("never + refuse + wrong_code : attendu / expected 0 … 1")

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Behaviour:
        """Build from plain data.

        Raises:
            UserError: an unknown or ill-typed member.
        """
        known = {field.name for field in fields(cls)}
        if set(data) - known:
            raise UserError(f"comportement / behaviour : attendu / expected {sorted(known)}")
        for name, value in data.items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if (name == "kind") != isinstance(value, str) or (name != "kind" and not number):
                raise UserError(f"comportement / behaviour : {name} = {value!r} ?")
        return cls(**data)


@dataclass(frozen=True, slots=True)
class Plan:
    """What will happen: `decision` after `delay` seconds, or nothing (None)."""

    delay: float
    decision: str | None


def uniform(seed: int, *counters: object) -> float:
    """Return a number in (0, 1), a function of the seed and the counters alone."""
    text = "\x1f".join([str(seed), *map(str, counters)])
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return ((int.from_bytes(digest, "big") >> 11) + 0.5) / 2**53


def lognormal(u: float, mean: float, variation: float) -> float:
    """Return the quantile `u` of the lognormal of that mean and coefficient of variation."""
    if variation == 0:
        return mean
    sigma2 = math.log1p(variation**2)
    return math.exp(math.log(mean) - sigma2 / 2 + math.sqrt(sigma2) * NormalDist().inv_cdf(u))


def plan(behaviour: Behaviour, seed: int, person: str, ordinal: int) -> Plan:
    """Say what a person will do with their `ordinal`-th request."""
    match behaviour.kind:
        case "approve" | "refuse" | "wrong_code":
            return Plan(behaviour.delay, behaviour.kind)
        case "draw":
            fate = uniform(seed, person, ordinal, "fate")
            excess = behaviour.mean - behaviour.shortest
            spread = behaviour.variation * behaviour.mean / excess
            wait = lognormal(uniform(seed, person, ordinal, "delay"), excess, spread)
            delay = round(behaviour.shortest + wait, 3)
            if fate < behaviour.never:
                return Plan(0.0, None)
            if fate < behaviour.never + behaviour.refuse:
                return Plan(delay, "refuse")
            if fate < behaviour.never + behaviour.refuse + behaviour.wrong_code:
                return Plan(delay, "wrong_code")
            return Plan(delay, "approve")
        case _:
            return Plan(0.0, None)
