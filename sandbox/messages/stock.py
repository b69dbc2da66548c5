"""Documents made beforehand, for whoever sends many: a message takes one of its type and size.

A document is drawn once and stands in as many messages as are about it; what tells messages apart
is their header. So a message costs what it takes to write its header, whatever it weighs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache

from sandbox.messages import facts
from sandbox.messages.cda import Author
from sandbox.messages.compose import compose, health_letter
from sandbox.messages.documents import document_types, size_of, type_of
from sandbox.messages.ins import PatientIdentity
from sandbox.messages.patients import patient
from sandbox.space.chance import uniform

__all__ = ["SIZES", "DocumentChoice", "StockDocument", "stock_document", "stock_letter"]

SIZES = 16  # classes of equal share: a document has the size in the middle of its class
PATIENTS = 10  # those who have a profile in a new space
_WRITTEN = datetime(2025, 1, 6, 8, 0, tzinfo=UTC)
_AUTHOR = Author(address="camille.essai@exemple.test")
_FIELD = re.compile(rb"\r\n(?![ \t])")
_OWN = (b"subject", b"mime-version", b"content-type", b"x-mss-")  # what of a header is of documents


@dataclass(frozen=True, slots=True)
class DocumentChoice:
    """Which document a message carries: code of its type, class of its size, 0 to SIZES - 1."""

    kind: str
    size: int

    @classmethod
    def drawn(cls, population: str, kind: float, size: float) -> DocumentChoice:
        """Choose for a message of a population, by two uniform draws of [0, 1)."""
        return cls(type_of(population, kind).code, int(size * SIZES))

    @property
    def patient(self) -> PatientIdentity:
        """Whom the document is about."""
        return patient(1, 1 + int(uniform(1, "stock", self.kind, self.size) * PATIENTS))


@dataclass(frozen=True, slots=True)
class StockDocument:
    """What messages that carry one document have in common.

    Attributes:
        fields: of the header, each with its end: subject, X-MSS-*, MIME.
        body: all that follows the header.
        digest: SHA-256 of the body, hexadecimal.
    """

    fields: bytes = field(repr=False)
    body: bytes = field(repr=False)
    digest: str


@cache
def stock_document(choice: DocumentChoice) -> StockDocument:
    """Return a document, made at its first use: some tens of milliseconds, then nothing."""
    drawn = uniform(1, "stock", choice.kind, choice.size)
    content = compose(
        health_letter(
            sender=_AUTHOR.address, recipients=(_AUTHOR.address,), patient=choice.patient,
            kind=document_types()[choice.kind], number=int(drawn * 1e8), at=_WRITTEN,
            size=size_of((choice.size + 0.5) / SIZES), message_id="<stock@exemple.test>",
            author=_AUTHOR,
        )
    )  # fmt: skip
    head, _, body = content.partition(b"\r\n\r\n")
    fields = [each for each in _FIELD.split(head) if each.lower().startswith(_OWN)]
    return StockDocument(
        b"".join(each + b"\r\n" for each in fields),
        body,
        hashlib.sha256(body).hexdigest(),
    )


def stock_letter(
    choice: DocumentChoice, *, sender: str, recipients: Sequence[str], message_id: str,
    at: datetime, receipt: bool = False, more: bytes = b"",
) -> bytes:  # fmt: skip
    """Return a message that carries a document, ready for SMTP.

    Args:
        choice: which.
        sender, recipients: mailboxes, as addresses of a space are: ASCII, nothing to quote.
        message_id: with its brackets.
        at: of its Date.
        receipt: asks for a read receipt.
        more: further fields of its header, each with its end.
    """
    document = stock_document(choice)
    to = ",\r\n ".join(recipients)
    asked = f"{facts.RECEIPT_TO}: <{sender}>\r\n" if receipt else ""
    head = (
        f"From: {sender}\r\nTo: {to}\r\nDate: {format_datetime(at)}\r\n"
        f"Message-ID: {message_id}\r\n{asked}"
    )
    return b"".join((head.encode("ascii"), document.fields, more, b"\r\n", document.body))
