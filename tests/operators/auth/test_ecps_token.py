"""Access tokens of Pro Santé Connect: whose they are, what they open, and why they are refused."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.observations.schema import Cause
from sandbox.operators.auth.ecps_token import TokenLogin, TokenPolicy, challenge
from sandbox.operators.auth.psc_client import PscClient
from sandbox.operators.auth.verifier import Account
from sandbox.operators.journal import Journal
from sandbox.operators.model import Accepted, Rejected, SaslName, TokenCredentials
from sandbox.operators.refusals import LoginAnswer, LoginRefusal, login_refusal
from sandbox.psc import Running
from sandbox.psc.client_auth import certificate_thumbprint
from sandbox.psc.settings import SCOPES
from sandbox.psc.tokens import TokenGrant
from sandbox.serve import client_context

from .ciba_space import (
    DOCTOR,
    PEOPLE,
    PHARMACIST,
    channel,
    client_of,
    faulty,
    registration,
    run,
    virtual,
)

MAILBOX = "camille.testmedecin@op1.mssante.test"
SCOPE = "openid scope_all"
ACCOUNT = Account(mailbox=MAILBOX, identity=DOCTOR, name="CAMILLE TESTMEDECIN")
FOREIGN = login_refusal(
    "mailbox-foreign", LoginAnswer.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "", ("", ""), ("", "")
)
LIFE = 14_400.0
POLICIES = {
    "introspection": TokenPolicy(check="introspection", session_seconds=LIFE),
    "jwks": TokenPolicy(check="jwks", session_seconds=LIFE),
}
CERTIFICATE = b"a certificate of the client, DER"


@pytest.fixture(params=["introspection", "jwks"])
def policy(request: pytest.FixtureRequest) -> TokenPolicy:
    """Both ways to check: what one refuses, the other refuses."""
    return POLICIES[request.param]


def issue(psc: Running, person: str = DOCTOR, **changes: Any) -> dict[str, Any]:
    """A token response, as the software of a practice got it from Pro Santé Connect."""
    provider = psc.provider
    grant = TokenGrant(
        client=provider.clients["lps-poll"], person=PEOPLE[person], scope="openid scope_all",
        auth_time=provider.now(), sid=f"session-{provider.now()}", **changes,
    )  # fmt: skip
    return provider.tokens.issue(grant, provider.now())


def signed(psc: Running, alg: str = "RS256", **changes: Any) -> str:
    """A JWT like an access token, with some claims changed (None: left out)."""
    now = int(psc.provider.now())
    claims = {
        "iss": psc.issuer, "sub": PEOPLE[DOCTOR].subject, "typ": "Bearer", "azp": "lps-poll",
        "iat": now, "exp": now + 120, "acr": "eidas1", "preferred_username": DOCTOR, **changes,
    }  # fmt: skip
    kept = {name: value for name, value in claims.items() if value is not None}
    return psc.provider.ring.sign(kept, alg)


def admit(identity: str, user: str) -> Account | LoginRefusal:
    """The doctor's own mailbox, and no other."""
    return ACCOUNT if identity == DOCTOR and user.lower() in (MAILBOX, "") else FOREIGN


def login(
    psc: Running,
    token: str,
    policy: TokenPolicy,
    *,
    user: str = MAILBOX,
    mechanism: SaslName = SaslName.XOAUTH2,
    certificate: bytes | None = None,
    timeout: float = 10.0,
) -> Accepted | Rejected:
    async def body() -> Accepted | Rejected:
        timing = virtual(psc)
        async with client_of(psc, timing, timeout=timeout) as client:
            verifier = TokenLogin(client, policy, Journal(clock=timing.now), timing=timing)
            credentials = TokenCredentials(mechanism=mechanism, user=user, token=token)
            return await verifier.verify(credentials, channel(certificate=certificate), admit)

    return run(body())


def refused(outcome: Accepted | Rejected) -> Rejected:
    assert isinstance(outcome, Rejected)
    return outcome


def test_a_good_token_opens_its_persons_mailbox(psc: Running, policy: TokenPolicy):
    outcome = login(psc, issue(psc)["access_token"], policy)
    assert isinstance(outcome, Accepted)
    assert (outcome.actor.mailbox, outcome.actor.identity) == (MAILBOX, DOCTOR)


