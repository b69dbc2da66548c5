"""Rates of the trust package beside named peers, as ratios of one run on one machine.

- certificates issued per second, by profile; beside trustme (P-256) where it is installed;
- OCSP answers per second, with and without HTTP; beside the bare signatures of `openssl speed`;
- the list of the real size, verified and read; beside `xmlsec1 --verify`, which only verifies;
- DNS answers per second, without sockets.

Run: python benchmarks/bench_trust.py [--seconds 2]
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dns.message
from cryptography.hazmat.primitives.serialization import Encoding

sys.path.insert(0, str(Path(__file__).parent.parent))

from sandbox.serve import HttpServer, running
from sandbox.serve.plain import plain_app
from sandbox.trust import (
    AuthorityName,
    Employee,
    Host,
    KeyKind,
    ListPolicy,
    Organisation,
    Professional,
    TestCA,
    Urls,
    ZoneSpec,
    load_bundle,
    verify_list,
)
from sandbox.trust.evidence import ocsp_request
from sandbox.trust.issuing import certificate_pem
from sandbox.trust.resolver import Resolver
from sandbox.trust.service import PkiFaults, ocsp_handler

ORG = Organisation(name="CH DE TEST", department="Aude (11)", finess="119999993")
PERSON = Professional(
    national_id="899999999990",
    profession="Médecin",
    profession_code=10,
    surname="DURAND",
    given_name="Anne",
)
EMPLOYEE = Employee(
    structure=ORG, internal_id="1", function="Secrétaire", surname="PETIT", given_name="Luc"
)


def rate(act: Callable[[], object], seconds: float) -> float:
    """Return how many times a second `act` runs, after one run that does not count."""
    act()
    count, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds:
        act()
        count += 1
    return count / spent


def issuing(seconds: float) -> None:
    """Print the issue rate of each profile."""
    for kind in (KeyKind.RSA_2048, KeyKind.P256):
        ca = TestCA(key_kind=kind)
        acts: dict[str, Callable[[], object]] = {
            "operator-server": lambda ca=ca: ca.operator_server(ORG, ["mx1.op1.mssante.test"]),
            "org-client": lambda ca=ca: ca.org_client(ORG, "APP"),
            "org-seal": lambda ca=ca: ca.org_seal(ORG, "CACHET"),
            "cps (2 certificates)": lambda ca=ca: ca.cps(PERSON),
            "cpe-auth": lambda ca=ca: ca.cpe(EMPLOYEE),
        }
        for name, act in acts.items():
            print(f"issue {kind:9} {name:22} {rate(act, seconds):10.0f} /s")
    ours = rate(acts["org-client"], seconds)
    try:
        import trustme
    except ImportError:
        print("issue: trustme is not installed, no peer")
        return
    peer = trustme.CA(key_type=trustme.KeyType.ECDSA)
    theirs = rate(lambda: peer.issue_cert("mx1.op1.mssante.test"), seconds)
    print(f"issue p-256: trustme {theirs:.0f} /s, ratio ours/trustme {ours / theirs:.2f}")


def _post(port: int, request: bytes) -> bytes:
    head = (
        b"POST / HTTP/1.0\r\nHost: x\r\nContent-Type: application/ocsp-request\r\n"
        b"Content-Length: %d\r\n\r\n" % len(request)
    )
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(head + request)
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk
    if b"200" not in answer.split(b"\r\n", 1)[0]:
        raise RuntimeError(answer[:200])
    return answer


def _openssl_signatures(algorithm: str, seconds: float) -> float:
    """Return the signatures per second of `openssl speed` on one core."""
    done = subprocess.run(
        ["openssl", "speed", "-seconds", str(max(1, round(seconds))), "-mr", algorithm],
        capture_output=True,
        text=True,
        check=True,
    )
    # Lines such as +F2:2:2048:3862.5:72389.6 give signatures, then checks, a second.
    line = next(line for line in done.stdout.splitlines() if line.startswith(("+F2", "+F4")))
    return float(line.split(":")[3])


def ocsp(seconds: float) -> None:
    """Print OCSP answers per second."""
    ca = TestCA(urls=Urls())
    leaf = ca.org_client(ORG, "APP")
    issuer = ca.authorities.pair(leaf.issuer)[0]
    request = ocsp_request(leaf.certificate, issuer, secrets.token_bytes(16))
    data = request.public_bytes(Encoding.DER)
    rsa = rate(lambda: ca.ocsp(data), seconds)
    print(f"ocsp, RSA-2048 signer, no socket    {rsa:10.0f} /s")
    quick = TestCA(key_kind=KeyKind.P256)
    other = quick.org_client(ORG, "APP")
    asked = ocsp_request(
        other.certificate, quick.authorities.pair(other.issuer)[0], secrets.token_bytes(16)
    ).public_bytes(Encoding.DER)
    elliptic = rate(lambda: quick.ocsp(asked), seconds)
    print(f"ocsp, P-256 signer, no socket       {elliptic:10.0f} /s")
    server = HttpServer(app=plain_app(ocsp_handler(ca, PkiFaults())))
    with running(server):
        ours = rate(lambda: _post(server.port, data), seconds)
    print(f"ocsp, RSA-2048, HTTP, a connection each {ours:6.0f} /s")
    # openssl's own responder listens on every address, so it is no peer here: what an answer
    # cannot go below, the bare signature, is.
    if shutil.which("openssl") is None:
        print("ocsp: openssl is not installed, no peer")
        return
    for name, algorithm, answers in (
        ("RSA-2048", "rsa2048", rsa),
        ("P-256", "ecdsap256", elliptic),
    ):
        bare = _openssl_signatures(algorithm, seconds)
        print(f"ocsp {name}: openssl signs {bare:.0f} /s, ratio ours/openssl {answers / bare:.2f}")


def domain_list(seconds: float) -> None:
    """Print verifications of the list of the real size per second."""
    from tests.trust import lists

    ca = TestCA(key_kind=KeyKind.P256)
    signer = ca.list_signing(ORG, "alb", "alb@mssante.test")
    data = lists.sign_tree(lists.real_size_document(), signer)
    policy = ListPolicy(bundle=load_bundle(ca.bundle_pem()))
    ours = rate(lambda: verify_list(data, policy, datetime.now(UTC)), seconds)
    print(f"list, {len(data) / 1e6:.1f} MB: verified and read {ours:.1f} /s")
    if shutil.which("xmlsec1") is None:
        print("list: xmlsec1 is not installed, no peer")
        return
    with tempfile.TemporaryDirectory() as folder:
        between, root = ca.authorities.chain(AuthorityName.ELEMENTAIRE_ORGANISATIONS)
        for name, content in (
            ("root.pem", certificate_pem(root)),
            ("between.pem", certificate_pem(between)),
            ("list.xml", data),
        ):
            (Path(folder) / name).write_bytes(content)
        command = ["xmlsec1", "--verify", "--trusted-pem", "root.pem"]
        command += ["--untrusted-pem", "between.pem", "list.xml"]
        theirs = rate(
            lambda: subprocess.run(command, cwd=folder, check=True, capture_output=True), seconds
        )
    print(f"list: xmlsec1 (a process each) {theirs:.1f} /s, ratio ours/xmlsec1 {ours / theirs:.2f}")


def resolver(seconds: float) -> None:
    """Print DNS answers per second without sockets."""
    zone = ZoneSpec(hosts=tuple(Host(f"h{n}.mssante.test", ("127.0.0.2",)) for n in range(5000)))
    asked = dns.message.make_query("h42.mssante.test", "A").to_wire()
    answers = Resolver(zone)
    ours = rate(lambda: answers.answer(asked, "udp"), seconds)
    print(f"dns, 5,000 hosts, no socket         {ours:10.0f} /s")


def main() -> None:
    """Run all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each measure")
    seconds = parser.parse_args().seconds
    issuing(seconds)
    ocsp(seconds)
    domain_list(seconds)
    resolver(seconds)


if __name__ == "__main__":
    main()
