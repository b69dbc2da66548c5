"""Measures each step of a login and of mail on a live space that does nothing else.

A few clients, one step at a time: what a step takes without queueing. A block has a handful of
sessions that do the first step one after the other, then all the second, and so on; between two
steps the servers come to rest, and say what processor time they have spent. What they spend at
rest is subtracted. Wall and client times are the client's own. Then twice as many do each step
at once: there caches are warm, and one turn of the event loop, one commit, are for several. Then
whole sessions, one after the other, in which no step has a pause before it, and many at once, each
at another step. Then sessions whose servers, or whose client, have a burden in each turn
(`turns`). Processor times are noted in units of the machine's pace meanwhile (`pace`).
"""

from __future__ import annotations

import asyncio
import itertools
import math
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from sandbox.clients.holder import AccessMemory
from sandbox.clients.plan import (
    LoadPlan,
    Round,
    Rules,
)
from sandbox.clients.telephone import Telephones
from sandbox.live.cast import CastSize
from sandbox.messages.stock import SIZES, DocumentChoice, stock_document
from sandbox.space.errors import UserError
from sandbox.space.methods import Method
from sandbox.twin.aside import aside
from sandbox.twin.calibration import (
    STEPS,
    Calibration,
    Crowd,
    Taken,
    in_sessions,
    machine_of,
    mixed_of,
)
from sandbox.twin.cores import cores_of, place, shared_out
from sandbox.twin.foreign import Joined, joined
from sandbox.twin.host import Hosted, Order, hosted
from sandbox.twin.pace import Pace, PaceWatch, pace_watch
from sandbox.twin.stepped import (
    DESIGN,
    FAILURES,
    KIND,
    SETTLE,
    Act,
    Stepped,
    client_accounts,
    conducted,
    cut_all,
    log_in,
    resume,
    sessions_of,
    visits_of,
)
from sandbox.twin.turns import Burden, turns_of

__all__ = ["BLOCKS", "calibrate"]

BLOCKS = 6
EACH = 5  # sessions of a block
WARM = 1  # blocks that do not count: the first of anything is slower
GAP = 0.01  # s between two sessions
CROWD = 2  # times as many sessions, all at once: what a step takes in a queue
REST_SECONDS = 2.0  # over which the servers at rest are watched
HELD = 10  # logins that are held at once
HELD_BLOCKS = 3
HELD_GAP = 0.02  # s between two of them, in which one is held
MIXTURES = 3  # times as many blocks: what is spared is a difference of large numbers
TURNED = 2  # times as many sessions as blocks, with each burden of the servers, of the client
# s: longer than most services, shorter than what Python lets a thread wait for its interpreter.
LIGHT, HEAVY = 0.002, 0.004
_SHARE = 86_400.0
_GOLDEN = (math.sqrt(5) - 1) / 2
_KNOWN = 3_600.0  # s: a card that was seen is one that was seen, to the end


def calibrate(
    scenario: str = "demo", *, blocks: int = BLOCKS, each: int = EACH,
    space: Sequence[Path] = (), show: Callable[[str], None] = lambda _: None,
) -> Calibration:  # fmt: skip
    """Measure this machine, or operators that run on it.

    Args:
        scenario: whose policies hold.
        blocks: of each step.
        each: sessions of a block.
        space: files of operators that are not ours, one or two; what they do not offer (OPTIONAL)
            is not measured. Their servers are processes: as many work at once as there are cores.
        show: told of each kind of session.

    Raises:
        UserError: a step cannot be done.
    """
    if space:
        names = [str(number) for number in range(len(space))]
        cores = shared_out(cores_of())  # where foreign servers work is not ours to say
        with joined(space, names, DESIGN) as theirs, pace_watch(cores) as pace:
            bench = _Bench(theirs, blocks, each, show, pace)
            aside(bench.foreign)
            return bench.calibration(cores_of())
    # A code, a card and a telephone are new once for each person.
    crowds = (blocks + WARM) * (1 + CROWD) * each
    people = max(crowds + TURNED * blocks * len(_BURDENS), 2 * HELD * HELD_BLOCKS) + 2
    cores = shared_out(1)
    with tempfile.TemporaryDirectory(prefix="mssante-calibrate-") as folder:
        order = Order(
            scenario=scenario, designs=(DESIGN,), login_policy="external", operators=2,
            cast=CastSize(people=people), folder=f"{folder}/space", share=_SHARE,
            known=_KNOWN,
        )  # fmt: skip
        with hosted(order, cores.servers) as host, pace_watch(cores) as pace:
            bench = _Bench(host, blocks, each, show, pace)
            aside(bench.all)
            return bench.calibration(1)


