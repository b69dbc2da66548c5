"""Receipts: asked, sent once, never in answer to a report; and what they say."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import SMTP
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.messages.receipts import (
    ERROR_CODES,
    Disposition,
    ReceiptVerdict,
    make_receipt,
    may_answer,
    read_receipt,
)
from sandbox.messages.rules import RuleBreachError
from tests.messages.made import AT, RECIPIENT, SENDER, delivered, good

ASKED = delivered(good(receipt=True))
TO: Any = {"mailbox": RECIPIENT, "to": SENDER, "at": AT, "message_id": "<r@cabinet.mssante.test>"}


def test_a_message_that_asks_is_answered_to_who_sent_it() -> None:
    answer = may_answer(ASKED, RECIPIENT)
    assert (answer.verdict, answer.to) == (ReceiptVerdict.SEND, SENDER)


@pytest.mark.parametrize(
    ("content", "mailbox", "answered", "verdict", "reason"),
    [
        (delivered(good()), RECIPIENT, False, ReceiptVerdict.NO, "not-asked"),
        (ASKED, RECIPIENT, True, ReceiptVerdict.NO, "answered"),
        (delivered(good(receipt=True), ""), RECIPIENT, False, ReceiptVerdict.NO, "automatic"),
        (
            ASKED.replace(b"MIME-Version", b"Auto-Submitted: auto-generated\r\nMIME-Version", 1),
            RECIPIENT,
            False,
            ReceiptVerdict.NO,
            "automatic",
        ),
        (
            ASKED.replace(b"ion-To: <labo@", b"ion-To: <a@b.test>, <labo@"),
            RECIPIENT,
            False,
            ReceiptVerdict.NO,
            "several-addresses",
        ),
        (ASKED, SENDER, False, ReceiptVerdict.NO, "to-itself"),
        (
            delivered(good(receipt=True), "autre@bio.mssante.test"),
            RECIPIENT,
            False,
            ReceiptVerdict.ASK,
            "other-address",
        ),
        (ASKED, "cache@cabinet.mssante.test", False, ReceiptVerdict.ASK, "not-named"),
    ],
)
def test_a_request_is_refused_or_put_to_the_person(
    content: bytes, mailbox: str, answered: bool, verdict: ReceiptVerdict, reason: str
) -> None:
    answer = may_answer(content, mailbox, answered=answered)
    assert (answer.verdict, answer.reason) == (verdict, reason)


@pytest.mark.parametrize("disposition", list(Disposition))
@given(path=st.sampled_from(["", SENDER, RECIPIENT]), asks=st.booleans())
def test_no_receipt_ever_answers_a_receipt(disposition: Disposition, path: str, asks: bool) -> None:
    """Even one that asks for a receipt itself, from a path that is not null."""
    content = make_receipt(ASKED, **TO, disposition=disposition)
    if asks:
        content = f"Disposition-Notification-To: <{RECIPIENT}>\r\n".encode() + content
    assert may_answer(delivered(content, path), SENDER).verdict is ReceiptVerdict.NO


@given(st.binary(max_size=400))
def test_without_a_request_no_receipt_is_sent(noise: bytes) -> None:
    content = noise.replace(b"isposition", b"x") + b"\r\n\r\n"
    assert may_answer(content, RECIPIENT).verdict is ReceiptVerdict.NO


@pytest.mark.parametrize("code", ["", *ERROR_CODES])
def test_a_receipt_says_what_was_said(code: str) -> None:
    receipt = read_receipt(make_receipt(ASKED, **TO, disposition=Disposition.PROCESSED, code=code))
    assert receipt.original == "<7@bio.mssante.test>"
    assert receipt.recipient == RECIPIENT
    assert (receipt.disposition, receipt.code) == (Disposition.PROCESSED, code)
    assert not receipt.manual


def test_a_failed_integration_returns_message_archive_and_copy() -> None:
    content = make_receipt(ASKED, **TO, disposition=Disposition.PROCESSED, code="904")
    message = message_from_bytes(content, policy=SMTP)
    assert str(message["Subject"]).startswith("[KO Intégration système !][904] XDM/1.0/DDM+")
    kinds = [part.get_content_type() for part in message.iter_parts()]
    assert kinds == [
        "text/plain", "message/disposition-notification", "message/rfc822", "application/zip",
        "application/pdf",
    ]  # fmt: skip


def test_a_read_receipt_returns_no_document() -> None:
    content = make_receipt(ASKED, **TO)
    assert b"application/zip" not in content.partition(b"text/rfc822-headers")[0]
    assert len(content) < 4_000
    assert b"\n" not in content.replace(b"\r\n", b"")


# As the volet of ANS prints it (with the words of its example for a failed integration).
PUBLISHED = b"""Date: Wed, 20 Feb 2024 00:19:00 -0400
From: serviceY_auto@chb.mssante.fr
Message-Id: <199509200019.12345@chb.mssante.fr>
Subject: [KO Integration][902] XDM/1.0/DDM+ECHOGRAPHIE CORSE FIGATELLIX 12/10/1988
To: serviceY@chb.mssante.fr
MIME-Version: 1.0
Content-Type: multipart/report; report-type=disposition-notification; boundary="RAA14128.773615765"

--RAA14128.773615765

Le document n'a pas pu etre integre.
--RAA14128.773615765
Content-Type: message/disposition-notification

Original-Recipient: rfc822;serviceY_auto@chb.mssante.fr
Final-Recipient: rfc822; serviceY_auto@chb.mssante.fr
Original-Message-ID: <199509192301.23456 >
Disposition:automatic-action/MDN-sent-automatically; processed/Error: 902^Identifiant de patient\
 inconnu^messageErrorCondition| E^Error^errorSeverity

--RAA14128.773615765--
"""


def test_the_published_acknowledgement_is_read() -> None:
    receipt = read_receipt(PUBLISHED)
    assert (receipt.code, receipt.disposition) == ("902", Disposition.PROCESSED)
    assert receipt.original == "<199509192301.23456>"
    assert receipt.recipient == "servicey_auto@chb.mssante.fr"


@given(st.binary(max_size=1500))
def test_what_is_no_receipt_is_refused_and_nothing_worse(content: bytes) -> None:
    with pytest.raises(RuleBreachError):
        read_receipt(b"Content-Type: multipart/report; report-type=disposition-notification;"
                     b" boundary=x\r\n\r\n--x\r\n" + content)  # fmt: skip
