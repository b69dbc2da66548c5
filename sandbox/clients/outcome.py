"""What came of one session, as its client saw it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from sandbox.observations.schema import Cause, Phase

__all__ = ["SessionOutcome"]


@dataclass(slots=True, kw_only=True)
class SessionOutcome:
    """One session. Instants are seconds from the start of the run.

    Attributes:
        intent: number in the plan; -1 for what another session opened.
        account: number of the access.
        protocol: imap or smtp.
        attended: whether a person waited for it.
        intended, started: when it had to start, and did.
        login: when it was in; None: never.
        ended: when all was over.
        phases: seconds by phase, until the login; of all attempts.
        failures: why attempts failed, in order.
        accepted: number of the message that the operator took.
        found: new messages that it fetched.
        bad: of those, spoiled or another's.
        resumed: whether TLS was.
        connections: begin (TCP is there) and end of each attempt's.
    """

    intent: int
    account: int
    protocol: str
    attended: bool
    intended: float
    started: float
    login: float | None = None
    ended: float = 0.0
    phases: dict[Phase, float] = field(default_factory=dict)
    failures: list[Cause] = field(default_factory=list)
    accepted: int | None = None
    found: int = 0
    bad: int = 0
    resumed: bool = False
    connections: list[list[float]] = field(default_factory=list)

    def spend(self, phase: Phase, seconds: float) -> None:
        """Book time."""
        self.phases[phase] = self.phases.get(phase, 0.0) + seconds

    @property
    def person(self) -> float:
        """Seconds of the person's own."""
        return self.phases.get(Phase.PERSON, 0.0)

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)

    @classmethod
    def of(cls, tree: dict[str, Any]) -> SessionOutcome:
        """Build it from JSON."""
        return cls(
            **{
                **tree,
                "phases": {Phase(int(key)): value for key, value in tree["phases"].items()},
                "failures": [Cause(each) for each in tree["failures"]],
            }
        )
