"""A live space in a process of its own, so that clients and servers do not share an event loop.

As a program (`python -m sandbox.twin.host`): a line of JSON says what to bring up, `{"ready": …}`
answers it; each further line names a folder, into which what the servers saw is written, or a
burden that their event loop then has in each turn, and is answered with the processor time spent,
that of operators in processes of their own included. The end of standard input ends the space.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from sandbox.live.cast import CastSize
from sandbox.live.sheet_file import read_sheet
from sandbox.observations.observations import Observations
from sandbox.space.errors import UserError
from sandbox.twin.cores import place
from sandbox.twin.processes import run_seconds
from sandbox.twin.turns import Burden

__all__ = ["Hosted", "Order", "hosted", "main"]

STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to bring up.

    Attributes:
        scenario: name or path.
        designs: names, side by side.
        login_policy: a name.
        operators: the largest ones.
        cast: who may log in.
        folder: where the space lives.
        seed: of its directory.
        share: seconds for which a one-time code that was used lets its client in again.
        known: seconds for which a certificate that was found good is not asked about again; None:
            as the scenario says.
        processes: that operators are shared out to; 0: all are in this one.
        at: scenario's time at the start, ISO 8601; None: as `up` takes it.
    """

    scenario: str
    designs: tuple[str, ...]
    login_policy: str
    operators: int
    cast: CastSize
    folder: str
    seed: int = 1
    share: float = 0.0
    known: float | None = None
    processes: int = 0
    at: str | None = None


@dataclass(frozen=True)
class Hosted:
    """A space that runs in another process.

    Attributes:
        sheet: its `space.json`.
        process: that it runs in.
    """

    sheet: dict[str, Any]
    process: subprocess.Popen[str]

    def processor(self) -> float:
        """Return the processor seconds that it has spent until now."""
        return float(self._asked("")["processor"])

    def observed(self, design: str, folder: Path) -> Observations:
        """Return what its servers saw of a design since its start."""
        self._asked(json.dumps({"seen": [design, str(folder)]}))
        return Observations.read(folder)

    def burden(self, seconds: float) -> None:
        """Have each turn of the operators' event loop take so much longer; 0: no longer."""
        self._asked(json.dumps({"burden": seconds}))

    def _asked(self, line: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            return _answer(self.process)
        except (OSError, EOFError):
            raise UserError(
                "l'espace s'est arrêté", "the space has stopped", where=self.sheet["folder"]
            ) from None

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None


def _answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise EOFError
    return cast("dict[str, Any]", json.loads(line))


@contextlib.contextmanager
def hosted(order: Order, cores: tuple[int, ...] = ()) -> Iterator[Hosted]:
    """Bring a space up for the length of a `with` block.

    Args:
        order: which.
        cores: processors that it works on; none: wherever the system has it.

    Raises:
        UserError: it cannot be brought up.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "sandbox.twin.host"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        start_new_session=True,  # Ctrl-C is for whoever drives, who then ends it
    )  # fmt: skip
    place(process.pid, cores)
    assert process.stdin is not None
    patience = 0.0  # a space that is still starting is cut
    try:
        try:
            process.stdin.write(json.dumps(asdict(order)) + "\n")
            process.stdin.flush()
            answer = _answer(process)
        except (OSError, EOFError):
            raise UserError(
                "l'espace ne démarre pas", "the space does not start", where=order.folder
            ) from None
        patience = STOP_SECONDS
        if "refused" in answer:
            french, english, where, then = answer["refused"]
            raise UserError(french, english, where=where, then=then)
        yield Hosted(read_sheet(Path(order.folder)), process)
    finally:
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _options(tree: dict[str, Any]) -> Any:
    from sandbox.live.blocks import free_block
    from sandbox.live.launch import LiveOptions

    at = tree["at"]
    return LiveOptions(
        scenario=tree["scenario"], designs=tuple(tree["designs"]),
        login_policy=tree["login_policy"], operators=tree["operators"],
        folder=Path(tree["folder"]), keys="p-256",
        # One that is started again has its block.
        block=None if Path(tree["folder"]).exists() else free_block(),
        cast=CastSize(**tree["cast"]), processes=tree["processes"],
        seed=tree["seed"], totp_share=tree["share"], revocation_cache=tree["known"],
        at=None if at is None else datetime.fromisoformat(at),
    )  # fmt: skip


def main() -> None:
    """Serve until standard input ends, or nobody reads what is said."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    order = json.loads(sys.stdin.readline() or "null")
    if order is None:
        return
    with contextlib.suppress(BrokenPipeError):
        try:
            _serve(order)
        except UserError as error:
            _say(refused=[error.french, error.english, error.where, error.then])
        except BrokenPipeError:
            raise
        except OSError as error:
            refused = ["refusé par le système", error.strerror or str(error)]
            _say(refused=[*refused, error.filename or "", ""])
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.close()


def _serve(order: dict[str, Any]) -> None:
    from sandbox.live.space import LiveSpace

    with LiveSpace(_options(order)) as space:
        gc.collect()
        gc.freeze()  # what a space is made of stays: no pause of the collector goes through it
        _say(ready=True)
        burden = Burden()
        for line in sys.stdin:
            asked = json.loads(line) if line.strip() else {}
            if "seen" in asked:
                design, folder = asked["seen"]
                space.observations(design).write(Path(folder))
            if "burden" in asked:
                space.run(burden.be(asked["burden"]))
            _say(processor=time.process_time() + sum(map(run_seconds, _crews(space.sheet))))


def _crews(sheet: dict[str, Any]) -> set[int]:
    """Return the processes that operators have of their own."""
    return {each["pid"] for each in sheet["operators"]} - {os.getpid()}


def _say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
