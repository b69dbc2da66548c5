"""Runs a plan in processes of clients, and collects what came of it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from sandbox.clients.plan import LoadPlan, SessionOutcome
from sandbox.space.errors import UserError
from sandbox.twin.cores import place

__all__ = ["Driven", "Watch", "drive"]

START_SECONDS = 1.0  # from the order to start to the start of the run
STOP_SECONDS = 20.0
SHOW_SECONDS = 0.5
RECENT = 10.0  # s over which rates are shown


@dataclass(slots=True)
class Driven:
    """What came of a run.

    Attributes:
        intended, started: sessions of the plan.
        outcomes: of all sessions, also of those that others opened.
        begin: instant of the monotonic clock from which sessions start.
        late: of starts after their instants, s.
        processor: that all processes of clients used, s.
        share: of one processor that the busiest process of clients used.
        clock: by how much the clock of the day was set meanwhile, s.
        stopped: before all was over, by whoever runs it.
        crashed: why processes of clients ended by themselves, one line each: the sessions that
            they had open, and those that they had still to start, are missing.
    """

    intended: int
    outcomes: list[SessionOutcome] = field(default_factory=list)
    begin: float = 0.0
    late: list[float] = field(default_factory=list)
    processor: float = 0.0
    share: float = 0.0
    clock: float = 0.0
    stopped: bool = False
    crashed: list[str] = field(default_factory=list)

    @property
    def started(self) -> int:
        """Sessions of the plan that started."""
        return len({each.intent for each in self.outcomes if each.intent >= 0})

    @property
    def lateness_p99(self) -> float:
        """99th percentile of how late they started, s; 0 of none."""
        return float(np.quantile(self.late, 0.99)) if self.late else 0.0

    @property
    def accepted(self) -> set[int]:
        """Numbers of the messages that operators took."""
        return {each.accepted for each in self.outcomes if each.accepted is not None}


class Watch:
    """What a run looks like while it lasts; written by readers, read by a display."""

    def __init__(self, intended: int) -> None:
        self.intended = intended
        self.sessions = 0
        self.logged_in = 0
        self.machine = 0.0  # s that all logins took, the person left out
        self.open: dict[int, int] = {}
        self.started: dict[int, int] = {}
        self.begin = time.monotonic()
        self.processes: tuple[int, ...] = ()  # of clients
        self.failures: Counter[str] = Counter()
        self.logins: dict[tuple[str, str], deque[float]] = {}
        self._ended: deque[float] = deque()

    def take(self, outcome: SessionOutcome, method: str) -> None:
        """Take one outcome."""
        self.sessions += 1
        self._ended.append(time.monotonic())
        for cause in outcome.failures:
            self.failures[cause.name.lower()] += 1
        if outcome.login is not None:
            machine = outcome.login - outcome.intended - outcome.person
            recent = self.logins.setdefault((outcome.protocol, method), deque(maxlen=500))
            recent.append(machine)
            self.logged_in += 1
            self.machine += machine

    @property
    def rate(self) -> float:
        """Sessions a second that ended lately."""
        now = time.monotonic()
        while self._ended and now - self._ended[0] > RECENT:
            self._ended.popleft()
        return len(self._ended) / min(RECENT, max(now - self.begin, 1.0))


class _Process:
    """One process of clients, and the thread that reads what it says."""

    def __init__(self, number: int, part: LoadPlan, folder: Path, cores: tuple[int, ...]) -> None:
        path = folder / f"plan-{number}.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(part)), encoding="utf-8")
        self.number = number
        self.over: dict[str, Any] | None = None
        self.failed = ""
        self._thread: threading.Thread | None = None
        self._child = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-P", "-m", "sandbox.clients.process", str(path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        place(self._child.pid, cores)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._child.pid

    def ready(self) -> bool:
        """Wait until it can start; whether it will."""
        assert self._child.stdout is not None
        answer = json.loads(self._child.stdout.readline() or "{}")
        self.failed = str(answer.get("failed", ""))
        return bool(answer.get("ready"))

    def begin(self, instant: float, take: Callable[[int, dict[str, Any]], None]) -> None:
        """Start at an instant of the monotonic clock; `take` what it says."""
        with contextlib.suppress(OSError):  # it has ended: what it says, nothing, tells that
            assert self._child.stdin is not None
            self._child.stdin.write(f"{instant!r}\n")
            self._child.stdin.flush()

        def read() -> None:
            assert self._child.stdout is not None
            for line in self._child.stdout:
                if not line.endswith("\n"):
                    return  # it was killed while it wrote
                said = json.loads(line)
                if "over" in said:
                    self.over = said
                elif "failed" in said:
                    self.failed = str(said["failed"])
                else:
                    take(self.number, said)

        self._thread = threading.Thread(target=read, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it still says something."""
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        """Have it end now; what it has comes."""
        with contextlib.suppress(OSError):
            assert self._child.stdin is not None
            self._child.stdin.close()

    def end(self) -> None:
        """Wait for its end, or cut it: at once if it has not begun."""
        self.stop()
        try:
            self._child.wait(STOP_SECONDS if self._thread is not None else 0.0)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
        if self._child.stdout is not None:
            self._child.stdout.close()

    @property
    def crash(self) -> str:
        """Why it ended by itself, in a line; empty: it did not."""
        if self.over is not None:
            return str(self.over["failed"])
        code = self._child.returncode
        how = f"signal {-code}" if code < 0 else f"code {code}"
        return self.failed or how


