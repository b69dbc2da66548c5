"""A crew in a process of its own: how the space drives it, and the process itself.

The process ends with the space, however that ends: it sees its line closed. One that ends by itself
(`kill -9`, memory) is started again with what the space has now, unless it did not last
`LASTING` seconds: whatever killed it would again. What it had accepted is in its files; what it had
seen (observations) is lost with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import sandbox
from sandbox.directory import Directory
from sandbox.live.assembly import Fate
from sandbox.live.crew import CrewPlan, OperatorCrew
from sandbox.live.folder import SpaceFolder
from sandbox.live.keys import Keys
from sandbox.live.line import GoneError, ProcessLine
from sandbox.live.room import open_files, share_out
from sandbox.live.starting import START_SECONDS, STOP_SECONDS
from sandbox.operators.auth.psc_client import CibaRequest
from sandbox.operators.fault_rules import MailFaults
from sandbox.operators.recorder import Recorder, Seen
from sandbox.operators.refusals import LoginRefusal
from sandbox.psc import Clock
from sandbox.space.errors import UserError

__all__ = ["CrewProcess"]

LASTING = 5.0  # s
# What takes its time: a hundred thousand messages.
_LONG: tuple[Callable[..., Any], ...] = (
    OperatorCrew.fill, OperatorCrew.empty, OperatorCrew.remove, OperatorCrew.follow,
    OperatorCrew.pack, OperatorCrew.unpack, OperatorCrew.dismiss,
)  # fmt: skip
_LONG_SECONDS = 600.0

P = ParamSpec("P")
T = TypeVar("T")


class CrewProcess:
    """A crew in a process of its own, while its `with` block lasts.

    Args:
        labels: its operators.
        make: says what it is made of now; asked at each start.
        fate: what the operators' SMS gateways know of a request; called on a thread of its own.
        tell: told of an end that nobody asked for.
        changed: called when the process is another one.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        make: Callable[[], CrewPlan],
        *,
        fate: Fate,
        tell: Callable[[str], None],
        changed: Callable[[], None],
    ) -> None:
        self.labels = labels
        self._make, self._fate, self._tell, self._changed = make, fate, tell, changed
        self._lock = threading.Lock()
        self._stopping = False
        self._process: subprocess.Popen[bytes] | None = None
        self._line: ProcessLine | None = None
        self._ready: float | None = None  # since when operators accept connections

    @property
    def pid(self) -> int:
        """The process; 0 while there is none."""
        return 0 if self._process is None else self._process.pid

    def __enter__(self) -> CrewProcess:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        with self._lock:
            self._end()

    def _end(self) -> None:
        line, process = self._line, self._process
        if line is not None:
            with contextlib.suppress(GoneError, TimeoutError):
                line.call("stop", timeout=STOP_SECONDS)
            line.close()
        if process is not None:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def do(
        self, act: Callable[Concatenate[OperatorCrew, P], T], *args: P.args, **more: P.kwargs
    ) -> T:
        """See `Crewed`."""
        timeout = _LONG_SECONDS if act in _LONG else 30.0
        given: T = self._ask("do", act.__name__, args, more, timeout=timeout)
        return given

    def offer(
        self, act: Callable[Concatenate[OperatorCrew, P], None], *args: P.args, **more: P.kwargs
    ) -> None:
        """See `Crewed`."""
        with contextlib.suppress(UserError):
            self.do(act, *args, **more)

    def set_clock(self, setting: tuple[float, float | None]) -> None:
        """See `Crewed`. Whoever moves the clock does not wait: the crew may be waiting for him."""
        if self._line is not None:
            self._line.tell("set_clock", setting)

    def seen(self) -> Seen | None:
        """See `Crewed`."""
        with contextlib.suppress(UserError):
            return self.do(OperatorCrew.seen)
        return None

    def kill(self) -> None:
        """See `Crewed`."""
        with self._lock:
            if self._process is not None:
                self._process.kill()

    def _ask(self, name: str, *args: Any, timeout: float | None = 30.0) -> Any:
        if self._line is not None:
            with contextlib.suppress(GoneError):
                return self._line.call(name, *args, timeout=timeout)
        raise UserError(
            "leur processus s'est arrêté ; il redémarre, réessayer",
            "their process has ended; it starts again, try once more",
            where=", ".join(self.labels),
        )

    def _start(self) -> None:
        """Start a process, and return when its operators accept connections."""
        with self._lock:
            if self._stopping:
                return
            ours, theirs = socket.socketpair()
            self._ready = None
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603
                    # -P: no folder that the user happens to be in is searched for modules.
                    [sys.executable, "-P", "-m", __name__, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    env={**os.environ, "PYTHONPATH": _path()},
                )
            self._line = ProcessLine(ours, self._answer, self._gone)
            try:
                self._line.call("start", self._make(), timeout=START_SECONDS)
            except GoneError:
                raise UserError(
                    "leur processus s'est arrêté au démarrage",
                    "their process ended while it started",
                    where=", ".join(self.labels),
                ) from None
            self._ready = time.monotonic()

    def _answer(self, name: str, *args: Any) -> LoginRefusal | None:
        assert name == "fate"
        label, request = args
        return asyncio.run(self._ask_fate(label, request))

    async def _ask_fate(self, label: str, request: CibaRequest) -> LoginRefusal | None:
        return await self._fate(label, request)

    def _gone(self) -> None:
        if self._ready is not None and not self._stopping:
            lasted = time.monotonic() - self._ready >= LASTING
            threading.Thread(target=self._again, args=(lasted,), name="crew", daemon=True).start()

    def _again(self, lasted: bool) -> None:
        """Start once more after an end that nobody asked for."""
        process = self._process
        assert process is not None
        code = process.wait()
        names = ", ".join(self.labels)
        if not lasted:
            self._tell(
                f"{names}: processus arrêté aussitôt ({code}), non redémarré"
                f" / process ended at once ({code}), not started again"
            )
            return
        self._tell(
            f"{names}: processus arrêté ({code}), redémarré / process ended ({code}), started again"
        )
        try:
            self._start()
        except Exception as error:  # noqa: BLE001 - there is nobody to raise it to
            if not self._stopping:
                self._tell(f"{names}: {error}")
                with self._lock:
                    self._end()
            return
        if not self._stopping:
            self._changed()


