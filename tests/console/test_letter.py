"""Messages as they are shown, whoever wrote them."""

from __future__ import annotations

import pytest

from sandbox.console.letter import harmless_html, letter, part_content

CRLF = "\r\n"


def message(*lines: str) -> bytes:
    return CRLF.join(lines).encode()


def attached(name: str) -> bytes:
    return message(
        "Content-Type: multipart/mixed; boundary=b", "", "--b", "", "Bonjour.", "--b",
        f"Content-Disposition: attachment; filename={name}", "Content-Transfer-Encoding: base64",
        "", "AAEC", "--b--", "",
    )  # fmt: skip


def test_headers_are_decoded() -> None:
    found = letter(message("Subject: =?utf-8?q?R=C3=A9sultats?=", "From: a@b.test", "", "Texte"))
    assert found.first("subject") == "Résultats"
    assert found.text == "Texte"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ('"rapport.pdf"', "rapport.pdf"),
        ('"../../etc/passwd"', "passwd"),
        ('"C:\\\\Users\\\\a.exe"', "a.exe"),
        ('"\u202efdp.exe"', "\ufffdfdp.exe"),
        ("utf-8''%C3%A9t%C3%A9.txt", "utf-8''%C3%A9t%C3%A9.txt"),
        ('".."', "piece-jointe"),
    ],
)
def test_the_name_of_a_file_is_a_name(given: str, shown: str) -> None:
    (one,) = letter(attached(given)).attachments
    assert one.name == shown
    assert part_content(attached(given), one.number) == (b"\x00\x01\x02", shown)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("filename*=utf-8''%C3%A9t%C3%A9.txt", "été.txt"),
        ("filename*=iso-8859-1'fr'%E9t%E9.txt", "été.txt"),
        ("filename*0*=utf-8''%C3%A9; filename*1=t; filename*2*=%C3%A9", "été"),
        ("filename*=utf-8''..%2F..%2Fpasswd", "passwd"),
        ("filename*=utf-8''%E2%80%AEfdp.exe", "\ufffdfdp.exe"),
        ("filename*=nothing''%FF%FE", "ÿþ"),
        ("filename*999999=a; filename*0*=%ZZ", "%ZZ"),
    ],
)
def test_a_name_in_another_charset_or_in_pieces_is_read(given: str, shown: str) -> None:
    content = attached("x").replace(b"filename=x", given.encode())
    assert [each.name for each in letter(content).attachments] == [shown]


def test_of_html_only_what_shows_is_left() -> None:
    html = (
        '<p style="color:red" onclick="a()">Vu</p><script>a()</script><a href="http://a.test">b</a>'
        '<b style="background:u\\72l(//a.test)">c</b><style>@import "//a.test"; p {}</style>'
        '<img src="data:image/png;base64,AA=="><img src="http://a.test/i"><meta charset="utf-7">'
    )
    found = harmless_html(message("Content-Type: text/html", "", html))
    assert found is not None
    text = found.decode()
    assert '<p style="color:red">Vu</p>' in text
    assert "data:image/png" in text
    assert 'title="http://a.test"' in text
    for gone in ("import", "background", "script", "onclick", "href", "meta", 'src="http'):
        assert gone not in text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n",
        b"\xff" * 50,
        b"Content-Type: text/html\r\n\r\n",
        b"Content-Type: text/html\r\n\r\n\x00<",
        b"Content-Type: multipart/mixed; boundary=\r\n\r\n--",
        b"Content-Transfer-Encoding: x\r\n\r\na",
    ],
)
def test_whatever_was_sent_can_be_looked_at(content: bytes) -> None:
    letter(content)
    harmless_html(content)


def test_a_message_without_html_has_none() -> None:
    assert harmless_html(message("Subject: a", "", "b")) is None
