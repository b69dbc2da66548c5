"""An operator as client of Pro Santé Connect: each answer survived, or refused for its reason."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.operators.auth import psc_http
from sandbox.operators.auth.psc_client import (
    Approval,
    CibaRequest,
    PscClient,
    PscError,
    Timing,
)
from sandbox.operators.auth.psc_http import UnreadableTokenError
from sandbox.psc import FAULTS, Behaviour, Running
from sandbox.psc.ciba import RequestState
from sandbox.psc.client_certificates import psc_files
from sandbox.serve import client_context, server_context

from .ciba_space import (
    BLOCKED,
    DOCTOR,
    SECRETARY,
    Held,
    client_of,
    faulty,
    frozen_provider,
    polls,
    registration,
    reset,
    run,
    until,
    virtual,
)


@pytest.fixture(scope="module", params=["psc", "core"])
def both(request: pytest.FixtureRequest) -> Iterator[Running]:
    with frozen_provider(request.param) as started:
        yield started


@pytest.fixture(scope="module")
def only_psc() -> Iterator[Running]:
    with frozen_provider("psc") as started:
        yield started


@pytest.fixture
def each(both: Running) -> Running:
    """A provider of each profile."""
    reset(both)
    return both


@pytest.fixture
def psc(only_psc: Running) -> Running:
    reset(only_psc)
    return only_psc


def ask(psc: Running, national_id: str = DOCTOR, **changes: Any) -> Approval:
    """One whole approval with a client of its own."""
    hold = changes.pop("hold", 180.0)

    async def body() -> Approval:
        async with client_of(psc, **changes) as client:
            return await client.approval(national_id, hold=hold)

    return run(body())


def refusal(psc: Running, national_id: str = DOCTOR, **changes: Any) -> PscError:
    with pytest.raises(PscError) as caught:
        ask(psc, national_id, **changes)
    return caught.value


def test_an_approval_names_who_was_asked(each: Running):
    assert ask(each).national_id == DOCTOR


def test_an_employee_is_asked_by_the_identifier_of_the_structure(psc: Running):
    assert ask(psc, SECRETARY).national_id == SECRETARY


def test_the_request_asks_for_what_pro_sante_connect_wants(psc: Running):
    ask(psc)
    request = psc.provider.requests.of(DOCTOR)[0]
    # The provider adds the scopes that every client has there.
    assert {"openid", "scope_all"} <= set(request.scope.split())
    assert (request.acr_values, request.channel, request.mode) == ("eidas1", "MOBILE", "poll")


def test_two_digits_are_drawn_for_the_person_to_compare(psc: Running):
    ask(psc)
    message = psc.provider.requests.of(DOCTOR)[0].binding_message
    assert message is not None
    assert len(message) == 2
    assert message.isdigit()


def test_the_persons_time_is_told_from_the_back_ends(each: Running):
    each.provider.devices.behaviour = Behaviour(kind="approve", delay=8.4)
    marks = ask(each).marks
    # auth_time has whole seconds; polls are up to 5 s apart.
    assert marks.decided - marks.rung == pytest.approx(8.4, abs=0.6)


def test_no_poll_comes_too_fast(each: Running):
    ask(each)
    request = each.provider.requests.of(DOCTOR)[0]
    assert request.fast_polls == 0
    assert request.polls >= 2


def test_a_person_who_never_answers_is_waited_for_until_the_expiry(each: Running):
    each.provider.devices.behaviour = Behaviour(kind="manual")
    error = refusal(each)
    assert error.refusal.name == "ciba-no-answer"
    assert error.marks is not None
    assert 110 <= error.marks.decided - error.marks.rung <= 120


def test_the_operators_limit_comes_before_the_expiry(psc: Running):
    psc.provider.devices.behaviour = Behaviour(kind="manual")
    error = refusal(psc, hold=30.0)
    assert error.refusal.name == "ciba-held-too-long"
    assert polls(psc) == 29


@pytest.mark.parametrize("decision", ["refuse", "wrong_code"])
def test_a_refusal_on_the_telephone_is_said(each: Running, decision: str):
    each.provider.devices.behaviour = Behaviour(kind=decision, delay=3.0)
    assert refusal(each).refusal.name == "ciba-refused"


def test_a_person_unknown_to_the_provider(each: Running):
    assert refusal(each, "899799999999").refusal.name == "ciba-unknown-person"


def test_a_person_blocked_by_the_provider_is_not_rung(each: Running):
    error = refusal(each, BLOCKED)
    assert error.refusal.name == "ciba-policy"
    assert error.marks is None


@pytest.mark.parametrize(
    "wrong", [{"client_secret": "x" * 40}, {"client_id": "nobody"}, {"scope": "no_such_scope"}]
)
def test_a_wrong_registration_is_the_operators_own_fault(psc: Running, wrong: dict[str, str]):
    assert refusal(psc, **wrong).refusal.name == "psc-registration"


def test_a_device_channel_that_is_down_is_a_temporary_failure(psc: Running):
    psc.provider.devices.reachable = False
    assert refusal(psc).refusal.name == "psc-unreachable"


def test_cancelling_stops_the_polls(psc: Running):
    psc.provider.devices.behaviour = Behaviour(kind="manual")

    async def body() -> None:
        held = Held(psc)
        async with client_of(psc, held.timing) as client:
            asking = asyncio.create_task(client.approval(DOCTOR, hold=180.0))
            for count in range(1, 4):
                await until(lambda count=count: held.waits == count)
                held.step()
            await until(lambda: held.waits == 4)
            asking.cancel()
            await asyncio.wait([asking])
            for _ in range(5):
                held.step()
            await asyncio.sleep(0.05)

    run(body())
    assert polls(psc) == 3


# --- misbehaviour of the provider ---------------------------------------------------------------

SURVIVED = ""
# Fault -> point -> the rule that refuses, or SURVIVED.
EXPECTED: dict[tuple[str, str], str] = {
    ("missing_auth_req_id", "backchannel"): "psc-misbehaves",
    ("missing_expires_in", "backchannel"): "psc-misbehaves",
    ("missing_interval", "backchannel"): SURVIVED,
    ("long_interval", "backchannel"): SURVIVED,
    ("unknown_members", "backchannel"): SURVIVED,
    ("unknown_members", "token"): SURVIVED,
    ("invalid_request", "backchannel"): "psc-registration",
    ("invalid_request", "token"): "psc-misbehaves",
    ("access_denied", "backchannel"): "ciba-policy",
    ("access_denied", "token"): "ciba-refused",
    ("slow_down", "token"): SURVIVED,
    ("authorization_pending", "token"): SURVIVED,
    ("expired_token", "token"): "ciba-no-answer",
    ("unavailable", "backchannel"): SURVIVED,
    ("unavailable", "token"): SURVIVED,
    ("unavailable", "jwks"): "psc-unreachable",
    ("unavailable", "discovery"): "psc-unreachable",
    ("server_error", "backchannel"): "psc-unreachable",
    ("server_error", "token"): SURVIVED,
    ("server_error", "jwks"): "psc-unreachable",
    ("server_error", "discovery"): "psc-unreachable",
    ("not_json", "backchannel"): "psc-misbehaves",
    ("not_json", "token"): SURVIVED,
    ("not_json", "jwks"): "psc-misbehaves",
    ("not_json", "discovery"): "psc-misbehaves",
    ("slow", "backchannel"): SURVIVED,
    ("slow", "token"): SURVIVED,
    ("slow", "jwks"): SURVIVED,
    ("slow", "discovery"): SURVIVED,
    ("silence", "backchannel"): "psc-unreachable",
    ("silence", "token"): SURVIVED,
    ("silence", "jwks"): "psc-unreachable",
    ("silence", "discovery"): "psc-unreachable",
    ("missing_access_token", "token"): "psc-misbehaves",
    ("missing_token_type", "token"): "psc-misbehaves",
    ("missing_id_token", "token"): "psc-misbehaves",
    ("id_wrong_nonce", "token"): SURVIVED,  # no nonce is sent in CIBA
    ("rotate_keys", "token"): SURVIVED,
    ("stale_jwks", "jwks"): "psc-misbehaves",
    ("wrong_issuer", "discovery"): "psc-misbehaves",
    **{
        (fault, "token"): "ciba-id-token"
        for fault in FAULTS
        if fault.startswith("id_") and fault != "id_wrong_nonce"
    },
}
CIBA_POINTS = {"backchannel", "token", "jwks", "discovery"}
# These change the answer that carries the tokens, whichever poll that is; the others, one answer.
LASTING = {"token"}


def test_every_misbehaviour_at_these_points_is_answered_here():
    wanted = {(f, p) for f, fault in FAULTS.items() for p in fault.points if p in CIBA_POINTS}
    assert set(EXPECTED) == wanted


@pytest.mark.parametrize(("fault", "point"), list(EXPECTED), ids=lambda value: value)
def test_misbehaviour_is_survived_or_refused_for_its_reason(psc: Running, fault: str, point: str):
    spoils_tokens = point == "token" and fault.startswith(("id_", "missing_", "rotate", "unknown"))
    # A silence outlasts the patience, which is long enough for every answer of a busy machine.
    patience, seconds = (1.5, 5.0) if fault == "silence" else (10.0, 0.6)
    faulty(psc, fault, point=point, nth=None if spoils_tokens else 1, seconds=seconds)
    expected = EXPECTED[fault, point]
    if expected is SURVIVED:
        assert ask(psc, timeout=patience).national_id == DOCTOR
    else:
        assert refusal(psc, timeout=patience).refusal.name == expected


def test_a_slow_down_is_obeyed_for_good(psc: Running):
    faulty(psc, "slow_down", nth=1)
    psc.provider.devices.behaviour = Behaviour(kind="approve", delay=20.0)
    ask(psc)
    # 1 s (refused), then every 6 s: 7, 13, 19, 25.
    assert polls(psc) == 4


@pytest.mark.parametrize("fault", ["unavailable", "server_error", "not_json"])
def test_a_provider_that_stays_down_is_given_up_after_a_few_polls(psc: Running, fault: str):
    faulty(psc, fault, point="token")
    error = refusal(psc)
    assert error.refusal.name == "psc-unreachable"
    assert error.marks is not None
    # A poll that meets a fault never reaches the request: count what the provider owned up to.
    ticket = psc.provider.requests.of(DOCTOR)[0].ticket
    assert sum(event.ticket == ticket and event.kind == "fault"
               for event in psc.provider.events.since(0)) == 3  # fmt: skip


async def test_a_closed_port_is_a_temporary_failure_at_once(psc: Running):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    asked = replace(registration(psc), issuer=f"https://localhost:{port}/auth")

    async with PscClient(asked, client_context(Path(psc.files.ca)), timeout=5) as client:
        with pytest.raises(PscError) as caught:
            await client.approval(DOCTOR, hold=180.0)
        assert caught.value.refusal.name == "psc-unreachable"


async def test_a_certificate_of_another_authority_is_not_believed(psc: Running, tmp_path: Path):
    stranger = client_context(psc_files(tmp_path).ca)

    async with PscClient(registration(psc), stranger, timeout=5) as client:
        with pytest.raises(PscError) as caught:
            await client.approval(DOCTOR, hold=180.0)
        assert caught.value.refusal.name == "psc-unreachable"


def test_tls_is_version_1_2_or_later(psc: Running):
    context = client_context(Path(psc.files.ca))
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.check_hostname


def test_no_proxy_is_taken_from_the_environment(psc: Running, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert ask(psc).national_id == DOCTOR


def test_an_answer_without_end_is_cut(psc: Running, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(psc_http, "MAX_BODY", 100)
    assert refusal(psc).refusal.name == "psc-misbehaves"


async def test_an_answer_that_trickles_is_cut_at_the_time_out(psc: Running):
    """Each byte comes in time; the answer never does."""

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.02)

    context = server_context(psc.files.chain, psc.files.key)
    server = await asyncio.start_server(trickle, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    asked = replace(registration(psc), issuer=f"https://localhost:{port}")
    trust = client_context(Path(psc.files.ca))
    async with server, PscClient(asked, trust, timeout=0.2) as client:
        with pytest.raises(PscError) as caught:
            async with asyncio.timeout(5):
                await client.introspect("a token")
        assert caught.value.refusal.name == "psc-unreachable"
    await until(lambda: len(asyncio.all_tasks()) == 1)


def test_ten_clients_at_once_fetch_discovery_and_keys_once(psc: Running):
    faulty(psc, "slow", point="discovery", seconds=0.05)

    async def body() -> None:
        async with client_of(psc) as client:
            await asyncio.gather(*(client.approval(DOCTOR, hold=180.0) for _ in range(10)))

    before = psc.provider.events.add(psc.provider.now(), "mark").seq
    run(body())
    met = [event for event in psc.provider.events.since(before) if event.kind == "fault"]
    assert len(met) == 1


def test_an_unknown_kid_makes_one_fetch_for_a_while(psc: Running):
    """A stranger who sends tokens of invented keys does not make us hammer the provider."""
    faulty(psc, "slow", point="jwks", seconds=0.0)
    forged = psc.provider.ring.sign({"iss": psc.issuer}, "RS256", kid="invented")

    async def body() -> None:
        async with client_of(psc) as client:
            for _ in range(20):
                with pytest.raises(UnreadableTokenError):
                    await client.signed_claims(forged, ("RS256",))

    before = psc.provider.events.add(psc.provider.now(), "mark").seq
    run(body())
    fetched = [event for event in psc.provider.events.since(before) if event.kind == "fault"]
    assert len(fetched) == 2  # the first keys, and one refresh


async def test_known_keys_serve_on_while_the_provider_is_down(psc: Running):
    token = psc.provider.ring.sign({"iss": psc.issuer}, "RS256")
    now = [0.0]
    timing = Timing(psc.provider.now, lambda: now[0], virtual(psc).sleep)

    async with client_of(psc, timing) as client:
        await client.signed_claims(token, ("RS256",))
        faulty(psc, "unavailable", point="jwks")
        now[0] = psc_http.KEYS_LIFE + 1
        assert (await client.signed_claims(token, ("RS256",)))["iss"] == psc.issuer


def test_a_request_never_shows_its_secret_id(psc: Running):
    shown: list[str] = []

    async def body() -> None:
        requests: list[CibaRequest] = []
        async with client_of(psc) as client:
            await client.approval(DOCTOR, hold=180.0, asked=requests.append)
        shown.append(repr(requests[0]))
        assert requests[0].auth_req_id not in shown[0]

    run(body())
    assert psc.provider.requests.of(DOCTOR)[0].state is RequestState.REDEEMED
