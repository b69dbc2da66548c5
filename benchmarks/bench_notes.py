"""What the notes cost that indicators are counted from: a submission and a chain, with and without.

A mail store notes what happens in the transaction that makes it true, so that a count is right also
after a kill. Two spaces of two operators, alike but that one's store notes nothing, are measured in
turn with the same load: submissions on kept connections, and the chain (submitted, relayed over
mutual TLS, fetched). A figure is the processor time of the servers for one message; the ratio of
each pair of rounds is taken, then the median, with the least and the most.

Run: python benchmarks/bench_notes.py --rounds 5
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import statistics
import sys
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.bench_operators import relayed, submissions
from benchmarks.mail_ours import our_space
from benchmarks.mail_peers import Side
from sandbox.live.blocks import TEMPORARY

# The store's module is what is measured: without it, both of its calls do nothing.
WITHOUT = """
from sandbox.operators.store import traffic
traffic.accepted = traffic.settled = lambda *_, **__: None
"""


async def cost(side: Side, seconds: float, messages: int) -> dict[str, float]:
    """Return milliseconds of processor for a message, by kind of work."""
    submitted = await submissions(side, seconds, kept=True)
    chained = await relayed(side, messages, None)
    return {"submission": submitted["cpu_ms"], "chain": chained["cpu_ms"]}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0, help="of submissions, a round")
    parser.add_argument("--messages", type=int, default=2000, help="of a chain, a round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rounds: list[tuple[dict[str, float], dict[str, float]]] = []
    with contextlib.ExitStack() as stack:
        first, second = random.sample(TEMPORARY, 2)
        noted, _ = stack.enter_context(our_space(block=first))
        bare, _ = stack.enter_context(our_space(prelude=WITHOUT, block=second))
        for number in range(options.rounds + 1):
            # Who goes first changes, and the first pair warms up.
            sides = (noted, bare) if number % 2 else (bare, noted)
            found = {
                side.pids: uvloop.run(cost(side, options.seconds, options.messages))
                for side in sides
            }
            if number:
                rounds.append((found[noted.pids], found[bare.pids]))
                print(json.dumps(rounds[-1]), file=sys.stderr, flush=True)
    for work in ("submission", "chain"):
        ratios = sorted(with_[work] / without[work] for with_, without in rounds)
        mean = statistics.median(with_[work] for with_, _ in rounds)
        print(
            f"{work}: {mean:.3f} ms a message with notes, "
            f"{statistics.median(ratios):.3f} times what it is without "
            f"({ratios[0]:.3f} to {ratios[-1]:.3f})"
        )


if __name__ == "__main__":
    main()
