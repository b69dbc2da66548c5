"""Header of a message: strictly read, so that no two readers differ on who it is from."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.operators.post.headers import HeaderError, read_header


def authors(value: str) -> list[str]:
    return read_header(f"From: {value}\r\n\r\n".encode()).addresses("From")


@pytest.mark.parametrize(
    ("value", "addresses"),
    [
        ("a@b.test", ["a@b.test"]),
        ("Dr. Jean DUPONT <A@B.test>", ["a@b.test"]),
        ('"Dupont, Jean" <a@b.test>', ["a@b.test"]),
        ("=?utf-8?q?H=C3=A9l=C3=A8ne?= <a@b.test>", ["a@b.test"]),
        ("a@b.test (Jean Dupont)", ["a@b.test"]),
        ("\"'A@b.test'\" <a@b.test>", ["a@b.test"]),
        ("o'neil@b.test", ["o'neil@b.test"]),
        ('"a@ÉCOLE.test" <a@école.test>', ["a@xn--cole-9oa.test"]),
        ('"Jean @ Dupont, a@9h" <a@b.test>', ["a@b.test"]),
        ("équipe: a@b.test, c@d.test;", ["a@b.test", "c@d.test"]),
        ("X\r\n <a@b.test>", ["a@b.test"]),
    ],
)
def test_addresses(value: str, addresses: list[str]) -> None:
    assert authors(value) == addresses
    assert not read_header(f"From: {value}\r\n\r\n".encode()).misleads("From")


@pytest.mark.parametrize(
    "value",
    ["", "undisclosed:;", "a@b", "a@b.test <c@d.test>", "<a@b.test> <c@d.test>", "<a@b.test",
     "Dupont, Jean <a@b.test>", "a b@c.test", "a@b.test c@d.test", '"a@b.test', "(((((a@b.test",
     "a\0@b.test", "a@b.test," * 112, "a: b@c.test; d: e@f.test;", "a:;a:; <b@c.test>"],
)  # fmt: skip
def test_addresses_that_would_have_to_be_guessed(value: str) -> None:
    with pytest.raises(HeaderError):
        authors(value)


@pytest.mark.parametrize(
    "value",
    [
        '"c@d.test" <a@b.test>',
        "=?utf-8?q?evil=40x=2Etest?= <a@b.test>",
        "=?utf-8?b?ZXZpbO+8oHguZnI=?= <a@b.test>",
        "a@b.test (c@d.test)",
        '"c@\u200bd.test" <a@b.test>',
        '"Jean \u202ehcet.b@a" <a@b.test>',
        "=?utf-8?b?4oCuIEplYW4=?= <a@b.test>",
    ],
    ids=["quoted", "encoded", "wide-at", "comment", "invisible", "turned", "turned-encoded"],
)
def test_a_name_that_shows_the_address_of_someone_else(value: str) -> None:
    assert read_header(f"From: {value}\r\n\r\n".encode()).misleads("From")


@given(st.text(alphabet='ab@.,:;<>()[]"\\ =?\t', max_size=40))
def test_any_field_is_read_or_refused(value: str) -> None:
    """Nothing that the library raises reaches the connection."""
    with contextlib.suppress(HeaderError):
        assert authors(value)


def test_a_field_that_comes_twice_is_refused() -> None:
    header = read_header(b"From: a@b.test\r\nFROM: c@d.test\r\n\r\n")
    with pytest.raises(HeaderError):
        header.addresses("From")


@pytest.mark.parametrize(
    "content",
    [b"no field\r\n\r\n", b" fold\r\nA: b\r\n\r\n", b"A: b\r\n \t\r\n\r\n", b"A b: c\r\n\r\n",
     b": x\r\n\r\n", "é: x\r\n\r\n".encode(), b"A: b\r\n" * 1001 + b"\r\n",
     b"A: " + b"b\r\n c" * 200_000 + b"\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_header(content: bytes) -> None:
    with pytest.raises(HeaderError):
        read_header(content)


def test_a_field_of_many_folds_takes_time_in_proportion() -> None:
    """Were it their square, this would not end."""
    header = read_header(b"A: b" + b"\r\n c" * 120_000 + b"\r\n\r\n")
    assert header.values("A") == ["b" + " c" * 120_000]


def test_the_body_is_no_header() -> None:
    header = read_header(b"A: b\r\n\r\nFrom: x\r\n")
    assert header.values("From") == []
    assert header.end == 8


@pytest.mark.parametrize(
    ("kind", "is_report"),
    [
        ("multipart/report; report-type=delivery-status; boundary=b", True),
        ('multipart/report; boundary=b; report-type="disposition-notification"', True),
        ("multipart/report; report-type=feedback-report; boundary=b", False),
        ("multipart/mixed; report-type=delivery-status; boundary=b", False),
        ("text/plain", False),
        ("garbage;;;=", False),
        ("multipart/report; " + "(" * 900, False),
        ("multipart/report; " + "(" * 100_000, False),
    ],
)
def test_notifications(kind: str, is_report: bool) -> None:
    assert read_header(f"Content-Type: {kind}\r\n\r\n".encode()).is_report is is_report
