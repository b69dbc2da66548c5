"""What others write (files, bodies of requests) read into values; a refusal is one line."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from sandbox.space.errors import BadValueError, UserError

__all__ = ["FRENCH", "LARGEST_FILE", "STRICT", "read_as", "read_toml", "refusal"]

T = TypeVar("T")
LARGEST_FILE = 1 << 20  # bytes
_SECRET = re.compile(r"(secret|password|token|pin)s?(\.|$)")  # names of what no error shows
# `__pydantic_config__` of a dataclass that `read_as` makes: no unknown member, no other type.
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)

# What pydantic says of a value, in French: its own sentences are English only.
# Type of an error (pydantic's list, "Validation errors") -> sentence; names are those of its `ctx`.
FRENCH: dict[str, str] = {
    "bool_parsing": "attendu true ou false",
    "bool_type": "attendu true ou false",
    "date_from_datetime_inexact": "attendu une date sans heure",
    "date_from_datetime_parsing": "attendu une date comme 2026-03-02",
    "date_parsing": "attendu une date comme 2026-03-02",
    "date_type": "attendu une date comme 2026-03-02",
    "datetime_from_date_parsing": "attendu une date et une heure",
    "datetime_parsing": "attendu une date et une heure",
    "datetime_type": "attendu une date et une heure",
    "dict_type": "attendu une table",
    "enum": "attendu {expected}",
    "finite_number": "attendu un nombre fini",
    "float_parsing": "attendu un nombre",
    "float_type": "attendu un nombre",
    "frozen_set_type": "attendu une liste",
    "greater_than": "attendu plus de {gt}",
    "greater_than_equal": "attendu {ge} ou plus",
    "json_invalid": "ce n'est pas du JSON",
    "int_from_float": "attendu un nombre entier",
    "int_parsing": "attendu un nombre entier",
    "int_parsing_size": "nombre trop long",
    "int_type": "attendu un nombre entier",
    "less_than": "attendu moins de {lt}",
    "less_than_equal": "attendu {le} ou moins",
    "list_type": "attendu une liste",
    "literal_error": "attendu {expected}",
    "mapping_type": "attendu une table",
    "model_attributes_type": "attendu une table",
    "model_type": "attendu une table",
    "string_pattern_mismatch": "attendu une chaîne de la forme {pattern}",
    "string_too_long": "attendu {max_length} caractères au plus",
    "string_too_short": "attendu {min_length} caractères au moins",
    "string_type": "attendu une chaîne",
    "too_long": "attendu {max_length} éléments au plus, il y en a {actual_length}",
    "too_short": "attendu {min_length} éléments au moins, il y en a {actual_length}",
    "tuple_type": "attendu une liste",
}


def read_toml(path: Path) -> dict[str, Any]:
    """Read a file of settings.

    Raises:
        UserError: it cannot be read, is too large, or is no TOML.
    """
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UserError(
                f"plus de {LARGEST_FILE} octets ; un fichier court est attendu",
                f"larger than {LARGEST_FILE} bytes; a short file is expected",
                where=path,
            )
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError.because("illisible", "cannot be read", path, error.strerror) from None
    except tomllib.TOMLDecodeError as error:
        raise UserError("ce n'est pas du TOML", "not TOML", where=path, then=f"({error})") from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"ce n'est pas de l'UTF-8 à l'octet {error.start}",
            f"not UTF-8 at byte {error.start}",
            where=path,
        ) from None
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits, lists in lists in...
        raise UserError.because("illisible", "cannot be read", path, error) from None


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def read_as(kind: type[T], data: Mapping[str, Any], where: object) -> T:
    """Return plain data (of TOML, of JSON) as a model, or a dataclass whose config is `STRICT`.

    Raises:
        UserError: a member that is unknown, missing or wrong; or what the class itself refuses.
    """
    hashable: Any = kind
    try:
        found: T = _adapter(hashable).validate_json(json.dumps(data, default=str), strict=True)
    except ValidationError as error:
        raise refusal(error, kind).at(where) from None
    return found


def refusal(error: ValidationError, kind: type) -> UserError:
    """Return the first fault of what was to be a `kind`: key, value, what is allowed."""
    fault = error.errors()[0]
    location = fault["loc"]
    key = ".".join(str(part) for part in location if not str(part).startswith("function-"))
    if fault["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return UserError(
            "clé inconnue ; permises ici", "unknown key; allowed here",
            where=key, then=", ".join(_allowed(kind, location[:-1])) or "rien / nothing",
        )  # fmt: skip
    if fault["type"] == "missing":
        return UserError(
            "manque ; sans valeur par défaut, en donner une",
            "missing; it has no default, give it a value",
            where=key,
        )
    context = fault.get("ctx", {})
    if isinstance(own := context.get("error"), BadValueError):
        return own.told.at(key)
    english = fault["msg"][0].lower() + fault["msg"][1:]
    french = FRENCH.get(fault["type"], "valeur refusée").format(**context)
    return UserError(
        french.replace("' or '", "' ou '"), english,
        where=" = ".join(filter(None, (key, _shown(key, fault["input"])))),
    )  # fmt: skip


def _shown(key: str, value: object) -> str:
    """Return a value as an error may show it: no secret, and nothing that may hold one."""
    if not key or _SECRET.search(key):
        return ""
    if isinstance(value, Mapping):
        return "{…}"
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _allowed(kind: type, location: tuple[int | str, ...]) -> list[str]:
    """Return the keys that may stand at a place of a `kind`."""
    if is_dataclass(kind):
        return [each.name for each in fields(kind) if each.init]
    schema = TypeAdapter(kind).json_schema()
    node: dict[str, Any] = schema
    for part in location:
        options = [node, *node.get("anyOf", [])]
        for option in options:
            if "properties" in option and part in option["properties"]:
                node = option["properties"][part]
                break
            if isinstance(part, str) and "patternProperties" in option:
                node = next(iter(option["patternProperties"].values()))
                break
            if isinstance(part, str) and isinstance(option.get("additionalProperties"), dict):
                node = option["additionalProperties"]
                break
            if "items" in option and isinstance(part, int):
                node = option["items"]
                break
        while "$ref" in node:
            node = schema["$defs"][node["$ref"].rsplit("/", 1)[1]]
    return list(node.get("properties", {}))
