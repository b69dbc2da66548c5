"""What a message says of itself in its header: enough to count it without opening it.

`X-MSS-CODECDA`, `X-MSS-INS`, `X-MSS-NIL` and `X-MSS-MES` are of référentiel #2 (ECO.2.4.1 to 2.4.3,
ECO.2.2.8; domain.md §1.4). A sender wrote them: a value that is none is not believed, and named in
`faults`. Whether they tell the truth is the business of `check`, which opens the documents.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from enum import StrEnum

__all__ = [
    "CODECDA",
    "END",
    "INS",
    "MES",
    "NIL",
    "QUALIFIED",
    "RECEIPT_TO",
    "UNQUALIFIED",
    "Facts",
    "MessageKind",
    "facts_of",
    "facts_of_fields",
    "header_fields",
    "subject_of",
]

CODECDA, INS, NIL, MES = "X-MSS-CODECDA", "X-MSS-INS", "X-MSS-NIL", "X-MSS-MES"
RECEIPT_TO = "Disposition-Notification-To"
QUALIFIED, UNQUALIFIED = "O", "N"  # values of X-MSS-INS
END = "FIN"  # value of X-MSS-MES
_END_SUBJECT = "[FIN]"  # the whole subject, no more (esante.gouv.fr, questions on Mon espace santé)
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_NIL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST_CODES = 50
MOST_HEADER = 256 * 1024  # bytes of a header that are read
_MOST_VALUE = 2_000  # characters of a field that are looked at
_END_OF_HEADER = re.compile(rb"\r?\n\r?\n")
# A field as all software writes it, with its folds; any other has the library read the header, one
# too whose first line is empty, which versions of the library unfold differently.
_FIELD = re.compile(rb"([!-9;-~]+):(?![ \t]*\r\n[ \t])([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)\r\n")


class MessageKind(StrEnum):
    """What a message is for, by the type that its header declares (RFC 6522)."""

    MESSAGE = "message"
    DISPOSITION = "disposition-notification"  # a receipt: read, or integrated (RFC 8098)
    DELIVERY = "delivery-status"  # RFC 3464


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What one header says.

    Attributes:
        kind: message, receipt, or delivery status notification.
        codes: types of the documents carried (LOINC, or a French code); empty: no document.
        ins: `O`, `N`, or empty where no document is carried.
        nil: product of the sender's software; empty where it does not say.
        end: a citizen may no longer answer.
        receipt_to: who asks for a read receipt, as written; empty: nobody.
        message_id: with its brackets; empty where there is none.
        faults: header fields whose value cannot be; they count as absent.
    """

    kind: MessageKind = MessageKind.MESSAGE
    codes: tuple[str, ...] = ()
    ins: str = ""
    nil: str = ""
    end: bool = False
    receipt_to: str = ""
    message_id: str = ""
    faults: tuple[str, ...] = ()

    @property
    def has_document(self) -> bool:
        """Whether a CDA document is said to be carried."""
        return bool(self.codes)


def header_fields(content: bytes) -> Message[str, str]:
    """Parse the header of a message, its first 256 kB at most; never raises."""
    end = _END_OF_HEADER.search(content, 0, MOST_HEADER)
    header = content[: end.end() if end else MOST_HEADER]
    return _plain(header) or BytesHeaderParser(policy=compat32).parsebytes(header)


def _plain(header: bytes) -> Message[str, str] | None:
    """Parse a header of plain fields alone, as the library would, in a fifth of its time."""
    fields: Message[str, str] = Message(policy=compat32)
    position = 0
    while found := _FIELD.match(header, position):
        value = found[2].lstrip(b" \t").decode("ascii", "surrogateescape")
        fields.set_raw(found[1].decode("ascii"), value)
        position = found.end()
    return fields if header[position:] == b"\r\n" else None


def subject_of(fields: Message[str, str]) -> str:
    """Return the subject, decoded; as written where it cannot be decoded."""
    raw = _value(fields, "Subject")
    if raw.isascii() and "=?" not in raw:
        return raw
    try:
        return str(make_header(decode_header(raw))).strip()
    except (ValueError, LookupError, UnicodeError):
        return raw.strip()


def facts_of(content: bytes) -> Facts:
    """Read the facts of a message from its header; its body is not looked at."""
    return facts_of_fields(header_fields(content))


def facts_of_fields(fields: Message[str, str]) -> Facts:
    """Read the facts of a header that is parsed already."""
    faults = []

    def taken(name: str, good: Callable[[str], bool]) -> str:
        values = fields.get_all(name) or []
        if not values:
            return ""
        value = _value(fields, name)
        if len(values) > 1 or not good(value):
            faults.append(name)
            return ""
        return value

    codes = taken(CODECDA, lambda text: bool(_codes(text)))
    ins = taken(INS, lambda text: text in (QUALIFIED, UNQUALIFIED))
    nil = taken(NIL, lambda text: bool(_NIL.fullmatch(text)))
    mes = taken(MES, lambda text: text == END)
    return Facts(
        kind=_kind(fields),
        codes=_codes(codes),
        ins=ins,
        nil=nil,
        end=mes == END or subject_of(fields) == _END_SUBJECT,
        receipt_to=_value(fields, RECEIPT_TO),
        message_id=_value(fields, "Message-ID"),
        faults=tuple(faults),
    )


def _value(fields: Message[str, str], name: str) -> str:
    return re.sub(r"\s+", " ", str(fields.get(name, ""))[:_MOST_VALUE]).strip()


def _codes(text: str) -> tuple[str, ...]:
    codes = tuple(each.strip() for each in text.split(",")) if text else ()
    whole = len(codes) <= _MOST_CODES and all(_CODE.fullmatch(each) for each in codes)
    return codes if whole else ()


def _kind(fields: Message[str, str]) -> MessageKind:
    if "content-type" not in fields:
        return MessageKind.MESSAGE
    if fields.get_content_type() != "multipart/report":
        return MessageKind.MESSAGE
    told = str(fields.get_param("report-type", "")).lower()
    return next(
        (each for each in (MessageKind.DISPOSITION, MessageKind.DELIVERY) if each == told),
        MessageKind.MESSAGE,
    )
