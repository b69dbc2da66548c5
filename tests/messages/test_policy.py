"""A subject arrives as it was written, wherever it is folded."""

from __future__ import annotations

from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage

from hypothesis import given
from hypothesis import strategies as st

from sandbox.messages.facts import header_fields
from sandbox.messages.policy import MAIL
from sandbox.messages.receipts import make_receipt

WORDS = st.sampled_from(
    ["ŒUVRE-TEST", "BÉRÉNICE", "D'ESSAI", "CR", "d'examens", "XDM/1.0/DDM+CR", "19/02/2016", "é"]
)
SUBJECTS = st.lists(WORDS, min_size=1, max_size=20).map(" ".join)


def subject(content: bytes) -> str:
    """Return what a reader of RFC 2047 shows."""
    raw = str(header_fields(content)["Subject"]).replace("\r\n", "").replace("\n", "")
    return str(make_header(decode_header(raw)))


@given(written=SUBJECTS)
def test_no_space_of_a_subject_is_lost_and_no_line_is_too_long(written: str) -> None:
    message = EmailMessage(policy=MAIL)
    message["Subject"] = written
    message.set_content(".")
    content = message.as_bytes()
    assert subject(content) == written
    assert max(map(len, content.split(b"\r\n"))) <= 78


@given(written=SUBJECTS)
def test_a_receipt_has_the_subject_of_its_message(written: str) -> None:
    message = EmailMessage(policy=MAIL)
    message["Subject"] = written
    message["Message-ID"] = "<1@x.test>"
    message.set_content(".")
    told = make_receipt(
        message.as_bytes(), mailbox="a@x.test", to="b@x.test", message_id="<2@x.test>",
        at=datetime(2026, 1, 5, tzinfo=UTC),
    )  # fmt: skip
    assert subject(told) == f"Lu : {written}"
