"""Mailboxes: SELECT, LIST and its kin, CREATE, RENAME, STATUS (RFC 9051 §6.3)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.operators.imap.grammar import Malformed
from sandbox.operators.imap.names import decode_name, from_mutf7, matches, to_mutf7
from sandbox.operators.store import StoreError
from tests.operators.imap.dialogue import World, talk

ONE = b"Subject: one\r\n\r\nx\r\n"


def test_select_tells_all_of_a_folder_to_a_rev1_client(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(ONE, flags="\\Seen")
        await here.append(ONE, ONE, flags="\\Flagged urgent")
        client = await here.holder("")
        assert await client.run("a SELECT inbox") == [
            "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft urgent)",
            (
                "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft urgent \\*)] "
                "Flags permitted"
            ),
            "* 3 EXISTS",
            "* 3 RECENT",
            "* OK [UNSEEN 2] First unseen message",
            "* OK [UIDVALIDITY 1767225600] UIDs valid",
            "* OK [UIDNEXT 4] Predicted next UID",
            "* OK [HIGHESTMODSEQ 4] Highest modification sequence",
            "* OK [MAILBOXID (F1)] Mailbox identifier",
            "a OK [READ-WRITE] SELECT completed",
        ]

    talk(tmp_path, work)


def test_select_tells_a_rev2_client_the_name_and_nothing_of_recent(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(ONE)
        client = await here.holder("", rev2=True)
        got = await client.untagged("a SELECT INBOX")
        assert '* LIST () "/" INBOX' in got
        assert not any("RECENT" in line or "UNSEEN" in line for line in got)
        assert await client.untagged("b FETCH 1 FLAGS") == ["* 1 FETCH (FLAGS ())"]

    talk(tmp_path, work)


def test_examine_changes_nothing(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(ONE)
        client = await here.holder("")
        got = await client.run("a EXAMINE INBOX")
        assert got[-1] == "a OK [READ-ONLY] EXAMINE completed"
        assert "* OK [PERMANENTFLAGS ()] Flags permitted" in got
        await client.run("b FETCH 1 BODY[]")
        assert await client.untagged("c FETCH 1 FLAGS") == ["* 1 FETCH (FLAGS (\\Recent))"]
        for line in ("d STORE 1 +FLAGS (\\Seen)", "d EXPUNGE", "d MOVE 1 Trash"):
            assert await client.last(line) == "d NO The mailbox is selected read-only"
        other = await here.holder()
        assert await other.untagged("e FETCH 1 FLAGS") == ["* 1 FETCH (FLAGS (\\Recent))"]

    talk(tmp_path, work)


def test_recent_is_told_to_one_session_only(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(ONE)
        first = await here.holder()
        second = await here.holder()
        assert await first.untagged("a SEARCH RECENT") == ["* SEARCH 1"]
        assert await second.untagged("a SEARCH RECENT") == ["* SEARCH"]
        assert await second.untagged("b SEARCH OLD UNSEEN") == ["* SEARCH 1"]

    talk(tmp_path, work)


def test_selecting_another_closes_the_one_before_even_when_it_fails(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = await here.holder()
        assert await client.run("a SELECT None") == [
            "* OK [CLOSED] Previous mailbox is closed",
            "a NO [NONEXISTENT] No such mailbox",
        ]
        assert await client.last("b FETCH 1 FLAGS") == "b BAD Select a mailbox first"

    talk(tmp_path, work)


def test_close_expunges_and_unselect_does_not(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(ONE, ONE, flags="\\Deleted")
        client = await here.holder()
        assert await client.run("a UNSELECT") == ["a OK UNSELECT completed"]
        await client.run("b EXAMINE INBOX")
        assert await client.run("c CLOSE") == ["c OK CLOSE completed"]
        assert await client.untagged("d STATUS INBOX (MESSAGES)") == ["* STATUS INBOX (MESSAGES 2)"]
        await client.run("e SELECT INBOX")
        assert await client.run("f CLOSE") == ["f OK CLOSE completed"]
        assert await client.untagged("g STATUS INBOX (MESSAGES)") == ["* STATUS INBOX (MESSAGES 0)"]

    talk(tmp_path, work)


def test_list(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = await here.holder("")
        await client.run("a CREATE Patients/2026")
        assert await client.untagged('b LIST "" "*"') == [
            '* LIST (\\HasNoChildren \\Archive) "/" Archive',
            '* LIST (\\HasNoChildren \\Drafts) "/" Drafts',
            '* LIST (\\HasNoChildren) "/" INBOX',
            '* LIST (\\HasNoChildren \\Junk) "/" Junk',
            '* LIST (\\HasChildren) "/" Patients',
            '* LIST (\\HasNoChildren) "/" Patients/2026',
            '* LIST (\\HasNoChildren \\Sent) "/" Sent',
            '* LIST (\\HasNoChildren \\Trash) "/" Trash',
        ]
        assert await client.untagged("c LIST Patients/ %") == [
            '* LIST (\\HasNoChildren) "/" Patients/2026'
        ]
        assert await client.untagged("d LIST Pat %") == ['* LIST (\\HasChildren) "/" Patients']
        assert await client.untagged('e LIST "" ""') == ['* LIST (\\Noselect) "/" ""']
        assert await client.untagged('f LIST "" inbox') == ['* LIST (\\HasNoChildren) "/" INBOX']

    talk(tmp_path, work)


def test_list_by_special_use(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = await here.holder("")
        got = await client.untagged('a LIST (SPECIAL-USE) "" "%" RETURN (SPECIAL-USE)')
        assert got == [
            f'* LIST (\\HasNoChildren \\{name}) "/" {name}'
            for name in ("Archive", "Drafts", "Junk", "Sent", "Trash")
        ]

    talk(tmp_path, work)


def test_list_with_status_and_several_patterns(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(ONE)
        client = await here.holder("")
        got = await client.untagged(
            'a LIST "" (INBOX Sent) RETURN (SUBSCRIBED STATUS (MESSAGES UNSEEN))'
        )
        assert got == [
            '* LIST (\\HasNoChildren \\Subscribed) "/" INBOX',
            "* STATUS INBOX (MESSAGES 1 UNSEEN 1)",
            '* LIST (\\HasNoChildren \\Sent \\Subscribed) "/" Sent',
            "* STATUS Sent (MESSAGES 0 UNSEEN 0)",
        ]

    talk(tmp_path, work)


def test_subscriptions_outlive_their_folders(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = await here.holder("")
        for line in ("CREATE a/b", "SUBSCRIBE a/b", "DELETE a/b", "UNSUBSCRIBE Junk"):
            await client.untagged(f"a {line}")
        assert await client.untagged('b LIST (SUBSCRIBED) "" "a*"') == [
            '* LIST (\\NonExistent \\Subscribed) "/" a/b'
        ]
        assert await client.untagged('c LIST (SUBSCRIBED RECURSIVEMATCH) "" "%"') == [
            '* LIST (\\HasNoChildren \\Archive \\Subscribed) "/" Archive',
            '* LIST (\\HasNoChildren \\Drafts \\Subscribed) "/" Drafts',
            '* LIST (\\HasNoChildren \\Subscribed) "/" INBOX',
            '* LIST (\\HasNoChildren \\Sent \\Subscribed) "/" Sent',
            '* LIST (\\HasNoChildren \\Trash \\Subscribed) "/" Trash',
            '* LIST (\\HasNoChildren) "/" a ("CHILDINFO" ("SUBSCRIBED"))',
        ]
        assert await client.untagged('d LSUB "" "a*"') == ['* LSUB () "/" a/b']
        assert await client.untagged('e LSUB "" "a%"') == ['* LSUB (\\Noselect) "/" a']
        assert await client.untagged('f LSUB "" "J*"') == []

    talk(tmp_path, work)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("CREATE inbox", "NO [ALREADYEXISTS] It exists already"),
        ("CREATE a*b", "BAD Expected space"),
        ('CREATE "a*b"', "NO [CANNOT] Wildcards make a name that LIST cannot ask for"),
        ("CREATE a//b", "NO [CANNOT] Not possible"),
        ("CREATE x (USE (\\All))", "NO [USEATTR] This special use is not possible"),
        ("CREATE x (USE (\\Sent))", "NO [USEATTR] This special use is not possible"),
        ("DELETE inbox", "NO [CANNOT] Not possible"),
        ("DELETE none", "NO [NONEXISTENT] No such mailbox"),
        ("DELETE full", "NO [HASCHILDREN] It has mailboxes below it"),
        ("RENAME none x", "NO [NONEXISTENT] No such mailbox"),
        ("RENAME Sent Trash", "NO [ALREADYEXISTS] It exists already"),
        ("RENAME full full/inside", "NO [CANNOT] Not possible"),
        ("SUBSCRIBE none", "NO [NONEXISTENT] No such mailbox"),
        ("STATUS none (MESSAGES)", "NO [NONEXISTENT] No such mailbox"),
        ("STATUS INBOX (NOTHING)", "BAD Status item not known"),
        ("STATUS INBOX ()", "BAD Expected a word"),
        ("CREATE &AOk", "BAD Mailbox name is not modified UTF-7"),
    ],
)
def test_what_cannot_be_done_says_why(tmp_path: Path, line: str, answer: str) -> None:
    async def work(here: World) -> None:
        client = await here.holder("")
        await client.run("z CREATE full/below")
        assert await client.run(f"a {line}") == [f"a {answer}"]

    talk(tmp_path, work)


def test_create_rename_delete(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = await here.holder("")
        await client.untagged("z DELETE Archive")
        got = await client.last("a CREATE Old/ (USE (\\Archive))")
        assert got == "a OK [MAILBOXID (F7)] CREATE completed"
        await client.untagged("b RENAME Old Ancien/2025")
        assert await client.untagged('c LIST "" Anc*') == [
            '* LIST (\\HasChildren) "/" Ancien',
            '* LIST (\\HasNoChildren \\Archive) "/" Ancien/2025',
        ]
        assert await client.untagged("d STATUS Ancien/2025 (MAILBOXID)") == [
            "* STATUS Ancien/2025 (MAILBOXID (F7))"
        ]
        await client.untagged("e DELETE Ancien/2025")
        assert await client.untagged('f LIST "" Anc*') == ['* LIST (\\HasNoChildren) "/" Ancien']

    talk(tmp_path, work)


def test_status_has_every_item(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await here.append(ONE, flags="\\Seen")
        await here.append(ONE, flags="\\Deleted")
        client = await here.holder("")
        assert await client.untagged(
            "a STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE APPENDLIMIT "
            "MAILBOXID)"
        ) == [
            (
                f"* STATUS INBOX (MESSAGES 2 RECENT 2 UIDNEXT 3 UIDVALIDITY 1767225600 UNSEEN 1 "
                f"DELETED 1 SIZE {2 * len(ONE)} APPENDLIMIT 26214400 MAILBOXID (F1))"
            )
        ]
        assert await client.untagged("b STATUS INBOX (HIGHESTMODSEQ)") == [
            "* STATUS INBOX (HIGHESTMODSEQ 3)"
        ]

    talk(tmp_path, work)


def test_names_are_mutf7_until_utf8_is_enabled(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = await here.holder("")
        await client.untagged("a CREATE R&AOk-sultats")
        assert await client.untagged("b LIST R&AOk- *") == [
            '* LIST (\\HasNoChildren) "/" R&AOk-sultats'
        ]
        assert await client.last('c LIST "" "Ré*"') == (
            "c BAD 8-bit in a quoted string: use a literal, or ENABLE IMAP4rev2"
        )
        await client.untagged("d ENABLE UTF8=ACCEPT")
        assert await client.untagged('e LIST "" "Ré*"') == [
            '* LIST (\\HasNoChildren) "/" "Résultats"'
        ]
        assert await client.untagged('f SELECT "Résultats"') != []

    talk(tmp_path, work)


@pytest.mark.parametrize(
    ("name", "coded"),
    [
        ("INBOX", "INBOX"),
        ("a&b", "a&-b"),
        # RFC 3501 §5.1.3
        ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ("😀", "&2D3eAA-"),
    ],
)
def test_modified_utf7(name: str, coded: str) -> None:
    assert to_mutf7(name) == coded
    assert from_mutf7(coded) == name


# RFC 3501 §5.1.3: a lone ampersand, ASCII in base64, a superfluous shift, an odd octet.
@pytest.mark.parametrize("coded", ["a&b", "&AGE-", "&Jjo-&Jjo-", "&AA-", "&2D0-", "é"])
def test_what_is_not_modified_utf7_is_refused(coded: str) -> None:
    with pytest.raises(Malformed):
        decode_name(coded.encode(), utf8=False)


def test_names_without_sense_are_refused() -> None:
    for raw in (b"a\x01b", b"a\r\nb", b"x" * 2000, b"\xff"):
        with pytest.raises(Malformed):
            decode_name(raw, utf8=True)


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("*", "a/b", True),
        ("%", "a/b", False),
        ("%/%", "a/b", True),
        ("a*b", "a/x/b", True),
        ("a%b", "a/b", False),
        ("%b", "ab", True),
        ("", "a", False),
        ("inbox", "INBOX", True),
        ("inbox/%", "INBOX/x", True),
        ("inboxes", "INBOXes", False),
        ("*a*b*c*", "xaxbxcx", True),
        ("*%*%", "a/b", True),
        ("*" * 100 + "x", "a" * 200, False),
    ],
)
def test_wildcards(pattern: str, name: str, expected: bool) -> None:
    assert matches(pattern, name) is expected


@given(st.text(alphabet="ab/*%", max_size=12), st.text(alphabet="ab/", max_size=12))
def test_wildcards_are_those_of_the_rfc(pattern: str, name: str) -> None:
    meaning = {"*": "(?s:.*)", "%": "[^/]*"}
    written = "".join(meaning.get(letter, letter) for letter in pattern)
    assert matches(pattern, name) is (re.fullmatch(written, name) is not None)


def test_many_folders_are_listed_in_turns(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = await here.holder()
        for number in range(60):
            assert (await client.run(f"a CREATE x{number}"))[-1].startswith("a OK")
            await client.run(f"a SUBSCRIBE x{number}")
        for verb in ("LIST", "LSUB"):
            told = await client.run(f'b {verb} "" "x%"')
            assert len(told) == 61
            assert told[-1] == f"b OK {verb} completed"

    talk(tmp_path, work)


def test_a_message_is_recent_in_one_session_alone(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        first = await here.holder()
        await here.deliver(b"Subject: one\r\n\r\nx\r\n")
        told = await first.run("d NOOP")
        assert "* 1 RECENT" in told
        second = await here.holder("")
        assert "* 0 RECENT" in await second.run("e SELECT INBOX")
        await here.deliver(b"Subject: two\r\n\r\nx\r\n")
        both = [
            line
            for client in (first, second)
            for line in await client.run("f NOOP")
            if line.endswith("RECENT")
        ]
        assert sorted(both) == ["* 0 RECENT", "* 2 RECENT"]

    talk(tmp_path, work)


def test_a_folder_is_opened_though_the_disk_takes_no_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(_: int) -> int:
        raise StoreError("failed", "disk full")

    async def work(here: World) -> None:
        await here.deliver(b"Subject: one\r\n\r\nx\r\n")
        monkeypatch.setattr(here.service.store, "claim_recent", refused)
        client = await here.holder("")
        assert "* 1 RECENT" in await client.run("a SELECT INBOX")
        assert "* 0 RECENT" in await (await here.holder("")).run("a SELECT INBOX")

    talk(tmp_path, work)
