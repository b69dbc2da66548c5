"""Submission: who may log in, and send what to whom, in what words he is refused."""

from __future__ import annotations

import base64

import pytest

from sandbox.operators.model import Accepted, CertificateCredentials, Rejected, SaslName
from sandbox.operators.refusals import LoginAnswer
from sandbox.operators.smtp.conversation import SmtpLimits
from sandbox.operators.smtp.events import AskWho, Post
from tests.operators.smtp.scripted import (
    ALICE,
    BAD_PASSWORD,
    BOB,
    FAR,
    MESSAGE,
    Script,
    actor,
    channel,
    deliver,
    login_rule,
    plain,
    submission,
)  # fmt: skip


def keywords(script: Script) -> list[str]:
    return [line[4:] for line in script.say("EHLO poste")][1:]


def test_ehlo_tells_each_extension_once() -> None:
    assert keywords(submission(logged_in=False)) == [
        "PIPELINING", "SIZE 26214400", "AUTH PLAIN LOGIN", "ENHANCEDSTATUSCODES", "8BITMIME",
        "SMTPUTF8", "DSN", "HELP",
    ]  # fmt: skip


def test_before_tls_starttls_is_offered_and_auth_is_not() -> None:
    found = keywords(submission(logged_in=False, where=channel(tls="")))
    assert "STARTTLS" in found
    assert not [each for each in found if each.startswith("AUTH")]


def test_after_starttls_auth_is_offered_and_starttls_is_not() -> None:
    script = submission(logged_in=False, where=channel(tls=""))
    script.say("EHLO poste")
    assert script.say("STARTTLS") == ["220 2.0.0 Ready to start TLS"]
    found = keywords(script)
    assert "AUTH PLAIN LOGIN" in found
    assert "STARTTLS" not in found


def test_what_was_said_before_starttls_is_forgotten() -> None:
    script = submission(logged_in=False, where=channel(tls=""))
    script.say("EHLO poste")
    script.say("STARTTLS")
    assert script.say(f"AUTH PLAIN {plain('good')}") == ["503 5.5.1 EHLO first"]


def test_commands_pipelined_behind_starttls_are_thrown_away() -> None:
    script = submission(logged_in=False, where=channel(tls=""))
    script.say("EHLO poste")
    assert script.say("STARTTLS\nEHLO attacker\nNOOP") == ["220 2.0.0 Ready to start TLS"]
    assert script.say("NOOP") == ["250 2.0.0 OK"]


@pytest.mark.parametrize("command", ["MAIL FROM:<a@op1.mssante.test>", "RCPT TO:<a@b.test>",
                                     "DATA", "VRFY a@b.test"])  # fmt: skip
def test_before_tls_nothing_of_a_message_is_taken(command: str) -> None:
    script = submission(logged_in=False, where=channel(tls=""))
    script.say("EHLO poste")
    assert script.codes(command) == ["530 5.7.0"]
    assert script.rules == ["smtp-tls-needed"]


def test_auth_before_tls_is_refused() -> None:
    script = submission(logged_in=False, where=channel(tls=""))
    script.say("EHLO poste")
    assert script.codes(f"AUTH PLAIN {plain('good')}") == ["538 5.7.11"]
    assert script.logins == []


def test_mail_before_login_is_refused_and_the_journal_knows_why() -> None:
    script = submission(logged_in=False)
    script.say("EHLO poste")
    assert script.codes(f"MAIL FROM:<{ALICE}>") == ["530 5.7.0"]
    refused = script.refusals()[0]
    assert refused["reason"] == "smtp-login-needed"
    assert all(refused[each] for each in ("fr", "en", "clause", "remedy_fr", "remedy_en"))


# AUTH


def test_auth_with_initial_response() -> None:
    script = submission(logged_in=False)
    script.say("EHLO poste")
    assert script.codes(f"AUTH PLAIN {plain('good')}") == ["235 2.7.0"]


def test_auth_with_continuation() -> None:
    script = submission(logged_in=False)
    script.say("EHLO poste")
    assert script.say("AUTH PLAIN") == ["334 "]
    assert script.codes(plain("good")) == ["235 2.7.0"]


