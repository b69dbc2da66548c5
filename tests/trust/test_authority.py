import json
import ssl
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12
from cryptography.x509.oid import NameOID

from sandbox.space.errors import UserError
from sandbox.trust import AuthorityName, KeyKind, TestCA
from sandbox.trust.checking import RevocationStatus, chains_to, load_bundle
from sandbox.trust.evidence import crl_status
from sandbox.trust.hierarchy import AUTHORITIES
from sandbox.trust.issuing import build_leaf, key_usage
from sandbox.trust.keys import KeyPool
from sandbox.trust.profiles import ProfileName

from .conftest import HOST, ORG, PERSON, now, run

ORG_CA = AuthorityName.ELEMENTAIRE_ORGANISATIONS


class Clock:
    """A clock that a test moves."""

    def __init__(self):
        self.time = datetime(2026, 3, 2, 12, tzinfo=UTC)

    def __call__(self):
        return self.time


@pytest.fixture(scope="module", params=["rsa", "p256"])
def either_ca(request, rsa_ca, ca):
    return rsa_ca if request.param == "rsa" else ca


def crls_pem(ca):
    return b"".join(ca.crl(name).public_bytes(Encoding.PEM) for name in AUTHORITIES)


def test_openssl_accepts_every_kind_of_leaf_strictly_with_all_crls(
    tool, either_ca, on_disk, tmp_path
):
    card = either_ca.cps(PERSON)
    leaves = [
        either_ca.operator_server(ORG, [HOST]),
        either_ca.org_client(ORG, "APP"),
        card.auth,
        card.sign,
    ]
    files = on_disk(either_ca, leaves[0])
    crls = tmp_path / "all.crl"
    crls.write_bytes(crls_pem(either_ca))
    for number, leaf in enumerate(leaves):
        path = tmp_path / f"{number}.pem"
        path.write_bytes(leaf.certificate_pem)
        code, out = run(
            *(tool("openssl"), "verify", "-x509_strict", "-crl_check_all"),
            *("-CAfile", files.bundle, "-CRLfile", crls, path),
        )
        assert code == 0, out


@pytest.mark.parametrize("purpose", ["sslserver", "sslclient"])
def test_an_operator_certificate_serves_both_ends_of_tls(tool, ca, good, on_disk, purpose):
    files = on_disk(ca, good)
    code, out = run(
        *(tool("openssl"), "verify", "-purpose", purpose, "-verify_hostname", HOST),
        *("-CAfile", files.bundle, files.leaf),
    )
    assert code == 0, out


def test_a_revocation_is_in_the_next_crl_with_its_reason(tool, ca, on_disk, tmp_path):
    leaf = ca.operator_server(ORG, [HOST])
    ca.revoke(leaf, "cessation-of-operation")
    path = tmp_path / "one.crl"
    path.write_bytes(ca.crl(ORG_CA).public_bytes(Encoding.DER))
    code, out = run(tool("openssl"), "crl", "-inform", "DER", "-in", path, "-noout", "-text")
    entry = out[out.index(f"{leaf.serial:X}") :][:400]
    assert code == 0
    assert "Cessation Of Operation" in entry


def test_openssl_refuses_a_revoked_leaf(tool, ca, on_disk, tmp_path):
    leaf = ca.operator_server(ORG, [HOST])
    ca.revoke(leaf, "key-compromise")
    files = on_disk(ca, leaf)
    crls = tmp_path / "all.crl"
    crls.write_bytes(crls_pem(ca))
    code, out = run(
        *(tool("openssl"), "verify", "-crl_check_all", "-CAfile", files.bundle),
        *("-CRLfile", crls, files.leaf),
    )
    assert code != 0
    assert "certificate revoked" in out


def test_openssl_sees_a_revocation_that_only_the_delta_has(tool, on_disk, tmp_path):
    ca = TestCA(key_kind=KeyKind.P256)
    leaf = ca.operator_server(ORG, [HOST])
    files = on_disk(ca, leaf)
    crls = tmp_path / "base-and-delta.pem"
    base = crls_pem(ca)
    ca.revoke(leaf)
    crls.write_bytes(base + ca.delta_crl(ORG_CA).public_bytes(Encoding.PEM))
    with_delta = ("-extended_crl", "-use_deltas")
    verify = (tool("openssl"), "verify", "-crl_check", "-CAfile", files.bundle, "-CRLfile", crls)
    assert run(*verify, files.leaf)[0] == 0
    code, out = run(*verify, *with_delta, files.leaf)
    assert code != 0
    assert "certificate revoked" in out


