"""Delivery status notifications: when one is due (RFC 3461), and what it says (RFC 3464, 6533).

Bytes out, nothing else: the same outcome at the same instant gives the same notification.
"""

from __future__ import annotations

import hashlib
import quopri
import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.header import Header
from email.utils import formatdate

from sandbox.operators.mail import Action, Envelope, Outcome, Recipient

__all__ = ["Reporter", "is_due", "notification"]

# For each action: subject, opening and end of the letter, French and English.
_TEXTS: dict[str, tuple[tuple[str, str], tuple[str, str], tuple[str, str]]] = {
    "failed": (
        ("Message non remis", "Undelivered mail"),
        (
            "Votre message n'a pas pu être remis à :",
            "Your message could not be delivered to:",
        ),
        (
            "Aucun autre essai ne sera fait. Corrigez ce qui est indiqué, puis envoyez à nouveau.",
            "No further attempt will be made. Mend what is said above, then send again.",
        ),
    ),
    "delayed": (
        ("Message retardé", "Delayed mail"),
        (
            "Votre message attend encore d'être remis à :",
            "Your message is still waiting to be delivered to:",
        ),
        (
            "Vous n'avez rien à faire : les essais continuent.",
            "You need not do anything: the attempts go on.",
        ),
    ),
    "delivered": (
        ("Message remis", "Delivered mail"),
        (
            "Votre message a été déposé dans la boîte de :",
            "Your message was put into the mailbox of:",
        ),
        (
            "Ceci ne dit pas qu'il a été lu.",
            "This does not say that it has been read.",
        ),
    ),
    "relayed": (
        ("Message transmis", "Relayed mail"),
        (
            "Votre message a été transmis à un relais qui n'annonce pas la remise, pour :",
            "Your message was passed to a relay that does not report delivery, for:",
        ),
        (
            "Aucun autre avis ne suivra, sauf échec.",
            "No further notice will follow, unless it fails.",
        ),
    ),
}


def subject(action: Action) -> str:
    """Return the subject, encoded for a header."""
    french, english = _TEXTS[action][0]
    return Header(f"{french} / {english}", "utf-8", maxlinelen=60, header_name="Subject").encode(
        linesep="\r\n"
    )


