"""A little traffic, so that a room sees something move.

The same people do the same acts in turn under each design. Not the replay of the twin, which has
the scenario's own instants and people: here whoever has a card or a certificate logs in, or writes
to somebody, a few times a second, from a seed.
"""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sandbox.console.mail import log_in, send
from sandbox.space.errors import UserError
from sandbox.space.methods import METHODS, Method

__all__ = ["MOST_RATE", "TrafficMaker", "TrafficOrder"]

MOST_RATE = 20.0  # acts a second, each under every design
_MOST_SECONDS = 3_600.0
_AT_ONCE = 16
_LETTERS = 0.5  # share of acts that send a message; the others read


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficOrder:
    """What to do.

    Attributes:
        rate: acts a second.
        seconds: how long.
        seed: of who does what.

    Raises:
        UserError: a number out of bounds.
    """

    rate: float = 2.0
    seconds: float = 120.0
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.rate <= MOST_RATE:
            raise UserError("attendu", "expected", where="rate", then=f"> 0, {MOST_RATE:.0f}")
        if not 0 < self.seconds <= _MOST_SECONDS:
            raise UserError(
                "attendu", "expected", where="seconds", then=f"> 0, {_MOST_SECONDS:.0f}"
            )


class TrafficMaker:
    """Makes traffic in threads of its own; one at a time.

    Args:
        sheet: gives that of the space, as it is now.
    """

    def __init__(self, sheet: Any) -> None:
        self._sheet = sheet
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether there is any."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, order: TrafficOrder) -> None:
        """Begin, in place of what there is."""
        self.stop()
        self._over.clear()
        self._thread = threading.Thread(
            target=self._run, args=(order,), name="console-traffic", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End, once what is under way is over."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, order: TrafficOrder) -> None:
        sheet = self._sheet()
        people = [
            (account["address"], method)
            for account in sheet["accounts"]
            for method in account["holders"][0]["methods"]
            if METHODS[Method(method)].client_certificate and account["type"] != "ORG"
        ]
        addresses = [account["address"] for account in sheet["accounts"]]
        designs = list(sheet["operators"][0]["designs"])
        drawn = random.Random(order.seed)  # noqa: S311 - who does what is no secret
        under_way = threading.Semaphore(2 * _AT_ONCE)
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="console-traffic") as pool:
            for _ in range(int(order.rate * order.seconds)):
                if self._over.wait(1 / order.rate):
                    return
                address, method = drawn.choice(people)
                to = drawn.choice(addresses) if drawn.random() < _LETTERS else ""
                for design in designs:
                    if not under_way.acquire(timeout=30.0):
                        return  # nothing answers any more
                    act = {"address": address, "method": method, "design": design, "to": to}
                    pool.submit(_act, sheet, act).add_done_callback(lambda _: under_way.release())


def _act(sheet: dict[str, Any], act: dict[str, Any]) -> None:
    if act["to"]:
        send(sheet, {**act, "subject": "Essai / test", "text": act["design"]})
    else:
        log_in(sheet, act)
