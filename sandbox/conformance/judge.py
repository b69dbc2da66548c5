"""Runs the checks of an operator, several at a time, and gives a report."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version

from sandbox.conformance.bench import Bench, Shared
from sandbox.conformance.checks import CHECKS, Check
from sandbox.conformance.checks.register import once
from sandbox.conformance.connection import (
    CutError,
    SilentError,
    SlowError,
    TlsRefusedError,
    UnreachableError,
)
from sandbox.conformance.findings import CheckResult, Finding, Report, Stop
from sandbox.conformance.lab import Lab
from sandbox.conformance.requirements import Requirement, requirements
from sandbox.conformance.subject import CheckedDoor, Subject

__all__ = ["PATIENCE", "judge_operator"]

PATIENCE = 10.0  # s that a message may take; a person would wait longer, a control may not
# Nothing else is asked of an operator under load, or while it is being killed.
_LAST = ("load-sustained", "kept-after-crash")


# What a server said is cut here, after secrets that it repeats were masked.
_QUOTED = re.compile(r'([«"][^«»"]{90})[^«»"]+')


def judge_operator(
    subject: Subject, lab: Lab, *, patience: float = PATIENCE, rate: float = 0.0,
    only: Collection[str] = (),
    tell: Callable[[str], None] = lambda _: None,
) -> Report:  # fmt: skip
    """Judge an operator by every requirement that binds one and has a check.

    One-time codes wait for their hour, so they are tried beside the rest. Ctrl-C ends it: what is
    known stays, the rest is inconclusive.

    Args:
        subject: who.
        lab: the world.
        patience: seconds to wait for a message.
        rate: messages a second to send for a few seconds; 0 for no such check.
        only: requirements to judge by, all of them when empty.
        tell: told of each that is done.

    Raises:
        KeyboardInterrupt: before anything was known.
    """
    shared, at = Shared(), datetime.now(UTC).isoformat(timespec="seconds")
    asked = [each for each in requirements() if each.binds != "software"]
    rows = [each for each in asked if not each.unchecked and (not only or each.id in only)]

    known: dict[str, Finding] = {}

    def each(some: Iterable[Requirement]) -> None:
        for row in some:
            if shared.stopped.is_set():
                return
            check = CHECKS[row.id]
            found = [_at(row, check, door, Bench(subject, lab, shared, patience, rate))
                     for door in check.doors(subject)]  # fmt: skip
            finding = known[row.id] = Finding.worst(row.id, row.clause, found)
            tell(f"{finding.result.value:15}{finding.id}  {finding.why}"[:200])

    waiting = [row for row in rows if "totp" in row.id]
    last = [row for row in rows if row.id in _LAST]
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(each, waiting)
        try:
            each(row for row in rows if row not in waiting and row not in last)
            beside.result()
            each(last)
        except KeyboardInterrupt:
            shared.stopped.set()
            if not known:
                raise
    findings = tuple(known.get(row.id) or Finding.cut_short(row.id, row.clause) for row in rows)
    not_checked = tuple(
        (row.id, row.clause, row.unchecked or "non demandé / not asked for")
        for row in asked
        if row not in rows
    )
    return Report(
        subject=subject.name, version=version("mssante-sandbox"), at=at,
        findings=findings, not_checked=not_checked, whole=not shared.stopped.is_set(),
    )  # fmt: skip


def _at(row: Requirement, check: Check, door: CheckedDoor, bench: Bench) -> Finding:
    """Ask one check at one door."""
    result, why = CheckResult.PASS, ""
    # A check of the operator as a whole finds its doors itself.
    at = "" if check.doors is once else f"{door.name} : "
    try:
        bench.answers(door)
        check.run(bench, door)
    except Stop as stop:
        result, why = stop.result, f"{at}{stop}"
    except UnreachableError as error:
        result, why = CheckResult.INCONCLUSIVE, f"injoignable / unreachable : {error}"
    except CutError:
        result, why = CheckResult.INCONCLUSIVE, f"{at}connexion coupée / connection cut"
    except SilentError:
        result, why = CheckResult.INCONCLUSIVE, f"{at}pas de réponse / no answer"
    except SlowError:
        result, why = CheckResult.INCONCLUSIVE, f"{at}trop lent / too slow"
    except TlsRefusedError as error:
        result, why = CheckResult.INCONCLUSIVE, f"{at}TLS : {error}"
    finally:
        bench.close()
    why = _QUOTED.sub(r"\1…", bench.transcript.masked(why))
    return Finding(row.id, row.clause, result, why, bench.transcript.evidence)
