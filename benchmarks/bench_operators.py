"""Our operators beside Postfix + Dovecot (and GreenMail): same work, same durability, one run.

- logins: TCP, TLS (full handshake), login, LOGOUT, by IMAP; ours by each method too (eCPS: approved
  once, then within the time that operators share an approval; SMS would measure the waiting alone);
- submissions of 10 kB: a connection each, and on kept connections;
- the chain: submitted to operator A, relayed over mutual TLS to operator B, fetched there by IMAP:
  messages a second as fast as it goes, and the time from MAIL to FETCH at 25 a second, which is the
  national peak of August 2021;
- memory of IMAP sessions that idle on INBOX.
Before each measure a side works off what it still has queued. Sides are measured in turn,
`--rounds` times; a figure is the median round. The load driver is one process on uvloop, the same
for all; it shares the machine's cores with what it loads. A login costs it more than it costs the
servers (it verifies their chain), so a rate says how much of a core the driver took, and is the
driver's where that is all of one. Processor time of the servers (their whole process trees, by
name of process where there are several) is what sides are compared by; the rate stands beside.

What dominates a login: `TLS and event loop alone` is the same door and TLS as ours with nothing
behind; what ours takes beyond it is the operator. Dovecot is set up for speed, and logs in once
more as it is shipped, a process a login. GreenMail keeps mail in memory and cannot relay.

Run as root: python benchmarks/bench_operators.py (peers: .ci/peers-operators).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.machine import keep
from benchmarks.mail_bare import bare
from benchmarks.mail_load import Account, Imap, Operator, Smtp, chain, idle, message, rate
from benchmarks.mail_ours import METHODS, by_method, our_space
from benchmarks.mail_peers import Side, greenmail, postfix_dovecot
from benchmarks.processes import cpu_by_name, cpu_seconds, memory_bytes

PARALLEL = 8
DRIVER = 0.85  # of a core: from there on the driver is what limits a rate
_BY = "of it "  # before the name of a process
NATIONAL_PEAK = 25.0
Figures = dict[str, float]


async def logins(operator: Operator, pids: tuple[int, ...], seconds: float) -> Figures:
    """Log in and out by IMAP, a connection each; the first login of an account is not counted.

    By eCPS it waits for the telephone and for the poll after it.
    """

    async def warm(account: Account) -> None:
        await (await Imap.login(operator, account)).logout()

    await asyncio.gather(*map(warm, operator.accounts))

    async def act(worker: int) -> None:
        accounts = operator.accounts
        session = await Imap.login(operator, accounts[worker % len(accounts)])
        await session.logout()

    return await _measured(act, pids, seconds)


async def quiet(pids: tuple[int, ...]) -> None:
    """Wait until a side has nothing left to do: what it queued must not weigh on what follows."""
    idle_for = 0.0
    while idle_for < 1.0:
        before = cpu_seconds(*pids)
        await asyncio.sleep(0.25)
        idle_for = idle_for + 0.25 if cpu_seconds(*pids) - before < 0.02 else 0.0


async def _measured(
    act: Callable[[int], Awaitable[None]], pids: tuple[int, ...], seconds: float
) -> Figures:
    await quiet(pids)
    costs = Costs(pids)
    a_second, count = await rate(act, PARALLEL, seconds)
    return costs.each(count, a_second)


class Costs:
    """Processor time from now on: of servers, by name of process, and of the driver."""

    def __init__(self, pids: tuple[int, ...]) -> None:
        self._pids = pids
        self._before, self._driver = cpu_by_name(*pids), time.process_time()

    def each(self, count: int, per_second: float) -> Figures:
        """Return milliseconds an operation, and how much of a core the driver took."""
        driver = time.process_time() - self._driver
        after = cpu_by_name(*self._pids)
        # Who ends meanwhile is counted as his parent from then on: only the sum is of this work.
        whole = after.total() - self._before.total()
        spent = after - self._before
        return {
            "per_second": per_second,
            "cpu_ms": 1000 * whole / count,
            "driver_ms": 1000 * driver / count,
            "driver_core": driver * per_second / count,
            **{f"{_BY}{name}": 1000 * seconds / count for name, seconds in spent.most_common(5)},
        }


async def submissions(side: Side, seconds: float, *, kept: bool) -> Figures:
    """Submit to one's own mailbox, on kept connections or on a connection each."""
    operator = side.sender
    accounts = operator.accounts
    sessions = [
        await Smtp.login(operator, accounts[worker % len(accounts)])
        for worker in range(PARALLEL if kept else 0)
    ]

    async def act(worker: int) -> None:
        account = accounts[worker % len(accounts)]
        own = account.address
        session = sessions[worker] if kept else await Smtp.login(operator, account)
        await session.send(own, own, message(own, own, 0))
        if not kept:
            await session.quit()

    figures = await _measured(act, side.pids, seconds)
    for session in sessions:
        await session.quit()
    return figures


