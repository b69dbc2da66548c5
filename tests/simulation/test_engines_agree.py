"""Both engines give the same observation for every session, on every method, design and policy."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.space.designs import BUILT_IN
from tests.simulation.small import assert_same, run

# A design that is none of the built-in ones: people's methods together, XOAUTH2 or PLAIN for the
# telephone, robots on a port of their own, submission by STARTTLS.
CUSTOM: dict[str, Any] = {
    "label": "Deux portes",
    "english": "Two doors",
    "discovery": "srv",
    "shared_front": False,
    "endpoints": [
        {"name": f"{protocol}.{part}", "protocol": protocol, "methods": methods,
         "host": f"{part}.{{operator}}", "address": part, "port": port + shift,
         "certificate": part, "tls": tls, "client_certificate": asked, "mechanisms": offered}
        for protocol, port, tls in (("imap", 993, "implicit"), ("smtp", 587, "starttls"))
        for part, methods, shift, asked, offered in (
            ("people", ["cps", "totp", "ecps", "ciba-operateur"], 0, "optional",
             ["PLAIN", "EXTERNAL", "XOAUTH2"]),
            ("robots", ["certificat"], 9000, "required", ["NONE"]),
        )
    ],
}  # fmt: skip
DESIGNS = [*BUILT_IN, "two-doors"]

# Starved: two slots an endpoint, one in the backlog, a processor that takes seconds a login.
STARVED: dict[str, Any] = {
    "resources.least_slots": 8,
    "resources.slot_headroom": 0.001,
    "resources.least_cores": 1,
    "policies.backlog": 1,
}
SHARE = st.floats(0, 1).map(lambda share: round(share, 2))


@st.composite
def mixes(draw: st.DrawFn) -> dict[str, float]:
    """Draw shares of the methods, often one alone."""
    weights = draw(st.lists(st.integers(0, 3), min_size=4, max_size=4).filter(any))
    shares = [weight / sum(weights) for weight in weights]
    return dict(zip(("cps", "totp", "ecps", "sms"), shares, strict=True))


@st.composite
def scenarios(draw: st.DrawFn) -> dict[str, Any]:
    """Draw what a user may change, towards the values at which something happens."""
    changes: dict[str, Any] = {"designs": {"two-doors": CUSTOM}}
    mix = draw(mixes())
    for people in ("liberal", "hospital", "laboratory", "ehpad"):
        changes |= {f"populations.{people}.method_{name}": part for name, part in mix.items()}
        changes[f"populations.{people}.port_blocked"] = draw(st.sampled_from([0.0, 0.5]))
        changes[f"populations.{people}.opening_sd"] = draw(st.sampled_from([0.0, 1.0]))
    pick: dict[str, list[Any]] = {
        "policies.session_seconds": [0, 60, 28800],
        "policies.totp_once": [0, 1],
        "policies.totp_step": [1, 30, 600],
        "policies.token_seconds": [1, 270],
        "policies.psc_session_seconds": [1, 14400],
        "policies.ciba_interval": [0.5, 5, 60],
        "policies.ciba_expiry": [5, 120],
        "policies.ciba_mode": ["poll", "ping"],
        "policies.token_check": ["introspection", "jwks"],
        "policies.prelogin_timeout": [3, 180],
        "policies.ticket_seconds": [0, 300, 7200],
        "policies.retry_limit": [0, 1, 5],
        "policies.retry_pause": [0, 20],
        "methods.cps.pin_seconds": [0, 28800],
        "methods.cps.sign_cv": [0, 0.5],
        "methods.ecps.never": [0.0, 0.3, 1.0],
        "methods.ecps.refused": [0.0, 0.2],
        "methods.sms.lost": [0.0, 0.3],
        "methods.totp.mistyped": [0.0, 0.3],
        "network.dns_ttl": [0, 3600],
        "network.tls13_server": [0, 1],
        "processor.tls_full": [0.00055, 2.0, 20.0],
        "processor.login": [0.0014, 1.0],
        "processor.relay": [0.0033, 30.0],
        "backends.psc.servers": [1, 4],
        "backends.psc.poll": [0.004, 3.0],
        "backends.psc.timeout": [1, 90],
        "backends.directory.miss": [0.0, 1.0],
        "resources.placement": ["dedicated", "shared"],
        "mailboxes.holders": [1, 3],
    }
    changes |= {key: draw(st.sampled_from(values)) for key, values in pick.items()}
    for software in ("lps", "mail_client", "webmail", "robot"):
        changes |= {
            f"software.{software}.timeout": draw(st.sampled_from([2, 60, 100])),
            f"software.{software}.imap_connections": draw(st.sampled_from([1, 2, 5])),
            f"software.{software}.keeps_connection": draw(st.sampled_from([0, 1])),
            f"software.{software}.poll_seconds": draw(st.sampled_from([1800, 7200])),
            f"software.{software}.poll_share": draw(st.sampled_from([0.0, 0.5, 1.0])),
        }
        for feature in ("sasl_external", "xoauth2", "certificate_request_fails",
                        "certificate_request_prompts"):  # fmt: skip
            changes[f"software.{software}.{feature}"] = draw(st.sampled_from([0.0, 0.5, 1.0]))
    if draw(st.booleans()):
        changes |= STARVED
    if draw(st.booleans()):
        changes["outages"] = [
            {"backend": "psc", "start": "2021-09-06T08:00:00",
             "minutes": draw(st.sampled_from([10, 240]))},
        ]  # fmt: skip
    return changes


@settings(
    max_examples=150, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(changes=scenarios(), design=st.sampled_from(DESIGNS), seed=st.integers(0, 2**31))
def test_engines_agree_session_by_session(changes: dict[str, Any], design: str, seed: int) -> None:
    assert_same(run(changes, design, seed=seed), run(changes, design, engine="simpy", seed=seed))
