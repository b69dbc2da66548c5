"""An error that a user sees is one line, in French and then in English."""

from __future__ import annotations

import ast
import pickle
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic_core._pydantic_core import list_all_errors

from sandbox.space.errors import BadValueError, UserError
from sandbox.space.reading import FRENCH

SOURCES = sorted((Path(__file__).parents[2] / "sandbox").rglob("*.py"))
OURS = ("UserError", "UserError.among", "UserError.because", "BadValueError")


def raised() -> Iterator[tuple[str, ast.Call]]:
    """Yield every place of the sandbox where an error of ours is made."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in OURS:
                yield f"{path.name}:{node.lineno}", node


def test_a_line_says_where_once_then_both_languages_then_what_both_end_with() -> None:
    error = UserError("inconnu ; choisir parmi", "unknown; choose among", where="a.toml", then="b")
    assert str(error) == "a.toml: inconnu ; choisir parmi / unknown; choose among b"
    assert str(UserError("trop", "too much")) == "trop / too much"


def test_an_error_stays_one_line_whatever_it_quotes() -> None:
    assert str(UserError("non", "no", where="a\nb", then="(c\r\n\td)")) == "a b: non / no (c d)"


def test_an_error_found_inside_of_a_file_names_the_file_first() -> None:
    inner = UserError("non", "no", where="key", then="x")
    assert str(inner.at("a.toml")) == "a.toml: key: non / no x"
    assert str(UserError("non", "no").at("a.toml")) == "a.toml: non / no"


def test_an_error_crosses_to_another_process_whole() -> None:
    error = UserError("non", "no", where="a.toml", then="x")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_no_error_is_made_in_one_language() -> None:
    found = dict(raised())
    assert len(found) > 250
    for place, call in found.items():
        french, english = (ast.unparse(each) for each in call.args[:2])
        assert french != english, place
        assert not {"''", '""'} & {french, english}, place


def test_what_a_model_refuses_reads_like_any_other_error() -> None:
    assert str(BadValueError("non", "no", where="key")) == "key: non / no"


@pytest.mark.parametrize("kind", FRENCH)
def test_the_french_of_pydantic_s_refusals_names_what_pydantic_tells(kind: str) -> None:
    (known,) = (each for each in list_all_errors() if each["type"] == kind)
    asked = {name for _, name, _, _ in string.Formatter().parse(FRENCH[kind]) if name}
    assert asked <= set(known["example_context"] or ())
