"""The ladder as a law: what a case can and cannot go through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.controls.ladder import (
    CEILING,
    DAYS,
    IN_FORCE,
    LADDER,
    Event,
    IllegalError,
    Severity,
    State,
    listed,
    step,
)

EVENTS = st.lists(st.sampled_from(Event), max_size=40)
SEVERITIES = st.sampled_from(Severity)
RUNGS = (State.CLOSED, State.NOTICE, State.FORMAL, State.SUSPENDED, State.REMOVED)


def rung(state: State) -> int:
    return RUNGS.index(State(state.value.removesuffix("-appealed")))


def path(events: list[Event], severity: Severity) -> list[tuple[State, Event, State]]:
    """Return the steps that these events make; those that cannot happen are passed."""
    state, steps = State.CLOSED, []
    for event in events:
        try:
            after = step(state, event, severity)
        except IllegalError:
            continue
        steps.append((state, event, after))
        state = after
    return steps


@given(EVENTS, SEVERITIES)
def test_a_case_climbs_one_rung_at_a_time(events: list[Event], severity: Severity) -> None:
    for before, _, after in path(events, severity):
        assert rung(after) <= rung(before) + 1


@given(EVENTS, SEVERITIES)
def test_only_a_deadline_that_passed_makes_a_sanction_heavier(
    events: list[Event], severity: Severity
) -> None:
    for before, event, after in path(events, severity):
        if rung(after) > max(rung(before), 1):
            assert event is Event.OVERDUE


@given(EVENTS, SEVERITIES)
def test_nothing_climbs_while_an_appeal_is_looked_into(
    events: list[Event], severity: Severity
) -> None:
    for before, event, after in path(events, severity):
        if before.value.endswith("-appealed"):
            assert rung(after) <= rung(before)
            assert event is not Event.OVERDUE


@given(EVENTS, SEVERITIES)
def test_no_rung_is_reached_beyond_the_ceiling_of_its_severity(
    events: list[Event], severity: Severity
) -> None:
    for _, _, after in path(events, severity):
        assert rung(after) <= rung(CEILING[severity])


@given(EVENTS, SEVERITIES)
def test_a_domain_is_off_the_list_only_after_two_warnings(
    events: list[Event], severity: Severity
) -> None:
    seen: set[State] = set()
    for before, _, after in path(events, severity):
        if after is State.CLOSED:
            seen.clear()
        if listed(before) and not listed(after):
            assert {State.NOTICE, State.FORMAL} <= seen
        seen.add(after)


@given(EVENTS, SEVERITIES)
def test_what_is_mended_comes_down_at_once_and_what_was_removed_comes_back_by_the_door(
    events: list[Event], severity: Severity
) -> None:
    for before, event, after in path(events, severity):
        if event in {Event.MENDED, Event.UPHELD, Event.READMITTED}:
            assert after is State.CLOSED
        if before is State.REMOVED and after is State.CLOSED:
            assert event is Event.READMITTED


@given(EVENTS, SEVERITIES)
def test_from_wherever_it_is_a_case_can_be_closed(events: list[Event], severity: Severity) -> None:
    state = [State.CLOSED, *(after for _, _, after in path(events, severity))][-1]
    ways = [
        event for event in (Event.MENDED, Event.READMITTED, Event.UPHELD)
        if LADDER.get((state, event)) is State.CLOSED
    ]  # fmt: skip
    assert ways or state is State.CLOSED


@pytest.mark.parametrize("severity", Severity)
def test_every_rung_below_the_ceiling_has_a_deadline_and_no_other(severity: Severity) -> None:
    climbing = {
        state for state in RUNGS[1:]
        if rung(state) < rung(CEILING[severity]) or (severity is Severity.MINOR
        and state is State.FORMAL)
    }  # fmt: skip
    assert set(DAYS[severity]) == climbing


def test_the_list_has_no_domain_that_is_suspended_or_removed() -> None:
    assert {state for state in State if not listed(state)} == IN_FORCE
