"""The national peak on real sockets: its minute's deliveries, as many sessions as it bears.

A minute of the busiest hour of `aout-2021` is replayed in real time on a live space of this machine
under each design, with a share of the country's mailboxes that grows until servers or clients are
the limit; whatever the share, all of the country's messages of that minute are sent. Latency is
the machine's part of a login by code or certificate, counted from the instant when the session had
to start, infinite where it never came about. Processor seconds are those of the minute and of the
ten seconds in which what is open ends, a second of the minute.

Run on an idle machine; a minute and a half for each line: python benchmarks/bench_peak.py
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.machine import describe
from sandbox.space.errors import UserError
from sandbox.space.loader import find_scenario, load_scenario
from sandbox.space.methods import Method
from sandbox.twin.observed import machine_seconds
from sandbox.twin.options import wanted_of
from sandbox.twin.replay import Replayed, replay_one, schedules

SCENARIO = "aout-2021"
PATIENT = 1.0  # s: beyond it, at the 95th percentile, people wait for the machine
FULL = 0.9  # of the machine's processors
ALONE = (Method.TOTP, Method.CERTIFICATE)  # no telephone, no card: all of it is the machine


def at_share(folder: Path, share: float) -> Path:
    """Return a scenario whose share of the mailboxes sends all of the country's messages."""
    messages = load_scenario(SCENARIO).traffic.messages / share
    path = folder / f"peak-{round(1000 * share)}.toml"
    text = find_scenario(SCENARIO).read_text(encoding="utf-8")
    path.write_text(f"{text}\n[traffic]\nmessages = {messages:.0f}\n", encoding="utf-8")
    return path


def limit_of(replayed: Replayed, p95: float, busy: float, cores: int) -> str:
    """Return what was the limit; empty: nothing was.

    Args:
        replayed: what came of it.
        p95: of logins, s; infinite where more than one in twenty never came about.
        busy: processors that servers and clients filled.
        cores: of the machine.
    """
    if not replayed.whole:
        return "; ".join(replayed.troubles) or "stopped"
    if replayed.generator_was_the_limit:
        return "clients"
    if p95 > PATIENT:
        return "latency"
    return "processors" if busy > FULL * cores else ""


def main() -> None:
    """Measure and print a table, a line for each design and share."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--designs", default="single-endpoint,multi-endpoint,multi-port")
    parser.add_argument("--shares", default="0.1,0.2,0.3,0.4,0.6,0.8,1")
    parser.add_argument("--begin", default="lundi 10:30", help="within the busiest hour")
    parser.add_argument("--length", default="1m")
    parser.add_argument("--operators", type=int, default=3)
    parser.add_argument("--crews", type=int, default=2, help="processes of operators")
    options = parser.parse_args()
    machine = describe()
    print("  ".join(f"{name}: {value}" for name, value in machine.items()))
    print("| design | share | sessions/s | messages/s | lost | p50 ms | p95 ms | servers s/s"
          " | clients s/s | late p99 ms | failures | limit |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as path:
        for design in options.designs.split(","):
            for share in map(float, options.shares.split(",")):
                file = at_share(Path(path), share)
                wanted = wanted_of(
                    load_scenario(file), str(file), (design,), None, options.begin, options.length,
                    share, options.operators, 1, options.crews, 1,
                )  # fmt: skip
                _, made = schedules(wanted)
                schedule = next(iter(made.values()))()
                replayed = replay_one(wanted, schedule, patience=10.0)
                driven, lasts = replayed.driven, wanted.window.lasts
                alone = [e for e in driven.outcomes if schedule.method(e.account) in ALONE]
                waits = [np.inf if e.login is None else machine_seconds(e) for e in alone]
                p50, p95 = np.quantile(waits or [np.inf], (0.5, 0.95), method="higher")
                servers, clients = (each / lasts for each in (replayed.processor, driven.processor))
                limit = limit_of(replayed, p95, servers + clients, machine["cores"])
                failures = Counter(
                    cause.name.lower() for each in driven.outcomes for cause in each.failures
                )
                lost = replayed.checked.lost if replayed.checked else "?"
                print(
                    f"| {design} | {share:.0%} | {driven.started / lasts:.1f}"
                    f" | {len(driven.accepted) / lasts:.1f} | {lost}"
                    f" | {1000 * p50:.0f} | {1000 * p95:.0f}"
                    f" | {servers:.2f} | {clients:.2f} | {1000 * driven.lateness_p99:.0f}"
                    f" | {dict(failures.most_common(3)) or '-'} | {limit or '-'} |",
                    flush=True,
                )  # fmt: skip
                if limit:
                    break


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        raise SystemExit(f"{error.english}: {error.where} {error.then}") from None
