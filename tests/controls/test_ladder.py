"""The ladder as a law: what a case can and cannot go through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.controls.ladder import (
    CEILING,
    DAYS,
    LADDER,
    CaseEvent,
    CaseState,
    IllegalError,
    Severity,
    step,
)

EVENTS = st.lists(st.sampled_from(CaseEvent), max_size=40)
OFF_THE_LIST = {
    CaseState.SUSPENDED, CaseState.SUSPENDED_APPEALED, CaseState.REMOVED, CaseState.REMOVED_APPEALED
}  # fmt: skip
SEVERITIES = st.sampled_from(Severity)
RUNGS = (
    CaseState.CLOSED,
    CaseState.NOTICE,
    CaseState.FORMAL,
    CaseState.SUSPENDED,
    CaseState.REMOVED,
)


def rung(state: CaseState) -> int:
    return RUNGS.index(CaseState(state.value.removesuffix("-appealed")))


def path(
    events: list[CaseEvent], severity: Severity
) -> list[tuple[CaseState, CaseEvent, CaseState]]:
    """Return the steps that these events make; those that cannot happen are passed."""
    state, steps = CaseState.CLOSED, []
    for event in events:
        try:
            after = step(state, event, severity)
        except IllegalError:
            continue
        steps.append((state, event, after))
        state = after
    return steps


@given(EVENTS, SEVERITIES)
def test_a_case_climbs_one_rung_at_a_time(events: list[CaseEvent], severity: Severity) -> None:
    for before, _, after in path(events, severity):
        assert rung(after) <= rung(before) + 1


@given(EVENTS, SEVERITIES)
def test_only_a_deadline_that_passed_makes_a_sanction_heavier(
    events: list[CaseEvent], severity: Severity
) -> None:
    for before, event, after in path(events, severity):
        if rung(after) > max(rung(before), 1):
            assert event is CaseEvent.OVERDUE


@given(EVENTS, SEVERITIES)
def test_nothing_climbs_while_an_appeal_is_looked_into(
    events: list[CaseEvent], severity: Severity
) -> None:
    for before, event, after in path(events, severity):
        if before.value.endswith("-appealed"):
            assert rung(after) <= rung(before)
            assert event is not CaseEvent.OVERDUE


@given(EVENTS, SEVERITIES)
def test_no_rung_is_reached_beyond_the_ceiling_of_its_severity(
    events: list[CaseEvent], severity: Severity
) -> None:
    for _, _, after in path(events, severity):
        assert rung(after) <= rung(CEILING[severity])


@given(EVENTS, SEVERITIES)
def test_a_domain_is_off_the_list_only_after_two_warnings(
    events: list[CaseEvent], severity: Severity
) -> None:
    seen: set[CaseState] = set()
    for before, _, after in path(events, severity):
        if after is CaseState.CLOSED:
            seen.clear()
        if before not in OFF_THE_LIST and after in OFF_THE_LIST:
            assert {CaseState.NOTICE, CaseState.FORMAL} <= seen
        seen.add(after)


@given(EVENTS, SEVERITIES)
def test_what_is_mended_comes_down_at_once_and_what_was_removed_comes_back_by_the_door(
    events: list[CaseEvent], severity: Severity
) -> None:
    for before, event, after in path(events, severity):
        if event in {CaseEvent.MENDED, CaseEvent.UPHELD, CaseEvent.READMITTED}:
            assert after is CaseState.CLOSED
        if before is CaseState.REMOVED and after is CaseState.CLOSED:
            assert event is CaseEvent.READMITTED


@given(EVENTS, SEVERITIES)
def test_from_wherever_it_is_a_case_can_be_closed(
    events: list[CaseEvent], severity: Severity
) -> None:
    state = [CaseState.CLOSED, *(after for _, _, after in path(events, severity))][-1]
    ways = [
        event for event in (CaseEvent.MENDED, CaseEvent.READMITTED, CaseEvent.UPHELD)
        if LADDER.get((state, event)) is CaseState.CLOSED
    ]  # fmt: skip
    assert ways or state is CaseState.CLOSED


@pytest.mark.parametrize("severity", Severity)
def test_every_rung_below_the_ceiling_has_a_deadline_and_no_other(severity: Severity) -> None:
    climbing = {
        state for state in RUNGS[1:]
        if rung(state) < rung(CEILING[severity]) or (severity is Severity.MINOR
        and state is CaseState.FORMAL)
    }  # fmt: skip
    assert set(DAYS[severity]) == climbing
