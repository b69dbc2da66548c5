"""SEARCH: every key, and the forms of its result (RFC 9051 §6.4.4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.operators.imap.dialogue import BOX, NOW, World, talk

DAY = 86_400.0

FIRST = (
    b"Date: Tue, 30 Dec 2025 23:59:00 -0500\r\nFrom: Anne Roux <anne@a.test>\r\nTo: bob@b.test\r\n"
    b"Subject: =?utf-8?q?R=C3=A9sultats?= du jour\r\n\r\nBonjour\r\n"
)
SECOND = (
    b"Date: Thu, 1 Jan 2026 10:00:00 +0100\r\nFrom: bob@b.test\r\nTo: anne@a.test\r\n"
    b"Cc: carl@c.test\r\nSubject: Re: jour\r\nX-MSS-INS: O\r\n"
    b"Content-Type: text/plain; charset=iso-8859-1\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\nL'h=F4pital r=\r\n=E9pond\r\n"
)
THIRD = (
    b"From: carl@c.test\r\nBcc: anne@a.test\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\n\r\ntext\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nPHA+w4l0w6k8L3A+\r\n"
    b"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nYm9uam91cg==\r\n"
    b"--b--\r\n"
)


async def filled(here: World) -> None:
    """Put three messages into INBOX: UIDs 2, 3, 4."""
    store = here.service.store
    folder = store.folder(BOX, "INBOX")
    assert folder is not None
    put = [
        (b"x", "\\Deleted", NOW),
        (FIRST, "\\Seen \\Answered Urgent", NOW),
        (SECOND, "\\Flagged \\Draft", NOW + DAY),
        (THIRD, "\\Deleted", NOW + 3 * DAY),
    ]
    for content, flags, at in put:
        await store.append(folder.id, content, frozenset(flags.split()), at)
    await store.expunge(folder.id, [1])


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("ALL", "1 2 3"),
        ("2:*", "2 3"),
        ("1,3", "1 3"),
        ("UID 3:4", "2 3"),
        ("NOT UID 3", "1 3"),
        ("ANSWERED", "1"), ("UNANSWERED", "2 3"),
        ("DELETED", "3"), ("UNDELETED", "1 2"),
        ("DRAFT", "2"), ("UNDRAFT", "1 3"),
        ("FLAGGED", "2"), ("UNFLAGGED", "1 3"),
        ("SEEN", "1"), ("UNSEEN", "2 3"),
        ("RECENT", "1 2 3"), ("NEW", "2 3"), ("OLD", ""),
        ("KEYWORD urgent", "1"), ("UNKEYWORD URGENT", "2 3"),
        ("ON 1-Jan-2026", "1"), ('BEFORE "2-Jan-2026"', "1"), ("SINCE 2-jan-2026", "2 3"),
        ("SENTON 30-Dec-2025", "1"), ("SENTBEFORE 1-Jan-2026", "1"), ("SENTSINCE 1-Jan-2026", "2"),
        ("LARGER 200", "2 3"), ("SMALLER 200", "1"),
        ("FROM anne", "1"), ("FROM BOB@B", "2"), ("TO anne@a.test", "2"), ("CC carl", "2"),
        ("BCC anne", "3"), ("SUBJECT jour", "1 2"), ('SUBJECT "re: JOUR"', "2"),
        ("HEADER X-MSS-INS O", "2"), ('HEADER x-mss-ins ""', "2"), ("HEADER X-None x", ""),
        ("BODY bonjour", "1"), ("TEXT bonjour", "1"), ("TEXT carl@c.test", "2 3"),
        ("BODY carl@c.test", ""), ('BODY "image/png"', "3"),
        ("OR FROM anne FROM bob", "1 2"), ("OR (SEEN ANSWERED) (FLAGGED UNDELETED)", "1 2"),
        ("NOT NOT SEEN", "1"), ("UNSEEN NOT (DELETED)", "2"),
        ("EMAILID Mnone", ""), ("THREADID T1", ""),
    ],
)  # fmt: skip
def test_keys(tmp_path: Path, key: str, expected: str) -> None:
    async def work(here: World) -> None:
        await filled(here)
        client = await here.holder()
        [line] = await client.untagged(f"a SEARCH {key}")
        assert line == f"* SEARCH {expected}".rstrip()

    talk(tmp_path, work)


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("SUBJECT", "RÉSULTATS", "1"),
        ("BODY", "hôpital répond", "2"),
        ("TEXT", "été", "3"),
        ("BODY", "jamais", ""),
    ],
)
@pytest.mark.parametrize("charset", ["CHARSET UTF-8 ", ""])
def test_text_is_found_through_encodings_in_any_case(
    tmp_path: Path, key: str, text: str, expected: str, charset: str
) -> None:
    async def work(here: World) -> None:
        await filled(here)
        client = await here.holder()
        raw = text.encode()
        await client.send(f"a SEARCH {charset}{key} {{{len(raw)}}}\r\n".encode())
        [line, _] = await client.run(raw)
        assert line == f"* SEARCH {expected}".rstrip()

    talk(tmp_path, work)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("UID SEARCH ALL", "SEARCH 2 3 4"),
        ("SEARCH RETURN () UNSEEN", 'ESEARCH (TAG "a") ALL 2:3'),
        ("SEARCH RETURN (MIN MAX COUNT) ALL", 'ESEARCH (TAG "a") MIN 1 MAX 3 COUNT 3'),
        ("UID SEARCH RETURN (ALL) 1,3", 'ESEARCH (TAG "a") UID ALL 2,4'),
        ("SEARCH RETURN (MIN COUNT) HEADER X-None x", 'ESEARCH (TAG "a") COUNT 0'),
        ("SEARCH MODSEQ 4", "SEARCH 2 3 (MODSEQ 5)"),
        ('SEARCH MODSEQ "/flags/\\\\seen" all 4', "SEARCH 2 3 (MODSEQ 5)"),
        ("SEARCH RETURN (MIN) MODSEQ 4", 'ESEARCH (TAG "a") MIN 2 MODSEQ 4'),
    ],
)
def test_forms_of_the_result(tmp_path: Path, line: str, expected: str) -> None:
    async def work(here: World) -> None:
        await filled(here)
        client = await here.holder()
        got = await client.untagged(f"a {line}")
        assert got[-1] == f"* {expected}"

    talk(tmp_path, work)


def test_a_rev2_client_gets_esearch_always(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await filled(here)
        client = await here.holder(rev2=True)
        assert await client.untagged("a SEARCH UNSEEN") == ['* ESEARCH (TAG "a") ALL 2:3']
        assert await client.untagged("b UID SEARCH SUBJECT none") == ['* ESEARCH (TAG "b") UID']

    talk(tmp_path, work)


def test_the_result_can_be_saved_and_used(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        await filled(here)
        client = await here.holder()
        assert await client.untagged("a SEARCH RETURN (SAVE) UNSEEN") == []
        assert await client.untagged("b FETCH $ UID") == ["* 2 FETCH (UID 3)", "* 3 FETCH (UID 4)"]
        assert await client.untagged("c UID SEARCH $ DELETED") == ["* SEARCH 4"]
        got = await client.untagged("d SEARCH RETURN (SAVE MIN) UNSEEN")
        assert got == ['* ESEARCH (TAG "d") MIN 2']
        assert await client.untagged("e SEARCH $") == ["* SEARCH 2"]
        await client.untagged("f UID STORE $ +FLAGS (\\Deleted)")
        await client.untagged("g EXPUNGE")
        assert await client.untagged("h FETCH $ UID") == []

    talk(tmp_path, work)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("SEARCH CHARSET KOI8-R ALL", "NO [BADCHARSET (US-ASCII UTF-8)] Charset not known"),
        ("SEARCH NOTHING", "BAD Search key NOTHING not known"),
        ("SEARCH", "BAD Expected space"),
        ("SEARCH ON 31-Feb-2026", "BAD No such date"),
        ("SEARCH ON 1-Foo-2026", "BAD No such date"),
        ("SEARCH RETURN (SUM) ALL", "BAD RETURN takes MIN, MAX, ALL, COUNT, SAVE"),
        ("SEARCH 9", "BAD There are 3 messages"),
        ("SEARCH " + "NOT " * 50 + "ALL", "BAD Search keys nested too deep"),
        ("SEARCH " + "(" * 50 + "ALL" + ")" * 50, "BAD Search keys nested too deep"),
        ("SEARCH " + " ".join(["ALL"] * 300), "BAD Too many search keys"),
        ("SEARCH " + " ".join(["TEXT a"] * 33), "BAD Too many BODY and TEXT keys"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_says_why(tmp_path: Path, line: str, answer: str) -> None:
    async def work(here: World) -> None:
        await filled(here)
        client = await here.holder()
        assert await client.run(f"a {line}") == [f"a {answer}"]

    talk(tmp_path, work)


def test_charset_is_refused_after_utf8_accept(tmp_path: Path) -> None:
    async def work(here: World) -> None:
        client = await here.holder("")
        await client.run("a ENABLE UTF8=ACCEPT")
        await client.run("b SELECT INBOX")
        assert (await client.last("c SEARCH CHARSET UTF-8 ALL")).startswith("c BAD CHARSET")

    talk(tmp_path, work)
