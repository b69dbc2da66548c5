"""The index of connections, without files, sockets or clocks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.console.ledger import Query, TrailOutcome, Trails


def entry(session: str, event: str = "login", at: float = 1.0, **members: Any) -> dict[str, Any]:
    usual = {"protocol": "imap", "design": "single-endpoint", "client": "127.0.0.1"}
    return {"at": at, "event": event, "session": session, **usual, **members}


def filled() -> Trails:
    ledger = Trails()
    ledger.add("op001", entry("a", name="Anne Dupont", mailbox="anne@op001.test"), 0)
    ledger.add("op001", entry("b", "refused", reason="code-wrong", user="paul@op001.test"), 100)
    ledger.add("op002", entry("c", "ciba-request", method="ecps", ticket="t1"), 0)
    return ledger


def test_the_newest_connections_come_first() -> None:
    assert [each.key for each in filled().find(Query(), 10)] == ["op002-c", "op001-b", "op001-a"]


def test_a_person_is_found_by_a_part_of_the_name_in_any_case() -> None:
    assert [each.key for each in filled().find(Query(person="dupONT"), 10)] == ["op001-a"]


def test_a_filter_keeps_what_fits_it() -> None:
    ledger = filled()
    for query, keys in (
        (Query(outcome=TrailOutcome.REFUSED), ["op001-b"]),
        (Query(outcome=TrailOutcome.PENDING), ["op002-c"]),
        (Query(operator="op001"), ["op001-b", "op001-a"]),
        (Query(method="ecps"), ["op002-c"]),
        (Query(reason="code-wrong"), ["op001-b"]),
        (Query(client="127.0.0.2"), []),
        (Query(before="op001-b"), ["op001-a"]),
    ):
        assert [each.key for each in ledger.find(query, 10)] == keys, query


def test_a_telephone_that_was_answered_waits_no_more() -> None:
    ledger = filled()
    ledger.add("op002", entry("c", "login", method="ecps"), 50)
    assert ledger.find(Query(method="ecps"), 1)[0].outcome == TrailOutcome.PASSED


def test_the_oldest_connections_leave_when_there_are_too_many() -> None:
    ledger = Trails(most=10)
    for number in range(25):
        ledger.add("op001", entry(f"{number:02d}"), number)
    assert len(ledger) == 10
    assert ledger.get("op001-14") is None
    assert ledger.get("op001-15") is not None


def test_a_message_is_found_on_the_other_side_of_a_relay() -> None:
    ledger = Trails()
    there = {"protocol": "relay", "queue_id": "Q2", "reverse_path": "a@op001.test"}
    ledger.add("op002", entry("r", "accepted", at=5.0, recipients=["B@op002.test"], **there), 0)
    found = ledger.arrival("b@op002.test", "a@op001.test", 4.0, 6.0)
    assert found is not None
    assert found.key == "op002-r"
    assert ledger.arrival("b@op002.test", "a@op001.test", 5.5, 6.0) is None


def test_a_search_made_again_looks_only_at_what_has_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ledger = Trails()
    for number in range(1_000):
        ledger.add("op001", entry(f"{number}", name="Anne" if number < 3 else "Paul"), number)
    looked: list[str] = []

    def tests(query: Query) -> list[Any]:
        return [lambda trail: looked.append(trail.key) or query.person in trail.names]

    monkeypatch.setattr(Query, "tests", tests)
    query = Query(person="anne")
    ledger.find(query, 10)
    assert len(looked) == 1_000
    looked.clear()
    ledger.add("op001", entry("1", name="Anne"), 1_000)
    ledger.add("op001", entry("new", name="Anne"), 1_001)
    found = [each.key for each in ledger.find(query, 10)]
    assert found == ["op001-new", "op001-2", "op001-1", "op001-0"]
    assert sorted(looked) == ["op001-1", "op001-new"]


ACTS = st.tuples(
    st.integers(0, 12).map(str),
    st.sampled_from(["login", "refused", "ciba-request"]),
    st.sampled_from(["code-wrong", "card-revoked"]),
)


@given(rounds=st.lists(st.lists(ACTS, max_size=6), max_size=12), limit=st.integers(1, 6))
def test_a_search_made_again_finds_what_a_new_one_would(
    rounds: list[list[tuple[str, str, str]]], limit: int
) -> None:
    queries = [
        Query(),
        *(Query(outcome=each) for each in TrailOutcome.ALL),
        Query(reason="code-wrong"),
    ]
    kept, acts = Trails(most=8), []
    for each in rounds:
        for session, event, reason in each:
            acts.append((entry(session, event, reason=reason), len(acts)))
            kept.add("op001", *acts[-1])
        fresh = Trails(most=8)
        for act, place in acts:
            fresh.add("op001", act, place)
        for query in queries:
            assert kept.find(query, limit) == fresh.find(query, limit)
        assert kept.reasons() == fresh.reasons()


def test_what_searches_keep_is_bounded() -> None:
    ledger = filled()
    for number in range(1_000):
        ledger.find(Query(person=f"{number}"), 10)
        ledger.add("op001", entry("a", name="Anne Dupont"), number)
    assert len(ledger._searches) == 64
    ledger.add("op003", entry("z", name="Anne"), 0)
    assert [each.key for each in ledger.find(Query(person="anne"), 10)] == ["op003-z", "op001-a"]


def test_reasons_are_those_of_the_trails_that_are_kept() -> None:
    ledger = Trails(most=2)
    for session, reason in (("a", "x"), ("b", "y"), ("b", "z"), ("c", "z")):
        ledger.add("op001", entry(session, "refused", reason=reason), 0)
    assert ledger.reasons() == [("z", 2)]
