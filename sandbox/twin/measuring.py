"""Measures each step of a login and of mail on a live space that does nothing else.

A few clients, one step at a time: what a step takes without queueing. A block has a handful of
sessions that do the first step one after the other, then all the second, and so on; between two
steps the servers come to rest, and say what processor time they have spent. What they spend at
rest is subtracted. Wall and client times are the client's own.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.clients.holder import Holder
from sandbox.clients.imap import Imap, RefusedError
from sandbox.clients.letters import content_of
from sandbox.clients.plan import Account, Door, Letter, Plan, Round, Rules, Software
from sandbox.clients.smtp import Smtp
from sandbox.clients.telephone import DownError, Telephones
from sandbox.clients.wire import LostError, Wire
from sandbox.live.cast import CastSize
from sandbox.space.errors import UserError
from sandbox.space.methods import Mechanism, Method
from sandbox.twin.aside import aside
from sandbox.twin.calibration import STEPS, Calibration, machine_of, measured
from sandbox.twin.host import Hosted, Order, hosted

__all__ = ["BLOCKS", "calibrate"]

DESIGN = "single-endpoint"
BLOCKS = 6
EACH = 5  # sessions of a block
WARM = 1  # blocks that do not count: the first of anything is slower
SETTLE = 0.15  # s before and after a step, in which what it left is done: relays, commits
GAP = 0.01  # s between two sessions
REST_SECONDS = 2.0  # over which the servers at rest are watched
HELD = 10  # logins that are held at once
HELD_BLOCKS = 2
PATIENCE = 60.0
_SHARE = 86_400.0


def calibrate(
    scenario: str = "demo", *, blocks: int = BLOCKS, each: int = EACH,
    show: Callable[[str], None] = lambda _: None,
) -> Calibration:  # fmt: skip
    """Measure this machine.

    Args:
        scenario: whose policies hold.
        blocks: of each step.
        each: sessions of a block.
        show: told of each kind of session.

    Raises:
        UserError: a step cannot be done.
    """
    # A code, a card and a telephone are new once for each person.
    people = max((blocks + WARM) * each, HELD * HELD_BLOCKS) + 2
    with tempfile.TemporaryDirectory(prefix="mssante-calibrate-") as folder:
        order = Order(
            scenario=scenario, designs=(DESIGN,), login_policy="external", operators=2,
            cast=CastSize(people=people), folder=f"{folder}/space", share=_SHARE,
        )  # fmt: skip
        with hosted(order) as host:
            bench = _Bench(host, blocks, each, show)
            aside(bench.all)
    return Calibration(
        machine_of(), 1, {name: measured(*bench.taken[name].parts) for name in STEPS}
    )


@dataclass(slots=True)
class _Taken:
    """What was taken of a step: means of blocks and single times, s."""

    processor: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    client: list[float] = field(default_factory=list)

    @property
    def parts(self) -> tuple[list[float], list[float], list[float]]:
        """Return them in the order of `measured`."""
        return self.processor, self.wall, self.client


class _Session:
    """One connection, step by step."""

    def __init__(self, holder: Holder, protocol: str = "imap", to: str = "") -> None:
        self._holder, self._protocol, self._to = holder, protocol, to
        self._wire: Wire | None = None
        holder.context(protocol, resume=False)  # made now: it is not the server's time

    async def shake(self, *, resume: bool = False) -> None:
        """Connect, up to the greeting."""
        holder, door = self._holder, getattr(self._holder.account, self._protocol)
        self._wire = await Wire.open(door, PATIENCE)
        await self._wire.secure(holder.context(self._protocol, resume=resume), door.host)
        self.imap, self.smtp = Imap(self._wire), Smtp(self._wire)
        await (self.imap if self._protocol == "imap" else self.smtp).greeted()

    async def login(self) -> None:
        """Log in."""
        account, response = self._holder.account, self._response()
        mechanism = account.imap.mechanism.value
        if self._protocol == "imap":
            await self.imap.capabilities()
            await self.imap.authenticate(mechanism, response, at_once=True)
        else:
            await self.smtp.hello()
            await self.smtp.authenticate(mechanism, response, at_once=True)

    async def look(self) -> None:
        """Open INBOX."""
        await self.imap.look()

    async def send(self) -> None:
        """Send one message."""
        letter = Letter(number=next(_NUMBERS), recipients=(self._to,))
        address = self._holder.account.address
        content = content_of("calibrate", address, letter, time.time())
        await self.smtp.send(address, letter.recipients, content)

    async def leave(self) -> None:
        """Say goodbye."""
        if self._wire is None:
            return
        self._holder.keep_ticket(self._protocol, self._wire.tls)
        await (self.imap.logout() if self._protocol == "imap" else self.smtp.quit())
        self._wire.close()

    def _response(self) -> bytes:
        holder, secrets = self._holder, self._holder.account.secrets
        if holder.account.method is Method.CPS:
            return str(secrets["authzid"]).encode()
        code = ""
        if "secret" in secrets:
            if holder.code is None:
                holder.code = (holder.new_code(), time.monotonic())
            code = holder.code[0]
        return f"\0{secrets['username']}\0{secrets['password']}{code}".encode()


_NUMBERS = itertools.count(1)
Act = Callable[[_Session], Awaitable[None]]


class _Bench:
    """Every step, on one space."""

    def __init__(self, host: Hosted, blocks: int, each: int, show: Callable[[str], None]) -> None:
        self._host, self._blocks, self._each, self._show = host, blocks, each, show
        self.taken: defaultdict[str, _Taken] = defaultdict(_Taken)
        self._rest = 0.0  # processor of the servers at rest, s/s
        sheet = host.sheet
        self._rules = Rules(
            session=_SHARE, pin=_SHARE, step=30, ticket=7_200.0, interval=5.0, expiry=120.0
        )
        self._plan = Plan(
            run="calibrate", seconds=0.0, accounts=(), intents=(), rules=self._rules,
            authorities=sheet["ca"]["bundle"], psc={}, control=sheet["psc"]["control_secret"],
        )  # fmt: skip

    async def all(self) -> None:
        """Measure everything.

        Raises:
            UserError: a step cannot be done.
        """
        first, second = (each["name"] for each in self._host.sheet["operators"])
        totp, cards = self._holders(first, Method.TOTP), self._holders(first, Method.CPS)
        far = self._holders(second, Method.TOTP)[0].account.address
        await self._warm_up(totp[-1])
        await self._watch_rest()
        for what, work in (
            ("TLS, TOTP, IMAP", self._totp(totp)),
            ("certificat / certificate", self._certificate(cards)),
            ("messages", self._mail(totp, far)),
            ("eCPS, CIBA", self._held(self._holders(first, Method.ECPS))),
        ):
            self._show(what)
            try:
                await work
            except (LostError, RefusedError, TimeoutError, DownError, ssl.SSLError) as error:
                raise UserError(
                    "étape impossible", "a step cannot be done",
                    where=f"calibrate: {what}", then=f"({str(error) or type(error).__name__})",
                ) from None  # fmt: skip

    # Kinds of sessions -------------------------------------------------------------------------

    async def _totp(self, people: Sequence[Holder]) -> None:
        for number, holders in self._parts(people):
            await self._block(number, [_Session(each) for each in holders], {
                "tls_full": _Session.shake, "login_totp": _Session.login,
                "look": _Session.look, "goodbye": _Session.leave,
            })  # fmt: skip
            await self._block(number, [_Session(each) for each in holders], {
                "tls_resumed": _resume, "login_totp_again": _Session.login, "": _Session.leave,
            })  # fmt: skip

    async def _certificate(self, people: Sequence[Holder]) -> None:
        for number, holders in self._parts(people):
            for login in ("login_certificate", "login_certificate_again"):
                await self._block(number, [_Session(each) for each in holders], {
                    "tls_mutual": _Session.shake, login: _Session.login, "": _Session.leave,
                })  # fmt: skip

    async def _mail(self, people: Sequence[Holder], far: str) -> None:
        for number, holders in self._parts(people):
            # Each to another of them: one new message in each mailbox.
            to = [each.account.address for each in [*holders[1:], holders[0]]]
            near = [_Session(*each) for each in zip(holders, itertools.repeat("smtp"), to)]
            await self._block(number, near, {
                "": _in, "submit": _Session.send, " ": _Session.leave,
            })  # fmt: skip
            await self._block(number, [_Session(each) for each in holders], {
                "": _in, "fetch": _Session.look, " ": _Session.leave,
            })  # fmt: skip
            away = [_Session(each, "smtp", far) for each in holders]
            await self._block(number, away, {
                "": _in, "relay": _Session.send, " ": _Session.leave,
            })  # fmt: skip

    async def _held(self, people: Sequence[Holder]) -> None:
        """Logins that wait for telephones, many at once: their polls are what takes time."""
        ringing = iter(people)
        interval = self._rules.interval
        async with Telephones(self._plan) as telephones:
            for _ in range(HELD_BLOCKS):
                holders = list(itertools.islice(ringing, HELD))
                for each in holders:  # answers between the first poll and the second
                    await telephones.will(each, Round(answer=1.5 * interval))
                sessions = [_Session(each) for each in holders]
                for session in sessions:
                    await session.shake()
                await asyncio.sleep(SETTLE)
                begin = await self._spent()
                start = time.monotonic()
                logins = [asyncio.create_task(each.login()) for each in sessions]
                for name, until in (
                    ("ciba_request", 0.5), ("ciba_poll", 1.5), ("ciba_answer", 2.5),
                ):  # fmt: skip
                    await asyncio.sleep(start + until * interval - time.monotonic())
                    spent = await self._spent()
                    self.taken[name].processor.append((spent - begin) / len(sessions))
                    begin = spent
                await asyncio.gather(*logins)
                for session in sessions:
                    await session.leave()

    # Measuring ---------------------------------------------------------------------------------

    def _parts(self, people: Sequence[Holder]) -> Iterator[tuple[int, Sequence[Holder]]]:
        """Yield the people of each block, by its number; those below 0 warm up."""
        for number in range(-WARM, self._blocks):
            first = (number + WARM) * self._each
            yield number, people[first : first + self._each]

    async def _block(self, number: int, sessions: Sequence[_Session], acts: dict[str, Act]) -> None:
        """Have all sessions do each act in turn; those without a name are not measured."""
        for name, act in acts.items():
            await asyncio.sleep(SETTLE)
            begin, times, client = await self._spent(), [], 0.0
            for session in sessions:
                own, start = time.process_time(), time.perf_counter()
                await act(session)
                times.append(time.perf_counter() - start)
                client += time.process_time() - own
                await asyncio.sleep(GAP)
            await asyncio.sleep(SETTLE)
            spent = await self._spent()
            if number >= 0 and name.strip():
                taken = self.taken[name]
                taken.processor.append((spent - begin) / len(sessions))
                taken.client.append(client / len(sessions))
                taken.wall += times

    async def _warm_up(self, holder: Holder) -> None:
        """Have everything loaded that the first session of all loads."""
        session = _Session(holder)
        await _in(session)
        await session.leave()

    async def _watch_rest(self) -> None:
        await asyncio.sleep(SETTLE)
        begin, start = self._host.processor(), time.monotonic()
        await asyncio.sleep(REST_SECONDS)
        self._rest = (self._host.processor() - begin) / (time.monotonic() - start)

    async def _spent(self) -> float:
        """Return what the servers have spent beyond what they spend at rest."""
        return self._host.processor() - self._rest * time.monotonic()

    # People ------------------------------------------------------------------------------------

    def _holders(self, operator: str, method: Method) -> list[Holder]:
        sheet = self._host.sheet
        places = next(e for e in sheet["operators"] if e["name"] == operator)["designs"][DESIGN]
        mechanism = Mechanism.EXTERNAL if method is Method.CPS else Mechanism.PLAIN

        def door(protocol: str) -> Door:
            place = next(each for each in places if each["protocol"] == protocol)
            return Door(
                endpoint=place["name"], mechanism=mechanism,
                **{key: place[key] for key in ("host", "address", "port", "tls")},
            )  # fmt: skip

        software = Software(
            name="lps", timeout=PATIENCE, rings=1, keeps=False, resumes=True, tls13=True
        )
        return [
            Holder(
                Account(
                    number=number, operator=operator, address=account["address"], method=method,
                    secrets=account["holders"][0]["methods"][method.value],
                    identity=account["holders"][0]["identity"],
                    telephone=f"{sheet['psc']['control']}/behaviour",
                    software=software, imap=door("imap"), smtp=door("smtp"),
                ),
                self._rules, Path(sheet["ca"]["bundle"]),
            )
            for number, account in enumerate(sheet["accounts"])
            if account["operator"] == operator
            and account["type"] == "PER"
            and method.value in account["holders"][0]["methods"]
        ]  # fmt: skip


async def _resume(session: _Session) -> None:
    await session.shake(resume=True)


async def _in(session: _Session) -> None:
    await session.shake()
    await session.login()
