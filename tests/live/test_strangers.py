"""Bad input from strangers: each has the right reply, memory is bounded, other clients unharmed."""

from __future__ import annotations

import contextlib
import gc
import re
import resource
import socket
import ssl
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sandbox.live.mailer import choose, open_imap, open_smtp
from sandbox.live.space import LiveSpace
from sandbox.operators.imap.server import ImapProtocol
from sandbox.operators.listener import Inbound
from sandbox.operators.smtp.connection import SmtpConnection
from tests.live.killed import Process
from tests.live.strangers import (
    PATIENCE,
    Tree,
    client_hello,
    connections,
    dripping,
    endpoint,
    peak,
    pour,
    reach,
    secured,
    until,
)

MEGABYTE = 2**20
GARBAGE = b"\x80\xff\x00 nonsense\r\n"


# Replies --------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a stranger says after the greeting, and all that it is told.

    Attributes:
        says: in turn; each but the first after a reply to the one before.
        told: what all replies together match.
        ends: whether the server closes the connection.
    """

    protocol: str
    says: tuple[bytes, ...]
    told: bytes
    ends: bool = False


EHLO = b"EHLO poste.mssante.test\r\n"
OFFERS = rb"250-(?:[^\r]+\r\n250-)+[^\r]+\r\n250 [^\r]+\r\n"

CASES = {
    "imap: pipelined garbage": Case(
        protocol="imap", says=(GARBAGE * 100,),
        told=rb"(?:\S+ BAD [^\r]+\r\n){20}\* BYE [^\r]+\r\n", ends=True,
    ),
    "imap: HTTP": Case(
        protocol="imap", says=(b"GET / HTTP/1.1\r\n",), told=rb"GET BAD [^\r]+\r\n"
    ),
    "imap: a line that never ends": Case(
        protocol="imap", says=(b"a" * MEGABYTE,), told=rb"\* BYE Line too long\r\n", ends=True
    ),
    "imap: a line without CR": Case(
        protocol="imap", says=(b"a NOOP\n",), told=rb"a BAD Lines end with CR LF\r\n"
    ),
    "imap: a literal of 4 GB": Case(
        protocol="imap", says=(b"a LOGIN {4294967296}\r\n",), told=rb"a BAD Literal too big\r\n"
    ),
    "imap: a literal of 4 GB, sent without waiting": Case(
        protocol="imap", says=(b"a LOGIN {4294967296+}\r\n" + b"x" * MEGABYTE,),
        told=rb"\* BYE Literal too big\r\n", ends=True,
    ),
    "imap: a message of 4 GB from a stranger": Case(
        protocol="imap", says=(b"a APPEND INBOX {4294967296}\r\n",),
        told=rb"a BAD Literal too big\r\n",
    ),
    "imap: an initial response of 1 MB": Case(
        protocol="imap", says=(b"a AUTHENTICATE PLAIN " + b"A" * MEGABYTE + b"\r\n",),
        told=rb"\* BYE Line too long\r\n", ends=True,
    ),
    "imap: a response of 1 MB": Case(
        protocol="imap", says=(b"a AUTHENTICATE PLAIN\r\n", b"A" * MEGABYTE + b"\r\n"),
        told=rb"\+ ?\r\na BAD Line too long\r\n\* BYE Line too long\r\n", ends=True,
    ),
    "smtp: pipelined garbage": Case(
        protocol="smtp", says=(GARBAGE * 100,),
        told=rb"(?:500 5\.5\.2 [^\r]+\r\n){20}421 4\.7\.0 [^\r]+\r\n", ends=True,
    ),
    "smtp: HTTP": Case(
        protocol="smtp", says=(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",),
        told=rb"521 5\.5\.1 [^\r]+\r\n", ends=True,
    ),
    "smtp: a line of 1 MB": Case(
        protocol="smtp", says=(b"a" * MEGABYTE + b"\r\n",),
        told=rb"500 5\.5\.2 Command line too long\r\n",
    ),
    "smtp: a line without CR": Case(
        protocol="smtp", says=(b"NOOP\n",), told=rb"521 5\.5\.2 [^\r]+\r\n", ends=True
    ),
    "smtp: commands before EHLO is answered": Case(
        protocol="smtp", says=(EHLO + b"MAIL FROM:<>\r\n",),
        told=rb"554 5\.5\.0 [^\r]+\r\n", ends=True,
    ),
    "smtp: an initial response of 1 MB": Case(
        protocol="smtp", says=(EHLO, b"AUTH PLAIN " + b"A" * MEGABYTE + b"\r\n"),
        told=OFFERS + rb"500 5\.5\.2 Command line too long\r\n",
    ),
    "smtp: a response of 1 MB": Case(
        protocol="smtp", says=(EHLO, b"AUTH PLAIN\r\n", b"A" * MEGABYTE + b"\r\n"),
        told=OFFERS + rb"334 ?\r\n500 5\.5\.[26] [^\r]+\r\n",
    ),
}  # fmt: skip
# How a server shows that it still listens.
STILL = {
    "imap": (b"z NOOP\r\n", rb"z OK [^\r]+\r\n"),
    "smtp": (b"RSET\r\n", rb"250 2\.0\.0 [^\r]+\r\n"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_stranger_has_the_right_reply(mss_space: LiveSpace, name: str) -> None:
    case = CASES[name]
    sheet = mss_space.sheet
    said = b""
    with secured(sheet, endpoint(sheet, "single-endpoint", case.protocol)) as connection:
        for words in case.says[:-1]:
            connection.sendall(words)
            said += until(connection, rb"(?:\A|\n)(?:\d{3} [^\n]*|\+[^\n]*)\r\n")
        # A server that has heard enough may be gone before all is sent.
        pour(connection, case.says[-1], 1)
        if case.ends:
            said += until(connection, rb"(?!)")
        else:
            asks, answer = STILL[case.protocol]
            connection.sendall(asks)
            said += until(connection, answer)
            said = re.sub(answer + rb"\Z", b"", said)
    assert re.fullmatch(case.told, said), said[:2_000]


NO_TLS = (b"a CAPABILITY\r\n", b"GET / HTTP/1.1\r\n\r\n", GARBAGE * 100)


def test_what_is_no_tls_gets_an_alert_at_most(mss_space: LiveSpace) -> None:
    """All at once: some look like the start of a long record, until they end."""
    with contextlib.ExitStack() as crowd:
        connections = [
            crowd.enter_context(reach(endpoint(mss_space.sheet, "single-endpoint", name)))
            for name in ("imap", "smtp")
            for _ in NO_TLS
        ]
        for connection, words in zip(connections, NO_TLS * 2, strict=True):
            pour(connection, words, 1)
            with contextlib.suppress(OSError):  # cut already
                connection.shutdown(socket.SHUT_WR)
        for connection in connections:
            assert re.fullmatch(rb"(?s:\x15\x03.{5})?", until(connection, rb"(?!)"))


@pytest.mark.parametrize(
    ("name", "asks", "agreed"),
    [
        ("imap.otp", b"a STARTTLS\r\n", rb"a OK [^\r]+\r\n"),
        ("smtp.otp", EHLO, rb"250 [^\r]+\r\n"),
    ],
)
def test_garbage_after_starttls_ends_the_connection(
    mss_space: LiveSpace, name: str, asks: bytes, agreed: bytes
) -> None:
    with reach(endpoint(mss_space.sheet, "api-lps-2023", name)) as connection:
        until(connection, rb"\r\n")
        connection.sendall(asks)
        assert re.search(agreed, until(connection, agreed))
        if name.startswith("smtp"):
            connection.sendall(b"STARTTLS\r\n")
            assert until(connection, rb"\r\n").startswith(b"220 ")
        pour(connection, GARBAGE, 100)
        assert re.fullmatch(rb"(?s:\x15\x03.{5})?", until(connection, rb"(?!)"))


# A crowd --------------------------------------------------------------------------------------

EACH = 600  # strangers of a kind, six kinds: more than handshakes that one door does at once
ROOM = 250 * MEGABYTE  # what they may take of the server's memory, all together
POURED = 64 * MEGABYTE  # by each of those who pour


USUAL_FILES = 1_024  # that a process may open on most machines, connections included


@pytest.fixture
def many_files() -> Iterator[None]:
    """This process may have as many connections as the crowd."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 6 * EACH + 1_000
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"{hard} open files allowed, {wanted} needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def process(tmp_path: Path, many_files: None) -> Iterator[Process]:
    """A space that was started with the usual limits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (USUAL_FILES, hard))
    options = ("demo", "--operators", "1", "--design", "single-endpoint", "--design",
               "api-lps-2023", "--keys", "p256", "--loopback", "206")  # fmt: skip
    with Process(tmp_path / "space", *options) as process:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        yield process


def use(sheet: Tree, subject: str) -> None:
    """Be an ordinary client: send a message to oneself, read it."""
    address = sheet["accounts"][0]["address"]
    with open_smtp(choose(sheet, address, "smtp"), lambda _: None) as smtp:
        head = f"From: <{address}>\r\nTo: <{address}>\r\nSubject: {subject}\r\n"
        smtp.sendmail(address, [address], f"{head}\r\nBonjour\r\n")
    with open_imap(choose(sheet, address, "imap"), lambda _: None) as imap:
        imap.select("INBOX")
        _, found = imap.search(None, "SUBJECT", f'"{subject}"')
        assert len(found[0].split()) == 1


def come(crowd: contextlib.ExitStack, sheet: Tree) -> None:
    """Have six kinds of strangers there at once, and some that send without end."""

    def strangers(design: str, name: str, *words: bytes) -> list[socket.socket]:
        where = endpoint(sheet, design, name)
        come = [crowd.enter_context(reach(where)) for _ in range(EACH)]
        for each in words:
            for one in come:
                if where["tls"] == "starttls":
                    until(one, rb"\r\n")
                pour(one, each, 1)
        return come

    strangers("single-endpoint", "imap")
    strangers("single-endpoint", "smtp", client_hello())
    strangers("single-endpoint", "imap", GARBAGE)
    strangers("api-lps-2023", "smtp.otp", EHLO, b"STARTTLS\r\n", client_hello()[:50])
    drips = strangers("api-lps-2023", "imap.otp") + strangers("api-lps-2023", "smtp.cps")
    crowd.enter_context(dripping(drips))
    for protocol in ("imap", "smtp"):
        for start in (b"", b"a LOGIN {4294967296+}\r\n", EHLO + b"AUTH PLAIN "):
            one = secured(sheet, endpoint(sheet, "single-endpoint", protocol))
            crowd.enter_context(one)
            pour(one, start + b"a" * MEGABYTE, POURED // MEGABYTE)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells memory and connections")
def test_thousands_of_strangers_harm_nobody_and_leave_nothing(process: Process) -> None:
    sheet = process.ready()
    places = [e for each in sheet["operators"][0]["designs"].values() for e in each]
    use(sheet, "before")
    before = peak(process.pid)
    for number in range(2):
        with contextlib.ExitStack() as crowd:
            come(crowd, sheet)
            assert connections(process.pid, places) >= 2 * EACH
            for each in range(10):
                use(sheet, f"meanwhile {number} {each}")
        while connections(process.pid, places):
            time.sleep(0.1)
        use(sheet, f"after {number}")
        assert peak(process.pid) - before < ROOM


SILENT = 1_600  # more than the descriptors of a process that has the usual ones and no more


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells descriptors")
@pytest.mark.usefixtures("many_files")
def test_mail_has_descriptors_left_when_strangers_take_all_that_other_doors_may(
    tmp_path: Path,
) -> None:
    options = ("demo", "--operators", "1", "--design", "single-endpoint", "--keys", "p256",
               "--loopback", "217")  # fmt: skip
    with Process(tmp_path / "space", *options, files=USUAL_FILES) as process:
        sheet = process.ready()
        operator = sheet["operators"][0]
        doors = [
            urlsplit(url)
            for url in (sheet["directory"]["ldap"], sheet["directory"]["ldaps"],
                        sheet["directory"]["fhir"], sheet["psc"]["issuer"], operator["ciba"],
                        operator["enrolment"], sheet["list"]["url"], sheet["ca"]["ocsp"])
        ]  # fmt: skip
        with contextlib.ExitStack() as crowd:
            for number in range(SILENT):
                door = doors[number % len(doors)]
                crowd.enter_context(socket.create_connection((door.hostname, door.port), PATIENCE))
            open_now = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
            assert USUAL_FILES // 3 < open_now < USUAL_FILES
            for number in range(5):
                use(sheet, f"meanwhile {number}")


def alive() -> Counter[str]:
    """What the servers keep of each connection, by its class."""
    gc.collect()
    kinds = (SmtpConnection, ImapProtocol, Inbound, ssl.SSLObject)
    return Counter(type(each).__name__ for each in gc.get_objects() if isinstance(each, kinds))


def test_the_doors_forget_who_has_gone(mss_space: LiveSpace) -> None:
    sheet = mss_space.sheet
    doors = [each for operator in mss_space.operators.values() for each in operator.doors]

    def come_and_go() -> None:
        with contextlib.ExitStack() as crowd:
            for operator in sheet["operators"]:
                for where in (e for places in operator["designs"].values() for e in places):
                    for words in (b"", client_hello(), GARBAGE):
                        pour(crowd.enter_context(reach(where)), words, 1)
            while not any(each.connections for each in doors):
                time.sleep(0.01)
        while any(each.connections for each in doors):
            time.sleep(0.01)

    come_and_go()
    before = alive()
    come_and_go()
    # The event loop lets go of the last ones a moment later; pytest's time-out ends it otherwise.
    while alive() - before:
        time.sleep(0.1)
