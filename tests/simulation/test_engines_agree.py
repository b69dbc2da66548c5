"""Both engines give the same observation for every session, on every method, design and policy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from sandbox.observations.schema import SIMULATED, Cause
from sandbox.simulation import reference
from sandbox.simulation.dialogues import Dialogues
from sandbox.simulation.steps import Op
from sandbox.space.designs import BUILT_IN
from sandbox.space.errors import UserError
from sandbox.space.login_policies import BUILT_IN_POLICIES
from sandbox.space.methods import CAPABILITIES, METHODS, Method
from sandbox.space.population import SOFTWARE
from sandbox.space.scenario import Scenario
from tests.simulation.small import (
    ALL_ABLE,
    ENGINES,
    able,
    assert_same,
    everyone,
    one_person,
    run,
    slots,
    small_scenario,
)

# A design that is none of the built-in ones: people's methods together, robots on a port of their
# own, submission by STARTTLS.
CUSTOM: dict[str, Any] = {
    "label": "Deux portes",
    "english": "Two doors",
    "discovery": "srv",
    "shared_front": False,
    "endpoints": [
        {"name": f"{protocol}.{part}", "protocol": protocol, "methods": methods,
         "host": f"{part}.{{operator}}", "address": part, "port": port + shift,
         "certificate": part, "tls": tls, "client_certificate": asked}
        for protocol, port, tls in (("imap", 993, "implicit"), ("smtp", 587, "starttls"))
        for part, methods, shift, asked in (
            ("people", ["cps", "totp", "ecps", "ciba-operateur"], 0, "optional"),
            ("robots", ["certificat"], 9000, "required"),
        )
    ],
}  # fmt: skip
DESIGNS = [*BUILT_IN, "two-doors"]
# A policy that is none of the built-in ones: all that can carry a method, each software by its own.
CARRIES: dict[str, Any] = {str(method): list(METHODS[method].mechanisms) for method in Method}
ANY_WAY: dict[str, Any] = {
    "label": "Tout", "english": "Anything", "imap": CARRIES, "smtp": CARRIES,
}  # fmt: skip
POLICIES = [*BUILT_IN_POLICIES, "any-way"]

# Starved: two slots an endpoint, one in the backlog, a processor that takes seconds a login.
STARVED: dict[str, Any] = {
    **slots(4),
    "resources.misjudged": 1,
    "resources.small.front_cores": 1,
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
    changes: dict[str, Any] = {"designs": {"two-doors": CUSTOM},
                               "login_policies": {"any-way": ANY_WAY}}  # fmt: skip
    mix = draw(mixes())
    for people in ("liberal", "hospital", "laboratory", "ehpad"):
        changes |= {f"populations.{people}.method_{name}": part for name, part in mix.items()}
        changes[f"populations.{people}.port_blocked"] = draw(st.sampled_from([0.0, 0.5]))
        changes[f"populations.{people}.opening_sd"] = draw(st.sampled_from([0.0, 1.0]))
    pick: dict[str, list[Any]] = {
        "period.start": ["2021-09-06", "2026-09-07"],  # Mondays; citizens have mailboxes in 2026
        "traffic.citizen_factor": [0, 4],
        "traffic.receipts_asked": [0, 1],
        "traffic.application_share": [0, 0.4],
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
        "policies.retry_pause": [1, 20],
        "methods.cps.pin_seconds": [0, 28800],
        "methods.cps.sign_cv": [0, 0.5],
        "methods.totp.typing_cv": [0, 0.45],
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
        "resources.small.front_cores": [1, 3, 8, 9],
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
        changes |= able(software, **{
            name: draw(st.sampled_from([0.0, 0.5, 1.0])) for name in CAPABILITIES
        })  # fmt: skip
    if draw(st.booleans()):
        changes |= STARVED
    if draw(st.booleans()):
        changes["outages"] = [
            {"backend": "psc", "start": f"{changes['period.start']}T08:00:00",
             "minutes": draw(st.sampled_from([10, 240]))},
        ]  # fmt: skip
    return changes


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(changes=scenarios(), design=st.sampled_from(DESIGNS), policy=st.sampled_from(POLICIES),
       seed=st.integers(0, 2**31))  # fmt: skip
def test_engines_agree_session_by_session(
    changes: dict[str, Any], design: str, policy: str, seed: int
) -> None:
    try:
        fast, simpy = (
            run(changes, design, policy=policy, engine=engine, seed=seed) for engine in ENGINES
        )
    except UserError:
        reject()  # nobody can connect
    assert_same(fast, simpy)


# Fixed examples, so that each cause of failure and each kind of step is met on every run of the
# tests: name -> changes, design, causes that must be observed.
ALONE = {"policies.session_seconds": 0, "policies.retry_limit": 1}
EXAMPLES: dict[str, tuple[dict[str, Any], str, set[Cause]]] = {
    "one door for all, which asks for a certificate": (
        able("lps", certificate_request_prompts=0.5), "single-endpoint", set(),
    ),
    "codes": (
        everyone(method="totp", software="mail_client") | ALONE | {"methods.totp.mistyped": 0.5},
        "two-doors", {Cause.CODE_REUSED, Cause.CODE_MISTYPED},
    ),
    "telephones": (
        everyone(method="ecps") | ALONE
        | {"methods.ecps.never": 0.4, "methods.ecps.refused": 0.4},
        "multi-endpoint-sni", {Cause.NO_ANSWER, Cause.CLIENT_TIMEOUT, Cause.REFUSED},
    ),
    "telephones told by ping": (
        everyone(method="ecps") | ALONE | {"policies.ciba_mode": "ping"}, "single-endpoint", set(),
    ),
    "tokens": (
        everyone(method="ecps")
        | {"policies.psc_session_seconds": 600, "methods.ecps.never": 0.4,
           "methods.ecps.refused": 0.4}
        | able("lps", imap_xoauth2=1, smtp_xoauth2=1)
        | {"outages": [{"backend": "psc", "start": "2021-09-06T09:00:00", "minutes": 60}]},
        "api-lps-2023", {Cause.NO_ANSWER, Cause.REFUSED, Cause.BACKEND_DOWN},
    ),
    "messages with a link": (
        everyone(method="sms") | ALONE | {"methods.sms.lost": 0.5, "methods.sms.expiry": 10},
        "multi-endpoint", {Cause.SMS_LOST, Cause.NO_ANSWER},
    ),
    "cards that lock": (
        everyone(method="cps", software="mail_client")
        | {"methods.cps.pin_seconds": 0, "policies.ticket_seconds": 0,
           "backends.directory.miss": 1},
        "multi-endpoint", {Cause.PERSON_NEEDED},
    ),
    "no room": (
        everyone(method="ecps", software="mail_client") | ALONE | STARVED
        | {"outages": [{"backend": "psc", "start": "2021-09-06T07:00:00", "minutes": 240}],
           "backends.psc.timeout": 90},
        "single-endpoint",
        {Cause.SLOTS_EXHAUSTED, Cause.SLOT_TIMEOUT, Cause.BACKEND_DOWN},
    ),
    # One person's five connections start at one instant; the second times out at the front when
    # the third and the fourth give up the wait for its slot: three events at one nanosecond.
    "a slot that comes at the very instant of the deadline": (
        one_person("totp", "mail_client", **{
            "policies.totp_once": 0, **slots(3),
            "resources.small.front_cores": 1, "processor.login": 50.0,
            "software.mail_client.timeout": 60,
        }),
        "single-endpoint", {Cause.CLIENT_TIMEOUT, Cause.SLOT_TIMEOUT},
    ),
    "limits of a mailbox and of an address": (
        everyone(method="totp", software="mail_client") | able("mail_client", **ALL_ABLE)
        | {"resources.user_connections": 7, "resources.address_imap_connections": 9},
        "multi-endpoint", {Cause.USER_LIMIT, Cause.ADDRESS_LIMIT},
    ),
    "relays that are full": (
        {"traffic.messages": 400, "processor.relay": 3000.0, **slots(4),
         "policies.backlog": 1},
        "single-endpoint", {Cause.SLOTS_EXHAUSTED},
    ),
}  # fmt: skip
SEEN: dict[str, tuple[set[Cause], set[Op]]] = {}


@pytest.mark.parametrize("name", EXAMPLES)
def test_engines_agree_where_things_go_wrong(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changes, design, causes = EXAMPLES[name]
    changes = {"designs": {"two-doors": CUSTOM}} | changes
    policy = "xoauth2" if name == "tokens" else None
    steps: set[Op] = set()
    original = reference.SimpyRun.step

    def counted(self: reference.SimpyRun, session: reference.RunningSession, row: int) -> Any:
        name = type(self.code.steps[row]).__name__.replace("MarkFailure", "Fail")
        steps.add(Op[name.upper()])
        return original(self, session, row)

    monkeypatch.setattr(reference.SimpyRun, "step", counted)
    fast, simpy = (run(changes, design, policy=policy, engine=engine) for engine in ENGINES)
    assert_same(fast, simpy)
    found = {cause for cause in Cause if fast.failures(cause)}
    assert causes <= found
    SEEN[name] = (found, steps)


def test_the_examples_meet_every_cause_and_every_step() -> None:
    """END is not a step that the reference does: it stops there."""
    if len(SEEN) < len(EXAMPLES):
        pytest.skip("only with all the examples above")
    assert set().union(*(causes for causes, _ in SEEN.values())) == set(SIMULATED)
    assert set().union(*(steps for _, steps in SEEN.values())) == set(Op) - {Op.END}


def names_of(scenario: Scenario, design: str, policy: str) -> list[str]:
    """Return the names of the programs that a design and policy have written."""
    chosen = scenario.design(design)
    miss = {e.name: 0.5 for e in chosen.endpoints}
    dialogues = Dialogues(scenario, chosen, scenario.policy(policy), miss)
    return [program.name for program in dialogues.programs()]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("design", DESIGNS)
def test_every_dialogue_compiles_and_names_its_session(design: str, policy: str) -> None:
    """Software x method x mechanism x (open, poll, extra, send, receipt), and the relays."""
    scenario = small_scenario({
        "designs": {"two-doors": CUSTOM}, "login_policies": {"any-way": ANY_WAY},
        "traffic.receipts_asked": 0.5,
        **{f"software.{name}.poll_share": 0.5 for name in SOFTWARE},
        **{f"software.{name}.imap_connections": 2 for name in SOFTWARE},
    })  # fmt: skip
    chosen, rule = scenario.design(design), scenario.policy(policy)
    names = names_of(scenario, design, policy)
    assert len(set(names)) == len(names)
    pairs = [(software, method) for software in ("lps", "mail_client", "webmail")
             for method in Method if method is not Method.CERTIFICATE]  # fmt: skip
    expected = {
        f"{software}.{method}.{mechanism}.{kind}"
        for software, method in [*pairs, ("robot", Method.CERTIFICATE)]
        for protocol, kinds in (
            ("imap", ("open", "poll", "extra", "alone")), ("smtp", ("send", "receipt")),
        )
        for mechanism in rule.ways(chosen.endpoint(protocol, method), method)
        for kind in kinds
        # Nobody leaves a robot open in the evening.
        if software != "robot" or kind != "alone"
    }  # fmt: skip
    assert set(names) == expected | {"relay", "relay.receipt"}


def test_a_dialogue_that_nobody_starts_is_not_written() -> None:
    """No second connection, no polls, no receipts: what opens and what sends is left."""
    scenario = small_scenario({
        "traffic.receipts_asked": 0, "traffic.acknowledged": 0,
        **{f"software.{name}.poll_share": 0 for name in SOFTWARE},
        **{f"software.{name}.imap_connections": 1 for name in SOFTWARE},
    })  # fmt: skip
    names = names_of(scenario, "single-endpoint", scenario.policy().name)
    assert {name.rpartition(".")[2] for name in names} == {"open", "send", "relay"}
