"""For every requirement, an operator that breaks it and nothing else.

As a program: every mutant against every check, which takes some minutes.
Run: python -m tests.conformance.mutants
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

from sandbox.conformance.checks import CHECKS, submission
from sandbox.conformance.findings import CheckResult, Report
from sandbox.conformance.judge import judge_operator
from sandbox.conformance.requirements import requirements
from sandbox.conformance.subject import Subject
from tests.conformance.operator_smtp import LIMIT
from tests.conformance.world import Memory, Pki, subject_of

MUTANTS = tuple(row.id for row in requirements() if not row.unchecked and row.binds != "software")
RATE = 8.0
# Where nothing can be told of one thing without another: what then is inconclusive, and only that.
DEPENDENT = {
    "login-totp": {"totp-once"},
    "password-wrong-refused": {"login-no-enumeration"},
    "token-bad-refused": {"token-challenge"},
    "delivery-local": {
        "delivery-intact", "delivery-received", "delivery-return-path", "delivery-message-id",
        "kept-after-crash", "load-sustained",
    },
    "delivery-return-path": {"dsn-null-sender"},
    "dsn-failure": {"dsn-form", "dsn-null-sender"},
}  # fmt: skip


def family(mutant: str) -> tuple[str, ...]:
    """The checks of the module of a mutant's own."""
    module = CHECKS[mutant].run.__module__
    return tuple(each for each in MUTANTS if CHECKS[each].run.__module__ == module)


def judged(pki: Pki, subject: Subject, mutant: str, only: Collection[str] = ()) -> Report:
    return judge_operator(subject, Memory(pki, mutant), rate=RATE, only=only)


def found(report: Report, result: CheckResult) -> set[str]:
    return {each.id for each in report.findings if each.result is result}


def main() -> None:
    """Judge all; say which are not caught by their own check alone."""
    submission.LEAST = LIMIT
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        pki = Pki(Path(folder))
        subject = subject_of(pki)
        for mutant in MUTANTS:
            report = judged(pki, subject, mutant)
            fails, unsure = found(report, CheckResult.FAIL), found(report, CheckResult.INCONCLUSIVE)
            good = fails == {mutant} and unsure == DEPENDENT.get(mutant, set())
            wrong += not good
            print(f"{'ok' if good else 'WRONG':6}{mutant}",
                  "" if good else f"{fails} {unsure}", flush=True)  # fmt: skip
    print(f"{len(MUTANTS) - wrong} of {len(MUTANTS)}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
