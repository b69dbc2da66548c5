"""LDAP filters: what they mean on an entry, exactly (RFC 4511 §4.5.1.7).

Filters arrive parsed by sansldap; they are turned into a small tree of our own with a bound on
size and depth. Evaluation has three values: an attribute that the schema does not know makes a
filter Undefined, and an Undefined filter selects nothing, not even under NOT.
"""

from __future__ import annotations

from dataclasses import dataclass

import sansldap

from sandbox.directory.ldap.entries import Entry
from sandbox.directory.ldap.schema import known

__all__ = [
    "And",
    "Equals",
    "Filter",
    "FilterTooLargeError",
    "Not",
    "Or",
    "Present",
    "Substring",
    "Undefined",
    "matches",
    "read",
]

_DEEPEST = 24
_LARGEST = 256
_LONGEST_VALUE = 1_024
# Matching rules that an extensible filter may name for our attributes: all ignore case.
_RULES = {"", "caseignorematch", "2.5.13.2", "caseignoreia5match", "1.3.6.1.4.1.1466.109.114.2"}


class FilterTooLargeError(ValueError):
    """The filter is deeper or larger than allowed."""


@dataclass(frozen=True, slots=True)
class And:
    """All of them; no filter at all is true (RFC 4526)."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of them at least; no filter at all is false (RFC 4526)."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary."""

    part: Filter


@dataclass(frozen=True, slots=True)
class Present:
    """The attribute has a value."""

    attribute: str


@dataclass(frozen=True, slots=True)
class Equals:
    """The attribute has this value (prepared)."""

    attribute: str
    value: str


@dataclass(frozen=True, slots=True)
class Substring:
    """The attribute begins, goes on and ends so (prepared; empty texts ask for nothing)."""

    attribute: str
    initial: str
    middle: tuple[str, ...]
    final: str


@dataclass(frozen=True, slots=True)
class Undefined:
    """Neither true nor false: an unknown attribute, rule or value."""


Filter = And | Or | Not | Present | Equals | Substring | Undefined


def prepare(value: str) -> str:
    """Prepare a text for comparison: case folded, outer spaces off, inner ones single."""
    return " ".join(value.casefold().split())


def _part(value: bytes | None, *, first: bool = False, last: bool = False) -> str:
    """Prepare a piece of a substring filter: its inner edges keep their space."""
    if not value:
        return ""
    text = _text(value).casefold()
    body = " ".join(text.split())
    before = " " if text[:1].isspace() and not first else ""
    after = " " if text[-1:].isspace() and not last and body else ""
    return f"{before}{body}{after}"


def _text(value: bytes) -> str:
    if len(value) > _LONGEST_VALUE:
        raise FilterTooLargeError(
            f"an assertion value of {len(value)} bytes; {_LONGEST_VALUE} at most"
        )
    return value.decode("utf-8")


def read(parsed: sansldap.LDAPFilter) -> Filter:
    """Turn a parsed filter into ours.

    Raises:
        FilterTooLargeError: more than 256 parts, deeper than 24, or a value above 1,024 bytes.
    """
    budget = [_LARGEST]
    return _read(parsed, 0, budget)


def _read(parsed: sansldap.LDAPFilter, depth: int, budget: list[int]) -> Filter:
    budget[0] -= 1
    if depth > _DEEPEST or budget[0] < 0:
        raise FilterTooLargeError(
            f"a filter deeper than {_DEEPEST} or of more than {_LARGEST} parts"
        )
    match parsed:
        case sansldap.FilterAnd(filters=parts):
            return And(tuple(_read(part, depth + 1, budget) for part in parts))
        case sansldap.FilterOr(filters=parts):
            return Or(tuple(_read(part, depth + 1, budget) for part in parts))
        case sansldap.FilterNot(filter=part):
            return Not(_read(part, depth + 1, budget))
        case _:
            try:
                return _leaf(parsed)
            except UnicodeDecodeError:
                return Undefined()


def _leaf(parsed: sansldap.LDAPFilter) -> Filter:
    match parsed:
        case sansldap.FilterPresent(attribute=name):
            return Present(known(name)) if known(name) else Undefined()
        case (
            sansldap.FilterEquality(attribute=name, value=value)
            | sansldap.FilterApproxMatch(attribute=name, value=value)
        ):
            return Equals(known(name), prepare(_text(value))) if known(name) else Undefined()
        case sansldap.FilterSubstrings(attribute=name, initial=initial, any=middle, final=final):
            if not known(name) or known(name) in {"objectclass", "mssdematerialisation"}:
                return Undefined()
            return Substring(
                known(name),
                _part(initial, first=True),
                tuple(part for part in (_part(piece) for piece in middle) if part),
                _part(final, last=True),
            )
        case sansldap.FilterExtensibleMatch(rule=rule, attribute=name, value=value):
            attribute = known(name or "")
            if not attribute or (rule or "").lower() not in _RULES:
                return Undefined()
            return Equals(attribute, prepare(_text(value)))
        case _:
            # Ordering filters: none of the attributes has an ordering rule.
            return Undefined()


def _values(entry: Entry, attribute: str) -> list[str]:
    return [
        prepare(value)
        for name, values in entry.attributes
        if name.lower() == attribute
        for value in values
    ]


def _holds(piece: Substring, value: str) -> bool:
    if not value.startswith(piece.initial):
        return False
    at = len(piece.initial)
    for part in piece.middle:
        found = value.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(value) - len(piece.final) >= at and value.endswith(piece.final)


def evaluate(wanted: Filter, entry: Entry) -> bool | None:
    """Return True, False, or None for Undefined."""
    match wanted:
        case And(parts=parts):
            verdicts = [evaluate(part, entry) for part in parts]
            return False if False in verdicts else None if None in verdicts else True
        case Or(parts=parts):
            verdicts = [evaluate(part, entry) for part in parts]
            return True if True in verdicts else None if None in verdicts else False
        case Not(part=part):
            verdict = evaluate(part, entry)
            return None if verdict is None else not verdict
        case Present(attribute=attribute):
            return bool(_values(entry, attribute))
        case Equals(attribute=attribute, value=value):
            return value in _values(entry, attribute)
        case Substring(attribute=attribute):
            return any(_holds(wanted, value) for value in _values(entry, attribute))
        case Undefined():
            return None


def matches(wanted: Filter, entry: Entry) -> bool:
    """Tell whether a filter selects an entry."""
    return evaluate(wanted, entry) is True
