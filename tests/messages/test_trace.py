"""A message followed through journals: exactly one state for each recipient, whatever was noted."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sandbox.messages.trace import DocumentState, trace_of

SENDER, NEAR, FAR = "a@one.test", "b@one.test", "c@two.test"
ID, ABOUT = "<1@one.test>", "<r@two.test>"


def sent(**more: Any) -> dict[str, Any]:
    return {
        "at": 1.0, "event": "accepted", "message_id": ID, "mailbox": SENDER, "queue_id": "Q1",
        "recipients": [NEAR, FAR], "documents": ["11502-2"], "asks_receipt": True, **more,
    }  # fmt: skip


ARRIVED = {
    "at": 2.0, "event": "accepted", "message_id": ID, "peer": "CN=mx", "queue_id": "Q2",
    "recipients": [FAR],
}  # fmt: skip
FAILED = {"at": 3.0, "event": "relay-failed", "queue_id": "Q1", "to": FAR, "status": "5.1.1"}


def receipt(disposition: str = "displayed", code: str = "", **more: Any) -> dict[str, Any]:
    return {
        "at": 4.0, "event": "accepted", "message_id": ABOUT, "peer": "CN=mx", "queue_id": "Q3",
        "recipients": [SENDER], "about": ID, "about_recipient": FAR, "author": FAR,
        "disposition": disposition, "code": code, **more,
    }  # fmt: skip


def state(*entries: dict[str, Any], recipient: str = FAR) -> DocumentState:
    found = trace_of(ID, entries)
    assert found is not None
    return next(each.state for each in found.fates if each.recipient == recipient)


def test_each_state_has_what_makes_it() -> None:
    assert state(sent()) is DocumentState.UNDER_WAY
    assert state(sent(asks_receipt=False), ARRIVED) is DocumentState.DELIVERED
    assert state(sent(), ARRIVED) is DocumentState.SILENT
    assert state(sent(), ARRIVED, receipt()) is DocumentState.READ
    assert state(sent(), ARRIVED, receipt("processed")) is DocumentState.INTEGRATED
    assert state(sent(), ARRIVED, receipt("processed", "902")) is DocumentState.REFUSED
    assert state(sent(), ARRIVED, receipt("deleted")) is DocumentState.REFUSED
    assert state(sent(), FAILED) is DocumentState.REFUSED


def test_a_code_has_its_words_in_both_languages_and_other_words_stay_as_they_came() -> None:
    for code, error, words in (
        ("902", "patient inconnu", ("patient inconnu", "unknown patient")),
        ("207", "Application internal error", ("Application internal error",) * 2),
    ):
        found = trace_of(ID, [sent(), ARRIVED, receipt("processed", code, error=error)])
        assert found is not None
        fate = next(each for each in found.fates if each.recipient == FAR)
        assert (fate.code, fate.words) == (code, words)
        assert fate.reason == f"{code} {' / '.join(dict.fromkeys(words))}"


def test_a_mailbox_of_the_sender_s_domain_has_it_at_once() -> None:
    assert state(sent(), recipient=NEAR) is DocumentState.SILENT


def test_a_receipt_under_way_does_not_count_yet() -> None:
    leaving = receipt(mailbox=FAR)
    assert state(sent(), ARRIVED, leaving) is DocumentState.SILENT


def test_a_late_receipt_counts_when_it_comes_and_the_last_word_is_the_acknowledgement_s() -> None:
    late = receipt("processed", "902", at=9_000_000.0)
    assert state(sent(), ARRIVED, receipt("processed"), late) is DocumentState.REFUSED


def test_receipts_that_nothing_supports_are_put_aside() -> None:
    stranger = receipt(about_recipient="x@two.test", author="x@two.test")
    forged = receipt(author="x@two.test")
    found = trace_of(ID, [sent(), ARRIVED, stranger, forged])
    assert found is not None
    assert len(found.put_aside) == 2
    early = trace_of(ID, [sent(), receipt()])
    assert early is not None
    assert early.put_aside == (f"{ABOUT}: before any delivery",)


def test_what_no_operator_took_has_no_trace() -> None:
    assert trace_of("<2@one.test>", [sent(), ARRIVED]) is None


def test_a_document_and_a_recipient_have_a_row_each() -> None:
    found = trace_of(ID, [sent(documents=["11502-2", "57833-6"]), ARRIVED])
    assert found is not None
    rows = [(each["recipient"], each["document"]) for each in found.tree()["fates"]]
    assert rows == [(who, what) for who in (NEAR, FAR) for what in ("11502-2", "57833-6")]


ENTRIES = st.lists(
    st.one_of(
        st.just(ARRIVED),
        st.just(FAILED),
        st.builds(
            receipt,
            st.sampled_from(["displayed", "processed", "deleted", "dispatched", "nonsense"]),
            st.sampled_from(["", "902", "906"]),
            at=st.floats(0, 100),
            author=st.sampled_from([FAR, NEAR, ""]),
            about_recipient=st.sampled_from([FAR, NEAR, "x@two.test"]),
        ),
        st.dictionaries(st.sampled_from(["at", "queue_id", "to"]), st.integers(0, 9)),
    ),
    max_size=8,
)


@given(ENTRIES, st.booleans(), st.randoms(use_true_random=False))
def test_each_recipient_ends_in_exactly_one_state_in_whatever_order_journals_are_read(
    entries: list[dict[str, Any]], asks: bool, shuffle: Any
) -> None:
    listed = [sent(asks_receipt=asks), *entries]
    found = trace_of(ID, listed)
    assert found is not None
    assert [each.recipient for each in found.fates] == [NEAR, FAR]
    for each in found.fates:
        assert each.state in DocumentState
        assert (each.state is DocumentState.REFUSED) == bool(each.reason)
    shuffle.shuffle(listed)
    again = trace_of(ID, listed)
    assert again is not None
    if len({each.get("at") for each in listed}) == len(listed):  # else they are of one instant
        assert again == found
