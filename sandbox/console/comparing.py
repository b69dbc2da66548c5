"""A small comparison of the designs beside the live space, in a process that stays warm.

What is asked is three choices that a room argues about; what comes back is a few figures for each
design, from the same `compare` as the command line's.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from sandbox.console.beside import Beside, Job, main
from sandbox.space.errors import UserError
from sandbox.space.scenario import Scenario

__all__ = ["Choices", "Comparing", "asked_of"]

MESSAGES = 10_000  # that the comparison replays, about: a second, and designs are told apart
REPLICATIONS = 2
_SECONDS = 600.0
_NICE = 10
_MOST_SERVERS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The choices.

    Attributes:
        policy: login policy of all designs; empty for the scenario's own.
        blocked: share of practices whose firewall blocks non-standard ports, None for its own.
        servers: capacity of Pro Santé Connect, in requests served at once, None for its own.
    """

    policy: str = ""
    blocked: float | None = None
    servers: int | None = None


def asked_of(data: dict[str, Any], scenario: Scenario) -> Choices:
    """Return what a request asks.

    Raises:
        UserError: a choice that there is not.
    """
    policy, blocked, servers = (data.get(name) for name in ("policy", "blocked", "servers"))
    if policy and (not isinstance(policy, str) or policy not in scenario.policies_known):
        raise UserError.expected("policy", scenario.policies_known)  # fmt: skip
    if blocked is not None and not _within(blocked, 0, 1):
        raise UserError.expected("blocked", "0 … 1")
    if servers is not None and not (
        isinstance(servers, int) and _within(servers, 1, _MOST_SERVERS)
    ):
        raise UserError.expected("servers", f"1 … {_MOST_SERVERS}")
    return Choices(policy=policy or "", blocked=blocked, servers=servers)


def _within(value: object, low: float, high: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and low <= value <= high


class Comparing(Beside):
    """Runs comparisons of a space.

    Args:
        scenario: name or file of the space's own.
        designs: that are compared.
        policy: login policy of the space.
        changed: told when the job is another.
    """

    def __init__(
        self, scenario: str, designs: tuple[str, ...], policy: str,
        changed: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        super().__init__(__name__, _SECONDS, changed)
        self._scenario, self._designs, self._policy = scenario, designs, policy

    def ready(self) -> None:
        """Be ready for a comparison: somebody looks at the page."""
        self.warm(self._order(Choices()))

    def compare(self, asked: Choices) -> Job:
        """Begin a comparison; return at once."""
        return self.start(asdict(asked), self._order(asked))

    def _order(self, asked: Choices) -> dict[str, Any]:
        return {
            "scenario": self._scenario, "designs": self._designs, "seed": 1, "messages": MESSAGES,
            **asdict(asked), "policy": asked.policy or self._policy,
        }  # fmt: skip


def _prepare(order: dict[str, Any]) -> None:
    """Import and compile what comparisons need, and step back behind the space."""
    if sys.platform != "win32":
        os.nice(_NICE)
    _compare(order, lambda _: None)


def _compare(order: dict[str, Any], tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Compare, and return the figures of each design."""
    del tell
    from sandbox.analysis.result import compare
    from sandbox.analysis.statistics import finite
    from sandbox.space.loader import load_scenario, with_inputs

    scenario = load_scenario(order["scenario"])
    changes: dict[str, float | str] = {}
    if order["blocked"] is not None:
        changes["populations.liberal.port_blocked"] = order["blocked"]
    if order["servers"] is not None:
        changes["backends.psc.servers"] = order["servers"]
    if changes:
        scenario = with_inputs(scenario, changes)
    scale = min(1.0, order["messages"] / scenario.traffic.messages)
    result = compare(
        scenario, designs=tuple(order["designs"]), login_policy=order["policy"],
        replications=REPLICATIONS, seed=order["seed"], scale=scale, workers=1,
        headroom=False, decision=False,  # neither is shown
    )  # fmt: skip
    designs = {
        name: {
            "cannot_connect": {"mean": finite(result.compatibility[name].whole.cannot_connect)},
            **{
                metric: {"mean": finite(found.mean), "half": finite(found.half_width)}
                for metric in ("failure_share", "person_wait", "machine_latency")
                for found in (result.estimate(name, metric),)
            },
            "incidents": {
                kind.value: loss.person_hours for kind, loss in result.incidents[name].items()
            },
        }
        for name in result.designs
    }
    return {"designs": designs, "scale": scale}


if __name__ == "__main__":
    main(_prepare, _compare)
