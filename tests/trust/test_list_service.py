"""The list over HTTPS, with the certificates of the same authority."""

import ssl
import urllib.error
import urllib.request

import pytest

from sandbox.serve import HttpServer, running
from sandbox.serve.plain import plain_app
from sandbox.trust import DomainLedger, ListKeeper, ListPolicy, load_bundle, parse_dn
from sandbox.trust.list_xml import ListPublisher
from sandbox.trust.service import LIST_PATH, PkiFaults, list_handler

from .conftest import ORG, now, run

NAME = "espacedeconfiance.mssante.test"
DN_A = parse_dn("CN=mx1.a.mssante.test,OU=1119999993,O=A,ST=Aude (11),C=FR")


@pytest.fixture(scope="module")
def served(ca):
    """A ledger with one domain, and the port where its list is."""
    ledger = DomainLedger()
    ledger.add("a.mssante.test", [DN_A], now())
    signer = ca.list_signing(ORG, "alb.mssante.test", "alb@mssante.test")
    publisher = ListPublisher(ledger, signer, now)
    server = HttpServer(
        app=plain_app(list_handler(publisher.current, PkiFaults())),
        context=ca.endpoint_server(ORG, [NAME], ["127.0.0.1"]).server_context(),
    )
    with running(server):
        yield ledger, server.port


def roots(ca, tmp_path):
    path = tmp_path / "roots.pem"
    path.write_bytes(ca.roots_pem())
    return path


def test_openssl_s_client_verifies_chain_and_name_with_the_roots_alone(tool, ca, served, tmp_path):
    code, out = run(
        *(tool("openssl"), "s_client", "-connect", f"127.0.0.1:{served[1]}", "-servername", NAME),
        *("-CAfile", roots(ca, tmp_path), "-verify_return_error", "-verify_hostname", NAME),
        "-x509_strict",
        data=b"Q\n",
    )
    assert code == 0, out
    assert "Verify return code: 0 (ok)" in out


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_openssl_s_client_cannot_speak_an_old_tls(tool, ca, served, version):
    code, out = run(
        *(tool("openssl"), "s_client", "-connect", f"127.0.0.1:{served[1]}", version),
        *("-cipher", "ALL:@SECLEVEL=0"),
        data=b"Q\n",
    )
    assert code != 0
    assert "Cipher is (NONE)" in out, out


def test_curl_fetches_the_list_and_a_reader_takes_it(tool, ca, served, tmp_path):
    path = tmp_path / "list.xml"
    code, out = run(
        *(tool("curl"), "-fsS", "--cacert", roots(ca, tmp_path), "-o", path),
        *("--resolve", f"{NAME}:{served[1]}:127.0.0.1", f"https://{NAME}:{served[1]}{LIST_PATH}"),
    )
    assert code == 0, out
    keeper = ListKeeper(ListPolicy(bundle=load_bundle(ca.bundle_pem())))
    assert keeper.offer(path.read_bytes(), now()).domains.authorises("a.mssante.test", DN_A)


def fetch(ca, port, **headers):
    context = ssl.create_default_context(cadata=ca.roots_pem().decode())
    request = urllib.request.Request(f"https://127.0.0.1:{port}{LIST_PATH}", headers=headers)
    return urllib.request.urlopen(request, timeout=10, context=context)


def test_a_client_that_has_the_list_is_told_so_until_it_changes(ca, served):
    ledger, port = served
    with fetch(ca, port) as answer:
        tag = answer.headers["etag"]
    with pytest.raises(urllib.error.HTTPError) as same:
        fetch(ca, port, **{"If-None-Match": tag})
    same.value.close()
    assert same.value.code == 304
    ledger.add("later.mssante.test", [DN_A], now())
    with fetch(ca, port, **{"If-None-Match": tag}) as answer:
        assert b"later.mssante.test" in answer.read()
