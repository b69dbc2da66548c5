"""A little traffic, so that a room sees something move, and a probe of what faults cost.

The same people do the same acts in turn under each design. Not the replay of the twin, which has
the scenario's own instants and people: here whoever has a card, a certificate or an e-CPS logs in,
or writes to somebody, a few times a second, from a seed: health messages, as a hospital's are.
Telephones that ring for it answer.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.console import people
from sandbox.console.cost import Act, CostTally
from sandbox.console.mail import log_in, send_stocked
from sandbox.messages.stock import DocumentChoice
from sandbox.psc.provider import Provider
from sandbox.space.errors import UserError
from sandbox.space.methods import Method

__all__ = ["MOST_RATE", "Peopled", "TrafficMaker", "TrafficOrder"]

MOST_RATE = 20.0  # acts a second, each under every design
METHODS = (Method.CPS, Method.CERTIFICATE, Method.ECPS)  # a code is good once in a minute
_MOST_SECONDS = 3_600.0
_AT_ONCE = 16
_SENDERS = "hospital"  # whose documents they are
_LETTERS = 0.5  # share of acts that send a message; the others read
_LOOK = 0.2  # s between two looks at the telephones


class Peopled(Protocol):
    """What of a space makes traffic; see `LiveSpace`."""

    sheet: dict[str, Any]

    def providers(self) -> Mapping[str, Provider]:
        """Return Pro Santé Connect under "", each operator's own CIBA under its label."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One act of somebody under one design."""

    operator: str
    address: str
    identity: str
    method: Method
    design: str
    to: str
    document: DocumentChoice


class TrafficMaker:
    """Makes traffic in threads of its own; one at a time.

    Args:
        space: whose people act.
        approval: seconds for which an approval lets a mailbox in again.
    """

    def __init__(self, space: Peopled, approval: float) -> None:
        self._space, self._approval = space, approval
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._tallies: dict[Act, CostTally] = {}
        self._epoch = 0
        self._approved: dict[str, float] = {}  # mailbox -> when last, monotonic
        self._awaited: dict[str, int] = {}  # identity -> logins that wait for its telephone

    @property
    def running(self) -> bool:
        """Whether there is any."""
        return self._thread is not None and self._thread.is_alive()

    def tallies(self) -> dict[Act, CostTally]:
        """Return what was done, and done in vain, since `forget`."""
        with self._lock:
            return {act: CostTally(each.done, each.failed) for act, each in self._tallies.items()}

    def forget(self) -> None:
        """Count anew: acts under way count no more."""
        with self._lock:
            self._tallies, self._epoch = {}, self._epoch + 1

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
        sheet = self._space.sheet
        # Whose approval would still hold when the demonstration has Pro Santé Connect fall.
        spared = people.holding(sheet["accounts"], Method.ECPS)[-1:]
        people_by_method = [
            (account, Method(method))
            for account in sheet["accounts"]
            for method in account["holders"][0]["methods"]
            if method in METHODS
            and account["type"] != "ORG"
            and not (method == Method.ECPS and account["address"] in spared)
        ]
        addresses = [account["address"] for account in sheet["accounts"]]
        designs = list(sheet["operators"][0]["designs"])
        drawn = random.Random(order.seed)  # noqa: S311 - who does what is no secret
        under_way = threading.Semaphore(2 * _AT_ONCE)
        ended = threading.Event()
        answering = threading.Thread(
            target=self._answer, args=(ended,), name="console-phones", daemon=True
        )
        answering.start()
        with contextlib.ExitStack() as last:
            last.callback(ended.set)  # once all acts are over: telephones ring until then
            pool = last.enter_context(
                ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="console-traffic")
            )
            for _ in range(int(order.rate * order.seconds)):
                if self._over.wait(1 / order.rate):
                    break
                account, method = drawn.choice(people_by_method)
                to = drawn.choice(addresses) if drawn.random() < _LETTERS else ""
                document = DocumentChoice.drawn(_SENDERS, drawn.random(), drawn.random())
                for design in designs:
                    if not under_way.acquire(timeout=30.0):
                        return  # nothing answers any more
                    part = _Part(
                        operator=account["operator"], address=account["address"],
                        identity=account["holders"][0]["identity"], method=method, design=design,
                        to=to, document=document,
                    )  # fmt: skip
                    pool.submit(self._act, sheet, part).add_done_callback(
                        lambda _: under_way.release()
                    )

    def _act(self, sheet: dict[str, Any], part: _Part) -> None:
        with self._lock:
            epoch, rings = self._epoch, part.method is Method.ECPS
            last = self._approved.get(part.address, -self._approval)
            known = rings and time.monotonic() - last < self._approval
            self._awaited[part.identity] = self._awaited.get(part.identity, 0) + rings
        asked = {"address": part.address, "method": part.method, "design": part.design}
        try:
            if part.to:
                attempt = send_stocked(sheet, {**asked, "to": part.to}, part.document)
            else:
                attempt = log_in(sheet, asked)
        finally:
            with self._lock:
                self._awaited[part.identity] -= rings
        act = Act(
            operator=part.operator, design=part.design, protocol="smtp" if part.to else "imap",
            method=part.method, known=known,
        )  # fmt: skip
        with self._lock:
            if attempt.ok and rings and not known:
                self._approved[part.address] = time.monotonic()
            if epoch == self._epoch:
                tally = self._tallies.setdefault(act, CostTally())
                tally.done += 1
                tally.failed += not attempt.ok

    def _answer(self, ended: threading.Event) -> None:
        """Pick the right number on the telephones that ring for this traffic, to its end."""
        while not ended.wait(_LOOK):
            with self._lock:
                awaited = {identity for identity, count in self._awaited.items() if count}
            if not awaited:
                continue
            providers = self._space.providers()
            for ring in people.ringing(providers):
                if ring.provider == "" and ring.identity in awaited:
                    try:
                        people.decide(providers, "", ring.ticket, "approve", ring.number)
                    except UserError:
                        continue  # somebody else has answered, or it is too late
