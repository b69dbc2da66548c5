"""From a scenario to how servers are set: the one derivation, from which all of `live` starts them.

Pure. Nothing here has a default: every figure comes from the scenario, hence from
`data/inputs.csv`. Which keys it uses, the column `execution` declares there; a test compares.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sandbox.operators.auth.access_control import AccessPolicy
from sandbox.operators.auth.ecps_proxy import HoldPolicy
from sandbox.operators.auth.ecps_token import TokenPolicy
from sandbox.operators.auth.revocation import RevocationPolicy
from sandbox.operators.auth.totp import TotpPolicy
from sandbox.operators.listener import MAIL_LIMITS
from sandbox.operators.policy import OperatorPolicy
from sandbox.psc import Behaviour, Settings, settings_for
from sandbox.psc.sms import SmsLaw
from sandbox.space.executions import check_live
from sandbox.space.laws import ecps_answer, sms_answer
from sandbox.space.scenario import Scenario

__all__ = ["OWN_PROFILE", "PSC_PROFILE", "WireSettings", "own_settings", "psc_settings", "wire_of"]

KEEPALIVE = 15.0  # s; `policies.imap_keepalive` says so; mbsync leaves after 20 s of silence
NEVER = 86_400.0  # s; longer than any login is held
PSC_PROFILE = "psc"
OWN_PROFILE = "core"  # nothing obliges an operator to deviate as Keycloak does


@dataclass(frozen=True, slots=True, kw_only=True)
class WireSettings:
    """How the servers of a space are set.

    Attributes:
        psc: Pro Santé Connect.
        own: each operator's own CIBA.
        phones: what people do with the e-CPS.
        links: what they do with the link of an SMS.
        sms: how SMS arrive.
        operator: what operators ask and allow.
        tickets: whether TLS sessions are resumed by ticket.
        tls13: whether TLS 1.3 is offered beside 1.2.
        dns_ttl: of every record, s.
    """

    psc: Settings
    own: Settings
    phones: Behaviour
    links: Behaviour
    sms: SmsLaw
    operator: OperatorPolicy
    tickets: bool
    tls13: bool
    dns_ttl: int

    def driven(self, kind: str) -> WireSettings:
        """Return it with people who do something else than wait for a button.

        SMS arrive at once unless people are drawn from their laws too.
        """
        sms = self.sms if kind == "draw" else SmsLaw()
        phones, links = replace(self.phones, kind=kind), replace(self.links, kind=kind)
        return replace(self, phones=phones, links=links, sms=sms)


def _provider(scenario: Scenario, expiry: float) -> dict[str, Any]:
    """Return what both kinds of provider take from the policies."""
    policies = scenario.policies
    return {
        "expires_in": int(expiry),
        "max_expiry": int(expiry),
        "interval": int(policies.ciba_interval),
        "access_token_life": int(policies.token_seconds),
        "id_token_life": int(policies.token_seconds),
        "refresh_token_life": int(policies.psc_session_seconds),
    }


def psc_settings(scenario: Scenario) -> dict[str, Any]:
    """Return the settings of Pro Santé Connect, beside its profile."""
    return _provider(scenario, scenario.policies.ciba_expiry)


def own_settings(scenario: Scenario) -> dict[str, Any]:
    """Return the settings of an operator's own CIBA, beside its profile."""
    return {"device": "sms", **_provider(scenario, scenario.methods.sms.expiry)}


def _operator(scenario: Scenario) -> OperatorPolicy:
    policies = scenario.policies
    return OperatorPolicy(
        access=AccessPolicy(
            totp=TotpPolicy(
                step_seconds=int(policies.totp_step),
                skew_steps=policies.totp_window,
                once=policies.totp_once,
            ),
            revocation=RevocationPolicy(
                cache_seconds=policies.revocation_seconds, timeout=policies.revocation_timeout
            ),
            recheck_seconds=policies.recheck_seconds,
        ),
        hold=HoldPolicy(
            shared=policies.session_seconds,
            hold=policies.prelogin_timeout,
            quiet=policies.peace_seconds,
        ),
        tokens=TokenPolicy(
            check=policies.token_check, session_seconds=policies.psc_session_seconds
        ),
        psc_timeout=scenario.backends.psc.timeout,
        pinged=policies.ciba_mode == "ping",
        login_seconds=policies.prelogin_timeout,
        traffic_months=policies.traffic_months,
        keepalive=KEEPALIVE if policies.imap_keepalive else NEVER,
        doors=replace(MAIL_LIMITS, backlog=policies.backlog),
    )


def wire_of(scenario: Scenario) -> WireSettings:
    """Return how the servers of a scenario's space are set.

    Raises:
        UserError: a value cannot hold on the wire; the key is named.
    """
    check_live(scenario)
    methods = scenario.methods
    return WireSettings(
        psc=settings_for(PSC_PROFILE, **psc_settings(scenario)),
        own=settings_for(OWN_PROFILE, **own_settings(scenario)),
        phones=Behaviour(law=ecps_answer(methods.ecps)),
        links=Behaviour(law=sms_answer(methods.sms)),
        sms=SmsLaw.of(methods.sms),
        operator=_operator(scenario),
        tickets=scenario.policies.ticket_seconds > 0,
        tls13=scenario.network.tls13_server,
        dns_ttl=int(scenario.network.dns_ttl),
    )
