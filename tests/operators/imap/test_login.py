"""From greeting to login: capabilities, SASL, LOGIN, refusals (RFC 9051 §6.1, §6.2)."""

from __future__ import annotations

import asyncio
import base64
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.observations.schema import Cause
from sandbox.operators.imap.commands import COMMANDS
from sandbox.operators.model import (
    CertificateCredentials,
    PasswordCredentials,
    SaslName,
    TokenCredentials,
)
from sandbox.operators.refusals import LoginAnswer
from tests.operators.imap.dialogue import Client, World, channel, talk


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


TOKEN = b64("user=anne\x01auth=Bearer good\x01\x01")
BAD_TOKEN = b64("user=anne\x01auth=Bearer bad\x01\x01")


def test_without_tls_nobody_can_log_in(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = here.client(tls="")
        client.core.greet()
        [greeting] = (await client.send(b"")).decode().splitlines()
        assert greeting == (
            "* OK [CAPABILITY IMAP4rev2 IMAP4rev1 SASL-IR ID ENABLE LITERAL- STARTTLS "
            "LOGINDISABLED] imap.op1.mssante.test ready"
        )
        assert (
            await client.last("a LOGIN anne good") == "a NO [PRIVACYREQUIRED] Encryption required"
        )
        assert (await client.last(f"b AUTHENTICATE XOAUTH2 {TOKEN}")).startswith("b NO [PRIVACYREQ")
        assert here.gate.asked == []

    talk(tmp_path, work)


def test_over_tls_the_mechanisms_of_the_endpoint_are_offered(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = here.client(mechanisms=(SaslName.EXTERNAL, SaslName.NONE), certificate=b"good")
        [line] = await client.untagged("a CAPABILITY")
        assert line.endswith(" ENABLE LITERAL- AUTH=EXTERNAL LOGINDISABLED")
        assert await client.last("b LOGIN anne good") == "b NO [CANNOT] Mechanism not offered here"
        assert (await client.last("c AUTHENTICATE PLAIN =")).startswith("c NO [CANNOT]")
        assert [seen.cause for seen in here.seen.logins] == [Cause.MECHANISM] * 2

    talk(tmp_path, work)


def test_external_is_told_to_those_with_a_certificate_alone(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = here.client(mechanisms=(SaslName.PLAIN, SaslName.EXTERNAL))
        told, _ = await client.run("a CAPABILITY")
        assert "AUTH=PLAIN" in told
        assert "EXTERNAL" not in told

    talk(tmp_path, work)


def test_after_login_every_extension_is_listed(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = await here.holder("")
        [line] = await client.untagged("a CAPABILITY")
        assert line == (
            "* CAPABILITY IMAP4rev2 IMAP4rev1 SASL-IR ID ENABLE LITERAL+ IDLE NAMESPACE CHILDREN "
            "UIDPLUS UNSELECT MOVE SPECIAL-USE CREATE-SPECIAL-USE LIST-EXTENDED LIST-STATUS "
            "ESEARCH SEARCHRES STATUS=SIZE "
            "CONDSTORE BINARY OBJECTID UTF8=ACCEPT APPENDLIMIT=26214400"
        )

    talk(tmp_path, work)


@pytest.mark.parametrize("given", ["LOGIN anne good", 'LOGIN "anne" "good"', 'LoGiN anne "go\\od"'])
def test_login(tmp_path: Path, given: str) -> None:
    async def work(here: World) -> None:
        answer = await here.client().last(f"a {given}")
        if "\\" in given:
            assert answer == "a BAD Expected a string"
            return
        assert answer.startswith("a OK [CAPABILITY IMAP4rev2")
        [asked] = here.gate.asked
        assert asked == PasswordCredentials(
            mechanism=SaslName.LOGIN, authcid="anne", password="good"
        )

    talk(tmp_path, work)


def test_login_works_where_only_plain_is_offered(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = here.client(mechanisms=(SaslName.PLAIN,))
        assert (await client.last("a LOGIN anne good")).startswith("a OK")
        assert here.gate.asked == [
            PasswordCredentials(mechanism=SaslName.PLAIN, authcid="anne", password="good")
        ]

    talk(tmp_path, work)


def test_login_with_literals_waits_for_each(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = here.client()
        assert await client.send(b"a LOGIN {4}\r\n") == b"+ Ready for a literal\r\n"
        assert await client.send(b"anne {4}\r\n") == b"+ Ready for a literal\r\n"
        assert (await client.send(b"good\r\n")).startswith(b"a OK")

    talk(tmp_path, work)


def test_a_login_is_told_to_the_observer_and_left_to_the_authenticator_to_journal(
    tmp_path: Path,
) -> None:
    async def work(here: World) -> None:
        await here.client().run("a LOGIN anne good")
        [seen] = here.seen.logins
        assert (seen.backend, seen.person, seen.cause) == (1.0, 2.0, None)
        assert not [each for each in here.journal.since() if each["event"] == "login"]

    talk(tmp_path, work)


@pytest.mark.parametrize(
    ("mechanism", "initial", "asked"),
    [
        ("PLAIN", b64("\0anne\0good"),
         PasswordCredentials(mechanism=SaslName.PLAIN, authcid="anne", password="good")),
        ("XOAUTH2", TOKEN, TokenCredentials(mechanism=SaslName.XOAUTH2, user="anne", token="good")),
        ("OAUTHBEARER", b64("n,a=anne,\x01auth=Bearer good\x01\x01"),
         TokenCredentials(mechanism=SaslName.OAUTHBEARER, user="anne", token="good")),
        ("EXTERNAL", "=", CertificateCredentials(mechanism=SaslName.EXTERNAL)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("ir", [True, False], ids=["initial response", "challenge"])
def test_authenticate(
    tmp_path: Path, mechanism: str, initial: str, asked: object, ir: bool
) -> None:
    async def work(here: World) -> None:
        client = here.client(certificate=b"good")
        if ir:
            answer = await client.last(f"a AUTHENTICATE {mechanism} {initial}")
        else:
            assert await client.send(f"a AUTHENTICATE {mechanism}\r\n".encode()) == b"+ \r\n"
            answer = await client.last("" if initial == "=" else initial)
        assert answer.startswith("a OK [CAPABILITY")
        assert here.gate.asked == [asked]

    talk(tmp_path, work)


def test_authenticate_login_asks_for_name_and_password(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = here.client()
        assert await client.run("a AUTHENTICATE LOGIN") == [f"+ {b64('Username:')}"]
        assert await client.run(b64("anne")) == [f"+ {b64('Password:')}"]
        assert (await client.last(b64("good"))).startswith("a OK")

    talk(tmp_path, work)


def test_a_refused_token_gets_its_challenge_then_the_refusal(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = here.client()
        challenge = b64('{"status":"401"}')
        assert await client.run(f"a AUTHENTICATE XOAUTH2 {BAD_TOKEN}") == [f"+ {challenge}"]
        assert await client.run("") == ["a NO [AUTHENTICATIONFAILED] Authentication failed"]

    talk(tmp_path, work)


def test_authenticate_can_be_cancelled(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = here.client()
        await client.run("a AUTHENTICATE PLAIN")
        assert await client.run("*") == ["a BAD [CLIENTBUG] Authentication cancelled"]
        assert here.gate.asked == []
        assert here.journal.since()[-1]["reason"] == "client-cancelled"
        assert [seen.cause for seen in here.seen.logins] == [Cause.CLIENT_TIMEOUT]

    talk(tmp_path, work)


@pytest.mark.parametrize(
    "line",
    [
        "a AUTHENTICATE PLAIN !!!",
        f"a AUTHENTICATE PLAIN {b64('x')}",
        "a LOGIN anne " + "x" * 256,
        "a LOGIN " + "x" * 513 + " good",
        'a LOGIN "" good',
    ],
)
def test_malformed_responses_are_bad(tmp_path: Path, line: str) -> None:
    async def work(here: World) -> None:
        assert (await here.client().last(line)).startswith("a BAD ")
        assert here.gate.asked == []
        if not line.endswith("x" * 256):
            return
        [event] = [each for each in here.journal.since() if each["event"] == "refused"]
        assert event["reason"] == "sasl-malformed"
        assert event["detail"] == "password: 1 to 255 octets are taken"

    talk(tmp_path, work)


def test_a_client_that_hangs_up_while_its_login_waits_has_given_up(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        here.gate.open.clear()
        waiting = asyncio.create_task(here.client().run("a LOGIN anne good"))
        while not here.gate.asked:
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert [seen.cause for seen in here.seen.logins] == [Cause.CLIENT_TIMEOUT]
        assert here.gate.cancelled == 1

    talk(tmp_path, work)


def test_refusals_say_the_kind_only_and_three_end_the_connection(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = here.client()
        for _ in range(2):
            assert await client.run("a LOGIN anne bad") == [
                "a NO [AUTHENTICATIONFAILED] Authentication failed"
            ]
        assert await client.run("a LOGIN anne bad") == [
            "a NO [AUTHENTICATIONFAILED] Authentication failed",
            "* BYE Too many failed attempts",
        ]
        assert client.core.closed

    talk(tmp_path, work)


def test_too_many_attempts_end_the_connection_at_once(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        here.gate.answer = LoginAnswer.LIMITED
        assert await here.client().run("a LOGIN anne bad") == [
            "a NO [LIMIT] Too many attempts, try again later",
            "* BYE Too many attempts, try again later",
        ]

    talk(tmp_path, work)


async def greeted(client: Client) -> str:
    """Return the greeting, whatever it had to wait for."""
    waits = client.core.greet()
    if waits is not None:
        await waits
    return (await client.send(b"")).decode()


def test_a_good_certificate_is_greeted_as_logged_in(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = here.client(certificate=b"good", mechanisms=(SaslName.NONE,))
        greeting = await greeted(client)
        assert greeting.startswith("* PREAUTH [CAPABILITY IMAP4rev2 ")
        assert " IDLE " in greeting
        assert here.gate.asked == [CertificateCredentials(mechanism=SaslName.NONE)]
        assert await client.last("a LOGIN anne good") == "a BAD You are logged in"
        assert (await client.last("b SELECT INBOX")).startswith("b OK [READ-WRITE]")
        assert len(here.gate.asked) == 1

    talk(tmp_path, work)


def test_a_refused_certificate_is_greeted_as_anyone_and_may_log_in_otherwise(
    tmp_path: Path,
) -> None:
    async def work(here: World) -> None:
        client = here.client(
            certificate=b"bad", mechanisms=(SaslName.NONE, SaslName.EXTERNAL, SaslName.PLAIN)
        )
        greeting = await greeted(client)
        assert greeting.startswith("* OK [CAPABILITY ")
        assert "AUTH=EXTERNAL AUTH=PLAIN" in greeting
        assert (await client.last("a SELECT INBOX")) == "a BAD Log in first"
        assert (await client.last("b AUTHENTICATE EXTERNAL =")).startswith("b NO [AUTHENT")
        assert (await client.last("c LOGIN anne good")).startswith("c OK")
        # The greeting was no attempt of the client's own: two more may fail.
        assert client.core.session.login.failures == 1

    talk(tmp_path, work)


def test_who_shows_no_certificate_is_greeted_as_anyone(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = here.client(mechanisms=(SaslName.NONE, SaslName.PLAIN))
        assert (await greeted(client)).startswith("* OK [CAPABILITY ")
        assert here.gate.asked == []
        assert (await client.last("c LOGIN anne good")).startswith("c OK")

    talk(tmp_path, work)


def test_after_starttls_a_certificate_alone_does_not_log_in(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        mechanisms = (SaslName.NONE, SaslName.EXTERNAL)
        client = here.client(tls="", mechanisms=mechanisms)
        assert (await greeted(client)).startswith("* OK ")
        await client.run("a STARTTLS")
        client.core.secured(channel(certificate=b"good", mechanisms=mechanisms), 0.01)
        assert await client.last("b SELECT INBOX") == "b BAD Log in first"
        assert (await client.last("c AUTHENTICATE EXTERNAL =")).startswith("c OK")

    talk(tmp_path, work)


def test_without_login_nothing_of_a_mailbox_is_possible(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = here.client()
        assert await client.last('a LIST "" "*"') == "a BAD Log in first"
        assert await client.last("b FETCH 1 FLAGS") == "b BAD Log in first"

    talk(tmp_path, work)


def test_a_second_login_is_refused(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = await here.holder("")
        assert await client.last("a LOGIN anne good") == "a BAD You are logged in"
        assert await client.last("b STARTTLS") == "b BAD You are logged in"

    talk(tmp_path, work)


def test_the_end_of_the_token_ends_the_session(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = await here.holder()
        client.core.expire()
        assert b"".join(client.core.output()).startswith(b"* BYE ")
        assert await client.send(b"a NOOP\r\n") == b""

    talk(tmp_path, work)


def test_id_enable_namespace_logout(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = await here.holder("")
        assert await client.untagged('a ID ("name" "Thunderbird" "version" "140")') == [
            '* ID ("name" "mssante-sandbox")'
        ]
        [event] = [each for each in here.journal.since() if each["event"] == "id"]
        assert event["id_name"] == "Thunderbird"
        assert await client.untagged("b ENABLE CONDSTORE X-NONE IMAP4rev2") == [
            "* ENABLED CONDSTORE IMAP4rev2"
        ]
        assert await client.untagged("c NAMESPACE") == ['* NAMESPACE (("" "/")) NIL NIL']
        assert await client.run("d LOGOUT") == ["* BYE Logging out", "d OK LOGOUT completed"]
        assert client.core.closed

    talk(tmp_path, work)


def test_many_bad_commands_end_the_connection(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = here.client()
        assert await client.run("a GET / HTTP/1.1") == ["a BAD Command not known"]
        assert await client.run("Host: x") == ["Host: BAD Command not known"]
        assert await client.run("nonsense") == ["nonsense BAD Expected space"]
        assert await client.run("") == ["* BAD Expected a tag"]
        got = await client.run("x y\r\n" * 30)
        assert got[-1] == "* BYE Too many commands that are not understood"

    talk(tmp_path, work)


def test_the_longest_id_of_the_rfc_is_taken_before_and_after_login(tmp_path: Path) -> None:
    fields = " ".join(f'"{"k" * 27}{n:03}" "{"v" * 1024}"' for n in range(30))

    async def work(here: World) -> None:
        assert (await here.client().last(f"a ID ({fields})")) == "a OK ID completed"
        client = await here.holder("")
        assert (await client.last(f"a ID ({fields})")) == "a OK ID completed"

    talk(tmp_path, work)


def test_what_is_refused_is_in_the_journal_with_the_words_that_were_said(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = await here.holder("")
        await client.run("a SELECT Nowhere")
        await client.run("b FETCH 1 FLAGS")
        await client.run("c SELEKT INBOX")
        await here.client().run("d LOGIN anne bad")  # the authenticator tells of it
        told = [
            (each["reason"], each["command"], each["reply"])
            for each in here.journal.since()
            if each["event"] == "refused"
        ]
        assert told == [
            ("imap-missing", "SELECT", "NO No such mailbox"),
            ("imap-syntax", "FETCH", "BAD Select a mailbox first"),
            ("imap-syntax", "", "BAD Command not known"),
        ]

    talk(tmp_path, work)


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (RuntimeError("a bug"), "a NO [SERVERBUG] The server made a mistake"),
        (sqlite3.OperationalError("full"), "a NO [UNAVAILABLE] The mail store does not answer"),
        (OSError(28, "No space left"), "a NO [UNAVAILABLE] The mail store does not answer"),
    ],
)
def test_every_command_is_answered_whatever_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, answer: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    async def work(here: World) -> None:
        client = await here.holder("")
        monkeypatch.setattr(here.service.store, "folder", fail)
        assert await client.last("a STATUS INBOX (MESSAGES)") == answer
        monkeypatch.undo()
        assert (await client.last("b STATUS INBOX (MESSAGES)")).startswith("b OK")

    talk(tmp_path, work)


def test_a_command_that_breaks_our_parser_is_answered_under_its_tag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RecursionError

    async def work(here: World) -> None:
        client = await here.holder("")
        row = COMMANDS["STATUS"]
        monkeypatch.setitem(COMMANDS, "STATUS", replace(row, parse=fail))
        expected = "a NO [SERVERBUG] The server made a mistake"
        assert await client.last("a STATUS INBOX (MESSAGES)") == expected

    talk(tmp_path, work)
