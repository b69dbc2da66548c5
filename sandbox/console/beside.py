"""One job at a time in a process of its own beside the space, and what it says meanwhile.

The process is a module of the console run as a program, with its order as a line of JSON. Each line
that it prints is JSON too; the last one is what came of it. It needs the scientific libraries; the
console does not.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.space.errors import UserError

__all__ = ["Beside", "Job", "main"]

Tree = dict[str, Any]
_STOP = 10.0  # s that it has to end when asked


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
    """Runs jobs of one kind; a new one ends the one before.

    Args:
        module: that is run.
        most: seconds that it may take.
        changed: told when `job` is another.
    """

    def __init__(self, module: str, most: float, changed: Callable[[], None]) -> None:
        self.job = Job()
        self._module, self._most, self._changed = module, most, changed
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def start(self, asked: Tree, order: Tree) -> Job:
        """Begin a job; return at once."""
        with self._lock:
            self._stop()
            process = self._process = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, "-P", "-m", self._module, json.dumps(order)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            self._tell(Job(word="running", asked=asked))
        name = self._module.rpartition(".")[2]
        threading.Thread(target=self._follow, args=(process, asked), name=name, daemon=True).start()
        return self.job

    def stop(self) -> None:
        """End what runs; there is no result of it."""
        with self._lock:
            if self._process is not None:
                self._stop()
                self._tell(Job())

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(_STOP)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _follow(self, process: subprocess.Popen[str], asked: Tree) -> None:
        assert process.stdout is not None
        assert process.stderr is not None
        errors: list[str] = []
        reader = threading.Thread(target=lambda: errors.extend(process.stderr or ()), daemon=True)
        reader.start()
        end = threading.Timer(self._most, process.kill)
        end.start()
        said: Tree | None = None
        for line in process.stdout:
            said = json.loads(line)
            self._say(process, Job(word="running", asked=asked, said=said))
        code = process.wait()
        end.cancel()
        reader.join()
        process.stdout.close()
        process.stderr.close()
        if code == 0 and said is not None:
            self._say(process, Job(word="done", asked=asked, said=said))
        else:
            why = next((each.strip() for each in reversed(errors) if each.strip()), f"code {code}")
            self._say(process, Job(word="failed", asked=asked, error=why[:300]))

    def _say(self, process: subprocess.Popen[str], job: Job) -> None:
        with self._lock:
            if process is self._process:  # else something else was asked meanwhile
                self._tell(job)

    def _tell(self, job: Job) -> None:
        self.job = job
        self._changed()


def main(work: Callable[[Tree, Callable[[Tree], None]], Tree]) -> None:
    """Be the process: do `work` on the order, print what it tells and what it returns."""

    def tell(line: Tree) -> None:
        print(json.dumps(line), flush=True)

    try:
        tell(work(json.loads(sys.argv[1]), tell))
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except ModuleNotFoundError as error:
        where = f"{error.name}: bibliothèque manquante / library is missing"
        print(f"{where}; pip install 'mssante-sandbox[compare]'", file=sys.stderr)
        sys.exit(2)
