"""What a draw of the headroom costs, and which designs carry least: draws of every uncertain input.

The headroom is no criterion of a decision (docs/decision.md says why): this measures both reasons,
its processor time beside that of a whole draw without it, and how often the design that shares its
connections carries less than another. One sample of the space a draw.
Usage: python benchmarks/bench_headroom.py [--scenario aout-2021] [--repeat 8]
"""

from __future__ import annotations

import math
import time

import numpy as np
from machine import arguments, keep

from sandbox.analysis import headroom
from sandbox.decision.evaluation import prepare
from sandbox.decision.factors import at, scenario_at
from sandbox.space.loader import load_scenario
from sandbox.workers.spread import HERE

SHARING = "single-endpoint"


def main() -> None:
    """Measure, print, keep."""
    options = arguments(__doc__ or "", scenario="aout-2021", design=SHARING, scale=1.0, repeat=8)
    headroom.SAMPLES = 1
    evaluation = prepare(load_scenario(options.scenario))
    points = np.random.default_rng(1).random((options.repeat, evaluation.columns))
    evaluation.simulated(evaluation.values(points[:1]))  # compiles
    begin = time.process_time()
    evaluation.simulated(evaluation.values(points))
    whole = (time.process_time() - begin) / options.repeat
    values, rows, spent = evaluation.values(points), [], []
    for draw in range(options.repeat):
        one = at(evaluation.factors, values, draw)
        weighed = evaluation.by_policy[one.pop("login_policy", "")]
        begin = time.process_time()
        found = headroom.headroom_of(
            scenario_at(evaluation.scenario, one), list(weighed.values()), workers=HERE
        )
        spent.append(time.process_time() - begin)
        rows.append({name: each.multiplier for name, each in found.items()})
        print(f"{draw:3} {spent[-1]:6.1f} s ", "  ".join(
            f"{name} {value:.2f}" for name, value in rows[-1].items()
        ))  # fmt: skip
    print(f"a draw: {np.mean(spent):.1f} s of processor, {whole:.3f} s without the headroom")
    for name in evaluation.names:
        gaps = [row[name] / row[options.design] for row in rows]
        print(
            f"{name}: carries more than {options.design} in {sum(g > 1 for g in gaps)} draws of "
            f"{len(gaps)}, as much in {sum(g == 1 for g in gaps)}; "
            f"{math.exp(np.mean(np.log(gaps))):.2f} of it"
        )
    keep(options.out, {
        "benchmark": "headroom", "scenario": options.scenario, "multipliers": rows,
        "seconds": spent, "without": whole,
    })  # fmt: skip


if __name__ == "__main__":
    main()
