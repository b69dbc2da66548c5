"""What became of a message: from what operators noted to one state for each recipient.

Pure: entries of journals in, states out. A journal is what operators did; what clients claim is
believed as far as it agrees with it: a receipt from who was not sent the message is put aside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sandbox.messages.receipts import ERROR_CODES

__all__ = ["DocumentState", "RecipientFate", "Trace", "trace_of"]

Entry = Mapping[str, Any]


class DocumentState(StrEnum):
    """Where a document is, for one recipient: exactly one of these."""

    UNDER_WAY = "under-way"  # an operator has it and tries
    DELIVERED = "delivered"  # and nobody asked for more
    READ = "read"
    INTEGRATED = "integrated"
    REFUSED = "refused"
    SILENT = "silent"  # delivered, and the receipt that was asked for has not come


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientFate:
    """What became of a message for one recipient.

    Attributes:
        recipient: as in the envelope, lower case.
        state: now.
        since: seconds since 1970.
        code: of an acknowledgement that refuses.
        words: of a refusal, in French and in English: those of its code, where we know it; else as
            they came, status and reply of a server or what an acknowledgement says.
    """

    recipient: str
    state: DocumentState
    since: float
    code: str = ""
    words: tuple[str, str] = ("", "")

    @property
    def reason(self) -> str:
        """Code and words of a refusal, in both languages."""
        return " ".join(filter(None, (self.code, " / ".join(dict.fromkeys(self.words)))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A message followed.

    Attributes:
        message_id: with its brackets.
        sender: mailbox.
        at: when its operator took it.
        documents: codes of those that it says it carries.
        ins: of them, as its header says.
        asked: whether it asked for a receipt.
        fates: one a recipient, in the order of the envelope.
        put_aside: receipts that nothing supports, each with why.
    """

    message_id: str
    sender: str
    at: float
    documents: tuple[str, ...] = ()
    ins: str = ""
    asked: bool = False
    fates: tuple[RecipientFate, ...] = ()
    put_aside: tuple[str, ...] = ()

    def tree(self) -> dict[str, Any]:
        """Return it as JSON has it: one row for each document and recipient."""
        return {
            "message_id": self.message_id, "sender": self.sender, "at": self.at,
            "documents": list(self.documents), "ins": self.ins, "asked": self.asked,
            "fates": [
                {"recipient": each.recipient, "document": code, "state": str(each.state),
                 "since": each.since, "reason": each.reason}
                for each in self.fates
                for code in self.documents or ("",)
            ],
            "put_aside": list(self.put_aside),
        }  # fmt: skip


@dataclass(slots=True)
class _Course:
    """What is known of one recipient so far."""

    sent: float
    delivered: float | None = None
    failed: tuple[float, tuple[str, str]] | None = None
    receipts: list[tuple[float, str, str, str]] = field(default_factory=list)

    def fate(self, recipient: str, *, asked: bool) -> RecipientFate:
        """Return the one state: what failed first, then the last acknowledgement, then reading."""
        for at, _, code, error in reversed(self.receipts):
            if code:
                return RecipientFate(
                    recipient=recipient,
                    state=DocumentState.REFUSED,
                    since=at,
                    code=code,
                    words=ERROR_CODES.get(code, (error, error)),
                )
        for state, dispositions in (
            (DocumentState.INTEGRATED, {"processed"}),
            (DocumentState.READ, {"displayed", "dispatched"}),
        ):
            for at, disposition, _, _ in self.receipts:
                if disposition in dispositions:
                    return RecipientFate(recipient=recipient, state=state, since=at)
        if self.receipts:
            return RecipientFate(
                recipient=recipient, state=DocumentState.REFUSED, since=self.receipts[0][0],
                words=(self.receipts[0][1],) * 2,
            )  # fmt: skip
        if self.failed is not None:
            at, words = self.failed
            return RecipientFate(
                recipient=recipient, state=DocumentState.REFUSED, since=at, words=words
            )
        if self.delivered is None:
            return RecipientFate(
                recipient=recipient, state=DocumentState.UNDER_WAY, since=self.sent
            )
        state = DocumentState.SILENT if asked else DocumentState.DELIVERED
        return RecipientFate(recipient=recipient, state=state, since=self.delivered)


def trace_of(message_id: str, entries: Iterable[Entry]) -> Trace | None:
    """Follow a message through the journals of a space; None where no operator took it.

    Args:
        message_id: with its brackets.
        entries: of all operators, in any order.
    """
    listed = sorted(entries, key=lambda entry: float(entry.get("at", 0.0)))
    taken = [each for each in listed if each.get("event") == "accepted"]
    about = [each for each in taken if each.get("message_id") == message_id]
    sent = next((each for each in about if each.get("mailbox")), None)
    if sent is None:
        return None
    sender = str(sent["mailbox"]).lower()
    courses = {str(each).lower(): _Course(float(sent["at"])) for each in sent.get("recipients", ())}
    for entry in about:
        for recipient in _names(entry):
            if recipient in courses and (entry is not sent or _same_domain(recipient, sender)):
                course = courses[recipient]
                course.delivered = course.delivered or float(entry["at"])
    _failures(listed, {str(each.get("queue_id")) for each in about}, courses)
    put_aside = _receipts(message_id, taken, sender, courses)
    asked = bool(sent.get("asks_receipt"))
    return Trace(
        message_id=message_id,
        sender=sender,
        at=float(sent["at"]),
        documents=tuple(map(str, sent.get("documents", ()))),
        ins=str(sent.get("ins", "")),
        asked=asked,
        fates=tuple(each.fate(name, asked=asked) for name, each in courses.items()),
        put_aside=put_aside,
    )


def _names(entry: Entry) -> list[str]:
    return [str(each).lower() for each in entry.get("recipients", ())]


def _same_domain(one: str, other: str) -> bool:
    return one.rpartition("@")[2] == other.rpartition("@")[2]


def _failures(listed: Sequence[Entry], queue_ids: set[str], courses: dict[str, _Course]) -> None:
    for entry in listed:
        event = entry.get("event")
        if event not in ("relay-failed", "returned") or str(entry.get("queue_id")) not in queue_ids:
            continue
        course = courses.get(str(entry.get("to", "")).lower())
        if course is not None:
            status, reply, *told = (
                str(entry.get(key, "")) for key in ("status", "reply", "fr", "en")
            )
            answer = " ".join(filter(None, (status, reply)))
            course.failed = (float(entry["at"]), (answer or told[0], answer or told[1] or told[0]))


def _receipts(
    message_id: str, taken: Sequence[Entry], sender: str, courses: dict[str, _Course]
) -> tuple[str, ...]:
    """Give each receipt that has come to the sender to the course that it is about."""
    put_aside = []
    for entry in taken:
        if entry.get("about") != message_id or sender not in _names(entry):
            continue
        source = str(entry.get("author", "")).lower()
        if entry.get("mailbox") and not _same_domain(str(entry["mailbox"]), sender):
            continue  # submitted elsewhere: it counts when it has come
        recipient = str(entry.get("about_recipient", "")).lower()
        course = courses.get(recipient)
        if course is None:
            put_aside.append(f"{entry.get('message_id', '')}: {recipient} was not sent this")
        elif source != recipient:
            put_aside.append(f"{entry.get('message_id', '')}: of {recipient}, sent by {source}")
        elif course.delivered is None:
            put_aside.append(f"{entry.get('message_id', '')}: before any delivery")
        else:
            course.receipts.append(
                (
                    float(entry["at"]),
                    str(entry.get("disposition", "")),
                    str(entry.get("code", "")),
                    str(entry.get("error", "")),
                )
            )
    return tuple(put_aside)
