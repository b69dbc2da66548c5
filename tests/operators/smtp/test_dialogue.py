"""The order of commands, their replies, and the bounds of a connection (RFC 5321)."""

from __future__ import annotations

import pytest

from sandbox.operators.refusals import MailRefusal
from sandbox.operators.room import ByteRoom
from sandbox.operators.smtp import refusals
from sandbox.operators.smtp.conversation import SmtpLimits
from sandbox.operators.smtp.events import Post, Reply
from tests.operators.smtp.scripted import ALICE, BOB, FAR, MESSAGE, deliver, submission
from tests.vocabulary import refusals_in

ALL = refusals_in(refusals, MailRefusal)


def test_the_greeting_names_the_host() -> None:
    assert submission(logged_in=False).greeting == ["220 smtp.op1.test ESMTP"]


def test_helo_gives_no_extensions() -> None:
    assert submission(logged_in=False).say("HELO poste") == ["250 smtp.op1.test"]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("EHLO", "501 5.5.4"),
        ("EHLO two words", "501 5.5.4"),
        ("EHLO [127.0.0.1]", "250 HELP"),
        ("HELO poste_1", "250 smtp.op1.test"),
        ("NOOP", "250 2.0.0"),
        ("NOOP anything", "250 2.0.0"),
        ("RSET", "250 2.0.0"),
        ("RSET now", "501 5.5.4"),
        ("VRFY", "501 5.5.4"),
        (f"VRFY {BOB}", "252 2.5.0"),
        ("VRFY nobody@op1.mssante.test", "252 2.5.0"),
        ("EXPN list", "502 5.5.1"),
        ("ETRN op1.mssante.test", "502 5.5.1"),
        ("HELP", "214 2.0.0"),
        ("TURN", "500 5.5.2"),
        ("", "500 5.5.2"),
        ("STARTTLS", "503 5.5.1"),
        ("QUIT", "221 2.0.0"),
        ("QUIT now", "501 5.5.4"),
        ("DATA", "503 5.5.1"),
        (f"RCPT TO:<{FAR}>", "503 5.5.1"),
        ("MAIL", "501 5.5.4"),
        ("MAIL FROM:", "501 5.1.7"),
        (f"MAIL FROM:{ALICE}", "501 5.1.7"),
        (f"mail from: <{ALICE}>", "250 2.1.0"),
        (f"MAIL FROM:<{ALICE}> SIZE=26214401", "552 5.3.4"),
        (f"MAIL FROM:<{ALICE}> SIZE=x", "501 5.5.4"),
        (f"MAIL FROM:<{ALICE}> BODY=BINARYMIME", "501 5.5.4"),
        (f"MAIL FROM:<{ALICE}> HOLDFOR=10", "555 5.5.4"),
        (f"MAIL FROM:<{ALICE}> RET=ALL", "501 5.5.4"),
        ("MAIL FROM:<hélène@op1.mssante.test>", "553 5.6.7"),
        ("MAIL FROM:<postmaster>", "501 5.1.7"),
        ("NOOP é", "501 5.5.4"),
    ],
)
def test_replies(command: str, code: str) -> None:
    assert submission().codes(command) == [code]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (f"MAIL FROM:<{ALICE}>", "503 5.5.1"),
        ("RCPT TO:<>", "501 5.1.3"),
        ("RCPT TO:<a@b@c.test>", "501 5.1.3"),
        (f"RCPT TO:<{FAR}> NOTIFY=NEVER,SUCCESS", "501 5.5.4"),
        (f"RCPT TO:<{FAR}> ORCPT=rfc822", "501 5.5.4"),
        (f"RCPT TO:<{FAR}> FOO=1", "555 5.5.4"),
        ("RCPT FROM:<a@op2.test>", "501 5.5.4"),
        ("RCPT TO:<é@op2.mssante.test>", "553 5.6.7"),
        ("DATA", "503 5.5.1"),
        ("DATA now", "501 5.5.4"),
        (f"AUTH PLAIN {ALICE}", "503 5.5.1"),
    ],
)
def test_replies_within_a_message(command: str, code: str) -> None:
    script = submission()
    script.say(f"MAIL FROM:<{ALICE}>")
    assert script.codes(command) == [code]


