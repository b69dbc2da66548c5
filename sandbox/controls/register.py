"""The register of findings: what was found, by when it has to be mended, how far it has gone.

One durable line an event, and the state is what the ladder makes of them: a kill loses no event,
and two controllers who write at once lose none either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sandbox.controls.ladder import DAYS, CaseEvent, CaseState, IllegalError, Severity, step
from sandbox.controls.rules import CONTROLS, Control, ControlFinding
from sandbox.space.errors import UserError
from sandbox.trust.journal import AuthorityJournal

__all__ = ["Case", "CaseRegister"]

DAY = 86_400.0
_CONTROLS = {each.name: each for each in CONTROLS}
_SAID = 2_000  # characters kept of evidence and of reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One finding and what became of it. Instants are seconds since 1970.

    Attributes:
        control, subject, operator: of the finding.
        finding: one line.
        evidence: of the first time.
        severity: of the control.
        state: on the ladder.
        since: when it came there.
        deadline: when the next rung is due; 0 where nothing is.
        reason: what was said with the last event.
    """

    control: str
    subject: str
    operator: str
    finding: str
    evidence: tuple[str, ...]
    severity: Severity
    state: CaseState
    since: float
    deadline: float
    reason: str = ""

    @property
    def id(self) -> str:
        """What names it: `control/subject`."""
        return f"{self.control}/{self.subject}"

    @property
    def kind(self) -> str:
        """Kind of its subject."""
        return _CONTROLS[self.control].of

    def as_json(self) -> dict[str, Any]:
        """Return the stable form: docs/controls.md."""
        return {
            "case": self.id, "operator": self.operator, "state": self.state.value,
            "severity": self.severity.value, "since": self.since, "deadline": self.deadline,
            "finding": self.finding, "evidence": list(self.evidence), "reason": self.reason,
        }  # fmt: skip


class CaseRegister:
    """Cases, kept.

    Args:
        path: a JSON-lines file; None keeps them in memory.
    """

    def __init__(self, path: Path | None = None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._journal = AuthorityJournal(path)
        self._cases: dict[str, Case] = {}
        self._applied: dict[str, str] = {}
        self._read = 0

    def cases(self) -> dict[str, Case]:
        """Return every case, also those that are closed, by its name."""
        records = self._journal.records()
        for record in records[self._read :]:
            self._fold(record)
        self._read = len(records)
        return dict(self._cases)

    @property
    def applied(self) -> dict[str, str]:
        """What was made true in the space: by subject, `suspended`, `removed` or `closed`."""
        self.cases()
        return dict(self._applied)

    def find(self, name: str) -> Case:
        """Return an open case.

        Raises:
            UserError: there is none of this name.
        """
        case = self.cases().get(name)
        if case is None or case.state is CaseState.CLOSED:
            known = [
                each for each, case in self.cases().items() if case.state is not CaseState.CLOSED
            ]
            raise UserError(
                "aucun dossier ouvert de ce nom ; les premiers sont",
                "no open case of this name; the first are",
                where=name[:120], then=", ".join(known[:5]) or "-",
            )  # fmt: skip
        return case

    def take(
        self, now: float, findings: Iterable[ControlFinding], examined: Callable[[str, str], bool]
    ) -> list[Case]:
        """Take what a round of controls found; return the cases that moved.

        What is found opens a case, or lets one climb whose deadline has passed. What was looked at
        and is not found any more closes its case; what was not looked at stays as it is.

        Args:
            now: seconds since 1970.
            findings: of the round.
            examined: whether a control looked at a subject.
        """
        before = self.cases()
        found = {f"{each.control}/{each.subject}": each for each in findings}
        moved = []
        for name, finding in found.items():
            case = before.get(name)
            if case is None or case.state is CaseState.CLOSED:
                moved.append(self._open(now, finding))
            elif self.overdue(case, now):
                moved.append(self._event(case, CaseEvent.OVERDUE, now))
        for name, case in before.items():
            mended = name not in found and _can(case, CaseEvent.MENDED)
            if mended and examined(case.control, case.subject):
                moved.append(self._event(case, CaseEvent.MENDED, now))
        return moved

    @staticmethod
    def overdue(case: Case, now: float) -> bool:
        """Tell whether a case has to climb."""
        return bool(case.deadline) and case.deadline <= now and _can(case, CaseEvent.OVERDUE)

    def say(self, name: str, event: CaseEvent, now: float, reason: str = "") -> Case:
        """Note an appeal, what became of it, or a readmission.

        Raises:
            UserError: no such case, or the event cannot happen to it.
        """
        case = self.find(name)
        if not _can(case, event):
            raise UserError(
                f"impossible d'un dossier à l'état {case.state}",
                f"impossible for a case that is {case.state}",
                where=f"{event} {name}",
            )
        return self._event(case, event, now, reason)

    def note_applied(self, subject: str, effect: str, now: float) -> None:
        """Note what was made true in the space; an empty effect: it was taken back."""
        self._journal.append({"event": "applied", "subject": subject, "effect": effect, "at": now})

    def _open(self, now: float, finding: ControlFinding) -> Case:
        self._journal.append(
            {
                "event": CaseEvent.FOUND.value, "at": now, "control": finding.control,
                "subject": finding.subject, "operator": finding.operator,
                "finding": finding.finding,
                "evidence": [each[:_SAID] for each in finding.evidence[:20]],
            }
        )  # fmt: skip
        return self.cases()[f"{finding.control}/{finding.subject}"]

    def _event(self, case: Case, event: CaseEvent, now: float, reason: str = "") -> Case:
        self._journal.append(
            {
                "event": event.value, "at": now, "control": case.control,
                "subject": case.subject, "reason": reason[:_SAID],
            }
        )  # fmt: skip
        return self.cases()[case.id]

    def _fold(self, record: dict[str, Any]) -> None:
        if record["event"] == "applied":
            self._applied.pop(record["subject"], None)
            if record["effect"]:
                self._applied[record["subject"]] = record["effect"]
            return
        name, event = f"{record['control']}/{record['subject']}", CaseEvent(record["event"])
        control: Control = _CONTROLS[record["control"]]
        case = self._cases.get(name)
        if event is CaseEvent.FOUND and (case is None or case.state is CaseState.CLOSED):
            case = Case(
                control=control.name, subject=record["subject"], operator=record["operator"],
                finding=record["finding"], evidence=tuple(record["evidence"]),
                severity=control.severity, state=CaseState.CLOSED, since=record["at"], deadline=0.0,
            )  # fmt: skip
        if case is None or not _can(case, event):
            return  # of another controller, who wrote at the same instant
        state = step(case.state, event, case.severity)
        if state is case.state:
            return
        days = DAYS[case.severity].get(state, 0)
        self._cases[name] = replace(
            case, state=state, since=record["at"],
            deadline=record["at"] + days * DAY if days else 0.0,
            reason=record.get("reason", ""),
        )  # fmt: skip


def _can(case: Case, event: CaseEvent) -> bool:
    try:
        step(case.state, event, case.severity)
    except IllegalError:
        return False
    return True