def _path() -> str:
    """Return where this process has the package from, and what else it was told."""
    here = str(Path(sandbox.__file__).parents[1])
    return os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))


class _Child:
    """What the process does."""

    def __init__(self, end: socket.socket) -> None:
        self._over = threading.Event()
        self._stack = contextlib.ExitStack()
        self._crew: OperatorCrew | None = None
        self._line = ProcessLine(end, self._answer, self._over.set)

    def live(self) -> None:
        """Serve until the space says that it is enough, or is no more."""
        self._over.wait()
        # Whatever hangs, no operator outlives its space for long.
        limit = threading.Timer(STOP_SECONDS, os._exit, (1,))
        limit.daemon = True
        limit.start()
        self._stack.close()

    def stop(self, *_: object) -> None:
        """End."""
        self._over.set()

    def _answer(self, name: str, *args: Any) -> Any:
        if name == "start":
            return self._start(*args)
        if name == "stop":
            self._stack.close()
            self._over.set()
            return None
        if self._crew is None:
            return None
        if name == "do":
            act, given, more = args
            return getattr(self._crew, act)(*given, **more)
        self._crew.set_clock(*args)
        return None

    def _start(self, made: CrewPlan) -> None:
        folder = SpaceFolder(made.folder)
        keys = Keys.of(folder.path)
        directory = Directory(folder.path / "annuaire.db")
        self._stack.callback(directory.close)
        clock = Clock()
        clock.follow(made.clock)
        crew = OperatorCrew(
            made,
            pid=os.getpid(),
            directory=directory,
            keys=keys,
            room=share_out(open_files(), made.operators),
            fate=self._fate,
            tell=lambda text: print(text, file=sys.stderr, flush=True),
            clock=clock,
            faults=MailFaults(made.faults_seed, made.rules),
            recorder=Recorder(made.start),
        )
        self._crew = self._stack.enter_context(crew)

    async def _fate(self, label: str, request: CibaRequest) -> LoginRefusal | None:
        with contextlib.suppress(GoneError, TimeoutError):
            found: LoginRefusal | None = await asyncio.to_thread(
                self._line.call, "fate", label, request
            )
            return found
        return None


def _main() -> None:
    child = _Child(socket.socket(fileno=int(sys.argv[1])))
    # Ctrl-C goes to every process of the terminal: the space stops its crews itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, child.stop)
    child.live()


if __name__ == "__main__":
    _main()
