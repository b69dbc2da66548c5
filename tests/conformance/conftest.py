"""Certificates made once; what is asked of sizes scaled down to what an object can take quickly."""

from __future__ import annotations

import pytest

from sandbox.conformance.checks import submission
from sandbox.conformance.subject import Subject
from tests.conformance.operator_smtp import LIMIT
from tests.conformance.world import Pki, subject_of


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("conformance"))


@pytest.fixture(scope="session")
def subject(pki: Pki) -> Subject:
    return subject_of(pki)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "LEAST", LIMIT)
