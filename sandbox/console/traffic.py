"""A little traffic, so that a room sees something move, and a probe of what faults cost.

The same people do the same acts in turn under each design, by every method that there is. Not the
replay of the twin, which has the scenario's own instants and people: here whoever can log in does,
or writes to somebody, a few times a second, from a seed: health messages, as a hospital's are.
Telephones that ring for it, and SMS that arrive for it, are answered. A one-time code is good once
(RFC 6238 5.2): an act by code is done by another person under each design, drawn anew each time,
and each rests until there is a new code.
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

__all__ = ["MOST_RATE", "Peopled", "TrafficCast", "TrafficMaker", "TrafficOrder", "TrafficPart"]

Tree = dict[str, Any]
MOST_RATE = 20.0  # acts a second, each under every design
_RINGS = (Method.ECPS, Method.SMS)  # methods for which a person is asked
_REST = 2.0  # time steps of a code between two acts of its holder: a new one, however late the act
_MOST_SECONDS = 3_600.0
_AT_ONCE = 16
_WAITING = 40  # acts that wait for somebody's answer; more people than that do not try
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
            raise UserError.expected("rate", f"> 0, {MOST_RATE:.0f}")
        if not 0 < self.seconds <= _MOST_SECONDS:
            raise UserError.expected("seconds", f"> 0, {_MOST_SECONDS:.0f}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficPart:
    """One act of somebody under one design."""

    operator: str
    address: str
    identity: str
    method: Method
    design: str
    to: str
    document: DocumentChoice


class TrafficCast:
    """Draws who acts next, under which design; from a seed, whatever the clock says.

    Args:
        sheet: of the space.
        seed: of the draws.
    """

    def __init__(self, sheet: Tree, seed: int) -> None:
        accounts = sheet["accounts"]
        # Whose approval would still hold when the demonstration has Pro Santé Connect fall, and
        # whose code it shows.
        spared = {
            Method.ECPS: people.holding(accounts, Method.ECPS)[-1:],
            Method.TOTP: people.holding(accounts, Method.TOTP)[:1],
        }
        able = [
            (account, Method(method))
            for account in accounts
            for method in account["holders"][0]["methods"]
            if account["type"] != "ORG" and account["address"] not in spared.get(method, ())
        ]
        self._coded = [each for each in able if each[1] is Method.TOTP]
        self._others = [each for each in able if each[1] is not Method.TOTP]
        self._addresses = [account["address"] for account in accounts]
        self._designs = list(sheet["operators"][0]["designs"])
        self._drawn = random.Random(seed)  # noqa: S311 - who does what is no secret
        self._rested: dict[str, float] = {}  # mailbox -> when there is a new code

    def next(self, at: float) -> list[TrafficPart]:
        """Return an act, under every design, `at` seconds from the beginning."""
        drawn = self._drawn
        rested = [each for each in self._coded if self._rested.get(each[0]["address"], 0.0) <= at]
        by_code = rested if len(rested) >= len(self._designs) else []
        if not self._others and not by_code:
            return []
        account, method = drawn.choice(self._others + by_code)
        actors = [(account, method)] * len(self._designs)
        if method is Method.TOTP:
            actors = drawn.sample(by_code, len(self._designs))
            for each, _ in actors:
                period = float(each["holders"][0]["methods"][Method.TOTP.value]["period"])
                self._rested[each["address"]] = at + _REST * period
        to = drawn.choice(self._addresses) if drawn.random() < _LETTERS else ""
        document = DocumentChoice.drawn(_SENDERS, drawn.random(), drawn.random())
        return [
            TrafficPart(
                operator=actor["operator"], address=actor["address"],
                identity=actor["holders"][0]["identity"], method=method, design=design, to=to,
                document=document,
            )
            for (actor, _), design in zip(actors, self._designs, strict=True)
        ]  # fmt: skip


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
        self._approved: dict[tuple[str, Method], float] = {}  # mailbox -> when last, monotonic
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
        cast = TrafficCast(sheet, order.seed)
        under_way = threading.Semaphore(2 * _AT_ONCE)
        ended = threading.Event()
        answering = threading.Thread(
            target=self._answer, args=(ended,), name="console-phones", daemon=True
        )
        answering.start()
        with contextlib.ExitStack() as last:
            last.callback(ended.set)  # once all acts are over: telephones ring until then
            pool, patient = (
                last.enter_context(ThreadPoolExecutor(most, thread_name_prefix="console-traffic"))
                for most in (_AT_ONCE, _WAITING)
            )
            for number in range(int(order.rate * order.seconds)):
                if self._over.wait(1 / order.rate):
                    break
                parts = cast.next(number / order.rate)
                if parts and parts[0].method in _RINGS:
                    if self._waiting() + len(parts) <= _WAITING:
                        for part in parts:
                            self._await(part, 1)
                            patient.submit(self._act, sheet, part)
                    continue
                for part in parts:
                    if not under_way.acquire(timeout=30.0):
                        return  # nothing answers any more
                    pool.submit(self._act, sheet, part).add_done_callback(
                        lambda _: under_way.release()
                    )

    def _waiting(self) -> int:
        with self._lock:
            return sum(self._awaited.values())

    def _await(self, part: TrafficPart, more: int) -> None:
        with self._lock:
            self._awaited[part.identity] = self._awaited.get(part.identity, 0) + more

    def _act(self, sheet: Tree, part: TrafficPart) -> None:
        with self._lock:
            epoch, rings = self._epoch, part.method in _RINGS
            last = self._approved.get((part.address, part.method), -self._approval)
            known = rings and time.monotonic() - last < self._approval
        asked = {"address": part.address, "method": part.method, "design": part.design}
        try:
            if part.to:
                attempt = send_stocked(sheet, {**asked, "to": part.to}, part.document)
            else:
                attempt = log_in(sheet, asked)
        finally:
            if rings:
                self._await(part, -1)
        act = Act(
            operator=part.operator, design=part.design, protocol="smtp" if part.to else "imap",
            method=part.method, known=known,
        )  # fmt: skip
        with self._lock:
            if attempt.ok and rings and not known:
                self._approved[part.address, part.method] = time.monotonic()
            if epoch == self._epoch:
                tally = self._tallies.setdefault(act, CostTally())
                tally.done += 1
                tally.failed += not attempt.ok

    def _answer(self, ended: threading.Event) -> None:
        """Pick the right number, or follow the link, wherever this traffic asks; to its end."""
        while not ended.wait(_LOOK):
            with self._lock:
                awaited = {identity for identity, count in self._awaited.items() if count}
            if not awaited:
                continue
            providers = self._space.providers()
            arrived = {each.ticket for each in people.inbox(providers, {}) if each.open}
            for ring in people.ringing(providers):
                # Who stops the traffic does not wait for the network of telephones.
                asked = not ring.provider or ring.ticket in arrived or self._over.is_set()
                if asked and ring.identity in awaited:
                    with contextlib.suppress(UserError):  # somebody was quicker, or it is too late
                        people.decide(providers, ring.provider, ring.ticket, "approve", ring.number)