def test_auth_login_asks_for_name_and_password() -> None:
    script = submission(logged_in=False)
    script.say("EHLO poste")
    name, password = (base64.b64encode(each).decode() for each in (ALICE.encode(), b"good"))
    assert script.say("auth login") == ["334 VXNlcm5hbWU6"]
    assert script.say(name) == ["334 UGFzc3dvcmQ6"]
    assert script.codes(password) == ["235 2.7.0"]


def test_a_token_of_several_kilobytes_fits_in_the_line() -> None:
    script = submission(logged_in=False, where=channel(mechanisms=(SaslName.XOAUTH2,)))
    script.say("EHLO poste")
    script.login = lambda _: Accepted(actor=actor())
    token = base64.b64encode(f"user={ALICE}\1auth=Bearer {'x' * 7000}\1\1".encode()).decode()
    assert script.codes(f"AUTH XOAUTH2 {token}") == ["235 2.7.0"]


def test_a_token_over_the_limit_is_refused_and_the_connection_goes_on() -> None:
    script = submission(logged_in=False, where=channel(mechanisms=(SaslName.XOAUTH2,)))
    script.say("EHLO poste")
    assert script.codes("AUTH XOAUTH2 " + "x" * 12_300) == ["500 5.5.2"]
    assert script.codes("NOOP") == ["250 2.0.0"]


def test_other_command_lines_stay_short() -> None:
    script = submission()
    assert script.codes("NOOP " + "x" * 505) == ["250 2.0.0"]
    assert script.codes("NOOP " + "x" * 506) == ["500 5.5.2"]


def test_a_wrong_password_gets_535_and_may_be_followed_by_the_right_one() -> None:
    script = submission(logged_in=False)
    script.say("EHLO poste")
    assert script.say(f"AUTH PLAIN {plain('bad')}") == ["535 5.7.8 Authentication failed"]
    assert script.codes(f"AUTH PLAIN {plain('good')}") == ["235 2.7.0"]


def test_too_many_refused_logins_end_the_connection() -> None:
    script = submission(logged_in=False, limits=SmtpLimits(logins=2))
    script.say("EHLO poste")
    script.say(f"AUTH PLAIN {plain('bad')}")
    assert script.codes(f"AUTH PLAIN {plain('bad')}") == ["421 4.7.0"]
    assert script.closed is not None


def test_a_limited_login_ends_the_connection() -> None:
    script = submission(logged_in=False)
    script.say("EHLO poste")
    script.login = lambda _: Rejected(refusal=login_rule("limited", LoginAnswer.LIMITED))
    assert script.codes(f"AUTH PLAIN {plain('good')}") == ["421 4.7.0"]
    assert script.closed is not None


def test_a_challenge_comes_before_the_refusal_of_a_token() -> None:
    script = submission(logged_in=False, where=channel(mechanisms=(SaslName.XOAUTH2,)))
    script.say("EHLO poste")
    script.login = lambda _: Rejected(refusal=BAD_PASSWORD, challenge=b'{"status":"401"}')
    token = base64.b64encode(f"user={ALICE}\1auth=Bearer x\1\1".encode()).decode()
    assert script.say(f"AUTH XOAUTH2 {token}") == ["334 eyJzdGF0dXMiOiI0MDEifQ=="]
    assert script.codes("") == ["535 5.7.8"]
    assert script.codes("NOOP") == ["250 2.0.0"]


def test_a_cancelled_login_is_over() -> None:
    script = submission(logged_in=False)
    script.say("EHLO poste")
    script.say("AUTH PLAIN")
    assert script.codes("*") == ["501 5.7.0"]
    assert script.logins == []


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("AUTH", "501 5.5.4"),
        ("AUTH CRAM-MD5", "504 5.5.4"),
        ("AUTH EXTERNAL =", "504 5.5.4"),
        ("AUTH PLAIN not-base64", "501 5.5.2"),
        ("AUTH PLAIN a b", "501 5.5.4"),
        ("AUTH PLAIN " + base64.b64encode(b"one part").decode(), "501 5.5.2"),
    ],
)
def test_auth_that_is_malformed_or_not_offered(command: str, code: str) -> None:
    script = submission(logged_in=False)
    script.say("EHLO poste")
    assert script.codes(command) == [code]
    assert script.logins == []


