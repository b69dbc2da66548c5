"""Jobs of one kind in a process of its own beside the space, and what it says meanwhile.

The process is a module of the console run as a program. It stays warm: what a job needs takes
longer to import than to use, so the process is begun when jobs are likely and ends when none has
come for minutes. Each line that it is given is an order, as JSON; each line that it prints is JSON
too, the word of a job with what it says. It needs the scientific libraries; the console does not.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.space.errors import UserError

__all__ = ["Beside", "Job", "main"]

Tree = dict[str, Any]
Work = Callable[[Tree, Callable[[Tree], None]], Tree]
_STOP = 10.0  # s that it has to end when asked
_IDLE = 600.0  # s after which a process that nobody used ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Where it stands.

    Attributes:
        word: idle, running, done or failed.
        asked: its order, as people gave it.
        said: the last line: of a job that is done, what came of it.
        error: why it failed.
    """

    word: str = "idle"
    asked: Tree | None = None
    said: Tree | None = None
    error: str = ""


class Beside:
    """Runs jobs of one kind, one at a time; of those that wait only the last is ever begun.

    Args:
        module: that is run.
        most: seconds that a job may take.
        changed: told when `job` is another.
    """

    def __init__(self, module: str, most: float, changed: Callable[[], None]) -> None:
        self.job = Job()
        self._module, self._most, self._changed = module, most, changed
        self._lock = threading.RLock()
        self._process: subprocess.Popen[str] | None = None
        self._busy = False  # with the job, or with one that nobody waits for any more
        self._next: Tree | None = None
        self._end: threading.Timer | None = None

    def warm(self, first: Tree) -> None:
        """Have a process ready for some minutes; `first` is what a new one prepares for."""
        with self._lock:
            if self._process is None:
                process = self._process = subprocess.Popen(  # noqa: S603 - ourselves
                    [sys.executable, "-P", "-m", self._module, json.dumps(first)], text=True,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                )  # fmt: skip
                name = self._module.rpartition(".")[2]
                threading.Thread(
                    target=self._follow, args=(process,), name=name, daemon=True
                ).start()
            if not self._busy:
                self._end_after(_IDLE)

    def start(self, asked: Tree, order: Tree) -> Job:
        """Begin a job, after the one under way if there is one; return at once."""
        with self._lock:
            self.warm(order)
            self._tell(Job(word="running", asked=asked))
            self._next = order
            if not self._busy:
                self._begin()
        return self.job

    def stop(self) -> None:
        """End the process and what runs in it, of which there is no result."""
        with self._lock:
            process, self._process = self._process, None
            self._busy, self._next = False, None
            if self._end is not None:
                self._end.cancel()
            if self.job.word == "running":
                self._tell(Job())
        if process is None:
            return
        _no_more(process)
        process.terminate()
        try:
            process.wait(_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _begin(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        order, self._next, self._busy = self._next, None, True
        self._end_after(self._most)
        with contextlib.suppress(OSError):  # it has ended: who follows it tells why
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()

    def _end_after(self, seconds: float) -> None:
        """End the process, whatever it does, unless this is called again before."""
        if self._end is not None:
            self._end.cancel()
        if self._process is None:
            return
        process = self._process

        def cut() -> None:
            with self._lock:
                if self._end is timer:
                    process.kill()
                    if not self._busy:  # who asks now is given another
                        self._process = None

        timer = self._end = threading.Timer(seconds, cut)
        timer.daemon = True
        timer.start()

    def _follow(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        errors: deque[str] = deque(maxlen=20)
        reader = threading.Thread(target=lambda: errors.extend(process.stderr or ()), daemon=True)
        reader.start()
        with process.stdout, process.stderr:
            for line in process.stdout:
                try:
                    word, what = json.loads(line)
                except ValueError:  # killed in the middle of a line, or no line of ours
                    process.kill()
                    break
                self._hear(process, word, what)
            code = process.wait()
            reader.join()
            _no_more(process)
        why = next((each.strip() for each in reversed(errors) if each.strip()), f"code {code}")
        self._hear(process, "ended", why)

    def _hear(self, process: subprocess.Popen[str], word: str, what: Any) -> None:
        with self._lock:
            if process is not self._process:
                return  # it was stopped
            wanted = self._busy and self._next is None  # else something else was asked meanwhile
            asked, order = self.job.asked, self._next
            if word != "running":
                self._busy = False
            if word == "ended":
                self._process = None
                if order is not None:
                    self.start(asked or {}, order)
            elif word != "running" and order is not None:
                self._begin()
            elif word != "running":
                self._end_after(_IDLE)
            if not wanted:
                return
            if word in ("failed", "ended"):
                self._tell(Job(word="failed", asked=asked, error=what[:300]))
            else:
                self._tell(Job(word=word, asked=asked, said=what))

    def _tell(self, job: Job) -> None:
        self.job = job
        self._changed()


def _no_more(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    with contextlib.suppress(OSError):  # it has ended, with an order unread
        process.stdin.close()


def main(prepare: Callable[[Tree], object], work: Work) -> None:
    """Be the process: `prepare` for the first order, then do `work` on each that comes."""

    def say(word: str, what: Tree | str) -> None:
        print(json.dumps([word, what]), flush=True)

    with contextlib.suppress(UserError, ModuleNotFoundError):  # the job will tell of it
        prepare(json.loads(sys.argv[1]))
    for line in sys.stdin:
        try:
            say("done", work(json.loads(line), lambda what: say("running", what)))
        except UserError as error:
            say("failed", str(error))
        except ModuleNotFoundError as error:
            where = f"{error.name}: bibliothèque manquante / library is missing"
            say("failed", f"{where}; pip install 'mssante-sandbox[compare]'")
