"""Receipts: who may be told that a message was read or integrated, how, and what he was told.

A read receipt is a message disposition notification (RFC 8098). An acknowledgement of integration
is one too, sent by an application, with an error code where it could not integrate (volet
"transmission d'un document CDA par courriel MSS" of ANS; domain.md §1.5).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.policy import SMTP, compat32
from email.utils import format_datetime, getaddresses
from enum import StrEnum
from functools import cache

from sandbox.messages import facts
from sandbox.messages.compose import NIL
from sandbox.messages.rules import RuleBreachError
from sandbox.space.tables import rows

__all__ = [
    "ERROR_CODES",
    "Disposition",
    "Receipt",
    "ReceiptAnswer",
    "ReceiptVerdict",
    "make_receipt",
    "may_answer",
    "read_receipt",
    "receipt_figures",
]


@cache
def receipt_figures() -> Mapping[str, float]:
    """Return how long receipts take and how many say no, by key of `data/receipts.csv`."""
    return {row["key"]: float(row["value"]) for row in rows("receipts.csv")}


# Codes of a failed integration (volet of ANS, error codes), in our words.
ERROR_CODES: dict[str, tuple[str, str]] = {
    "900": ("version qui n'est pas la suivante", "not the next version of the document"),
    "901": ("auteur sans droit sur le document", "author without a right to the document"),
    "902": ("patient inconnu", "unknown patient"),
    "903": ("INS absente du document", "no INS in the document"),
    "904": ("INS autre que celle qui est connue", "an INS other than the one known"),
    "905": ("INS sans tous ses traits", "an INS without all of its traits"),
    "906": ("autre erreur", "another error"),
}

# HL7 codes that the volet takes beside ours (HL7 table 0357).
_HL7_CODES = frozenset(
    ("0", "100", "101", "102", "103", "198", "199", "200", "201", "202", "203", "207")
)
KO = "[KO Intégration système !]"
MOST_BYTES = 64 * 1024 * 1024  # of a receipt: it returns the message
_DISPOSITION = re.compile(
    r"\s*(manual-action|automatic-action)\s*/\s*(mdn-sent-manually|mdn-sent-automatically)\s*;"
    r"\s*([a-z]{1,20})\s*(?:/\s*([^:]{1,40}?)\s*)?(?::\s*(.{0,400}))?",
    re.IGNORECASE | re.DOTALL,
)
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,996}>")


class Disposition(StrEnum):
    """What became of a message in the hands of its recipient (RFC 8098 §3.2.6.2)."""

    DISPLAYED = "displayed"
    PROCESSED = "processed"
    DISPATCHED = "dispatched"
    DELETED = "deleted"


class ReceiptVerdict(StrEnum):
    """Whether software may answer a request for a receipt."""

    SEND = "send"
    ASK = "ask"  # the person
    NO = "no"


@dataclass(frozen=True, slots=True)
class ReceiptAnswer:
    """A verdict, with the reason in a word and the clause."""

    verdict: ReceiptVerdict
    reason: str = ""
    clause: str = ""
    to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a receipt says.

    Attributes:
        message_id: of the receipt.
        original: Message-ID of the message that it is about.
        recipient: final recipient, lower case.
        disposition: what became of the message.
        manual: whether the recipient decided to send it.
        code: of the error, empty for success.
        error: its words.
    """

    message_id: str
    original: str
    recipient: str
    disposition: Disposition
    manual: bool
    code: str = ""
    error: str = ""