def test_auth_comes_once_and_not_within_a_message() -> None:
    script = submission()
    assert script.codes(f"AUTH PLAIN {plain('good')}") == ["503 5.5.1"]


def test_external_is_offered_to_who_has_a_certificate_only() -> None:
    both = (SaslName.PLAIN, SaslName.EXTERNAL)
    assert "AUTH PLAIN" in keywords(submission(logged_in=False, where=channel(mechanisms=both)))
    with_card = channel(mechanisms=both, certificate=b"DER")
    assert "AUTH PLAIN EXTERNAL" in keywords(submission(logged_in=False, where=with_card))


def test_what_is_pipelined_while_a_login_is_held_waits() -> None:
    script = submission(logged_in=False)
    script.say("EHLO poste")
    script.hold = AskWho
    assert script.say(f"AUTH PLAIN {plain('good')}") == []
    assert script.say("NOOP") == []
    script.hold = None
    assert script.held is not None
    script.answer(script.held)
    assert script.go() == ["235 2.7.0 Authentication successful", "250 2.0.0 OK"]


# The certificate alone


def alone(**changes: object) -> Script:
    where = channel(mechanisms=(SaslName.NONE, SaslName.EXTERNAL), certificate=b"DER", **changes)
    script = submission(logged_in=False, where=where, required=True)
    script.login = lambda _: Accepted(actor=actor())
    script.say("EHLO poste")
    return script


def test_a_certificate_alone_logs_in_at_the_first_mail() -> None:
    script = alone()
    assert script.codes(f"MAIL FROM:<{ALICE}>") == ["250 2.1.0"]
    assert script.logins == [CertificateCredentials(mechanism=SaslName.NONE, authzid=ALICE)]
    assert script.codes(f"RCPT TO:<{FAR}>") == ["250 2.1.5"]
    assert len(script.logins) == 1


def test_a_certificate_alone_does_not_send_for_another() -> None:
    script = alone()
    other = login_rule("not-a-holder", LoginAnswer.NOT_AUTHORIZED)
    script.login = lambda _: Rejected(refusal=other)
    assert script.codes(f"MAIL FROM:<{BOB}>") == ["553 5.7.1"]


def test_where_a_certificate_alone_is_refused_authentication_is_asked_for() -> None:
    script = alone()
    script.login = lambda _: Rejected(refusal=BAD_PASSWORD)
    assert script.codes(f"MAIL FROM:<{ALICE}>") == ["530 5.7.0"]
    assert script.codes(f"RCPT TO:<{FAR}>") == ["503 5.5.1"]


def test_a_missing_certificate_is_refused_in_words_at_the_greeting() -> None:
    script = submission(required=True, logged_in=False)
    assert script.greeting == ["554 5.7.0 A client certificate is required here"]
    assert script.codes("EHLO poste") == ["554 5.7.0"]
    assert script.rules == ["certificate-missing"]
    assert script.codes("QUIT") == ["221 2.0.0"]


def test_a_missing_certificate_is_refused_in_words_after_starttls() -> None:
    script = submission(required=True, logged_in=False, where=channel(tls=""))
    assert script.greeting[0].startswith("220 ")
    script.say("EHLO poste")
    script.say("STARTTLS")
    assert script.codes("EHLO poste") == ["554 5.7.0"]


# Who may send


def test_a_message_is_handed_over_with_its_envelope() -> None:
    script = submission()
    script.say(f"MAIL FROM:<{ALICE}> BODY=8BITMIME RET=HDRS ENVID=a+20b SIZE=100")
    script.say(f"RCPT TO:<{FAR}> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;{FAR}")
    script.say("DATA")
    assert script.say(MESSAGE + b".\r\n") == ["250 2.0.0 Accepted as X"]
    envelope, content = script.posts[0]
    assert content == MESSAGE
    assert (envelope.ret, envelope.envid, envelope.body) == ("HDRS", "a+20b", "8BITMIME")
    recipient = envelope.recipients[0]
    assert (recipient.address, recipient.notify) == (FAR, ("SUCCESS", "DELAY"))
    assert recipient.orcpt == f"rfc822;{FAR}"


