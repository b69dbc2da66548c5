"""The console under load: how late the screen is, whether memory is bounded, what it costs mail.

    python benchmarks/bench_console.py watch --seconds 3600 --rate 200  # late, memory, first paint
    python benchmarks/bench_console.py cost --seconds 20                # logins a second, ratio

`watch` writes entries into an operator's journal at a rate, and follows one of them now and then to
a page in Chromium (`.ci/peers-console`); a line each minute says how late it is seen, and memory
and processor of the space's process, which writes the entries too, and of the browser. `cost` has
clients log in as fast as they can, by turns with no page open and with each of some.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from processes import cpu_seconds, descendants, memory_bytes

from sandbox.console.console import SpaceConsole
from sandbox.live.mailer import choose, open_imap
from sandbox.live.space import LiveOptions, LiveSpace

CHROMIUM = Path("/usr/bin/chromium")
FOLLOWED = 2.0  # s between two entries that are followed to the screen
CLIENTS = 4
TURNS = 5


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("watch", "cost"))
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument("--before", type=int, default=550_000, help="entries that fill the index")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    asked = parser.parse_args()
    from playwright import sync_api

    options = LiveOptions(designs=("single-endpoint",), operators=1, revocation_cache=60.0)
    with LiveSpace(options, console=SpaceConsole) as space, sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.goto(space.sheet["console"])
        told = _watch(space, page, asked) if asked.what == "watch" else _cost(space, page, asked)
        browser.close()
    print(json.dumps(told, indent=1))
    if asked.out is not None:
        asked.out.write_text(json.dumps(told, indent=1) + "\n")


def _base(space: LiveSpace) -> str:
    return str(space.sheet["console"]).partition("/?")[0]


# Watch -------------------------------------------------------------------------------------------


def _watch(space: LiveSpace, page: Any, asked: argparse.Namespace) -> dict[str, Any]:
    paint = _first_paint(space, page)
    over, written, marked = threading.Event(), [asked.before], {}
    journal = Path(space.sheet["operators"][0]["journal"])
    _fill(space, journal, asked.before)
    page.goto(f"{_base(space)}/why?lang=en&person=mark")
    inside = page.context.new_cdp_session(page)
    inside.send("Performance.enable")
    marks: list[str] = []

    def write() -> None:
        with journal.open("ab", buffering=0) as file:
            begin = time.monotonic() - asked.before / asked.rate
            while not over.is_set():
                number = written[0]
                name = marks.pop() if marks else f"person{number % 5000}"
                file.write(_entry(number, name))
                if name.startswith("mark"):
                    marked[name] = time.monotonic()
                written[0] += 1
                time.sleep(max(0.0, begin + written[0] / asked.rate - time.monotonic()))

    writer = threading.Thread(target=write)
    writer.start()
    late: list[float] = []
    minutes: list[dict[str, float]] = []
    begin, phase = time.monotonic(), random.Random(1)  # noqa: S311 - of no secret
    try:
        while time.monotonic() < begin + asked.seconds:
            spent, first, minute = _spent(), len(late), time.monotonic()
            before = written[0]
            while time.monotonic() < minute + 60.0:
                late.append(_followed(page, f"mark{len(late)}", marks, marked))
                page.wait_for_timeout(1000 * phase.uniform(0.5, 1.5) * FOLLOWED)
            seconds = time.monotonic() - minute
            here = [now - then for now, then in zip(_spent(), spent, strict=True)]
            minutes.append({
                "minute": len(minutes) + 1, "entries_per_second": (written[0] - before) / seconds,
                **_spread(late[first:]), "space_mb": _memory(os.getpid()),
                "browser_mb": _browser_memory(), "heap_mb": _heap(inside),
                "space_cores": here[0] / seconds, "browser_cores": here[1] / seconds,
                "load": os.getloadavg()[0],
            })  # fmt: skip
            minutes[-1] = {name: round(value, 3) for name, value in minutes[-1].items()}
            print(json.dumps(minutes[-1]), flush=True)
    finally:
        over.set()
        writer.join()
    return {
        "seconds": asked.seconds, "entries_before": asked.before,
        "entries": written[0] - asked.before, "first_paint_ms": paint,
        "event_to_screen_s": {"count": len(late), **_spread(late)}, "minutes": minutes,
    }  # fmt: skip


def _followed(page: Any, name: str, marks: list[str], marked: dict[str, float]) -> float:
    """Have an entry of a name written; return how late the page shows it, s."""
    page.evaluate(
        "name => { window.seen = new Promise(done => { const eye = new MutationObserver(() => {"
        " if (document.getElementById('list').textContent.includes(name)) { eye.disconnect();"
        " requestAnimationFrame(done); } });"
        " eye.observe(document.body, {childList: true, subtree: true}); }); }", name,
    )  # fmt: skip
    marks.append(name)
    page.evaluate("window.seen")
    return time.monotonic() - marked.pop(name)


def _spread(late: list[float]) -> dict[str, float]:
    ordered = sorted(late)
    return {
        "p50": round(statistics.median(ordered), 3),
        "p99": round(ordered[int(0.99 * len(ordered))], 3), "max": round(ordered[-1], 3),
    }  # fmt: skip


def _spent() -> tuple[float, float]:
    """Return processor seconds until now of the space, which is here, and of the browser."""
    here = time.process_time()
    return here, cpu_seconds(*(descendants(os.getpid()) - {os.getpid()}))


def _browser_memory() -> float:
    """Return the memory of the browser's processes and its driver, shared pages once, MB."""
    return memory_bytes(*(descendants(os.getpid()) - {os.getpid()})) / 1e6


