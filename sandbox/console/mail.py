"""Mailboxes of a space, looked into from beside, and messages sent as anybody, by any method."""

from __future__ import annotations

import imaplib
import smtplib
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any

from sandbox.console.answers import MissingError
from sandbox.console.letter import harmless, letter
from sandbox.live.cli_mail import shown
from sandbox.live.mailer import MailError, Way, choose, open_imap, open_smtp
from sandbox.live.writing import LARGEST, write_letter
from sandbox.messages.policy import MAIL
from sandbox.messages.stock import DocumentChoice, stock_letter
from sandbox.observations.schema import Words
from sandbox.operators.mail import Folder, MessageRow
from sandbox.operators.store import StoreError
from sandbox.operators.store.looking import StoreSnapshot, looking
from sandbox.space.errors import UserError
from sandbox.space.methods import Method

__all__ = [
    "CardRefusal",
    "ListedMailbox",
    "ListedMessage",
    "MailAttempt",
    "StoreMailboxes",
    "compose",
    "log_in",
    "send",
    "send_stocked",
]

# Why a person's card does not sign now, None when it does.
CardRefusal = Callable[[str], Words | None]
_FILES = 20  # attachments of a message
_SEARCHED = 2_000  # newest messages of a folder that a search reads
_SEARCHED_BYTES = 1_000_000  # of each, where its text is looked for
_HEAD = 64 * 1024  # bytes of a message of which a list shows the header


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedMailbox:
    """A mailbox in the list."""

    address: str
    operator: str
    type: str
    messages: int
    unread: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedMessage:
    """A message in a list."""

    uid: int
    at: float
    size: int
    seen: bool
    sender: str
    to: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailAttempt:
    """What became of a login or of a message.

    Attributes:
        ok: whether it was accepted.
        told: in the server's own words.
        operator, port: of the connection, to find its story: the label, and the client's port.
        message_id: of a message that was sent.
    """

    ok: bool
    told: str
    operator: str
    port: int
    message_id: str = ""


class StoreMailboxes:
    """Looks into the stores of a space.

    Args:
        stores: file by operator.
    """

    def __init__(self, stores: Mapping[str, Path]) -> None:
        self._stores = dict(stores)

    def boxes(self, accounts: list[dict[str, Any]]) -> list[ListedMailbox]:
        """Return the mailboxes that somebody may log in to."""
        counts: dict[str, tuple[int, int]] = {}
        for path in self._stores.values():
            with looking(path) as look:
                counts |= look.counts()
        return [
            ListedMailbox(
                address=each["address"], operator=each["operator"], type=each["type"],
                messages=counts.get(each["address"], (0, 0))[0],
                unread=counts.get(each["address"], (0, 0))[1],
            )
            for each in accounts
        ]  # fmt: skip

    def folders(self, operator: str, address: str) -> list[Folder]:
        """Return the folders of a mailbox.

        Raises:
            MissingError: no such mailbox.
        """
        with self._look(operator) as look:
            return _folders(look, address)

    def rows(
        self, operator: str, address: str, folder: str, search: str, limit: int
    ) -> list[ListedMessage]:
        """Return the newest messages of a folder; of those that a search finds, if there is one.

        A search is for a part of the sender, the recipients, the subject or the text.

        Raises:
            MissingError: no such mailbox or folder.
        """
        found: list[ListedMessage] = []
        with self._look(operator) as look:
            place = _folder(look, address, folder)
            for row in look.newest(place.id, _SEARCHED if search else limit):
                line = _row(row, look.head(row.message, _HEAD))
                if not search or _has(line, look, row, search.lower()):
                    found.append(line)
                if len(found) >= limit:
                    break
        return found

    def content(self, operator: str, address: str, folder: str, uid: int) -> bytes:
        """Return a message.

        Raises:
            MissingError: no such message.
        """
        with self._look(operator) as look:
            row = look.message(_folder(look, address, folder).id, uid)
            if row is None:
                raise MissingError("aucun message de ce numéro", "no message of that number",
                                   where=f"uid {uid}")  # fmt: skip
            return look.content(row.message)

    def _look(self, operator: str) -> AbstractContextManager[StoreSnapshot]:
        if operator not in self._stores:
            raise MissingError("opérateur inconnu", "unknown operator", where=operator[:60])
        return looking(self._stores[operator])


