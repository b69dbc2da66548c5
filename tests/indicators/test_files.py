"""The monthly file: a bad one is refused with a line, and nothing is half-written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sandbox.indicators.counting import Fact, count
from sandbox.indicators.files import as_json, deposit, deposited, read_file
from sandbox.indicators.month import Month
from sandbox.space.errors import UserError

MONTH = Month(2026, 11)


def tree() -> dict[str, Any]:
    facts = [Fact("submitted", "a@op1.mssante.test", times=3)]
    return as_json(count("op1", MONTH, ["op1.mssante.test"], [], facts, []))


def test_a_file_that_is_deposited_is_read_again(tmp_path: Path) -> None:
    said = count("op1", MONTH, ["op1.mssante.test"], [], [], [])
    (path,) = deposit(tmp_path, [said])
    assert deposited(tmp_path, MONTH) == {"op1": path}
    assert deposited(tmp_path, MONTH.next) == {}
    assert read_file(path) == said
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "change",
    [
        {"layout": "other/1"},
        {"messages": [{}]},
        {"messages": {"a": 1}},
        {"month": "2026-13"},
        {"operator": 3},
        {"logins": [{"protocol": "imap", "method": "cps", "cause": "", "count": -1}]},
        {"logins": [{"protocol": "imap", "method": "cps", "cause": "", "count": True}]},
        {"logins": [{"protocol": "imap", "method": "cps", "cause": "", "count": 1.5}]},
    ],
    ids=str,
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "op1.json"
    path.write_text(json.dumps({**tree(), **change}))
    with pytest.raises(UserError):
        read_file(path)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"[]"])
def test_what_is_no_json_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "op1.json"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"op1\.json"):
        read_file(path)


@pytest.mark.parametrize(
    "text", ["2026", "2026-00", "2026-13", "26-11", "2026-11-01", "", "٢٠٢٦-11"]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="2026-11"):
        Month.of(text)


def test_a_month_ends_where_the_next_begins() -> None:
    december = Month.of("2026-12")
    assert str(december.next) == "2027-01"
    assert december.next.before == december
    assert Month.at(december.end - 1) == december
    assert Month.at(december.end) == december.next
