"""Opens every mailbox after a run: what was accepted has to be there, once, whole, and no other."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyotp

from sandbox.clients.imap import Imap, RefusedError
from sandbox.clients.letters import Ledger
from sandbox.clients.plan import LoadPlan, ServerSettings
from sandbox.clients.wire import LostError, Wire
from sandbox.messages.ins import PATIENT_LABEL, matricule_of_address
from sandbox.operators.store.looking import looking
from sandbox.serve import client_context
from sandbox.space.methods import Mechanism
from sandbox.twin.aside import aside
from sandbox.twin.foreign import way_in

__all__ = ["Checked", "check_mailboxes", "opened"]

PATIENCE = 30.0  # s without anything new after which what is missing is lost
_AT_ONCE = 8
_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What became of the messages that operators took.

    Attributes:
        accepted: messages times recipients.
        lost: not in the recipient's mailbox.
        duplicated: there more than once.
        spoiled: not what was sent.
        strangers: in somebody else's mailbox.
        unread: mailboxes that could not be opened, so that nothing is known of them.
    """

    accepted: int
    lost: int
    duplicated: int
    spoiled: int
    strangers: int
    unread: int

    @property
    def whole(self) -> bool:
        """Whether every message is where it has to be, once, as it was."""
        return not (self.lost or self.duplicated or self.spoiled or self.strangers or self.unread)


def check_mailboxes(sheet: Mapping[str, Any], plan: LoadPlan, accepted: set[int]) -> Checked:
    """Open the mailboxes of the plan's accounts, by certificate if they can, and look."""
    sent = {
        intent.letter.number: intent.letter.recipients
        for each in plan.intents
        for intent in each.chain()
        if intent.letter is not None and intent.letter.number in accepted
    }
    return aside(lambda: _check(sheet, plan, sent))


async def _check(
    sheet: Mapping[str, Any], plan: LoadPlan, sent: Mapping[int, tuple[str, ...]]
) -> Checked:
    boxes = sorted({each.address for each in plan.accounts})
    citizens = {
        box for recipients in sent.values() for box in recipients if matricule_of_address(box)
    }
    best, since = -1, time.monotonic()
    ledger, read_to = Ledger(plan.run, sent), dict.fromkeys(boxes, 0)
    limit = asyncio.Semaphore(_AT_ONCE)

    def look_there() -> None:
        """Read what citizens have: nobody logs in at their operator, so from its store."""
        store = Path(sheet["folder"], "operators", PATIENT_LABEL, "mail.db")
        with looking(store) as there:
            for box in citizens:
                (folder,) = (each for each in there.folders(box) if each.name == "INBOX")
                rows = there.newest(folder.id, len(sent))
                new = [each for each in rows if each.uid > read_to.get(box, 0)]
                ledger.found(box, (there.content(each.message) for each in new))
                read_to[box] = max((each.uid for each in rows), default=0)

    async def look(box: str) -> bool:
        async with limit:
            with contextlib.suppress(LostError, TimeoutError, RefusedError, OSError):
                async with opened(sheet, plan, box) as imap:
                    async for uid, content in imap.beyond(read_to[box]):
                        ledger.found(box, [content])
                        read_to[box] = uid
                return True
        return False

    while True:
        read = await asyncio.gather(*(look(box) for box in boxes))
        if citizens:
            look_there()
        unread = read.count(False)
        missing = len(ledger.missing)
        arrived = sum(map(len, sent.values())) - missing
        if arrived > best:
            best, since = arrived, time.monotonic()
        if not missing or unread == len(boxes) or time.monotonic() - since > PATIENCE:
            return Checked(
                accepted=sum(map(len, sent.values())), lost=missing,
                duplicated=ledger.duplicated, spoiled=ledger.spoiled,
                strangers=ledger.strangers, unread=unread,
            )  # fmt: skip
        await asyncio.sleep(0.5)


@contextlib.asynccontextmanager
async def opened(sheet: Mapping[str, Any], plan: LoadPlan, address: str) -> AsyncIterator[Imap]:
    """Log in to a mailbox."""
    account = next(each for each in sheet["accounts"] if each["address"] == address)
    methods = account["holders"][0]["methods"]
    way = way_in(methods)
    secrets = methods[way]
    operator = next(each for each in sheet["operators"] if each["name"] == account["operator"])
    endpoint = next(
        each
        for places in operator["designs"].values()
        for each in places
        if each["protocol"] == "imap" and way in each["methods"]
    )
    certified = "certificate" in secrets
    alone = certified and "EXTERNAL" not in endpoint["mechanisms"]
    mechanism = Mechanism.NONE if alone else Mechanism.EXTERNAL if certified else Mechanism.PLAIN
    door = ServerSettings(
        endpoint=endpoint["name"], mechanism=mechanism,
        **{key: endpoint[key] for key in ("host", "address", "port", "tls")},
    )  # fmt: skip
    pair = (Path(secrets["certificate"]), Path(secrets["key"])) if certified else ()
    context = client_context(Path(plan.authorities), *pair)
    wire = await Wire.open(door, _SECONDS)
    try:
        imap = Imap(wire)
        if door.tls == "starttls":
            await imap.greeted()
            await imap.starttls()
            await wire.secure(context, door.host)
        else:
            await wire.secure(context, door.host)
            await imap.greeted()
        if not imap.ready:
            await imap.authenticate(mechanism.value, _response(secrets), at_once=True)
        yield imap
    finally:
        wire.close()


def _response(secrets: Mapping[str, Any]) -> bytes:
    if "authzid" in secrets:
        return str(secrets["authzid"]).encode()
    code = ""
    if "secret" in secrets:
        code = pyotp.TOTP(secrets["secret"], interval=secrets["period"]).now()
    return f"\0{secrets['username']}\0{secrets['password']}{code}".encode()
