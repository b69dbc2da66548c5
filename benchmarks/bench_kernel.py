"""The fast engine against a C kernel of the same model, in alternated runs on one core.

kernel.c is a line-by-line port of the compiled Python, built on the spot with the machine's own
compiler; it works on the same arrays and must give the same record to the last bit.
Usage: python benchmarks/bench_kernel.py [--scale 0.02] [--repeat 7]
"""

from __future__ import annotations

import statistics
import time

from kernel_c import FLAGS, build, c_kernel, compiler_version, differing_cells
from machine import arguments, keep, scenario_model

from sandbox.simulation import fast
from sandbox.simulation.model import Model, Record


def timed(model: Model) -> tuple[float, Record]:
    """Return processor seconds and the record."""
    begin = time.process_time()
    record = fast.run(model)
    return time.process_time() - begin, record


def main() -> None:
    """Measure, print, keep."""
    options = arguments(
        __doc__ or "", scenario="aout-2021", design="single-endpoint", scale=0.02, repeat=7
    )
    model = scenario_model(options.scenario, options.design, options.scale)
    library = build()
    _, record = timed(model)  # compiles, or loads what was compiled
    with c_kernel(library):
        _, other = timed(model)
    cells = differing_cells(record, other)
    sessions = int(record.sessions.sum())
    ours, theirs = [], []
    for _ in range(options.repeat):
        ours.append(timed(model)[0])
        with c_kernel(library):
            theirs.append(timed(model)[0])
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    ratio = statistics.median(ratios)
    print(f"{options.scenario} x {options.scale:g}, {options.design}: {sessions} sessions")
    for name, seconds in (("numba", ours), ("C", theirs)):
        rate = sessions / statistics.median(seconds)
        print(f"{name:6} {statistics.median(seconds):8.3f} s {rate:14,.0f} sessions/s")
    print(f"time of numba / time of C: {ratio:.3f} (pairs: {min(ratios):.3f} to {max(ratios):.3f})")
    print(f"cells of the record that differ: {cells}")
    keep(options.out, {
        "benchmark": "kernel", "scenario": options.scenario, "design": options.design,
        "scale": options.scale, "sessions": sessions, "numba_seconds": ours, "c_seconds": theirs,
        "ratio": ratio, "differing_cells": cells, "compiler": compiler_version(), "flags": FLAGS,
    })  # fmt: skip
    if cells:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