def _heap(inside: Any) -> float:
    """Return what the page's scripts hold after a collection of garbage, MB."""
    inside.send("HeapProfiler.collectGarbage")
    found = {
        each["name"]: each["value"] for each in inside.send("Performance.getMetrics")["metrics"]
    }
    return float(found["JSHeapUsedSize"]) / 1e6


def _fill(space: LiveSpace, journal: Path, count: int) -> None:
    """Write entries until the console's index is as large as it may be, and is up to date."""
    with journal.open("ab") as file:
        for number in range(count):
            file.write(_entry(number, f"person{number % 5000}"))
    page = f"{space.sheet['console_api']}/metrics"
    while True:
        lines = httpx.get(page, trust_env=False).text.splitlines()
        known = next(each for each in lines if each.startswith("mssante_console_entries_total"))
        if float(known.split()[1]) >= count:
            return
        time.sleep(1.0)


def _entry(number: int, name: str) -> bytes:
    """Return what an operator notes of a login; four in five are of a connection seen before."""
    session = name if name.startswith("mark") else f"{number // 5:08x}"
    entry = {
        "seq": 10_000_000 + number, "at": time.time(), "event": "login", "operator": "op001",
        "design": "single-endpoint", "endpoint": "imap", "protocol": "imap", "client": "127.0.0.1",
        "client_port": 1024 + number // 5 % 60_000, "session": session,
        "tls": "TLSv1.3", "method": "cps", "mailbox": f"{name}@op001.mssante.test",
        "identity": "899700000000", "name": name,
    }  # fmt: skip
    return json.dumps(entry).encode() + b"\n"


def _first_paint(space: LiveSpace, page: Any) -> dict[str, float]:
    """Return when the first contents of pages are painted, ms, worst of three each."""
    found = {}
    for path in ("/", "/designs", "/why", "/faults", "/mail"):
        times = []
        for _ in range(3):
            page.goto(f"{_base(space)}{path}")
            times.append(page.evaluate(
                "new Promise(done => { const look = () => { const all = performance"
                ".getEntriesByName('first-contentful-paint'); all.length ? done(all[0].startTime)"
                " : requestAnimationFrame(look); }; look(); })"
            ))  # fmt: skip
        found[path] = round(max(times))
    return found


def _memory(pid: int) -> float:
    """Return the resident memory of a process, MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


# Cost --------------------------------------------------------------------------------------------


def _cost(space: LiveSpace, page: Any, asked: argparse.Namespace) -> dict[str, Any]:
    """Compare what pages cost, in turns whose order is drawn: the machine is never the same."""
    states = {
        "none": ("about:blank", "no-preference"), "map": ("/?lang=en", "no-preference"),
        "map, reduced motion": ("/?lang=en", "reduce"), "why": ("/why?lang=en", "no-preference"),
    }  # fmt: skip
    _rate(space, 5.0)  # warm
    found: dict[str, list[dict[str, float]]] = {name: [] for name in states}
    drawn = random.Random(1)  # noqa: S311 - of no secret
    for _ in range(TURNS):
        for name in drawn.sample(list(states), len(states)):
            address, motion = states[name]
            page.emulate_media(reduced_motion=motion)
            page.goto(address if address.startswith("about:") else f"{_base(space)}{address}")
            page.wait_for_timeout(1000)
            before = _spent()
            rate = _turn(space, asked.seconds, page)
            here, browser = (now - then for now, then in zip(_spent(), before, strict=True))
            found[name].append({
                "logins_per_second": round(rate, 1),
                "space_ms_per_login": round(1000 * here / (rate * asked.seconds), 2),
                "browser_cores": round(browser / asked.seconds, 3),
            })  # fmt: skip
    ratios = {
        name: [
            turn["logins_per_second"] / closed["logins_per_second"]
            for turn, closed in zip(turns, found["none"], strict=True)
        ]
        for name, turns in found.items() if name != "none"
    }  # fmt: skip
    return {
        "turns": found,
        "ratio_to_none": {
            name: {"median": round(statistics.median(each), 3), "all": [round(r, 3) for r in each]}
            for name, each in ratios.items()
        },
    }


def _turn(space: LiveSpace, seconds: float, page: Any) -> float:
    found: list[float] = []
    thread = threading.Thread(target=lambda: found.append(_rate(space, seconds)))
    thread.start()
    while thread.is_alive():
        page.wait_for_timeout(200)  # the driver's own events go on
    return found[0]


def _rate(space: LiveSpace, seconds: float) -> float:
    """Return how many logins by certificate a second some clients get."""
    accounts = [
        each["address"] for each in space.sheet["accounts"]
        if "cps" in each["holders"][0]["methods"] and each["type"] == "PER"
    ]  # fmt: skip
    end = time.monotonic() + seconds
    counts = [0] * CLIENTS

    def work(number: int) -> None:
        way = choose(space.sheet, accounts[number % len(accounts)], "imap", method="cps")
        while time.monotonic() < end:
            open_imap(way, lambda _: None).logout()
            counts[number] += 1

    _all(work)
    return sum(counts) / seconds


def _all(work: Callable[[int], None]) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(CLIENTS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


if __name__ == "__main__":
    main()
