"""From fates to what is written: rows that leave, rows that wait, notices that are due."""

from __future__ import annotations

from sandbox.operators.mail import Envelope, Queued, Recipient
from sandbox.operators.post.dsn import Reporter
from sandbox.operators.relay import troubles
from sandbox.operators.relay.backoff import Backoff
from sandbox.operators.relay.settlement import RowFate, Settlement, bundles, settlement
from sandbox.operators.relay.troubles import Trouble, of_reply

BACKOFF = Backoff(first=10, spread=0, lifetime=1000, warn_after=100)
REPORTER = Reporter("mx.op1.mssante.test", "mailer-daemon@op1.mssante.test")
CONTENT = b"Subject: x\r\n\r\nbody\r\n"


def row(
    number: int = 1, *, address: str = "b@op2.mssante.test", message: int = 1,
    notify: tuple[str, ...] = (), sender: str = "a@op1.mssante.test", next_attempt: float = 0,
    attempts: int = 0, ret: str = "",
) -> Queued:  # fmt: skip
    recipient = Recipient(address=address, notify=notify)
    return Queued(
        id=number, queue_id=f"Q{message}", message=message,
        envelope=Envelope(reverse_path=sender, recipients=(recipient,), ret=ret), accepted_at=0,
        attempts=attempts, next_attempt=next_attempt,
    )  # fmt: skip


def settled(*fates: RowFate, now: float = 0) -> Settlement:
    return settlement(fates, lambda: CONTENT, backoff=BACKOFF, reporter=REPORTER, now=now)


def test_recipients_of_one_message_share_a_transaction() -> None:
    rows = [row(2, address="c@op2.mssante.test"), row(1), row(3, message=2)]
    assert [[each.id for each in one] for one in bundles(rows, 100)] == [[1, 2], [3]]


def test_rows_that_mail_would_say_differently_do_not_share_one() -> None:
    assert len(bundles([row(1), row(2, ret="FULL")], 100)) == 2
    assert len(bundles([row(1), row(2, sender="z@op1.mssante.test")], 100)) == 2


def test_rows_deferred_apart_stay_apart_so_that_a_repetition_is_the_same() -> None:
    rows = [row(1, next_attempt=10), row(2, next_attempt=20), row(3, next_attempt=10)]
    assert [[each.id for each in one] for one in bundles(rows, 100)] == [[1, 3], [2]]


def test_recipients_keep_their_own_notify_within_one_transaction() -> None:
    assert len(bundles([row(1, notify=("NEVER",)), row(2)], 100)) == 1


def test_a_transaction_has_no_more_recipients_than_allowed() -> None:
    rows = [row(i, address=f"u{i:03d}@op2.mssante.test") for i in range(250)]
    assert [len(each) for each in bundles(rows, 100)] == [100, 100, 50]


def test_what_is_delivered_leaves_the_queue_in_silence() -> None:
    found = settled(RowFate(item=row()))
    assert (found.done, found.deferred, found.notices) == ([1], [], ())


def test_success_is_reported_by_us_only_where_the_other_side_does_not() -> None:
    asked = row(notify=("SUCCESS",))
    assert settled(RowFate(item=asked, reports=True)).notices == ()
    ((envelope, data),) = settled(RowFate(item=asked, reports=False)).notices
    assert envelope.recipients[0].address == "a@op1.mssante.test"
    assert b"Action: relayed\r\n" in data


def test_a_temporary_failure_waits() -> None:
    found = settled(RowFate(item=row(), trouble=of_reply(451, "4.3.0 later")))
    assert (found.done, found.deferred, found.notices) == ([], [(1, 10.0)], ())


def test_a_permanent_failure_leaves_the_queue_with_a_notice() -> None:
    found = settled(RowFate(item=row(), trouble=of_reply(550, "5.1.1 unknown")))
    assert (found.done, found.deferred) == ([1], [])
    assert b"Diagnostic-Code: smtp; 550 5.1.1 unknown\r\n" in found.notices[0][1]


def test_a_failed_notification_leaves_the_queue_in_silence() -> None:
    found = settled(RowFate(item=row(sender=""), trouble=of_reply(550, "5.1.1 unknown")))
    assert (found.done, found.notices) == ([1], ())


def test_the_sender_is_told_of_a_delay_once_its_time_has_come() -> None:
    late = RowFate(item=row(attempts=4, next_attempt=100), trouble=troubles.UNREACHABLE)
    found = settled(late, now=100)
    assert found.deferred
    assert b"Action: delayed\r\n" in found.notices[0][1]


def test_an_expired_message_says_so_and_what_the_last_attempt_gave() -> None:
    last = RowFate(item=row(attempts=9, next_attempt=1000), trouble=of_reply(451, "4.3.0 later"))
    found = settled(last, now=1000)
    assert found.done == [1]
    data = found.notices[0][1]
    assert b"Status: 4.4.7\r\n" in data
    assert b"Diagnostic-Code: smtp; 451 4.3.0 later\r\n" in data


def test_each_recipient_of_a_transaction_is_settled_alone() -> None:
    found = settled(
        RowFate(item=row(1)),
        RowFate(item=row(2, address="c@op2.mssante.test"), trouble=of_reply(550, "5.1.1 unknown")),
        RowFate(item=row(3, address="d@op2.mssante.test"), trouble=of_reply(450, "4.2.0 later")),
        RowFate(item=row(4, address="e@op2.mssante.test"), trouble=of_reply(552, "5.2.2 full")),
    )
    assert found.done == [1, 2, 4]
    assert [each[0] for each in found.deferred] == [3]
    ((_, data),) = found.notices
    assert data.count(b"Action: failed") == 2


def test_the_content_is_read_only_for_a_notice() -> None:
    def never() -> bytes:
        raise AssertionError

    fates = [RowFate(item=row(), trouble=troubles.UNREACHABLE)]
    settlement(fates, never, backoff=BACKOFF, reporter=REPORTER, now=0)


def test_a_status_that_contradicts_its_code_is_not_believed() -> None:
    assert of_reply(450, "5.1.1 unknown").status == "4.0.0"
    assert of_reply(550, "5.1.1 unknown").status == "5.1.1"
    assert of_reply(550, "no status").status == "5.0.0"


def test_every_trouble_tells_whether_waiting_may_help() -> None:
    for trouble in (each for each in vars(troubles).values() if isinstance(each, Trouble)):
        assert trouble.status[0] in "45"
