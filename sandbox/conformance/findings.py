"""What a check may find, and what becomes of all of them: results, verdict, exit code."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["EXIT", "CheckResult", "Finding", "NotHere", "NotMet", "Report", "Stop", "Unsure"]


class CheckResult(StrEnum):
    """Of a check, and of all checks."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not-applicable"


EXIT = {CheckResult.PASS: 0, CheckResult.FAIL: 1, CheckResult.INCONCLUSIVE: 4}
# The worst of several places is the result; where nothing could be asked, nothing applied.
_WORST = (CheckResult.FAIL, CheckResult.INCONCLUSIVE, CheckResult.PASS, CheckResult.NOT_APPLICABLE)


class Stop(Exception):  # noqa: N818 - what a check found, not an accident
    """A check is over: why, in French and in English."""

    result: CheckResult

    def __init__(self, french: str, english: str) -> None:
        super().__init__(f"{french} / {english}")


class NotMet(Stop):
    """The requirement is not met."""

    result = CheckResult.FAIL


class Unsure(Stop):
    """It could not be seen whether it is met."""

    result = CheckResult.INCONCLUSIVE


class NotHere(Stop):
    """It asks nothing of this place."""

    result = CheckResult.NOT_APPLICABLE


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        id: of the requirement.
        clause: where it is written.
        result: the worst of all places.
        why: one line, French / English; empty for a pass.
        evidence: lines of the dialogue that shows it, secrets masked.
    """

    id: str
    clause: str
    result: CheckResult
    why: str
    evidence: tuple[str, ...]

    @classmethod
    def cut_short(cls, id_: str, clause: str) -> Finding:
        """Return that of what was not asked before the end came."""
        return cls(id_, clause, CheckResult.INCONCLUSIVE, "interrompu / interrupted", ())

    @classmethod
    def worst(cls, id_: str, clause: str, found: list[Finding]) -> Finding:
        """Return one finding for all places: the worst result, and why, place by place."""
        if not found:
            why = "aucun point d'accès concerné / no endpoint concerned"
            return cls(id_, clause, CheckResult.NOT_APPLICABLE, why, ())
        result = next(each for each in _WORST if any(one.result is each for one in found))
        chosen = [each for each in found if each.result is result]
        whys = list(dict.fromkeys(each.why for each in chosen if each.why))
        more = f" (+ {len(whys) - 3})" if len(whys) > 3 else ""
        return cls(id_, clause, result, " ; ".join(whys[:3]) + more, chosen[0].evidence)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found of a subject.

    Attributes:
        subject: its name.
        version: of the sandbox that judged.
        at: when it began, ISO 8601, UTC.
        findings: one for each requirement that has a check.
        not_checked: requirement and why no check of ours can tell.
        kind: of the subject: operator or software.
        whole: not interrupted.
    """

    subject: str
    version: str
    at: str
    findings: tuple[Finding, ...]
    not_checked: tuple[tuple[str, str, str], ...]
    kind: str = "operator"
    whole: bool = True

    @property
    def verdict(self) -> CheckResult:
        """Fail where one failed; else inconclusive where one was, or nothing passed; else pass."""
        results = {each.result for each in self.findings}
        for result in (CheckResult.FAIL, CheckResult.INCONCLUSIVE):
            if result in results:
                return result
        return CheckResult.PASS if CheckResult.PASS in results else CheckResult.INCONCLUSIVE

    def as_json(self) -> dict[str, Any]:
        """Return the stable form: docs/conformance.md."""
        return {
            "subject": self.subject,
            "version": self.version,
            "verdict": self.verdict.value,
            "checks": [
                {
                    "id": each.id,
                    "clause": each.clause,
                    "result": each.result.value,
                    "why": each.why,
                    "evidence": list(each.evidence),
                }
                for each in self.findings
            ],
            "not_checked": [
                {"id": id_, "clause": clause, "why": why} for id_, clause, why in self.not_checked
            ],
        }
