"""A message as its sender writes it here: a text, files, a fictitious health document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import make_msgid
from typing import Any
from uuid import uuid4

from sandbox.messages.cli_message import named_type
from sandbox.messages.compose import Draft, compose, health_letter
from sandbox.messages.documents import size_of
from sandbox.messages.ins import patient_address
from sandbox.messages.patients import patient
from sandbox.space.chance import uniform
from sandbox.space.errors import UserError

__all__ = ["LARGEST", "write_letter"]

LARGEST = 25 * 1024 * 1024  # of a message (EF.7.1)
PATIENT = "patient"  # a recipient: the mailbox of the document's patient


def write_letter(
    sheet: dict[str, Any], sender: str, recipients: Sequence[str], *, subject: str = "",
    body: str = "", attachments: Sequence[tuple[str, bytes]] = (), document: str = "",
    number: int = 1, receipt: bool = False, end: bool = False,
) -> tuple[Draft, bytes]:  # fmt: skip
    """Return a message and its octets.

    Args:
        sheet: of the space.
        sender: mailbox.
        recipients: mailboxes; `patient` is that of the document's patient.
        subject, body: empty: of the document, or a greeting.
        attachments: name and octets.
        document: code of the type of a CDA to carry, empty for none.
        number: of its fictitious patient.
        receipt: asks for one.
        end: a citizen may no longer answer.

    Raises:
        UserError: an address or a subject that no header can have, no such type, or too large.
    """
    identity = patient(1, number)
    to = tuple(
        patient_address(identity.matricule, sheet["suffix"]) if each == PATIENT else each
        for each in recipients
    )
    at = datetime.now(UTC).replace(microsecond=0)
    try:
        letter = Draft(
            sender=sender, recipients=to, message_id=make_msgid(domain=sender.rpartition("@")[2]),
            at=at, text=body or "Bonjour. / Hello.\n", boundary=f"=_{uuid4().hex}",
            subject=subject, receipt=receipt, end=end,
        )  # fmt: skip
        if document:
            made = health_letter(
                sender=sender, recipients=to, patient=identity, kind=named_type(document),
                number=int(at.timestamp()), at=at, size=size_of(uniform(1, letter.message_id)),
                message_id=letter.message_id,
            )  # fmt: skip
            letter = replace(letter, documents=made.documents, text=body or made.text)
        elif not subject:
            letter = replace(letter, subject="Essai / test")
        content = compose(letter, list(attachments))
    except ValueError as error:
        raise UserError(
            "adresse ou objet impossible dans un en-tête",
            "address or subject that no header can have",
            then=f"({error})",
        ) from None
    if len(content) > LARGEST:
        raise UserError(
            f"au-dessus de {LARGEST // 2**20} Mo ; envoyer moins",
            f"above {LARGEST // 2**20} MB; send less",
            where="message",
        )
    return letter, content