def may_answer(content: bytes, mailbox: str, *, answered: bool = False) -> ReceiptAnswer:
    """Say whether a receipt may be sent for a message that was delivered to a mailbox.

    One receipt a message and mailbox: in an ORG mailbox `$MDNSent`, which all of its holders see,
    is set by the first (RFC 3503); the receipt is the mailbox's, not the holder's.

    Args:
        content: as delivered, with its Return-Path.
        mailbox: that it was delivered to.
        answered: whether it has `$MDNSent` there.
    """
    fields = facts.header_fields(content)
    asked = [
        address for _, address in getaddresses(fields.get_all(facts.RECEIPT_TO) or []) if address
    ]
    path = _address(str(fields.get("Return-Path", "")))
    if not asked:
        return ReceiptAnswer(ReceiptVerdict.NO, "not-asked", "RFC 8098 §2.1")
    if facts.facts_of_fields(fields).kind is not facts.MessageKind.MESSAGE:
        return ReceiptAnswer(ReceiptVerdict.NO, "is-a-report", "RFC 8098 §2.1")
    if answered:
        return ReceiptAnswer(ReceiptVerdict.NO, "answered", "RFC 3503 §3")
    if len(asked) > 1 or "@" not in asked[0]:
        return ReceiptAnswer(ReceiptVerdict.NO, "several-addresses", "RFC 8098 §2.1")
    to = asked[0].lower()
    if to == mailbox.lower():
        return ReceiptAnswer(ReceiptVerdict.NO, "to-itself", "RFC 8098 §2.1")
    if str(fields.get("Auto-Submitted", "no")).strip().lower() != "no" or not path:
        return ReceiptAnswer(ReceiptVerdict.NO, "automatic", "RFC 3834 §2, RFC 8098 §2.1")
    if to != path.lower():
        return ReceiptAnswer(ReceiptVerdict.ASK, "other-address", "RFC 8098 §2.1", to)
    named = getaddresses(fields.get_all("To", []) + fields.get_all("Cc", []))
    if mailbox.lower() not in {address.lower() for _, address in named}:
        return ReceiptAnswer(ReceiptVerdict.ASK, "not-named", "RFC 8098 §2.1", to)
    return ReceiptAnswer(ReceiptVerdict.SEND, to=to)


def _address(text: str) -> str:
    found = getaddresses([text])
    return found[0][1] if len(found) == 1 and "@" in found[0][1] else ""


def make_receipt(
    content: bytes, *, mailbox: str, to: str, at: datetime, message_id: str,
    disposition: Disposition = Disposition.DISPLAYED, code: str = "", manual: bool = False,
) -> bytes:  # fmt: skip
    """Return the receipt for a message: of its reading, or of its integration.

    A receipt of reading returns the header; one of integration (`processed`) the whole message,
    with the archive and its copy after it, as the volet of ANS asks.

    Args:
        content: the message, as delivered.
        mailbox: whose receipt it is.
        to: who asked.
        at: when.
        message_id: of the receipt, with its brackets.
        disposition: what became of the message.
        code: of `ERROR_CODES` where an integration failed.
        manual: whether a person decided to send it.

    Raises:
        KeyError: no such code.
    """
    fields = facts.header_fields(content)
    original = str(fields.get("Message-ID", "")).strip()
    words = ERROR_CODES[code][0] if code else ""
    title = facts.subject_of(fields)
    integrated = disposition is Disposition.PROCESSED
    head = EmailMessage(policy=SMTP)
    head["From"] = Address(addr_spec=mailbox)
    head["To"] = Address(addr_spec=to)
    head["Subject"] = f"{KO}[{code}] {title}" if code else title if integrated else f"Lu : {title}"
    head["Date"] = format_datetime(at)
    head["Message-ID"] = message_id
    if original:
        head["In-Reply-To"] = head["References"] = original
    head["Auto-Submitted"] = "auto-replied"
    head[facts.NIL] = NIL
    head["MIME-Version"] = "1.0"
    parts = [
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        + _text(mailbox, disposition, code, words).encode(),
        _machine(fields, mailbox, original, disposition, code, words, manual=manual),
        *(_whole(content) if integrated else _header_alone(content)),
    ]
    token = re.sub(r"[^A-Za-z0-9]", "", message_id)[:40]
    boundary = next(
        mark
        for mark in (f"=_{token}.{number}" for number in itertools.count())
        if not any(f"--{mark}".encode() in part for part in parts)
    )
    kind = (
        "Content-Type: multipart/report; report-type=disposition-notification;\r\n"
        f'\tboundary="{boundary}"\r\n\r\n'
    )
    body = b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts)
    return (
        head.as_bytes().rstrip(b"\r\n")
        + b"\r\n"
        + kind.encode()
        + body
        + f"--{boundary}--\r\n".encode()
    )


def _text(mailbox: str, disposition: Disposition, code: str, words: str) -> str:
    if code:
        english = ERROR_CODES[code][1]
        return (
            f"Le message ci-dessous n'a pas pu être intégré à {mailbox} : {code}, {words}.\r\n"
            f"The message below could not be integrated at {mailbox}: {code}, {english}.\r\n"
        )
    done = {
        Disposition.DISPLAYED: ("affiché", "displayed"),
        Disposition.PROCESSED: ("intégré", "integrated"),
        Disposition.DISPATCHED: ("transmis", "passed on"),
        Disposition.DELETED: ("supprimé", "deleted"),
    }[disposition]
    return (
        f"Le message envoyé à {mailbox} a été {done[0]} ; rien ne dit qu'il a été compris.\r\n"
        f"The message sent to {mailbox} was {done[1]}; nothing says that it was understood.\r\n"
    )


