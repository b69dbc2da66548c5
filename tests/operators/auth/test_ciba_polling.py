"""The wait for a CIBA answer: what follows each answer, without network and without time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.operators.auth.ciba_polling import (
    MOST_LOST,
    AnswerKind,
    Approved,
    Ended,
    PollAnswer,
    Polling,
    read_answer,
    start,
)

PENDING = PollAnswer(kind=AnswerKind.PENDING)
SLOW_DOWN = PollAnswer(kind=AnswerKind.SLOW_DOWN)
LOST = PollAnswer(kind=AnswerKind.LOST, detail="ReadTimeout")
TOKENS = {"access_token": "a", "token_type": "Bearer", "id_token": "i"}


def waiting(**changes: Any) -> Polling:
    return start(100.0, **{"expires_in": 120.0, "interval": 5.0, "hold": 180.0, **changes})


def goes_on(step: object) -> Polling:
    assert isinstance(step, Polling)
    return step


def ended(step: object) -> str:
    assert isinstance(step, Ended)
    return step.refusal.name


def test_the_first_poll_waits_for_one_interval():
    assert waiting().next_at == 105.0


def test_an_acknowledgement_without_interval_means_five_seconds():
    assert waiting(interval=None).interval == 5.0


def test_the_interval_counts_from_the_answer():
    assert goes_on(waiting().after(PENDING, 107.5)).next_at == 112.5


def test_slow_down_adds_five_seconds_to_this_and_every_later_wait():
    slower = goes_on(waiting().after(SLOW_DOWN, 105.0))
    assert slower.next_at == 115.0
    assert goes_on(slower.after(PENDING, 115.0)).next_at == 125.0


def test_retry_after_is_honoured_when_longer_than_the_interval():
    overloaded = PollAnswer(kind=AnswerKind.OVERLOADED, retry_after=12.0, detail="HTTP 503")
    assert goes_on(waiting().after(overloaded, 105.0)).next_at == 117.0


def test_retry_after_never_shortens_the_interval():
    overloaded = PollAnswer(kind=AnswerKind.OVERLOADED, retry_after=1.0, detail="HTTP 503")
    assert goes_on(waiting().after(overloaded, 105.0)).next_at == 110.0


def test_a_retry_after_beyond_the_expiry_gives_up_at_once():
    overloaded = PollAnswer(kind=AnswerKind.OVERLOADED, retry_after=600.0, detail="HTTP 503")
    assert ended(waiting().after(overloaded, 105.0)) == "psc-unreachable"


def test_lost_answers_are_retried_later_and_later_then_given_up():
    first = goes_on(waiting().after(LOST, 110.0))
    second = goes_on(first.after(LOST, 130.0))
    assert (first.next_at, second.next_at) == (120.0, 150.0)
    assert ended(second.after(LOST, 160.0)) == "psc-unreachable"


def test_an_answer_in_between_forgives_the_lost_ones():
    shaken = goes_on(goes_on(waiting().after(LOST, 105.0)).after(LOST, 115.0))
    recovered = goes_on(shaken.after(PENDING, 140.0))
    assert isinstance(recovered.after(LOST, 145.0), Polling)


def test_no_poll_is_made_after_the_expiry():
    assert ended(waiting().after(PENDING, 216.0)) == "ciba-no-answer"


def test_the_operators_own_limit_is_told_apart_from_the_expiry():
    assert ended(waiting(hold=60.0).after(PENDING, 156.0)) == "ciba-held-too-long"


def test_tokens_are_an_approval():
    assert waiting().after(PollAnswer(kind=AnswerKind.TOKENS, tokens=TOKENS), 105.0) == Approved(
        TOKENS
    )


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, TOKENS, AnswerKind.TOKENS),
        (400, {"error": "authorization_pending"}, AnswerKind.PENDING),
        (400, {"error": "slow_down"}, AnswerKind.SLOW_DOWN),
        (503, {"error": "temporarily_unavailable"}, AnswerKind.OVERLOADED),
        (429, None, AnswerKind.OVERLOADED),
        (500, None, AnswerKind.LOST),
        (500, {"error": "server_error"}, AnswerKind.LOST),
        (200, None, AnswerKind.LOST),
    ],
)
def test_what_an_answer_means(status: int, body: dict[str, Any] | None, kind: AnswerKind):
    assert read_answer(status, body).kind is kind


@pytest.mark.parametrize(
    ("status", "body", "rule"),
    [
        (400, {"error": "access_denied"}, "ciba-refused"),
        (400, {"error": "expired_token"}, "ciba-no-answer"),
        (401, {"error": "invalid_client"}, "psc-registration"),
        (400, {"error": "unauthorized_client"}, "psc-registration"),
        (400, {"error": "invalid_grant"}, "psc-misbehaves"),
        (400, {"error": ["slow_down"]}, "psc-misbehaves"),
        (400, {}, "psc-misbehaves"),
        (302, {}, "psc-misbehaves"),
        (200, {**TOKENS, "id_token": None}, "psc-misbehaves"),
        (200, {**TOKENS, "access_token": 1}, "psc-misbehaves"),
        (200, {**TOKENS, "token_type": "DPoP"}, "psc-misbehaves"),
    ],
)
def test_what_ends_the_wait(status: int, body: dict[str, Any], rule: str):
    answer = read_answer(status, body)
    assert answer.refusal is not None
    assert answer.refusal.name == rule


@pytest.mark.parametrize("retry_after", [float("nan"), float("inf"), -5.0])
def test_a_retry_after_that_is_no_time_is_not_said(retry_after: float):
    assert read_answer(503, None, retry_after).retry_after == 0.0


ANSWERS = st.sampled_from(
    [
        PENDING,
        SLOW_DOWN,
        LOST,
        PollAnswer(kind=AnswerKind.OVERLOADED, retry_after=7.0, detail="HTTP 503"),
    ]
)


@given(
    st.lists(st.tuples(ANSWERS, st.floats(0, 30)), max_size=30),
    st.floats(1, 30), st.floats(30, 300), st.floats(1, 300),
)  # fmt: skip
def test_whatever_comes_polls_keep_their_distance_and_the_wait_ends(
    script: list[tuple[PollAnswer, float]], interval: float, expires_in: float, hold: float
):
    polling = start(0.0, expires_in=expires_in, interval=interval, hold=hold)
    lost = 0
    for answer, latency in [*script, *[(PENDING, 5.0)] * 300]:
        came = polling.next_at + latency
        step = polling.after(answer, came)
        lost = lost + 1 if answer.kind in (AnswerKind.LOST, AnswerKind.OVERLOADED) else 0
        if isinstance(step, Ended):
            break
        assert isinstance(step, Polling)
        assert lost < MOST_LOST
        assert step.next_at - came >= polling.interval - 1e-9  # floats
        assert step.next_at < min(expires_in, hold)
        polling = step
    else:
        pytest.fail("the wait never ended")
