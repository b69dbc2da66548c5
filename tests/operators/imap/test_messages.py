r"""ENVELOPE, BODYSTRUCTURE and sections of messages that were checked by hand, line by line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.operators.imap.arguments import SectionItem
from sandbox.operators.imap.header import content_value, decoded, parse_fields, select
from sandbox.operators.imap.messages import Parsed, ParsedMessages, parse_addresses
from sandbox.operators.imap.responses import No
from sandbox.operators.imap.sections import octets


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def section(
    content: bytes, path: str = "", kind: str = "", form: str = "BODY", **more: object
) -> bytes | None:
    numbers = tuple(int(each) for each in path.split(".") if each)
    item = SectionItem(label=b"", path=numbers, kind=kind, form=form, **more)  # type: ignore[arg-type]
    return octets(content, Parsed(content).message, item)


# The message behind the examples of RFC 3501 §8 and RFC 9051 §8, as far as its header goes.
RFC = crlf(
    """\
Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)
From: Terry Gray <gray@cac.washington.edu>
Subject: IMAP4rev1 WG mtg summary and minutes
To: imap@cac.washington.edu
cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>
Message-Id: <B27397-0100000@cac.washington.edu>
MIME-Version: 1.0
Content-Type: TEXT/PLAIN; CHARSET=US-ASCII

"""
)


def test_the_envelope_of_the_rfc() -> None:
    assert Parsed(RFC).envelope == (
        b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'(("Terry Gray" NIL "gray" "cac.washington.edu")) '
        b'((NIL NIL "imap" "cac.washington.edu")) '
        b'((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) '
        b'NIL NIL "<B27397-0100000@cac.washington.edu>")'
    )


def test_the_body_structure_of_the_rfc() -> None:
    parsed = Parsed(RFC + b"x\r\n" * 92)
    assert parsed.body == b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 276 92)'


# A message with an alternative, a structured document, and a message inside.
MIXED = crlf(
    """\
From: "ROUX, Anne" <anne.roux@op1.mssante.test>
Sender: secretariat@op1.mssante.test
To: Equipe: a@b.test, "B \\"b\\"" <b@b.test>;, c@c.test
Subject: =?utf-8?q?R=C3=A9sultats?=
In-Reply-To: <1@op2.mssante.test>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"

This is the preamble.
--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Bonjour=C3=A9
two lines
--inner
Content-Type: text/html; charset=utf-8

<p>Bonjour</p>

--inner--
--outer
Content-Type: application/zip; name="IHE_XDM.ZIP"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename*0*=utf-8''r%C3%A9sul; filename*1="tats (1).zip"
Content-ID: <zip@op1>
Content-Description: Document
Content-Language: fr, en
Content-Location: http://op1/x
Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==

UEsDBA==
--outer
Content-Type: message/rfc822

From: dr@op2.mssante.test
Subject: inside
Content-Type: multipart/mixed; boundary=deep

--deep

first
--deep
Content-Type: image/png

