"""F8: what a client shows is judged above TLS; what is wrong is told to the events alone."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from sandbox.psc import running
from sandbox.psc.client_certificates import ClientCertificateJudge
from sandbox.serve import client_context
from sandbox.trust import KeyKind, RevocationStatus, TestCA, load_bundle, make_bad
from tests.psc.conftest import CIBA, EDITOR, client_certificate, http

BAD = {
    "impostor": "certificate-untrusted",
    "expired": "certificate-expired",
    "not-yet-valid": "certificate-expired",
    "wrong-usage": "certificate-wrong-usage",
    "revoked": "certificate-revoked",
}


def authority_of(server: Any) -> TestCA:
    return TestCA.open(server.files.ca.parents[1] / "authority")


def bad_certificate(server: Any, fault: str, folder: Path) -> tuple[Path, Path]:
    authority = authority_of(server)
    make_bad(authority, fault, authority.plans.org_client(EDITOR, "lps-mtls")).save(folder)
    return folder / "chain.pem", folder / "key.pem"


def shown(server: Any, certificate: Any, *, mtls: bool = True) -> tuple[httpx.Response, Any]:
    """Show a certificate; return the answer, and the last refusal that was explained."""
    with http(server, cert=certificate) as client:
        answer = client.post(server.url("token", mtls=mtls), data={"grant_type": CIBA})
    return answer, [e for e in server.provider.events.since() if e.kind == "refusal"][-1]


@pytest.mark.parametrize(("fault", "reason"), BAD.items(), ids=BAD)
def test_a_bad_certificate_is_answered_in_http_and_its_fault_told_to_the_events(
    core_server, tmp_path, fault, reason
):
    answer, told = shown(core_server, bad_certificate(core_server, fault, tmp_path))
    assert answer.status_code == 401
    assert answer.json() == {
        "error": "invalid_client",
        "error_description": "the client certificate is not accepted",
    }
    assert told.reason == reason
    assert "lps-mtls" in told.detail


def test_so_it_is_at_the_main_host_of_psc_where_none_is_needed(psc_server, tmp_path):
    certificate = bad_certificate(psc_server, "impostor", tmp_path)
    answer, told = shown(psc_server, certificate, mtls=False)
    assert (answer.status_code, told.reason) == (401, "certificate-untrusted")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_so_it_is_in_either_version_of_tls(core_server, tmp_path, version):
    context = client_context(
        core_server.files.ca, *bad_certificate(core_server, "impostor", tmp_path)
    )
    context.minimum_version = context.maximum_version = version
    url = core_server.url("token", mtls=True)
    answer = httpx.post(url, verify=context, trust_env=False, data={"grant_type": CIBA})
    assert answer.status_code == 401


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl")
def test_a_weak_key_reaches_http_too(core_server, tmp_path):
    chain, key = bad_certificate(core_server, "weak-key", tmp_path)
    port = urlsplit(core_server.provider.mtls_origin).port
    asked = subprocess.run(
        [
            *("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-quiet"),
            *("-cert", chain, "-key", key, "-cipher", "DEFAULT@SECLEVEL=0"),
        ],
        input=b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert asked.stdout.startswith(b"HTTP/1.1 401 "), asked
    assert core_server.provider.events.since()[-1].reason == "certificate-weak-key"


def test_a_certificate_that_is_revoked_while_we_run_is_refused_at_the_next_request(tmp_path):
    with running("core") as server:
        authority = authority_of(server)
        certificate = client_certificate(authority, "lps-mtls", tmp_path)
        with http(server, cert=certificate) as client:
            url = server.url("token", mtls=True)
            assert client.post(url, data={}).status_code == 400
            authority.revoke(load_bundle(certificate[0].read_bytes())[0])
            assert client.post(url, data={}).status_code == 401


def test_a_certificate_of_which_nobody_knows_whether_it_is_revoked_is_refused() -> None:
    authority = TestCA(key_kind=KeyKind.P256)
    issued = authority.org_client(EDITOR, "lps-mtls")
    asked = []

    async def ask(certificate: Any) -> RevocationStatus:
        asked.append(certificate)
        return RevocationStatus.UNKNOWN

    judge = ClientCertificateJudge(load_bundle(authority.bundle_pem()), ask)
    refused = asyncio.run(judge.judge(issued.certificate.public_bytes(Encoding.DER)))
    assert refused is not None
    assert refused.refusal.name == "certificate-revocation-unknown"
    stranger = TestCA(key_kind=KeyKind.P256).org_client(EDITOR, "lps-mtls")
    asyncio.run(judge.judge(stranger.certificate.public_bytes(Encoding.DER)))
    assert len(asked) == 1, "nobody is asked about a stranger's certificate"


def test_what_is_no_certificate_is_refused() -> None:
    judge = ClientCertificateJudge(load_bundle(TestCA(key_kind=KeyKind.P256).bundle_pem()), None)
    refused = asyncio.run(judge.judge(b"no DER"))
    assert refused is not None
    assert refused.refusal.name == "certificate-unreadable"
