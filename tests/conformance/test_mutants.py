"""The proof of the checks: each is the only one that catches the operator that breaks its own."""

from __future__ import annotations

import pytest

from sandbox.conformance.findings import CheckResult
from sandbox.conformance.judge import judge_operator
from sandbox.conformance.subject import Subject
from tests.conformance.mutants import DEPENDENT, MUTANTS, RATE, family, found, judged
from tests.conformance.world import Memory, Pki

pytestmark = pytest.mark.usefixtures("small")


def test_the_control_passes_every_check(pki: Pki, subject: Subject) -> None:
    report = judge_operator(subject, Memory(pki), rate=RATE)
    assert found(report, CheckResult.PASS) == set(MUTANTS)
    assert report.verdict is CheckResult.PASS


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_caught_by_its_own_check_alone(pki: Pki, subject: Subject, mutant: str) -> None:
    """Among the checks of its module here; `python -m tests.conformance.mutants` asks all."""
    only = family(mutant)
    report = judged(pki, subject, mutant, only)
    assert found(report, CheckResult.FAIL) == {mutant}
    assert found(report, CheckResult.INCONCLUSIVE) == DEPENDENT.get(mutant, set()) & set(only)
    (own,) = [each for each in report.findings if each.id == mutant]
    assert own.why
    assert own.evidence or mutant.startswith("dns-")
