"""Sessions of one client that are done step by step, so that each step can be timed."""

from __future__ import annotations

import asyncio
import itertools
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox.clients.holder import AccessMemory
from sandbox.clients.imap import Imap, RefusedError
from sandbox.clients.letters import content_of
from sandbox.clients.plan import (
    ClientAccount,
    ClientBehaviour,
    LoadPlan,
    PlannedMessage,
    ServerSettings,
)
from sandbox.clients.smtp import Smtp
from sandbox.clients.telephone import DownError
from sandbox.clients.wire import LostError, Wire
from sandbox.messages.stock import SIZES, DocumentChoice
from sandbox.space.errors import UserError
from sandbox.space.methods import Mechanism, Method
from sandbox.twin.aside import aside
from sandbox.twin.foreign import PASSWORD

__all__ = [
    "DESIGN", "FAILURES", "KIND", "PATIENCE", "SETTLE", "Act", "Stepped", "Visit",
    "client_accounts", "conducted", "cut_all", "log_in", "prove", "resume", "sessions_of",
    "visits_of",
]  # fmt: skip

DESIGN = "single-endpoint"
PATIENCE = 60.0
SETTLE = 0.15  # s before and after a step, in which what it left is done: relays, commits


class Stepped:
    """One connection, step by step."""

    def __init__(self, holder: AccessMemory, protocol: str = "imap", to: str = "") -> None:
        self._holder, self._protocol, self._to = holder, protocol, to
        self._wire: Wire | None = None
        holder.context(protocol, resume=False)  # made now: it is not the server's time

    async def shake(self, *, resume: bool = False) -> None:
        """Connect, up to the greeting."""
        holder, door = self._holder, getattr(self._holder.account, self._protocol)
        self._wire = await Wire.open(door, PATIENCE)
        _OPEN.add(self._wire)
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
        number = next(_NUMBERS)
        document = DocumentChoice(KIND, number * _STRIDE % SIZES)
        letter = PlannedMessage(number=number, recipients=(self._to,), document=document)
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
        _OPEN.discard(self._wire)

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
KIND = "11490-0"  # a discharge letter
_STRIDE = 5  # few messages have large documents and small ones alike
_OPEN: set[Wire] = set()


async def cut_all() -> None:
    """Cut what is still open: a loop does not close with TLS under way."""
    while _OPEN:
        _OPEN.pop().close()
    await asyncio.sleep(SETTLE)


FAILURES = (LostError, RefusedError, TimeoutError, DownError, ssl.SSLError)
Act = Callable[[Stepped], Awaitable[None]]


def prove(plan: LoadPlan) -> None:
    """Log in with the first account of each operator: what is wrong with all is told once.

    Raises:
        UserError: refused, or no answer.
    """
    first = {each.operator: each for each in reversed(plan.accounts)}

    async def try_all() -> None:
        for account, protocol in itertools.product(first.values(), ("imap", "smtp")):
            session = Stepped(AccessMemory(account, plan.rules, Path(plan.authorities)), protocol)
            try:
                await log_in(session)
                await session.leave()
            except FAILURES as error:
                raise UserError(
                    "ce compte ne se connecte pas", "this account does not log in",
                    where=f"{account.operator} {account.address}, {protocol}",
                    then=f"({str(error) or type(error).__name__})",
                ) from None  # fmt: skip
            finally:
                await cut_all()

    aside(try_all)


