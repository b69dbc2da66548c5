"""`cps`: a card's certificate says who the person is, the directory which mailbox is hers."""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import NameOID

from sandbox.operators.auth.certificates import CertificateJudge, subject_value
from sandbox.operators.auth.verifier import Admit
from sandbox.operators.model import Accepted, Rejected
from sandbox.operators.refusals import LoginRefusal
from sandbox.space.methods import Method
from sandbox.trust import ProfileName

__all__ = ["CardLogin"]


class CardLogin:
    """Judges CPS and CPE.

    Args:
        judge: checks certificates.
        admit: which mailbox the person may open.
    """

    def __init__(self, judge: CertificateJudge, admit: Admit) -> None:
        self._judge = judge
        self._admit = admit

    async def verify(self, certificate: x509.Certificate, authzid: str) -> Accepted | Rejected:
        """Judge a card; `authzid` names a mailbox that she holds, or is empty for her own."""
        employee = bool(subject_value(certificate, NameOID.ORGANIZATIONAL_UNIT_NAME))
        profile = ProfileName.CPE_AUTH if employee else ProfileName.CPS_AUTH
        judged = await self._judge.judge(certificate, profile)
        if judged.refusal is not None:
            return Rejected(refusal=judged.refusal, method=Method.CPS, backend=judged.backend)
        account = self._admit(subject_value(certificate, NameOID.COMMON_NAME), authzid)
        if isinstance(account, LoginRefusal):
            return Rejected(refusal=account, method=Method.CPS, backend=judged.backend)
        return Accepted(actor=account.actor(Method.CPS), backend=judged.backend)
