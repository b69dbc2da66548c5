"""An operator that is not ours joins: certificates, list, DNS, directory; mail both ways; judged.

The operator is `examples/operator_aiosmtpd.py`, run as who writes a mock would run it.
"""

from __future__ import annotations

import contextlib
import imaplib
import json
import mailbox
import os
import re
import shutil
import smtplib
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import sandbox
from benchmarks.mail_peers import PASSWORD as OF_PEERS
from benchmarks.mail_peers import Peer, Place
from sandbox.conformance.cli_check import check
from sandbox.conformance.cli_matrix import matrix
from sandbox.conformance.findings import CheckResult
from sandbox.conformance.judge import judge_operator
from sandbox.conformance.lab import Sockets
from sandbox.conformance.ours import account_of, bad_relays, door_of
from sandbox.conformance.requirements import requirements
from sandbox.conformance.software.clients import PEERS
from sandbox.conformance.subject import CheckedDoor, CheckedMailbox, Means, Neighbour, Pair, Subject
from sandbox.console.cli_up import up
from sandbox.live.joining import Joining, read_joining
from sandbox.live.mailer import choose, open_imap, open_smtp
from sandbox.live.space import LiveSpace
from sandbox.space.errors import UserError
from tests.conformance.mutants import found

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "operator_aiosmtpd.py"
PASSWORD = "a password of a test"
PATIENCE = 60.0
ANNE = "anne@etranger.mssante.test"
JOINING = Joining("etranger", ("anne", "bob"), {"submission": 587})
IN_JAVA = Joining("java", ("anne",), {"submission": 587, "imaps": 993})


@pytest.fixture(scope="module")
def space() -> Iterator[LiveSpace]:
    with sandbox.live(
        "demo", designs=("single-endpoint",), operators=1, revocation_cache=0.0,
        join=(JOINING, Joining("postfix", ("anne",)), IN_JAVA),
    ) as running:  # fmt: skip
        yield running


# Postfix with Dovecot, which is nobody's mock.


@pytest.fixture(scope="module")
def postfix(space: LiveSpace) -> Iterator[Peer]:
    if os.geteuid() != 0 or not all(map(shutil.which, ("postfix", "dovecot", "doveadm"))):
        pytest.skip("Postfix and Dovecot as root (.ci/peers-operators)")
    joined, own = space.sheet["joined"][1], space.sheet["operators"][0]
    with tempfile.TemporaryDirectory(prefix="mss-join-") as name:
        Path(name).chmod(0o755)
        peer = Peer(Path(name), "postfix", (joined["mx"]["address"], joined["mx"]["port"]))
        for kind in ("relay", "endpoint"):
            (peer.folder / kind).mkdir(parents=True)
            for part, path in joined["certificates"]["relay"].items():
                file = {"certificate": "chain.pem", "key": "key.pem"}[part]
                shutil.copy(path, peer.folder / kind / file)
        peer.lay_out(
            Path(space.sheet["ca"]["bundle"]).read_bytes(),
            Place(own["domain"], own["mx"]["host"], own["mx"]["address"], own["mx"]["port"]),
        )
        try:
            peer.start()
            yield peer
        finally:
            peer.stop()


def test_postfix_and_ours_exchange_mail_both_ways(space: LiveSpace, postfix: Peer) -> None:
    anne, to = f"anne@{postfix.domain}", ours(space)
    context = ssl.create_default_context(cafile=space.sheet["ca"]["bundle"])
    context.check_hostname = False  # its certificate is the relay's
    with smtp_of_ours(space) as smtp:
        smtp.send_message(letter(to, anne, "vers-postfix"))
    with smtplib.SMTP_SSL("127.0.0.1", postfix.submission, context=context) as smtp:
        smtp.login(anne, OF_PEERS)
        smtp.send_message(letter(anne, to, "de-postfix"))

    def there() -> bool:
        with imaplib.IMAP4_SSL("127.0.0.1", postfix.imap, ssl_context=context) as imap:
            imap.login(anne, OF_PEERS)
            imap.select("INBOX")
            return bool(imap.search(None, "SUBJECT", "vers-postfix")[1][0])

    awaited("vers-postfix", there)
    awaited("de-postfix", lambda: came(space, to, "de-postfix"))


