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
for all; it shares the machine's cores with what it loads. Processor times are of the server's whole
process tree. GreenMail keeps mail in memory and cannot relay.

Run as root: python benchmarks/bench_operators.py (peers: .ci/peers-operators).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.machine import keep
from benchmarks.mail_load import Account, Imap, Operator, Smtp, chain, idle, message, rate
from benchmarks.mail_ours import METHODS, by_method, our_space
from benchmarks.mail_peers import Side, greenmail, postfix_dovecot
from benchmarks.processes import cpu_seconds, memory_bytes

PARALLEL = 8
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
    before = cpu_seconds(*pids)
    a_second, count = await rate(act, PARALLEL, seconds)
    return {"per_second": a_second, "cpu_ms": 1000 * (cpu_seconds(*pids) - before) / count}


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
    before = cpu_seconds(*side.pids)
    run = await chain(
        side.sender, side.receiver, messages=messages, parallel=PARALLEL, per_second=per_second
    )
    latencies = sorted(run.latencies)
    return {
        "per_second": messages / run.seconds,
        "p50_ms": 1000 * latencies[len(latencies) // 2],
        "p95_ms": 1000 * latencies[len(latencies) * 95 // 100],
        "cpu_ms": 1000 * (cpu_seconds(*side.pids) - before) / messages,
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
    found = {
        "logins": await logins(side.sender, side.pids, options.seconds),
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
    """Return the median of every figure."""
    return {
        work: {
            name: round(statistics.median(each[work][name] for each in rounds), 3)
            for name in rounds[0][work]
        }
        for work in rounds[0]
    }


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
        sides = [ours]
        for peer in () if options.without_peers else (postfix_dovecot, greenmail):
            try:
                sides.append(stack.enter_context(peer(PARALLEL)))
            except RuntimeError as missing:
                print(f"without {peer.__name__}: {missing}")
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
            if count:
                figures[side.name]["idle IMAP sessions"] = uvloop.run(idling(side, count))
    for name in figures:
        print(f"{name}:")
        for work, values in figures[name].items():
            print(f"  {work:32}", "  ".join(f"{key} {value:.4g}" for key, value in values.items()))
    ratios = {
        name: {
            work: round(figures["ours"][work]["per_second"] / values["per_second"], 2)
            for work, values in figures[name].items()
            if "per_second" in values
        }
        for name in figures
        if name != "ours"
    }
    for name, values in ratios.items():
        print(f"ours / {name}:", "  ".join(f"{work} {value}" for work, value in values.items()))
    keep(options.out, {"figures": figures, "ours_divided_by": ratios})


if __name__ == "__main__":
    main()
