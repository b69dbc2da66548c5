"""From a record to a report: every requirement that binds software, and what was seen of it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from importlib.metadata import version

from sandbox.conformance.client import checks
from sandbox.conformance.client.look import CHECKS as OF_SOFTWARE
from sandbox.conformance.client.look import Look
from sandbox.conformance.client.record import SessionRecord
from sandbox.conformance.findings import CheckResult, Finding, Report, Stop
from sandbox.conformance.requirements import Requirement, requirements

__all__ = ["OF_SOFTWARE", "client_requirements", "judged", "steps_of"]

assert checks  # they register when they are imported


def client_requirements() -> list[Requirement]:
    """Return those that bind software."""
    return [each for each in requirements() if each.binds != "operator"]


def steps_of(only: Collection[str]) -> set[str]:
    """Return the steps that some requirements are judged by; `receive` comes before all."""
    return (
        {"receive", *(step for each in only for step in OF_SOFTWARE[each].steps)} if only else set()
    )


def judged(record: SessionRecord, subject: str, at: datetime, only: Collection[str] = ()) -> Report:
    """Judge a record.

    Args:
        record: of a session.
        subject: name of the software.
        at: when the session began.
        only: requirements to judge by, all of them when empty.
    """
    rows = [each for each in client_requirements() if not each.unchecked]
    rows = [each for each in rows if not only or each.id in only]
    asked = {each.id for each in rows}
    return Report(
        kind="software", subject=subject, version=version("mssante-sandbox"),
        at=at.isoformat(timespec="seconds"), findings=tuple(_one(row, record) for row in rows),
        not_checked=tuple(
            (row.id, row.clause, row.unchecked or "non demandé / not asked for")
            for row in client_requirements() if row.id not in asked
        ),
        whole=record.whole,
    )  # fmt: skip


def _one(row: Requirement, record: SessionRecord) -> Finding:
    look, found = Look(record), OF_SOFTWARE[row.id]
    result, why = CheckResult.PASS, ""
    try:
        found.asked(record)
        found.run(look)
    except Stop as stop:
        result, why = stop.result, str(stop)
    played = bool(found.steps) and set(found.steps) <= set(record.played)
    if not (record.whole or played or result is CheckResult.FAIL):
        return Finding.cut_short(row.id, row.clause)
    return Finding(row.id, row.clause, result, why, look.transcript.evidence)
