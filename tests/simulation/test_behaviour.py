"""What decides between designs, one sentence each: the facts of the brief as the model has them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sandbox.observations.schema import Cause, Phase
from sandbox.simulation import fast
from sandbox.simulation.build import build_model
from sandbox.simulation.model import EndpointStat, PoolStat, StationStat
from sandbox.space.designs import BUILT_IN
from sandbox.space.login_policies import BUILT_IN_POLICIES
from sandbox.space.methods import Method
from tests.simulation.small import (
    ALL_ABLE,
    NOBODY,
    SECOND,
    Run,
    able,
    everyone,
    one_person,
    run,
    slots,
    small_space,
)

# ---------------------------------------------------------------------- TOTP


def test_five_connections_with_one_code_are_refused_four_times_without_a_session_cache() -> None:
    """RFC 6238 §5.2: a code is accepted once; Thunderbird opens five IMAP connections."""
    found = run(one_person("totp", "mail_client", **{"policies.session_seconds": 0}))
    assert found.failures(Cause.CODE_REUSED) == 4
    assert found.logins(Method.TOTP) == 1


@pytest.mark.parametrize("policy", [{"policies.session_seconds": 28800}, {"policies.totp_once": 0}])
def test_a_session_cache_or_a_lenient_operator_lets_all_five_in(policy: dict[str, Any]) -> None:
    given = {"policies.session_seconds": 0} | policy
    found = run(one_person("totp", "mail_client", **given))
    assert found.failures(Cause.CODE_REUSED) == 0
    assert found.logins(Method.TOTP) == 5


def test_software_without_its_person_can_not_renew_an_expired_code() -> None:
    found = run(
        one_person("totp", "mail_client",
                   **{"policies.session_seconds": 0, "policies.totp_step": 1,
                      "processor.login": 2.0})
    )  # fmt: skip
    assert found.failures(Cause.PERSON_NEEDED) + found.failures(Cause.CODE_REUSED) == 4


# ---------------------------------------------------------------------- eCPS through PSC CIBA


UNANSWERED = {"methods.ecps.never": 1, "policies.retry_limit": 0}
QUICK_PSC = {"backends.psc.authentication": 1e-6, "backends.psc.poll": 1e-6,
             "backends.psc.token": 1e-6}  # fmt: skip


def telephone(mode: str, interval: float) -> Run:
    return run(
        NOBODY | everyone(method="ecps", software="webmail") | QUICK_PSC
        | {"populations.liberal.units": 60, "policies.session_seconds": 0,
           "software.webmail.poll_share": 1, "methods.ecps.never": 0, "methods.ecps.refused": 0,
           "policies.ciba_mode": mode, "policies.ciba_interval": interval}
    )  # fmt: skip


@pytest.mark.parametrize("interval", [1.0, 5.0])
def test_polling_rounds_the_wait_up_to_the_interval(interval: float) -> None:
    """Approvals spread over many seconds: half an interval on average, never more than one."""
    found = telephone("poll", interval)
    done = found.trace[(found.trace[:, 4] >= 0) & (found.trace[:, 6] < 0)]
    rtt = found.space.scenario.backends.psc.rtt
    late = done[:, 9 + Phase.BACKEND] / SECOND - rtt
    assert len(late) > 500
    assert late.max() <= interval + 0.001
    assert (
        abs(late.mean() - interval / 2) < 4 * interval / np.sqrt(12 * len(late)) + 0.02 * interval
    )


def test_a_ping_tells_at_once() -> None:
    found = telephone("ping", 5.0)
    done = found.trace[(found.trace[:, 4] >= 0) & (found.trace[:, 6] < 0)]
    assert done[:, 9 + Phase.BACKEND].max() / SECOND < 0.1


@pytest.mark.parametrize(
    ("software", "cause", "seconds"),
    [("mail_client", Cause.CLIENT_TIMEOUT, 100), ("webmail", Cause.NO_ANSWER, 120)],
)
def test_the_shortest_patience_ends_an_unanswered_login(
    software: str, cause: Cause, seconds: float
) -> None:
    """Thunderbird's socket gives up at 100 s, before the request expires at 120 s."""
    found = run(one_person("ecps", software, **UNANSWERED, **{"policies.imap_keepalive": 0}))
    opening = found.of_kind("OPEN")
    assert opening[:, 6].tolist() == [cause]
    assert opening[0, 9 + Phase.PERSON] / SECOND == pytest.approx(seconds, abs=0.2)
    assert found.logins(Method.ECPS) == 0


