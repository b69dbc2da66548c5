"""The sessions that the simulation starts in some minutes, and the accesses that start them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from sandbox.live.cast import CastSize
from sandbox.simulation.build import build_model
from sandbox.simulation.model import Model
from sandbox.simulation.window import windowed
from sandbox.space.candidates import Candidate
from sandbox.space.compatibility import can_connect, mechanisms_used
from sandbox.space.errors import UserError
from sandbox.space.methods import Method
from sandbox.space.population import Accesses, Space, build_space
from sandbox.space.scenario import Scenario

__all__ = ["Schedule", "Window", "schedule_of"]

ALL_METHODS = tuple(Method)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which minutes: `begin` from the start of the period and `seconds`, how many times faster."""

    begin: float
    seconds: float
    speed: float = 1.0

    @property
    def lasts(self) -> float:
        """Seconds within which sessions start."""
        return self.seconds / self.speed


@dataclass(frozen=True)
class Schedule:
    """The sessions of some minutes under one design.

    Attributes:
        scenario: whose operators are those of the live space.
        space: its people.
        candidate: design and login policy.
        window: which minutes.
        model: those minutes, ready to be simulated.
    """

    scenario: Scenario
    space: Space
    candidate: Candidate
    window: Window
    model: Model

    @cached_property
    def accesses(self) -> Accesses:
        """The accesses in the order of the model."""
        whole = self.space.accesses
        return Accesses(*(getattr(whole, name)[self._rows] for name in Accesses.__slots__))

    @cached_property
    def active(self) -> list[int]:
        """Numbers of the accesses that have sessions."""
        return sorted({int(row[0]) for row in self.model.inputs.listed})

    @cached_property
    def mechanisms(self) -> Mapping[str, NDArray[Any]]:
        """Which of MECHANISMS each access uses, in the order of the model, by protocol."""
        used = mechanisms_used(self.space, self.candidate.design, self.candidate.policy)
        return {"imap": used[0, self._rows], "smtp": used[1, self._rows]}

    @cached_property
    def _rows(self) -> list[int]:
        """Where the accesses of the model stand among those of the space."""
        place = {int(each): row for row, each in enumerate(self.space.accesses.identity)}
        return [place[int(each)] for each in self.model.inputs.access_identity]

    def method(self, access: int) -> Method:
        """Return how an access logs in."""
        return ALL_METHODS[int(self.accesses.method[access])]

    @property
    def cast(self) -> CastSize:
        """How many accounts a live space needs at each operator."""
        people: Counter[tuple[int, bool]] = Counter()
        for access in self.active:
            method = self.method(access)
            if method is not Method.CERTIFICATE:
                people[int(self.accesses.operator[access]), method is Method.SMS] += 1
        most = [max((n for (_, by), n in people.items() if by is sms), default=1)
                for sms in (False, True)]  # fmt: skip
        return CastSize(people=max(4, sum(most)), by_sms=most[1])


def schedule_of(
    scenario: Scenario, candidate: Candidate, among: Sequence[Candidate], window: Window, *,
    seed: int = 1, scale: float = 1.0,
) -> Schedule:  # fmt: skip
    """Return the sessions of some minutes: those of who can connect under all candidates.

    Raises:
        UserError: nobody starts a session then.
    """
    space = build_space(scenario, seed=seed, scale=scale)
    only = can_connect(space, [(each.design, each.policy) for each in among])
    whole = build_model(space, candidate.design, candidate.policy, only=only)
    model = windowed(whole, window.begin, window.seconds, speed=window.speed)
    if not len(model.inputs.listed):
        raise UserError(
            "aucune session ne commence alors ; donner une autre heure, plus de temps "
            "ou un plus grand --scale",
            "no session starts then; give another hour, more time or a larger --scale",
            where=f"scenario {scenario.name}",
        )
    return Schedule(scenario, space, candidate, window, model)