def test_the_session_ends_with_the_refresh_token_that_came_with_it(
    psc: Running, policy: TokenPolicy
):
    """ECO.1.2.6: both tokens were issued together, at `iat`."""
    token = issue(psc)["access_token"]
    issued = psc.provider.now()
    psc.advance(60.0)
    outcome = login(psc, token, policy)
    assert isinstance(outcome, Accepted)
    assert outcome.actor.expires_at == pytest.approx(issued + LIFE, abs=1.0)


def test_the_session_never_ends_before_the_token(psc: Running, policy: TokenPolicy):
    outcome = login(psc, issue(psc)["access_token"], replace(policy, session_seconds=1.0))
    assert isinstance(outcome, Accepted)
    assert outcome.actor.expires_at == pytest.approx(psc.provider.now() + 120, abs=1.0)


def test_a_date_of_issue_to_come_does_not_lengthen_the_session(psc: Running):
    now = psc.provider.now()
    outcome = login(psc, signed(psc, iat=int(now) + 10**6), POLICIES["jwks"])
    assert isinstance(outcome, Accepted)
    assert outcome.actor.expires_at == pytest.approx(now + LIFE, abs=1.0)


def test_the_token_of_another_person_is_not_authorized(psc: Running, policy: TokenPolicy):
    outcome = refused(login(psc, issue(psc, PHARMACIST)["access_token"], policy))
    assert outcome.refusal is FOREIGN
    # The client is told what it is told of any token that is refused.
    assert outcome.challenge == challenge(SaslName.XOAUTH2, "", SCOPE)


def test_an_expired_token_is_refused(psc: Running, policy: TokenPolicy):
    token = issue(psc)["access_token"]
    psc.advance(121.0)
    outcome = refused(login(psc, token, policy))
    assert outcome.refusal.name in ("token-expired", "token-inactive")
    assert outcome.refusal.cause is Cause.TOKEN_REFUSED


def test_a_revoked_token_is_seen_by_introspection_only(psc: Running):
    token = issue(psc)["access_token"]
    psc.provider.tokens.revoke(token, psc.provider.now())
    outcome = refused(login(psc, token, POLICIES["introspection"]))
    assert outcome.refusal.name == "token-inactive"
    # The price of asking nobody: until `exp`, minutes away, it opens.
    assert isinstance(login(psc, token, POLICIES["jwks"]), Accepted)


@pytest.mark.parametrize("kind", ["id_token", "refresh_token"])
def test_only_an_access_token_opens(psc: Running, policy: TokenPolicy, kind: str):
    outcome = refused(login(psc, issue(psc)[kind], policy))
    assert outcome.refusal.cause is Cause.TOKEN_REFUSED


def test_a_client_that_the_operator_does_not_admit(psc: Running, policy: TokenPolicy):
    token = issue(psc)["access_token"]
    strict = replace(policy, clients=frozenset({"another-editor"}))
    assert refused(login(psc, token, strict)).refusal.name == "token-audience"
    if policy.check == "jwks":
        assert refused(login(psc, signed(psc, azp=["lps-poll"]), strict)).refusal.name == (
            "token-audience"
        )
    admitted = replace(policy, clients=frozenset({"lps-poll"}))
    assert isinstance(login(psc, token, admitted), Accepted)


def test_a_bound_token_needs_its_certificate(psc: Running, policy: TokenPolicy):
    token = issue(psc, thumbprint=certificate_thumbprint(CERTIFICATE))["access_token"]
    assert refused(login(psc, token, policy)).refusal.name == "token-binding"
    stranger = login(psc, token, policy, certificate=b"another")
    assert refused(stranger).refusal.name == "token-binding"
    assert isinstance(login(psc, token, policy, certificate=CERTIFICATE), Accepted)


def tampered(token: str) -> str:
    head, body, signature = token.split(".")
    flipped = "A" if body[10] != "A" else "B"
    return f"{head}.{body[:10]}{flipped}{body[11:]}.{signature}"


def unsigned(token: str) -> str:
    return token.rpartition(".")[0] + "."


def without_algorithm(token: str) -> str:
    return "eyJhbGciOiJub25lIn0." + token.split(".")[1] + "."


@pytest.mark.parametrize("spoil", [tampered, unsigned, without_algorithm])
def test_a_token_that_nobody_signed(psc: Running, spoil: Callable[[str], str]):
    outcome = refused(login(psc, spoil(issue(psc)["access_token"]), POLICIES["jwks"]))
    assert outcome.refusal.name == "token-unreadable"


