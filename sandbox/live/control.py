"""The control API of a space: faults, mailboxes, domains, people. JSON over HTTPS.

For who holds the secret of `control` in space.json, as `Authorization: Bearer`; another user of the
machine changes nothing.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.live.citizens import Citizens
from sandbox.live.faults import KNOWN, SpaceFaults
from sandbox.live.lifecycle import LifeCycle
from sandbox.psc.control import explained, read_object
from sandbox.psc.control_access import ControlAccess
from sandbox.space.errors import UserError

__all__ = ["Controlled", "control_application"]


class Controlled(Protocol):
    """What of a space the API drives; see `LiveSpace`."""

    faults: SpaceFaults
    citizens: Citizens
    life: LifeCycle

    def add_account(self, address: str) -> dict[str, Any]:
        """Open a mailbox for one more person."""

    def fill_mailbox(self, address: str, count: int, *, documents: bool = False) -> int:
        """Put messages into an INBOX."""

    def empty_mailbox(self, address: str) -> int:
        """Remove all messages."""


def control_application(space: Controlled, secret: str) -> Starlette:
    """Return the API of a space."""

    async def faults(request: Request) -> Response:
        here = space.faults
        if request.method == "DELETE":
            await asyncio.to_thread(here.clear)
        elif request.method == "POST":
            more = [*here.rules(), await read_object(request)]
            await asyncio.to_thread(here.replace, more)
        elif request.method == "PUT":
            data = await read_object(request)
            rules, seed = data.get("rules"), data.get("seed", here.mail.seed)
            if not isinstance(rules, list) or not all(isinstance(each, dict) for each in rules):
                raise UserError.expected("rules", "[ {…} ]")
            if isinstance(seed, bool) or not isinstance(seed, int):
                raise UserError("entier attendu", "an integer is expected", where="seed")
            await asyncio.to_thread(here.replace, rules, seed)
        return JSONResponse({"seed": here.mail.seed, "rules": here.rules(), "known": KNOWN})

    async def mailboxes(request: Request) -> Response:
        address = (await read_object(request)).get("address")
        if not isinstance(address, str):
            raise UserError("adresse attendue", "an address is expected", where="address")
        return JSONResponse(await asyncio.to_thread(space.add_account, address), 201)

    async def messages(request: Request) -> Response:
        address = request.path_params["address"]
        if request.method == "DELETE":
            return JSONResponse({"removed": await asyncio.to_thread(space.empty_mailbox, address)})
        asked = await read_object(request)
        count, documents = asked.get("count"), asked.get("documents", False)
        if isinstance(count, bool) or not isinstance(count, int):
            raise UserError("entier attendu", "an integer is expected", where="count")
        if not isinstance(documents, bool):
            raise UserError.expected("documents", "true, false")
        there = await asyncio.to_thread(space.fill_mailbox, address, count, documents=documents)
        return JSONResponse({"messages": there})

    async def citizens(request: Request) -> Response:
        if request.method == "POST":
            number = (await read_object(request)).get("patient")
            if isinstance(number, bool) or not isinstance(number, int) or number < 0:
                raise UserError("entier attendu", "an integer is expected", where="patient")
            return JSONResponse(await asyncio.to_thread(space.citizens.open, number), 201)
        return JSONResponse({"citizens": await asyncio.to_thread(space.citizens.profiles)})

    async def citizen(request: Request) -> Response:
        await asyncio.to_thread(space.citizens.close, request.path_params["matricule"])
        return JSONResponse({"closed": request.path_params["matricule"]})

    async def conversation(request: Request) -> Response:
        matricule = request.path_params["matricule"]
        if request.method == "GET":
            found = await asyncio.to_thread(space.citizens.messages, matricule)
            return JSONResponse({"messages": found})
        data = await read_object(request)
        to, text = data.get("to"), data.get("text")
        if not isinstance(to, str) or not isinstance(text, str):
            raise UserError("texte attendu", "text is expected", where="to, text")
        sent = await asyncio.to_thread(space.citizens.answer, matricule, to, text)
        return JSONResponse({"message_id": sent}, 201)

    async def mailbox(request: Request) -> Response:
        await asyncio.to_thread(space.life.close_mailbox, request.path_params["address"])
        return JSONResponse({"closed": request.path_params["address"]})

    async def holders(request: Request) -> Response:
        found = (await read_object(request)).get("holders")
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise UserError.expected("holders", '[ "8…" ]')
        address = request.path_params["address"]
        named = await asyncio.to_thread(space.life.set_holders, address, found)
        return JSONResponse({"address": address, "holders": named})

    async def departure(request: Request) -> Response:
        reason = ""
        if request.method == "PUT":
            reason = await _text(request, "reason")
        identity = request.path_params["identity"]
        held = await asyncio.to_thread(space.life.note_departure, identity, reason)
        return JSONResponse({"identity": identity, "reason": reason, "mailboxes": held})

    async def domains(request: Request) -> Response:
        if request.method == "POST":
            body = await read_object(request)
            given = [body.get(name) for name in ("domain", "operator")]
            if not all(isinstance(each, str) for each in given):
                raise UserError("attendus", "expected", then="domain, operator")
            await asyncio.to_thread(space.life.add_domain, *map(str, given))
        found = await asyncio.to_thread(space.life.domains.entries)
        return JSONResponse({"domains": found}, 201 if request.method == "POST" else 200)

    async def domain(request: Request) -> Response:
        await asyncio.to_thread(space.life.remove_domain, request.path_params["domain"])
        return JSONResponse({"removed": request.path_params["domain"]})

    async def listing(request: Request) -> Response:
        act = space.life.enlist if request.method == "PUT" else space.life.suspend
        changed = await asyncio.to_thread(act, request.path_params["domain"])
        return JSONResponse({"listed": request.method == "PUT", "changed": changed})

    async def owner(request: Request) -> Response:
        to = await _text(request, "operator")
        await asyncio.to_thread(space.life.move_domain, request.path_params["domain"], to)
        return JSONResponse({"domain": request.path_params["domain"], "operator": to})

    async def operator(request: Request) -> Response:
        to = (await read_object(request)).get("to", "")
        if not isinstance(to, str):
            raise UserError("texte attendu", "a text is expected", where="to")
        label = request.path_params["operator"]
        await asyncio.to_thread(space.life.leave, label, to)
        return JSONResponse({"operator": label, "to": to})

    access = ControlAccess(secret, "mssante-sandbox")
    table = (
        ("/faults", faults, ["GET", "POST", "PUT", "DELETE"]),
        ("/mailboxes", mailboxes, ["POST"]),
        ("/mailboxes/{address}", mailbox, ["DELETE"]),
        ("/mailboxes/{address}/messages", messages, ["POST", "DELETE"]),
        ("/citizens", citizens, ["GET", "POST"]),
        ("/citizens/{matricule}", citizen, ["DELETE"]),
        ("/citizens/{matricule}/messages", conversation, ["GET", "POST"]),
        ("/mailboxes/{address}/holders", holders, ["PUT"]),
        ("/people/{identity:path}/departure", departure, ["PUT", "DELETE"]),
        ("/domains", domains, ["GET", "POST"]),
        ("/domains/{domain}", domain, ["DELETE"]),
        ("/domains/{domain}/listing", listing, ["PUT", "DELETE"]),
        ("/domains/{domain}/operator", owner, ["PUT"]),
        ("/operators/{operator}/departure", operator, ["PUT"]),
    )
    return Starlette(
        routes=[
            Route(path, access.guard(explained(handler)), methods=methods)
            for path, handler, methods in table
        ]
    )


async def _text(request: Request, name: str) -> str:
    found = (await read_object(request)).get(name)
    if not isinstance(found, str) or not found:
        raise UserError("texte attendu", "a text is expected", where=name)
    return found