def _folders(look: StoreSnapshot, address: str) -> list[Folder]:
    try:
        found = look.folders(address.lower())
    except StoreError:
        raise MissingError("aucune BAL de cet espace", "no mailbox of this space",
                           where=address[:80]) from None  # fmt: skip
    return sorted(found, key=lambda each: (each.name != "INBOX", each.name))


def _folder(look: StoreSnapshot, address: str, name: str) -> Folder:
    for each in _folders(look, address):
        if each.name == name:
            return each
    raise MissingError("aucun dossier de ce nom", "no folder of that name", where=name[:80])


def _row(row: MessageRow, head: bytes) -> ListedMessage:
    heads = shown(head)
    return ListedMessage(
        uid=row.uid, at=row.internal_date, size=row.size, seen="\\Seen" in row.flags,
        sender=heads["from"], to=heads["to"], subject=heads["subject"],
    )  # fmt: skip


def _has(line: ListedMessage, look: StoreSnapshot, row: MessageRow, search: str) -> bool:
    if search in f"{line.sender} {line.to} {line.subject}".lower():
        return True
    # Of a large message the text comes first, attachments after it.
    return search in letter(look.head(row.message, _SEARCHED_BYTES)).text.lower()


def compose(
    sheet: dict[str, Any], sender: str, recipients: Sequence[str], data: Mapping[str, Any]
) -> tuple[str, bytes]:
    """Make a message of what a form gives; return its message id and its octets.

    Args:
        sheet: of the space.
        sender: mailbox.
        recipients: mailboxes.
        data: `subject`, `text`; `attachments`, each `name` and `content` in base64; `document`, the
            type of a health document, with `patient`, the number of a fictitious one; `receipt`;
            `html`, in place of a document.

    Raises:
        UserError: an address or a subject that no header can have, attachments that are none, or
            too large.
    """
    files = _attached(data.get("attachments", []))
    if not data.get("html"):
        letter, content = write_letter(
            sheet, sender, recipients, subject=str(data.get("subject", "")),
            body=str(data.get("text", "")), attachments=files,
            document=str(data.get("document", "")), number=int(data.get("patient", 1)),
            receipt=bool(data.get("receipt", False)),
        )  # fmt: skip
        return letter.message_id, content
    message = EmailMessage(policy=MAIL)
    try:
        message["From"], message["To"] = sender, ", ".join(recipients)
        message["Subject"] = str(data.get("subject", ""))
    except ValueError as error:
        raise UserError("adresse ou objet impossible dans un en-tête",
                        "address or subject that no header can have",
                        then=f"({error})") from None  # fmt: skip
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
    message.set_content(str(data.get("text", "")) or "\n")
    message.add_alternative(str(data["html"]), subtype="html")
    for name, octets in files:
        message.add_attachment(
            octets, maintype="application", subtype="octet-stream", filename=name
        )
    content = message.as_bytes()
    if len(content) > LARGEST:
        raise UserError(
            f"au-dessus de {LARGEST // 2**20} Mo", f"above {LARGEST // 2**20} MB", where="message"
        )
    return str(message["Message-ID"]), content


def _attached(given: Any) -> list[tuple[str, bytes]]:
    """Return the files that a form gives, by names that a header can have."""
    wrong = UserError(f"attendu, {_FILES} au plus", f"expected, {_FILES} at most",
                      where="attachments", then="[{name, content: base64}]")  # fmt: skip
    if not isinstance(given, list) or len(given) > _FILES:
        raise wrong
    found = []
    for each in given:
        if not isinstance(each, dict) or set(each) != {"name", "content"}:
            raise wrong
        name, content = each["name"], each["content"]
        if not (isinstance(name, str) and isinstance(content, str)):
            raise wrong
        base = name.replace("\\", "/").rpartition("/")[2].strip()
        try:
            octets = b64decode(content, validate=True)
        except ValueError:
            raise wrong from None
        found.append((harmless(base)[:150] or "piece-jointe", octets))
    return found


def _way(sheet: dict[str, Any], data: Mapping[str, Any], protocol: str) -> Way:
    names = ("method", "design", "holder")
    way = choose(sheet, str(data["address"]), protocol,
                 **{name: str(data.get(name, "")) for name in names})  # fmt: skip
    if data.get("mistake"):
        way = replace(way, secrets=_mistaken(way))
    return way


