"""What is sent says who it is, so that what arrives can be checked."""

from __future__ import annotations

from sandbox.clients.letters import Ledger, content_of, read_letter
from sandbox.clients.plan import PlannedMessage

LETTER = PlannedMessage(number=7, recipients=("a@x.test", "b@x.test"))
CONTENT = content_of("run", "me@x.test", LETTER, 0.0)


def test_a_letter_says_its_run_and_number_and_that_it_is_whole() -> None:
    assert read_letter(CONTENT) == ("run", 7, True)


def test_headers_that_servers_add_do_not_matter() -> None:
    assert read_letter(b"Received: by mx\r\n" + CONTENT) == ("run", 7, True)


def test_a_changed_letter_is_seen() -> None:
    assert read_letter(CONTENT[:-4] + b"x\r\n") == ("run", 7, False)


def test_other_mail_is_none_of_ours() -> None:
    assert read_letter(b"Subject: hello\r\n\r\nhello\r\n") is None


def ledger() -> Ledger:
    return Ledger("run", {7: LETTER.recipients})


def test_what_is_not_in_a_mailbox_is_missing() -> None:
    book = ledger()
    book.found("a@x.test", [CONTENT])
    assert book.missing == [(7, "b@x.test")]


def test_what_is_there_twice_is_duplicated() -> None:
    book = ledger()
    book.found("a@x.test", [CONTENT, CONTENT])
    book.found("b@x.test", [CONTENT])
    assert (book.duplicated, book.missing) == (1, [])


def test_what_is_in_another_mailbox_is_a_stranger() -> None:
    book = ledger()
    book.found("c@x.test", [CONTENT])
    assert book.strangers == 1


def test_what_was_changed_is_spoiled() -> None:
    book = ledger()
    book.found("a@x.test", [CONTENT[:-4] + b"x\r\n"])
    assert book.spoiled == 1


def test_mail_of_another_run_does_not_count() -> None:
    book = ledger()
    book.found("a@x.test", [content_of("before", "me@x.test", LETTER, 0.0)])
    assert not book.seen
