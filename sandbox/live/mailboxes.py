"""Mailboxes of a running space: filled with messages, emptied."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from sandbox.messages.compose import compose, health_letter
from sandbox.messages.documents import size_of, type_of
from sandbox.messages.patients import patient
from sandbox.operators.store import MailStore, StoreError
from sandbox.space.chance import uniform
from sandbox.space.errors import UserError

__all__ = ["MOST_DOCUMENTS", "MOST_MESSAGES", "empty", "fill"]

MOST_MESSAGES = 100_000  # in one call
MOST_DOCUMENTS = 500  # some 500 kB each, and a tenth of a second to make
_AT_ONCE = 256  # appended together: the store writes them in one transaction


async def fill(store: MailStore, address: str, count: int, documents: bool) -> int:
    """Put messages into an INBOX, numbered on from those that are there; return how many it has.

    The same mailbox and numbers give the same messages, a minute apart, the last one now.

    Args:
        store: of the operator.
        address: of the mailbox.
        count: how many.
        documents: health messages, of types and sizes as in `data/`; else a line of text each.

    Raises:
        UserError: no such mailbox here, a count that cannot be, or a full disk.
    """
    most = MOST_DOCUMENTS if documents else MOST_MESSAGES
    if not 1 <= count <= most:
        raise UserError.expected(f"count {count}", f"1 … {most}")
    write, at_once = (_document, 1) if documents else (_message, _AT_ONCE)
    _known(store, address)
    inbox = store.folder(address, "INBOX")
    assert inbox is not None
    before = len(store.rows(inbox.id))
    begin = datetime.now(UTC).timestamp() - 60.0 * (count - 1)
    for start in range(0, count, at_once):
        numbers = range(start, min(count, start + at_once))
        # What takes long to make is made beside: the loop serves the operator meanwhile.
        contents = await asyncio.to_thread(_contents, write, address, before, begin, numbers)
        outcomes = await asyncio.gather(
            *(
                store.append(
                    inbox.id,
                    content,
                    frozenset(),
                    begin + 60.0 * number,
                )
                for number, content in zip(numbers, contents, strict=True)
            ),
            return_exceptions=True,
        )
        for outcome in outcomes:
            if isinstance(outcome, StoreError):
                raise UserError.because(
                    f"{len(store.rows(inbox.id))} messages gardés, pas plus",
                    f"{len(store.rows(inbox.id))} messages there, no more",
                    address,
                    outcome,
                )
            if isinstance(outcome, BaseException):
                raise outcome
    return before + count


async def empty(store: MailStore, address: str) -> int:
    """Remove every message of every folder; return how many there were.

    Raises:
        UserError: no such mailbox here.
    """
    _known(store, address)
    removed = 0
    for folder in store.folders(address):
        uids = [row.uid for row in store.rows(folder.id)]
        if uids:
            await store.change_flags(folder.id, uids, "+", frozenset({"\\Deleted"}))
            removed += len(await store.expunge(folder.id, uids))
    return removed


def _known(store: MailStore, address: str) -> None:
    if not store.has_mailbox(address):
        raise UserError("aucune BAL de cet espace", "no mailbox of this space", where=address)


def _contents(
    write: Callable[[str, int, float], bytes], address: str, before: int, begin: float,
    numbers: range,
) -> list[bytes]:  # fmt: skip
    return [write(address, before + number + 1, begin + 60.0 * number) for number in numbers]


def _document(address: str, number: int, at: float) -> bytes:
    """Return a health message about a fictitious patient, of a type that a hospital sends."""
    local, _, domain = address.partition("@")
    return compose(
        health_letter(
            sender=f"postmaster@{domain}", recipients=(address,), patient=patient(1, number),
            kind=type_of("hospital", uniform(1, address, number, "type")), number=number,
            at=datetime.fromtimestamp(int(at), UTC),
            size=size_of(uniform(1, address, number, "size")),
            message_id=f"<rempli-{number}.{local}@{domain}>",
        )
    )  # fmt: skip


def _message(address: str, number: int, at: float) -> bytes:
    domain = address.rpartition("@")[2]
    message = EmailMessage(policy=SMTP)
    message["From"] = f"postmaster@{domain}"
    message["To"] = address
    message["Subject"] = f"Message {number}"
    message["Date"] = format_datetime(datetime.fromtimestamp(int(at), UTC))
    message["Message-ID"] = f"<rempli-{number}.{address.partition('@')[0]}@{domain}>"
    message.set_content(f"Message d'essai / test message {number}.\n")
    return message.as_bytes()
