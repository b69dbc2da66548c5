"""What the default comparison costs, by stage: processor time of this process and all it started.

It is `mss-sandbox compare` with its defaults, report included, in a folder of its own. Goal: a
third of the 1,125 s of processor that three national replications of each design took.
Usage: python benchmarks/bench_compare.py [--scenario aout-2021] [--scale 1]
"""

from __future__ import annotations

import os
import tempfile
import time

from machine import arguments, keep
from processes import cpu_seconds

from sandbox.analysis.result import compare

GOAL = 375.0  # s of processor
FIRST = "comparison"


def main() -> None:
    """Measure, print, keep."""
    options = arguments(__doc__ or "", scenario="aout-2021", scale=1.0)
    stages: dict[str, float] = {}
    stage, since = FIRST, cpu_seconds(os.getpid())
    begin = time.perf_counter()

    def tell(name: str, _share: float = 0.0) -> None:
        nonlocal stage, since
        if name != stage:
            now = cpu_seconds(os.getpid())
            stages[stage] = stages.get(stage, 0.0) + now - since
            stage, since = name, now

    with tempfile.TemporaryDirectory() as folder:
        found = compare(options.scenario, out=folder, scale=options.scale, progress=tell)
        tell("report")
        found.report(folder)
        tell("")
    wall, total = time.perf_counter() - begin, sum(stages.values())
    print(f"{options.scenario} x {options.scale:g}, {len(found.candidates)} designs")
    for name, seconds in stages.items():
        print(f"{name:12} {seconds:8.1f} s of processor")
    print(f"together     {total:8.1f} s of processor in {wall:.0f} s (goal {GOAL:.0f})")
    keep(options.out, {
        "benchmark": "compare", "scenario": options.scenario, "scale": options.scale,
        "stages": stages, "processor_seconds": total, "wall_seconds": wall, "goal": GOAL,
    })  # fmt: skip


if __name__ == "__main__":
    main()
