"""The fast engine against SimPy on the scenario's own model, in one run, on one core.

Both replay the same model and must give the same record to the last bit; the ratio is that of
sessions per second of processor time. Usage: python benchmarks/bench_engine.py [--scale 0.0004]
"""

from __future__ import annotations

import time

from kernel_c import differing_cells
from machine import arguments, keep, scenario_model

from sandbox.simulation import fast, reference


def main() -> None:
    """Measure, print, keep."""
    options = arguments(
        __doc__ or "", scenario="aout-2021", design="single-endpoint", scale=0.0004, repeat=5
    )
    model = scenario_model(options.scenario, options.design, options.scale)
    record = fast.run(model)  # compiles, or loads what was compiled
    sessions = int(record.sessions.sum())
    # The fast engine runs before and after SimPy, so that a machine that slows down shows.
    rates: dict[str, list[float]] = {"fast": [], "simpy": []}

    def fast_runs() -> None:
        for _ in range(options.repeat):
            begin = time.process_time()
            fast.run(model)
            rates["fast"].append(sessions / (time.process_time() - begin))

    fast_runs()
    begin = time.process_time()
    other = reference.run(model)
    rates["simpy"].append(sessions / (time.process_time() - begin))
    fast_runs()
    best = sorted(rates["fast"])[len(rates["fast"]) // 2]
    ratio = best / rates["simpy"][0]
    cells = differing_cells(record, other)
    print(f"{options.scenario} x {options.scale:g}, {options.design}: {sessions} sessions")
    print(f"fast   {best:12,.0f} sessions/s (median of {len(rates['fast'])})")
    print(f"simpy  {rates['simpy'][0]:12,.0f} sessions/s")
    print(f"ratio  {ratio:12.0f}    cells of the record that differ: {cells}")
    keep(options.out, {
        "benchmark": "engine", "scenario": options.scenario, "design": options.design,
        "scale": options.scale, "sessions": sessions, "sessions_per_second": rates,
        "ratio": ratio, "differing_cells": cells,
    })  # fmt: skip
    if cells:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