@pytest.mark.parametrize("text", ["not a token", "é" * 10, "a.b.c", "e30.e30.e30", ".", ""])
def test_what_is_no_token(psc: Running, policy: TokenPolicy, text: str):
    assert refused(login(psc, text, policy)).refusal.answer is not LoginAnswer.NOT_AUTHORIZED


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_a_public_key_is_no_secret(psc: Running):
    """HS256 with the bytes of the published key: the classic confusion of algorithms."""
    key = psc.provider.ring.verification_keys(psc.provider.now()).keys[0]
    claims = issue(psc)["access_token"].split(".")[1]
    header = b64(json.dumps({"alg": "HS256", "kid": key.kid}).encode())
    mac = hmac.digest(key.as_pem(private=False), f"{header}.{claims}".encode(), "sha256")
    forged = f"{header}.{claims}.{b64(mac)}"
    assert refused(login(psc, forged, POLICIES["jwks"])).refusal.name == "token-unreadable"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"iss": "https://psc.invalid.mssante.test"}, "token-issuer"),
        ({"iss": None}, "token-issuer"),
        ({"typ": "ID"}, "token-type"),
        ({"typ": "Refresh"}, "token-type"),
        ({"exp": 1}, "token-expired"),
        ({"exp": None}, "token-expired"),
        ({"exp": True}, "token-expired"),
        ({"exp": "never"}, "token-expired"),
        ({"exp": 10**40}, "token-expired"),
        ({"nbf": 4_000_000_000}, "token-expired"),
        ({"nbf": "now"}, "token-expired"),
        ({"aud": "another-service"}, "token-audience"),
        ({"aud": ["another-service", 1]}, "token-audience"),
        ({"acr": "eidas0"}, "token-acr"),
        ({"acr": None}, "token-acr"),
        ({"cnf": {"x5t#S256": "nobody"}}, "token-binding"),
        ({"cnf": "nobody"}, "token-binding"),
        ({"preferred_username": PHARMACIST}, "token-identity"),
        ({"preferred_username": None, "sub": None}, "token-identity"),
        ({"preferred_username": "é", "sub": None}, "token-identity"),
        ({"preferred_username": "8" * 300, "sub": None}, "token-identity"),
        ({"preferred_username": "", "sub": None}, "token-identity"),
    ],
    ids=str,
)
def test_each_claim_counts(psc: Running, changes: dict[str, Any], rule: str):
    outcome = refused(login(psc, signed(psc, **changes), POLICIES["jwks"]))
    assert outcome.refusal.name == rule


def test_the_audience_may_be_this_operator(psc: Running):
    token = signed(psc, aud=["account", "operator-proxy"])
    assert isinstance(login(psc, token, POLICIES["jwks"]), Accepted)


def test_an_algorithm_outside_the_list_is_refused(psc: Running):
    async def body() -> Accepted | Rejected:
        timing = virtual(psc)
        async with client_of(psc, timing, access_token_algorithms=("ES256",)) as client:
            verifier = TokenLogin(client, POLICIES["jwks"], Journal(), timing=timing)
            credentials = TokenCredentials(
                mechanism=SaslName.XOAUTH2, user=MAILBOX, token=signed(psc, "RS256")
            )
            return await verifier.verify(credentials, channel(), admit)

    assert refused(run(body())).refusal.name == "token-unreadable"


async def test_new_keys_are_fetched_when_a_token_names_them(psc: Running):
    timing = virtual(psc)
    async with client_of(psc, timing) as client:
        verifier = TokenLogin(client, POLICIES["jwks"], Journal(), timing=timing)
        for _ in range(3):
            credentials = TokenCredentials(
                mechanism=SaslName.XOAUTH2, user=MAILBOX, token=issue(psc)["access_token"]
            )
            outcome = await verifier.verify(credentials, channel(), admit)
            assert isinstance(outcome, Accepted)
            psc.provider.rotate_keys()


# --- the challenge ------------------------------------------------------------------------------


def test_xoauth2_is_answered_as_a_french_operator_was_seen_to_answer():
    assert challenge(SaslName.XOAUTH2, "https://psc/", "openid scope_all") == (
        b'{"status":"401","schemes":"bearer","scope":"openid scope_all"}'
    )


