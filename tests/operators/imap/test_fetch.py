"""FETCH: items, macros, partials, flags that it sets (RFC 9051 §6.4.5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.operators.imap.dialogue import World, talk

ONE = b"From: a@b\r\nTo: c@d\r\nSubject: one\r\n\r\nhello world\r\n"


async def single(here: World, items: str, content: bytes = ONE) -> str:
    """Return what FETCH says of one message, without number and parentheses."""
    await here.append(content)
    client = await here.holder()
    line = (await client.untagged(f"a FETCH 1 {items}"))[-1]
    assert line.startswith("* 1 FETCH (")
    return line[11:-1]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ("UID", "UID 1"),
        ("FLAGS", "FLAGS (\\Recent)"),
        ("INTERNALDATE", 'INTERNALDATE " 1-Jan-2026 00:00:00 +0000"'),
        ("RFC822.SIZE", "RFC822.SIZE 49"),
        ("FAST", 'FLAGS (\\Recent) INTERNALDATE " 1-Jan-2026 00:00:00 +0000" RFC822.SIZE 49'),
        ("(UID MODSEQ)", "UID 1 MODSEQ (2)"),
        ("THREADID", "THREADID NIL"),
        ("BODY", 'BODY ("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 13 1)'),
        ("BODY.PEEK[]", f"BODY[] {{49}}\r\n{ONE.decode()}"),
        ("BODY.PEEK[]<6.3>", "BODY[]<6> {3}\r\na@b"),
        ("BODY.PEEK[]<100.3>", "BODY[]<100> {0}\r\n"),
        ("BODY.PEEK[]<40.100>", "BODY[]<40> {9}\r\no world\r\n"),
        ("BODY.PEEK[TEXT]", "BODY[TEXT] {13}\r\nhello world\r\n"),
        ("BODY.PEEK[1]", "BODY[1] {13}\r\nhello world\r\n"),
        ("BODY.PEEK[2]", "BODY[2] NIL"),
        ("BODY.PEEK[HEADER.FIELDS (SUBJECT x)]",
         "BODY[HEADER.FIELDS (SUBJECT x)] {16}\r\nSubject: one\r\n\r\n"),
        ("BODY.PEEK[HEADER.FIELDS.NOT (Subject To)]",
         "BODY[HEADER.FIELDS.NOT (Subject To)] {13}\r\nFrom: a@b\r\n\r\n"),
        ("RFC822.HEADER",
         "RFC822.HEADER {36}\r\nFrom: a@b\r\nTo: c@d\r\nSubject: one\r\n\r\n"),
        ("BINARY.PEEK[1]", "BINARY[1] {13}\r\nhello world\r\n"),
        ("BINARY.SIZE[1]", "BINARY.SIZE[1] 13"),
    ],
)  # fmt: skip
def test_items(tmp_path: Path, items: str, expected: str) -> None:
    async def work(here: World) -> None:
        assert await single(here, items) == expected

    talk(tmp_path, work)


def test_the_macros(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        fast = 'FLAGS (\\Recent) INTERNALDATE " 1-Jan-2026 00:00:00 +0000" RFC822.SIZE 49'
        who = '((NIL NIL "a" "b"))'
        envelope = f'ENVELOPE (NIL "one" {who} {who} {who} ((NIL NIL "c" "d")) NIL NIL NIL NIL)'
        body = 'BODY ("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 13 1)'
        assert await single(here, "FULL") == f"{fast} {envelope} {body}"
        client = await here.holder()
        assert await client.untagged("a FETCH 1 ALL") == [
            f"* 1 FETCH ({fast} {envelope})".replace("\\Recent", "")
        ]

    talk(tmp_path, work)


@pytest.mark.parametrize("items", ["BODY[TEXT]", "RFC822", "RFC822.TEXT", "BINARY[1]", "BODY[9]"])
def test_reading_makes_seen_and_says_so(tmp_path: Path, items: str) -> None:
    async def work(here: World) -> None:
        got = await single(here, items)
        assert got.endswith(" FLAGS (\\Recent \\Seen)")
        client = await here.holder()
        assert await client.untagged("a SEARCH SEEN") == ["* SEARCH 1"]

    talk(tmp_path, work)


@pytest.mark.parametrize("items", ["BODY.PEEK[]", "RFC822.HEADER", "ENVELOPE", "BINARY.SIZE[1]"])
def test_peeking_does_not(tmp_path: Path, items: str) -> None:
    async def work(here: World) -> None:
        await single(here, items)
        client = await here.holder()
        assert await client.untagged("a SEARCH SEEN") == ["* SEARCH"]

    talk(tmp_path, work)


def test_uid_fetch_tells_uids_and_passes_over_those_that_are_not_there(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(ONE, ONE, ONE)
        client = await here.holder()
        await client.run("z UID STORE 2 +FLAGS (\\Deleted)")
        await client.run("z EXPUNGE")
        assert await client.untagged("a UID FETCH 2:9 RFC822.SIZE") == [
            "* 2 FETCH (UID 3 RFC822.SIZE 49)"
        ]
        assert await client.untagged("b UID FETCH 100:* FLAGS") == [
            "* 2 FETCH (UID 3 FLAGS (\\Recent))"
        ]
        assert await client.untagged("c UID FETCH 2 FLAGS") == []

    talk(tmp_path, work)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("FETCH 4 FLAGS", "BAD There are 3 messages"),
        ("FETCH 0 FLAGS", "BAD Expected a sequence set"),
        ("FETCH 1:4294967296 FLAGS", "BAD Number too large"),
        ("FETCH 1 NOTHING", "BAD Data item NOTHING not known"),
        ("FETCH 1 (ALL)", "BAD Data item ALL not known"),
        ("FETCH 1 BODY[MIME]", "BAD Section MIME not known"),
        ("FETCH 1 BODY[0]", "BAD Section 0 not known"),
        ("FETCH 1 BODY[]<0.0>", "BAD Expected <origin.length>"),
        ("FETCH 1 BINARY[HEADER]", "BAD Expected a part number"),
        ("FETCH 1 BODY[HEADER.FIELDS ()]", "BAD Expected a string"),
        ("FETCH 1 (FLAGS", "BAD Expected space"),
        ("FETCH 1 FLAGS)", "BAD Expected space"),
        ("FETCH 1 FLAGS (VANISHED)", "BAD Expected CHANGEDSINCE"),
    ],
)
def test_what_cannot_be_fetched_is_bad(tmp_path: Path, line: str, answer: str) -> None:
    async def work(here: World) -> None:
        await here.append(ONE, ONE, ONE)
        client = await here.holder()
        assert await client.run(f"a {line}") == [f"a {answer}"]

    talk(tmp_path, work)


def test_one_message_is_not_asked_for_over_and_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.operators.imap.do.fetch._OF_ONE_MESSAGE", 1_000)

    async def work(here: World) -> None:
        await here.append(b"Subject: x\r\n\r\n" + b"y" * 400)
        client = await here.holder()
        twice, thrice = (
            "a FETCH 1 (" + " ".join(f"BODY.PEEK[]<0.{500 + n}>" for n in range(count)) + ")"
            for count in (2, 3)
        )
        assert await client.last(twice) == "a OK FETCH completed"
        assert await client.run(thrice) == ["a NO [LIMIT] Too much of one message at once"]

    talk(tmp_path, work)


def test_one_to_star_of_an_empty_folder_is_nothing(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = await here.holder("Sent")
        assert await client.run("a FETCH 1:* FLAGS") == ["a OK FETCH completed"]

    talk(tmp_path, work)


def test_changed_since_tells_what_changed_with_its_modseq(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(ONE, ONE)
        client = await here.holder()
        await client.run("a STORE 2 +FLAGS (\\Seen)")
        got = await client.untagged("b FETCH 1:* (FLAGS) (CHANGEDSINCE 3)")
        assert got == [
            "* OK [HIGHESTMODSEQ 3] Modification sequences are told",
            "* 2 FETCH (FLAGS (\\Recent \\Seen) MODSEQ (4))",
        ]

    talk(tmp_path, work)


def test_nul_in_a_message_comes_as_literal8_by_binary_only(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        content = b"Content-Transfer-Encoding: binary\r\n\r\na\0b"
        assert await single(here, "BINARY.PEEK[1]", content) == "BINARY[1] ~{3}\r\na\0b"
        client = await here.holder()
        [line] = await client.untagged("a FETCH 1 BODY.PEEK[1]")
        assert "\0" not in line

    talk(tmp_path, work)


def test_an_unknown_encoding_fails_for_binary_alone(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(b"Content-Transfer-Encoding: x-y\r\n\r\nbody", ONE)
        client = await here.holder()
        got = await client.run("a FETCH 1:2 BINARY.PEEK[1]")
        assert got == [
            "* 2 FETCH (BINARY[1] {13}\r\nhello world\r\n)",
            "a NO [UNKNOWN-CTE] Content-Transfer-Encoding not known",
        ]

    talk(tmp_path, work)


def test_email_ids_are_equal_for_copies(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(ONE)
        client = await here.holder()
        await client.run("a COPY 1 Sent")
        [first] = await client.untagged("b FETCH 1 EMAILID")
        await client.run("c SELECT Sent")
        assert await client.untagged("d FETCH 1 EMAILID") == [first]
        identifier = first.partition("(EMAILID (")[2][:-2]
        assert await client.untagged(f"e SEARCH EMAILID {identifier}") == ["* SEARCH 1"]

    talk(tmp_path, work)


def test_many_messages_come_in_turns(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(*[ONE] * 600)
        client = await here.holder()
        assert len(await client.untagged("a FETCH 1:* (FLAGS BODY.PEEK[])")) == 600

    talk(tmp_path, work)


def test_a_fetch_is_traced_with_who_read_what(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(ONE, ONE)
        client = await here.holder()
        await client.run("a FETCH 1:2 BODY.PEEK[]")
        [event] = [each for each in here.journal.since() if each["event"] == "fetch"]
        assert (event["identity"], event["uids"]) == ("899700000001", "1:2")

    talk(tmp_path, work)