async def relayed(side: Side, messages: int, per_second: float | None) -> Figures:
    """Submit at A, fetch at B."""
    await quiet(side.pids)
    costs = Costs(side.pids)
    run = await chain(
        side.sender, side.receiver, messages=messages, parallel=PARALLEL, per_second=per_second
    )
    latencies = sorted(run.latencies)
    return {
        "p50_ms": 1000 * latencies[len(latencies) // 2],
        "p95_ms": 1000 * latencies[len(latencies) * 95 // 100],
        **costs.each(messages, messages / run.seconds),
    }


async def idling(side: Side, count: int) -> Figures:
    """Open idle IMAP sessions and look at the memory that they took."""
    await quiet(side.pids)
    before = memory_bytes(*side.pids)
    sessions = await idle(side.receiver, count)
    after = memory_bytes(*side.pids)
    for session in sessions:
        session.close()
    return {"sessions": count, "kilobytes_each": (after - before) / count / 1024}


async def one_round(side: Side, options: argparse.Namespace) -> dict[str, Figures]:
    """Measure everything of a side that lasts seconds."""
    found = {"logins": await logins(side.sender, side.pids, options.seconds)}
    if side.name in options.logins_only:
        return found
    found |= {
        "submissions, a connection each": await submissions(side, options.seconds, kept=False),
        "submissions, kept connections": await submissions(side, options.seconds, kept=True),
    }
    if side.relays:
        found["chain, as fast as it goes"] = await relayed(side, options.messages, None)
        found["chain, 25 a second"] = await relayed(
            side, int(NATIONAL_PEAK * options.seconds), NATIONAL_PEAK
        )
    return found


def median(rounds: list[dict[str, Figures]]) -> dict[str, Figures]:
    """Return the median of every figure; a process that a round had none of took nothing."""
    return {
        work: {
            name: round(statistics.median(each[work].get(name, 0.0) for each in rounds), 3)
            for name in dict.fromkeys(name for each in rounds for name in each[work])
        }
        for work in rounds[0]
    }


def tell(work: str, values: Figures) -> str:
    """Return a line of the report."""
    if "cpu_ms" not in values:
        return f"  {work:32} " + "  ".join(f"{key} {value:.4g}" for key, value in values.items())
    line = f"  {work:32} {values['cpu_ms']:7.3f} ms of servers"
    parts = {name: value for name, value in values.items() if name.startswith(_BY)}
    if len(parts) > 1:
        line += f" ({', '.join(f'{n.removeprefix(_BY)} {v:.2f}' for n, v in parts.items())})"
    line += f"; {values['per_second']:.0f}/s"
    if values["driver_core"] >= DRIVER:
        line += " (the driver's limit)"
    line += f"; driver {values['driver_ms']:.2f} ms, {values['driver_core']:.0%} of a core"
    if "p50_ms" in values:
        line += f"; p50 {values['p50_ms']:.0f} ms, p95 {values['p95_ms']:.0f} ms"
    return line


def compared(figures: dict[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """Return ours against each other side: processor time (theirs ÷ ours), rate (ours ÷ theirs)."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, works in figures.items():
        for work, theirs in works.items():
            mine = figures["ours"].get(work)
            if name != "ours" and mine is not None and "cpu_ms" in theirs:
                found.setdefault(name, {})[work] = {
                    "processor": round(theirs["cpu_ms"] / mine["cpu_ms"], 2),
                    "rate": round(mine["per_second"] / theirs["per_second"], 2),
                }
    return found


def main() -> None:
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measure")
    parser.add_argument("--messages", type=int, default=1500, help="of a chain run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idle", type=int, default=5000, help="idle IMAP sessions; 0: none")
    parser.add_argument("--peer-idle", type=int, default=500, help="the same of the peers")
    parser.add_argument("--processes", type=int, default=0, help="of ours, as `up` has it")
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        ours, sheet = stack.enter_context(our_space(options.processes))
        sides = [ours, stack.enter_context(bare())]
        shipped = partial(postfix_dovecot, serving="as shipped")
        options.logins_only = {sides[1].name}
        for what, peer in () if options.without_peers else (
            ("Postfix and Dovecot", postfix_dovecot), ("Dovecot as shipped", shipped),
            ("GreenMail", greenmail),
        ):  # fmt: skip
            try:
                # As many mailboxes as ours: each is looked into while a chain runs.
                sides.append(stack.enter_context(peer(len(ours.sender.accounts))))
            except RuntimeError as missing:
                print(f"without {what}: {missing}")
                continue
            if peer is shipped:
                options.logins_only.add(sides[-1].name)
        rounds: dict[str, list[dict[str, Figures]]] = {side.name: [] for side in sides}
        for _ in range(options.rounds):
            for side in sides:
                rounds[side.name].append(uvloop.run(one_round(side, options)))
                print(side.name, json.dumps(rounds[side.name][-1]), file=sys.stderr, flush=True)
        figures: dict[str, Any] = {name: median(found) for name, found in rounds.items()}
        first = sheet["operators"][0]["name"]
        for method in METHODS:
            figures["ours"][f"logins by {method}"] = uvloop.run(
                logins(by_method(sheet, first, method), ours.pids, options.seconds)
            )
        for side in sides:
            count = options.idle if side is ours else options.peer_idle
            if count and side.name not in options.logins_only:
                figures[side.name]["idle IMAP sessions"] = uvloop.run(idling(side, count))
    for name in figures:
        print(f"{name}:")
        for work, values in figures[name].items():
            print(tell(work, values))
    ratios = compared(figures)
    for name, works in ratios.items():
        print(f"{name} against ours, times the processor time (rate of ours, times theirs):")
        for work, ratio in works.items():
            print(f"  {work:32} {ratio['processor']:5.2f}  ({ratio['rate']:.2f})")
    below = figures[sides[1].name]["logins"]["cpu_ms"]
    print(f"of a login of ours, {below / figures['ours']['logins']['cpu_ms']:.0%} is TLS and loop")
    keep(options.out, {"figures": figures, "against_ours": ratios})


if __name__ == "__main__":
    main()
