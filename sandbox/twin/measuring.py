"""Measures each step of a login and of mail on a live space that does nothing else.

One client, one step at a time: what a step takes without queueing. Processor time is the servers'
own, over blocks of equal steps; wall time is what the client sees.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

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
from sandbox.twin.calibration import STEPS, Calibration, Measured, machine_of, measured
from sandbox.twin.host import Hosted, Order, hosted

__all__ = ["calibrate"]

DESIGN = "single-endpoint"
EACH = 5  # steps of a block
WARM = 2  # blocks that do not count: the first of anything is slower
SETTLE = 0.15  # s after a step, in which what it left is done: relays, commits
PATIENCE = 60.0
_SHARE = 86_400.0

Act = Callable[[], Awaitable[None]]


def calibrate(
    scenario: str = "demo", *, blocks: int = 8, each: int = EACH,
    show: Callable[[str], None] = lambda _: None,
) -> Calibration:  # fmt: skip
    """Measure this machine.

    Args:
        scenario: whose policies hold.
        blocks: of each step.
        each: steps of a block.
        show: told of each step.
    """
    people = blocks + WARM + 4  # a telephone rings once for each person
    with tempfile.TemporaryDirectory(prefix="mssante-calibrate-") as folder:
        order = Order(
            scenario=scenario, designs=(DESIGN,), login_policy="external", operators=2,
            cast=CastSize(people=people), folder=f"{folder}/space", share=_SHARE,
        )  # fmt: skip
        with hosted(order) as host:
            steps = aside(_Bench(host, blocks, each, show).all)
    return Calibration(machine_of(), 1, steps)


class _Bench:
    """Every step, on one space."""

    def __init__(self, host: Hosted, blocks: int, each: int, show: Callable[[str], None]) -> None:
        self._host, self._blocks, self._each, self._show = host, blocks, each, show
        sheet = host.sheet
        self._rules = Rules(
            session=_SHARE, pin=_SHARE, step=30, ticket=7_200.0, interval=5.0, expiry=120.0
        )
        self._plan = Plan(
            run="calibrate", seconds=0.0, accounts=(), intents=(), rules=self._rules,
            authorities=sheet["ca"]["bundle"], psc={}, control=sheet["psc"]["control_secret"],
        )  # fmt: skip
        self._numbers = itertools.count(1)

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

    async def all(self) -> dict[str, Measured]:
        """Measure the steps in turn."""
        first, second = (each["name"] for each in self._host.sheet["operators"])
        totp, cps = self._holders(first, Method.TOTP)[0], self._holders(first, Method.CPS)[0]
        far = self._holders(second, Method.TOTP)[0].account.address
        near = totp.account.address
        ringing = iter(self._holders(first, Method.ECPS))
        async with Telephones(self._plan) as telephones:
            acts: Mapping[str, tuple[Act, Act | None]] = {
                "tls_full": (lambda: self._shake(totp, resume=False), None),
                "tls_resumed": (lambda: self._shake(totp, resume=True), None),
                "tls_mutual": (lambda: self._shake(cps, resume=False), None),
                "login_totp": (lambda: self._login(totp), None),
                "login_certificate": (lambda: self._login(cps), None),
                "login_ecps": (
                    lambda: self._login(self._rung),
                    lambda: self._ring(telephones, next(ringing)),
                ),
                "read": (lambda: self._login(totp, look=True), lambda: self._send(totp, near)),
                "submit": (lambda: self._send(totp, near), None),
                "relay": (lambda: self._send(totp, far), None),
            }
            return {name: await self._told(name, *acts[name]) for name in STEPS}

    async def _told(self, name: str, act: Act, before: Act | None) -> Measured:
        try:
            return await self._step(name, act, before)
        except (LostError, RefusedError, TimeoutError, DownError, ssl.SSLError) as error:
            raise UserError(
                "étape impossible", "step cannot be done",
                where=f"calibrate {name}", then=f"({str(error) or type(error).__name__})",
            ) from None  # fmt: skip

    async def _step(self, name: str, act: Act, before: Act | None) -> Measured:
        """Measure one step; `before` each is what makes it ready, and is not measured."""
        self._show(name)
        processor, wall = [], []
        for block in range(self._blocks + WARM):
            spent, times = 0.0, []
            # A held login takes a polling interval: one a block.
            for _ in range(1 if name == "login_ecps" else self._each):
                if before is not None:
                    await before()
                await asyncio.sleep(SETTLE)
                start = self._host.processor()
                begin = time.perf_counter()
                await act()
                times.append(time.perf_counter() - begin)
                await asyncio.sleep(SETTLE)
                spent += self._host.processor() - start
            if block >= WARM:
                processor.append(spent / len(times))
                wall += times
        return measured(processor, wall)

    # Acts ----------------------------------------------------------------------------------------

    async def _opened(self, holder: Holder, door: Door, protocol: str, *, resume: bool) -> Wire:
        wire = await Wire.open(door, PATIENCE)
        await wire.secure(holder.context(protocol, resume=resume), door.host)
        return wire

    async def _shake(self, holder: Holder, *, resume: bool) -> None:
        wire = await self._opened(holder, holder.account.imap, "imap", resume=resume)
        await Imap(wire).greeted()
        holder.keep_ticket("imap", wire.tls)
        wire.close()

    async def _login(self, holder: Holder, *, look: bool = False) -> None:
        wire = await self._opened(holder, holder.account.imap, "imap", resume=False)
        imap = Imap(wire)
        await imap.greeted()
        await imap.capabilities()
        await imap.authenticate(
            holder.account.imap.mechanism.value, self._response(holder), at_once=True
        )
        if look:
            await imap.look()
        await imap.logout()
        wire.close()

    async def _ring(self, telephones: Telephones, holder: Holder) -> None:
        self._rung = holder
        await telephones.will(holder, Round(answer=0.0))

    async def _send(self, holder: Holder, recipient: str) -> None:
        wire = await self._opened(holder, holder.account.smtp, "smtp", resume=False)
        smtp = Smtp(wire)
        await smtp.greeted()
        await smtp.hello()
        await smtp.authenticate("PLAIN", self._response(holder), at_once=True)
        letter = Letter(number=next(self._numbers), recipients=(recipient,))
        address = holder.account.address
        await smtp.send(address, letter.recipients, content_of("calibrate", address, letter, 0.0))
        await smtp.quit()
        wire.close()

    def _response(self, holder: Holder) -> bytes:
        secrets: Mapping[str, Any] = holder.account.secrets
        if holder.account.method is Method.CPS:
            return str(secrets["authzid"]).encode()
        code = ""
        if holder.account.method is Method.TOTP:
            if holder.code is None:
                holder.code = (holder.new_code(), time.monotonic())
            code = holder.code[0]
        return f"\0{secrets['username']}\0{secrets['password']}{code}".encode()