def _parts(plan: LoadPlan, count: int) -> Iterator[LoadPlan]:
    """Deal accounts out to processes: all sessions of an account are in one."""
    for number in range(count):
        accounts = tuple(each for at, each in enumerate(plan.accounts) if at % count == number)
        mine = {each.number for each in accounts}
        intents = tuple(each for each in plan.intents if each.account in mine)
        yield replace(plan, accounts=accounts, intents=intents)


def drive(
    plan: LoadPlan, *, processes: int = 1, cores: tuple[int, ...] = (),
    show: Callable[[Watch], None] = lambda _: None,
) -> Driven:  # fmt: skip
    """Run a plan and return what came of it; Ctrl-C ends it early and keeps what there is.

    Args:
        plan: what.
        processes: of clients; each is one event loop.
        cores: processors that they work on; none: wherever the system has them.
        show: called twice a second.

    Raises:
        UserError: clients cannot start.
    """
    watch = Watch(len(plan.intents))
    methods = {each.number: str(each.method) for each in plan.accounts}
    driven = Driven(len(plan.intents))
    lock = threading.Lock()

    def take(number: int, said: dict[str, Any]) -> None:
        with lock:
            if "outcome" in said:
                outcome = SessionOutcome.of(said["outcome"])
                driven.outcomes.append(outcome)
                watch.take(outcome, methods[outcome.account])
            else:
                watch.open[number], watch.started[number] = said["open"], said["started"]

    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mssante-replay-")))
        children: list[_Process] = []
        for number, part in enumerate(_parts(plan, processes)):
            children.append(_Process(number, part, folder, cores))
            stack.callback(children[-1].end)
        for child in children:
            if not child.ready():
                raise UserError(
                    "les clients ne démarrent pas", "clients do not start",
                    where="replay", then=f"({child.failed})" if child.failed else "",
                )  # fmt: skip
        instant = driven.begin = time.monotonic() + START_SECONDS
        watch.begin, watch.processes = instant, tuple(child.pid for child in children)
        for child in children:
            child.begin(instant, take)
        driven.stopped = _wait(children, watch, show)
    for child in children:
        if child.crash:
            driven.crashed.append(child.crash)
        if (said := child.over) is not None:
            driven.late += said["late"]
            driven.processor += said["processor"]
            driven.share = max(driven.share, said["processor"] / max(said["wall"], 1e-9))
            driven.clock = max(driven.clock, said["clock"])
    driven.outcomes.sort(key=lambda each: (each.intended, each.intent, each.account))
    return driven


def _wait(children: list[_Process], watch: Watch, show: Callable[[Watch], None]) -> bool:
    """Wait until all are done; whether that was before their time."""
    try:
        while any(child.running for child in children):
            time.sleep(SHOW_SECONDS)
            show(watch)
    except KeyboardInterrupt:
        for child in children:
            child.stop()
        end = time.monotonic() + STOP_SECONDS
        while any(child.running for child in children) and time.monotonic() < end:
            time.sleep(0.1)
        return True
    return False
