"""How time and memory grow from 1x to 10x: of the whole space, and of its messages alone.

Each run is a process of its own, so that its peak of memory is its own; the sizes alternate.
Usage: python benchmarks/bench_growth.py [--scale 0.1] [--repeat 3]
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time

from machine import arguments, keep

CHILD = "--child"


def one(scenario: str, design: str, scale: float, messages: float) -> dict[str, float]:
    """Run one size and return its figures. Imports are here: the parent stays small."""
    from sandbox.simulation import fast
    from sandbox.simulation.build import build_model
    from sandbox.space.designs import BUILT_IN
    from sandbox.space.loader import load_scenario
    from sandbox.space.population import build_space

    base = load_scenario(scenario)
    traffic = base.traffic.model_copy(update={"messages": base.traffic.messages * messages})
    space = build_space(base.model_copy(update={"traffic": traffic}), scale=scale)
    imported = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()
    model = build_model(space, BUILT_IN[design])
    built = time.process_time()
    record = fast.run(model)
    done = time.process_time()
    return {
        "messages": float(model.inputs.send_counts.sum()),
        "accesses": len(model.inputs.access_class),
        "sessions": int(record.sessions.sum()),
        "build_seconds": built - begin,
        "run_seconds": done - built,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "before_bytes": imported * 1024,
    }


def child(scenario: str, design: str, scale: float, messages: float) -> dict[str, float]:
    """Run one size in a process of its own."""
    answer = subprocess.run(
        [sys.executable, __file__, CHILD, scenario, design, repr(scale), repr(messages)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    figures: dict[str, float] = json.loads(answer.stdout)
    return figures


def main() -> None:
    """Measure, print, keep."""
    options = arguments(
        __doc__ or "", scenario="aout-2021", design="single-endpoint", scale=0.1, repeat=3
    )
    sizes = {
        "1x": (options.scale, 1.0),
        "10x messages": (options.scale, 10.0),
        "10x space": (10 * options.scale, 1.0),
    }
    child(options.scenario, options.design, options.scale / 100, 1.0)  # compiles
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in sizes}
    for _ in range(options.repeat):
        for name, (scale, messages) in sizes.items():
            runs[name].append(child(options.scenario, options.design, scale, messages))
    print(f"{options.scenario} x {options.scale:g}, {options.design}")
    print(f"{'':13} {'messages':>10} {'sessions':>11} {'build s':>8} {'run s':>8} {'time':>6} "
          f"{'peak MB':>8}")  # fmt: skip
    first = statistics.median(run["run_seconds"] for run in runs["1x"])
    ratios = {}
    for name, measured in runs.items():
        seconds = statistics.median(run["run_seconds"] for run in measured)
        ratios[name] = seconds / first
        last = measured[-1]
        print(f"{name:13} {last['messages']:10,.0f} {last['sessions']:11,} "
              f"{last['build_seconds']:8.2f} {seconds:8.2f} {ratios[name]:6.2f} "
              f"{max(run['peak_bytes'] for run in measured) / 1e6:8.0f}")  # fmt: skip
    keep(options.out, {
        "benchmark": "growth", "scenario": options.scenario, "design": options.design,
        "scale": options.scale, "runs": runs, "time_ratio": ratios,
    })  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == [CHILD]:
        name, design, scale, messages = sys.argv[2:]
        print(json.dumps(one(name, design, float(scale), float(messages))))
    else:
        main()