def _mistaken(way: Way) -> dict[str, Any]:
    """Return secrets with the fault that a person makes: a wrong password, or another's mailbox."""
    secrets = dict(way.secrets)
    if "password" in secrets:
        return {**secrets, "password": f"{secrets['password']}x"}
    others = (each["address"] for each in way.sheet["accounts"])
    domain = way.address.rpartition("@")[2]
    other = next(a for a in others if a != way.address and a.endswith(f"@{domain}"))
    return {**secrets, "authzid": other}


def _signs(_identity: str) -> Words | None:
    return None


def log_in(
    sheet: dict[str, Any], data: Mapping[str, Any], card: CardRefusal = _signs
) -> MailAttempt:
    """Log in to a mailbox over IMAP and out again; a telephone may have to be answered meanwhile.

    Args:
        sheet: of the space.
        data: `address`; `method`, `design`, `holder`; `mistake`: as somebody who errs.
        card: says why a person's card does not sign.

    Raises:
        UserError: no such account, method or design.
    """
    way = _way(sheet, data, "imap")
    if (unsigned := _unsigned(way, card)) is not None:
        return unsigned
    try:
        imap = open_imap(way, lambda _: None)
        told = imap.welcome.decode("utf-8", "replace") if imap.welcome else ""
        imap.logout()
    except (MailError, imaplib.IMAP4.error, OSError) as error:
        return _attempt(way, str(error), ok=False)
    return _attempt(way, told, ok=True)


def send(sheet: dict[str, Any], data: Mapping[str, Any], card: CardRefusal = _signs) -> MailAttempt:
    """Send a message as an account, by a method; see `log_in` and `compose`."""
    way = _way(sheet, data, "smtp")
    recipients = [each.strip() for each in str(data["to"]).split(",") if each.strip()]
    if not recipients:
        raise UserError("un destinataire au moins", "one recipient at least", where="to")
    message_id, content = compose(sheet, way.address, recipients, data)
    return _sent(way, recipients, message_id, content, card)


def send_stocked(
    sheet: dict[str, Any], data: Mapping[str, Any], document: DocumentChoice
) -> MailAttempt:
    """Send a message with a document made beforehand, as an account, to one mailbox."""
    way = _way(sheet, data, "smtp")
    recipients = [str(data["to"])]
    message_id = make_msgid(domain=way.address.rpartition("@")[2])
    content = stock_letter(
        document, sender=way.address, recipients=recipients, message_id=message_id,
        at=datetime.now(UTC).replace(microsecond=0),
    )  # fmt: skip
    return _sent(way, recipients, message_id, content, _signs)


def _sent(
    way: Way, recipients: Sequence[str], message_id: str, content: bytes, card: CardRefusal
) -> MailAttempt:
    if (unsigned := _unsigned(way, card)) is not None:
        return unsigned
    try:
        with open_smtp(way, lambda _: None) as smtp:
            refused = smtp.sendmail(way.address, recipients, content)
    except smtplib.SMTPRecipientsRefused as error:
        refused = error.recipients
        return _attempt(way, _refusals(refused), ok=False)
    except (MailError, smtplib.SMTPException, OSError) as error:
        return _attempt(way, str(error), ok=False)
    told = _refusals(refused) if refused else "250"
    return _attempt(way, told, ok=not refused, message_id=message_id)


def _unsigned(way: Way, card: CardRefusal) -> MailAttempt | None:
    """Return what becomes of who logs in by a card that does not sign: no connection is made."""
    why = card(way.identity) if way.method is Method.CPS else None
    return None if why is None else _attempt(way, f"{why.french} / {why.english}", ok=False)


def _refusals(refused: Mapping[str, tuple[int, bytes]]) -> str:
    return "; ".join(
        f"{address}: {code} {text.decode('utf-8', 'replace')}"
        for address, (code, text) in refused.items()
    )


def _attempt(way: Way, told: str, *, ok: bool, message_id: str = "") -> MailAttempt:
    domain = way.address.rpartition("@")[2]
    operator = next(e["name"] for e in way.sheet["operators"] if e["domain"] == domain)
    return MailAttempt(
        ok=ok, told=harmless(told)[:500], operator=operator, port=way.ports[-1] if way.ports else 0,
        message_id=message_id,
    )  # fmt: skip
