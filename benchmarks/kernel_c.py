"""Builds the C kernel on the spot and lets the fast engine run on it, arrays and all."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np

from sandbox.observations import histogram
from sandbox.observations.schema import Cause, Phase
from sandbox.simulation import kernel, model
from sandbox.simulation import state as state_of
from sandbox.simulation.program import Column
from sandbox.simulation.steps import ROUNDS, Op, Purpose

if TYPE_CHECKING:
    from collections.abc import Iterator

FLAGS = ("-O3", "-march=native", "-ffp-contract=off", "-shared", "-fPIC", "-std=c11")
# The C kernel is the anchor: the layout of sessions is the one that it was written with.
ROW = (
    "PC", "ACCESS", "KEY", "START", "UNTIL", "LIMIT", "HANDLER", "READY", "ASKED", "EVENT", "NEXT",
    "PREV", "ROUND", "PEER", "KIND", "POOL", "SINCE", "LOGIN", "CAUSE", "DUE", "LINK", "PHASE0",
)  # fmt: skip
ROW_FIELDS = len(ROW) - 1 + len(Phase)
COUNTERS = {
    "N_NEAR": "N_NEAR", "N_FAR": "N_FAR", "N_SCHEDULED": "SCHEDULED", "N_VACANT": "VACANT",
    "N_TRACED": "TRACED", "N_NOW": "NOW", "N_FIRST_BUCKET": "FIRST_BUCKET",
}  # fmt: skip


class Sizes(ctypes.Structure):
    """The lengths that the C code needs; see kernel.c."""

    _fields_ = [
        (name, ctypes.c_int64)
        for name in ("polls", "sends", "recipients", "hours", "outages", "registers", "groups",
                     "minutes", "causes", "day_kinds", "heap", "trace", "limits", "moments")
    ]  # fmt: skip


def constants() -> dict[str, int]:
    """Return every number that Python and C must share, from the Python side."""
    numbers = {f"OP_{op.name}": int(op) for op in Op}
    numbers |= {f"C_{column.name}": int(column) for column in Column}
    numbers |= {f"F_{name}": number for number, name in enumerate(ROW)}
    numbers |= {name: getattr(state_of, attribute) for name, attribute in COUNTERS.items()}
    numbers |= {f"PHASE_{phase.name}": int(phase) for phase in Phase}
    numbers |= {f"KIND_{kind.name}": int(kind) for kind in model.SessionKind}
    numbers |= {f"P_{purpose.name}": int(purpose) for purpose in Purpose if purpose >= Purpose.OPEN}
    numbers |= {f"POLL_{column.name}": int(column) for column in model.PollStream}
    numbers |= {f"SEND_{column.name}": int(column) for column in model.SendStream}
    numbers |= {f"E_{stat.name}": int(stat) for stat in model.EndpointStat}
    numbers |= {f"POOL_{stat.name}": int(stat) for stat in model.PoolStat}
    numbers |= {f"STATION_{stat.name}": int(stat) for stat in model.StationStat}
    return numbers | {
        "COLUMNS": len(Column), "FIELDS": ROW_FIELDS, "PHASES": len(Phase),
        "KINDS": len(model.SessionKind), "POLL_COLUMNS": len(model.PollStream),
        "SEND_COLUMNS": len(model.SendStream), "ENDPOINT_COLUMNS": len(model.EndpointStat),
        "POOL_COLUMNS": len(model.PoolStat), "STATION_COLUMNS": len(model.StationStat),
        "PEOPLE": model.PEOPLE, "ROUNDS": ROUNDS, "SLOT_BITS": state_of.SLOT_BITS,
        "PACE_BITS": model.PACE_BITS,
        "BUCKET_BITS": state_of.BUCKET_BITS, "BUCKETS": state_of.BUCKETS, "WORDS": state_of.WORDS,
        "SUB_BITS": histogram.SUB_BITS, "UNIT_BITS": histogram.UNIT_BITS, "BINS": histogram.BINS,
    }  # fmt: skip


def build(compiler: str | None = None) -> ctypes.CDLL:
    """Compile kernel.c with the machine's C compiler and load it."""
    cc = compiler or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if cc is None:
        raise SystemExit("bench: no C compiler (apt-get install gcc)")
    library = Path(tempfile.mkdtemp(prefix="mss-kernel-")) / "kernel.so"
    defines = [f"-D{name}={value}" for name, value in constants().items()]
    source = Path(__file__).with_name("kernel.c")
    subprocess.run([cc, *FLAGS, *defines, str(source), "-o", str(library), "-lm"], check=True)
    loaded = ctypes.CDLL(str(library))
    loaded.run_until.restype = ctypes.c_int64
    shutil.rmtree(library.parent)
    return loaded


def compiler_version() -> str:
    """Return the first line of `cc --version`."""
    answer = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=True)
    return answer.stdout.splitlines()[0]


@contextmanager
def c_kernel(library: ctypes.CDLL) -> Iterator[None]:
    """Within this context `fast.run` calls the C kernel instead of the compiled Python."""

    def run_until(
        inputs: model.Inputs, state: state_of.State, record: model.Record, instant: int, spare: int
    ) -> int:
        arrays = [*inputs, *state.cursors, *state[1:-2], *record]
        assert all(array.flags.c_contiguous for array in arrays)
        assert not len(inputs.listed)  # the C code knows streams only
        pointers = (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
        sizes = Sizes(
            polls=len(inputs.polls), sends=len(inputs.sends), recipients=len(inputs.recipients),
            hours=inputs.send_counts.shape[1], outages=len(inputs.outages),
            registers=state.registers.shape[1], groups=len(record.sessions),
            minutes=record.role_minutes.shape[1], causes=len(Cause),
            day_kinds=inputs.schedule.shape[1], heap=len(state.heap), trace=len(state.trace),
            limits=inputs.access_limits.shape[1], moments=inputs.server_time.shape[1],
        )  # fmt: skip
        answer: int = library.run_until(
            pointers, ctypes.byref(sizes), ctypes.c_int64(int(instant)), ctypes.c_int64(spare)
        )
        return answer

    row = {"FIELDS": ROW_FIELDS, "EVENT": ROW.index("EVENT")}  # what the caller of the kernel reads
    with mock.patch.object(kernel, "run_until", run_until), mock.patch.multiple(state_of, **row):
        yield


def differing_cells(left: model.Record, right: model.Record) -> int:
    """Count the cells of two records that differ."""
    return sum(int(np.count_nonzero(a != b)) for a, b in zip(left, right, strict=True))