def test_lines_of_the_server_carry_an_imap_login_past_the_client_s_time_out() -> None:
    """Measured on the wire; SMTP allows no such line, and there Thunderbird gives up."""
    found = run(one_person("ecps", "mail_client", **UNANSWERED, **{"traffic.messages": 3}))
    assert found.of_kind("OPEN")[:, 6].tolist() == [Cause.NO_ANSWER]
    assert found.of_kind("OPEN")[0, 9 + Phase.PERSON] / SECOND == pytest.approx(120, abs=0.2)
    assert set(found.of_kind("SEND")[:, 6]) == {Cause.CLIENT_TIMEOUT}


def test_a_telephone_that_is_not_at_hand_fails_every_request_of_the_day() -> None:
    """Unlike one answer that never comes: the next request may be answered."""
    wanted = {"policies.session_seconds": 0, "policies.retry_limit": 0, "software.lps.aligned": 0}
    everybody = NOBODY | everyone(method="ecps", software="lps") | wanted | {
        "populations.liberal.units": 60, "traffic.messages": 0, "methods.ecps.refused": 0,
        "software.lps.left_open": 0, **able("lps", **ALL_ABLE),
    }  # fmt: skip

    def days(forgotten: float, never: float) -> list[float]:
        found = run(
            everybody | {"methods.ecps.forgotten": forgotten, "methods.ecps.never": never},
            "multi-endpoint",
        )
        looks = found.trace
        return [float((looks[looks[:, 0] == a, 4] < 0).mean()) for a in set(looks[:, 0])]

    assert set(days(0.3, 0.0)) == {0.0, 1.0}
    assert 0.05 < np.mean(days(0.3, 0.0)) < 0.55
    assert set(days(0.0, 0.3)).isdisjoint({0.0, 1.0})


@pytest.mark.parametrize(("peace", "rings"), [(0, 6), (5, 1)])
def test_one_refusal_rings_once_for_each_mechanism_unless_the_operator_leaves_peace(
    peace: float, rings: int
) -> None:
    found = run(
        one_person("ecps", "mail_client", **{
            "methods.ecps.refused": 1, "policies.peace_seconds": peace,
            "policies.ciba_mode": "ping", "software.mail_client.imap_connections": 1,
        })
    )  # fmt: skip
    assert found.failures(Cause.REFUSED) == 6
    asked = found.record.stations[0, StationStat.SERVED] / 2  # the request, the token
    assert asked == rings


def test_software_left_open_rings_a_telephone_that_nobody_hears() -> None:
    """The session of the day is over in the evening; each look holds a slot until the end."""
    found = run(
        one_person("ecps", "lps", **{"software.lps.left_open": 1, "policies.session_seconds": 3600,
                                     "software.lps.timeout": 60, "policies.imap_keepalive": 0})
    )  # fmt: skip
    alone = found.of_kind("ALONE")
    failed = alone[alone[:, 6] == Cause.CLIENT_TIMEOUT]
    assert len(failed) > 5
    assert (failed[:, 9 + Phase.PERSON] / SECOND > 59).all()


# ---------------------------------------------------------------------- limits


SHARED = {
    "populations.liberal.units": 0, "populations.laboratory.units": 0, "populations.ehpad.units": 1,
    "populations.ehpad.personal_mailboxes": 0, "populations.ehpad.shared_mailboxes": 2,
    "populations.ehpad.message_share": 1, "populations.liberal.message_share": 0,
    "traffic.messages": 0, "software.mail_client.left_open": 0, "methods.totp.mistyped": 0,
    "operators.mailboxes": [1.0], **able("mail_client", **ALL_ABLE),
}  # fmt: skip


def test_three_holders_of_five_connections_find_ten_at_a_shared_mailbox() -> None:
    """Dovecot's mail_max_userip_connections: one mailbox, one address."""
    changes = NOBODY | everyone(method="totp", software="mail_client") | SHARED
    found = run(changes, "multi-endpoint")
    assert len(found.space.accesses) == 6
    assert found.logins(Method.TOTP) == 2 * 10
    assert found.failures(Cause.USER_LIMIT) == 2  # the third holder's first: no other is tried
    wide = run(changes | {"resources.user_connections": 20}, "multi-endpoint")
    assert wide.failures(Cause.USER_LIMIT) == 0