def test_the_scope_that_a_refusal_names_is_one_that_pro_sante_connect_gives(psc: Running):
    outcome = refused(login(psc, "a.b.c", POLICIES["jwks"], mechanism=SaslName.OAUTHBEARER))
    wanted = json.loads(outcome.challenge)["scope"].split()
    assert "openid" in wanted
    assert set(wanted) <= set(SCOPES)


def test_oauthbearer_is_answered_with_the_way_to_a_better_token(psc: Running):
    outcome = refused(
        login(psc, "a.b.c", POLICIES["jwks"], mechanism=SaslName.OAUTHBEARER)
    )  # fmt: skip
    assert json.loads(outcome.challenge) == {
        "status": "invalid_token",
        "scope": SCOPE,
        "openid-configuration": f"{psc.issuer}/.well-known/wallet-openid-configuration",
    }


# --- the provider at fault ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("check", "point", "fault"),
    [
        ("introspection", "introspection", "unavailable"),
        ("introspection", "introspection", "server_error"),
        ("introspection", "introspection", "not_json"),
        ("introspection", "introspection", "silence"),
        ("introspection", "discovery", "wrong_issuer"),
        ("jwks", "jwks", "unavailable"),
        ("jwks", "jwks", "not_json"),
        ("jwks", "jwks", "silence"),
        ("jwks", "discovery", "wrong_issuer"),
    ],
)
def test_a_provider_at_fault_is_a_temporary_failure_and_the_token_is_kept(
    psc: Running, check: str, point: str, fault: str
):
    token = issue(psc)["access_token"]
    faulty(psc, fault, point=point, seconds=0.6)
    outcome = refused(login(psc, token, POLICIES[check], timeout=0.3))
    assert outcome.refusal.answer is LoginAnswer.UNAVAILABLE
    assert outcome.refusal.cause is Cause.BACKEND_DOWN
    assert outcome.challenge == b""


def test_a_short_overload_is_waited_for(psc: Running):
    token = issue(psc)["access_token"]
    faulty(psc, "unavailable", point="introspection", nth=1, seconds=2.0)
    outcome = login(psc, token, POLICIES["introspection"])
    assert isinstance(outcome, Accepted)
    assert outcome.backend == pytest.approx(2.0)


def test_a_provider_that_is_not_there_is_a_temporary_failure(psc: Running, policy: TokenPolicy):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    absent = replace(registration(psc), issuer=f"https://localhost:{port}")
    token = issue(psc)["access_token"]

    async def body() -> Accepted | Rejected:
        async with (
            asyncio.timeout(5),
            PscClient(absent, client_context(Path(psc.files.ca)), timeout=5) as client,
        ):
            verifier = TokenLogin(client, policy, Journal())
            credentials = TokenCredentials(
                mechanism=SaslName.XOAUTH2, user=MAILBOX, token=token
            )  # fmt: skip
            return await verifier.verify(credentials, channel(), admit)

    assert refused(run(body())).refusal.name == "psc-unreachable"


def test_a_wrong_registration_is_not_the_clients_fault(psc: Running):
    token = issue(psc)["access_token"]

    async def body() -> Accepted | Rejected:
        timing = virtual(psc)
        async with client_of(psc, timing, client_secret="x" * 40) as client:
            verifier = TokenLogin(client, POLICIES["introspection"], Journal(), timing=timing)
            credentials = TokenCredentials(
                mechanism=SaslName.XOAUTH2, user=MAILBOX, token=token
            )  # fmt: skip
            return await verifier.verify(credentials, channel(), admit)

    assert refused(run(body())).refusal.name == "psc-registration"


def test_no_token_is_written_to_the_journal(psc: Running):
    token = issue(psc)["access_token"]
    journal = Journal()

    async def body() -> None:
        timing = virtual(psc)
        async with client_of(psc, timing) as client:
            verifier = TokenLogin(client, POLICIES["jwks"], journal, timing=timing)
            for value in (token, tampered(token)):
                credentials = TokenCredentials(
                    mechanism=SaslName.XOAUTH2, user=MAILBOX, token=value
                )  # fmt: skip
                await verifier.verify(credentials, channel(), admit)

    run(body())
    written = json.dumps(journal.since())
    assert "token-unreadable" in written
    assert all(part not in written for part in token.split("."))
