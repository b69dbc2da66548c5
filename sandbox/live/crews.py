"""The crews of a space together: who asks them does not see how many there are, or where."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, TypeVar

from sandbox.live.crew import Crewed, OperatorCrew
from sandbox.live.crew_process import CrewProcess
from sandbox.operators.fault_rules import MailRule
from sandbox.operators.operator import Operator
from sandbox.operators.recorder import Seen
from sandbox.space.errors import UserError

__all__ = ["Crews"]

P = ParamSpec("P")
T = TypeVar("T")


class Crews:
    """Crews, each until the stack that it was entered on unwinds."""

    def __init__(self) -> None:
        self._crews: list[Crewed] = []
        self._here: OperatorCrew | None = None

    def __iter__(self) -> Iterator[Crewed]:
        return iter(self._crews)

    def enter_here(self, stack: contextlib.ExitStack, crew: OperatorCrew) -> None:
        """Start the crew of this process."""
        self._here = stack.enter_context(crew)
        self._crews.append(crew)

    def enter_apart(self, stack: contextlib.ExitStack, crews: Sequence[CrewProcess]) -> None:
        """Start processes together, on all cores: each takes a second of processor time."""
        with ThreadPoolExecutor(len(crews)) as pool:
            entering = [pool.submit(stack.enter_context, crew) for crew in crews]
        self._crews += [each.result() for each in entering]

    @property
    def operators(self) -> dict[str, Operator]:
        """The operators of this process, by label."""
        return {} if self._here is None else self._here.operators

    @property
    def pids(self) -> dict[str, int]:
        """The process of each operator."""
        return {label: crew.pid for crew in self._crews for label in crew.labels}

    def of(self, operator: str) -> Crewed:
        """Return the crew of an operator."""
        return next(each for each in self._crews if operator in each.labels)

    def run(self, work: Coroutine[Any, Any, T], timeout: float | None) -> T:
        """Run a coroutine on the loop of the operators of this process.

        Raises:
            UserError: they have processes of their own.
        """
        if self._here is not None:
            return self._here.loop.run(work, timeout)
        work.close()
        raise UserError(
            "les opérateurs ont leurs propres processus",
            "operators have processes of their own",
            where="run",
        )

    def seen(self) -> Seen:
        """Return what operators saw until now, as they count it.

        Raises:
            UserError: every process is down.
        """
        found = [seen for crew in self._crews if (seen := crew.seen()) is not None]
        if not found:
            raise UserError("les opérateurs redémarrent", "operators are starting again")
        first, *others = found
        for each in others:
            first.merge(each)
        return first

    def flush(self) -> None:
        """Try at once what waits for a relay."""
        self._offer(OperatorCrew.flush)

    def follow(self) -> None:
        """Take the domains that the directory gives now, with their mailboxes."""
        self._offer(OperatorCrew.follow)

    def refresh_list(self) -> None:
        """Read the list of domains now."""
        for crew in self._crews:
            crew.do(OperatorCrew.refresh_list)

    def set_faults(self, rules: Sequence[MailRule], seed: int) -> None:
        """Put mail faults in force in place of all others."""
        self._offer(OperatorCrew.set_faults, rules, seed)

    def set_clock(self, setting: tuple[float, float | None]) -> None:
        """Follow the space's clock."""
        for crew in self._crews:
            crew.set_clock(setting)

    def _offer(
        self, act: Callable[Concatenate[OperatorCrew, P], None], *args: P.args, **more: P.kwargs
    ) -> None:
        for crew in self._crews:
            crew.offer(act, *args, **more)
