"""A message that hides another: each known sequence is refused, and nothing is delivered.

The sequences are those that servers were found to take for an end of message (CVE-2023-51764,
-51765, -51766, and later lists).
"""

from __future__ import annotations

import pytest

from tests.operators.smtp.scripted import ALICE, BOB, FAR, MESSAGE, submission

HIDDEN = f"MAIL FROM:<{ALICE}>\r\nRCPT TO:<{BOB}>\r\nDATA\r\nFrom: {ALICE}\r\n\r\nhidden\r\n.\r\n"
FALSE_ENDS = [
    b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\r.\n", b"\n.\r",
    b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\0\n.\r\n", b"\r\r\n.\r\n", b"\r\n.\r\r\n", b"\n\n.\r\n",
    b"\r\n.\n\r\n", b"\r\n.\r\n\n",
]  # fmt: skip


@pytest.mark.parametrize("end", FALSE_ENDS, ids=repr)
@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_a_false_end_of_message_delivers_nothing_that_was_hidden(end: bytes, size: int) -> None:
    script = submission()
    script.say(f"MAIL FROM:<{ALICE}>\nRCPT TO:<{FAR}>\nDATA")
    sent = MESSAGE[:-2] + end + HIDDEN.encode() + b".\r\n"
    for start in range(0, len(sent), size):
        script.say(sent[start : start + size])
    assert BOB not in [each.address for envelope, _ in script.posts for each in envelope.recipients]
    if end != b"\r\n.\r\n\n":  # there a true end comes first, then a bare LF as a command
        assert script.posts == []
    assert script.rules[0] in {"smtp-bare-line-ending", "smtp-nul"}


@pytest.mark.parametrize(
    "line", [b"NOOP\n", b"NOOP\rNOOP\r\n", b"NOOP\r\r\n", b"\n", b"NO\rOP\r\n"]
)
def test_a_bare_line_ending_in_a_command_ends_the_connection(line: bytes) -> None:
    script = submission()
    assert script.codes(line) == ["521 5.5.2"]
    assert script.closed is not None


def test_a_nul_in_a_command_is_refused() -> None:
    assert submission().codes(b"NOOP \0\r\n") == ["500 5.5.2"]