def test_a_house_behind_one_address_has_the_connections_of_one_address() -> None:
    changes = NOBODY | everyone(method="totp", software="mail_client") | SHARED | {
        "resources.address_imap_connections": 7, "policies.retry_limit": 0,
    }  # fmt: skip
    found = run(changes, "multi-endpoint")
    sites = len(set(found.space.accesses.site))
    assert found.failures(Cause.ADDRESS_LIMIT) > 0
    assert found.logins(Method.TOTP) <= 7 * sites
    assert found.record.endpoints[:, EndpointStat.PEAK].max() <= 7 * sites + 1


def test_webmail_is_limited_by_no_address() -> None:
    changes = NOBODY | everyone(method="totp", software="webmail") | SHARED | {
        "resources.address_imap_connections": 1, "resources.user_connections": 1,
    }  # fmt: skip
    found = run(changes, "multi-endpoint")
    assert found.failures(Cause.ADDRESS_LIMIT) == found.failures(Cause.USER_LIMIT) == 0


def test_a_server_that_cuts_before_login_ends_it_sooner() -> None:
    found = run(
        one_person("ecps", "mail_client", **UNANSWERED, **{"policies.prelogin_timeout": 60})
    )
    assert found.of_kind("OPEN")[0, 9 + Phase.PERSON] / SECOND == pytest.approx(60, abs=0.2)


@pytest.mark.parametrize("design", ["single-endpoint", "multi-endpoint", "api-lps-2023"])
@pytest.mark.parametrize(("policy", "slots"), [("external", 1), ("xoauth2", 0)])
def test_an_unanswered_push_holds_a_slot_with_the_proxy_and_none_with_a_token(
    design: str, policy: str, slots: int
) -> None:
    """XOAUTH2: the software waits for its token before it connects."""
    found = run(
        one_person("ecps", "webmail", **{"methods.ecps.never": 1, "policies.retry_limit": 0}),
        design, policy=policy,
    )  # fmt: skip
    opening = found.of_kind("OPEN")
    assert opening[0, 9 + Phase.PERSON] / SECOND == pytest.approx(120, abs=0.2)
    taken = found.record.pools[:, PoolStat.GRANTED].sum()
    assert taken == slots * len(found.trace)


def test_a_token_is_refreshed_while_its_session_lasts() -> None:
    """One approval a day, and a refresh whenever the token of 270 s is old: every 900 s poll."""
    found = run(one_person("ecps", "lps"), policy="xoauth2")
    looks = found.trace[np.argsort(found.trace[:, 3])]
    asked = looks[:, 9 + Phase.PERSON] > 0
    # A refresh token of four hours over some ten hours of work: three approvals at most.
    assert 1 <= asked.sum() <= 3
    assert asked[0]
    assert (looks[:, 4] >= 0).all()


# ---------------------------------------------------------------------- slots and outages


CROWD = (
    NOBODY
    | everyone(software="lps")
    | {
        "populations.liberal.units": 160,
        "operators.mailboxes": [1.0],
        "populations.liberal.method_cps": 0.5,
        "populations.liberal.method_totp": 0.0,
        "populations.liberal.method_ecps": 0.5,
        "populations.liberal.method_sms": 0.0,
        **slots(4),
        "resources.misjudged": 0,
        "software.lps.aligned": 0,
        "software.lps.left_open": 0,
        "resources.small.front_cores": 8,
        "policies.backlog": 8,
        "policies.session_seconds": 0,
        "backends.psc.timeout": 55,
    }
    | able("lps", **ALL_ABLE)
)
OUTAGE = {"outages": [{"backend": "psc", "start": "2021-09-06T09:00:00", "minutes": 180}]}


def refused(found: Run, method: Method) -> int:
    """Count the attempts of a method that found no slot."""
    groups = [list(Method).index(method) + len(Method) * protocol for protocol in (0, 1)]
    causes = [Cause.SLOTS_EXHAUSTED, Cause.SLOT_TIMEOUT]
    return int(found.record.failures[np.ix_(groups, causes)].sum())


def test_an_outage_of_psc_fills_the_slots_of_card_users_on_a_shared_endpoint() -> None:
    assert refused(run(CROWD | OUTAGE, "single-endpoint"), Method.CPS) > 0


def test_card_users_with_slots_of_their_own_do_not_notice() -> None:
    found = run(CROWD | OUTAGE, "multi-endpoint")
    assert refused(found, Method.CPS) == 0
    assert refused(found, Method.ECPS) > 0


def test_names_of_their_own_without_slots_of_their_own_protect_nobody() -> None:
    assert refused(run(CROWD | OUTAGE, "multi-endpoint-sni"), Method.CPS) > 0