def test_complete_and_delta_crl_agree_with_the_register_over_days():
    clock = Clock()
    ca = TestCA(key_kind=KeyKind.P256, clock=clock)
    leaf = ca.operator_server(ORG, [HOST])
    issuer = ca.authorities.pair(ORG_CA)[0]

    def by(*crls):
        return crl_status(leaf.certificate, issuer, crls, clock())

    base = ca.crl(ORG_CA)
    clock.time += timedelta(hours=1)
    ca.revoke(leaf, "certificate-hold")
    assert by(ca.crl(ORG_CA)) is RevocationStatus.REVOKED
    assert (by(base), by(base, ca.delta_crl(ORG_CA))) == (
        RevocationStatus.GOOD,
        RevocationStatus.REVOKED,
    )
    clock.time += timedelta(days=1)
    held = ca.crl(ORG_CA)
    clock.time += timedelta(hours=1)
    ca.release(leaf)
    assert by(ca.crl(ORG_CA)) is RevocationStatus.GOOD
    assert (by(held), by(held, ca.delta_crl(ORG_CA))) == (
        RevocationStatus.REVOKED,
        RevocationStatus.GOOD,
    )


def test_a_delta_older_than_the_complete_crl_changes_nothing():
    clock = Clock()
    ca = TestCA(key_kind=KeyKind.P256, clock=clock)
    leaf = ca.operator_server(ORG, [HOST])
    ca.revoke(leaf, "certificate-hold")
    old = ca.delta_crl(ORG_CA)
    clock.time += timedelta(minutes=5)
    ca.release(leaf)
    status = crl_status(
        leaf.certificate, ca.authorities.pair(ORG_CA)[0], (ca.crl(ORG_CA), old), clock()
    )
    assert status is RevocationStatus.GOOD


def test_crl_numbers_grow_and_a_delta_names_a_base_not_after_the_complete_crl(ca):
    clock = Clock()
    mine = TestCA(key_kind=KeyKind.P256, clock=clock)
    numbers = []
    for _ in range(3):
        complete, delta = mine.crl(ORG_CA), mine.delta_crl(ORG_CA)
        number = complete.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        base = delta.extensions.get_extension_for_class(x509.DeltaCRLIndicator)
        assert base.critical
        assert base.value.crl_number <= number
        numbers.append(number)
        clock.time += timedelta(hours=9)
    assert numbers == sorted(set(numbers))


def test_a_crl_of_another_key_proves_nothing(good, ca):
    stranger = TestCA(key_kind=KeyKind.P256)
    status = crl_status(
        good.certificate, ca.authorities.pair(ORG_CA)[0], (stranger.crl(ORG_CA),), now()
    )
    assert status is RevocationStatus.UNKNOWN


def test_a_crl_without_a_number_proves_nothing(good, ca):
    issuer, key = ca.authorities.pair(ORG_CA)
    bare = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(now() - timedelta(hours=1))
        .next_update(now() + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )
    assert crl_status(good.certificate, issuer, (bare, bare), now()) is RevocationStatus.UNKNOWN


def test_a_stale_crl_proves_nothing(good, ca):
    crl = ca.crl(ORG_CA, stale=True)
    status = crl_status(good.certificate, ca.authorities.pair(ORG_CA)[0], (crl,), now())
    assert status is RevocationStatus.UNKNOWN


@pytest.mark.parametrize(
    ("reason", "message"), [("because", "not a reason"), ("superseded", "already revoked")]
)
def test_a_revocation_that_cannot_be_says_why(ca, reason, message):
    leaf = ca.operator_server(ORG, [HOST])
    if reason == "superseded":
        ca.revoke(leaf)
    with pytest.raises(UserError, match=message):
        ca.revoke(leaf, reason)


def test_only_a_hold_is_released(ca):
    leaf = ca.operator_server(ORG, [HOST])
    ca.revoke(leaf, "superseded")
    with pytest.raises(UserError, match="not on hold"):
        ca.release(leaf)


