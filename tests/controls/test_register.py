"""The register: durable, one case a finding, and what it asks of the space."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.controls.ladder import CaseEvent, CaseState
from sandbox.controls.register import Case, CaseRegister
from sandbox.controls.rules import CONTROLS, ControlFinding
from sandbox.controls.sanctions import apply, wanted
from sandbox.space.errors import UserError

DAY = 86_400.0
NAME = "op1.mssante.test"
DOMAINS = {NAME: "op1", "b.op1.mssante.test": "op1", "op2.mssante.test": "op2"}


def finding(
    control: str = "domain-dns", subject: str = NAME, operator: str = "op1"
) -> ControlFinding:
    return ControlFinding(control, subject, operator, "quoi / what", ("preuve",), 0.0)


def seen(*_: str) -> bool:
    return True


def climb(register: CaseRegister, rungs: int, *findings: ControlFinding) -> float:
    """Find the same thing again each time its deadline has passed; return the last instant."""
    now = 0.0
    for _ in range(rungs):
        register.take(now, findings, seen)
        last = now
        now += 61 * DAY
    return last


def state(register: CaseRegister, name: str = f"domain-dns/{NAME}") -> CaseState:
    return register.cases()[name].state


def test_a_finding_opens_a_case_once(tmp_path: Path) -> None:
    register = CaseRegister(tmp_path / "register.jsonl")
    assert [each.state for each in register.take(0.0, [finding()], seen)] == [CaseState.NOTICE]
    assert register.take(1.0, [finding()], seen) == []
    assert register.cases()[f"domain-dns/{NAME}"].deadline == 30 * DAY


def test_what_passes_its_deadline_climbs_and_what_is_mended_closes() -> None:
    register = CaseRegister()
    climb(register, 3, finding())
    assert state(register) is CaseState.SUSPENDED
    register.take(1_000 * DAY, [], seen)
    assert state(register) is CaseState.CLOSED


def test_what_was_not_looked_at_stays_as_it_is() -> None:
    register = CaseRegister()
    register.take(0.0, [finding()], seen)
    assert register.take(400 * DAY, [], lambda *_: False) == []
    assert state(register) is CaseState.NOTICE


def test_an_appeal_holds_the_next_rung_back_until_it_is_decided() -> None:
    register, name = CaseRegister(), f"domain-dns/{NAME}"
    register.take(0.0, [finding()], seen)
    register.say(name, CaseEvent.APPEALED, DAY, "non")
    register.take(400 * DAY, [finding()], seen)
    assert state(register) is CaseState.NOTICE_APPEALED
    register.say(name, CaseEvent.DISMISSED, 401 * DAY)
    assert register.cases()[name].deadline == 431 * DAY
    register.say(name, CaseEvent.APPEALED, 402 * DAY)
    register.say(name, CaseEvent.UPHELD, 403 * DAY)
    assert state(register) is CaseState.CLOSED


def test_what_cannot_happen_to_a_case_is_refused_and_not_noted(tmp_path: Path) -> None:
    path = tmp_path / "register.jsonl"
    register = CaseRegister(path)
    register.take(0.0, [finding()], seen)
    before = path.read_bytes()
    for name, event in (
        ("nothing/here", CaseEvent.APPEALED),
        (f"domain-dns/{NAME}", CaseEvent.UPHELD),
        (f"domain-dns/{NAME}", CaseEvent.READMITTED),
    ):
        with pytest.raises(UserError):
            register.say(name, event, 1.0)
    assert path.read_bytes() == before


def test_another_controller_sees_the_same_cases_and_a_line_cut_short_costs_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "register.jsonl"
    first = CaseRegister(path)
    climb(first, 2, finding(), finding("domain-unused"))
    with path.open("ab") as file:
        file.write(b'{"event": "fou')
    assert CaseRegister(path).cases() == first.cases()


class Space:
    """Remembers what was done to it, and may die at each call."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []
        self.dies_after = -1

    def _do(self, verb: str, subject: str) -> None:
        self.done.append((verb, subject))
        if len(self.done) == self.dies_after:
            raise KeyboardInterrupt

    def suspend(self, domain: str) -> None:
        self._do("suspend", domain)

    def restore(self, domain: str) -> None:
        self._do("restore", domain)

    def remove(self, domain: str) -> None:
        self._do("remove", domain)

    def close(self, mailbox: str) -> None:
        self._do("close", mailbox)


def test_a_suspension_is_made_once_and_taken_back_when_it_is_mended() -> None:
    register, space = CaseRegister(), Space()
    now = climb(register, 3, finding())
    for _ in range(2):
        apply(register, space, DOMAINS, now)
    register.take(now + 1, [], seen)
    for _ in range(2):
        apply(register, space, DOMAINS, now)
    assert space.done == [("suspend", NAME), ("restore", NAME)]


def test_what_an_operator_does_falls_on_all_of_its_domains() -> None:
    register, space = CaseRegister(), Space()
    now = climb(register, 4, finding("indicators-sent", "op1"))
    apply(register, space, DOMAINS, now)
    assert space.done == [("remove", "b.op1.mssante.test"), ("remove", NAME)]


def test_a_mailbox_is_closed_and_its_domain_is_left_alone() -> None:
    register, space = CaseRegister(), Space()
    now = climb(register, 3, finding("mailbox-inactive", f"a@{NAME}"))
    apply(register, space, DOMAINS, now)
    assert space.done == [("close", f"a@{NAME}")]


def test_a_sanction_that_a_kill_interrupts_is_made_again() -> None:
    register, space = CaseRegister(), Space()
    now = climb(register, 3, finding("indicators-sent", "op1"))
    space.dies_after = 1
    with pytest.raises(KeyboardInterrupt):
        apply(register, space, DOMAINS, now)
    apply(register, space, DOMAINS, now)
    assert register.applied == {"b.op1.mssante.test": "suspended", NAME: "suspended"}
    assert space.done[0] == space.done[1]


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(["found", "mended", "appeal", "uphold", "dismiss"]),
                          st.integers(1, 90)), max_size=25))  # fmt: skip
def test_the_space_always_is_as_the_cases_ask(events: list[tuple[str, int]]) -> None:
    register, space, now, off = CaseRegister(), Space(), 0.0, False
    name = f"domain-dns/{NAME}"
    says = {
        "appeal": CaseEvent.APPEALED,
        "uphold": CaseEvent.UPHELD,
        "dismiss": CaseEvent.DISMISSED,
    }
    for what, days in events:
        now += days * DAY
        if what in {"found", "mended"}:
            register.take(now, [finding()] if what == "found" else [], seen)
        else:
            try:
                register.say(name, says[what], now)
            except UserError:
                continue
        for effect in apply(register, space, DOMAINS, now):
            off = {"suspend": True, "restore": False}.get(effect.verb, off)
        case: Case | None = register.cases().get(name)
        asked = wanted([case] if case else [], DOMAINS).get(NAME)
        if "removed" not in register.applied.values():
            assert off == (asked == "suspended")


def test_every_control_s_case_can_be_kept() -> None:
    register = CaseRegister()
    for control in CONTROLS:
        register.take(0.0, [finding(control.name)], lambda *_: False)
    assert len(register.cases()) == len(CONTROLS)