@dataclass(frozen=True, slots=True)
class _Block:
    """Whether it counts, or warms up; whether its sessions do each act at once, or in turn."""

    counts: bool
    crowd: bool


@dataclass(frozen=True, slots=True)
class _Burdened:
    """Whose event loop has a burden in each turn, s."""

    client: bool
    burden: float


_BURDENS = [_Burdened(*each) for each in itertools.product((False, True), (LIGHT, HEAVY))]


async def _pause() -> float:
    """Wait between two sessions; return what that took of the processor, s."""
    begin = time.process_time()
    await asyncio.sleep(GAP)
    return time.process_time() - begin


class _Bench:
    """Every step, on one space."""

    def __init__(
        self, host: Hosted | Joined, blocks: int, each: int, show: Callable[[str], None],
        pace: PaceWatch,
    ) -> None:  # fmt: skip
        self._host, self._blocks, self._each, self._show = host, blocks, each, show
        self._pace = pace
        self.taken: defaultdict[str, Taken] = defaultdict(Taken)
        self.crowded: defaultdict[str, Taken] = defaultdict(Taken)  # many sessions at once
        self._walls: defaultdict[tuple[str, _Burdened], list[float]] = defaultdict(list)
        self._mixture: list[Crowd] = []  # sessions at different steps at once
        self._in_turn: list[Crowd] = []  # whole sessions, one after the other
        self._rest = 0.0  # processor of the servers at rest, s/s
        sheet = host.sheet
        self._rules = Rules(
            session=_SHARE, pin=_SHARE, step=30, ticket=7_200.0, interval=5.0, expiry=120.0
        )
        self._plan = LoadPlan(
            run="calibrate", seconds=0.0, accounts=(), intents=(), rules=self._rules,
            authorities=sheet["ca"]["bundle"], psc={}, control=sheet["psc"]["control_secret"],
        )  # fmt: skip

    async def all(self) -> None:
        """Measure everything.

        Raises:
            UserError: a step cannot be done.
        """
        place(0, self._pace.cores.clients)  # this thread's event loop is the client
        first, second = (each["name"] for each in self._host.sheet["operators"])
        totp, cards = self._holders(first, Method.TOTP), self._holders(first, Method.CPS)
        far = self._holders(second, Method.TOTP)[0].account.address
        await self._warm_up(totp[-1])
        telephones = self._holders(first, Method.ECPS)
        seen = (self._blocks + WARM) * (1 + CROWD) * self._each
        await self._measure({
            "TLS, TOTP, IMAP": lambda: self._totp(totp),
            "certificat / certificate": lambda: self._certificate(cards),
            "messages": lambda: self._mail(totp, far),
            "sessions": lambda: self._sessions(totp[:seen], cards[:seen], far, crowd=False),
            "mélange / mixture": lambda: self._sessions(totp[:seen], cards[:seen], far, crowd=True),
            "tours / turns": lambda: self._turns(totp[seen:-1], cards[seen:], far),
            "eCPS, CIBA": lambda: self._held(telephones),
        })  # fmt: skip

    async def foreign(self) -> None:
        """Measure what operators that are not ours offer to a password.

        Raises:
            UserError: a step cannot be done.
        """
        first, *others = (each["name"] for each in self._host.sheet["operators"])
        people = self._holders(first, Method.TOTP)
        if not people:
            raise UserError(
                "aucun compte par mot de passe ou TOTP", "no account by password or TOTP",
                where=self._host.sheet["folder"],
            )  # fmt: skip
        far = self._holders(others[0], Method.TOTP)[0].account.address if others else ""
        await self._measure({
            "mot de passe / password": lambda: self._totp(people),
            "messages": lambda: self._mail(people, far),
            "sessions": lambda: self._sessions(people, [], far, crowd=False),
            "mélange / mixture": lambda: self._sessions(people, [], far, crowd=True),
        })  # fmt: skip

    def calibration(self, servers: int) -> Calibration:
        """Return what was measured, at the mean pace of the machine meanwhile."""
        paces = self._pace.paces()
        pace = fmean((paces.servers.mean(), paces.clients.mean()))
        unit = 1.0 if math.isnan(pace) else pace
        machine = machine_of() | ({} if math.isnan(pace) else {"pace_seconds": pace})
        steps = {
            name: self.taken[name].measured(unit, self.crowded[name])
            for name in STEPS
            if name in self.taken
        }
        in_turn, mixture = (
            [Crowd(each.done, unit * each.servers, unit * each.client) for each in crowds]
            for crowds in (self._in_turn, self._mixture)
        )
        steps = {
            name: replace(
                step,
                turns=self._turns_of(name, client=False),
                turns_client=self._turns_of(name, client=True),
            )
            for name, step in in_sessions(steps, in_turn).items()
        }
        return Calibration(machine, servers, steps, mixed_of(mixture, steps))

    async def _measure(self, kinds: Mapping[str, Callable[[], Awaitable[None]]]) -> None:
        try:
            await self._each_kind(kinds)
        finally:
            await cut_all()

    async def _each_kind(self, kinds: Mapping[str, Callable[[], Awaitable[None]]]) -> None:
        await self._watch_rest()
        for what, work in kinds.items():
            self._show(what)
            try:
                await work()
            except FAILURES as error:
                raise UserError(
                    "étape impossible", "a step cannot be done",
                    where=f"calibrate: {what}", then=f"({str(error) or type(error).__name__})",
                ) from None  # fmt: skip

    # Kinds of sessions -------------------------------------------------------------------------

    async def _totp(self, people: Sequence[AccessMemory]) -> None:
        for block, holders in self._blocks_of(people):
            await self._do(block, [Stepped(each) for each in holders], {
                "tls_full": Stepped.shake, "login_totp": Stepped.login,
                "look": Stepped.look, "goodbye": Stepped.leave,
            })  # fmt: skip
            await self._do(block, [Stepped(each) for each in holders], {
                "tls_resumed": resume, "login_totp_again": Stepped.login, "": Stepped.leave,
            })  # fmt: skip

    async def _certificate(self, people: Sequence[AccessMemory]) -> None:
        for block, holders in self._blocks_of(people):
            for login in ("login_certificate", "login_certificate_again"):
                await self._do(block, [Stepped(each) for each in holders], {
                    "tls_mutual": Stepped.shake, login: Stepped.login, "": Stepped.leave,
                })  # fmt: skip

    async def _mail(self, people: Sequence[AccessMemory], far: str) -> None:
        for size in range(SIZES):
            stock_document(DocumentChoice(KIND, size))
        for block, holders in self._blocks_of(people):
            # Each to another of them: one new message in each mailbox.
            to = [each.account.address for each in [*holders[1:], holders[0]]]
            near = [Stepped(*each) for each in zip(holders, itertools.repeat("smtp"), to)]
            await self._do(block, near, {
                "": log_in, "submit": Stepped.send, " ": Stepped.leave,
            })  # fmt: skip
            await self._do(block, [Stepped(each) for each in holders], {
                "": log_in, "fetch": Stepped.look, " ": Stepped.leave,
            })  # fmt: skip
            if not far:
                continue
            away = [Stepped(each, "smtp", far) for each in holders]
            await self._do(block, away, {
                "": log_in, "relay": Stepped.send, " ": Stepped.leave,
            })  # fmt: skip

    async def _held(self, people: Sequence[AccessMemory]) -> None:
        """Logins that wait for telephones, many at once: their polls are what takes time."""
        ringing = iter(people)
        policies = self._host.sheet["operators"][0]["policies"][DESIGN]
        interval = float(policies["ciba_interval"])
        async with Telephones(self._plan) as telephones:
            for crowd in (False, True) * HELD_BLOCKS:
                holders = list(itertools.islice(ringing, HELD))
                for each in holders:  # answers between the first poll and the second
                    await telephones.will(each, Round(answer=1.5 * interval))
                sessions = [Stepped(each) for each in holders]
                for session in sessions:
                    await session.shake()
                await asyncio.sleep(SETTLE)
                # One after the other, or all at once: so do their polls come.
                gap = 0.0 if crowd else HELD_GAP
                begin, start = await self._spent(), time.monotonic()

                async def login(at: float, session: Stepped, start: float = start) -> None:
                    await asyncio.sleep(start + at - time.monotonic())
                    await session.login()

                logins = [
                    asyncio.create_task(login(number * gap, each))
                    for number, each in enumerate(sessions)
                ]
                taken = self.crowded if crowd else self.taken
                for number, name in enumerate(("ciba_request", "ciba_poll", "ciba_answer")):
                    until = start + (number + 0.95) * interval
                    await asyncio.sleep(until - time.monotonic())
                    spent = await self._spent()
                    unit, _ = self._units(until - 0.95 * interval)
                    taken[name].processor.append((spent - begin) / unit / len(sessions))
                    taken[name].client.append(0.0)
                    begin = spent
                await asyncio.gather(*logins)
                for session in sessions:
                    await session.leave()

    async def _sessions(
        self, people: Sequence[AccessMemory], cards: Sequence[AccessMemory | None], far: str, *,
        crowd: bool,
    ) -> None:  # fmt: skip
        """Sessions of all kinds: at once, each at another step, or one after the other."""
        among = zip(itertools.cycle(people), itertools.cycle(cards or [None]), strict=False)
        for number in range(-WARM, MIXTURES * self._blocks):
            done: Counter[str] = Counter()
            visits = []
            count = CROWD * self._each if crowd else 1
            for turn, (person, card) in enumerate(itertools.islice(among, count)):
                each = visits_of(person, card, far)
                visits.append([*each[turn % len(each) :], *each[: turn % len(each)]])
            await asyncio.sleep(SETTLE)
            start, begin, own = time.monotonic(), await self._spent(), time.process_time()
            away = 0.0
            if crowd:
                await asyncio.gather(*(conducted(each, done) for each in visits))
            else:
                for visit in itertools.chain(*visits):
                    await conducted([visit], done)
                    away += await _pause()
            client = time.process_time() - own - away
            await asyncio.sleep(SETTLE)
            spent = await self._spent()
            if number >= 0 and not math.isnan(spent):
                unit, own_unit = self._units(start)
                (self._mixture if crowd else self._in_turn).append(
                    Crowd(done, (spent - begin) / unit, client / own_unit)
                )

    async def _turns(
        self, people: Sequence[AccessMemory], cards: Sequence[AccessMemory], far: str
    ) -> None:
        """Sessions with a burden in each turn of the operators' loop, or of the client's."""
        assert isinstance(self._host, Hosted)
        own, begun = Burden(), itertools.count()
        try:
            for each, person, card in zip(itertools.cycle(_BURDENS), people, cards, strict=False):
                self._host.burden(0.0 if each.client else each.burden)
                await own.be(each.burden if each.client else 0.0)
                for session, acts in sessions_of(person, card, far):
                    for name, act in acts.items():
                        # So that each begins at another moment of a burden.
                        await asyncio.sleep(GAP + each.burden * (next(begun) * _GOLDEN % 1))
                        start = time.perf_counter()
                        await act(session)
                        self._walls[name, each].append(time.perf_counter() - start)
        finally:
            self._host.burden(0.0)
            await own.be(0.0)

    def _turns_of(self, step: str, *, client: bool) -> float:
        light, heavy = (self._walls[step, _Burdened(client, each)] for each in (LIGHT, HEAVY))
        return turns_of(light, heavy, HEAVY - LIGHT, client=client) if heavy else 0.0

    # Measuring ---------------------------------------------------------------------------------

    def _blocks_of(
        self, people: Sequence[AccessMemory]
    ) -> Iterator[tuple[_Block, list[AccessMemory]]]:
        """Yield each block with its people, whom no other block has while there are enough."""
        among = itertools.cycle(people)
        for number in range(-WARM, self._blocks):
            for crowd in (False, True):
                count = CROWD * self._each if crowd else self._each
                block = _Block(counts=number >= 0, crowd=crowd)
                yield block, list(itertools.islice(among, count))

    async def _do(self, block: _Block, sessions: Sequence[Stepped], acts: dict[str, Act]) -> None:
        """Have all sessions do each act in turn; those without a name are not measured."""
        for name, act in acts.items():
            times: list[float] = []
            await asyncio.sleep(SETTLE if name.strip() else 0.0)
            since, begin = time.monotonic(), await self._spent()
            own, away = time.process_time(), 0.0

            async def timed(session: Stepped, act: Act = act, times: list[float] = times) -> None:
                start = time.perf_counter()
                await act(session)
                times.append(time.perf_counter() - start)

            if block.crowd:
                await asyncio.gather(*map(timed, sessions))
            else:
                for session in sessions:
                    await timed(session)
                    away += await _pause()
            client = time.process_time() - own - away
            if not name.strip():
                continue
            await asyncio.sleep(SETTLE)
            spent = await self._spent()
            if block.counts:
                taken = (self.crowded if block.crowd else self.taken)[name]
                # Where servers cannot be seen: what the client waits beyond its own work.
                servers = sum(times) - client if math.isnan(spent) else spent - begin
                unit, own_unit = self._units(since)
                taken.processor.append(servers / unit / len(sessions))
                taken.client.append(client / own_unit / len(sessions))
                taken.wall += times
                taken.beside.append((sum(times) - servers - client) / len(sessions))

    async def _warm_up(self, holder: AccessMemory) -> None:
        """Have everything loaded that the first session of all loads."""
        session = Stepped(holder)
        await log_in(session)
        await session.leave()

    def _units(self, begin: float) -> tuple[float, float]:
        """Return what the work of the pace has taken since an instant, s: servers', clients'.

        Processor times are noted in units of it, so that they are of one pace; 1 where nobody
        watches: they are seconds then.
        """
        paces = self._pace.paces()

        def unit(pace: Pace) -> float:
            lately = pace.mean(begin)
            return pace.mean() if math.isnan(lately) else lately

        both = unit(paces.servers), unit(paces.clients)
        return (1.0, 1.0) if any(map(math.isnan, both)) else both

    async def _watch_rest(self) -> None:
        """Say what servers spend at rest, with their processes all started."""
        await asyncio.sleep(SETTLE)
        begin, start = self._host.processor(), time.monotonic()
        await asyncio.sleep(REST_SECONDS)
        self._rest = (self._host.processor() - begin) / (time.monotonic() - start)

    async def _spent(self) -> float:
        """Return what the servers have spent beyond what they spend at rest."""
        return self._host.processor() - self._rest * time.monotonic()

    def _holders(self, operator: str, method: Method) -> list[AccessMemory]:
        sheet = self._host.sheet
        bundle = Path(sheet["ca"]["bundle"])
        accounts = client_accounts(sheet, operator, method)
        return [AccessMemory(each, self._rules, bundle) for each in accounts]
