"""APPEND, STORE, COPY, MOVE, EXPUNGE, and what another session sees of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.operators.imap import ImapSettings
from tests.operators.imap.dialogue import BOX, World, talk

ONE = b"Subject: one\r\n\r\nx\r\n"
KNOWN = "\\Answered \\Flagged \\Deleted \\Seen \\Draft"


def told_flags(*keywords: str) -> list[str]:
    names = " ".join((KNOWN, *keywords))
    return [f"* FLAGS ({names})", f"* OK [PERMANENTFLAGS ({names} \\*)] Flags permitted"]


def test_append_with_flags_and_date(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = await here.holder()
        start = b'a APPEND INBOX (\\seen $forwarded) " 1-Feb-2026 10:00:00 +0100" {19}\r\n'
        assert await client.send(start) == b"+ Ready for a literal\r\n"
        assert await client.run(ONE) == [
            *told_flags("$Forwarded"),
            "* 1 EXISTS",
            "* 1 RECENT",
            "a OK [APPENDUID 1767225600 1] APPEND completed",
        ]
        assert await client.untagged("b FETCH 1 (FLAGS INTERNALDATE)") == [
            (
                "* 1 FETCH (FLAGS ($Forwarded \\Recent \\Seen) "
                'INTERNALDATE " 1-Feb-2026 09:00:00 +0000")'
            )
        ]

    talk(tmp_path, work)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"APPEND none {19+}\r\n" + ONE, "NO [TRYCREATE] No such mailbox"),
        (b"APPEND INBOX {0+}\r\n", "NO [CANNOT] A message is not empty"),
        (b"APPEND INBOX (\\Recent) {19+}\r\n" + ONE, "BAD Flag \\Recent cannot be stored"),
        (b'APPEND INBOX "31-Feb-2026 10:00:00 +0100" {19+}\r\n' + ONE, "BAD No such date"),
        # In UTC, in year 0 and in year 10000: nobody could search the folder by date any more.
        (b'APPEND INBOX "01-Jan-0001 00:00:00 +0100" {19+}\r\n' + ONE, "BAD No such date"),
        (b'APPEND INBOX "31-Dec-9999 23:59:59 -0100" {19+}\r\n' + ONE, "BAD No such date"),
        (b"APPEND INBOX {3+}\r\na\0b", "BAD NUL in the message: literal8 is needed"),
        (b"APPEND INBOX x", "BAD Expected a literal"),
        (b"APPEND INBOX UTF8 (~{19+}\r\n" + ONE + b")", "BAD UTF8 needs ENABLE UTF8=ACCEPT"),
    ],
)
def test_what_cannot_be_appended_says_why(tmp_path: Path, line: bytes, answer: str) -> None:
    async def work(here: World) -> None:
        client = await here.holder()
        assert await client.run(b"a " + line) == [f"a {answer}"]

    talk(tmp_path, work)


def test_append_of_binary_and_of_utf8(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = await here.holder("")
        assert "APPENDUID" in await client.last(b"a APPEND INBOX ~{3+}\r\na\0b")
        await client.run("b ENABLE UTF8=ACCEPT")
        assert "APPENDUID" in await client.last(b"c APPEND INBOX UTF8 (~{19+}\r\n" + ONE + b")")

    talk(tmp_path, work)


def test_a_message_over_the_limit_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = await here.holder("")
        assert await client.run("a APPEND INBOX {101}") == ["a NO [TOOBIG] Literal too big"]
        # Sent without asking, it is thrown away, and the next command is understood.
        assert await client.run(b"b APPEND INBOX {101+}\r\n" + b"x" * 101) == [
            "b NO [TOOBIG] Literal too big"
        ]
        assert await client.run(b"c APPEND INBOX {401+}") == ["* BYE Literal too big"]

    talk(tmp_path, work, ImapSettings(message_limit=100))


def test_store(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(ONE, ONE, ONE)
        client = await here.holder()
        assert await client.untagged("a STORE 1:2 +FLAGS (\\Flagged $junk)") == [
            *told_flags("$Junk"),
            "* 1 FETCH (FLAGS ($Junk \\Flagged \\Recent))",
            "* 2 FETCH (FLAGS ($Junk \\Flagged \\Recent))",
        ]
        assert await client.untagged("b UID STORE 2 -FLAGS $JUNK") == [
            "* 2 FETCH (UID 2 FLAGS (\\Flagged \\Recent))"
        ]
        assert await client.untagged("c STORE 2 FLAGS ()") == ["* 2 FETCH (FLAGS (\\Recent))"]
        assert await client.untagged("d STORE 2 +FLAGS.SILENT \\Seen \\Draft") == []
        assert await client.untagged("e FETCH 2 FLAGS") == [
            "* 2 FETCH (FLAGS (\\Draft \\Recent \\Seen))"
        ]
        assert await client.untagged("f UID STORE 99 +FLAGS (\\Seen)") == []

    talk(tmp_path, work)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("STORE 1 +FLAGS (\\Recent)", "BAD Flag \\Recent cannot be stored"),
        ("STORE 1 +FLAGS (\\New)", "BAD Flag \\New cannot be stored"),
        ("STORE 1 FLUGS (\\Seen)", "BAD Expected FLAGS"),
        ("STORE 2 +FLAGS (\\Seen)", "BAD There are 1 messages"),
        ("STORE 1 +FLAGS (" + " ".join(f"k{n}" for n in range(80)) + ")", "BAD Too many flags"),
        ("COPY 1 none", "NO [TRYCREATE] No such mailbox"),
        ("MOVE 1 none", "NO [TRYCREATE] No such mailbox"),
        ("UID EXPUNGE", "BAD Expected space"),
    ],
)
def test_what_cannot_be_changed_says_why(tmp_path: Path, line: str, answer: str) -> None:
    async def work(here: World) -> None:
        await here.append(ONE)
        client = await here.holder()
        assert await client.run(f"a {line}") == [f"a {answer}"]

    talk(tmp_path, work)


def test_unchangedsince_spares_what_changed(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(ONE, ONE)
        client = await here.holder()
        await client.run("a STORE 1 +FLAGS (\\Seen)")  # modseq 4
        assert await client.run("b STORE 1:2 (UNCHANGEDSINCE 3) +FLAGS (\\Flagged)") == [
            "* OK [HIGHESTMODSEQ 3] Modification sequences are told",
            "* 2 FETCH (FLAGS (\\Flagged \\Recent) MODSEQ (5))",
            "b OK [MODIFIED 1] Some messages have changed since",
        ]
        # Silent about flags, not about modification sequences.
        assert await client.untagged("c UID STORE 1:2 +FLAGS.SILENT (\\Draft)") == [
            "* 1 FETCH (UID 1 MODSEQ (6))",
            "* 2 FETCH (UID 2 MODSEQ (6))",
        ]

    talk(tmp_path, work)


def test_copy_and_move(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(ONE, ONE, ONE)
        client = await here.holder()
        assert await client.run("a COPY 1,3 Archive") == [
            f"a OK [COPYUID {here.validity('Archive')} 1,3 1:2] COPY completed"
        ]
        assert await client.run("b UID MOVE 1:2 Trash") == [
            f"* OK [COPYUID {here.validity('Trash')} 1:2 1:2] Moved",
            "* 1 EXPUNGE",
            "* 1 EXPUNGE",
            "b OK MOVE completed",
        ]
        assert await client.untagged("c FETCH 1:* UID") == ["* 1 FETCH (UID 3)"]
        assert await client.run("d UID COPY 99 Trash") == ["d OK No messages to copy"]
        assert await client.untagged("e STATUS Trash (MESSAGES)") == ["* STATUS Trash (MESSAGES 2)"]

    talk(tmp_path, work)


def test_expunge_and_uid_expunge(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(*[ONE] * 5)
        client = await here.holder()
        await client.run("a STORE 1,2,4,5 +FLAGS.SILENT (\\Deleted)")
        assert await client.untagged("b UID EXPUNGE 3:4") == ["* 4 EXPUNGE"]
        assert await client.untagged("c EXPUNGE") == ["* 1 EXPUNGE", "* 1 EXPUNGE", "* 2 EXPUNGE"]
        assert await client.untagged("d EXPUNGE") == []

    talk(tmp_path, work)


def test_two_sessions_see_each_others_changes(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(ONE, ONE, ONE)
        one, two = await here.holder(), await here.holder()
        await one.run("a STORE 2 +FLAGS (\\Flagged)")
        assert await two.untagged("b NOOP") == ["* 2 FETCH (FLAGS (\\Flagged))"]
        await here.deliver(ONE)
        for each in (one, two):
            got = await each.untagged("c NOOP")
            assert got[0] == "* 4 EXISTS"
        await one.run("d STORE 1,3 +FLAGS.SILENT (\\Deleted)")
        await one.run("e EXPUNGE")
        assert await two.untagged("f NOOP") == ["* 1 EXPUNGE", "* 2 EXPUNGE"]
        for each in (one, two):
            assert await each.untagged("g FETCH 1:* UID") == [
                "* 1 FETCH (UID 2)",
                "* 2 FETCH (UID 4)",
            ]

    talk(tmp_path, work)


def test_numbers_do_not_move_while_fetch_store_and_search_run(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(ONE, ONE, ONE)
        one, two = await here.holder(), await here.holder()
        await one.run("a STORE 1 +FLAGS (\\Deleted)")
        await one.run("b EXPUNGE")
        await here.deliver(ONE)
        # Message 1 is gone, and keeps its number here until it is told.
        assert await two.run("c FETCH 2 UID") == [
            "* 2 FETCH (UID 2)",
            "* 4 EXISTS",
            "* 1 RECENT",
            "c OK FETCH completed",
        ]
        assert await two.run("d FETCH 1 UID") == ["d NO [EXPUNGEISSUED] Some messages are gone"]
        assert await two.run("e STORE 1 +FLAGS (\\Seen)") == [
            "e NO [EXPUNGEISSUED] Some messages are gone"
        ]
        assert await two.untagged("f SEARCH ALL") == ["* SEARCH 2 3 4"]
        assert await two.untagged("g UID FETCH 2 FLAGS") == [
            "* 2 FETCH (UID 2 FLAGS ())",
            "* 1 EXPUNGE",
        ]

    talk(tmp_path, work)


def test_idle_pushes_deliveries_flags_and_expunges(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(ONE)
        one, two = await here.holder(), await here.holder()
        assert await two.run("a IDLE") == ["+ idling"]
        await here.deliver(ONE)
        assert two.pushed() == ["* 2 EXISTS", "* 1 RECENT"]
        await one.run("b STORE 1 +FLAGS (\\Deleted)")
        assert two.pushed() == ["* 1 FETCH (FLAGS (\\Deleted))"]
        await one.run("c EXPUNGE")
        assert two.pushed() == ["* 1 EXPUNGE"]
        assert two.pushed() == []
        assert await two.run("DONE") == ["a OK IDLE terminated"]
        await two.run("d IDLE")
        assert await two.run("NOOP") == ["d BAD Expected DONE"]

    talk(tmp_path, work)


def test_a_session_that_does_not_idle_is_not_told_until_it_asks(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = await here.holder()
        await here.deliver(ONE)
        assert client.pushed() == []

    talk(tmp_path, work)


def test_a_selected_folder_that_is_deleted_is_empty(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(ONE, folder="Archive")
        one, two = await here.holder("Archive"), await here.holder("")
        await two.run("a DELETE Archive")
        assert await one.untagged("b NOOP") == ["* 1 EXPUNGE"]
        assert await one.untagged("c FETCH 1:* UID") == []

    talk(tmp_path, work)


def test_every_change_is_traced_with_its_author(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(ONE, ONE)
        client = await here.holder()
        for line in ("STORE 1 +FLAGS (\\Deleted)", "EXPUNGE", "COPY 1 Sent", "MOVE 1 Trash"):
            await client.run(f"a {line}")
        events = [each for each in here.journal.since() if each["event"] != "login"]
        assert [each["event"] for each in events] == ["select", "store", "expunge", "copy", "move"]
        assert {each["identity"] for each in events} == {"899700000001"}
        assert {each["mailbox"] for each in events} == {BOX}

    talk(tmp_path, work)


def test_who_idles_in_a_mailbox_that_moves_keeps_what_it_has_fetched(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(ONE, ONE)
        client = await here.holder()
        await client.run("a IDLE")
        await here.service.store.pack(BOX)
        assert client.pushed() == []
        assert await client.run("DONE") == ["a OK IDLE terminated"]
        assert (await client.last("b STORE 1 +FLAGS (\\Seen)")).startswith("b NO ")

    talk(tmp_path, work)
