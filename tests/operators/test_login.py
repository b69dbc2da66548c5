"""One conductor of logins: what it tells, and how it ends, whichever protocol carries it."""

from __future__ import annotations

import asyncio
import base64
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.observations.schema import Cause
from sandbox.operators.auth import refusals
from sandbox.operators.journal import Journal
from sandbox.operators.login import Challenge, Denied, LoginConductor, Logins
from sandbox.operators.model import (
    Accepted,
    Actor,
    Channel,
    Credentials,
    PasswordCredentials,
    Rejected,
    SaslName,
)
from sandbox.operators.observing import LoginObserved, Nobody
from sandbox.operators.refusals import LoginRefusal
from sandbox.space.methods import Method

PLAIN = base64.b64encode(b"\0anne\0good")
WALL = 1_000_000.0


class Place(Nobody):
    """A judge, an observer, and a clock that moves when told."""

    def __init__(self, recheck: float = 1e9) -> None:
        self.seen: list[LoginObserved] = []
        self.journal = Journal()
        self.now = 500.0
        self.verdict: Callable[[], Accepted | Rejected] = lambda: Accepted(actor=actor())
        self.later: LoginRefusal | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.logins = Logins(
            judge=self, journal=self.journal, observer=self, recheck_seconds=recheck,
            clock=lambda: WALL, elapsed=lambda: self.now,
        )  # fmt: skip

    async def authenticate(self, *_: Credentials | Channel) -> Accepted | Rejected:
        await self.open.wait()
        return self.verdict()

    async def again(self, *_: Actor | Credentials | Channel) -> LoginRefusal | None:
        return self.later

    def login(self, seen: LoginObserved) -> None:
        self.seen.append(seen)

    def connection(self, **changes: Any) -> LoginConductor:
        values: dict[str, Any] = {
            "operator": "op1", "design": "d", "endpoint": "e", "host": "imap.op1.mssante.test",
            "port": 993, "protocol": "imap", "methods": tuple(Method), "tls": "TLSv1.3",
            "mechanisms": (SaslName.PLAIN, SaslName.EXTERNAL, SaslName.NONE), "client": "127.0.0.1",
        }  # fmt: skip
        return LoginConductor(self.logins, Channel(**(values | changes)), WALL, 0.25)


def actor(expires_at: float | None = None) -> Actor:
    return Actor(mailbox="anne@op1.mssante.test", identity="8", name="Anne", method=Method.ECPS,
                 expires_at=expires_at)  # fmt: skip


async def test_a_login_is_timed_by_a_clock_that_never_goes_back() -> None:
    here = Place()
    login = here.connection()
    step = login.begin("PLAIN", PLAIN)
    assert isinstance(step, PasswordCredentials)
    here.now += 7.0
    here.verdict = lambda: Accepted(actor=actor(), backend=2.0, person=4.0)
    await login.judge(step)
    [seen] = here.seen
    assert (seen.tls, seen.sasl, seen.backend, seen.person) == (0.25, 1.0, 2.0, 4.0)


async def test_a_client_that_hangs_up_gave_up_and_its_wait_was_for_the_person() -> None:
    here = Place()
    here.open.clear()
    login = here.connection()
    step = login.begin("PLAIN", PLAIN)
    assert isinstance(step, PasswordCredentials)
    waiting = asyncio.create_task(login.judge(step))
    await asyncio.sleep(0)
    here.now += 30.0
    waiting.cancel()
    await asyncio.wait([waiting])
    [seen] = here.seen
    assert (seen.cause, seen.reason) == (Cause.CLIENT_TIMEOUT, "client-gave-up")
    assert (seen.sasl, seen.person) == (0.0, 30.0)


@pytest.mark.parametrize(
    ("begin", "reason"),
    [
        (lambda login: login.begin("CRAM-MD5"), "mechanism-not-here"),
        (lambda login: login.begin("PLAIN", b"%%%"), "sasl-malformed"),
        (lambda login: login.begin("PLAIN") and login.proceed(b"*"), "client-cancelled"),
        (lambda login: login.typed(b"", b"good"), "sasl-malformed"),
    ],
)
def test_an_attempt_that_reaches_no_judge_is_journaled_and_observed_once(
    begin: Callable[[LoginConductor], object], reason: str
) -> None:
    here = Place()
    login = here.connection()
    denied = begin(login)
    assert isinstance(denied, Denied)
    assert [seen.reason for seen in here.seen] == [reason]
    assert [event["reason"] for event in here.journal.since()] == [reason]
    assert login.failures == 1
    assert not login.begun


