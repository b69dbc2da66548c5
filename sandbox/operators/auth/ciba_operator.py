"""The operator's own CIBA: a link in an SMS. The provider is `sandbox.psc` with another device.

For mail software and for the login that is held (`ecps_proxy`), nothing differs but the provider:
its issuer is the operator's, its people are the operator's holders, and it sends an SMS where Pro
Santé Connect rings the e-CPS. The operator also knows what its SMS gateway reports: a message that
was never delivered is told apart from a person who did not answer.
"""

from __future__ import annotations

from sandbox.operators.auth import refusals_ciba
from sandbox.operators.auth.ecps_proxy import Unanswered
from sandbox.operators.auth.psc_client import CibaRequest, Registration
from sandbox.operators.refusals import LoginRefusal
from sandbox.psc.provider import Provider
from sandbox.psc.requests import ticket_of

__all__ = ["own_registration", "sms_fate"]


def own_registration(issuer: str, client_id: str, client_secret: str) -> Registration:
    """Return the operator as client of its own provider."""
    return Registration(
        issuer=issuer,
        client_id=client_id,
        client_secret=client_secret,
        discovery="/.well-known/openid-configuration",
    )


def sms_fate(provider: Provider) -> Unanswered:
    """Return the question for the gateway's reports: was the SMS of a request never delivered?"""

    async def fate(request: CibaRequest) -> LoginRefusal | None:
        person = provider.people.find(request.national_id)
        found = provider.requests.find(ticket_of(request.auth_req_id))
        if person is None or found is None:
            return None
        for sms in provider.store.all("sms", person.phone_number):
            if sms["ticket"] == found.ticket:
                lost = sms["arrives_at"] is None or sms["arrives_at"] >= found.expires_at
                return refusals_ciba.SMS_LOST if lost else None
        return None

    return fate
