"""The folder of a space: founded once, held by one process, emptied on demand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sandbox.live.blocks import held_block
from sandbox.live.folder import SpaceFolder
from sandbox.space.errors import UserError

DEFAULTS: dict[str, Any] = {
    "scenario": "demo", "operators": 3, "port_offset": 10_000, "block": 1, "keys": "p-256",
    "seed": 1,
}  # fmt: skip


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    with (
        SpaceFolder(tmp_path).locked(),
        pytest.raises(UserError, match="runs there already"),
        SpaceFolder(tmp_path).locked(),
    ):
        pass
    with SpaceFolder(tmp_path).locked():
        pass


def test_a_sheet_that_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "space.json").write_text("{}")
    with SpaceFolder(tmp_path).locked():
        assert not (tmp_path / "space.json").exists()


def test_a_space_keeps_what_it_was_founded_with(tmp_path: Path) -> None:
    with SpaceFolder(tmp_path).locked():
        first = SpaceFolder(tmp_path).founding({"operators": 2}, DEFAULTS)
        assert (first.operators, first.block) == (2, 1)
        SpaceFolder(tmp_path).keep(first)
        assert SpaceFolder(tmp_path).founding({}, {**DEFAULTS, "operators": 9}) == first
        with pytest.raises(UserError, match="founded with operators 2, not 4"):
            SpaceFolder(tmp_path).founding({"operators": 4}, DEFAULTS)


def test_the_folder_of_a_space_is_its_owner_s_whoever_made_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    folder = SpaceFolder(tmp_path)
    with folder.locked():
        folder.keep(folder.founding({}, DEFAULTS))
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_a_start_that_was_refused_founds_nothing(tmp_path: Path) -> None:
    with SpaceFolder(tmp_path).locked():
        SpaceFolder(tmp_path).founding({"scenario": "nope"}, DEFAULTS)
        assert SpaceFolder(tmp_path).founding({}, DEFAULTS).scenario == "demo"


def test_reset_forgets_a_space_and_nothing_else(tmp_path: Path) -> None:
    folder = SpaceFolder(tmp_path)
    with folder.locked():
        (tmp_path / "precious").mkdir()
        with pytest.raises(UserError, match="not a space"):
            folder.reset()
        with pytest.raises(UserError, match="not empty"):
            folder.founding({}, DEFAULTS)
        (tmp_path / "precious").rmdir()
        folder.keep(folder.founding({}, DEFAULTS))
        folder.secret("x")
        folder.reset()
        assert [each.name for each in tmp_path.iterdir()] == [".lock"]


def test_a_space_whose_founding_was_killed_is_founded_again(tmp_path: Path) -> None:
    (tmp_path / ".settings.json.k3x9").write_text("{")
    folder = SpaceFolder(tmp_path)
    folder.keep(folder.founding({}, DEFAULTS))
    folder.reset()
    assert not list(tmp_path.iterdir())


def test_settings_of_another_version_are_told(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"format": 99}')
    with pytest.raises(UserError, match="not of this version"):
        SpaceFolder(tmp_path).founding({}, DEFAULTS)


def test_a_secret_is_drawn_once_and_private(tmp_path: Path) -> None:
    folder = SpaceFolder(tmp_path)
    assert folder.secret("op001") == folder.secret("op001") != folder.secret("op002")
    assert (tmp_path / "secrets/op001").stat().st_mode & 0o077 == 0


def test_two_spaces_never_hold_one_block() -> None:
    with held_block(None) as one, held_block(None) as two:
        assert one != two
        with pytest.raises(UserError, match=f"127.{one}"), held_block(one):
            pass
