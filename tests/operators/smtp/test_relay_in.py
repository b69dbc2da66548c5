"""The inbound relay: listed operators only, for our mailboxes only."""

from __future__ import annotations

from tests.operators.smtp.scripted import (
    BOB,
    FAR,
    NOT_YOURS,
    channel,
    deliver,
    relay,
    rule,
)  # fmt: skip

THEIRS = f"From: {FAR}\r\nSubject: essai\r\n\r\nBonjour\r\n".encode()


def clear() -> object:
    return channel(tls="", protocol="relay", mechanisms=(), certificate=None)


def test_a_listed_relay_delivers_to_our_mailboxes() -> None:
    script = relay()
    assert deliver(script, THEIRS, sender=FAR, to=BOB).startswith("250 ")
    assert script.posts[0][0].reverse_path == FAR


def test_tls_comes_first() -> None:
    script = relay(where=channel(tls="", protocol="relay", mechanisms=()))
    assert "250-STARTTLS" in script.say("EHLO relay.op2.mssante.test")
    assert script.codes(f"MAIL FROM:<{FAR}>") == ["530 5.7.0"]


def test_auth_is_no_command_here() -> None:
    script = relay()
    assert not [each for each in script.say("EHLO r.op2.test") if "AUTH" in each]
    assert script.codes("AUTH PLAIN") == ["500 5.5.2"]


def test_a_relay_without_certificate_is_refused_in_words() -> None:
    script = relay(where=channel(protocol="relay", mechanisms=()), greeted=False)
    assert script.greeting == ["554 5.7.0 A client certificate is required here"]


def test_a_certificate_that_proves_no_operator_is_refused() -> None:
    script = relay()
    script.peer = NOT_YOURS
    assert script.codes(f"MAIL FROM:<{FAR}>") == ["550 5.7.1"]
    assert script.rules == [NOT_YOURS.name]


def test_a_certificate_that_cannot_be_checked_now_is_put_off() -> None:
    script = relay()
    script.peer = rule("revocation-unknown", 451)
    assert script.codes(f"MAIL FROM:<{FAR}>") == ["451 4.7.1"]


def test_a_sender_of_another_operators_domain_is_refused() -> None:
    script = relay()
    assert script.codes("MAIL FROM:<x@op3.mssante.test>") == ["550 5.7.1"]
    assert script.rules == [NOT_YOURS.name]


def test_a_from_of_another_operators_domain_is_refused() -> None:
    script = relay()
    content = b"From: x@op3.mssante.test\r\n\r\n"
    assert deliver(script, content, sender=FAR, to=BOB).startswith("550 5.7.1 ")
    assert script.rules == ["smtp-from-not-listed"]
    assert script.posts == []


def test_a_name_that_shows_someone_else_is_refused() -> None:
    script = relay()
    content = f'From: "{BOB}" <{FAR}>\r\n\r\n'.encode()
    assert deliver(script, content, sender=FAR, to=BOB).startswith("550 5.7.1 ")
    assert script.rules == ["smtp-name-misleads"]


def test_this_is_no_open_relay() -> None:
    script = relay()
    script.say(f"MAIL FROM:<{FAR}>")
    assert script.codes("RCPT TO:<x@op3.mssante.test>") == ["550 5.7.1"]
    assert script.codes("RCPT TO:<x@example.org>") == ["550 5.7.1"]
    assert script.rules == ["smtp-recipient-not-ours"] * 2


def test_percent_and_bang_routes_are_local_parts() -> None:
    script = relay()
    script.say(f"MAIL FROM:<{FAR}>")
    for local in ("x%example.org", "example.org!x"):
        assert script.codes(f"RCPT TO:<{local}@op1.mssante.test>") == ["550 5.1.1"]
    assert script.codes("RCPT TO:<@op1.mssante.test:x@example.org>") == ["550 5.7.1"]


def test_an_unknown_mailbox_is_told() -> None:
    script = relay()
    script.say(f"MAIL FROM:<{FAR}>")
    assert script.codes("RCPT TO:<nobody@op1.mssante.test>") == ["550 5.1.1"]


def test_the_null_sender_is_taken() -> None:
    content = b"From: MAILER-DAEMON@op2.mssante.test\r\n\r\n"
    assert deliver(relay(), content, sender="", to=BOB).startswith("250 ")
