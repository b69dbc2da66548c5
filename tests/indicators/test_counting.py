"""One count, whoever made the facts: it equals a naive recount."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sandbox.indicators.counting import CountedLogin, CountedMailbox, Fact, count
from sandbox.indicators.files import as_json, from_json
from sandbox.indicators.month import Month

MONTH = Month(2026, 11)
ALICE, BOB = "alice@op1.mssante.test", "bob@op1.mssante.test"
BEFORE, INSIDE, AFTER = MONTH.begin - 1, MONTH.begin + 1, MONTH.end

FACTS = st.lists(
    st.builds(
        Fact,
        event=st.sampled_from(["submitted", "sent", "received", "relayed", "failed"]),
        mailbox=st.sampled_from([ALICE, BOB, ""]),
        peer=st.sampled_from(["op2.mssante.test", ""]),
        ins=st.sampled_from(["O", "N", ""]),
        octets=st.integers(0, 9),
        times=st.integers(1, 3),
    ),
    max_size=30,
)


@given(FACTS)
def test_the_count_equals_a_recount(facts: list[Fact]) -> None:
    said = count("op1", MONTH, ["op1.mssante.test"], [], facts, [])
    for event in ("submitted", "sent", "received", "relayed", "failed"):
        mine = [f for f in facts if f.event == event]
        assert sum(v.number for k, v in said.messages.items() if k.event == event) == sum(
            f.times for f in mine
        )
        assert sum(v.octets for k, v in said.messages.items() if k.event == event) == sum(
            f.octets * f.times for f in mine
        )
    of_somebody = sum(f.times for f in facts if f.event == "received" and f.peer)
    assert said.total("received") == of_somebody


@given(FACTS, st.integers(0, 30))
def test_weights_and_repetitions_say_the_same(facts: list[Fact], cut: int) -> None:
    single = [fact._replace(times=1) for fact in facts for _ in range(fact.times)]
    weighted = count("op1", MONTH, [], [], facts, [])
    assert count("op1", MONTH, [], [], single[cut:] + single[:cut], []) == weighted


@given(FACTS)
def test_a_file_says_what_was_counted(facts: list[Fact]) -> None:
    box = CountedMailbox(ALICE, "PER", "10", "750000001", BEFORE)
    said = count(
        "op1", MONTH, ["op1.mssante.test"], [box], facts, [CountedLogin(ALICE, "imap", "cps")]
    )
    assert from_json(as_json(said)) == said


def test_mailboxes_are_counted_by_when_they_lived_and_who_used_them() -> None:
    boxes = [
        CountedMailbox(ALICE, "PER", "10", "", BEFORE),
        CountedMailbox(BOB, "PER", "10", "", INSIDE),
        CountedMailbox("gone@op1.mssante.test", "PER", "10", "", BEFORE - 1, INSIDE),
        CountedMailbox("long-gone@op1.mssante.test", "PER", "10", "", BEFORE - 1, BEFORE),
        CountedMailbox("later@op1.mssante.test", "PER", "10", "", AFTER),
    ]
    logins = [CountedLogin(BOB, "imap", "cps"), CountedLogin(ALICE, "imap", "totp", "code-wrong")]
    said = count("op1", MONTH, ["op1.mssante.test"], boxes, [], logins)
    (counted,) = said.mailboxes.values()
    assert (counted.open, counted.opened, counted.closed, counted.active) == (2, 1, 1, 1)


def test_who_sends_is_active() -> None:
    box = CountedMailbox(ALICE, "PER", "10", "", BEFORE)
    said = count("op1", MONTH, [], [box], [Fact("submitted", ALICE)], [])
    (counted,) = said.mailboxes.values()
    assert counted.active == 1
