"""What the public files answer over HTTP, and how the HTTP server bears bad clients."""

import asyncio
import base64
import contextlib
import socket
import time
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sandbox.serve import HttpServer, running
from sandbox.serve.plain import MAX_BODY, Response, plain_app
from sandbox.space.errors import UserError
from sandbox.trust import load_bundle
from sandbox.trust.evidence import ocsp_request
from sandbox.trust.hierarchy import AUTHORITIES
from sandbox.trust.service import PkiFaults

from .conftest import ORG, now, run


def exchange(port, data, *, timeout=5.0):
    """Send bytes, return all bytes until the server closes or is silent."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as client:
        client.sendall(data)
        received = b""
        while chunk := client.recv(65536):
            received += chunk
        return received


@pytest.mark.parametrize("name", AUTHORITIES)
def test_curl_fetches_each_crl_and_openssl_verifies_it(tool, live, on_disk, good, tmp_path, name):
    files = on_disk(live.ca, good)
    for url in (live.ca.urls.crl(name), live.ca.urls.delta(name)):
        path = tmp_path / "fetched.crl"
        code, _ = run(tool("curl"), "-fsS", "-o", path, url)
        assert code == 0
        code, out = run(
            *(tool("openssl"), "crl", "-inform", "DER", "-in", path, "-noout"),
            *("-CAfile", files.bundle),
        )
        assert "verify OK" in out, out


@pytest.mark.parametrize("name", AUTHORITIES)
def test_the_issuer_url_gives_the_authority(tool, live, tmp_path, name):
    path = tmp_path / "ca.cer"
    assert run(tool("curl"), "-fsS", "-o", path, live.ca.urls.issuer(name))[0] == 0
    fetched = x509.load_der_x509_certificate(path.read_bytes())
    assert fetched == live.ca.authorities.pair(name)[0]


def test_the_chain_is_served_as_pkcs7(tool, live, tmp_path):
    path = tmp_path / "chain.p7b"
    url = f"{live.ca.urls.files}/AC%20TEST/Chaine_de_certification-IGC-Sante-TEST.p7b"
    assert run(tool("curl"), "-fsS", "-o", path, url)[0] == 0
    assert set(load_bundle(path.read_bytes())) == set(load_bundle(live.ca.bundle_pem()))


def test_a_handler_that_meets_a_damaged_file_answers_500_and_the_server_stays_up():
    broken = [True]

    def handle(_request):
        if broken[0]:
            raise UserError("ligne 3 abîmée", "line 3 is damaged", where="revoked.jsonl")
        return Response(body=b"ok")

    server = HttpServer(app=plain_app(handle))
    with running(server):
        first = exchange(server.port, b"GET / HTTP/1.0\r\n\r\n")
        broken[0] = False
        second = exchange(server.port, b"GET / HTTP/1.0\r\n\r\n")
    assert first.startswith(b"HTTP/1.1 500")
    assert b"line 3" in first
    assert second.endswith(b"ok")


@pytest.mark.parametrize("revoked", [False, True])
def test_openssl_downloads_the_crl_that_the_certificate_names(tool, live, on_disk, revoked):
    leaf = live.ca.org_client(ORG, "APP")
    if revoked:
        live.ca.revoke(leaf, "superseded")
    files = on_disk(live.ca, leaf)
    code, out = run(
        *(tool("openssl"), "verify", "-crl_download", "-crl_check", "-CAfile", files.bundle),
        files.leaf,
    )
    assert (code == 0) is not revoked, out
    assert ("certificate revoked" in out) is revoked


def test_a_head_request_gives_the_length_without_the_body(tool, live):
    _, out = run(tool("curl"), "-sSI", live.ca.urls.policy)
    assert "200" in out
    assert "content-length: " in out.lower()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 404),
        ("/CRL/NONE.crl", 404),
        ("/CRL/none/ACI-EL-ORG-TEST.crl", 404),
        ("/CRL/../../etc/passwd", 404),
        ("/AC%20TEST/NONE.cer", 404),
        ("/PC%20TEST?x=1", 200),
    ],
)
def test_paths_that_are_not_files_are_not_found(live, path, status):
    answer = exchange(live.files.port, f"GET {path} HTTP/1.0\r\n\r\n".encode())
    assert answer.split()[1] == str(status).encode()


def test_files_are_read_only(live):
    answer = exchange(live.files.port, b"DELETE /PC%20TEST HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 405")
    assert b"allow: GET, HEAD" in answer


def test_ocsp_by_get_answers_as_by_post(live, good):
    issuer = live.ca.authorities.pair(good.issuer)[0]
    request = ocsp_request(good.certificate, issuer, b"n" * 16).public_bytes(Encoding.DER)
    encoded = quote(base64.b64encode(request).decode(), safe="")
    answer = exchange(live.ocsp.port, f"GET /{encoded} HTTP/1.0\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/ocsp-response" in head
    assert x509.ocsp.load_der_ocsp_response(body).serial_number == good.serial


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nxx", 415),
        (b"PUT / HTTP/1.0\r\nContent-Length: 0\r\n\r\n", 405),
        (b"GET / HTTP/1.0\r\n\r\n", 404),
        (
            b"POST / HTTP/1.0\r\nContent-Type: application/ocsp-request\r\n"
            b"Content-Length: 20000\r\n\r\n" + b"x" * 20000,
            413,
        ),
    ],
)
def test_an_ocsp_request_of_the_wrong_form_is_refused(live, request_bytes, status):
    assert exchange(live.ocsp.port, request_bytes).split()[1] == str(status).encode()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"HELLO\r\n\r\n", b"400"),
        (b"GET / HTTP/1.0\r\nX: " + b"y" * 20000, b"431"),
        (b"POST / HTTP/1.0\r\nContent-Length: -1\r\n\r\n", b"400"),
        (
            b"POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1)
            + b"z" * (MAX_BODY + 1),
            b"413",
        ),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 10, b"400"),
    ],
)
def test_what_is_not_http_gets_an_error_and_the_server_stays_up(live, request_bytes, status):
    assert exchange(live.files.port, request_bytes).split()[1] == status
    assert exchange(live.files.port, b"GET /PC%20TEST HTTP/1.0\r\n\r\n").split()[1] == (b"200")


def test_a_connection_serves_several_requests(live):
    one = b"GET /PC%20TEST HTTP/1.1\r\nHost: localhost\r\n"
    data = (one + b"\r\n") * 2 + one + b"Connection: close\r\n\r\n"
    assert exchange(live.files.port, data).count(b"HTTP/1.1 200") == 3


def test_crl_faults_are_set_and_lifted_at_run_time(live):
    get = b"GET /CRL/ACI-EL-ORG-TEST.crl HTTP/1.0\r\n\r\n"

    def next_update():
        body = exchange(live.files.port, get).partition(b"\r\n\r\n")[2]
        return x509.load_der_x509_crl(body).next_update_utc

    live.faults.crl = "stale"
    try:
        assert next_update() < now()
        live.faults.crl = "unreachable"
        # The drop may show as a reset: no byte was answered either way.
        with contextlib.suppress(ConnectionResetError):
            assert exchange(live.files.port, get) == b""
        live.faults.crl = "garbage"
        assert exchange(live.files.port, get).endswith(b"</html>")
    finally:
        live.faults.crl = ""
    assert next_update() > now()


def test_a_slow_answer_waits_and_holds_nobody_else(live):
    start = time.monotonic()
    slow = b"GET /CRL/slow/ACI-EL-ORG-TEST.crl HTTP/1.0\r\n\r\n"
    with socket.create_connection(("127.0.0.1", live.files.port), timeout=5) as client:
        client.sendall(slow)
        quick = exchange(live.files.port, b"GET /PC%20TEST HTTP/1.0\r\n\r\n")
        before = time.monotonic() - start
        assert client.recv(12) == b"HTTP/1.1 200"
    assert quick.startswith(b"HTTP/1.1 200")
    assert before < live.faults.delay <= time.monotonic() - start


@pytest.mark.parametrize("name", ["ocsp", "crl"])
def test_a_fault_that_does_not_exist_is_refused_when_set(name):
    with pytest.raises(UserError, match="choose among"):
        setattr(PkiFaults(), name, "nonsense")


def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_running(live):
    second = HttpServer(app=plain_app(lambda _: Response()))
    taken = HttpServer(app=plain_app(lambda _: Response()), port=live.files.port)
    with pytest.raises(UserError, match="in use"), running(second, taken):
        pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", second.port), timeout=2)


def test_stopping_cuts_idle_connections_at_once():
    async def scenario():
        server = HttpServer(app=plain_app(lambda _: Response()))
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.wait_for(server.stop(), 5)
        try:
            rest = await asyncio.wait_for(reader.read(), 5)
        except ConnectionResetError:
            rest = b""
        writer.close()
        return rest

    assert asyncio.run(scenario()) == b""
