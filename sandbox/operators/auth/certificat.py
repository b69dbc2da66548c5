"""`certificat`: an ORG AUTH_CLI certificate opens the application mailboxes of its legal person."""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import NameOID

from sandbox.directory import BoxType, Structure
from sandbox.operators.auth import refusals
from sandbox.operators.auth.certificates import CertificateJudge, subject_value
from sandbox.operators.auth.holdings import Holdings, parse_name
from sandbox.operators.model import Accepted, Actor, Rejected
from sandbox.operators.refusals import LoginRefusal
from sandbox.space.methods import Method
from sandbox.trust import ProfileName

__all__ = ["ApplicationLogin"]


class ApplicationLogin:
    """Judges certificates of legal persons.

    Args:
        judge: checks certificates.
        holdings: mailboxes of this operator.
    """

    def __init__(self, judge: CertificateJudge, holdings: Holdings) -> None:
        self._judge = judge
        self._holdings = holdings

    async def verify(self, certificate: x509.Certificate, authzid: str) -> Accepted | Rejected:
        """Judge a certificate.

        `authzid` names an APP mailbox of the structure of its OU, or of one that this structure is
        the juridical entity of; empty where there is one only.
        """
        judged = await self._judge.judge(certificate, ProfileName.ORG_CLIENT)
        if judged.refusal is not None:
            return Rejected(
                refusal=judged.refusal, method=Method.CERTIFICATE, backend=judged.backend
            )
        unit = subject_value(certificate, NameOID.ORGANIZATIONAL_UNIT_NAME)
        mailbox = self.mailbox(unit, authzid)
        if isinstance(mailbox, LoginRefusal):
            return Rejected(refusal=mailbox, method=Method.CERTIFICATE, backend=judged.backend)
        actor = Actor(
            mailbox=mailbox,
            identity=unit,
            name=subject_value(certificate, NameOID.ORGANIZATION_NAME),
            method=Method.CERTIFICATE,
        )
        return Accepted(actor=actor, backend=judged.backend)

    def mailbox(self, unit: str, authzid: str) -> str | LoginRefusal:
        """Return the mailbox that a legal person's OU opens, or why none."""
        structure = self._holdings.structure(unit)
        if structure is None:
            return refusals.CERTIFICATE_UNKNOWN_STRUCTURE
        if not authzid:
            boxes = self._holdings.applications(structure.national_id)
            return boxes[0].address if len(boxes) == 1 else refusals.MAILBOX_NOT_NAMED
        name = parse_name(authzid)
        if name is None or not name.mailbox or name.holder:
            return refusals.UNREADABLE_NAME
        box = self._holdings.served(name.mailbox)
        if isinstance(box, LoginRefusal):
            return box
        if box.type is not BoxType.APP:
            return refusals.NOT_AN_APPLICATION
        return box.address if _bears(structure, box.structure) else refusals.OTHER_STRUCTURE


def _bears(structure: Structure, bearer: Structure | None) -> bool:
    """Tell whether a structure is a mailbox's bearer, or the juridical entity above it."""
    return bearer is not None and structure.national_id in {bearer.national_id, bearer.parent}