FOREIGN = """
name = "{name}"
domain = "{domain}"
roots = "{roots}"

[[endpoints]]
name = "smtp"
protocol = "smtp"
host = "{host}"
address = "{address}"
port = {port}
tls = "{tls}"
methods = ["password"]

[[accounts]]
address = "anne@{domain}"
method = "password"
password = "{password}"
"""
IMAP = """
[[endpoints]]
name = "imap"
protocol = "imap"
host = "{host}"
address = "127.0.0.1"
port = {imap}
methods = ["password"]
"""


def test_software_is_tried_at_operators_that_joined(
    space: LiveSpace, postfix: Peer, mail: Path, tmp_path: Path
) -> None:
    del mail
    aiosmtpd, other, _ = space.sheet["joined"]
    roots = space.sheet["ca"]["roots"]
    files = {
        "aiosmtpd": FOREIGN.format(
            name="aiosmtpd", domain=aiosmtpd["domain"], roots=roots, host=aiosmtpd["mail"],
            address=aiosmtpd["mx"]["address"], port=587 + space.sheet["port_offset"],
            tls="starttls", password=PASSWORD,
        ),
        "postfix": (FOREIGN + IMAP).format(
            name="Postfix et Dovecot", domain=postfix.domain, roots=roots, host=other["mx"]["host"],
            address="127.0.0.1", port=postfix.submission, tls="implicit", imap=postfix.imap,
            password=OF_PEERS,
        ),
    }  # fmt: skip
    words = ["--client", "curl", "--json"]
    for name, text in files.items():
        (tmp_path / f"{name}.toml").write_text(text)
        words += ["--space", str(tmp_path / f"{name}.toml")]
    result = CliRunner().invoke(matrix, words)
    assert result.exit_code == 0, result.output
    cells = {(c["operator"], c["protocol"]): c for c in json.loads(result.stdout)}
    assert set(cells) == {
        ("aiosmtpd", "smtp"), ("Postfix et Dovecot", "smtp"), ("Postfix et Dovecot", "imap"),
    }  # fmt: skip
    assert {(c["result"], c["why"]) for c in cells.values()} == {("pass", "PLAIN")}


def test_a_holder_of_ours_leaves_for_postfix_and_dovecot_and_nothing_is_lost(
    space: LiveSpace, postfix: Peer, tmp_path: Path
) -> None:
    if not all(map(shutil.which, ("mbsync", "msmtp"))):
        pytest.skip("mbsync and msmtp (.ci/peers-operators)")
    theirs = tmp_path / "postfix.toml"
    theirs.write_text((FOREIGN + IMAP).format(
        name="Postfix et Dovecot", domain=postfix.domain, roots=space.sheet["ca"]["roots"],
        host=space.sheet["joined"][1]["mx"]["host"], address="127.0.0.1", tls="implicit",
        port=postfix.submission, imap=postfix.imap, password=OF_PEERS,
    ))  # fmt: skip
    words = ["portability", "--space", str(space.folder.path), "--to", str(theirs), "--json"]
    result = CliRunner().invoke(check, words)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    steps = {each["id"]: each for each in told["steps"]}
    assert [each["result"] for each in told["steps"]] == ["pass"] * len(steps)
    assert set(steps) >= {"copy", "copy-again", "close", "old-closed", "told", "kept", "receives"}
    assert {"address", "password", "imap host"} <= set(told["settings"])
    assert "copie est exacte" in steps["reads"]["why"]
    assert "UIDs are the new operator's" in steps["copy"]["why"]


