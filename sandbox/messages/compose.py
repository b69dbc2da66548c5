"""A health message as mail software writes it: subject, headers, archive and copy (référentiel #2).

Bytes out of plain values: equal values give equal bytes.
"""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from sandbox.messages import facts
from sandbox.messages.cda import Author, Document, make_cda
from sandbox.messages.documents import DocumentType
from sandbox.messages.ins import PatientIdentity, qualified
from sandbox.messages.pdf import make_pdf
from sandbox.messages.policy import MAIL
from sandbox.messages.xdm import make_xdm

__all__ = ["NIL", "PREFIX", "Draft", "compose", "copy_name", "health_letter", "subject_for"]

PREFIX = "XDM/1.0/DDM+"  # ECO.2.1.3
ARCHIVE = "IHE_XDM.ZIP"
NIL = "TEST-SANDBOX"  # no product of the Convergence platform: ours
_HEADER_BYTES = 5_600  # of a document of ours around its PDF


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message to write.

    Attributes:
        sender, recipients: mailboxes.
        message_id: with its brackets.
        at: of its Date.
        text: what a person reads.
        subject: empty: as the documents ask, or of the text's kind.
        documents: with the PDF of each; none for an ordinary message.
        nil: reference of the software.
        receipt: asks for a read receipt (RFC 8098 §2.1).
        end: a citizen may no longer answer (ECO.2.2.8).
        references: message ids that it answers, the oldest first.
        boundary: of its parts, so that bytes are the same each time.
    """

    sender: str
    recipients: tuple[str, ...]
    message_id: str
    at: datetime
    text: str
    boundary: str
    subject: str = ""
    documents: tuple[tuple[Document, bytes], ...] = ()
    nil: str = NIL
    receipt: bool = False
    end: bool = False
    references: tuple[str, ...] = ()


def subject_for(document: Document) -> str:
    """Return the subject of a document (ECO.2.1.3): label, NAME, first name, date of birth."""
    identity = document.patient
    born = f"{identity.birth_date:%d/%m/%Y}" if identity.birth_date else ""
    words = (document.type.french, identity.birth_name, identity.first_name, born)
    return PREFIX + " ".join(filter(None, words))


def copy_name(document: Document) -> str:
    """Return the file name of the PDF copy (ECO.2.1.6), without what a file name cannot hold."""
    identity = document.patient
    parts = (
        f"{document.act:%Y%m%d}", document.type.french, identity.birth_name, identity.first_name,
        document.record,
    )  # fmt: skip
    return "_".join(_plain(each) for each in parts) + ".pdf"


def _plain(text: str) -> str:
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9-]+", " ", bare).strip()[:80]


def compose(letter: Draft, attachments: Sequence[tuple[str, bytes]] = ()) -> bytes:
    """Return a message, ready for SMTP.

    Args:
        letter: what it says.
        attachments: further files, name and content.

    Raises:
        ValueError: an address or a text that no header can have.
    """
    message = EmailMessage(policy=MAIL)
    message["From"] = Address(addr_spec=letter.sender)
    message["To"] = [Address(addr_spec=each) for each in letter.recipients]
    message["Subject"] = letter.subject or (
        subject_for(letter.documents[0][0]) if letter.documents else "Message"
    )
    message["Date"] = format_datetime(letter.at)
    message["Message-ID"] = letter.message_id
    if letter.references:
        message["In-Reply-To"] = letter.references[-1]
        message["References"] = " ".join(letter.references)
    for name, value in _mss_fields(letter):
        message[name] = value
    message.set_content(letter.text, cte="quoted-printable")
    if letter.documents:
        made = [(document, make_cda(document, pdf)) for document, pdf in letter.documents]
        message.add_attachment(
            make_xdm(made), maintype="application", subtype="zip", filename=ARCHIVE
        )
        for document, pdf in letter.documents:
            message.add_attachment(
                pdf, maintype="application", subtype="pdf", filename=copy_name(document)
            )
    for name, content in attachments:
        main, _, sub = (mimetypes.guess_type(name)[0] or "application/octet-stream").partition("/")
        message.add_attachment(content, maintype=main, subtype=sub, filename=name)
    if message.is_multipart():
        message.set_boundary(letter.boundary)
    return message.as_bytes()


def _mss_fields(letter: Draft) -> list[tuple[str, str]]:
    fields = [(facts.NIL, letter.nil)]
    if letter.documents:
        codes = [document.type.code for document, _ in letter.documents]
        whole = any(qualified(document.patient) for document, _ in letter.documents)
        fields += [
            (facts.CODECDA, ",".join(codes)),
            (facts.INS, facts.QUALIFIED if whole else facts.UNQUALIFIED),
        ]
    if letter.end:
        fields.append((facts.MES, facts.END))
    if letter.receipt:
        fields.append((facts.RECEIPT_TO, f"<{letter.sender}>"))
    return [(name, value) for name, value in fields if value]


def health_letter(
    *,
    sender: str,
    recipients: Sequence[str],
    patient: PatientIdentity,
    kind: DocumentType,
    number: int,
    at: datetime,
    size: int,
    message_id: str,
    author: Author | None = None,
    receipt: bool = False,
    end: bool = False,
    nil: str = NIL,
) -> Draft:
    """Return a letter with one made document.

    Args:
        sender, recipients: mailboxes.
        patient: whom it is about.
        kind: of the document.
        number: tells it from others: of the document, and of the patient's record.
        at: when it is written and sent.
        size: of the CDA document, bytes, within some 600.
        message_id, receipt, end, nil: as of a letter.
        author: a fictitious one by default.
    """
    document = Document(
        type=kind,
        patient=patient,
        author=author or Author(address=sender),
        oid=f"2.999.250.2.{number + 1}",
        record=f"{number:08d}",
        at=at,
        act=at,
    )
    title = f"{kind.french} (fictif)"
    lines = (f"{patient.birth_name} {patient.first_name}", "Aucun patient réel. / No real patient.")
    pdf = make_pdf(title, lines, size=(size - _HEADER_BYTES) * 3 // 4, at=at, seed=str(number))
    return Draft(
        sender=sender,
        recipients=tuple(recipients),
        message_id=message_id,
        at=at,
        text=f"Bonjour,\n\nVeuillez trouver ci-joint : {kind.french}.\n",
        documents=((document, pdf),),
        boundary=f"=_sandbox_{number:08d}",
        receipt=receipt,
        end=end,
        nil=nil,
    )
