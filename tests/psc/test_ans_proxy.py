"""ANS's own CIBA client, the example proxy `psc-edc-proxy-esante`, logs a person in and out.

Spring and the Nimbus SDK on Java: discovery, the request with `channel` and `acr_values`, polling
at the interval, the exchange of the token at a back end, logout by POST with `id_token_hint`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    load_pem_private_key,
    pkcs12,
)

from sandbox.psc import Behaviour, ProviderOptions, Running, running
from sandbox.trust import TestCA
from tests.psc.conftest import CLIENTS, DOCTOR, SECRET, client_certificate, http
from tests.psc.peers import PEERS
from tests.psc.test_keycloak_differential import free_port

JAR = PEERS / "psc-edc-proxy-esante" / "proxy.jar"
PASSWORD = "changeit"


class BackEnd(BaseHTTPRequestHandler):
    """A back end's token exchange (RFC 8693): keeps the forms it is sent."""

    forms: list[dict[str, list[str]]]

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.forms.append(parse_qs(form))
        answer = {"access_token": "theirs", "token_type": "Bearer", "expires_in": 14_400,
                  "refresh_token": "again", "refresh_expires_in": 14_400}  # fmt: skip
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class Proxy:
    """The proxy that runs, its Pro Santé Connect, and what its back end was sent."""

    url: str
    psc: Running
    forms: list[dict[str, list[str]]] = field(default_factory=list)

    def active(self, token: str) -> bool:
        with http(self.psc) as client:
            url = self.psc.url("introspection")
            answer = client.post(url, data={"token": token}, auth=("basic", SECRET))
        return bool(answer.json()["active"])


def configuration(port: int, psc: Running, back_end: int, p12: Path) -> str:
    return f"""
server: {{port: {port}, address: 127.0.0.1}}
spring:
  session: {{timeout: 14400}}
  cloud:
    gateway:
      httpclient: {{ssl: {{useInsecureTrustManager: false}}}}
      routes:
      - id: backend
        uri: http://127.0.0.1:{back_end}/
        predicates: ["Path=/send/backend/{{endpoint}}"]
        filters: ["SetPath=/{{endpoint}}"]
        metadata: {{token-exchange-endpoint: "http://127.0.0.1:{back_end}/token"}}
psc:
  discoveryURL: {psc.issuer}/.well-known/wallet-openid-configuration
  audience: proxy-exemple
  clients:
    basic: {{type: SECRET, secret: {SECRET}}}
    mtls: {{type: MTLS, secret: {PASSWORD}, file: {p12}}}
"""


def key_store(psc: Running, folder: Path) -> Path:
    """The certificate of the client `mtls`, as ANS's proxy takes it."""
    authority = TestCA.open(psc.files.ca.parents[1] / "authority")
    chain, key = client_certificate(authority, "lps-mtls", folder)
    first, *others = x509.load_pem_x509_certificates(chain.read_bytes())
    path = folder / "client.p12"
    secret = load_pem_private_key(key.read_bytes(), None)
    lock = BestAvailableEncryption(PASSWORD.encode())
    path.write_bytes(pkcs12.serialize_key_and_certificates(b"client", secret, first, others, lock))
    return path


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    if not JAR.is_file():
        pytest.skip("no psc-edc-proxy-esante: run .ci/peers-psc")
    if shutil.which("java") is None or shutil.which("keytool") is None:
        pytest.skip("no Java: run .ci/peers-psc")
    folder = tmp_path_factory.mktemp("proxy")
    options = ProviderOptions(clients=CLIENTS, behaviour=Behaviour(kind="approve"))
    with running("psc", options=options) as psc, HTTPServer(("127.0.0.1", 0), BackEnd) as back_end:
        found = Proxy(f"http://127.0.0.1:{free_port()}", psc)
        BackEnd.forms = found.forms
        threading.Thread(target=back_end.serve_forever, daemon=True).start()
        _, port, *_ = back_end.server_address
        text = configuration(
            int(found.url.rpartition(":")[2]), psc, int(port), key_store(psc, folder)
        )
        (folder / "application.yml").write_text(text, "utf-8")
        store = folder / "trust.p12"
        subprocess.run(
            ["keytool", "-importcert", "-noprompt", "-keystore", str(store), "-storetype", "PKCS12",
             "-storepass", PASSWORD, "-alias", "psc", "-file", str(psc.files.ca)],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        log = (folder / "log.txt").open("wb")
        child = subprocess.Popen(
            ["java", "-XX:TieredStopAtLevel=1", f"-Djavax.net.ssl.trustStore={store}",
             f"-Djavax.net.ssl.trustStorePassword={PASSWORD}",
             f"-Dspring.config.location={folder}/application.yml", "-jar", str(JAR)],
            stdout=log, stderr=log, cwd=folder,
        )  # fmt: skip
        try:
            while True:
                assert child.poll() is None, (folder / "log.txt").read_text("utf-8")
                try:
                    if httpx.get(f"{found.url}/check/alive", trust_env=False).text == "OK":
                        break
                except httpx.HTTPError:
                    time.sleep(0.1)
            yield found
        finally:
            child.terminate()
            child.wait(30)
            log.close()
            back_end.shutdown()


@pytest.mark.parametrize("client_id", ["basic", "mtls"])
def test_ans_s_proxy_connects_and_disconnects(proxy: Proxy, client_id: str) -> None:
    asked = {"nationalId": DOCTOR, "bindingMessage": "42", "clientId": client_id,
             "channel": "MOBILE"}  # fmt: skip
    with httpx.Client(base_url=proxy.url, trust_env=False, timeout=60) as client:
        answer = client.post("/connect", json=asked)
        assert answer.status_code == 200, answer.text
        assert answer.json()["session_state"]
        exchanged = proxy.forms.pop()
        (token,) = exchanged["subject_token"]
        assert proxy.active(token)
        assert client.delete("/disconnect").status_code == 200
        assert not proxy.active(token)


def test_ans_s_proxy_tells_of_a_person_whom_nobody_knows(proxy: Proxy) -> None:
    asked = {"nationalId": "899700009999", "bindingMessage": "42", "clientId": "basic",
             "channel": "CARD"}  # fmt: skip
    answer = httpx.post(f"{proxy.url}/connect", json=asked, trust_env=False, timeout=60)
    assert answer.status_code in (400, 401), answer.text