x
--deep--
--outer--
The epilogue.
"""
)


def test_the_body_structure_of_a_mixed_message() -> None:
    assert Parsed(MIXED).structure == (
        b"("
        b'(("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "QUOTED-PRINTABLE" 24 2 NIL NIL NIL NIL)'
        b'("TEXT" "HTML" ("CHARSET" "utf-8") NIL NIL "7BIT" 16 1 NIL NIL NIL NIL)'
        b' "ALTERNATIVE" ("BOUNDARY" "inner") NIL NIL NIL)'
        b'("APPLICATION" "ZIP" ("NAME" "IHE_XDM.ZIP") "<zip@op1>" "Document" "BASE64" 8'
        b' "Q2hlY2sgSW50ZWdyaXR5IQ=="'
        b' ("ATTACHMENT" ("FILENAME*" "utf-8\'\'r%C3%A9sultats%20%281%29.zip"))'
        b' ("fr" "en") "http://op1/x")'
        b'("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 155'
        b' (NIL "inside" ((NIL NIL "dr" "op2.mssante.test")) ((NIL NIL "dr" "op2.mssante.test"))'
        b' ((NIL NIL "dr" "op2.mssante.test")) NIL NIL NIL NIL NIL)'
        b' (("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 5 1 NIL NIL NIL NIL)'
        b'("IMAGE" "PNG" NIL NIL NIL "7BIT" 1 NIL NIL NIL NIL)'
        b' "MIXED" ("BOUNDARY" "deep") NIL NIL NIL)'
        b" 12 NIL NIL NIL NIL)"
        b' "MIXED" ("BOUNDARY" "outer") NIL NIL NIL)'
    )


def test_the_envelope_of_a_mixed_message_keeps_groups_and_encoded_words() -> None:
    assert Parsed(MIXED).envelope == (
        b'(NIL "=?utf-8?q?R=C3=A9sultats?="'
        b' (("ROUX, Anne" NIL "anne.roux" "op1.mssante.test"))'
        b' ((NIL NIL "secretariat" "op1.mssante.test"))'
        b' (("ROUX, Anne" NIL "anne.roux" "op1.mssante.test"))'
        b' ((NIL NIL "Equipe" NIL)(NIL NIL "a" "b.test")("B \\"b\\"" NIL "b" "b.test")'
        b'(NIL NIL NIL NIL)(NIL NIL "c" "c.test"))'
        b' NIL NIL "<1@op2.mssante.test>" NIL)'
    )


@pytest.mark.parametrize(
    ("path", "kind", "expected"),
    [
        ("1.1", "", "Bonjour=C3=A9\ntwo lines"),
        ("1.2", "", "<p>Bonjour</p>\n"),
        ("1.1", "MIME", ("Content-Type: text/plain; charset=utf-8\n"
                        "Content-Transfer-Encoding: quoted-printable\n\n")),
        ("2", "", "UEsDBA=="),
        ("3", "HEADER", ("From: dr@op2.mssante.test\nSubject: inside\n"
                        "Content-Type: multipart/mixed; boundary=deep\n\n")),
        ("3", "MIME", "Content-Type: message/rfc822\n\n"),
        ("3", "TEXT", "--deep\n\nfirst\n--deep\nContent-Type: image/png\n\nx\n--deep--"),
        ("3.1", "", "first"),
        ("3.2", "", "x"),
        ("3.2", "MIME", "Content-Type: image/png\n\n"),
    ],
)  # fmt: skip
def test_sections_are_the_very_octets(path: str, kind: str, expected: str) -> None:
    assert section(MIXED, path, kind) == crlf(expected)


@pytest.mark.parametrize(
    ("path", "kind"),
    [("4", ""), ("1.3", ""), ("2.1", ""), ("3.3", ""), ("1", "HEADER"), ("2", "TEXT")],
)
def test_sections_that_are_not_there_are_nil(path: str, kind: str) -> None:
    assert section(MIXED, path, kind) is None


def test_a_message_without_parts_has_part_1_its_body() -> None:
    content = crlf("Subject: x\n\nbody\n")
    assert section(content, "1") == b"body\r\n"
    assert section(content, "1", "MIME") == b"Subject: x\r\n\r\n"
    assert section(content, "2") is None
    assert section(content, "1.1") is None


def test_header_fields_are_chosen_with_their_folds_and_the_blank_line() -> None:
    content = crlf("A: 1\nB: 2\n  more\nA: 3\nC: 4\n\nbody")
    wanted = frozenset((b"a", b"b"))
    assert section(content, kind="HEADER.FIELDS", fields=wanted) == crlf(
        "A: 1\nB: 2\n  more\nA: 3\n\n"
    )
    assert section(content, kind="HEADER.FIELDS.NOT", fields=wanted) == crlf("C: 4\n\n")


def test_binary_undoes_the_transfer_encoding() -> None:
    assert section(MIXED, "2", form="BINARY") == b"PK\x03\x04"
    assert section(MIXED, "1.1", form="BINARY") == "Bonjouré\r\ntwo lines".encode()
    with pytest.raises(No, match="not known"):
        section(crlf("Content-Transfer-Encoding: x-uue\n\nbody"), "1", form="BINARY")


PLAIN = b'("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT"'
BARE = b'("TEXT" "PLAIN" NIL NIL NIL "7BIT"'


@pytest.mark.parametrize(
    ("broken", "structure"),
    [
        (b"", PLAIN + b" 0 0)"),
        (b"no header at all", PLAIN + b" 0 0)"),
        (b"Content-Type: nonsense\n\nx", PLAIN + b" 1 1)"),
        # No boundary, or one that never comes: the text that it is.
        (b"Content-Type: multipart/mixed\n\nx\n", BARE + b" 2 1)"),
        (b"Content-Type: multipart/mixed; boundary=b\n\nx", BARE + b" 1 1)"),
        # No end: the last part ends with the message.
        (
            b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo",
            (b'(("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 3 1)'
            b'("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 3 1) "MIXED")'),
        ),
        # A digest's parts are messages.
        (
            b"Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: s\n\nt\n--b--",
            (b'(("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 13 '
            b'(NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL) '
            b'("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 1 1) 3) "DIGEST")'),
        ),
        (b"Content-Transfer-Encoding: (\"\n\nx", PLAIN + b" 1 1)"),
        (
            b'Content-Type: application/pdf; name="unfinished\n\nx',
            b'("APPLICATION" "PDF" ("NAME" "unfinished") NIL NIL "7BIT" 1)',
        ),
    ],
)  # fmt: skip
def test_malformed_messages_have_a_sane_structure(broken: bytes, structure: bytes) -> None:
    assert Parsed(broken).body == structure


def test_a_boundary_is_not_the_beginning_of_a_longer_one() -> None:
    content = b"Content-Type: multipart/mixed; boundary=b\n\n--bb\n--b\n\none\n--bc\n--b--"
    assert section(content, "1") == b"one\n--bc"


def test_messages_in_messages_end_somewhere() -> None:
    content = b"Content-Type: message/rfc822\n\n" * 1_000
    assert Parsed(content).structure.count(b"RFC822") < 100


def test_the_headers_of_all_parts_are_told_apart_within_bounds() -> None:
    """A message of 25 MB of fields would hold all other clients up for a quarter of a minute."""
    many = b"--b\n" + b"a: b\n" * 1_000 + b"\nx\n"
    long = b"--b\nContent-Type: text/plain; (" + b"c" * 10_000 + b")\n\nx\n"
    for part in (many, long):
        content = b"Content-Type: multipart/mixed; boundary=b\n\n" + part * 500
        parts = list(Parsed(content).message.walk())
        assert len(parts) == 501
        assert sum(len(each.fields) for each in parts) <= 10_000
        assert sum(len(field.raw) for each in parts for field in each.fields) <= 1 << 19


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"text/plain; format=flowed; charset=\"a b\"",
         (b"text/plain", ((b"format", b"flowed"), (b"charset", b"a b")))),
        (b"Text/HTML (comment; x=y); A=1", (b"text/html", ((b"a", b"1"),))),
        (b"attachment; filename=foo bar.pdf; size=3",
         (b"attachment", ((b"filename", b"foo bar.pdf"), (b"size", b"3")))),
        # RFC 2231 §3 and §4.1, the examples.
        (b'message/external-body; URL*0="ftp://"; URL*1="cs.utk.edu/pub/moore/bulk-mailer/b.tar"',
         (b"message/external-body", ((b"url", b"ftp://cs.utk.edu/pub/moore/bulk-mailer/b.tar"),))),
        ((b"application/x-stuff; title*0*=us-ascii'en'This%20is%20even%20more%20;"
         b"title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2=\"isn't it!\""),
         (b"application/x-stuff",
          ((b"title*", (b"us-ascii'en'This%20is%20even%20more%20%2A%2A%2Afun%2A%2A%2A%20"
                       b"isn%27t%20it%21")),))),
        (b"a/b; x*1=late; y=1", (b"a/b", ((b"y", b"1"),))),
    ],
)  # fmt: skip
def test_content_values(
    value: bytes, expected: tuple[bytes, tuple[tuple[bytes, bytes], ...]]
) -> None:
    assert content_value(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"a@b", [(None, None, b"a", b"b")]),
        (b"a@b (Anne Roux)", [(b"Anne Roux", None, b"a", b"b")]),
        (b'"a b"@c', [(None, None, b"a b", b"c")]),
        (b"<@x,@y:a@b>", [(None, b"@x,@y", b"a", b"b")]),
        (b"Anne <a@[127.0.0.1]>", [(b"Anne", None, b"a", b"[127.0.0.1]")]),
        (b"undisclosed-recipients:;", [(None, None, b"undisclosed-recipients", None), (None,) * 4]),
        (b"anne", [(None, None, b"anne", b"")]),
        (b",, a@b,,", [(None, None, b"a", b"b")]),
        (b"Anne <a@b", [(b"Anne", None, b"a", b"b")]),
        (b"Dr (x (y) z) Anne <a@b>", [(b"Dr Anne", None, b"a", b"b")]),
        (b"G: a@b", [(None, None, b"G", None), (None, None, b"a", b"b"), (None,) * 4]),
    ],
)
def test_address_lists(value: bytes, expected: list[tuple[bytes | None, ...]]) -> None:
    found = [(each.name, each.route, each.mailbox, each.host) for each in parse_addresses(value)]
    assert found == expected


@given(st.binary(max_size=300))
def test_every_byte_string_is_a_message(content: bytes) -> None:
    parsed = Parsed(content)
    for written in (parsed.envelope, parsed.structure, parsed.body):
        assert written.startswith(b"(")
        assert written.endswith(b")")
        assert b"\0" not in written
    for part in parsed.message.walk():
        assert 0 <= part.start <= part.body <= part.end <= len(content)
    decoded(content)


PIECES = st.sampled_from(
    [b"Content-Type: ", b"multipart/mixed; ", b"boundary=", b"b", b"--", b"\r\n", b"\n", b" ", b'"',
     b"message/rfc822", b"text/plain", b"Subject", b":", b";", b"name*0*=", b"''%", b"(", b")",
     b"<", b"@", b",", b"To: ", b"From: ", b"=?utf-8?b?", b"?=", b"\\", b"\xff", b"x"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=60).map(b"".join))
def test_every_heap_of_message_pieces_is_a_message(content: bytes) -> None:
    parsed = Parsed(content)
    assert parsed.structure.count(b"(") >= 1
    assert parsed.envelope.startswith(b"(")
    decoded(content)
    fields = parse_fields(content, 10_000)
    assert b"".join(field.raw for field in fields) + b"\r\n" == select(
        fields, frozenset(), among=False
    )


def test_the_memory_of_structures_is_bounded() -> None:
    read: list[int] = []

    def content(key: int) -> bytes:
        read.append(key)
        return b"Subject: x\r\n\r\n"

    messages = ParsedMessages(content, room=10_000)
    for key in (*range(100), 99, 98):
        messages.get(key)
    assert len(read) == 100
    messages.get(0)
    assert len(read) == 101


@pytest.mark.parametrize(
    ("coded", "decoded_body"),
    [
        (b"a \t\r\nb  \r\n", b"a\r\nb\r\n"),
        (b"a=\t\r\nb", b"ab"),
        (b"a= \r\n  b=20\r\n", b"a  b \r\n"),
        (b"a=09 \r\n", b"a\t\r\n"),
        (b"end  ", b"end"),
        (b"a \nb=\t\nc\n", b"a\nbc\n"),
    ],
)
def test_white_space_at_the_end_of_a_quoted_printable_line_is_not_of_the_text(
    coded: bytes, decoded_body: bytes
) -> None:
    """RFC 2045 §6.7, rules 3 and 5."""
    content = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + coded
    assert section(content, "1", form="BINARY") == decoded_body


def test_a_line_of_much_white_space_takes_time_in_proportion() -> None:
    """Were it their square, this would not end."""
    blank = b" \t" * 2_000_000
    content = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + blank + b"x" + blank
    assert section(content, "1", form="BINARY") == blank + b"x"
