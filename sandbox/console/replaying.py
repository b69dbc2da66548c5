"""A small replay of the scenario on sockets, in processes of its own: the twin's, for a room.

Each design has a new space beside the one that is shown, and the same people at the same instants;
clients are in an open loop (see `sandbox.twin`). While a design's minutes run its figures are what
its clients have met so far, a plain mean of all logins; when they are over they are those of the
report, of the same mixture of methods under each design. For the whole of it, with its report,
`mss-sandbox replay`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sandbox.console.beside import Beside, Job, main
from sandbox.space.errors import UserError

if TYPE_CHECKING:
    from sandbox.twin.drive import Watch
    from sandbox.twin.replay import Replayed, Wanted

__all__ = ["MOST_MINUTES", "MOST_SPEED", "ReplayOrder", "Replaying", "replay_order"]

BEGIN = "lundi 08:45"
SCALE = 0.1  # of the scenario's mailboxes and messages
PATIENCE = 20.0  # s after the minutes, at which telephones that nobody answers are cut
MOST_MINUTES, MOST_SPEED = 240.0, 1_000.0
_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOrder:
    """Which minutes of the scenario, from Monday 08:45, and how many times faster.

    Raises:
        UserError: a number out of bounds.
    """

    minutes: float = 60.0
    speed: float = 60.0

    def __post_init__(self) -> None:
        for name, most in (("minutes", MOST_MINUTES), ("speed", MOST_SPEED)):
            if not 1 <= getattr(self, name) <= most:
                raise UserError.expected(name, f"1 … {most:.0f}")


def replay_order(data: dict[str, Any]) -> ReplayOrder:
    """Return what a request asks.

    Raises:
        UserError: a member that there is not, or no number.
    """
    for name, value in data.items():
        if name not in ("minutes", "speed"):
            raise UserError("inconnu, attendu", "unknown, expected", where=name[:40],
                            then="minutes, speed")  # fmt: skip
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError("nombre attendu", "a number is expected", where=name)
    return ReplayOrder(**data)


class Replaying(Beside):
    """Runs replays of a space's scenario.

    Args:
        scenario: name or file of the space's own.
        designs: that are replayed in turn.
        policy: login policy of the space.
        operators: of the space.
        changed: told when the job is another.
    """

    def __init__(
        self, scenario: str, designs: tuple[str, ...], policy: str, operators: int,
        changed: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        super().__init__(__name__, _SECONDS, changed)
        self._order = {
            "scenario": scenario, "designs": designs, "policy": policy, "operators": operators,
        }  # fmt: skip

    def ready(self) -> None:
        """Be ready for a replay: somebody looks at the page."""
        self.warm(self._order | asdict(ReplayOrder()))

    def replay(self, order: ReplayOrder) -> Job:
        """Begin a replay, which ends the one before; return at once."""
        asked = asdict(order)
        if self.job.word == "running":
            self.stop()
        return self.start(asked, {**self._order, **asked})


def _wanted(order: dict[str, Any]) -> Wanted:
    from sandbox.space.loader import load_scenario

    scenario = load_scenario(order["scenario"])
    # What comes now takes seconds to import: a scenario that is wrong is told before.
    from sandbox.twin.minutes import instant_of
    from sandbox.twin.replay import Wanted
    from sandbox.twin.schedule import Window

    begin = instant_of(BEGIN, scenario)
    return Wanted(
        scenario=order["scenario"], designs=tuple(order["designs"]), login_policy=order["policy"],
        operators=order["operators"], scale=SCALE,
        window=Window(begin=begin, seconds=60 * order["minutes"], speed=order["speed"]),
    )  # fmt: skip


def _prepare(order: dict[str, Any]) -> None:
    """Import and compile what replays need: what makes a schedule, and what weighs one."""
    wanted = _wanted(order)
    import sandbox.analysis.metrics  # noqa: F401
    from sandbox.twin.replay import schedules

    _, makers = schedules(wanted)
    next(iter(makers.values()))()


def _replay(order: dict[str, Any], tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Replay under each design; tell how far it is, return the figures of each."""
    wanted = _wanted(order)
    from sandbox.analysis.metrics import headline, login_weights
    from sandbox.serve import stopped_by_sigterm
    from sandbox.twin.replay import replay_one, schedules

    found: dict[str, Replayed] = {}

    def figures() -> dict[str, Any]:
        weights = login_weights(each.observations for each in found.values())
        return {name: _figures(each, headline(each.observations, weights))
                for name, each in found.items()}  # fmt: skip

    with stopped_by_sigterm():
        _, makers = schedules(wanted)
        for name, make in makers.items():
            done = figures() if found else {}
            tell({"design": name, "over": 0, "intended": None, "designs": done})
            show = partial(_tell_of, tell, name, done)
            found[name] = replay_one(wanted, make(), patience=PATIENCE, show=show)
            if found[name].driven.stopped:
                break
    return {"designs": figures()}


def _tell_of(
    tell: Callable[[dict[str, Any]], None], design: str, done: dict[str, Any], watch: Watch
) -> None:
    so_far = {} if not watch.sessions else {design: _so_far(watch)}
    tell({
        "design": design, "over": min(watch.sessions, watch.intended), "intended": watch.intended,
        "designs": {**done, **so_far},
    })  # fmt: skip


def _so_far(watch: Watch) -> dict[str, Any]:
    failed, logins = sum(watch.failures.values()), watch.logged_in
    return {
        "failure_share": {"mean": failed / (failed + logins) if failed + logins else None},
        "machine_latency": {"mean": watch.machine / logins if logins else None},
        "sessions": watch.sessions,
    }


def _figures(replayed: Replayed, metrics: dict[str, float]) -> dict[str, Any]:
    return {
        **{
            name: {"mean": None if math.isnan(metrics[name]) else metrics[name]}
            for name in ("failure_share", "person_wait", "machine_latency")
        },
        "sessions": replayed.driven.started,
        "troubles": replayed.troubles,
    }


if __name__ == "__main__":
    main(_prepare, _replay)