def test_tokens_leave_the_slots_free_when_psc_is_down() -> None:
    found = run(CROWD | OUTAGE, policy="xoauth2")
    assert refused(found, Method.CPS) == refused(found, Method.ECPS) == 0
    assert found.failures(Cause.BACKEND_DOWN) > 0


def test_more_slots_never_give_more_refusals() -> None:
    counts = []
    for count in (4, 8, 16, 32, 64, 128):
        found = run(CROWD | OUTAGE | slots(count))
        counts.append(refused(found, Method.CPS) + refused(found, Method.ECPS))
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1] == 0


def test_a_faster_processor_never_makes_logins_wait_longer() -> None:
    waits = []
    for seconds in (2.0, 0.5, 0.1, 0.001):
        found = run(
            CROWD | slots(512) | {"resources.small.front_cores": 1, "processor.login": seconds,
                                  "policies.session_seconds": 28800}
        )  # fmt: skip
        waits.append(found.record.phase_time[:, Phase.TLS].sum())
    assert waits == sorted(waits, reverse=True)


# ---------------------------------------------------------------------- names and tickets


BUSY = {"traffic.messages": 60, "network.dns_ttl": 86400 * 2, "policies.ticket_seconds": 86400 * 2}
BUSY |= able("lps", tls13=0)  # fmt: skip


@pytest.mark.parametrize(
    ("design", "names"), [("multi-endpoint", 2), ("single-endpoint", 2), ("api-lps-2023", 1)]
)
def test_a_name_shared_by_imap_and_smtp_is_resolved_once(design: str, names: int) -> None:
    """Whoever knows the address spends one round trip on the connection, and no more."""
    found = run(one_person("totp", "lps", **BUSY), design)
    logged = found.trace[found.trace[:, 4] >= 0]
    rtt = found.model.inputs.access_rtt[0]
    assert (logged[:, 9 + Phase.NETWORK] >= rtt).all()
    assert (logged[:, 9 + Phase.NETWORK] > rtt).sum() == names


@pytest.mark.parametrize("design", ["multi-endpoint", "api-lps-2023", "single-endpoint"])
def test_a_ticket_saves_a_round_trip_within_its_protocol_only(design: str) -> None:
    """TLS 1.2: two round trips at first, one when resumed; once for IMAP, once for SMTP."""
    found = run(one_person("totp", "lps", **BUSY), design)
    logged = found.trace[(found.trace[:, 4] >= 0) & (found.trace[:, 1] != 3)]
    rtt = found.model.inputs.access_rtt[0]
    full = logged[:, 9 + Phase.TLS] > 2 * rtt
    assert full.sum() == 2
    assert (logged[~full, 9 + Phase.TLS] < 2 * rtt).all()


def test_without_tickets_every_handshake_is_full() -> None:
    found = run(one_person("totp", "lps", **BUSY | {"policies.ticket_seconds": 0}))
    logged = found.trace[(found.trace[:, 4] >= 0) & (found.trace[:, 1] != 3)]
    assert (logged[:, 9 + Phase.TLS] > 2 * found.model.inputs.access_rtt[0]).all()


def test_a_card_signs_at_each_full_handshake_and_asks_its_pin_once_a_day() -> None:
    found = run(
        one_person("cps", "lps", **{"policies.ticket_seconds": 0,
                                    "methods.cps.pin_seconds": 86400})
    )  # fmt: skip
    logged = found.trace[found.trace[:, 4] >= 0]
    sign = found.space.scenario.methods.cps.sign_shift * SECOND
    assert (logged[:, 9 + Phase.TLS] > sign).all()
    assert (logged[:, 9 + Phase.PERSON] > 0).sum() == 1


def test_starttls_costs_two_round_trips_more_than_implicit_tls() -> None:
    rtt = run(one_person("totp", "lps")).model.inputs.access_rtt[0]
    sasl = [
        run(one_person("totp", "lps"), design).of_kind("POLL")[0, 9 + Phase.SASL] / rtt
        for design in ("multi-endpoint", "api-lps-2023")
    ]
    assert sasl[1] - sasl[0] == pytest.approx(2)


# ---------------------------------------------------------------------- who cannot connect


