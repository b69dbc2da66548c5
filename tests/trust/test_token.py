"""A CPS as a PKCS#11 token, seen by the tools that mail software's makers use."""

import hashlib
import os
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding

from sandbox.serve import HttpServer, running
from sandbox.serve.plain import Response, plain_app
from sandbox.space.errors import UserError
from sandbox.trust import KeyKind, TestCA
from sandbox.trust import token as token_module
from sandbox.trust.issuing import certificate_pem
from sandbox.trust.token import make_token, softhsm_module

from .conftest import ORG, PERSON, run


@pytest.fixture(scope="module", params=[KeyKind.RSA_2048, KeyKind.P256])
def made(request, tool, tmp_path_factory):
    tool("pkcs11-tool")
    if softhsm_module() is None:
        pytest.skip("SoftHSM2 is not installed")
    ca = TestCA(key_kind=request.param, authority_keys=KeyKind.P256)
    card = ca.cps(PERSON, pin="4271")
    return card, make_token(card, tmp_path_factory.mktemp("token"))


def pkcs11(tool, token, *arguments):
    return run(
        *(tool("pkcs11-tool"), "--module", token.module, "--token-label", token.label),
        *arguments,
        env=os.environ | token.environment,
    )


def test_pkcs11_tool_reads_both_certificates_from_the_card(tool, made, tmp_path):
    card, token = made
    for identifier, issued in (("01", card.auth), ("02", card.sign)):
        path = tmp_path / identifier
        code, out = pkcs11(
            tool, token, "--read-object", "--type", "cert", "--id", identifier, "-o", path
        )
        assert code == 0, out
        assert x509.load_der_x509_certificate(path.read_bytes()) == issued.certificate


@pytest.mark.parametrize("identifier", ["01", "02"])
def test_the_card_signs_with_its_pin_and_the_certificate_verifies(tool, made, tmp_path, identifier):
    card, token = made
    issued = card.auth if identifier == "01" else card.sign
    data, signature = tmp_path / "data", tmp_path / "signature"
    key = issued.certificate.public_key()
    elliptic = isinstance(key, ec.EllipticCurvePublicKey)
    # SoftHSM signs a digest with an EC key, a message with an RSA key.
    data.write_bytes(hashlib.sha256(b"bonjour").digest() if elliptic else b"bonjour")
    mechanism = "ECDSA" if elliptic else "SHA256-RSA-PKCS"
    code, out = pkcs11(
        *(tool, token, "--login", "--pin", "4271", "--sign", "--id", identifier),
        *("--mechanism", mechanism, "--signature-format", "openssl", "-i", data, "-o", signature),
    )
    assert code == 0, out
    if elliptic:
        key.verify(signature.read_bytes(), b"bonjour", ec.ECDSA(hashes.SHA256()))
    else:
        key.verify(signature.read_bytes(), b"bonjour", padding.PKCS1v15(), hashes.SHA256())


def test_a_wrong_pin_is_refused(tool, made):
    code, out = pkcs11(tool, made[1], "--login", "--pin", "0000", "--list-objects")
    assert code != 0
    assert "CKR_PIN_INCORRECT" in out


def test_the_private_keys_cannot_leave_the_card(tool, made):
    _, token = made
    _, out = run(
        *(tool("p11tool"), "--provider", token.module, "--login", "--set-pin", "4271"),
        *("--list-privkeys", f"pkcs11:token={token.label.replace(' ', '%20')}"),
        env=os.environ | token.environment,
    )
    flags = [line for line in out.splitlines() if "Flags:" in line]
    assert len(flags) == 2, out
    assert all("CKA_PRIVATE" in line and "CKA_SENSITIVE" in line for line in flags)
    assert not any("CKA_EXTRACTABLE" in line for line in flags)


def test_p11tool_lists_the_card(tool, made):
    _, token = made
    code, out = run(
        *(tool("p11tool"), "--provider", token.module, "--list-all-certs"),
        env=os.environ | token.environment,
    )
    assert code == 0
    assert "token=CPS%20TEST" in out
    assert out.count("type=cert") == 2


def test_a_tls_client_that_we_did_not_write_authenticates_with_the_card(tool, made, tmp_path):
    """gnutls-cli takes key and certificate from the card, as mail software does."""
    card, token = made
    ca = TestCA(key_kind=KeyKind.P256)
    (tmp_path / "roots.pem").write_bytes(ca.roots_pem())
    pair = ca.endpoint_server(ORG, ["imap.op1.mssante.test"])
    holders, reached = [], threading.Event()

    def handle(request):
        holders.append(request.peer)
        reached.set()
        return Response(body=b"bonjour")

    server = HttpServer(
        app=plain_app(handle),
        context=pair.server_context(client_roots=certificate_pem(*card.auth.chain)),
    )
    url = f"pkcs11:token={token.label.replace(' ', '%20')};id=%01"
    with running(server):
        _, out = run(
            *(
                tool("gnutls-cli"),
                "--provider",
                token.module,
                "--x509cafile",
                tmp_path / "roots.pem",
            ),
            *("--x509certfile", f"{url};type=cert", "--x509keyfile", f"{url};type=private"),
            *("--sni-hostname", "imap.op1.mssante.test", "--verify-hostname"),
            *("imap.op1.mssante.test", "-p", server.port, "127.0.0.1"),
            data=b"GET / HTTP/1.0\r\n\r\n",
            env=os.environ | token.environment | {"GNUTLS_PIN": card.pin},
        )
        # It leaves at the end of its input, perhaps before the answer: what counts was received.
        assert reached.wait(10), out
    assert [x509.load_der_x509_certificate(each) for each in holders] == [card.auth.certificate]


def test_a_token_never_overwrites_another(made, tmp_path):
    (tmp_path / "something").touch()
    with pytest.raises(UserError, match="not empty"):
        make_token(made[0], tmp_path)


def test_without_softhsm_the_user_is_told_what_to_install(ca, tmp_path, monkeypatch):
    monkeypatch.setattr(token_module, "softhsm_module", lambda: None)
    with pytest.raises(UserError, match="softhsm2"):
        make_token(ca.cps(PERSON), tmp_path / "token")
