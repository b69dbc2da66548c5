"""The API of mail: mailboxes, messages, their parts; sending and logging in by any method."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.console import why
from sandbox.console.access import MAIL_POLICY
from sandbox.console.answers import MissingError, count_of, read_object, text_of
from sandbox.console.ledger import Query
from sandbox.console.letter import harmless_html, letter, part_content
from sandbox.console.mail import CardRefusal, MailAttempt, StoreMailboxes, log_in, send
from sandbox.console.operations import Operation, text
from sandbox.console.reader import Readers
from sandbox.console.watch import SpaceWatch
from sandbox.messages.documents import document_types
from sandbox.messages.trace import trace_of
from sandbox.observations.schema import Words
from sandbox.space.errors import UserError
from sandbox.space.methods import Method

__all__ = ["MailApi"]

_MOST = 500
_LONG = 1_000_000
_HERE = {"folder": text("Folder; INBOX by default.")}
_AS = {
    "address": text("Mailbox that acts."),
    "method": text("How it logs in; its first by default.", one_of=["", *Method]),
    "design": text("Where; the first that runs by default."),
    "holder": text("Identity of one of several holders."),
    "mistake": {"type": "boolean", "description": "Err as a person does, to read the refusal."},
}
_Act = Callable[[dict[str, Any], dict[str, Any], CardRefusal], MailAttempt]
_PATIENTS = 999_999  # fictitious ones, by number
_FILE = {
    "type": "object", "additionalProperties": False, "required": ["name", "content"],
    "properties": {"name": text("File name."), "content": {"type": "string", "format": "byte"}},
}  # fmt: skip
_AT_ONCE = 32  # logins and messages under way
_SEEN = 5.0  # s that the journal of a login has to come


class MailApi:
    """Mail of a space.

    Args:
        watch: of the space.
        boxes: that look into the stores.
        readers: of cards.
    """

    def __init__(self, watch: SpaceWatch, boxes: StoreMailboxes, readers: Readers) -> None:
        self._watch, self.boxes, self._readers = watch, boxes, readers
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="console-mail")

    @property
    def operations(self) -> tuple[Operation, ...]:
        """What there is."""
        message = "/mailboxes/{address}/messages/{uid}"
        return (
            Operation(
                name="mailboxes", method="GET", path="/mailboxes", handler=self._mailboxes,
                words=Words("Les BAL, par opérateur.", "Mailboxes, by operator."),
            ),
            Operation(
                name="messages", method="GET", path="/mailboxes/{address}/messages",
                handler=self._messages,
                query={
                    **_HERE,
                    "search": text("Part of sender, recipients, subject or text."),
                    "limit": {"type": "integer", "minimum": 1, "maximum": _MOST, "default": 100},
                },
                words=Words("Les messages d'un dossier, les plus récents d'abord, sans les ouvrir.",
                            "A folder's messages, the newest first, without opening them."),
            ),
            Operation(
                name="message", method="GET", path=message, handler=self._message, query=_HERE,
                words=Words("Un message : en-têtes décodés, texte, pièces jointes.",
                            "A message: decoded headers, text, attachments."),
            ),
            Operation(
                name="fate", method="GET", path="/fates/{message_id:path}", handler=self._fate,
                words=Words("Ce qu'est devenu un message, pour chaque destinataire : en route,"
                            " remis, lu, intégré, refusé, sans accusé.",
                            "What became of a message for each recipient: under way, delivered,"
                            " read, integrated, refused, silent."),
            ),
            Operation(
                name="source", method="GET", path=f"{message}/source", handler=self._source,
                query=_HERE, media="text/plain",
                words=Words("Sa source.", "Its source."),
            ),
            Operation(
                name="html", method="GET", path=f"{message}/html", handler=self._html, query=_HERE,
                media="text/html",
                words=Words("Ce qui se voit de son HTML.", "What shows of its HTML."),
            ),
            Operation(
                name="part", method="GET", path=f"{message}/parts/{{number}}", handler=self._part,
                query=_HERE, media="application/octet-stream",
                words=Words("Une pièce jointe.", "An attachment."),
            ),
            Operation(
                name="send", method="POST", path="/messages", handler=self._send,
                body={
                    **_AS,
                    "to": text("Recipients, separated by commas.", most=5_000),
                    "subject": text("Subject.", most=1_000),
                    "text": text("Plain text.", most=_LONG),
                    "html": text("HTML, in place of a document.", most=_LONG),
                    "document": text("Type of a health document (CDA) to carry.",
                                     one_of=["", *document_types()]),
                    "patient": {"type": "integer", "minimum": 0, "maximum": _PATIENTS,
                                "description": "Number of its fictitious patient."},
                    "receipt": {"type": "boolean", "description": "Ask for a receipt."},
                    "attachments": {
                        "type": "array", "maxItems": 20, "items": _FILE,
                        "description": "Files, 25 MB with the message.",
                    },
                },
                required=("address", "to"),
                words=Words("Envoyer un message d'un compte ; un téléphone peut sonner.",
                            "Send a message as an account; a telephone may ring."),
            ),
            Operation(
                name="login", method="POST", path="/logins", handler=self._login, body=_AS,
                required=("address",),
                words=Words("Se connecter à une BAL en IMAP ; un téléphone peut sonner.",
                            "Log in to a mailbox over IMAP; a telephone may ring."),
            ),
        )  # fmt: skip

    async def _mailboxes(self, _: Request) -> Response:
        accounts = self._watch.space.sheet["accounts"]
        found = await asyncio.to_thread(self.boxes.boxes, accounts)
        return JSONResponse({"mailboxes": [asdict(each) for each in found]})

    async def _messages(self, request: Request) -> Response:
        address, folder = self._place(request)
        search, limit = (
            request.query_params.get("search", "")[:200],
            count_of(request, "limit", 100, _MOST),
        )
        rows = await asyncio.to_thread(
            self.boxes.rows, self.operator_of(address), address, folder, search, limit
        )
        return JSONResponse({"messages": [asdict(each) for each in rows]})

    async def _message(self, request: Request) -> Response:
        found = letter(await self.content(request))
        return JSONResponse({**asdict(found), "headers": [list(each) for each in found.headers]})

    async def _fate(self, request: Request) -> Response:
        name = request.path_params["message_id"].strip().strip("<>")
        found = await asyncio.to_thread(trace_of, f"<{name}>", self._watch.feed.mail())
        if found is None:
            raise MissingError("aucun opérateur de cet espace n'a pris ce message",
                               "no operator of this space took this message",
                               where=name[:80])  # fmt: skip
        return JSONResponse(found.tree())

    async def _source(self, request: Request) -> Response:
        content = await self.content(request)
        return Response(content, media_type="text/plain; charset=utf-8")

    async def _html(self, request: Request) -> Response:
        found = harmless_html(await self.content(request))
        if found is None:
            raise MissingError("ce message n'a pas de HTML", "this message has no HTML")
        headers = {
            "Content-Security-Policy": MAIL_POLICY,
            "X-Frame-Options": "SAMEORIGIN",
            "X-DNS-Prefetch-Control": "off",
        }
        return Response(found, media_type="text/html; charset=utf-8", headers=headers)

    async def _part(self, request: Request) -> Response:
        number = request.path_params["number"]
        known = number.isascii() and number.isdigit() and len(number) < 6
        content = await self.content(request)
        found = part_content(content, int(number)) if known else None
        if found is None:
            raise MissingError("aucune partie de ce numéro", "no part of that number")
        data, name = found
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
        return Response(data, media_type="application/octet-stream", headers=headers)

    async def _send(self, request: Request) -> Response:
        data = await _asked(request, ("to", "subject", "text", "html", "document"))
        text_of(data, "to")
        if not isinstance(data.get("receipt", False), bool):
            raise UserError.expected("receipt", "true, false")
        number = data.get("patient", 1)
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= _PATIENTS:
            raise UserError.expected("patient", f"0 … {_PATIENTS}")
        return await self._answer(await self._acted(send, data))

    async def _login(self, request: Request) -> Response:
        data = await _asked(request, ())
        return await self._answer(await self._acted(log_in, data))

    async def content(self, request: Request) -> bytes:
        """Return the message that a request names.

        Raises:
            MissingError: there is none.
        """
        address, folder = self._place(request)
        number = request.path_params["uid"]
        uid = int(number) if number.isascii() and number.isdigit() and len(number) < 11 else 0
        return await asyncio.to_thread(
            self.boxes.content, self.operator_of(address), address, folder, uid
        )

    def operator_of(self, address: str) -> str:
        """Return the operator of an address.

        Raises:
            MissingError: it is of no operator of this space.
        """
        domain = address.rpartition("@")[2].lower()
        for each in self._watch.space.sheet["operators"]:
            if each["domain"] == domain:
                return str(each["name"])
        raise MissingError(
            "aucune BAL de cet espace", "no mailbox of this space", where=address[:80]
        )

    async def _acted(self, act: _Act, data: dict[str, Any]) -> MailAttempt:
        """Do it in a thread of its own kind: each may wait minutes for somebody's telephone."""
        loop = asyncio.get_running_loop()
        sheet, card = self._watch.space.sheet, self._readers.refusal
        return await loop.run_in_executor(self._threads, act, sheet, data, card)

    def close(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def key_of(self, attempt: MailAttempt) -> str:
        """Return the key of an attempt's connection, once the journal has it; empty for none."""
        if not attempt.port:
            return ""
        query, feed = Query(operator=attempt.operator, port=attempt.port), self._watch.feed
        with feed.lock:
            found = feed.lock.wait_for(lambda: why.found(feed, query, 1), _SEEN)
        return found[0].key if found else ""

    def _place(self, request: Request) -> tuple[str, str]:
        return request.path_params["address"].lower(), request.query_params.get("folder", "INBOX")

    async def _answer(self, attempt: MailAttempt) -> Response:
        """Say what became of it, with the connection that tells why."""
        key = await asyncio.to_thread(self.key_of, attempt)
        return JSONResponse(
            {"ok": attempt.ok, "told": attempt.told, "connection": key,
             "message_id": attempt.message_id}
        )  # fmt: skip


async def _asked(request: Request, others: tuple[str, ...]) -> dict[str, Any]:
    data = await read_object(request)
    for name in ("address", "method", "design", "holder", *others):
        text_of(data, name, None if name == "address" else "")
    if not isinstance(data.get("mistake", False), bool):
        raise UserError.expected("mistake", "true, false")
    return data
