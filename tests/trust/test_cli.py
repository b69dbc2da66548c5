"""The command line as a user meets it: results on standard output, one line for a mistake."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from sandbox import cli
from sandbox.trust import FAULTS, KeyKind, TestCA, sign_list
from sandbox.trust.cli_pki import pki
from sandbox.trust.hierarchy import Urls
from sandbox.trust.issuing import certificate_pem
from sandbox.trust.profiles import Marker, ProfileName

from .conftest import ORG, free_port, now, run
from .lists import small

ENTRY = "from sandbox.cli import main; main()"
KEY = ("--key", KeyKind.P256.value)


@pytest.fixture
def mss(monkeypatch, capsys, tmp_path):
    """Run a command in an empty folder; return its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["mss-sandbox", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        return end.value.code, printed.out, printed.err

    return call


@pytest.mark.parametrize("profile", list(ProfileName))
def test_every_profile_is_issued_without_an_option(mss, profile):
    code, out, _ = mss("pki", "issue", profile.value, *KEY, "--json")
    record = json.loads(out)
    assert (code, record["profile"]) == (0, profile)
    assert all(Path(each).is_file() for each in record["files"])


def test_an_authority_is_founded_with_its_own_addresses_and_marker(mss):
    code, _, _ = mss(
        *("pki", "init", *KEY, "--marker", "production"),
        *("--files-url", "http://127.0.0.5:9001", "--ocsp-url", "http://127.0.0.5:9002/"),
    )
    ca = TestCA.open(Path("out/pki"))
    assert code == 0
    assert (ca.urls, ca.marker) == (
        Urls(files="http://127.0.0.5:9001", ocsp="http://127.0.0.5:9002"),
        Marker.PRODUCTION,
    )


def test_a_whole_card_is_issued_with_pkcs12(mss, tmp_path):
    code, out, _ = mss(
        "pki", "issue", "cps-auth", "--card", "--pin", "4271", "--out", tmp_path / "card", *KEY
    )
    assert code == 0
    assert {p.parent.name for p in (tmp_path / "card").rglob("bundle.p12")} == {
        "cps-auth",
        "cps-sign",
    }
    assert "SN=DEMO" in out


def test_show_tells_good_from_revoked(mss):
    _, out, _ = mss("pki", "issue", "operator-server", *KEY, "--json")
    serial = json.loads(out)["serial"]
    assert mss("pki", "revoke", serial, "--reason", "certificate-hold")[0] == 0
    assert status(mss, serial)["status"] == "revoked:certificate-hold"
    assert mss("pki", "revoke", serial, "--release")[0] == 0
    assert status(mss, serial)["status"] == "good"


def status(mss, serial):
    _, out, _ = mss("pki", "show", "--json")
    return next(r for r in map(json.loads, out.splitlines()) if r["serial"] == serial)


@pytest.mark.parametrize(("option", "count"), [((), 7), (("--roots",), 3)])
def test_the_bundle_is_pem(mss, option, count):
    TestCA.open(Path("out/pki"), key_kind=KeyKind.P256)
    code, out, _ = mss("pki", "bundle", *option)
    assert (code, out.count("BEGIN CERTIFICATE")) == (0, count)


def test_bad_lists_all_faults(mss):
    code, out, _ = mss("pki", "bad", "--list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(FAULTS)


def test_a_bad_certificate_is_issued_by_name(mss):
    TestCA.open(Path("out/pki"), key_kind=KeyKind.P256)
    code, out, _ = mss("pki", "bad", "expired", "endpoint-server", "--json")
    assert (code, json.loads(out)["fault"]) == (0, "expired")


@pytest.mark.parametrize(
    "arguments",
    [
        ("pki", "revoke", "zz"),
        ("pki", "revoke", "12", "--folder", "nowhere"),
        ("pki", "show", "--folder", "nowhere"),
        ("pki", "issue", "org-client", "--token"),
        ("pki", "issue", "unknown-profile"),
        ("pki", "issue", "cps-auth", "--id", "123"),
        ("pki", "issue", "operator-server", "--host", "a b"),
        ("pki", "init", "--folder", "other"),
        ("pki", "init", "--files-url", "http://192.0.2.1:80"),
        ("pki", "init", "--ocsp-url", "https://127.0.0.1:1"),
        ("pki", "bad", "nonsense", "cps-auth"),
        ("list", "verify", "absent.xml"),
        ("list", "verify", "here.xml"),
        ("list", "verify", "here.xml", "--ca", "here.xml"),
        ("list", "add", "nodots", "--dn", "CN=a,O=b"),
        ("list", "add", "a.test", "--dn", "nonsense"),
        ("list", "remove", "a.test"),
        ("list", "serve", "--address", "0.0.0.0"),
        ("dns", "serve", "--zone", "here.xml"),
        ("dns", "serve", "--zone", "zone.toml", "--address", "0.0.0.0"),
        ("hosts", "--zone", "absent.toml"),
    ],
)
def test_a_mistake_is_one_line_and_code_2(mss, arguments):
    Path("here.xml").write_text("<x/>")
    Path("zone.toml").write_text("")
    TestCA.open(Path("other"), key_kind=KeyKind.P256)
    code, out, err = mss(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("mss-sandbox: ")
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1, err


def test_a_good_list_is_summed_up(mss, tmp_path):
    ca = TestCA.open(tmp_path / "out" / "pki", key_kind=KeyKind.P256)
    signer = ca.list_signing(ORG, "alb", "alb@mssante.test")
    Path("list.xml").write_bytes(sign_list(small(now()), signer))
    code, out, _ = mss("list", "verify", "list.xml")
    assert code == 0
    assert "bonne / good" in out
    code, out, _ = mss("list", "verify", "list.xml", "--json")
    record = json.loads(out)
    assert (record["verdict"], record["entries"], record["domains"]) == ("good", 2, 2)
    assert {row["name"] for row in record["operators"]} == {"A", "B"}


def test_entries_of_a_list_are_json_lines(mss, tmp_path):
    ca = TestCA.open(tmp_path / "out" / "pki", key_kind=KeyKind.P256)
    signer = ca.list_signing(ORG, "alb", "alb@mssante.test")
    Path("list.xml").write_bytes(sign_list(small(now()), signer))
    code, out, _ = mss("list", "verify", "list.xml", "--entries")
    records = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [r["domain"] for r in records] == ["a.mssante.test", "b.mssante.test"]
    assert records[0]["updated"] == "2026-01-01T00:00:00+00:00"


def test_a_refused_list_is_code_1_with_its_reason(mss, tmp_path):
    ca = TestCA.open(tmp_path / "out" / "pki", key_kind=KeyKind.P256)
    signer = ca.list_signing(ORG, "alb", "alb@mssante.test")
    data = sign_list(small(now()), signer).replace(b"a.mssante", b"c.mssante")
    Path("list.xml").write_bytes(data)
    code, out, _ = mss("list", "verify", "list.xml", "--json")
    assert (code, json.loads(out)["code"]) == (1, "tampered")
    code, out, _ = mss("list", "verify", "list.xml")
    assert (code, out.split()[0]) == (1, "refusée")


def test_a_list_whose_signer_this_authority_revoked_is_refused(mss, tmp_path):
    ca = TestCA.open(tmp_path / "out" / "pki", key_kind=KeyKind.P256)
    signer = ca.list_signing(ORG, "alb", "alb@mssante.test")
    Path("list.xml").write_bytes(sign_list(small(now()), signer))
    assert mss("list", "verify", "list.xml")[0] == 0
    assert mss("pki", "revoke", f"{signer.serial:x}")[0] == 0
    code, out, _ = mss("list", "verify", "list.xml", "--json")
    assert (code, json.loads(out)["code"]) == (1, "signer-revoked")


def test_another_signer_and_another_date_can_be_asked_for(mss, tmp_path):
    ca = TestCA.open(tmp_path / "out" / "pki", key_kind=KeyKind.P256)
    Path("ca.pem").write_bytes(ca.bundle_pem())
    signer = ca.list_signing(ORG, "x", "other@mssante.test")
    Path("list.xml").write_bytes(sign_list(small(now()), signer))
    verify = ("list", "verify", "list.xml", "--ca", "ca.pem", "--json")
    assert json.loads(mss(*verify)[1])["code"] == "signer"
    assert mss(*verify, "--signer", "Other@mssante.test")[0] == 0
    late = ("--signer", "other@mssante.test", "--at", "2031-01-01")
    assert json.loads(mss(*verify, *late)[1])["code"] == "signer-expired"
    soon = ("--signer", "other@mssante.test", "--at", f"{now().year + 1}-06-01")
    assert json.loads(mss(*verify, *soon, "--max-age", "48")[1])["code"] == "expired"


def test_a_domain_is_added_moved_withdrawn_and_its_history_shown(mss):
    name_a = "CN=mx1.a.test,OU=1119999993,O=A,ST=Aude (11),C=FR"
    name_b = "CN=mx1.b.test,OU=1119999993,O=B,ST=Aude (11),C=FR"
    assert mss("list", "add", "x.mssante.test", "--dn", name_a)[0] == 0
    assert mss("list", "migrate", "x.mssante.test", "--dn", name_b)[0] == 0
    TestCA.open(Path("out/pki"), key_kind=KeyKind.P256)
    assert mss("list", "sign", "--out", "list.xml")[0] == 0
    assert json.loads(mss("list", "verify", "list.xml", "--json")[1])["operators"][0]["name"] == "B"
    assert mss("list", "remove", "x.mssante.test")[0] == 0
    _, out, _ = mss("list", "history", "--json")
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["add", "migrate", "remove"]


def test_hosts_prints_the_addresses_of_a_zone(mss):
    Path("zone.toml").write_text('[hosts]\n"a.mssante.test" = ["127.0.0.2"]\n')
    assert mss("hosts", "--zone", "zone.toml") == (0, "127.0.0.2\ta.mssante.test\n", "")


def test_help_is_in_french_then_english():
    for command in pki.commands.values():
        assert " / " in (command.help or ""), command.name


@contextlib.contextmanager
def serving(tmp_path, *arguments, ended_by=signal.SIGINT):
    """Give the first line of a server; end it by a signal, after which it has to be content.

    However slow the machine is, nothing of the process is left behind.
    """
    with subprocess.Popen(
        [sys.executable, "-c", ENTRY, *map(str, arguments)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            yield process.stdout.readline()
            process.send_signal(ended_by)
            _, told = process.communicate()
        except BaseException:
            process.kill()
            raise
    assert (process.returncode, told) == (0, "")


def test_served_files_show_a_revocation_made_by_another_command(tool, tmp_path):
    files, ocsp = free_port(), free_port()
    urls = Urls(files=f"http://127.0.0.1:{files}", ocsp=f"http://127.0.0.1:{ocsp}")
    folder = tmp_path / "pki"
    ca = TestCA.open(folder, key_kind=KeyKind.P256, urls=urls)
    leaf = ca.org_client(ORG, "APP")
    with serving(tmp_path, "pki", "serve", "--folder", folder) as line:
        assert urls.ocsp in line
        (tmp_path / "leaf.pem").write_bytes(leaf.certificate_pem)
        (tmp_path / "issuer.pem").write_bytes(ca.bundle_pem())
        issuer = tmp_path / "one.pem"
        issuer.write_bytes(certificate_pem(ca.authorities.pair(leaf.issuer)[0]))
        ask = (
            *(tool("openssl"), "ocsp", "-issuer", issuer, "-cert", tmp_path / "leaf.pem"),
            *("-url", urls.responder(), "-CAfile", tmp_path / "issuer.pem"),
        )
        assert ": good" in run(*ask)[1]
        code, out = run(
            sys.executable, "-c", ENTRY, "pki", "revoke", f"{leaf.serial:x}", "--folder", folder
        )
        assert code == 0, out
        assert ": revoked" in run(*ask)[1]
        with urllib.request.urlopen(urls.policy) as answer:
            assert answer.status == 200


def test_dns_is_served_and_its_faults_follow_their_file(tool, tmp_path):
    (tmp_path / "zone.toml").write_text('[hosts]\n"a.mssante.test" = ["127.0.0.2"]\n')
    port = free_port()
    ask = (tool("dig"), "@127.0.0.1", "-p", port, "+time=60", "+tries=1", "a.mssante.test")
    with serving(
        *(tmp_path, "dns", "serve", "--zone", "zone.toml", "--faults", "f.toml", "--port", port),
        ended_by=signal.SIGTERM,
    ):
        assert "127.0.0.2" in run(*ask)[1]
        (tmp_path / "f.toml").write_text('[[faults]]\nkind = "servfail"\n')
        assert "SERVFAIL" in run(*ask)[1]


def test_the_list_is_served_over_https(tool, tmp_path):
    ca = TestCA.open(tmp_path / "pki", key_kind=KeyKind.P256)
    (tmp_path / "roots.pem").write_bytes(ca.roots_pem())
    with serving(
        tmp_path, "list", "serve", "--folder", "pki", "--history", "h.jsonl", "--port", 0
    ) as line:
        url = line.split()[0]
        code, out = run(tool("curl"), "-fsS", "--cacert", tmp_path / "roots.pem", url)
        assert code == 0, out
        assert "ListeBlancheMSSante" in out
