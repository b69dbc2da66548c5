"""What an adversary tries against a running space, on raw sockets: none of it works.

Attacks on one part alone are among the tests of that part; these need the whole, or several.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import ssl
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyotp
import pytest
from cryptography import x509

from sandbox.directory.identities import card_holder
from sandbox.live.launch import LiveOptions
from sandbox.live.space import LiveSpace
from sandbox.trust import DomainLedger, KeyKind, TestCA
from tests.live.clients.world import ClientLogin, World, running_world
from tests.live.raw import Raw, external, plain

SINGLE = "single-endpoint"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with running_world() as found:
        yield found


def context(world: World, folder: Path) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=world.bundle)
    made.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    return made


def certificates(world: World) -> Path:
    return world.space.folder.path / "certificates"


def account(world: World, kind: str, operator: str = "") -> dict[str, Any]:
    return next(
        each
        for each in world.sheet["accounts"]
        if each["type"] == kind and each["operator"] == (operator or world.first)
    )


def relay_of(world: World, operator: str) -> dict[str, Any]:
    found = next(each for each in world.sheet["operators"] if each["name"] == operator)
    return {**found["mx"], "protocol": "relay", "tls": "starttls"}


def relayed(world: World, sender: str = "") -> Raw:
    """Connect to the first operator's relay as the second's, or with another certificate."""
    folder = certificates(world) / (sender or f"{world.second}/relay")
    session = Raw(relay_of(world, world.first), context(world, folder))
    session.smtp("EHLO relay.mssante.test")
    return session


def submitted(world: World) -> tuple[Raw, ClientLogin]:
    """Log in to submission with a card."""
    login = world.login("cps")
    session = Raw(world.endpoint(SINGLE, "smtp"), world.context(login))
    session.smtp("EHLO client.mssante.test")
    answer = session.smtp(f"AUTH EXTERNAL {external(login.user).decode()}")
    assert answer.startswith("235")
    return session, login


def logged_in(world: World, number: int = 0) -> Raw:
    """Log in to IMAP with a card."""
    login = world.login("cps", number=number)
    session = Raw(world.endpoint(SINGLE, "imap"), world.context(login))
    assert session.imap(b"AUTHENTICATE EXTERNAL " + external(login.user))[-1].startswith("x OK")
    return session


def verdict(world: World, at: dict[str, Any], login: ssl.SSLContext, command: bytes) -> str:
    with Raw(at, login) as session:
        return session.imap(command)[-1]


# Open relay ---------------------------------------------------------------------------------------

ELSEWHERE = [
    "someone%example.org@{ours}",
    '"someone@example.org"@{ours}',
    "@{ours}:someone@example.org",
    "@example.org,@{ours}:someone@example.org",
    "someone@EXAMPLE.ORG",
    "someone@example.org.",
    "someone@[192.0.2.1]",
    "someone@[IPv6:2001:db8::1]",
    "example.org!someone",
    "someone@{ours}@example.org",
    "someone@mssante.test",
    "someone@nobody.mssante.test",
]


@pytest.mark.parametrize("path", ELSEWHERE)
def test_no_spelling_of_a_recipient_gets_out_of_the_space(world: World, path: str) -> None:
    written = path.format(ours=f"{world.first}.mssante.test")
    session, login = submitted(world)
    with session:
        session.smtp(f"MAIL FROM:<{login.address}>")
        assert session.smtp(f"RCPT TO:<{written}>")[0] == "5"


@pytest.mark.parametrize("path", [*ELSEWHERE, "someone@{theirs}"])
def test_no_spelling_of_a_recipient_is_relayed_further(world: World, path: str) -> None:
    written = path.format(ours=f"{world.first}.mssante.test", theirs=f"{world.second}.mssante.test")
    with relayed(world) as session:
        session.smtp("MAIL FROM:<>")
        assert session.smtp(f"RCPT TO:<{written}>")[0] == "5"


@pytest.mark.parametrize("sender", ["x@{ours}", "x@example.org", "x@nobody.mssante.test"])
def test_a_listed_relay_sends_for_no_domain_but_its_own(world: World, sender: str) -> None:
    written = sender.format(ours=f"{world.first}.mssante.test")
    with relayed(world) as session:
        assert session.smtp(f"MAIL FROM:<{written}>").startswith("550 5.7.1")
        victim = world.login("cps").address
        session.smtp("MAIL FROM:<>", f"RCPT TO:<{victim}>")
        assert session.message(f"From: {written}\r\n\r\nx").startswith("550 5.7.1")


@pytest.mark.parametrize("kind", ["{second}/accounts", "{second}/single-endpoint/smtp", "card",
                                  "application"])  # fmt: skip
def test_the_relay_hears_no_certificate_but_a_relay_s(world: World, kind: str) -> None:
    if kind in {"card", "application"}:
        login = world.login("cps" if kind == "card" else "certificat", operator=world.second)
        folder = Path(login.certificate).parent.relative_to(certificates(world))
    else:
        folder = Path(kind.format(second=world.second))
    with relayed(world, str(folder)) as session:
        assert session.smtp("MAIL FROM:<>").startswith("550 5.7.1")


@pytest.mark.parametrize("fate", ["removed", "migrated"])
def test_a_relay_sends_no_more_for_a_domain_that_left_its_operator(fate: str) -> None:
    """On a connection that was there before, too."""
    with LiveSpace(LiveOptions(designs=(SINGLE,), operators=2, behaviour="approve")) as space:
        world = World(space)
        sender = world.login("cps", operator=world.second).address
        ledger = DomainLedger(Path(world.sheet["list"]["history"]))
        with relayed(world) as session:
            assert session.smtp(f"MAIL FROM:<{sender}>").startswith("250")
            session.smtp("RSET")
            domain, now = f"{world.second}.mssante.test", datetime.now(UTC)
            if fate == "removed":
                ledger.remove(domain, now)
            else:
                first = f"{world.first}.mssante.test"
                entries = ledger.at(now).entries
                others = [each.certificate for each in entries if each.domain == first]
                ledger.migrate(domain, others, now)
            space.refresh_list()
            assert session.smtp(f"MAIL FROM:<{sender}>").startswith("550 5.7.1")
            assert session.smtp("MAIL FROM:<>").startswith("550 5.7.1")


def test_the_relay_s_own_certificate_logs_nobody_in(world: World) -> None:
    relay = context(world, certificates(world) / world.first / "relay")
    at = world.endpoint(SINGLE, "imap")
    assert "AUTHENTICATIONFAILED" in verdict(world, at, relay, b"AUTHENTICATE EXTERNAL =")


def test_what_is_pipelined_behind_starttls_is_not_heard_over_tls(world: World) -> None:
    victim = world.login("cps").address
    with Raw(relay_of(world, world.first), None) as session:
        session.smtp("EHLO relay.mssante.test")
        session.send(b"STARTTLS\r\nEHLO evil.test\r\nMAIL FROM:<>\r\n")
        assert session.reply().startswith("220")
        session.secure(context(world, certificates(world) / world.second / "relay"))
        assert session.smtp(f"RCPT TO:<{victim}>").startswith("503")


# Spoofed senders ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["person", "ORG", "APP", "postmaster"])
def test_nobody_sends_as_a_mailbox_that_he_did_not_log_in_to(world: World, kind: str) -> None:
    if kind == "postmaster":
        victim = f"postmaster@{world.first}.mssante.test"
    elif kind == "person":
        victim = world.login("cps", number=1).address
    else:
        victim = account(world, kind)["address"]
    session, _ = submitted(world)
    with session:
        assert session.smtp(f"MAIL FROM:<{victim}>").startswith("553 5.7.1")


@pytest.mark.parametrize(
    "header",
    [
        "From: {me}\r\nFrom: {victim}",
        "From : {victim}\r\nFrom: {me}",
        "From: {me}\r\n\t, {victim}",
        "From: ({me}) {victim}",
        "From: =?utf-8?q?=3C{coded}=3E?=",
        "From: staff: {me}, {victim};",
        "From: a: {me};b: {victim};",
        "From: {victim} <{me}>",
        "From: <@{victim}:{me}>",
        "From: {me}\r\nSender: {victim}",
        "From: {me}\r\nResent-From: {me}\r\nResent-From: {victim}",
        "X: y\r\n \r\nFrom: {victim}\r\nFrom: {me}",
        " From: {victim}\r\nFrom: {me}",
        "From {victim}\r\nFrom: {me}",
    ],
)
def test_no_header_shows_another_author(world: World, header: str) -> None:
    victim = world.login("cps", number=1).address
    session, login = submitted(world)
    written = header.format(me=login.address, victim=victim, coded=victim.replace("@", "=40"))
    with session:
        session.smtp(f"MAIL FROM:<{login.address}>", f"RCPT TO:<{victim}>")
        assert session.message(f"{written}\r\nSubject: x\r\n\r\nx").startswith("550 5.")


# Logins -------------------------------------------------------------------------------------------


def test_one_code_opens_one_of_eight_connections_that_race(world: World) -> None:
    login = world.login("totp")
    places = [world.endpoint(SINGLE, "imap"), world.endpoint(SINGLE, "smtp"),
              world.endpoint("api-lps-2023", "imap.otp"),
              world.endpoint("multi-endpoint", "smtp.otp")] * 2  # fmt: skip
    sessions = [Raw(at, world.context()) for at in places]
    start, answers = threading.Barrier(len(places)), [""] * len(places)

    def race(number: int) -> None:
        session, said = sessions[number], plain(login.user, login.password)
        smtp = places[number]["protocol"] == "smtp"
        if smtp:
            session.smtp("EHLO client.mssante.test")
        start.wait()
        answers[number] = (
            session.smtp(f"AUTH PLAIN {said.decode()}") if smtp
            else session.imap(b"AUTHENTICATE PLAIN " + said)[-1]
        )  # fmt: skip

    racers = [threading.Thread(target=race, args=(number,)) for number in range(len(places))]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    for session in sessions:
        with session:
            pass
    assert sum(each.startswith(("235", "x OK")) for each in answers) == 1


def test_a_holder_s_secrets_open_nothing_under_another_holder_s_name(world: World) -> None:
    mine, other = (each["methods"]["totp"] for each in account(world, "ORG")["holders"][:2])
    code = pyotp.TOTP(mine["secret"]).now()
    at = world.endpoint(SINGLE, "imap")
    for password in (mine["password"] + code, other["password"] + code):
        said = plain(other["username"], password)
        answer = verdict(world, at, world.context(), b"AUTHENTICATE PLAIN " + said)
        assert answer == "x NO [AUTHENTICATIONFAILED] Authentication failed"


def test_a_holder_s_card_does_not_act_under_another_holder_s_name(world: World) -> None:
    shared = account(world, "ORG")
    mine, other = shared["holders"][:2]
    folder = Path(mine["methods"]["cps"]["certificate"]).parent
    said = external(f"{shared['address']}*{other['identity']}")
    answer = verdict(
        world, world.endpoint(SINGLE, "imap"), context(world, folder),
        b"AUTHENTICATE EXTERNAL " + said,
    )  # fmt: skip
    assert answer == "x NO [AUTHORIZATIONFAILED] Authentication failed"


def test_a_card_of_an_authority_with_the_same_names_is_not_heard(
    world: World, tmp_path: Path
) -> None:
    identity = account(world, "PER")["holders"][0]["identity"]
    person = world.space.directory.person(identity)
    assert person is not None
    TestCA(key_kind=KeyKind.P256).cps(card_holder(person), pin="1234").save(tmp_path)
    forged = context(world, tmp_path / "auth")
    for at, command in (
        (world.endpoint(SINGLE, "imap"), b"AUTHENTICATE EXTERNAL ="),
        (world.endpoint("multi-endpoint", "imap.cps"), b"SELECT INBOX"),
    ):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            verdict(world, at, forged, command)


@pytest.mark.parametrize(
    ("design", "name", "commands"),
    [
        (SINGLE, "imap", [b"SELECT INBOX"]),
        ("multi-endpoint", "imap.otp", [b"SELECT INBOX", b"AUTHENTICATE EXTERNAL ="]),
        ("multi-endpoint", "imap.ciba", [b"SELECT INBOX", b"AUTHENTICATE EXTERNAL ="]),
        ("multi-endpoint", "imap.cps", [b"LOGIN a@b.test c", b"AUTHENTICATE PLAIN"]),
        ("multi-endpoint", "imap.certificat", [b"SELECT INBOX", b"AUTHENTICATE EXTERNAL ="]),
        ("api-lps-2023", "imap.ciba", [b"SELECT INBOX", b"AUTHENTICATE EXTERNAL ="]),
    ],
)
def test_a_card_and_a_mechanism_count_at_their_endpoints_alone(
    world: World, design: str, name: str, commands: list[bytes]
) -> None:
    card, at = world.context(world.login("cps")), world.endpoint(design, name)
    for command in commands:
        assert verdict(world, at, card, command).startswith(("x NO", "x BAD"))


def test_what_is_signed_with_a_public_key_or_not_at_all_is_no_token(world: World) -> None:
    login = world.login("ecps", "XOAUTH2")
    head, claims, _ = login.token.split(".")
    forged = [f"{coded({'alg': 'none', 'typ': 'JWT'})}.{claims}."]
    signed = f"{coded({'alg': 'HS256', 'typ': 'JWT'})}.{claims}"
    for key in (Path(world.bundle).read_bytes(), b""):
        mac = base64.urlsafe_b64encode(hmac.digest(key, signed.encode(), hashlib.sha256))
        forged.append(f"{signed}.{mac.rstrip(b'=').decode()}")
    forged.append(f"{head}.{claims}.AAAA")
    for token in forged:
        assert token_verdict(world, login.user, token).startswith("x NO [AUTHENTICATIONFAILED]")
    assert token_verdict(world, login.user, login.token).startswith("x OK")


def coded(value: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def token_verdict(world: World, user: str, token: str) -> str:
    said = base64.b64encode(f"user={user}\x01auth=Bearer {token}\x01\x01".encode())
    with Raw(world.endpoint(SINGLE, "imap"), world.context()) as session:
        session.send(b"x AUTHENTICATE XOAUTH2 " + said + b"\r\n")
        answer = session.line()
        if answer.startswith("+"):
            session.send(b"\r\n")
            answer = session.line()
        return answer


def test_whatever_a_name_means_its_refusal_reads_the_same(world: World) -> None:
    known = account(world, "PER")["address"]
    names = [known, f"personne@{world.first}.mssante.test", account(world, "APP")["address"],
             account(world, "ORG")["address"], account(world, "PER", world.second)["address"],
             "no name at all"]  # fmt: skip
    at = world.endpoint(SINGLE, "imap")
    answers = {
        verdict(world, at, world.context(),
                b"AUTHENTICATE PLAIN " + plain(name, "abcde-abcde-abcde-abcde-abcde123456"))
        for name in names
    }  # fmt: skip
    assert answers == {"x NO [AUTHENTICATIONFAILED] Authentication failed"}


# Mailboxes of others ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["{other}/Secret", "/{other}/INBOX", "../INBOX", "INBOX/../Secret", "user/{other}", "#user/x",
     "~x/INBOX", "Other Users/{other}", "Secret", "{id}", "*", "%", "INBOX&-"],
)  # fmt: skip
def test_no_name_selects_a_folder_of_another_mailbox(world: World, name: str) -> None:
    with logged_in(world, 1) as other:
        other.imap(b"CREATE Secret")
        number = other.imap(b"STATUS Secret (MAILBOXID)")[0].rpartition("(")[2].strip(")")
    victim = world.login("cps", number=1).address
    written = name.format(other=victim, id=number)
    with logged_in(world) as session:
        for command in ("SELECT", "EXAMINE", "DELETE"):
            answer = session.imap(f'{command} "{written}"'.encode())[-1]
            assert answer == "x NO [NONEXISTENT] No such mailbox"
        assert not any("Secret" in line for line in session.imap(f'LIST "" "{written}"'.encode()))


def test_names_of_another_s_folders_are_not_listed_by_any_reference(world: World) -> None:
    with logged_in(world, 1) as other:
        other.imap(b"CREATE Secret")
    victim = world.login("cps", number=1).address
    with logged_in(world) as session:
        for reference in ("", "../", "/", f"{victim}/", f"user/{victim}/", "#"):
            heard = session.imap(f'LIST "{reference}" "*"'.encode())
            assert not any("Secret" in line for line in heard)


# Injection ----------------------------------------------------------------------------------------


def test_what_a_client_says_of_itself_adds_no_line_to_reports_and_traces(world: World) -> None:
    session, login = submitted(world)
    mark, me = world.mark(), login.address
    with session:
        session.smtp(f"MAIL FROM:<{me}> RET=HDRS ENVID=a+0D+0AInjected:+20yes")
        session.smtp(f"RCPT TO:<{me}> NOTIFY=SUCCESS ORCPT=rfc822;x+0D+0AInjected:+20yes")
        subject = f"{mark} =?utf-8?q?=0D=0AInjected:_yes?="
        assert session.message(f"From: {me}\r\nSubject: {subject}\r\n\r\nx").startswith("250")
    with logged_in(world) as reader:
        reader.imap(b"SELECT INBOX")
        heard = reader.imap(b"UID FETCH 1:* BODY.PEEK[]")
    assert any("Original-Envelope-Id: a??Injected: yes" in line for line in heard)
    assert not any(line.startswith("Injected") for line in heard)


def test_every_line_of_a_journal_is_one_event_and_holds_no_secret(world: World) -> None:
    secrets = {
        way[name]
        for each in world.sheet["accounts"]
        for holder in each["holders"]
        for way in holder["methods"].values()
        for name in ("password", "secret")
        if name in way
    } | {each["client_secret"] for each in world.sheet["psc"]["clients"]}
    assert secrets
    at = world.endpoint(SINGLE, "imap")
    for name in ('x"}\n{"event": "login"', "x\u2028y@z.test"):
        verdict(world, at, world.context(), b"AUTHENTICATE PLAIN " + plain(name, "password"))
    for operator in world.sheet["operators"]:
        text = Path(operator["journal"]).read_text(encoding="utf-8")
        for line in text.split("\n")[:-1]:
            assert set(json.loads(line)) >= {"seq", "at", "event"}
        assert not [each for each in secrets if each in text]


def test_a_private_file_is_its_owner_s_only(world: World) -> None:
    folder = world.space.folder.path
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    public = {"cert.pem", "chain.pem"}
    for path in folder.rglob("*"):
        if path.is_file() and path.name not in public:
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
        if path.name in public:
            assert x509.load_pem_x509_certificates(path.read_bytes())
            assert b"PRIVATE" not in path.read_bytes()