def _machine(
    fields: Message[str, str], mailbox: str, original: str, disposition: Disposition, code: str,
    words: str, *, manual: bool,
) -> bytes:  # fmt: skip
    mode = "manual-action/MDN-sent-manually" if manual else (
        "automatic-action/MDN-sent-automatically"
    )  # fmt: skip
    first = str(fields.get("Original-Recipient", "")).strip() or f"rfc822; {mailbox}"
    lines = [
        f"Reporting-UA: {mailbox.rpartition('@')[2]}; mssante-sandbox",
        f"Original-Recipient: {_one_line(first)}",
        f"Final-Recipient: rfc822; {mailbox}",
        *([f"Original-Message-ID: {_one_line(original)}"] if original else []),
        f"Disposition: {mode}; {disposition}{f'/Error: {code}^{words}' if code else ''}",
    ]
    encoding = "8bit" if words and not words.isascii() else "7bit"
    return (
        "Content-Type: message/disposition-notification\r\n"
        f"Content-Transfer-Encoding: {encoding}\r\n\r\n" + "\r\n".join([*lines, ""])
    ).encode()


def _one_line(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text).strip()[:900]


def _header_alone(content: bytes) -> list[bytes]:
    found = re.search(rb"\r?\n\r?\n", content)
    header = content[: found.start()] if found else content
    return [_part("text/rfc822-headers", header)]


def _whole(content: bytes) -> list[bytes]:
    """Return the message, then its archive and copies, each as it came."""
    parts = [_part("message/rfc822", content)]
    parsed = BytesParser(policy=compat32).parsebytes(content)
    for part in parsed.walk():
        if part.get_content_type() in ("application/zip", "application/pdf"):
            parts.append(part.as_bytes(policy=SMTP).rstrip(b"\r\n"))
    return parts


def _part(kind: str, content: bytes) -> bytes:
    encoding = "7bit" if content.isascii() else "8bit"
    head = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return head.encode() + content


def read_receipt(content: bytes) -> Receipt:
    """Read a receipt, whoever made it.

    Raises:
        FaultError: `receipt-form`, `receipt-original`, `receipt-recipient`, `receipt-disposition`
            or `receipt-code`.
    """
    if len(content) > MOST_BYTES:
        raise RuleBreachError("mail-large", "receipt", f"{len(content)} > {MOST_BYTES}")
    fields = facts.header_fields(content)
    if facts.facts_of_fields(fields).kind is not facts.MessageKind.DISPOSITION:
        raise RuleBreachError("receipt-form", "Content-Type", str(fields.get_content_type()))
    machine = _machine_part(content)
    original = str(machine.get("Original-Message-ID", "")).replace(" ", "")
    if not _MESSAGE_ID.fullmatch(original):
        raise RuleBreachError("receipt-original", "Original-Message-ID", original)
    kind, _, recipient = str(machine.get("Final-Recipient", "")).partition(";")
    recipient = recipient.strip().lower()
    if kind.strip().lower() not in ("rfc822", "utf-8") or "@" not in recipient:
        raise RuleBreachError("receipt-recipient", "Final-Recipient", recipient)
    told = str(machine.get("Disposition", ""))
    found = _DISPOSITION.fullmatch(told)
    if found is None or found[3].lower() not in list(Disposition):
        raise RuleBreachError("receipt-disposition", "Disposition", told)
    code, words = "", ""
    if (found[4] or "").lower() in ("error", "failure"):
        code, _, words = (found[5] or "").strip().partition("^")
        code = code.strip()
        if code not in ERROR_CODES and code not in _HL7_CODES:
            raise RuleBreachError("receipt-code", "Disposition", code)
    return Receipt(
        message_id=str(fields.get("Message-ID", "")).strip(),
        original=original,
        recipient=recipient,
        disposition=Disposition(found[3].lower()),
        manual=found[1].lower() == "manual-action",
        code=code,
        error=_one_line(words),
    )


def _machine_part(content: bytes) -> Message[str, str]:
    for part in BytesParser(policy=compat32).parsebytes(content).walk():
        if part.get_content_type() != "message/disposition-notification":
            continue
        payload = part.get_payload()
        if isinstance(payload, list) and isinstance(payload[0], Message):  # of fields alone
            return payload[0]
        return facts.header_fields(str(payload).encode("utf-8", "replace"))
    raise RuleBreachError("receipt-form", "message/disposition-notification")