@pytest.mark.parametrize("policy", BUILT_IN_POLICIES)
def test_designs_that_differ_in_names_only_fail_alike(policy: str) -> None:
    """A name is looked up, and that is all: equal mechanics give equal failures."""
    design = BUILT_IN["multi-endpoint"]
    other = replace(design, endpoints=tuple(
        replace(e, host=f"autre.{e.host}", address=f"autre-{e.address}",
                certificate=f"autre-{e.certificate}")
        for e in design.endpoints
    ))  # fmt: skip
    space = small_space({"policies.session_seconds": 600, "methods.ecps.never": 0.3})
    found = [fast.run(build_model(space, each, BUILT_IN_POLICIES[policy]))
             for each in (design, other)]  # fmt: skip
    assert found[0].failures.sum() > 0
    np.testing.assert_array_equal(found[0].failures, found[1].failures)


def test_asking_for_a_certificate_costs_a_dialogue_where_software_shows_one() -> None:
    """Only where the endpoint is shared between methods, and only at a full handshake."""
    prompted = one_person("totp", "lps", **{"policies.session_seconds": 86400,
                                            "policies.ticket_seconds": 86400},
                          **able("lps", certificate_request_prompts=1))  # fmt: skip
    waits = {
        design: (run(prompted, design).of_kind("OPEN")[0, 9 + Phase.PERSON])
        for design in ("single-endpoint", "multi-endpoint")
    }
    assert waits["single-endpoint"] > waits["multi-endpoint"] + SECOND


# ---------------------------------------------------------------------- nothing is lost


@pytest.fixture(
    scope="module",
    params=[(design, engine) for design in ("single-endpoint", "multi-endpoint", "api-lps-2023")
            for engine in ("fast", "simpy")],
    ids="-".join,
)  # fmt: skip
def crowded(request: pytest.FixtureRequest) -> Run:
    """A crowd with too few slots, PSC down, software that waits twenty seconds."""
    design, engine = request.param
    changes = CROWD | OUTAGE | {"software.lps.timeout": 20, "populations.liberal.units": 60}
    return run(changes, design, engine=engine)


def test_every_session_that_starts_ends(crowded: Run) -> None:
    assert crowded.record.sessions.sum() == len(crowded.trace)
    assert (crowded.trace[:, 5] >= crowded.trace[:, 3]).all()


def test_every_slot_that_is_taken_is_given_back(crowded: Run) -> None:
    assert (crowded.record.endpoints[:, EndpointStat.NOW] == 0).all()
    assert (crowded.record.role_now == 0).all()


@pytest.mark.parametrize(
    ("pool", "endpoint"),
    [
        (PoolStat.GRANTED, EndpointStat.SESSIONS),
        (PoolStat.REFUSED, EndpointStat.REFUSED),
        (PoolStat.ABANDONED, EndpointStat.ABANDONED),
    ],
)
def test_pools_and_endpoints_count_alike(
    crowded: Run, pool: PoolStat, endpoint: EndpointStat
) -> None:
    assert crowded.record.pools[:, pool].sum() == crowded.record.endpoints[:, endpoint].sum()


def test_who_gets_no_slot_fails_for_that_cause(crowded: Run) -> None:
    pools = crowded.record.pools
    assert pools[:, PoolStat.REFUSED].sum() == crowded.failures(Cause.SLOTS_EXHAUSTED)
    assert pools[:, PoolStat.ABANDONED].sum() == crowded.failures(Cause.SLOT_TIMEOUT)


def test_littles_law_holds_exactly_in_every_queue_for_slots(crowded: Run) -> None:
    """The area under the queue is the time that all who waited in it waited."""
    pools = crowded.record.pools
    np.testing.assert_array_equal(
        pools[:, PoolStat.QUEUE_AREA], pools[:, PoolStat.WAIT] + pools[:, PoolStat.LOST_WAIT]
    )


def test_the_phases_of_a_login_add_up_to_its_latency(crowded: Run) -> None:
    logged = crowded.trace[crowded.trace[:, 4] >= 0]
    assert len(logged) > 0
    np.testing.assert_array_equal(logged[:, 4] - logged[:, 3], logged[:, 9:].sum(axis=1))


def test_each_attempt_ends_in_one_login_or_one_failure(crowded: Run) -> None:
    """Attempts are sessions and their retries, the relay's apart."""
    relay = crowded.model.groups - 1
    sessions = crowded.record.sessions[:relay].sum()
    relayed = crowded.trace[crowded.trace[:, 1] == 3]  # this crowd opens no further connection
    retries = crowded.trace[:, 7].sum() - relayed[:, 7].sum()
    logins = crowded.record.login_count[:, :relay, 0].sum()
    assert sessions + retries == logins + crowded.record.failures[:relay].sum()
