"""The pages of mail: mailboxes, a message with its way through the space, a form to send."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from starlette.requests import Request

from sandbox.console import why
from sandbox.console.answers import Shown
from sandbox.console.feed import Feed
from sandbox.console.ledger import Query, Trail
from sandbox.console.letter import letter
from sandbox.console.mail_api import MailApi
from sandbox.console.watch import SpaceWatch
from sandbox.messages.documents import document_types
from sandbox.messages.trace import Trace, trace_of
from sandbox.operators.imap.header import first, header_end, parse_fields
from sandbox.space.methods import Method

__all__ = ["MailPages", "trace"]

_ROWS = 100
_READERS = 30  # connections of a mailbox that are looked at for who fetched a message
_QUEUE_ID = re.compile(rb"\bid ([A-Z2-7]{12})\b")


class MailPages:
    """Pages of mail.

    Args:
        watch: of the space.
        api: that finds messages.
    """

    def __init__(self, watch: SpaceWatch, api: MailApi) -> None:
        self._watch, self._boxes, self._api = watch, api.boxes, api

    @property
    def table(self) -> dict[str, Shown]:
        """Who shows what, by address."""
        return {
            "/mail": self.mailboxes,
            "/mail/compose": self.compose,
            "/mail/{address}": self.mailboxes,
            "/mail/{address}/{uid}": self.message,
        }

    async def mailboxes(self, request: Request) -> tuple[str, dict[str, Any]]:
        """List mailboxes, and the messages of one."""
        address = request.path_params.get("address", "").lower()
        folder = request.query_params.get("folder", "INBOX")
        search = request.query_params.get("search", "").strip()[:200]
        values: dict[str, Any] = {
            "boxes": await self._all(), "address": address, "folder": folder, "search": search,
            "folders": [], "rows": [],
        }  # fmt: skip
        if address:
            operator = self._api.operator_of(address)
            values["folders"] = await asyncio.to_thread(self._boxes.folders, operator, address)
            values["rows"] = await asyncio.to_thread(
                self._boxes.rows, operator, address, folder, search, _ROWS
            )
        return "mail", values

    async def message(self, request: Request) -> tuple[str, dict[str, Any]]:
        """Show a message."""
        content = await self._api.content(request)
        address, uid = request.path_params["address"].lower(), int(request.path_params["uid"])
        folder = request.query_params.get("folder", "INBOX")
        passed = await asyncio.to_thread(trace, self._watch.feed, content, address, folder, uid)
        return "letter", {
            "letter": await asyncio.to_thread(letter, content), "address": address, "uid": uid,
            "folder": folder, "trace": passed, "fate": await self._fate(content),
        }  # fmt: skip

    async def compose(self, request: Request) -> tuple[str, dict[str, Any]]:
        """Show the form."""
        names = ("address", "to", "subject")
        return "compose", {
            "boxes": await self._all(),
            "chosen": {name: request.query_params.get(name, "")[:900] for name in names},
            "methods": [each.value for each in Method],
            "designs": list(self._watch.space.sheet["operators"][0]["designs"]),
            "documents": list(document_types().values()),
        }

    async def _fate(self, content: bytes) -> Trace | None:
        """Return what became of a message for each recipient, where its id is known here."""
        found = first(parse_fields(content[: header_end(content, 0, len(content))], 200),
                      b"message-id")  # fmt: skip
        name = (found or b"").decode("latin-1").strip()
        return await asyncio.to_thread(trace_of, name, self._watch.feed.mail()) if name else None

    async def _all(self) -> list[Any]:
        accounts = self._watch.space.sheet["accounts"]
        return await asyncio.to_thread(self._boxes.boxes, accounts)


def trace(feed: Feed, content: bytes, address: str, folder: str, uid: int) -> list[Trail]:
    """Return the connections that a message took: submission, relay, and who fetched it since.

    The operators' own `Received` fields name it (RFC 5321 §4.4).
    """
    keys: list[str] = []
    with feed.lock:
        for field in reversed(parse_fields(content[: header_end(content, 0, len(content))], 200)):
            found = _QUEUE_ID.search(field.value) if field.name == b"received" else None
            if found is not None:
                keys += feed.ledger.owners(found[1].decode("ascii"))
        passed = [trail for key in dict.fromkeys(keys) if (trail := feed.ledger.get(key))]
    readers = why.found(feed, Query(person=address, protocol="imap"), _READERS)
    fetched = [
        trail
        for trail in reversed(readers)
        if any(_fetched(entry, folder, uid) for entry in feed.entries(trail))
    ]
    return [*passed, *fetched]


def _fetched(entry: dict[str, Any], folder: str, uid: int) -> bool:
    if entry["event"] != "fetch" or entry.get("folder") != folder:
        return False
    for run in str(entry.get("uids", "")).split(","):
        low, _, high = run.partition(":")
        if low.isdigit() and int(low) <= uid <= int(high or low):
            return True
    return False
