"""Notifications: when one is due, and what machines and people read in it."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage, Message
from typing import cast

import pytest

from sandbox.operators.mail import Action, Envelope, Outcome, Recipient
from sandbox.operators.post.dsn import Reporter, is_due, notification

SENDER = "anne@op1.mssante.test"
REPORTER = Reporter("mx.op1.mssante.test", "mailer-daemon@op1.mssante.test")
CONTENT = b"From: <anne@op1.mssante.test>\r\nMessage-ID: <m1@op1>\r\nSubject: CR\r\n\r\nbody\r\n"
REPLY = "550 5.1.1 <bob@op2.mssante.test> no such user here"


def outcome(
    action: Action = Action.FAILED, *, address: str = "bob@op2.mssante.test",
    notify: tuple[str, ...] = (), orcpt: str = "", reply: str = REPLY, until: float | None = None,
) -> Outcome:  # fmt: skip
    return Outcome(
        recipient=Recipient(address=address, notify=notify, orcpt=orcpt), action=action,
        status="5.1.1", french="Refusé là-bas.", english="Refused there.", reply=reply,
        remote="mx.op2.mssante.test", at=1_000_000_100, retry_until=until,
    )  # fmt: skip


def report(
    *outcomes: Outcome, sender: str = SENDER, content: bytes = CONTENT, ret: str = "",
    envid: str = "", smtputf8: bool = False,
) -> tuple[Envelope, bytes]:  # fmt: skip
    about = Envelope(
        reverse_path=sender, recipients=tuple(each.recipient for each in outcomes), ret=ret,
        envid=envid, smtputf8=smtputf8,
    )  # fmt: skip
    return notification(
        about, content, outcomes or (outcome(),), reporter=REPORTER, queue_id="Q1",
        accepted_at=1_000_000_000, now=1_000_000_200,
    )  # fmt: skip


def parsed(data: bytes) -> tuple[EmailMessage, list[Message]]:
    message = cast(EmailMessage, email.message_from_bytes(data, policy=email.policy.SMTP))
    assert not message.defects
    return message, list(message.iter_parts())


def fields(data: bytes) -> list[dict[str, str]]:
    """The groups of the machine-readable part."""
    _, parts = parsed(data)
    return [
        {k: str(v) for k, v in group.items()}
        for group in cast(list[Message], parts[1].get_payload())
    ]


@pytest.mark.parametrize(
    ("notify", "due"),
    [
        ((), {Action.FAILED, Action.DELAYED}),
        (("NEVER",), set()),
        (("FAILURE",), {Action.FAILED}),
        (("DELAY",), {Action.DELAYED}),
        (("SUCCESS",), {Action.DELIVERED, Action.RELAYED}),
        (("SUCCESS", "FAILURE"), {Action.FAILED, Action.DELIVERED, Action.RELAYED}),
        (("SUCCESS", "FAILURE", "DELAY"), set(Action)),
    ],
)
def test_notify_says_what_the_sender_is_told(notify: tuple[str, ...], due: set[Action]) -> None:
    recipient = Recipient(address="b@op2.mssante.test", notify=notify)
    about = Envelope(reverse_path=SENDER, recipients=(recipient,))
    assert {action for action in Action if is_due(about, recipient, action)} == due


@pytest.mark.parametrize("notify", [(), ("SUCCESS", "FAILURE", "DELAY")])
def test_a_notification_is_never_answered(notify: tuple[str, ...]) -> None:
    recipient = Recipient(address="b@op2.mssante.test", notify=notify)
    about = Envelope(reverse_path="", recipients=(recipient,))
    assert not any(is_due(about, recipient, action) for action in Action)


def test_it_goes_to_the_sender_from_nobody_and_asks_for_no_notification() -> None:
    envelope, _ = report()
    assert envelope.reverse_path == ""
    assert envelope.recipients == (Recipient(address=SENDER, notify=("NEVER",)),)
    assert (envelope.body, envelope.smtputf8) == ("7BIT", False)


def test_it_is_a_report_of_three_parts_in_ascii_lines_that_end_in_crlf() -> None:
    _, data = report()
    message, parts = parsed(data)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert [part.get_content_type() for part in parts] == [
        "text/plain", "message/delivery-status", "text/rfc822-headers",
    ]  # fmt: skip
    assert data.isascii()
    assert data.count(b"\n") == data.count(b"\r\n") == data.count(b"\r")
    assert max(len(line) for line in data.split(b"\r\n")) <= 78


def test_its_header_says_who_reports_to_whom_about_which_message() -> None:
    message, _ = parsed(report()[1])
    assert message["From"] == "Mail Delivery System <mailer-daemon@op1.mssante.test>"
    assert message["To"] == SENDER
    assert message["Subject"] == "Message non remis / Undelivered mail"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["In-Reply-To"] == message["References"] == "<m1@op1>"
    assert message["Date"] == "Sun, 09 Sep 2001 01:50:00 -0000"


def test_the_machine_reads_status_reply_and_times() -> None:
    top, each = fields(report()[1])
    assert top == {
        "Reporting-MTA": "dns; mx.op1.mssante.test",
        "Arrival-Date": "Sun, 09 Sep 2001 01:46:40 -0000",
    }
    assert each == {
        "Final-Recipient": "rfc822; bob@op2.mssante.test",
        "Action": "failed",
        "Status": "5.1.1",
        "Remote-MTA": "dns; mx.op2.mssante.test",
        "Diagnostic-Code": f"smtp; {REPLY}",
        "Last-Attempt-Date": "Sun, 09 Sep 2001 01:48:20 -0000",
    }


def test_what_the_sender_gave_comes_back_decoded() -> None:
    _, data = report(outcome(orcpt="rfc822;Bob+2Bx@op2.mssante.test"), envid="QQ+2B3")
    top, each = fields(data)
    assert top["Original-Envelope-Id"] == "QQ+3"
    assert each["Original-Recipient"] == "rfc822; Bob+x@op2.mssante.test"


def test_each_recipient_has_its_group() -> None:
    _, data = report(outcome(), outcome(address="c@op2.mssante.test", reply=""))
    assert [group.get("Final-Recipient") for group in fields(data)] == [
        None, "rfc822; bob@op2.mssante.test", "rfc822; c@op2.mssante.test",
    ]  # fmt: skip
    assert "Diagnostic-Code" not in fields(data)[2]


def test_recipients_who_want_no_notification_are_left_out() -> None:
    _, data = report(outcome(), outcome(address="c@op2.mssante.test", notify=("NEVER",)))
    assert b"c@op2.mssante.test" not in data


def test_a_delay_says_until_when_attempts_go_on() -> None:
    _, data = report(outcome(Action.DELAYED, until=1_000_432_000))
    assert fields(data)[1]["Will-Retry-Until"] == "Fri, 14 Sep 2001 01:46:40 -0000"


@pytest.mark.parametrize(
    ("action", "notify", "french", "english"),
    [
        (Action.FAILED, (), "n'a pas pu être remis", "could not be delivered"),
        (Action.DELAYED, (), "attend encore d'être remis", "still waiting to be delivered"),
        (Action.DELIVERED, ("SUCCESS",), "a été déposé dans la boîte", "was put into the mailbox"),
        (Action.RELAYED, ("SUCCESS",), "a été transmis à un relais", "was passed to a relay"),
    ],
)
def test_a_person_reads_french_then_english(
    action: Action, notify: tuple[str, ...], french: str, english: str
) -> None:
    _, parts = parsed(report(outcome(action, notify=notify))[1])
    text = cast(EmailMessage, parts[0]).get_content()
    assert text.index(french) < text.index("Refusé là-bas.") < text.index(english)
    assert text.index("bob@op2.mssante.test") < text.index("Refused there.")
    assert f"mx.op2.mssante.test a répondu : {REPLY}" in text
    assert fields(report(outcome(action, notify=notify))[1])[1]["Action"] == action


@pytest.mark.parametrize(
    ("action", "ret", "kind"),
    [
        (Action.FAILED, "", "text/rfc822-headers"),
        (Action.FAILED, "HDRS", "text/rfc822-headers"),
        (Action.FAILED, "FULL", "message/rfc822"),
        (Action.DELAYED, "FULL", "text/rfc822-headers"),
        (Action.DELIVERED, "FULL", "text/rfc822-headers"),
    ],
)
def test_the_whole_message_comes_back_only_for_a_failure_that_asked_so(
    action: Action, ret: str, kind: str
) -> None:
    notify = ("SUCCESS", "DELAY", "FAILURE")
    _, data = report(outcome(action, notify=notify), ret=ret)
    assert parsed(data)[1][2].get_content_type() == kind
    assert (b"\r\n\r\nbody\r\n" in data) is (kind == "message/rfc822")
    assert b"Subject: CR\r\n" in data


def test_an_8_bit_message_comes_back_as_it_was() -> None:
    content = CONTENT.replace(b"body", "corps : été".encode())
    envelope, data = report(content=content, ret="FULL")
    assert envelope.body == "8BITMIME"
    assert content in data
    assert parsed(data)[1][2]["Content-Transfer-Encoding"] == "8bit"


def test_international_headers_and_addresses_have_types_of_their_own() -> None:
    content = CONTENT.replace(b"Subject: CR", "Subject: Été".encode())
    envelope, data = report(
        outcome(address="hélène@op2.mssante.test"), sender="andré@op1.mssante.test",
        content=content, smtputf8=True,
    )  # fmt: skip
    assert (envelope.smtputf8, envelope.body) == (True, "8BITMIME")
    assert b"Content-Type: message/global-delivery-status\r\n" in data
    assert b"Content-Type: message/global-headers\r\n" in data
    assert "Final-Recipient: utf-8; hélène@op2.mssante.test\r\n".encode() in data
    _, data = report(content=content, smtputf8=True, ret="FULL")
    assert b"Content-Type: message/global\r\n" in data


def test_an_ascii_sender_of_an_international_message_can_be_told_without_smtputf8() -> None:
    envelope, _ = report(outcome(address="hélène@op2.mssante.test"), smtputf8=True)
    assert not envelope.smtputf8


def test_headers_in_an_old_charset_come_back_as_they_were() -> None:
    content = CONTENT.replace(b"Subject: CR", b"Subject: \xe9t\xe9")
    _, data = report(content=content)
    assert b"Subject: \xe9t\xe9\r\n" in data
    assert b"Content-Type: text/rfc822-headers\r\n" in data


@pytest.mark.parametrize(
    "hostile",
    ["550 a\r\nAction: delivered", "550 a\n\n--boundary", "550 " + "x" * 5000, "550 \x00\x1b[2J é"],
)
def test_a_hostile_reply_stays_in_its_field(hostile: str) -> None:
    _, data = report(outcome(reply=hostile))
    groups = fields(data)
    assert len(groups) == 2
    assert groups[1]["Action"] == "failed"
    assert groups[1]["Diagnostic-Code"].startswith("smtp; 550")
    assert len(groups[1]["Diagnostic-Code"]) < 1000
    assert parsed(data)[1][1].as_bytes().isascii()


def test_hostile_orcpt_and_envid_stay_in_their_fields() -> None:
    _, data = report(outcome(orcpt="rfc822;a+0D+0AAction:x"), envid="e+0D+0AStatus:x")
    top, each = fields(data)
    assert top["Original-Envelope-Id"] == "e??Status:x"
    assert each["Original-Recipient"] == "rfc822; a??Action:x"


def test_a_message_that_holds_the_boundary_does_not_end_the_report() -> None:
    _, first = report(ret="FULL")
    boundary = parsed(first)[0].get_boundary()
    _, data = report(ret="FULL", content=CONTENT + f"--{boundary}--\r\n".encode())
    assert len(parsed(data)[1]) == 3


def test_a_message_without_header_end_or_identifier_is_reported_all_the_same() -> None:
    message, parts = parsed(report(content=b"Subject: alone\r\n")[1])
    assert message["In-Reply-To"] is None
    assert len(parts) == 3


def test_the_same_outcome_at_the_same_instant_gives_the_same_bytes() -> None:
    assert report() == report()
