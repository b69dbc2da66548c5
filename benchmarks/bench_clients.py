"""Our clients beside the load driver of the operators' benchmark: what a session costs its client.

Both start sessions at the same instants, so many a second, whatever became of those before, on the
same space: TCP, full handshake (TLS 1.3), login by TOTP, INBOX opened and looked at, goodbye. The
driver says as little as a client may and keeps nothing; our clients check certificates and names,
keep what a person's software would, and write an outcome of every session. Measured in turn,
`--rounds` times: processor of the client a session, median latency from the intended start to the
login, how late starts were.

Run: python benchmarks/bench_clients.py
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.machine import arguments, keep
from benchmarks.mail_load import Imap, Operator
from benchmarks.mail_ours import our_space
from sandbox.clients.plan import Intent, LoadPlan, Round, Rules
from sandbox.space.methods import Method
from sandbox.twin.drive import drive
from sandbox.twin.observed import machine_seconds
from sandbox.twin.stepped import client_accounts

DAY = 86_400.0
Figures = dict[str, float]


def ours(sheet: dict[str, Any], per_second: float, seconds: float) -> Figures:
    """Run our clients, in a process of their own as in a replay."""
    accounts = client_accounts(sheet, sheet["operators"][0]["name"], Method.TOTP)
    count = round(per_second * seconds)
    intents = tuple(
        Intent(
            number=number, at=number / per_second, account=accounts[number % len(accounts)].number,
            kind="poll", until=0.0, rounds=(Round(),),
        )
        for number in range(count)
    )  # fmt: skip
    plan = LoadPlan(
        run="bench", seconds=seconds, accounts=tuple(accounts), intents=intents,
        rules=Rules(session=DAY, pin=DAY, step=30, ticket=0.0, interval=5.0, expiry=120.0),
        authorities=sheet["ca"]["bundle"], psc={}, control=sheet["psc"]["control_secret"],
    )  # fmt: skip
    driven = drive(plan)
    assert all(each.login is not None for each in driven.outcomes)
    assert len(driven.outcomes) == count
    waits = [machine_seconds(each) for each in driven.outcomes]
    return _figures(driven.processor, waits, driven.late)


def driver(operator: Operator, per_second: float, seconds: float) -> Figures:
    """Run the load driver, in this process, which does nothing else."""
    waits: list[float] = []
    late: list[float] = []

    async def session(at: float, number: int) -> None:
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        late.append(time.monotonic() - at)
        imap = await Imap.login(operator, operator.accounts[number % len(operator.accounts)])
        waits.append(time.monotonic() - at)
        for command in ("SELECT INBOX", "UID SEARCH UNSEEN", "NOOP"):
            await imap.command(command)
        await imap.logout()

    async def all_of_them() -> None:
        begin = time.monotonic() + 0.5
        async with asyncio.TaskGroup() as group:
            for number in range(round(per_second * seconds)):
                group.create_task(session(begin + number / per_second, number))

    before = time.process_time()
    uvloop.run(all_of_them())
    return _figures(time.process_time() - before, waits, late)


def _figures(processor: float, waits: list[float], late: list[float]) -> Figures:
    return {
        "client_ms": 1000 * processor / len(waits),
        "login_p50_ms": 1000 * statistics.median(waits),
        "late_p99_ms": 1000 * float(np.quantile(late, 0.99)),
    }


def main() -> None:
    """Measure, print, and write JSON."""
    options = arguments(__doc__ or "", rate=50.0, seconds=6.0, rounds=3)
    found: dict[str, list[Figures]] = {"our clients": [], "load driver": []}
    with our_space() as (side, sheet):
        for _ in range(options.rounds):
            found["our clients"].append(ours(sheet, options.rate, options.seconds))
            found["load driver"].append(driver(side.sender, options.rate, options.seconds))
    figures = {
        name: {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
        for name, rounds in found.items()
    }
    for name, values in figures.items():
        print(f"{name:12}", "  ".join(f"{key} {value:.2f}" for key, value in values.items()))
    mine, theirs = (figures[name]["client_ms"] for name in ("our clients", "load driver"))
    print(f"a session of our clients costs {mine / theirs:.2f} times the driver's")
    keep(options.out, {"figures": figures, "ratio": mine / theirs})


if __name__ == "__main__":
    main()
