"""What servers write at the head of a message, and what others may not write in their name."""

from __future__ import annotations

import pytest

from sandbox.operators.post.headers import read_header, read_message
from sandbox.operators.post.trace import (
    arrived,
    first_instant,
    received,
    without_return_path,
)


def cleaned(fields: str) -> str:
    message = read_message((fields + "From: a@b.test\r\n\r\nReturn-Path: body\r\n").encode())
    content = b"".join(arrived(message, lambda name: name == "mx.op1.test")).decode()
    assert content.endswith("From: a@b.test\r\n\r\nReturn-Path: body\r\n")
    return content.removesuffix("From: a@b.test\r\n\r\nReturn-Path: body\r\n")


@pytest.mark.parametrize(
    "field",
    [
        "Authentication-Results: mx.op1.test; dkim=pass header.d=evil.test\r\n",
        "authentication-results:\r\n\tMX.op1.TEST 1;\r\n\tdkim=pass\r\n",
        'Authentication-Results: "mx.op1.test"; dkim=pass\r\n',
        'Authentication-Results: "m\\x.op1.test"; dkim=pass\r\n',
        "Authentication-Results: (a (b) \\) c) mx.op1.test (d); none\r\n",
        "Authentication-Results: mx.op1.test.; none\r\n",
        "Authentication-Results: ; dkim=pass\r\n",
        "Authentication-Results: " + "(" * 2000 + "\r\n",
        "Return-Path: <x@y.test>\r\n",
        "RETURN-PATH :\r\n <x@y.test>\r\n",
    ],
)
def test_what_only_a_server_of_ours_may_have_written_goes(field: str) -> None:
    assert cleaned(f"A: b\r\n{field}C: d\r\n") == "A: b\r\nC: d\r\n"


@pytest.mark.parametrize(
    "field",
    [
        "Authentication-Results: mx.op2.test; dkim=pass\r\n",
        "Authentication-Results: evil.test (mx.op1.test); dkim=pass\r\n",
        "X-Authentication-Results: mx.op1.test; none\r\n",
        "Subject: one\r\n Authentication-Results: mx.op1.test; none\r\n",
    ],
)
def test_what_others_wrote_in_their_own_name_stays(field: str) -> None:
    assert cleaned(f"Return-Path: <>\r\n{field}") == field


def test_a_trace_tells_when_the_first_server_took_the_message() -> None:
    def field(now: float) -> bytes:
        return received(client="poste", address="127.0.0.1", server="smtp.op1.test",
                     protocol="ESMTPSA", comment="TLSv1.3", token="X", recipient="", now=now,
                     )  # fmt: skip

    content = field(2000.5) + field(1000.25) + b"From: a@b.test\r\n\r\n"
    assert first_instant(read_header(content)) == 1000.25


def test_a_trace_that_cannot_be_read_tells_nothing() -> None:
    assert first_instant(read_header(b"Received: whenever; soon\r\n\r\n")) is None
    assert first_instant(read_header(b"From: a@b.test\r\n\r\n")) is None


@pytest.mark.parametrize(
    ("stored", "sent"),
    [
        (b"Return-Path: <a@op1.mssante.test>\r\nSubject: x\r\n\r\n", b"Subject: x\r\n\r\n"),
        (b"Return-Path: <>\r\nSubject: x\r\n\r\n", b"Subject: x\r\n\r\n"),
        (b"Subject: x\r\n\r\nReturn-Path: y\r\n", b"Subject: x\r\n\r\nReturn-Path: y\r\n"),
    ],
)
def test_the_trace_of_a_delivery_here_stays_here(stored: bytes, sent: bytes) -> None:
    assert without_return_path(stored) == sent
