"""Lines and messages: only CRLF ends a line, nothing grows without bound."""

from __future__ import annotations

import pytest

from sandbox.operators.smtp.intake import Data, Intake, IntakeFault


def lines(*parts: bytes, limit: int = 20) -> list[bytes | IntakeFault]:
    intake, found = Intake(), []
    for part in parts:
        intake.feed(part)
        while (line := intake.line(limit)) is not None:
            found.append(line)
    return found


def message(*parts: bytes, limit: int = 10_000) -> tuple[Data | None, bytes]:
    """Return the message, and what is left behind it."""
    intake = Intake()
    intake.start_message()
    data = None
    for part in parts:
        intake.feed(part)
        data = data or intake.message(limit)
    return data, intake.peek(1000)


def test_lines_come_out_as_they_become_whole() -> None:
    assert lines(b"one\r\ntw", b"o\r", b"\nthree") == [b"one", b"two"]


@pytest.mark.parametrize("line", [b"a\n", b"a\rb\r\n", b"a\r\r\n", b"\n", b"\r\n\n"])
def test_a_bare_cr_or_lf_is_a_fault(line: bytes) -> None:
    assert lines(line)[-1] is IntakeFault.BARE


def test_a_nul_is_a_fault() -> None:
    assert lines(b"a\0\r\n") == [IntakeFault.NUL]


def test_the_limit_counts_crlf() -> None:
    assert lines(b"x" * 18 + b"\r\n", b"x" * 19 + b"\r\n") == [b"x" * 18, IntakeFault.LONG]


def test_an_endless_line_is_told_once_and_takes_no_memory() -> None:
    intake = Intake()
    for _ in range(100):
        intake.feed(b"x" * 1000)
        assert intake.line(20) is None
        assert len(intake) == 0
    intake.feed(b"\r\nnext\r\n")
    assert [intake.line(20), intake.line(20)] == [IntakeFault.LONG, b"next"]


def test_an_empty_message_is_a_message() -> None:
    assert message(b".\r\nNOOP") == (Data(b""), b"NOOP")
    assert message(b".", b"\r", b"\nNOOP") == (Data(b""), b"NOOP")


def test_what_follows_a_message_is_left() -> None:
    assert message(b"a\r\n.\r\nQUIT\r\n") == (Data(b"a\r\n"), b"QUIT\r\n")


def test_an_end_of_message_may_come_in_parts() -> None:
    for cut in range(1, 6):
        sent = b"a\r\n.\r\nX"
        assert message(sent[:cut], sent[cut:]) == (Data(b"a\r\n"), b"X")


def test_a_bare_ending_is_told_before_the_end_of_the_message() -> None:
    assert message(b"a\r\nb\nc")[0] == Data(b"", IntakeFault.BARE)


def test_a_cr_at_the_end_of_a_part_waits_for_its_lf() -> None:
    assert message(b"a\r", b"\nb\r\n.\r", b"\n") == (Data(b"a\r\nb\r\n"), b"")
    assert message(b"a\r", b"b")[0] == Data(b"", IntakeFault.BARE)


@pytest.mark.parametrize("fault", [(b"\0", IntakeFault.NUL), (b"x" * 1000, IntakeFault.LONG)])
def test_other_faults_are_told_at_the_end_of_the_message(fault: tuple[bytes, IntakeFault]) -> None:
    octets, kind = fault
    assert message(b"a" + octets + b"\r\nb")[0] is None
    assert message(b"a" + octets + b"\r\nb\r\n.\r\nQUIT") == (Data(b"", kind), b"QUIT")


def test_the_limit_counts_no_transparency_dots() -> None:
    sent = b"..\r\n" * 100
    assert message(sent + b".\r\n", limit=300)[0] == Data(b".\r\n" * 100)
    assert message(sent + b".\r\n", limit=299)[0] == Data(b"", IntakeFault.LARGE)


def test_each_octet_of_a_large_message_is_looked_at_once() -> None:
    """Work grows with the message: were it the square, this would not end."""
    intake = Intake()
    intake.start_message()
    line = b"x" * 76 + b"\r\n"
    for _ in range(200_000):
        intake.feed(line)
        assert intake.message(100_000_000) is None
    intake.feed(b".\r\n")
    data = intake.message(100_000_000)
    assert data is not None
    assert len(data.content) == 200_000 * 78
