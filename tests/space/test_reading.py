"""What others write is read into values; a refusal is a line that shows no secret."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox.space.errors import UserError
from sandbox.space.reading import STRICT, read_as


@dataclass(frozen=True, kw_only=True)
class _Door:
    __pydantic_config__ = STRICT

    port: int = 0
    password: str = ""
    client_secret: str = ""


@pytest.mark.parametrize("name", ["password", "client_secret"])
def test_a_secret_of_the_wrong_type_is_named_and_not_shown(name: str) -> None:
    with pytest.raises(UserError) as error:
        read_as(_Door, {name: 123_456}, "doors.toml")
    assert name in str(error.value)
    assert "123" not in str(error.value)


def test_a_table_in_the_place_of_a_value_is_not_shown_either() -> None:
    with pytest.raises(UserError) as error:
        read_as(_Door, {"port": {"password": "JBSWY3DP"}}, "doors.toml")
    assert "JBSW" not in str(error.value)


@pytest.mark.parametrize("value", [1.5, [1], "many"])
def test_another_value_is_shown_where_it_stands(value: Any) -> None:
    with pytest.raises(UserError) as error:
        read_as(_Door, {"port": value}, "doors.toml")
    assert str(error.value).startswith(f"doors.toml: port = {json.dumps(value)}: ")


def test_half_a_surrogate_is_refused_with_a_line() -> None:
    with pytest.raises(UserError, match=r"^doors.toml: "):
        read_as(_Door, {"port": "\ud800"}, "doors.toml")