@pytest.fixture(scope="module")
def mail(space: LiveSpace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Run the example; yield the folder of its Maildirs."""
    folder = tmp_path_factory.mktemp("joined")
    words = [sys.executable, str(EXAMPLE), str(space.folder.sheet), "etranger", str(folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield folder
        finally:
            process.terminate()


# SubEtha SMTP with Jakarta Mail and GreenMail: a server in Java.


@pytest.fixture(scope="module")
def java(space: LiveSpace) -> Iterator[dict[str, Any]]:
    """Run the server in Java; yield what it is given."""
    jars = PEERS / "java-operator"
    if shutil.which("javac") is None or not (jars / "complete").exists():
        pytest.skip("Java, SubEtha SMTP and GreenMail (.ci/peers-operators)")
    joined = dict(space.sheet["joined"][2])
    words = ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*",
             str(ROOT / "tests" / "live" / "java" / "Operator.java"),
             str(space.folder.sheet), joined["name"]]  # fmt: skip
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield joined
        finally:
            process.terminate()


def of_java(space: LiveSpace, java: dict[str, Any]) -> imaplib.IMAP4_SSL:
    """Return its mailbox, open: its certificate is verified, for the name of its clients."""
    context = ssl.create_default_context(cafile=space.sheet["ca"]["roots"])
    context.check_hostname = False  # the name is asked below: no resolver knows it
    imap = imaplib.IMAP4_SSL(java["mx"]["address"], java["services"]["imaps"], ssl_context=context)
    names = imap.socket().getpeercert()["subjectAltName"]  # type: ignore[index]
    assert ("DNS", java["mail"]) in names
    imap.login(java["mailboxes"][0], PASSWORD)
    imap.select("INBOX")
    return imap


def test_a_server_in_java_and_ours_exchange_mail_both_ways(
    space: LiveSpace, java: dict[str, Any]
) -> None:
    (anne,), to = java["mailboxes"], ours(space)
    with smtp_of_ours(space) as smtp:
        smtp.send_message(letter(to, anne, "vers-java"))
    context = ssl.create_default_context(cafile=space.sheet["ca"]["roots"])
    with smtplib.SMTP(java["mx"]["address"], java["services"]["submission"], timeout=60) as smtp:
        smtp._host = java["mail"]  # type: ignore[attr-defined]
        smtp.starttls(context=context)
        smtp.login(anne, PASSWORD)
        smtp.send_message(letter(anne, to, "de-java"))

    def there() -> bool:
        with of_java(space, java) as imap:
            return bool(imap.search(None, "SUBJECT", "vers-java")[1][0])

    awaited("vers-java", there)
    awaited("de-java", lambda: came(space, to, "de-java"))


def test_the_relay_in_java_takes_mail_from_operators_alone(
    space: LiveSpace, java: dict[str, Any]
) -> None:
    del java
    known = subject(space, 2)
    rows = {row.id for row in requirements() if row.id.startswith("relay-")}
    report = judge_operator(known, Sockets(known), only={"delivery-out", "dns-mx", *rows})
    # As in aiosmtpd's: the list names whose domain a certificate is, and it is not asked.
    assert found(report, CheckResult.FAIL) == {"relay-sender-domain", "relay-certificate-unlisted"}
    # Nothing was said of where its mailboxes are read.
    assert found(report, CheckResult.INCONCLUSIVE) == {"relay-in"}
    assert found(report, CheckResult.PASS) >= {
        "delivery-out", "dns-mx", "relay-open", "relay-clear-refused", "relay-certificate-missing",
        "relay-certificate-expired", "relay-certificate-revoked", "relay-certificate-untrusted",
    }  # fmt: skip


def test_greenmail_is_judged_by_login_and_fails_for_want_of_plain(
    space: LiveSpace, java: dict[str, Any]
) -> None:
    known = subject(space, 2)
    imap = CheckedDoor(
        name="imap", protocol="imap", host=java["mail"], address=java["mx"]["address"],
        port=java["services"]["imaps"], methods=("password",), mechanisms=("LOGIN",),
    )  # fmt: skip
    known = replace(known, doors=(imap,))
    rows = {row.id for row in requirements() if row.id.startswith("imap-")}
    only = {"login-password", "password-wrong-refused", "mechanisms-offered", "relay-in", *rows}
    report = judge_operator(known, Sockets(known), only=only)
    assert found(report, CheckResult.FAIL) == {
        "mechanisms-offered",  # no AUTH=PLAIN (RFC 9051 §6.1.1)
        "imap-examine",  # STORE changes flags there (RFC 9051 §6.3.3)
        "imap-size",  # headers are not counted (RFC 9051 §2.3.4)
    }
    assert found(report, CheckResult.INCONCLUSIVE) == set()
    assert PASSWORD not in report.as_json()


def letter(sender: str, recipient: str, mark: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, mark
    message.set_content("Bonjour.\n")
    return message


def ours(space: LiveSpace) -> str:
    return str(next(e["address"] for e in space.sheet["accounts"] if e["type"] == "PER"))


def awaited(mark: str, look: object) -> None:
    assert callable(look)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if look():
            return
        time.sleep(0.05)
    raise TimeoutError(mark)


def came(space: LiveSpace, address: str, mark: str) -> bool:
    with open_imap(choose(space.sheet, address, "imap"), lambda _: None) as imap:
        imap.select("INBOX")
        return bool(imap.search(None, "SUBJECT", mark)[1][0])


def test_the_space_knows_it(space: LiveSpace) -> None:
    joined = space.sheet["joined"][0]
    box = space.directory.mailbox(ANNE)
    assert box is not None
    assert box.person is not None
    assert joined["mailboxes"] == [ANNE, "bob@etranger.mssante.test"]
    lab = Sockets(subject(space))
    assert lab.lookup("etranger.mssante.test", "MX") == ["10 mx.etranger.mssante.test."]
    assert lab.lookup("mx.etranger.mssante.test", "A") == [joined["mx"]["address"]]
    place = f"{587 + space.sheet['port_offset']} mail.etranger.mssante.test."
    assert lab.lookup("_submission._tcp.etranger.mssante.test", "SRV") == [f"0 1 {place}"]
    with smtp_of_ours(space) as smtp:
        assert smtp.mail(ours(space))[0] == 250
        assert smtp.rcpt(ANNE)[0] == 250  # on the list


@contextlib.contextmanager
def smtp_of_ours(space: LiveSpace) -> Iterator[smtplib.SMTP]:
    way = choose(space.sheet, ours(space), "smtp")
    with open_smtp(way, lambda _: None) as smtp:
        yield smtp


def test_our_mail_reaches_it(space: LiveSpace, mail: Path) -> None:
    with smtp_of_ours(space) as smtp:
        smtp.send_message(letter(ours(space), ANNE, "vers l'autre"))
    awaited("vers l'autre", lambda: (mail / ANNE).exists() and any(
        each["Subject"] == "vers l'autre" for each in mailbox.Maildir(mail / ANNE)
    ))  # fmt: skip


def test_its_mail_reaches_us(space: LiveSpace, mail: Path) -> None:
    joined = space.sheet["joined"][0]
    to = ours(space)
    context = ssl.create_default_context(cafile=space.sheet["ca"]["bundle"])
    with smtplib.SMTP(joined["mx"]["address"], 587 + space.plan.port_offset, timeout=60) as smtp:
        smtp._host = joined["mail"]  # type: ignore[attr-defined]
        smtp.starttls(context=context)
        smtp.login(ANNE, PASSWORD)
        smtp.send_message(letter(ANNE, to, "de-l-autre"))

    awaited("de-l-autre", lambda: came(space, to, "de-l-autre"))


def subject(space: LiveSpace, number: int = 0) -> Subject:
    """What the checks are told of one that joined: by default the example."""
    sheet = space.sheet
    joined, (own,) = sheet["joined"][number], sheet["operators"]
    mx = joined["mx"]
    relay = Path(sheet["folder"]) / "certificates" / own["name"] / "relay"
    account = next(each for each in sheet["accounts"] if each["type"] == "PER")
    anne = joined["mailboxes"][0]
    way = Means(method="password", username=anne, password=PASSWORD)
    return Subject(
        name=joined["name"], domain=joined["domain"], roots=Path(sheet["ca"]["roots"]),
        doors=(CheckedDoor(name="submission", protocol="smtp", host=joined["mail"],
                    address=mx["address"], port=joined["services"]["submission"], tls="starttls",
                    methods=("password",)),),
        accounts=(CheckedMailbox(address=anne, ways=(way,)),),
        relay=CheckedDoor(name="mx", protocol="relay", host=mx["host"], address=mx["address"],
                   port=mx["port"], tls="starttls", client_certificate="required", mechanisms=()),
        neighbour=Neighbour(
            domain=own["domain"], relay=Pair(relay / "chain.pem", relay / "key.pem"),
            account=account_of(account),
            doors=tuple(door_of("single-endpoint", e) for e in own["designs"]["single-endpoint"]),
        ),
        bad=bad_relays(sheet, own, Path(sheet["folder"]) / "bad"),
        dns=(sheet["dns"]["address"], sheet["dns"]["port"]),
    )  # fmt: skip


# What fails, as the dialogue of the report shows, and why it is a failure.
FAILS = {
    # aiosmtpd has neither ENHANCEDSTATUSCODES (RFC 6409 §7) nor DSN (ECO.2.3.1).
    "smtp-enhanced-codes", "smtp-dsn-offered",
    # aiosmtpd takes `MAIL FROM:<a@b` without its `>` (RFC 5321 §4.1.1.11).
    "smtp-syntax",
    # The example asks for a certificate of the space, and not whose domain the list says it is.
    "relay-sender-domain", "relay-certificate-unlisted",
    # Python's ssl asks no CRL nor OCSP by itself (RFC 5280 §6.3).
    "relay-certificate-revoked",
}  # fmt: skip


def test_it_is_judged_and_what_fails_is_against_a_clause(space: LiveSpace, mail: Path) -> None:
    del mail
    known = subject(space)
    report = judge_operator(known, Sockets(known), patience=10.0)
    assert found(report, CheckResult.FAIL) == FAILS
    passed = found(report, CheckResult.PASS)
    assert passed >= {"delivery-out", "dns-srv", "relay-starttls", "relay-open",
                      "relay-certificate-missing"}  # fmt: skip
    assert not {each for each in passed if each.startswith("imap-")}


def test_the_example_of_the_documentation_is_read(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "join.md").read_text(encoding="utf-8")
    example = re.search(r"<!-- example: join.toml -->\n```toml\n(.*?)```", page, re.DOTALL)
    assert example is not None
    path = tmp_path / "join.toml"
    path.write_text(example[1], encoding="utf-8")
    assert read_joining(path) == JOINING


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "TOML"),
        ('name = "Un Nom"', "name"),
        ('name = "a"\nmailbox = []', "mailbox"),
        ('name = "a"\nmailboxes = ["a@b"]', "mailboxes"),
        ('name = "a"\nmailboxes = "a"', "mailboxes"),
        ('name = "a"\nservices = {pop3 = 110}', "services"),
        ('name = "a"\nservices = {imaps = 99999}', "services: imaps"),
    ],
)
def test_what_is_wrong_in_a_file_is_said(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "join.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=said):
        read_joining(path)


def test_a_name_of_the_space_cannot_be_taken(tmp_path: Path) -> None:
    path = tmp_path / "join.toml"
    path.write_text('name = "op001"')
    folder = tmp_path / "space"
    result = CliRunner().invoke(
        up, ["--dir", str(folder), "--join", str(path), "--keys", "p256", "--loopback", "213"]
    )
    assert isinstance(result.exception, UserError)
    assert "join op001" in str(result.exception)
    assert not (folder / "settings.json").exists()
