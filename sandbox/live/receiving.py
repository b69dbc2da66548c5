"""What a recipient's software does with what is new in its INBOX: read, file, answer.

A receipt is sent once a mailbox: `$MDNSent` is set before it leaves, by a STORE that fails where
another holder of the mailbox was first (RFC 3503 §3.1, RFC 7162 §3.1.3).
"""

from __future__ import annotations

import imaplib
import re
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from datetime import datetime
from email.parser import BytesParser
from email.policy import compat32
from typing import Any

from sandbox.messages.compose import ARCHIVE
from sandbox.messages.facts import header_fields
from sandbox.messages.integration import ApplicationRecord, code_for
from sandbox.messages.patients import patient
from sandbox.messages.receipts import Disposition, ReceiptVerdict, make_receipt, may_answer
from sandbox.messages.rules import RuleBreachError
from sandbox.messages.xdm import read_xdm

__all__ = ["Answered", "receive_all"]

KNOWN_PATIENTS = 1000  # of the fictitious ones, that an application of the sandbox knows
_MARK = "$MDNSent"
_MODSEQ = re.compile(rb"MODSEQ \(([0-9]+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What was done with one message.

    Attributes:
        uid: in INBOX.
        message_id: with its brackets.
        sent: disposition of the receipt that was sent; empty: none.
        code: of an integration that failed.
        reason: why none was sent.
    """

    uid: int
    message_id: str
    sent: str = ""
    code: str = ""
    reason: str = ""

    def tree(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def receive_all(
    imap: imaplib.IMAP4, post: Callable[[bytes, str], None], *, mailbox: str, integrates: bool,
    manual: bool, at: datetime, unknown: Collection[int] = (), seed: int = 1,
) -> list[Answered]:  # fmt: skip
    r"""Read all that is not `\Seen` in the selected folder, and answer what asks for it.

    Args:
        imap: logged in, INBOX selected.
        post: sends a receipt to an address.
        mailbox: whose it is.
        integrates: an application files documents; else a person reads.
        manual: a person agrees to receipts that software may not send by itself.
        at: date of receipts.
        unknown: numbers of fictitious patients that the application does not know.
        seed: of the fictitious patients.
    """
    register = ApplicationRecord(
        {
            each.matricule: each
            for each in (patient(seed, n) for n in range(KNOWN_PATIENTS) if n not in unknown)
        }
    )
    found = []
    for uid, flags, modseq, content in _messages(imap):
        code = _filed(content, register) if integrates else ""
        if "\\Seen" in flags:
            continue
        found.append(
            _answer(
                imap, post, uid, content, mailbox=mailbox, integrates=integrates, manual=manual,
                at=at, code=code, answered=_MARK in flags, modseq=modseq,
            )
        )  # fmt: skip
        imap.uid("STORE", str(uid), "+FLAGS.SILENT", "(\\Seen)")
    return found


def _messages(imap: imaplib.IMAP4) -> list[tuple[int, set[str], int, bytes]]:
    _, data = imap.uid("SEARCH", "ALL")
    found = []
    for uid in (data[0] or b"").split():
        _, parts = imap.uid("FETCH", uid.decode(), "(UID FLAGS MODSEQ BODY.PEEK[])")
        for part in parts:
            if isinstance(part, tuple):
                flags = {each.decode() for each in imaplib.ParseFlags(part[0])}
                modseq = _MODSEQ.search(part[0])
                found.append((int(uid), flags, int(modseq[1]) if modseq else 0, part[1]))
    return found


def _answer(
    imap: imaplib.IMAP4, post: Callable[[bytes, str], None], uid: int, content: bytes, *,
    mailbox: str, integrates: bool, manual: bool, at: datetime, code: str, answered: bool,
    modseq: int,
) -> Answered:  # fmt: skip
    message_id = str(header_fields(content).get("Message-ID", "")).strip()
    answer = may_answer(content, mailbox, answered=answered)
    by_hand = answer.verdict is ReceiptVerdict.ASK and manual
    if answer.verdict is not ReceiptVerdict.SEND and not by_hand:
        return Answered(uid=uid, message_id=message_id, code=code, reason=answer.reason)
    if not _taken(imap, uid, modseq):
        return Answered(uid=uid, message_id=message_id, code=code, reason="answered")
    disposition = Disposition.PROCESSED if integrates else Disposition.DISPLAYED
    receipt = make_receipt(
        content, mailbox=mailbox, to=answer.to, at=at,
        message_id=f"<receipt-{uid}.{int(at.timestamp())}.{mailbox}>",
        disposition=disposition, code=code, manual=by_hand or not integrates,
    )  # fmt: skip
    try:
        post(receipt, answer.to)
    except BaseException:
        imap.uid("STORE", str(uid), "-FLAGS.SILENT", f"({_MARK})")
        raise
    return Answered(uid=uid, message_id=message_id, sent=str(disposition), code=code)


def _taken(imap: imaplib.IMAP4, uid: int, modseq: int) -> bool:
    """Set `$MDNSent`; False where the message has changed since it was read."""
    condition = f"(UNCHANGEDSINCE {modseq})"
    status, _ = imap.uid("STORE", str(uid), condition, "+FLAGS.SILENT", f"({_MARK})")
    _, changed = imap.response("MODIFIED")
    return status == "OK" and changed == [None]


def _filed(content: bytes, register: ApplicationRecord) -> str:
    """File the documents of a message; return the code of the first that cannot be."""
    message = BytesParser(policy=compat32).parsebytes(content)
    for part in message.walk():
        payload = part.get_payload(decode=True)
        if str(part.get_filename() or "").upper() != ARCHIVE or not isinstance(payload, bytes):
            continue
        try:
            xdm = read_xdm(payload)
        except RuleBreachError:
            return "906"
        if xdm.faults or not xdm.documents:
            return "906"
        for header in xdm.documents.values():
            code = code_for(header, register)
            if code:
                return code
            register.file(header)
    return ""
