"""The proof of the checks of software: each catches the software that breaks its own, alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox.conformance.bench import Codes
from sandbox.conformance.client import session
from sandbox.conformance.client.checks import login
from sandbox.conformance.client.judge import client_requirements, judged, steps_of
from sandbox.conformance.client.look import CHECKS
from sandbox.conformance.client.session import played
from sandbox.conformance.client.steps import SoftwareProfile
from sandbox.conformance.findings import CheckResult, Report
from sandbox.live.space import LiveSpace
from tests.conformance.mutants import found
from tests.conformance.software import INSISTS, Software

MUTANTS = tuple(row.id for row in client_requirements() if not row.unchecked)


@dataclass(frozen=True)
class Setting:
    """What software is judged as."""

    profile: SoftwareProfile
    method: str
    design: str
    token: bool = False


LPS = Setting(SoftwareProfile.LPS, "ecps", "api-lps-2023", token=True)  # STARTTLS, XOAUTH2
PHONE = Setting(SoftwareProfile.MAIL_CLIENT, "ecps", "single-endpoint")  # a password, a telephone
SMS = Setting(SoftwareProfile.MAIL_CLIENT, "ciba-operateur", "single-endpoint")
CODES = Codes()
CODE = Setting(SoftwareProfile.MAIL_CLIENT, "totp", "single-endpoint")
ELSEWHERE = {
    "client-waits": PHONE, "client-phone-refused": SMS, "client-outage": SMS,
    "client-code-once": CODE,
}  # fmt: skip
RUNG = ("client-waits", "client-phone-refused", "client-outage", "client-reopens")
# Where nothing can be told of one thing without another: what then is inconclusive, and only that.
DEPENDENT = {
    "client-sends": {
        "client-accents", "client-display-name", "client-eight-bit", "client-fields", "client-nil",
        "client-text", "login-token",
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "BIG", 100_000)
    monkeypatch.setattr(session, "slow_answer", lambda _: 1.0)
    monkeypatch.setattr(login, "MOST", INSISTS - 2)


def judge(
    space: LiveSpace, folder: Path, software: Software, setting: Setting, only: Collection[str] = ()
) -> Report:
    record = played(
        space.sheet, folder, software, profile=setting.profile, method=setting.method,
        design=setting.design, only=steps_of(only), codes=CODES,
    )  # fmt: skip
    return judged(record, "essai", datetime.now(UTC), only)


def test_the_control_passes_every_check(space: LiveSpace, tmp_path: Path) -> None:
    passed: set[str] = set()
    for setting, only in ((LPS, ()), (PHONE, ()), (SMS, RUNG), (CODE, ("client-code-once",))):
        folder = tmp_path / setting.method / setting.design
        folder.mkdir(parents=True)
        report = judge(space, folder, Software(token=setting.token), setting, only)
        bad = [
            each
            for each in report.findings
            if each.result in (CheckResult.FAIL, CheckResult.INCONCLUSIVE)
        ]
        assert not bad
        passed |= found(report, CheckResult.PASS)
    assert passed == set(MUTANTS)


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_caught_by_its_own_check_alone(
    space: LiveSpace, tmp_path: Path, mutant: str
) -> None:
    """Among the checks that look at the same steps."""
    setting = ELSEWHERE.get(mutant, LPS)
    steps = steps_of({mutant})
    only = [each for each in MUTANTS if set(CHECKS[each].steps) <= steps]
    report = judge(space, tmp_path, Software(mutant, token=setting.token), setting, only)
    assert found(report, CheckResult.FAIL) == {mutant}
    assert found(report, CheckResult.INCONCLUSIVE) == DEPENDENT.get(mutant, set())
    (own,) = [each for each in report.findings if each.id == mutant]
    assert own.why
