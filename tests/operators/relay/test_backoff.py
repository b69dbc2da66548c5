"""When to try again: rising pauses, one warning, an end; all from the row and the clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.operators.mail import Envelope, Queued, Recipient
from sandbox.operators.relay.backoff import Backoff

EVEN = Backoff(
    first=10, factor=2, ceiling=100, spread=0, lifetime=1000, warn_after=200
)  # fmt: skip


def row(*, attempts: int = 0, next_attempt: float = 0, queue_id: str = "Q1") -> Queued:
    recipient = Recipient(address="b@op2.mssante.test")
    return Queued(
        id=1, queue_id=queue_id, message=1,
        envelope=Envelope(reverse_path="a@op1.mssante.test", recipients=(recipient,)),
        accepted_at=0, attempts=attempts, next_attempt=next_attempt,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("attempts", "pause"), [(1, 10), (2, 20), (3, 40), (4, 80), (5, 100), (6, 100), (100_000, 100)]
)
def test_pauses_double_up_to_the_ceiling(attempts: int, pause: float) -> None:
    assert EVEN.pause(attempts, "Q1") == pause


def test_pauses_of_two_messages_differ_and_those_of_one_are_the_same_again() -> None:
    backoff = Backoff()
    assert backoff.pause(1, "Q1") == backoff.pause(1, "Q1")
    assert backoff.pause(1, "Q1") != backoff.pause(1, "Q2")


@given(attempts=st.integers(1, 1000), queue_id=st.text(max_size=20))
def test_a_pause_stays_within_its_spread(attempts: int, queue_id: str) -> None:
    backoff = Backoff(first=10, factor=3, ceiling=500, spread=0.25)
    plain = min(10 * 3 ** min(attempts - 1, 10), 500)
    assert 0.75 * plain <= backoff.pause(attempts, queue_id) <= 1.25 * plain


def test_a_first_failure_is_tried_again_after_the_first_pause() -> None:
    assert EVEN.verdict(row(), 5).next_attempt == 15


def test_the_end_of_the_lifetime_gives_up() -> None:
    assert EVEN.verdict(row(attempts=20, next_attempt=1000), 1000).next_attempt is None


def test_the_last_attempt_is_at_the_end_of_the_lifetime() -> None:
    assert EVEN.verdict(row(attempts=20, next_attempt=950), 950).next_attempt == 1000


def journey(backoff: Backoff) -> tuple[list[float], list[float]]:
    """A message that is always refused for now: instants of attempts, instants of warnings."""
    item, attempts, warnings = row(), [0.0], []
    while True:
        now = attempts[-1]
        verdict = backoff.verdict(item, now)
        if verdict.warn:
            warnings.append(now)
        if verdict.next_attempt is None:
            return attempts, warnings
        attempts.append(verdict.next_attempt)
        item = row(attempts=item.attempts + 1, next_attempt=verdict.next_attempt)


@given(
    first=st.floats(0.1, 100), factor=st.floats(1, 4), spread=st.floats(0, 0.5),
    warn_after=st.floats(1, 900),
)  # fmt: skip
def test_a_sender_is_warned_once_at_the_time_that_was_set(
    first: float, factor: float, spread: float, warn_after: float
) -> None:
    backoff = Backoff(
        first=first, factor=factor, ceiling=300, spread=spread, lifetime=1000,
        warn_after=warn_after,
    )  # fmt: skip
    _, warnings = journey(backoff)
    assert warnings == [warn_after]


def test_attempts_end_with_the_lifetime_and_get_rarer() -> None:
    attempts, _ = journey(EVEN)
    assert attempts[:5] == [0, 10, 30, 70, 150]
    assert attempts[-1] == 1000


def test_a_lifetime_shorter_than_the_warning_never_warns() -> None:
    backoff = Backoff(first=1, spread=0, lifetime=10, warn_after=20)
    assert journey(backoff)[1] == []


def test_an_early_attempt_by_hand_does_not_warn_again() -> None:
    warned = row(attempts=6, next_attempt=300)
    assert not EVEN.verdict(warned, 250).warn


def test_an_early_attempt_by_hand_warns_when_its_time_has_come() -> None:
    not_yet = row(attempts=5, next_attempt=200)
    assert not EVEN.verdict(not_yet, 190).warn
    assert EVEN.verdict(not_yet, 201).warn