def test_a_serial_number_from_elsewhere_is_not_revoked(ca):
    with pytest.raises(UserError, match="was not issued"):
        ca.revoke(12345)


def test_a_leaf_cannot_sign_a_leaf(ca, good):
    plan = ca.plans.server(ProfileName.OPERATOR_SERVER, ORG, [HOST])
    forged = build_leaf(plan, ca.pool.take(KeyKind.P256), good.certificate, good.key, 99)
    bundle = load_bundle(ca.bundle_pem())
    assert not chains_to(forged, (good.certificate, *good.presented), bundle, now())


def test_a_hierarchy_without_key_identifiers_chains_too(good, ca):
    """Roots of 2013 may lack what later profiles ask for; the real bundle must be usable."""

    def authority(name, issuer, key, issuer_key, depth):
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(7)
            .not_valid_before(now() - timedelta(days=9))
            .not_valid_after(now() + timedelta(days=9))
            .add_extension(x509.BasicConstraints(ca=True, path_length=depth), critical=True)
            .add_extension(key_usage(("key_cert_sign", "crl_sign")), critical=True)
            .sign(issuer_key, hashes.SHA256())
        )

    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    root = authority("RACINE", "RACINE", keys[0], keys[0], None)
    between = authority("AC", "RACINE", keys[1], keys[0], 0)
    leaf = (
        x509.CertificateBuilder()
        .subject_name(good.certificate.subject)
        .issuer_name(between.subject)
        .public_key(good.certificate.public_key())
        .serial_number(8)
        .not_valid_before(now() - timedelta(days=1))
        .not_valid_after(now() + timedelta(days=1))
        .sign(keys[1], hashes.SHA256())
    )
    assert chains_to(leaf, (), (root, between), now())
    assert not chains_to(leaf, (), (root,), now())


def test_a_folder_keeps_authorities_register_and_settings(tmp_path):
    first = TestCA.open(tmp_path / "ca", key_kind=KeyKind.P256)
    leaf = first.operator_server(ORG, [HOST])
    first.revoke(leaf)
    again = TestCA.open(tmp_path / "ca", key_kind=KeyKind.RSA_2048)
    assert again.key_kind is KeyKind.P256
    assert again.bundle_pem() == first.bundle_pem()
    assert again.is_revoked(leaf.certificate)


def test_a_revocation_by_another_process_is_effective_at_once(tmp_path):
    folder = tmp_path / "ca"
    server = TestCA.open(folder, key_kind=KeyKind.P256)
    leaf = server.operator_server(ORG, [HOST])
    assert not server.is_revoked(leaf.certificate)
    code, out = run(
        sys.executable,
        "-c",
        "import sys; from pathlib import Path; from sandbox.trust import TestCA;"
        "TestCA.open(Path(sys.argv[1])).revoke(int(sys.argv[2]), 'key-compromise')",
        folder,
        leaf.serial,
    )
    assert code == 0, out
    assert server.is_revoked(leaf.certificate)


def test_two_processes_that_found_one_folder_found_one_authority(tmp_path):
    folder = tmp_path / "ca"
    program = (
        "import sys; from pathlib import Path; from sandbox.trust import TestCA, KeyKind\n"
        "ca = TestCA.open(Path(sys.argv[1]), key_kind=KeyKind.P256)\n"
        "sys.stdin.readline(); print(ca.bundle_pem().decode())"
    )
    command = [sys.executable, "-c", program, str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(2)]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    bundles = [process.communicate(timeout=120)[0] for process in processes]
    assert bundles[0].count("BEGIN") == 7
    assert bundles[0] == bundles[1]


def test_private_files_are_for_their_owner_only(tmp_path):
    ca = TestCA.open(tmp_path / "ca", key_kind=KeyKind.P256)
    ca.pool.fill(KeyKind.P256, 2)
    ca.cps(PERSON).save(tmp_path / "card")
    private = [
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and (path.suffix == ".p12" or b"PRIVATE KEY" in path.read_bytes())
    ]
    assert len(private) >= 6
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}


@pytest.mark.parametrize("content", ["{}", "not json", '{"files": 1}', "[]"])
def test_a_folder_with_other_settings_is_refused(tmp_path, content):
    (tmp_path / "ca.json").write_text(content)
    with pytest.raises(UserError, match="not the settings"):
        TestCA.open(tmp_path)


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "photo").touch()
    with pytest.raises(UserError, match="not empty"):
        TestCA.open(tmp_path)