@pytest.mark.parametrize("offered", [SaslName.PLAIN, SaslName.LOGIN])
def test_a_typed_password_goes_by_the_mechanism_that_is_offered(offered: SaslName) -> None:
    step = Place().connection(mechanisms=(offered,)).typed(b"anne", b"good")
    assert isinstance(step, PasswordCredentials)
    assert (step.mechanism, step.authcid, step.password) == (offered, "anne", "good")


def test_a_malformed_response_says_what_is_wrong_with_it() -> None:
    here = Place()
    denied = here.connection().begin("PLAIN", base64.b64encode(b"anne"))
    assert isinstance(denied, Denied)
    assert denied.text == "PLAIN is an optional authzid, NUL, a name, NUL, a password"
    assert here.journal.since()[-1]["detail"] == denied.text


async def test_an_operator_that_fails_within_answers_try_later_and_blames_nobody() -> None:
    here = Place()

    def broken() -> Accepted:
        raise sqlite3.OperationalError("database or disk is full")

    here.verdict = broken
    login = here.connection()
    verdict = await login.judge(login.certificate())
    assert isinstance(verdict, Rejected)
    assert verdict.refusal.answer.imap_code == "UNAVAILABLE"
    assert [(seen.reason, seen.cause) for seen in here.seen] == [
        ("login-unavailable", Cause.BACKEND_DOWN)
    ]


@pytest.mark.parametrize(
    ("changes", "offered", "alone"),
    [
        ({"tls": ""}, (), False),
        ({}, (SaslName.PLAIN,), False),
        ({"certificate": b"x"}, (SaslName.PLAIN, SaslName.EXTERNAL), True),
        ({"certificate": b"x", "mechanisms": (SaslName.NONE,)}, (SaslName.EXTERNAL,), True),
        ({"mechanisms": (SaslName.NONE,)}, (), False),
        (
            {"certificate": b"x", "mechanisms": (SaslName.EXTERNAL,)},
            (SaslName.EXTERNAL,), False,
        ),
    ],
)  # fmt: skip
def test_what_a_connection_is_offered(
    changes: dict[str, Any], offered: tuple[SaslName, ...], alone: bool
) -> None:
    login = Place().connection(**changes)
    assert login.offered == offered
    assert login.alone is alone


async def test_a_certificate_that_does_not_say_which_mailbox_has_not_failed_yet() -> None:
    here = Place()
    here.verdict = lambda: Rejected(refusal=refusals.MAILBOX_NOT_NAMED)
    login = here.connection(certificate=b"x")
    await login.judge(login.certificate())
    assert here.seen == []
    assert login.failures == 0


async def test_a_session_ends_with_its_token() -> None:
    here = Place()
    here.verdict = lambda: Accepted(actor=actor(WALL))
    login = here.connection()
    await login.judge(login.certificate())
    assert (await login.ended()).name == "token-ended"
    assert here.journal.since()[-1]["event"] == "ended"


async def test_a_session_ends_when_what_opened_it_is_no_longer_good() -> None:
    here = Place(recheck=0.001)
    login = here.connection()
    await login.judge(login.certificate())
    ending = asyncio.create_task(login.ended())
    await asyncio.sleep(0.02)
    assert not ending.done()
    here.later = refusals.CERTIFICATE_REVOKED
    assert (await ending).name == "certificate-revoked"


def test_a_challenge_is_base64_and_the_exchange_goes_on() -> None:
    login = Place().connection(mechanisms=(SaslName.LOGIN,))
    assert login.begin("LOGIN") == Challenge(base64.b64encode(b"Username:"))
    assert login.proceed(base64.b64encode(b"anne")) == Challenge(base64.b64encode(b"Password:"))
    assert login.begun
