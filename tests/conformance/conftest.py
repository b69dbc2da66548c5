"""Certificates made once; what is asked of sizes scaled down to what an object can take quickly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import sandbox
from sandbox.conformance.checks import submission
from sandbox.conformance.subject import Subject
from sandbox.live.space import LiveSpace
from tests.conformance.operator_smtp import LIMIT
from tests.conformance.world import Pki, subject_of
from tests.live.clients.world import asking_each_second


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("conformance"))


@pytest.fixture(scope="session")
def subject(pki: Pki) -> Subject:
    return subject_of(pki)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "LEAST", LIMIT)


@pytest.fixture(scope="session")
def space() -> Iterator[LiveSpace]:
    """An operator for software to be judged at: implicit TLS, and STARTTLS with tokens."""
    with (
        asking_each_second() as scenario,
        sandbox.live(
            scenario, designs=("single-endpoint", "api-lps-2023"), operators=1,
            revocation_cache=0.0,
        ) as running,
    ):  # fmt: skip
        yield running


@pytest.fixture(scope="session")
def two() -> Iterator[LiveSpace]:
    """A space of two operators, in which mail of tests stays."""
    options = {"designs": ("single-endpoint", "api-lps-2023"), "revocation_cache": 0.0}
    with sandbox.live("demo", operators=2, **options) as running:
        yield running
