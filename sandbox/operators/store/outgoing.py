"""Messages accepted, and the queue of those that leave: operations of a transaction, and reads."""

from __future__ import annotations

import base64
import json
import secrets
import sqlite3
from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from sandbox.operators.mail import NOTHING_SAID, About, Envelope, Queued, Recipient
from sandbox.operators.store import traffic
from sandbox.operators.store.messages import add_content, email_id, insert, sweep
from sandbox.operators.store.schema import StoreError
from sandbox.operators.store.writer import StoreTransaction

__all__ = ["Incoming", "accept", "due", "new_queue_id", "next_due", "queued", "settle"]

KEY_MEMORY_SECONDS = 7 * 86_400.0
_QUEUE = 0  # stands for the queue where a key is kept by INBOX

_SELECT = "SELECT id, queue_id, content, envelope, accepted_at, attempts, next_attempt FROM queue "


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A message to accept.

    Attributes:
        envelope: what MAIL said; its recipients are those of `inboxes` and `remote`.
        content: header and body.
        inboxes: folders of the local recipients, each once.
        remote: recipients elsewhere.
        about: what its header says for the indicators.
        submitted: a user of this operator sent it.
    """

    envelope: Envelope
    content: bytes
    inboxes: tuple[int, ...]
    remote: tuple[Recipient, ...]
    about: About = NOTHING_SAID
    submitted: bool = False


def accept(
    transaction: StoreTransaction, message: Incoming, key: str, now: float, queue_id: str = ""
) -> str:
    """Put a message into INBOXes and queue, but where its key is known.

    Returns:
        The queue id: that of the first time when the key is known everywhere.
    """
    connection = transaction.connection
    queue_id = queue_id or new_queue_id()
    if key:
        connection.execute("DELETE FROM accepted WHERE at < ?", (now - KEY_MEMORY_SECONDS,))
        known = {
            int(inbox): str(first)
            for inbox, first in connection.execute(
                "SELECT inbox, queue_id FROM accepted WHERE key = ?", (key,)
            )
        }
        message = replace(
            message,
            inboxes=tuple(inbox for inbox in message.inboxes if inbox not in known),
            remote=() if _QUEUE in known else message.remote,
        )
        places = [*message.inboxes, *([_QUEUE] if message.remote else [])]
        if not places:
            return next(iter(known.values()))
        rows = [(key, place, queue_id, now) for place in places]
        connection.executemany("INSERT INTO accepted VALUES(?,?,?,?)", rows)
    _place(transaction, message, queue_id, now)
    return queue_id


def settle(
    transaction: StoreTransaction,
    done: Sequence[int],
    deferred: Sequence[tuple[int, float]],
    notify: Sequence[Incoming],
    now: float,
    failed: Collection[int] = (),
) -> None:
    """End, or put off, rows of the queue and accept the notifications that follow.

    Raises:
        StoreError: `missing`, a row that is not in the queue: it was settled before, and a second
            notification would follow.
    """
    connection = transaction.connection
    contents = []
    for identifier in done:
        gone = connection.execute(
            "DELETE FROM queue WHERE id = ? RETURNING content, queue_id, envelope", (identifier,)
        ).fetchall()
        if not gone:
            raise StoreError("missing", f"queue row {identifier}")
        content, queue_id, envelope = gone[0]
        contents.append(content)
        sender, recipient = _ends(envelope)
        event = "failed" if identifier in failed else "relayed"
        traffic.settled(transaction, event, queue_id, sender, recipient, now)
    for identifier, next_attempt in deferred:
        cursor = connection.execute(
            "UPDATE queue SET attempts = attempts + 1, next_attempt = ? WHERE id = ?",
            (next_attempt, identifier),
        )
        if not cursor.rowcount:
            raise StoreError("missing", f"queue row {identifier}")
    for message in notify:
        _place(transaction, message, new_queue_id(), now)
    sweep(transaction, contents)


def due(
    connection: sqlite3.Connection, now: float, limit: int, skip: Container[int] = frozenset()
) -> list[Queued]:
    """Return the rows whose attempt is due, longest due first, but for those of `skip`."""
    # The index alone answers this, so that a long queue under way costs little to step over.
    numbers = connection.execute(
        "SELECT id FROM queue WHERE next_attempt <= ? ORDER BY next_attempt, id", (now,)
    )
    wanted = list(islice((number for (number,) in numbers if number not in skip), limit))
    numbers.close()
    found = []
    for number in wanted:
        row = connection.execute(f"{_SELECT} WHERE id = ?", (number,)).fetchone()
        if row is not None:
            found.append(_queued(row))
    return found


def next_due(connection: sqlite3.Connection) -> float | None:
    """Return when the next attempt is due, None for an empty queue."""
    first: float | None = connection.execute("SELECT min(next_attempt) FROM queue").fetchone()[0]
    return first


def queued(connection: sqlite3.Connection) -> list[Queued]:
    """Return the whole queue, oldest first."""
    return [_queued(row) for row in connection.execute(f"{_SELECT} ORDER BY id")]


def _place(transaction: StoreTransaction, message: Incoming, queue_id: str, now: float) -> None:
    content = add_content(transaction, message.content)
    identifier = email_id(message.content) if message.inboxes else ""
    size = len(message.content)
    for inbox in message.inboxes:
        insert(transaction, inbox, content, size, identifier, frozenset(), now)
    transaction.connection.executemany(
        "INSERT INTO queue(queue_id, content, envelope, accepted_at, attempts, next_attempt) "
        "VALUES(?,?,?,?,0,?)",
        [
            (queue_id, content, _encode(message.envelope, recipient), now, now)
            for recipient in message.remote
        ],
    )
    transaction.changes.queued |= bool(message.remote)
    traffic.accepted(
        transaction, message.envelope, message.about, queue_id=queue_id, octets=size, now=now,
        inboxes=message.inboxes, submitted=message.submitted,
    )  # fmt: skip


def new_queue_id() -> str:
    """Return 60 random bits: those of a million a day for a year meet with a chance of 6 in 100."""
    return base64.b32encode(secrets.token_bytes(8))[:12].decode()


def _encode(envelope: Envelope, recipient: Recipient) -> str:
    return json.dumps(
        [
            envelope.reverse_path, envelope.body, envelope.smtputf8, envelope.ret, envelope.envid,
            recipient.address, recipient.notify, recipient.orcpt,
        ],
        separators=(",", ":"),
    )  # fmt: skip


def _ends(envelope: str) -> tuple[str, str]:
    """Return the reverse-path and the recipient of a row's envelope."""
    fields = json.loads(envelope)
    return fields[0], fields[5]


def _queued(row: tuple[int, str, int, str, float, int, float]) -> Queued:
    reverse_path, body, smtputf8, ret, envid, address, notify, orcpt = json.loads(row[3])
    recipient = Recipient(address=address, notify=tuple(notify), orcpt=orcpt)
    envelope = Envelope(
        reverse_path=reverse_path, recipients=(recipient,), body=body, smtputf8=smtputf8,
        ret=ret, envid=envid,
    )  # fmt: skip
    return Queued(
        id=row[0], queue_id=row[1], message=row[2], envelope=envelope, accepted_at=row[4],
        attempts=row[5], next_attempt=row[6],
    )  # fmt: skip
