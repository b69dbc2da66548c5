"""The journal: whole lines or none, and what cannot be written stops nobody."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sandbox.operators import journal as module
from sandbox.operators.auth import refusals
from sandbox.operators.journal import Journal
from sandbox.operators.model import Channel

HERE = Channel(
    operator="op1", design="d", endpoint="imap", host="h", port=993, protocol="imap", methods=(),
    mechanisms=(), client="127.0.0.1", client_port=40_001, session="0badcafe",
)  # fmt: skip


class Disk:
    """Takes so many bytes more, then says that it is full."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = 1 << 30
        self._write = os.write
        monkeypatch.setattr(module.os, "write", self.write)

    def write(self, file: int, data: bytes) -> int:
        if not self.room:
            raise OSError(28, "No space left on device")
        written = self._write(file, data[: self.room])
        self.room -= written
        return written


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_refusal_says_who_where_and_why(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    journal.refused(refusals.WRONG_PASSWORD.reason, HERE)
    journal.close()
    [kept] = lines(tmp_path / "j")
    assert kept["reason"] == "wrong-password"
    assert kept["fr"] == "Le mot de passe est faux."
    assert (kept["client"], kept["client_port"], kept["session"]) == (
        "127.0.0.1", 40_001, "0badcafe",
    )  # fmt: skip


def test_a_full_disk_stops_nobody_and_leaves_whole_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    journal = Journal(tmp_path / "j")
    journal.note("one")
    disk.room = 10  # enough for half a line
    journal.note("two")
    journal.note("three")
    assert journal.lost == 2
    assert [each["event"] for each in journal.since()] == ["one", "two", "three"]
    disk.room = 1 << 30
    journal.note("four")
    journal.note("five")
    journal.close()
    kept = lines(tmp_path / "j")
    assert [each["event"] for each in kept] == ["one", "journal-lost", "four", "five"]
    assert kept[1]["lost"] == 2


def test_half_a_line_of_a_crash_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal(path)
    journal.note("one")
    journal.close()
    with path.open("ab") as file:
        file.write(b'{"seq": 2, "event": "hal')
    journal = Journal(path)
    journal.note("next")
    journal.close()
    assert [each["event"] for each in lines(path)] == ["one", "next"]
