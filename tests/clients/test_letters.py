"""What is sent says who it is, so that what arrives can be checked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.clients.letters import Ledger, content_of, read_letter
from sandbox.clients.plan import PlannedMessage
from sandbox.messages.check import check_message
from sandbox.messages.documents import size_of
from sandbox.messages.facts import facts_of
from sandbox.messages.receipts import Disposition, may_answer, read_receipt
from sandbox.messages.stock import SIZES, DocumentChoice, stock_document

DOCUMENT = DocumentChoice("11502-2", 0)
LETTER = PlannedMessage(number=7, recipients=("a@x.test", "b@x.test"), document=DOCUMENT)
CONTENT = content_of("run", "me@x.test", LETTER, 0.0)


def test_a_letter_says_its_run_and_number_and_that_it_is_whole() -> None:
    assert read_letter(CONTENT) == ("run", 7, True)


@pytest.mark.parametrize("size", [0, SIZES // 2])
def test_a_letter_is_a_health_message_without_a_finding(size: int) -> None:
    document = DocumentChoice("60591-5", size)
    letter = PlannedMessage(number=8, recipients=LETTER.recipients, document=document)
    content = content_of("run", "me@x.test", letter, 0.0)
    assert check_message(content).tree() == {"verdict": "pass", "findings": []}
    assert facts_of(content).codes == ("60591-5",)
    # The document and its copy, about three quarters of it, in base64 both.
    drawn = size_of((size + 0.5) / SIZES)
    assert 1.5 * drawn < len(content) < 2.4 * drawn + 30_000


def test_messages_about_one_document_differ_by_their_headers() -> None:
    other = replace(LETTER, number=9)
    first, second = (content_of("run", "me@x.test", each, 0.0) for each in (LETTER, other))
    assert first != second
    assert first.partition(b"\r\n\r\n")[2] == second.partition(b"\r\n\r\n")[2]


def test_documents_are_of_the_types_of_who_sends_and_of_the_size_that_is_drawn() -> None:
    assert DocumentChoice.drawn("laboratory", 0.5, 0.0) == DocumentChoice("11502-2", 0)
    assert DocumentChoice.drawn("ehpad", 0.99, 0.999) == DocumentChoice("74207-2", SIZES - 1)
    assert stock_document(DOCUMENT) is stock_document(DocumentChoice("11502-2", 0))


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


def test_a_receipt_is_for_the_message_that_was_read_and_complies() -> None:
    asked = replace(LETTER, receipt=True, recipients=("a@x.test",))
    message = content_of("run", "me@y.test", asked, 0.0)
    assert may_answer(b"Return-Path: <me@y.test>\r\n" + message, "a@x.test").to == "me@y.test"
    told = PlannedMessage(number=9, recipients=("me@y.test",), document=DOCUMENT, answers=7)
    content = content_of("run", "a@x.test", told, 60.0)
    assert check_message(content).tree() == {"verdict": "pass", "findings": []}
    receipt = read_receipt(content)
    assert (receipt.original, receipt.recipient) == (facts_of(message).message_id, "a@x.test")
    assert read_letter(content) == ("run", 9, True)


@pytest.mark.parametrize("code", ["", "903"])
def test_an_application_acknowledges_the_document_that_it_filed_or_says_why_not(code: str) -> None:
    told = PlannedMessage(
        number=9, recipients=("me@y.test",), document=DOCUMENT, answers=7, integration=code
    )
    content = content_of("run", "app@x.test", told, 60.0)
    assert check_message(content).tree() == {"verdict": "pass", "findings": []}
    receipt = read_receipt(content)
    assert receipt.original == "<run.7@y.test>"
    assert (receipt.disposition, receipt.code) == (Disposition.PROCESSED, code)
    assert b"IHE_XDM.ZIP" in content  # it returns the document
    assert read_letter(content) == ("run", 9, True)


def test_a_receipt_for_a_message_of_before_the_run_names_none_of_it() -> None:
    told = PlannedMessage(number=9, recipients=("me@y.test",), document=DOCUMENT, answers=0)
    assert (
        read_receipt(content_of("run", "a@x.test", told, 0.0)).original == "<run.before-9@y.test>"
    )
