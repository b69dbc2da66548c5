"""OpenLDAP's ldapsearch against our sockets, and the real slapd with the same entries."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.directory import Directory, DirectoryServer
from sandbox.directory.ldap import BASE_DN
from sandbox.directory.ldap.schema import slapd_schema
from sandbox.directory.ldap.slapd import Slapd
from sandbox.space.errors import UserError
from sandbox.trust.server_files import TlsFiles

LDAPSEARCH = shutil.which("ldapsearch")
SLAPD = shutil.which("slapd", path=os.environ["PATH"] + ":/usr/sbin")
needs_ldapsearch = pytest.mark.skipif(
    LDAPSEARCH is None, reason="ldapsearch is absent: apt install ldap-utils"
)
needs_slapd = pytest.mark.skipif(
    LDAPSEARCH is None or SLAPD is None, reason="slapd or ldapsearch is absent: apt install slapd"
)


def ldapsearch(
    url: str, *arguments: str, certificate: Path | None = None
) -> subprocess.CompletedProcess[str]:
    assert LDAPSEARCH is not None
    environment = {**os.environ, "LDAPNOINIT": "1"}
    if certificate is not None:
        del environment["LDAPNOINIT"]
        environment |= {"LDAPTLS_CACERT": str(certificate), "LDAPTLS_REQCERT": "demand"}
    command = [LDAPSEARCH, "-x", "-LLL", "-o", "ldif-wrap=no", "-H", url, "-b", BASE_DN]
    return subprocess.run(
        [*command, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )


def entries(ldif: str) -> dict[str, list[str]]:
    """Read LDIF as a mapping of DN to sorted, decoded lines."""
    found = {}
    for block in ldif.split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        decoded = []
        for line in lines:
            name, double, text = line.partition(":: ")
            decoded.append(f"{name}: {base64.b64decode(text).decode()}" if double else line)
        if decoded and decoded[0].startswith("dn: "):
            found[decoded[0]] = sorted(decoded[1:])
    return found


def url(server: DirectoryServer, scheme: str = "ldap") -> str:
    return f"{scheme}://127.0.0.1:{server.ports[scheme]}"


@needs_ldapsearch
def test_ldapsearch_finds_a_mailbox(server: DirectoryServer, directory: Directory) -> None:
    box = next(directory.published("ldap"))
    done = ldapsearch(url(server), f"(mail={box.address})", "mail")
    assert done.returncode == 0
    assert f"mail: {box.address}" in done.stdout


@needs_ldapsearch
def test_ldapsearch_over_starttls_checks_the_certificate(
    server: DirectoryServer, certificate: TlsFiles
) -> None:
    done = ldapsearch(url(server), "-ZZ", "-s", "base", certificate=certificate.ca)
    assert done.returncode == 0
    assert "dc: annuaire" in done.stdout


@needs_ldapsearch
def test_ldapsearch_over_ldaps_checks_the_certificate(
    server: DirectoryServer, certificate: TlsFiles
) -> None:
    done = ldapsearch(url(server, "ldaps"), "-s", "base", certificate=certificate.ca)
    assert done.returncode == 0
    assert "dc: annuaire" in done.stdout


@needs_ldapsearch
def test_ldapsearch_pages_through_everything(server: DirectoryServer, directory: Directory) -> None:
    done = ldapsearch(url(server), "-E", "pr=20/noprompt", "(objectClass=mssBal)", "1.1")
    assert done.returncode == 0
    assert len(entries(done.stdout)) == len(list(directory.published("ldap")))


@needs_ldapsearch
def test_ldapsearch_reports_the_size_limit(server: DirectoryServer) -> None:
    done = ldapsearch(url(server), "(objectClass=mssBal)", "1.1")
    assert done.returncode == 4
    assert len(entries(done.stdout)) == 50


@needs_ldapsearch
def test_the_filter_of_an_address_book_finds_by_a_piece_of_a_name(
    server: DirectoryServer, directory: Directory
) -> None:
    # What Thunderbird sends while a name is typed.
    box = next(box for box in directory.published("ldap") if box.person)
    assert box.person is not None
    piece = box.person.surname[1:5]
    text = "(|" + "".join(f"({n}=*{piece}*)" for n in ("mail", "cn", "givenName", "sn")) + ")"
    done = ldapsearch(url(server), text, "mail")
    assert f"mail: {box.address}" in done.stdout


@needs_ldapsearch
def test_the_server_stays_up_after_hostile_clients(
    server: DirectoryServer, directory: Directory
) -> None:
    for payload in (b"\x00" * 5000, b"\x30\x84\x7f\xff\xff\xff", b"\x30\x0c\x02\x01\x01\x60\x07"):
        with socket.create_connection(("127.0.0.1", server.ports["ldap"]), 10) as client:
            client.sendall(payload)
            client.shutdown(socket.SHUT_WR)
            while client.recv(4096):
                pass
    assert ldapsearch(url(server), "-s", "base").returncode == 0


def test_tls_below_1_2_is_refused(server: DirectoryServer) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", server.ports["ldaps"]), 10) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(plain)


@pytest.fixture(scope="module")
def slapd(directory: Directory, certificate: TlsFiles) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Slapd(directory, port, certificate=certificate.chain, key=certificate.key, size_limit=50):
        yield f"ldap://127.0.0.1:{port}"


QUERIES = (
    "(objectClass=mssStructure)",
    "(sn=martin)",
    "(SN=MARTIN)",
    "(cn=j*)",
    "(|(mail=*mar*)(cn=*mar*))",
    "(&(mssProfession=10)(!(mssTypeBal=ORG)))",
    "(mssTypeBal=app)",
    "(mssRpps=997*)",
    "(title=médecin)",
    "(o=*hosp*)",
    "(mssDematerialisation=TRUE)",
    "(!(unknownAttribute=x))",
    "(unknownAttribute=x)",
    "(&)",
    "(givenName=*ie)",
    "(ou=Cardiologie)",
    "(&(objectClass=organization)(mssSecteur=SA01))",
)


@needs_slapd
@pytest.mark.parametrize("query", QUERIES)
def test_openldap_with_the_same_entries_gives_the_same_answer(
    server: DirectoryServer, slapd: str, query: str
) -> None:
    paged = ("-E", "pr=25/noprompt", query)
    ours, theirs = ldapsearch(url(server), *paged), ldapsearch(slapd, *paged)
    assert (ours.returncode, theirs.returncode) == (0, 0)
    assert entries(ours.stdout) == entries(theirs.stdout)


@needs_slapd
def test_openldap_starts_tls_too(slapd: str, certificate: TlsFiles) -> None:
    done = ldapsearch(slapd, "-ZZ", "-s", "base", certificate=certificate.ca)
    assert done.returncode == 0


@needs_slapd
def test_both_servers_stop_at_the_same_size_limit(server: DirectoryServer, slapd: str) -> None:
    query = ("(objectClass=mssBal)", "1.1")
    ours, theirs = ldapsearch(url(server), *query), ldapsearch(slapd, *query)
    assert (ours.returncode, len(entries(ours.stdout))) == (4, 50)
    assert (theirs.returncode, len(entries(theirs.stdout))) == (4, 50)


@needs_slapd
def test_a_port_that_is_taken_is_told_in_one_line(
    directory: Directory, server: DirectoryServer
) -> None:
    with (
        pytest.raises(UserError, match=r"port \d+ is not free"),
        Slapd(directory, server.ports["ldap"]),
    ):
        pass


def test_the_schema_names_every_attribute_once() -> None:
    text = slapd_schema()
    assert text.count("attributetype") == 12
    assert text.count("objectclass (") == 2
