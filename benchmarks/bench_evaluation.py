"""What one evaluation of all candidates costs, by part, processor time of one core.

An evaluation is one draw of every uncertain input: the criteria in closed form, then the engine's
on the stratified sample. The goal is 50 ms a draw beyond the engine's events.
Usage: python benchmarks/bench_evaluation.py [--scenario aout-2021] [--repeat 5]
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from machine import arguments, keep

from sandbox.decision import traffic
from sandbox.decision.evaluation import prepare
from sandbox.space.loader import load_scenario

GOAL = 0.050  # s
DRAWS = 512  # of the closed forms, together


def main() -> None:
    """Measure, print, keep."""
    options = arguments(
        __doc__ or "", scenario="aout-2021", design="single-endpoint", scale=1.0, repeat=5
    )
    evaluation = prepare(load_scenario(options.scenario))
    points = np.random.default_rng(1).random((max(DRAWS, options.repeat), evaluation.columns))
    spent: dict[str, float] = {}

    def timed(name: str, job: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            begin = time.process_time()
            found = job(*args, **kwargs)
            spent[name] = spent.get(name, 0.0) + time.process_time() - begin
            return found

        return run

    evaluation.simulated(evaluation.values(points[:1]))  # compiles
    begin = time.process_time()
    evaluation.closed(evaluation.values(points[:DRAWS]))
    closed = (time.process_time() - begin) / DRAWS
    traffic.build_model = timed("models", traffic.build_model)
    traffic.fast = type("Timed", (), {"run": staticmethod(timed("events", traffic.fast.run))})
    begin = time.process_time()
    evaluation.simulated(evaluation.values(points[: options.repeat]))
    engine = (time.process_time() - begin) / options.repeat
    parts = {name: seconds / options.repeat for name, seconds in spent.items()}
    beyond = closed + engine - parts["events"]
    print(
        f"{options.scenario}: {len(evaluation.names)} candidates, {len(evaluation.factors)} factors"
    )
    print(f"closed forms {1000 * closed:8.2f} ms a draw ({DRAWS} together)")
    for name, seconds in parts.items():
        print(f"{name:12} {1000 * seconds:8.2f} ms a draw")
    rest = engine - sum(parts.values())
    print(f"rest         {1000 * rest:8.2f} ms a draw (sample, metrics)")
    print(f"beyond events {1000 * beyond:7.2f} ms a draw (goal {1000 * GOAL:.0f})")
    keep(options.out, {
        "benchmark": "evaluation", "scenario": options.scenario, "closed": closed,
        "engine": engine, "parts": parts, "beyond_events": beyond, "goal": GOAL,
    })  # fmt: skip


if __name__ == "__main__":
    main()