def test_a_torn_journal_line_is_read_when_it_is_whole(tmp_path):
    ca = TestCA.open(tmp_path / "ca", key_kind=KeyKind.P256)
    leaf = ca.operator_server(ORG, [HOST])
    change = TestCA.open(tmp_path / "ca").revoke(leaf).record()
    journal = tmp_path / "ca" / "revoked.jsonl"
    line = journal.read_bytes()
    journal.write_bytes(line[:20])
    other = TestCA.open(tmp_path / "ca")
    assert not other.is_revoked(leaf.certificate)
    journal.write_bytes(line)
    assert other.is_revoked(leaf.certificate)
    assert json.loads(line) == change


def test_a_damaged_journal_names_its_file_and_line(tmp_path):
    ca = TestCA.open(tmp_path / "ca", key_kind=KeyKind.P256)
    leaf = ca.operator_server(ORG, [HOST])
    (tmp_path / "ca" / "revoked.jsonl").write_text("[]\n")
    with pytest.raises(UserError, match=r"revoked\.jsonl: .*line 1"):
        ca.is_revoked(leaf.certificate)


def test_keys_of_a_pool_are_taken_once_each_by_concurrent_takers(tmp_path):
    pools = [KeyPool(tmp_path), KeyPool(tmp_path)]
    pools[0].fill(KeyKind.RSA_2048, 24)  # enough to be made by several processes
    taken, lock = [], threading.Lock()

    def take(pool):
        for _ in range(12):
            key = pool.take(KeyKind.RSA_2048)
            with lock:
                taken.append(key.private_numbers().d)

    threads = [threading.Thread(target=take, args=(pool,)) for pool in pools]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(taken)) == 24
    assert list((tmp_path / KeyKind.RSA_2048).iterdir()) == []


def test_openssl_opens_the_pkcs12_of_a_card_with_its_pin_only(tool, ca, tmp_path):
    card = ca.cps(PERSON, pin="4271")
    path = tmp_path / "card.p12"
    path.write_bytes(card.auth.pkcs12(card.pin))
    command = (tool("openssl"), "pkcs12", "-in", path, "-nokeys", "-passin")
    assert run(*command, "pass:4271")[0] == 0
    assert run(*command, "pass:0000")[0] != 0


def test_a_pkcs12_holds_key_certificate_and_chain(ca):
    leaf = ca.org_client(ORG, "APP")
    key, certificate, chain = pkcs12.load_key_and_certificates(leaf.pkcs12("1234"), b"1234")
    assert key.private_numbers() == leaf.key.private_numbers()
    assert (certificate, tuple(chain)) == (leaf.certificate, leaf.chain)


@pytest.mark.parametrize("pin", ["", "123", "1" * 65])
def test_a_pin_has_4_to_64_characters(ca, good, pin):
    with pytest.raises(UserError, match="PIN"):
        good.pkcs12(pin)


@pytest.mark.parametrize("name", ["", "with space", "http://x", "a@b", "é.test"])
def test_a_server_name_must_be_a_host_name(ca, name):
    with pytest.raises(UserError, match="host name"):
        ca.operator_server(ORG, [name])


def test_a_server_needs_a_name(ca):
    with pytest.raises(UserError, match="at least one"):
        ca.endpoint_server(ORG, [])


def test_python_s_own_tls_accepts_a_server_and_its_client(ca, tmp_path):
    pair = ca.endpoint_server(ORG, [HOST], ["127.0.0.1"])
    server = pair.server_context(client_roots=ca.bundle_pem())
    client = ssl.create_default_context(cadata=ca.roots_pem().decode())
    ca.org_client(ORG, "APP").save(tmp_path)
    client.load_cert_chain(tmp_path / "chain.pem", tmp_path / "key.pem")
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(down, up, server_hostname=HOST)
    two = server.wrap_bio(up, down, server_side=True)
    for _ in range(6):
        for side in (one, two):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert one.version() == "TLSv1.3"
    assert ("commonName", "APP") in [pair for rdn in two.getpeercert()["subject"] for pair in rdn]