def test_the_envelope_sender_owns_the_mailbox_in_whatever_case() -> None:
    assert deliver(submission(), sender=ALICE.upper()).startswith("250 ")


def test_a_spoofed_envelope_sender_is_refused() -> None:
    script = submission()
    assert script.codes(f"MAIL FROM:<{BOB}>") == ["553 5.7.1"]
    assert script.rules == ["smtp-sender-not-owner"]


@pytest.mark.parametrize(
    "header",
    [
        f'From: "{BOB}" <{ALICE}>\r\n',
        f"From: {ALICE} ({BOB})\r\n",
        f"From: {ALICE}\r\nSender: =?utf-8?b?4oCuYm9i?= <{ALICE}>\r\n",
    ],
)
def test_a_name_that_shows_someone_else_is_refused(header: str) -> None:
    script = submission()
    assert deliver(script, f"{header}\r\nBonjour\r\n".encode()).startswith("550 5.7.1 ")
    assert script.rules == ["smtp-name-misleads"]
    assert script.posts == []


@pytest.mark.parametrize(
    "header",
    [
        f"From: {BOB}\r\n",
        f"From: {ALICE}, {BOB}\r\n",
        f'From: "{ALICE}" <{BOB}>\r\n',
        f"From: {ALICE}\r\nSender: {BOB}\r\n",
        f"From: {ALICE}\r\nResent-From: {BOB}\r\n",
        f"FROM : {BOB}\r\n",
        f"From:\r\n {BOB}\r\n",
    ],
)
def test_a_spoofed_from_is_refused(header: str) -> None:
    script = submission()
    assert deliver(script, f"{header}\r\nBonjour\r\n".encode()).startswith("550 5.7.1 ")
    assert script.rules == ["smtp-from-not-owner"]
    assert script.posts == []


@pytest.mark.parametrize(
    "content",
    [
        f"From: {ALICE}\r\nFrom: {BOB}\r\n\r\n",
        "Subject: no author\r\n\r\n",
        "no header at all\r\n",
        "\r\nbody only\r\n",
        f"From: {ALICE} <{BOB}>\r\n\r\n",
        f"From: <{ALICE}\r\n\r\n",
        f" folded first\r\nFrom: {ALICE}\r\n\r\n",
        "From: undisclosed:;\r\n\r\n",
    ],
)
def test_a_header_that_two_readers_may_read_differently_is_refused(content: str) -> None:
    script = submission()
    assert deliver(script, content.encode()).startswith("550 5.6.0 ")
    assert script.rules == ["smtp-header"]
    assert script.posts == []


def test_raw_utf8_in_the_header_needs_smtputf8() -> None:
    content = f"From: Hélène <{ALICE}>\r\n\r\n".encode()
    script = submission()
    assert deliver(script, content).startswith("550 5.6.7 ")
    script.say(f"MAIL FROM:<{ALICE}> SMTPUTF8")
    script.say(f"RCPT TO:<{FAR}>")
    script.say("DATA")
    assert script.codes(content + b".\r\n") == ["250 2.0.0"]
    assert script.posts[0][0].smtputf8


def test_the_null_sender_is_for_notifications() -> None:
    script = submission()
    assert deliver(script, sender="").startswith("550 5.7.1 ")
    assert script.rules == ["smtp-null-sender"]
    report = (
        f"From: {ALICE}\r\nContent-Type: multipart/report;\r\n"
        ' report-type=disposition-notification; boundary="b"\r\n\r\n--b--\r\n'
    ).encode()
    assert deliver(script, report, sender="").startswith("250 ")


# To whom