def human_part(outcomes: Sequence[Outcome], action: Action, *, host: str) -> bytes:
    """Return the letter with its MIME headers."""
    _, opening, ending = _TEXTS[action]
    lines: list[str] = []
    for language in (0, 1):
        lines += [opening[language], ""]
        for each in outcomes:
            lines += [f"  {each.recipient.address}", *_details(each, language), ""]
        lines += [ending[language], "", f"-- {host}", ""]
    text = quopri.encodestring("\n".join(lines).encode()).replace(b"\n", b"\r\n")
    head = (
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    return head.encode() + text


def _details(each: Outcome, language: int) -> list[str]:
    reason = (each.french, each.english)[language]
    lines = [f"    {reason}"] if reason else []
    if each.reply:
        said = ("a répondu :", "said:")[language]
        lines.append(f"    {each.remote or '?'} {said} {' '.join(each.reply.split())[:900]}")
    if each.retry_until is not None:
        until = ("Essais jusqu'au", "Attempts until")[language]
        lines.append(f"    {until} {formatdate(each.retry_until)}")
    return lines


_HEADER_END = re.compile(rb"\r?\n\r?\n")
_MESSAGE_ID = re.compile(rb"^message-id:[ \t]*(?:\r?\n[ \t]+)?(<[!-;=?-~]{1,500}>)", re.I | re.M)
_XTEXT = re.compile(r"\+([0-9A-F]{2})")


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who reports: host name of the relay, the address that notifications come from.

    A `failure` is the subject of a failed delivery where the operator has its own.
    """

    host: str
    address: str
    failure: str = ""


# What NOTIFY has to hold for an action (RFC 3461 §4.1).
_ASKED = {
    Action.FAILED: "FAILURE",
    Action.DELAYED: "DELAY",
    Action.DELIVERED: "SUCCESS",
    Action.RELAYED: "SUCCESS",
}


def is_due(envelope: Envelope, recipient: Recipient, action: Action) -> bool:
    """Tell whether the sender is to be told.

    A notification is never answered by another (null reverse-path). Without NOTIFY, failures are
    told, and delays too, as RFC 3461 §4.1 leaves to the server.
    """
    if not envelope.reverse_path or "NEVER" in recipient.notify:
        return False
    if not recipient.notify:
        return action in (Action.FAILED, Action.DELAYED)
    return _ASKED[action] in recipient.notify


def notification(
    envelope: Envelope,
    content: bytes,
    outcomes: Sequence[Outcome],
    *,
    reporter: Reporter,
    queue_id: str,
    accepted_at: float,
    now: float,
) -> tuple[Envelope, bytes]:
    """Return the notification about the outcomes of which one is due, with its envelope.

    Args:
        envelope: of the message reported on; its recipients do not matter.
        content: of the message reported on.
        outcomes: of one action, one a recipient; due for at least one (`is_due`).
        reporter: who reports.
        queue_id: of the message reported on.
        accepted_at: when it was accepted, seconds since 1970.
        now: date of the notification, seconds since 1970.
    """
    due = [each for each in outcomes if is_due(envelope, each.recipient, each.action)]
    action = due[0].action
    key = f"{queue_id} {action} {now} {' '.join(each.recipient.address for each in due)}"
    token = hashlib.blake2b(key.encode(), digest_size=12).hexdigest()
    parts = [
        human_part(due, action, host=reporter.host),
        _status_part(due, envelope, reporter, accepted_at),
        _returned_part(envelope, content, action),
    ]
    boundary = _boundary(token, parts)
    title = (action is Action.FAILED and reporter.failure) or subject(action)
    head = [
        f"From: Mail Delivery System <{reporter.address}>",
        f"To: <{_one_line(envelope.reverse_path)}>",
        f"Subject: {title}",
        f"Date: {formatdate(now)}",
        f"Message-ID: <{token}@{reporter.host}>",
        *_thread(content),
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        "Content-Type: multipart/report; report-type=delivery-status;",
        f'\tboundary="{boundary}"',
        "",
        "",
    ]
    delimiter = f"--{boundary}\r\n".encode()
    body = b"".join(delimiter + part + b"\r\n" for part in parts)
    whole = "\r\n".join(head).encode() + body + f"--{boundary}--\r\n".encode()
    answer = Envelope(
        reverse_path="",
        recipients=(Recipient(address=envelope.reverse_path, notify=("NEVER",)),),
        body="7BIT" if whole.isascii() else "8BITMIME",
        smtputf8=not envelope.reverse_path.isascii(),
    )
    return answer, whole


def _boundary(token: str, parts: Sequence[bytes]) -> str:
    boundary, tries = token, 0
    while any(f"--{boundary}".encode() in part for part in parts):
        tries += 1
        boundary = f"{token}-{tries}"
    return boundary


def _thread(content: bytes) -> list[str]:
    found = _MESSAGE_ID.search(_head(content))
    if found is None:
        return []
    return [f"In-Reply-To: {found[1].decode()}", f"References: {found[1].decode()}"]


def _status_part(
    outcomes: Sequence[Outcome], envelope: Envelope, reporter: Reporter, accepted_at: float
) -> bytes:
    """Return the part that machines read, with its headers (RFC 3464 §2, RFC 6533 §3)."""
    fields = [f"Reporting-MTA: dns; {reporter.host}"]
    if envelope.envid:
        fields.append(f"Original-Envelope-Id: {_one_line(_xtext(envelope.envid))}")
    fields.append(f"Arrival-Date: {formatdate(accepted_at)}")
    for each in outcomes:
        fields += ["", *_recipient_fields(each)]
    text = "\r\n".join(fields)
    kind, encoding = (
        ("message/delivery-status", "7bit")
        if text.isascii()
        else ("message/global-delivery-status", "8bit")
    )
    head = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return f"{head}{text}\r\n".encode()


def _recipient_fields(each: Outcome) -> list[str]:
    fields = []
    kind, _, original = each.recipient.orcpt.partition(";")
    if original:
        fields.append(f"Original-Recipient: {_one_line(kind)}; {_one_line(_xtext(original))}")
    address = _one_line(each.recipient.address)
    family = "rfc822" if address.isascii() else "utf-8"
    fields += [f"Final-Recipient: {family}; {address}", f"Action: {each.action}"]
    fields.append(f"Status: {each.status}")
    if each.remote:
        fields.append(f"Remote-MTA: dns; {each.remote}")
    if each.reply:
        fields.append(_folded(f"Diagnostic-Code: smtp; {_ascii(each.reply)}"))
    if each.at is not None:
        fields.append(f"Last-Attempt-Date: {formatdate(each.at)}")
    if each.retry_until is not None:
        fields.append(f"Will-Retry-Until: {formatdate(each.retry_until)}")
    return fields


def _returned_part(envelope: Envelope, content: bytes, action: Action) -> bytes:
    """Return what comes back of the message: all of it only for a failure that asked so.

    RET is about failures alone (RFC 3461 §4.3); where it is not given, a health document has no
    reason to travel again.
    """
    head = _head(content)
    full = action is Action.FAILED and envelope.ret == "FULL"
    returned = content if full else head
    plain = head.isascii() or not _is_utf8(head)
    kind = {
        (True, True): "message/rfc822",
        (True, False): "message/global",
        (False, True): "text/rfc822-headers",
        (False, False): "message/global-headers",
    }[full, plain]
    encoding = "7bit" if returned.isascii() else "8bit"
    top = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return top.encode() + returned


def _head(content: bytes) -> bytes:
    found = _HEADER_END.search(content)
    return content if found is None else content[: found.start()] + b"\r\n"


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _xtext(text: str) -> str:
    """Undo xtext (RFC 3461 §4)."""
    return _XTEXT.sub(lambda found: chr(int(found[1], 16)), text)


def _one_line(text: str) -> str:
    """Return a text that cannot end a field: a peer chose it."""
    return "".join(c if c.isprintable() else "?" for c in text)[:900]


def _ascii(text: str) -> str:
    flat = " ".join(text.split())
    return "".join(c if " " <= c <= "~" else "?" for c in flat)[:900]


def _folded(field: str) -> str:
    lines = [""]
    for word in field.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) > 75:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip() if lines[-1] else word
    return "\r\n\t".join(lines)
