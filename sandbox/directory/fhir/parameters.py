"""Search parameters: the table of what each resource can be searched by, and their SQL.

Names and modifiers are those of the capability statement of the real service (v2). What it declares
about data that this sandbox does not hold (smart cards, registration authority, information system,
pharmacy licence) is refused by name, as an unknown parameter is: never ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.directory.fhir import systems
from sandbox.directory.model import Bearer
from sandbox.directory.rows import TYPES, match_words
from sandbox.directory.tables import fold, tables

__all__ = ["ID_PREFIXES", "SEARCH", "Clause", "FhirParameterError", "Searchable", "row_of"]

Clause = tuple[str, tuple[Any, ...]]
_LAST = "\U0010ffff"
_BROAD_DOMAINS = 50
ID_PREFIXES = {"Practitioner": "pp", "PractitionerRole": "pr", "Organization": "st"}
_INSTANT = re.compile(
    r"(eq|gt|ge|lt|le)?(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?"
    r"(Z|[+-]\d\d:\d\d)?)?)?)?"
)

# Year, month, day, hour, minute, second where they are not given; how long what is given lasts.
_LEAST = (1, 1, 1, 0, 0, 0)
_STEPS = {3: timedelta(days=1), 5: timedelta(minutes=1), 6: timedelta(seconds=1)}


class FhirParameterError(ValueError):
    """A search parameter, a modifier or a value that the server does not accept."""


@dataclass(frozen=True)
class ParameterContext:
    """What a clause may need: the condition of visibility, and how many domains hold a text."""

    visible: str
    count_domains: Callable[[str], int]


Maker = Callable[[str, str, ParameterContext], Clause]
Parameter = tuple[str, tuple[str, ...], Maker]  # type in the capability statement, modifiers, maker


@dataclass(frozen=True)
class Searchable:
    """How one resource is searched.

    Attributes:
        table: Its table; the clauses call it `r`.
        parameters: By name.
        includes: `_include` values.
        reverse: `_revinclude` values.
    """

    table: str
    parameters: dict[str, Parameter]
    includes: tuple[str, ...] = ()
    reverse: tuple[str, ...] = field(default=())


def row_of(kind: str, identifier: str) -> int:
    """Return the row that a logical id names, 0 when it cannot name any."""
    match = re.fullmatch(rf"{ID_PREFIXES[kind]}-([1-9]\d{{0,17}})", identifier, re.ASCII)
    return int(match[1]) if match else 0


def _logical_id(kind: str) -> Maker:
    def make(_modifier: str, value: str, _context: ParameterContext) -> Clause:
        return "r.id = ?", (row_of(kind, value.removeprefix(f"{kind}/")),)

    return make


def _active(_modifier: str, value: str, _context: ParameterContext) -> Clause:
    if value not in {"true", "false"}:
        raise FhirParameterError(f"active={value!r}: true or false")
    return ("1" if value == "true" else "0"), ()


def _span(text: str) -> tuple[str, int, int]:
    """Return the prefix, the beginning and the end of what a date names (FHIR R4 §3.1.1.4.6)."""
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise FhirParameterError(
            f"_lastUpdated={text[:40]!r}: a date with gt, ge, eq, lt or le before it"
        )
    prefix, *parts, zone = match.groups()
    given = len(parts) - parts.count(None)
    try:
        whole = [int(part or least) for part, least in zip(parts, _LEAST, strict=True)]
        year, month, day, hour, minute, second = whole
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        if zone and zone != "Z":
            shift = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
            moment += shift if zone[0] == "-" else -shift
        if given == 1:
            after = moment.replace(year=moment.year + 1)
        elif given == 2:
            after = (moment.replace(day=28) + timedelta(days=4)).replace(day=1)
        else:
            after = moment + _STEPS[given]
    except (ValueError, OverflowError) as error:
        raise FhirParameterError(f"_lastUpdated={text[:40]!r}: {error}") from error
    return prefix or "eq", int(moment.timestamp()), int(after.timestamp())


def _last_updated(_modifier: str, value: str, _context: ParameterContext) -> Clause:
    prefix, begin, end = _span(value)
    match prefix:
        case "gt":
            return "r.updated >= ?", (end,)
        case "ge":
            return "r.updated >= ?", (begin,)
        case "lt":
            return "r.updated < ?", (begin,)
        case "le":
            return "r.updated < ?", (end,)
        case _:
            return "r.updated >= ? AND r.updated < ?", (begin, end)


def _token(value: str) -> tuple[str | None, str]:
    """Split a token: (system or None when any, code)."""
    system, bar, code = value.partition("|")
    return (system, code) if bar else (None, value)


def _person_identifier(_modifier: str, value: str, _context: ParameterContext) -> Clause:
    system, code = _token(value)
    forms = {systems.IDNPS: code, systems.RPPS: f"8{code}", systems.ADELI: f"0{code}"}
    if system is None:
        return "r.national_id IN (?, ?, ?)", tuple(forms.values())
    if system not in forms:
        return "0", ()
    if not code:
        first = {systems.IDNPS: "", systems.RPPS: "8", systems.ADELI: "0"}[system]
        return "r.national_id >= ? AND r.national_id < ?", (first, first + _LAST)
    return "r.national_id = ?", (forms[system],)


def _structure_identifier(_modifier: str, value: str, _context: ParameterContext) -> Clause:
    system, code = _token(value)
    forms = {
        systems.IDNST: ("r.national_id = ?", code),
        systems.FINESS: ("r.national_id = ?", f"1{code}"),
        systems.SIRENE: ("r.siret = ?", code),
    }
    if system is None:
        return "(r.national_id IN (?, ?) OR r.siret = ?)", (code, f"1{code}", code)
    if system not in forms:
        return "0", ()
    if not code:
        first = "1" if system == systems.FINESS else ""
        return "r.national_id >= ? AND r.national_id < ?", (first, first + _LAST)
    sql, parameter = forms[system]
    return sql, (parameter,)


def _activity_identifier(_modifier: str, value: str, _context: ParameterContext) -> Clause:
    system, code = _token(value)
    match = re.fullmatch(r"A(\d{12})", code, re.ASCII)
    if system not in {None, systems.ACTIVITY} or match is None:
        return "0", ()
    return "r.id = ?", (int(match[1]),)


def _kind_of_identifier(kinds: dict[str, str]) -> Parameter:
    def make(_modifier: str, value: str, _context: ParameterContext) -> Clause:
        _system, code = _token(value)
        return kinds.get(code, "0"), ()

    return _token_of(make)


def _string(key: str, shown: str) -> Maker:
    """Make a string search on a folded column: prefix, `:contains`, or `:exact` as it is shown."""

    def make(modifier: str, value: str, _context: ParameterContext) -> Clause:
        folded = fold(value)
        if not folded:
            raise FhirParameterError("an empty text to search for")
        if modifier == "contains":
            return f"instr({key}, ?) > 0", (folded,)
        if modifier == "exact":
            return f"{key} = ? AND {shown} = ?", (folded, value)
        return f"{key} >= ? AND {key} < ?", (folded, folded + _LAST)

    return make


_FAMILY = _string("r.surname_key", "r.surname")


def _given(modifier: str, value: str, _context: ParameterContext) -> Clause:
    folded = fold(value)
    if not folded:
        raise FhirParameterError("an empty text to search for")
    if modifier == "exact":
        return "r.cn_key >= ? AND r.cn_key < ? AND r.given = ?", (f"{folded} ", f"{folded}!", value)
    if modifier == "contains":
        # The folded first name is what stands before the surname in cn_key.
        first = "substr(r.cn_key, 1, length(r.cn_key) - length(r.surname_key) - 1)"
        return f"instr({first}, ?) > 0", (folded,)
    return "r.cn_key >= ? AND r.cn_key < ?", (folded, folded + _LAST)


def _name(modifier: str, value: str, context: ParameterContext) -> Clause:
    """Search any part of a name."""
    family, parameters = _FAMILY(modifier, value, context)
    given, more = _given(modifier, value, context)
    return f"(({family}) OR ({given}))", (*parameters, *more)


def _codes(rows: list[int], column: str) -> Clause:
    return (f"r.{column} IN ({','.join(map(str, rows))})", ()) if rows else ("0", ())


def _qualification(_modifier: str, value: str, _context: ParameterContext) -> Clause:
    system, code = _token(value)
    reference = tables()
    clauses = []
    if system in {None, systems.PROFESSION}:
        rows = [i for i, p in enumerate(reference.professions) if p.code == code and code != "0"]
        clauses.append(_codes(rows, "profession")[0])
    if system in {None, systems.SPECIALTY}:
        rows = [i for i, s in enumerate(reference.specialties) if s[0] == code]
        doctors = [i for i, p in enumerate(reference.professions) if p.code == "10"]
        clauses.append(f"({_codes(doctors, 'profession')[0]} AND {_codes(rows, 'specialty')[0]})")
    return f"({' OR '.join(clauses) or '0'})", ()


def _role(_modifier: str, value: str, _context: ParameterContext) -> Clause:
    system, code = _token(value)
    if system in {None, systems.MODE} and code in {"L", "S"}:
        return "r.mode = ?", (code,)
    if system in {None, systems.KIND_OF_ACTIVITY} and code == "GENR01":
        return "1", ()
    return "0", ()


def _organization_type(_modifier: str, value: str, _context: ParameterContext) -> Clause:
    system, code = _token(value)
    if system in {None, systems.SECTOR}:
        rows = [i for i, s in enumerate(tables().sectors) if s.code == code]
        if rows:
            return _codes(rows, "sector")
    kinds = {"LEGAL-ENTITY": "J", "GEOGRAPHICAL-ENTITY": "G"}
    if system in {None, systems.ORGANIZATION_KINDS} and code in kinds:
        return "r.kind = ?", (kinds[code],)
    return "0", ()


def _place(field_name: str) -> Maker:
    def make(modifier: str, value: str, _context: ParameterContext) -> Clause:
        wanted = fold(value)

        def holds(text: str) -> bool:
            if modifier == "exact":
                return text == value
            folded = fold(text)
            return wanted in folded if modifier == "contains" else folded.startswith(wanted)

        rows = [
            i
            for i, d in enumerate(tables().departments)
            if wanted and holds(getattr(d, field_name))
        ]
        return _codes(rows, "department")

    return make


def _mailbox(kind: str) -> Maker:
    """Make `mailbox-mss`: prefix, `:exact` or `:contains`, on visible mailboxes alone."""
    bearer = Bearer(kind, 0)
    column = bearer.table
    own = bearer.condition.replace(f"m.{column} = ?", "1")

    def make(modifier: str, value: str, context: ParameterContext) -> Clause:
        text = value.lower()
        if not text:
            raise FhirParameterError("an empty address to search for")
        shown = f"({own}) AND {context.visible}"
        found = f"r.id IN (SELECT m.{column} FROM mailbox m WHERE {shown} AND {{}})"
        if modifier == "exact":
            return found.format("m.address = ?"), (text,)
        if modifier != "contains":
            return found.format("m.address >= ? AND m.address < ?"), (text, text + _LAST)
        local, at, domain = text.partition("@")
        inside = "m.id IN (SELECT rowid FROM words.search WHERE search MATCH ?)"
        domains = "m.domain IN (SELECT id FROM domain WHERE {})"
        with_: tuple[str, ...]
        if at and match_words(local):
            narrow, with_ = inside, (match_words(local),)
        elif at and domain:
            narrow, with_ = domains.format("name >= ? AND name < ?"), (domain, domain + _LAST)
        elif not at and match_words(text) and context.count_domains(text) <= _BROAD_DOMAINS:
            either = f"({inside} OR {domains.format('instr(name, ?) > 0')})"
            narrow, with_ = either, (match_words(text), text)
        else:
            # So common a text is met at once: resources are walked in order until a page is full.
            walk = f"SELECT 1 FROM mailbox m WHERE m.{column} = r.id AND {shown}"
            return f"EXISTS ({walk} AND instr(m.address, ?) > 0)", (text,)
        return found.format(f"{narrow} AND instr(m.address, ?) > 0"), (*with_, text)

    return make


def _mailbox_type(kind: str) -> Maker:
    bearer = Bearer(kind, 0)
    own = bearer.condition.replace(f"m.{bearer.table} = ?", f"m.{bearer.table} = r.id")

    def make(_modifier: str, value: str, context: ParameterContext) -> Clause:
        system, code = _token(value)
        kinds = [i for i, known in enumerate(TYPES) if known.value == code]
        # The IG writes the system of the messaging type in its examples: both are understood.
        if not kinds or system not in {None, systems.TYPE_BAL, systems.MESSAGING}:
            return "0", ()
        inner = f"SELECT 1 FROM mailbox m WHERE {own} AND {context.visible} AND m.type = ?"
        return f"EXISTS ({inner})", (kinds[0],)

    return make


def _token_of(make: Maker) -> Parameter:
    return "token", (), make


def _text_of(make: Maker) -> Parameter:
    return "string", ("exact", "contains"), make


def _reference_to(kind: str, column: str) -> Parameter:
    def make(_modifier: str, value: str, _context: ParameterContext) -> Clause:
        return f"r.{column} = ?", (row_of(kind, value.rpartition("/")[2]),)

    return "reference", (), make


def _common(kind: str) -> dict[str, Parameter]:
    return {
        "_id": _token_of(_logical_id(kind)),
        "_lastUpdated": ("date", (), _last_updated),
        "active": _token_of(_active),
        "mailbox-mss": _text_of(_mailbox(kind)),
        "mailbox-mss-type": _token_of(_mailbox_type(kind)),
    }


SEARCH = {
    "Practitioner": Searchable(
        "person",
        {
            **_common("Practitioner"),
            "identifier": _token_of(_person_identifier),
            "identifier-type": _kind_of_identifier(
                {
                    "IDNPS": "1",
                    "RPPS": "r.national_id >= '8' AND r.national_id < '9'",
                    "ADELI": "r.national_id >= '0' AND r.national_id < '1'",
                }
            ),
            "family": _text_of(_FAMILY),
            "given": _text_of(_given),
            "name": _text_of(_name),
            "qualification-code": _token_of(_qualification),
        },
        reverse=("PractitionerRole:practitioner",),
    ),
    "PractitionerRole": Searchable(
        "activity",
        {
            **_common("PractitionerRole"),
            "identifier": _token_of(_activity_identifier),
            "organization": _reference_to("Organization", "structure"),
            "practitioner": _reference_to("Practitioner", "person"),
            "role": _token_of(_role),
        },
        includes=("PractitionerRole:organization", "PractitionerRole:practitioner"),
    ),
    "Organization": Searchable(
        "structure",
        {
            **_common("Organization"),
            "identifier": _token_of(_structure_identifier),
            "identifier-type": _kind_of_identifier(
                {
                    "IDNST": "1",
                    "SIRET": "1",
                    "FINEJ": "r.kind = 'J'",
                    "FINEG": "r.kind = 'G' AND r.national_id < '2'",
                }
            ),
            "name": _text_of(_string("r.name_key", "r.name")),
            "address-city": _text_of(_place("town")),
            "address-postalcode": _text_of(_place("postcode")),
            "partof": _reference_to("Organization", "parent"),
            "type": _token_of(_organization_type),
        },
        includes=("Organization:partof",),
        reverse=("PractitionerRole:organization",),
    ),
}