def test_a_command_that_is_not_utf8_is_refused() -> None:
    assert submission().codes(b"NOOP \xff\r\n") == ["500 5.5.2"]


def test_mail_parameters_need_ehlo() -> None:
    script = submission()
    script.say("HELO poste")
    assert script.codes(f"MAIL FROM:<{ALICE}> SIZE=1") == ["501 5.5.4"]


def test_mail_needs_a_hello() -> None:
    assert submission(logged_in=False).codes(f"MAIL FROM:<{ALICE}>") == ["503 5.5.1"]


@pytest.mark.parametrize("command", ["RSET", "EHLO poste"])
def test_a_message_under_way_is_dropped_by(command: str) -> None:
    script = submission()
    script.say(f"MAIL FROM:<{ALICE}>")
    script.say(command)
    assert script.codes(f"RCPT TO:<{FAR}>") == ["503 5.5.1"]


def test_pipelined_commands_are_answered_in_order() -> None:
    script = submission()
    assert script.codes(f"MAIL FROM:<{ALICE}>\nRCPT TO:<{FAR}>\nRCPT TO:<x@bad.test>\nDATA") == [
        "250 2.1.0", "250 2.1.5", "550 5.7.1", "354 End",
    ]  # fmt: skip
    assert script.codes(MESSAGE + b".\r\nQUIT\r\n") == ["250 2.0.0", "221 2.0.0"]


def test_what_follows_a_message_waits_until_it_is_stored() -> None:
    script = submission()
    script.hold = Post
    script.say(f"MAIL FROM:<{ALICE}>\nRCPT TO:<{FAR}>\nDATA")
    assert script.codes(MESSAGE + b".\r\nQUIT\r\n") == []
    script.hold = None
    assert script.held is not None
    script.answer(script.held)
    assert [line[:3] for line in script.go()] == ["250", "221"]


@pytest.mark.parametrize("first", ["EHLO poste", "HELO poste", "AUTH PLAIN"])
def test_what_is_pipelined_where_the_reply_has_to_be_awaited_is_refused(first: str) -> None:
    script = submission(logged_in=False)
    script.say("EHLO poste")
    assert script.codes(f"{first}\nMAIL FROM:<{ALICE}>") == ["554 5.5.0"]
    assert script.rules == ["smtp-pipelining"]
    assert script.closed is not None


def test_a_message_pipelined_behind_data_is_refused() -> None:
    script = submission()
    script.say(f"MAIL FROM:<{ALICE}>\nRCPT TO:<{FAR}>")
    assert script.codes(b"DATA\r\n" + MESSAGE + b".\r\n") == ["554 5.5.0"]
    assert script.posts == []


def test_another_protocol_is_cut_at_once() -> None:
    script = submission(logged_in=False)
    assert script.codes(f"POST / HTTP/1.1\nEHLO x\nMAIL FROM:<{ALICE}>") == ["521 5.5.1"]
    assert script.closed is not None


# Messages


@pytest.mark.parametrize(
    ("sent", "content"),
    [
        (b"..\r\n", b".\r\n"),
        (b"..a\r\n...\r\n", b".a\r\n..\r\n"),
        (b".a\r\n", b"a\r\n"),
        (b"a.\r\n", b"a.\r\n"),
    ],
)
def test_transparency_dots_are_taken_off(sent: bytes, content: bytes) -> None:
    script = submission()
    script.say(f"MAIL FROM:<{ALICE}>\nRCPT TO:<{FAR}>\nDATA")
    head = f"From: {ALICE}\r\n\r\n".encode()
    script.say(head + sent + b".\r\n")
    assert script.posts[0][1] == head + content


def test_a_message_may_come_octet_by_octet() -> None:
    script = submission()
    script.say(f"MAIL FROM:<{ALICE}>\nRCPT TO:<{FAR}>\nDATA")
    said = [line for octet in MESSAGE + b".\r\n" for line in script.say(bytes([octet]))]
    assert said == ["250 2.0.0 Accepted as X"]
    assert script.posts[0][1] == MESSAGE