def test_a_domain_off_the_list_is_refused() -> None:
    script = submission()
    script.say(f"MAIL FROM:<{ALICE}>")
    assert script.codes("RCPT TO:<x@example.org>") == ["550 5.7.1"]
    assert script.rules == ["relay-domain-unlisted"]


def test_an_unknown_mailbox_here_is_told_after_the_login() -> None:
    script = submission()
    script.say(f"MAIL FROM:<{ALICE}>")
    assert script.codes("RCPT TO:<nobody@op1.mssante.test>") == ["550 5.1.1"]
    assert script.codes(f"RCPT TO:<{BOB}>") == ["250 2.1.5"]


def test_a_search_for_mailboxes_ends_the_connection() -> None:
    script = submission(limits=SmtpLimits(errors=3))
    script.say(f"MAIL FROM:<{ALICE}>")
    found = [script.codes(f"RCPT TO:<n{i}@op1.mssante.test>")[-1] for i in range(3)]
    assert found == ["550 5.1.1", "550 5.1.1", "421 4.7.0"]


def test_postmaster_needs_no_domain() -> None:
    script = submission()
    script.say(f"MAIL FROM:<{ALICE}>")
    assert script.codes("RCPT TO:<Postmaster>") == ["250 2.1.5"]


def test_the_journal_keeps_who_was_refused_what_and_in_what_words() -> None:
    script = submission()
    script.say(f"MAIL FROM:<{ALICE}>\nRCPT TO:<nobody@op1.mssante.test>\nRCPT TO:nobody")
    unknown, syntax = script.refusals()
    assert unknown["mailbox"] == ALICE
    assert unknown["identity"] == actor().identity
    assert unknown["recipient"] == "nobody@op1.mssante.test"
    assert unknown["reply"] == "550 No such mailbox here"
    assert syntax["reason"] == "smtp-syntax"
    assert syntax["reply"] == "501 Bad recipient: the path is not in angle brackets"


def test_a_refused_login_is_left_to_the_authenticators_journal() -> None:
    script = submission(logged_in=False)
    script.say("EHLO poste")
    script.say(f"AUTH PLAIN {plain('bad')}")
    assert script.rules == []


# Ends


def test_a_session_ends_with_its_token() -> None:
    script = submission()
    script.dialogue.expire()  # type: ignore[attr-defined]
    assert script.go() == ["421 4.7.0 Authentication expired, log in again"]
    assert script.closed is not None


def test_a_message_half_received_when_the_token_ends_is_refused() -> None:
    script = submission()
    for line in (f"MAIL FROM:<{ALICE}>", f"RCPT TO:<{FAR}>", "DATA"):
        script.say(line)
    script.say(MESSAGE)
    script.dialogue.expire()  # type: ignore[attr-defined]
    assert script.go() == []
    assert script.codes(b".\r\n") == ["421 4.7.0"]
    assert script.posts == []


def test_a_message_being_stored_when_the_token_ends_is_answered_first() -> None:
    script = submission()
    script.hold = Post
    deliver_lines = (f"MAIL FROM:<{ALICE}>", f"RCPT TO:<{FAR}>", "DATA")
    for line in deliver_lines:
        script.say(line)
    script.say(MESSAGE + b".\r\n")
    script.dialogue.expire()  # type: ignore[attr-defined]
    script.hold = None
    assert script.held is not None
    script.answer(script.held)
    assert [line[:9] for line in script.go()] == ["250 2.0.0", "421 4.7.0"]


def test_a_client_has_to_log_in_before_long() -> None:
    script = submission(logged_in=False, limits=SmtpLimits(login_seconds=60))
    script.clock.at += 59
    script.say("NOOP")
    assert script.dialogue.deadline == 1060.0
    script.dialogue.time_out()
    assert script.go() == ["421 4.4.2 Timeout"]


def test_a_message_that_cannot_be_kept_is_refused_for_now_and_journaled() -> None:
    script = submission()
    script.full = True
    assert deliver(script).startswith("451 4.3.0 ")
    last = script.journal.since()[-1]
    assert (last["reason"], last["detail"], last["mailbox"]) == ("smtp-storage", "disk full", ALICE)
