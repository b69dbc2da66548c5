"""Bytes to commands: the same however they are cut, bounded, and never an accident."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.operators.imap.commands import Unparsed, read
from sandbox.operators.imap.framing import (
    Broken,
    ClientInput,
    FramingLimits,
    GoAhead,
    Literal,
    Receiver,
)
from sandbox.operators.imap.grammar import Cursor, Malformed
from sandbox.operators.imap.sequence import SequenceSet, compact, parse_set
from tests.operators.imap.dialogue import world

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.bin"))
LIMITS = FramingLimits(line=200, literal=100, unasked=40, message=500)


def events(chunks: Sequence[bytes], limits: FramingLimits = LIMITS) -> list[object]:
    """Return what comes out of a stream, up to what ends it."""
    receiver = Receiver(limits)
    found: list[object] = []
    for chunk in chunks:
        receiver.feed(chunk)
        while (event := receiver.command()) is not None:
            found.append(event)
            if isinstance(event, Broken) and event.fatal:
                return found
        # What is kept: one line, or one literal that was allowed.
        assert receiver.pending <= max(limits.line, limits.message, len(chunk))
    return found


def commands(data: bytes, limits: FramingLimits = LIMITS) -> list[object]:
    return [event for event in events([data], limits) if not isinstance(event, GoAhead)]


def test_lines_and_literals() -> None:
    assert events([b"a NOOP\r\nb LOGIN {3}\r\nx{y {2+}\r\n\r\n\r\nc N"]) == [
        ClientInput((b"a NOOP",)),
        GoAhead(),
        ClientInput((b"b LOGIN ", Literal(b"x{y"), b" ", Literal(b"\r\n"), b"")),
    ]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a NOOP\n", Broken("a", "Lines end with CR LF")),
        (b"\n", Broken("*", "Lines end with CR LF")),
        (b"a X {101}\r\n", Broken("a", "Literal too big")),
        (b"a X {41+}\r\n", Broken("a", "Literal too big", fatal=True)),
        (b"a X {99999999999999999999}\r\n", Broken("a", "Literal too big")),
        (b"a X " + b"x" * 200 + b"\r\n", Broken("a", "Line too long", fatal=True)),
        (b"a append x {501}\r\n", Broken("a", "Literal too big", too_big=True)),
        (b"a APPEND x {501+}\r\n" + b"x" * 501 + b" {3+}\r\nabc\r\n",
         Broken("a", "Literal too big", too_big=True)),
        (b"a APPEND x {2001+}\r\n", Broken("a", "Literal too big", too_big=True, fatal=True)),
    ],
)  # fmt: skip
def test_what_is_too_much_is_told_with_its_tag(data: bytes, expected: Broken) -> None:
    assert commands(data) == [expected]


def test_an_append_has_room_for_one_message() -> None:
    message = b" {500+}\r\n" + b"x" * 500
    name = b"a APPEND {9+}\r\n" + b"Documents"
    assert len(commands(name + message + b"\r\n")) == 1
    assert commands(name + message * 3 + b"\r\n") == [Broken("a", "Literal too big", too_big=True)]


def test_after_a_refused_literal_the_next_command_is_understood() -> None:
    assert commands(b"a X {30+}\r\n" + b"x" * 30 + b"{40+}\r\n" + b"y" * 40 + b" {35+}\r\n" +
                    b"z" * 35 + b"\r\nb NOOP\r\n") == [
        Broken("a", "Literal too big"),
        ClientInput((b"b NOOP",)),
    ]  # fmt: skip


def test_literals_of_one_command_count_together() -> None:
    line = b"a X" + b" {40+}\r\n" + b"x" * 40 + b" {40+}\r\n" + b"x" * 40
    assert commands(line + b"\r\n")[0] == ClientInput(
        (b"a X ", Literal(b"x" * 40), b" ", Literal(b"x" * 40), b"")
    )
    assert commands(line + b" {21}\r\n") == [Broken("a", "Literal too big")]


PIECES = st.sampled_from(
    [b"a ", b"tag1 ", b"\r\n", b"\r", b"\n", b"{3}", b"{3+}", b"~{4+}", b"{41+}", b"{101+}",
     b"xyz", b"{0}", b"APPEND x ", b"FETCH 1:* ", b"(", b")", b"BODY[", b"]", b"HEADER.FIELDS ",
     b'"', b"\\", b"SEARCH ", b"OR ", b"NOT ", b"UID ", b"$", b"*", b":", b",", b"1", b"STORE ",
     b"+FLAGS ", b"\\Seen", b"\0", b"\xff", b"LIST ", b"% ", b"RETURN ", b"STATUS ", b"LOGIN ",
     b"AUTHENTICATE ", b"PLAIN ", b"ID ", b"NIL", b"ENABLE ", b"MODSEQ ", b"<0.1>", b"1-Jan-2026",
     b"&AOk-", b"SELECT ", b"INBOX", b"CREATE ", b"IDLE", b"DONE", b"NOOP", b"MOVE ", b"COPY ",
     b"EXPUNGE", b"LOGOUT"]
)  # fmt: skip
STREAM = st.one_of(st.binary(max_size=400), st.lists(PIECES, max_size=80).map(b"".join))


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[low:high] for low, high in pairwise(edges)]


def check(data: bytes, places: Sequence[int]) -> None:
    whole = events([data])
    assert events(cut(data, places)) == whole
    assert events([data[at : at + 1] for at in range(len(data))]) == whole
    for event in whole:
        if isinstance(event, ClientInput):
            for utf8 in (False, True):
                with suppress(Unparsed):  # the one way to fail
                    assert read(event, utf8=utf8)[1].tag


@given(STREAM, st.lists(st.integers(0, 500), max_size=8))
@settings(max_examples=400)
def test_whatever_comes_and_however_it_is_cut_the_same_comes_out(
    data: bytes, places: list[int]
) -> None:
    check(data, places)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_the_corpus_is_replayed(path: Path) -> None:
    data = path.read_bytes()
    check(data, [1, 7, 50, len(data) // 2])


def test_the_corpus_is_there() -> None:
    assert len(CORPUS) >= 20


@given(st.lists(st.lists(PIECES, max_size=20).map(b"".join), max_size=8))
@settings(max_examples=60)
def test_a_session_answers_whatever_is_said(
    tmp_path_factory: pytest.TempPathFactory, given_lines: list[bytes]
) -> None:
    async def work() -> None:
        async with world(tmp_path_factory.mktemp("fuzz")) as here:
            await here.append(b"Subject: one\r\n\r\nx\r\n")
            client = await here.holder()
            for line in given_lines:
                await client.send(line + b"\r\n")
            # The session is alive and understands, or said why not.
            await client.send(b"\r\nDONE\r\n" + b"x" * 500 + b"\r\n")
            answer = await client.send(b"z9 NOOP\r\n")
            assert client.core.closed or answer.endswith(b"z9 OK NOOP completed\r\n")

    asyncio.run(work())


@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        ("1", 3, [0]),
        ("1:3", 3, [0, 1, 2]),
        ("3:1", 3, [0, 1, 2]),
        ("*", 3, [2]),
        ("*:2", 3, [1, 2]),
        ("1,1,2:3,3", 3, [0, 1, 2]),
        ("1:*", 0, []),
    ],
)
def test_sequence_sets(text: str, count: int, expected: list[int]) -> None:
    assert parse_set(Cursor((text.encode(),))).among_numbers(count) == expected


@pytest.mark.parametrize(
    "text", ["", "0", "1:0", "1,,2", "1:2:3", "a", "4294967296", "1," * 20_000]
)
def test_what_is_no_sequence_set(text: str) -> None:
    def read() -> None:
        cursor = Cursor((text.encode(),))
        parse_set(cursor)
        cursor.end()

    with pytest.raises(Malformed):
        read()


@given(st.sets(st.integers(1, 200)))
def test_a_compacted_set_is_the_same_set(numbers: set[int]) -> None:
    if not numbers:
        assert compact([]) == ""
        return
    parsed = parse_set(Cursor((compact(sorted(numbers)).encode(),)))
    uids = list(range(1, 201))
    assert {uids[index] for index in parsed.among_uids(uids)} == numbers


def test_a_huge_range_costs_nothing() -> None:
    assert SequenceSet(((1, 4294967295),)).among_uids([5, 7]) == [0, 1]
