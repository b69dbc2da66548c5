"""The operator's own CIBA: a link in an SMS. The provider is `sandbox.psc` with another device.

For mail software and for the login that is held (`ecps_proxy`), nothing differs but the provider:
its issuer is the operator's, its people are the operator's holders, and it sends an SMS where Pro
Santé Connect rings the e-CPS. The operator also knows what its SMS gateway reports: a message that
was never delivered is told apart from a person who did not answer.
"""

from __future__ import annotations

import math
from typing import Any

from sandbox.operators.auth import refusals_ciba
from sandbox.operators.auth.ecps_proxy import Unanswered
from sandbox.operators.auth.psc_client import CibaRequest, Registration
from sandbox.operators.refusals import LoginRefusal
from sandbox.psc.clients import Client
from sandbox.psc.people import People
from sandbox.psc.provider import Options, Provider
from sandbox.psc.requests import TICKET
from sandbox.psc.sms import SmsLaw
from sandbox.psc.store import fingerprint
from sandbox.space.scenario import Scenario

__all__ = ["PROFILE", "own_options", "own_registration", "own_settings", "sms_fate"]

PROFILE = "core"  # nothing obliges an operator to deviate as Keycloak does


def own_settings(scenario: Scenario) -> dict[str, Any]:
    """Return the settings of the operator's provider, beside `PROFILE` (for `psc.running`)."""
    return {
        "device": "sms",
        "expires_in": math.ceil(scenario.methods.sms.expiry),
        "interval": math.ceil(scenario.policies.ciba_interval),
    }


def own_options(
    scenario: Scenario, people: People, client_id: str, client_secret: str, seed: int = 0
) -> Options:
    """Return what the operator's provider is made of: its holders, itself as the only client."""
    sms = scenario.methods.sms
    return Options(
        people=people,
        clients=(Client(client_id=client_id, client_secret=client_secret),),
        sms=SmsLaw(mean=sms.delivery_mean, variation=sms.delivery_cv, loss=sms.lost),
        seed=seed,
    )


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

    def fate(request: CibaRequest) -> LoginRefusal | None:
        person = provider.people.find(request.national_id)
        found = provider.requests.find(fingerprint(request.auth_req_id)[:TICKET])
        if person is None or found is None:
            return None
        for sms in provider.store.all("sms", person.phone_number):
            if sms["ticket"] == found.ticket:
                lost = sms["arrives_at"] is None or sms["arrives_at"] >= found.expires_at
                return refusals_ciba.SMS_LOST if lost else None
        return None

    return fate
