"""One authority per kind of key for the whole session: founding one is the slow part."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox.serve import HttpServer, running
from sandbox.serve.plain import plain_app
from sandbox.trust import (
    KeyKind,
    ListPolicy,
    Organisation,
    Professional,
    TestCA,
    Urls,
    load_bundle,
    sign_list,
)
from sandbox.trust.issuing import Issued, certificate_pem
from sandbox.trust.service import PkiFaults, files_handler, ocsp_handler

from .lists import real_size_document, sign_tree, small

ORG = Organisation(name="CH DE TEST", department="Aude (11)", finess="119999993")
OTHER = Organisation(name="LABO, DE TEST", department="Paris (75)", siret="99999999900003")
PERSON = Professional(
    national_id="899999999990",
    profession="Médecin",
    profession_code=10,
    surname="DURAND",
    given_name="Anne",
    mail="anne.durand@op1.mssante.test",
)
HOST = "mx1.op1.mssante.test"


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """Find a program, or skip the test and say which is absent."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"{name} is not installed")
        return path

    return find


def run(*arguments: object, data: bytes | None = None, **options: object) -> tuple[int, str]:
    done = subprocess.run(
        [str(each) for each in arguments], input=data, capture_output=True, timeout=60, **options
    )
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


@dataclass
class LivePki:
    ca: TestCA
    files: HttpServer
    ocsp: HttpServer
    faults: PkiFaults


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def live() -> Iterator[LivePki]:
    """A P-256 authority with its public files and its responder on sockets."""
    files, ocsp = free_port(), free_port()
    urls = Urls(files=f"http://127.0.0.1:{files}", ocsp=f"http://127.0.0.1:{ocsp}")
    ca = TestCA(key_kind=KeyKind.P256, urls=urls)
    faults = PkiFaults(delay=0.3)
    servers = LivePki(
        ca,
        HttpServer(app=plain_app(files_handler(ca, faults)), port=files),
        HttpServer(app=plain_app(ocsp_handler(ca, faults)), port=ocsp),
        faults,
    )
    with running(servers.files, servers.ocsp):
        yield servers


@pytest.fixture(scope="session")
def ca(live: LivePki) -> TestCA:
    return live.ca


@pytest.fixture(scope="session")
def rsa_ca() -> TestCA:
    """The real profile: RSA 2048 leaves, RSA 4096 authorities."""
    return TestCA()


@pytest.fixture(scope="session")
def good(ca: TestCA) -> Issued:
    """A good operator certificate."""
    return ca.operator_server(ORG, [HOST])


@dataclass
class Files:
    bundle: Path
    issuer: Path
    leaf: Path


@pytest.fixture
def on_disk(tmp_path: Path) -> Callable[[TestCA, Issued], Files]:
    """Write what openssl needs about a certificate."""

    def write(ca: TestCA, issued: Issued) -> Files:
        files = Files(tmp_path / "bundle.pem", tmp_path / "issuer.pem", tmp_path / "leaf.pem")
        files.bundle.write_bytes(ca.bundle_pem())
        files.issuer.write_bytes(certificate_pem(ca.authorities.pair(issued.issuer)[0]))
        files.leaf.write_bytes(issued.certificate_pem)
        return files

    return write


@pytest.fixture(scope="session")
def signer(ca):
    return ca.list_signing(ORG, "alb.mssante.test", "alb@mssante.test")


@pytest.fixture(scope="session")
def policy(ca):
    return ListPolicy(bundle=load_bundle(ca.bundle_pem()))


@pytest.fixture(scope="session")
def signed(signer):
    return sign_list(small(), signer)


@pytest.fixture(scope="session")
def real_size(signer):
    return sign_tree(real_size_document(), signer)