def test_eight_bit_content_is_called_so() -> None:
    script = submission()
    deliver(script, f"From: {ALICE}\r\n\r\né\r\n".encode())
    assert script.posts[0][0].body == "8BITMIME"


def test_a_line_of_998_octets_passes() -> None:
    body = b"x" * 998 + b"\r\n." + b"y" * 997 + b"\r\n"
    script = submission()
    assert deliver(script, f"From: {ALICE}\r\n\r\n".encode() + body).startswith("250 ")
    assert script.posts[0][1].endswith(body)


@pytest.mark.parametrize("line", [b"x" * 999, b"." + b"y" * 998, b"z" * 100_000])
def test_a_line_over_998_octets_is_refused(line: bytes) -> None:
    script = submission()
    content = f"From: {ALICE}\r\n\r\n".encode() + line + b"\r\n"
    assert deliver(script, content).startswith("554 5.6.0 ")
    assert script.rules == ["smtp-line-length"]
    assert deliver(script).startswith("250 ")


def test_a_nul_is_refused() -> None:
    script = submission()
    assert deliver(script, MESSAGE + b"\0\r\n").startswith("554 5.6.0 ")
    assert script.rules == ["smtp-nul"]


@pytest.mark.parametrize("over", [1, 5_000, 50_000])
def test_size_counts_what_comes(over: int) -> None:
    script = submission(limits=SmtpLimits(message_bytes=10_000))
    head = f"From: {ALICE}\r\n\r\n".encode()
    fits = head + b"x\r\n" * ((10_000 - len(head)) // 3)
    fits += b"y" * (10_000 - len(fits) - 2) + b"\r\n" if len(fits) < 9_998 else b""
    assert deliver(script, fits).startswith("250 ")
    assert deliver(script, fits + b"z" * min(over, 900) + b"\r\n" * over).startswith("552 5.3.4 ")
    assert deliver(script).startswith("250 ")
    assert len(script.posts) == 2


def test_an_endless_message_takes_no_memory() -> None:
    script = submission(limits=SmtpLimits(message_bytes=10_000))
    script.say(f"MAIL FROM:<{ALICE}>\nRCPT TO:<{FAR}>\nDATA")
    for _ in range(200):
        script.say(b"x" * 898 + b"\r\n")
        assert script.dialogue.buffered < 12_000
    assert script.codes(b".\r\n") == ["552 5.3.4"]


def test_messages_being_received_share_a_room() -> None:
    room = ByteRoom(20_000)
    first, second = submission(room=room), submission(room=room)
    for each in (first, second):
        each.say(f"MAIL FROM:<{ALICE}>\nRCPT TO:<{FAR}>\nDATA")
    first.say(MESSAGE + b"x\r\n" * 6_000)
    second.say(MESSAGE + b"x\r\n" * 6_000)
    assert second.codes(b".\r\n") == ["452 4.3.1"]
    assert first.codes(b".\r\n") == ["250 2.0.0"]
    assert deliver(second, MESSAGE + b"x\r\n" * 6_000).startswith("250 ")


def test_a_client_that_goes_away_gives_its_room_back() -> None:
    room = ByteRoom(20_000)
    script = submission(room=room)
    script.say(f"MAIL FROM:<{ALICE}>\nRCPT TO:<{FAR}>\nDATA")
    script.say(MESSAGE + b"x\r\n" * 6_000)
    script.dialogue.closed()
    assert room.take(20_000)


def test_a_loop_is_cut() -> None:
    hops = b"Received: from a by b; Tue, 24 Nov 2026 10:00:00 +0000\r\n"
    script = submission()
    assert deliver(script, hops * 99 + MESSAGE).startswith("250 ")
    assert deliver(script, hops * 100 + MESSAGE).startswith("554 5.4.6 ")


# Bounds


def test_recipients_beyond_the_limit_are_put_off() -> None:
    script = submission(limits=SmtpLimits(recipients=2))
    script.say(f"MAIL FROM:<{ALICE}>")
    found = [script.codes(f"RCPT TO:<r{i}@op2.mssante.test>")[0] for i in range(3)]
    assert found == ["250 2.1.5", "250 2.1.5", "452 4.5.3"]
    script.say("DATA")
    assert script.codes(MESSAGE + b".\r\n") == ["250 2.0.0"]


def test_messages_beyond_the_limit_end_the_connection() -> None:
    script = submission(limits=SmtpLimits(messages=1))
    assert deliver(script).startswith("250 ")
    assert deliver(script).startswith("421 4.7.0 ")


def test_errors_end_the_connection() -> None:
    script = submission(limits=SmtpLimits(errors=3))
    found = [script.codes("FOO")[-1] for _ in range(3)]
    assert found == ["500 5.5.2", "500 5.5.2", "421 4.7.0"]
    assert script.closed is not None


def test_commands_that_lead_nowhere_end_the_connection() -> None:
    script = submission(limits=SmtpLimits(junk=5))
    said = [script.codes("NOOP")[-1] for _ in range(4)]
    assert said[-1] == "421 4.7.0"


def test_after_the_end_nothing_is_heard() -> None:
    script = submission(limits=SmtpLimits(errors=1))
    script.say("FOO")
    assert script.say("NOOP\nNOOP") == []
    assert script.dialogue.buffered == 0


def test_time_runs_out_for_a_command_after_five_minutes() -> None:
    script = submission()
    script.clock.at += 100
    script.say("NOOP")
    assert script.dialogue.deadline == script.clock.at + 300
    script.dialogue.time_out()
    assert script.go() == ["421 4.4.2 Timeout"]
    assert script.closed is not None


def test_time_runs_out_for_a_part_of_a_message_after_three_minutes() -> None:
    script = submission()
    script.say(f"MAIL FROM:<{ALICE}>\nRCPT TO:<{FAR}>\nDATA")
    assert script.dialogue.deadline == script.clock.at + 180


def test_time_does_not_run_out_while_a_message_is_stored() -> None:
    script = submission()
    script.hold = Post
    script.say(f"MAIL FROM:<{ALICE}>\nRCPT TO:<{FAR}>\nDATA")
    script.say(MESSAGE + b".\r\n")
    assert script.dialogue.deadline == float("inf")


def test_a_connection_ends_after_its_time_even_when_busy() -> None:
    script = submission(limits=SmtpLimits(connection_seconds=400))
    script.clock.at += 250
    script.say("NOOP")
    assert script.dialogue.deadline == 1400.0


def test_a_server_that_fails_says_so_and_closes() -> None:
    script = submission()
    script.hold = Post
    script.say(f"MAIL FROM:<{ALICE}>\nRCPT TO:<{FAR}>\nDATA")
    script.say(MESSAGE + b".\r\n")
    script.dialogue.fail()
    assert [line[:9] for line in script.go()] == ["421 4.3.0"]


@pytest.mark.parametrize("refusal", ALL.values(), ids=ALL)
def test_each_refusal_is_a_reply_that_refuses(refusal: MailRefusal) -> None:
    assert Reply.of(refusal).refuses
    assert bytes(Reply.of(refusal)).isascii()


def test_what_was_pipelined_behind_a_refused_sender_is_no_disorder() -> None:
    script = submission()
    group = f"MAIL FROM:<{BOB}>\nRCPT TO:<{FAR}>\nRCPT TO:<{BOB}>\nDATA"
    assert script.codes(group) == ["553 5.7.1", "503 5.5.1", "503 5.5.1", "503 5.5.1"]
    assert script.rules == ["smtp-sender-not-owner"]
    script.say("RSET")
    assert script.codes(f"RCPT TO:<{FAR}>") == ["503 5.5.1"]
    assert script.rules == ["smtp-sender-not-owner", "smtp-order"]


def test_data_behind_recipients_that_were_all_refused_is_no_disorder() -> None:
    script = submission()
    group = f"MAIL FROM:<{ALICE}>\nRCPT TO:<none@op1.mssante.test>\nDATA"
    assert script.codes(group) == ["250 2.1.0", "550 5.1.1", "503 5.5.1"]
    assert script.rules == ["smtp-recipient-unknown"]