def client_accounts(sheet: Mapping[str, Any], operator: str, method: Method) -> list[ClientAccount]:
    """Return those of an operator that can log in by a method, as plain software has them.

    At an operator that is not ours, those by password where it has none by that method.
    """
    way = method.value
    places = next(e for e in sheet["operators"] if e["name"] == operator)["designs"][DESIGN]
    if sheet.get("foreign") and not any(
        way in each["holders"][0]["methods"] for each in sheet["accounts"]
    ):
        way = PASSWORD
    mechanism = Mechanism.EXTERNAL if method is Method.CPS else Mechanism.PLAIN

    def door(protocol: str) -> ServerSettings:
        place = next(e for e in places if e["protocol"] == protocol and way in e["methods"])
        return ServerSettings(
            endpoint=place["name"], mechanism=mechanism,
            **{key: place[key] for key in ("host", "address", "port", "tls")},
        )  # fmt: skip

    software = ClientBehaviour(
        name="lps", timeout=PATIENCE, rings=1, keeps=False, resumes=True, tls13=True
    )
    return [
        ClientAccount(
            number=number, operator=operator, address=account["address"], method=method,
            secrets=account["holders"][0]["methods"][way],
            identity=account["holders"][0]["identity"],
            telephone=f"{sheet['psc']['control']}/behaviour",
            software=software, imap=door("imap"), smtp=door("smtp"),
        )
        for number, account in enumerate(sheet["accounts"])
        if account["operator"] == operator
        and account["type"] == "PER"
        and way in account["holders"][0]["methods"]
    ]  # fmt: skip


Visit = tuple[Callable[[], Stepped], Mapping[str, Act]]


def visits_of(person: AccessMemory, card: AccessMemory | None, far: str) -> list[Visit]:
    """Return what one of a mixed crowd does: sessions, and their steps by name."""
    full: dict[str, Act] = {
        "tls_full": Stepped.shake,
        "login_totp_again": Stepped.login,
    }
    again: dict[str, Act] = {"tls_resumed": resume, "login_totp_again": Stepped.login}
    seen: dict[str, Act] = {
        "tls_mutual": Stepped.shake, "login_certificate_again": Stepped.login,
    }  # fmt: skip
    look: dict[str, Act] = {"look": Stepped.look}
    fetch: dict[str, Act] = {"fetch": Stepped.look}
    bye: dict[str, Act] = {"goodbye": Stepped.leave}
    submit: dict[str, Act] = {"submit": Stepped.send}
    relay: dict[str, Act] = {"relay": Stepped.send}
    own = person.account.address
    visits: list[Visit] = [
        (lambda: Stepped(person), full | look | bye),
        (lambda: Stepped(person), again | look | bye),
        (lambda: Stepped(person, "smtp", own), full | submit | bye),
        (lambda: Stepped(person), again | fetch | bye),
    ]
    if card is not None:
        visits.append((lambda: Stepped(card), seen | look | bye))
    if far:
        visits.append((lambda: Stepped(person, "smtp", far), full | relay | bye))
    return visits


def sessions_of(
    person: AccessMemory, card: AccessMemory, far: str
) -> Iterator[tuple[Stepped, dict[str, Act]]]:
    """Yield sessions in which each step is once, those that are another thing the first time too.

    Args:
        person: who has shown no code yet.
        card: that no operator has seen yet.
        far: an address of another operator.
    """
    yield Stepped(person), {
        "tls_full": Stepped.shake, "login_totp": Stepped.login, "look": Stepped.look,
        "goodbye": Stepped.leave,
    }  # fmt: skip
    yield Stepped(person), {
        "tls_resumed": resume, "login_totp_again": Stepped.login, "": Stepped.leave,
    }  # fmt: skip
    for login in ("login_certificate", "login_certificate_again"):
        yield Stepped(card), {
            "tls_mutual": Stepped.shake, login: Stepped.login, "": Stepped.leave,
        }  # fmt: skip
    for step, to in (("submit", person.account.address), ("relay", far)):
        yield Stepped(person, "smtp", to), {"": log_in, step: Stepped.send, " ": Stepped.leave}
    yield Stepped(person), {"": log_in, "fetch": Stepped.look, " ": Stepped.leave}


async def conducted(visits: Sequence[Visit], done: Counter[str]) -> None:
    """Make the visits one after the other, and count each step that is done."""
    for made, acts in visits:
        session = made()
        for name, act in acts.items():
            await act(session)
            done[name] += 1


async def resume(session: Stepped) -> None:
    """Connect with the ticket of the last session."""
    await session.shake(resume=True)


async def log_in(session: Stepped) -> None:
    """Connect and log in."""
    await session.shake()
    await session.login()
