"""One small population for reading tests, served once; one of its own for each test that feeds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.directory import (
    Directory,
    DirectoryServer,
    FhirOptions,
    LdapLimits,
    ServerOptions,
)
from sandbox.directory.build import search_file
from sandbox.serve import server_context
from sandbox.trust.identity import Organisation
from sandbox.trust.server_files import TlsFiles, server_files

from .support import FEEDING_KEY, OPERATOR_KEY, READING_KEY, SPEC, Clock


@pytest.fixture(scope="session")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("annuaire") / "annuaire.db"
    Directory.build(SPEC, path).close()
    return path


@pytest.fixture(scope="session")
def directory(database: Path) -> Iterator[Directory]:
    """A directory that tests only read."""
    with Directory(database, clock=Clock(SPEC.instant)) as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock(SPEC.instant)


@pytest.fixture
def fed(database: Path, tmp_path: Path, clock: Clock) -> Iterator[Directory]:
    """A copy of the directory that a test may change, and whose clock it holds."""
    path = tmp_path / "annuaire.db"
    shutil.copy(database, path)
    shutil.copy(search_file(database), search_file(path))
    with Directory(path, clock=clock) as opened:
        yield opened


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    organisation = Organisation(name="ANNUAIRE", department="Paris (75)", finess="119999993")
    return server_files(tmp_path_factory.mktemp("pki"), organisation, ["localhost"], ["127.0.0.1"])


@pytest.fixture(scope="session")
def server(directory: Directory, certificate: TlsFiles) -> Iterator[DirectoryServer]:
    options = ServerOptions(
        ldaps_port=0,
        context=server_context(certificate.chain, certificate.key),
        limits=LdapLimits(size=50),
        fhir=FhirOptions(frozenset({READING_KEY}), {FEEDING_KEY: "", OPERATOR_KEY: "operateur-b"}),
    )
    with DirectoryServer(directory, options) as running:
        yield running
