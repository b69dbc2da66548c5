"""Filters to indexed queries: never a scan of the country for what an index answers.

Each leaf has two forms. `drive` finds mailboxes through an index. `check` tests a row already
joined with its person and structure. AND is driven by its most selective part and checks the
others; OR is driven by all of its parts. Both forms may let through more than the filter asks for,
never less: the entry is then evaluated exactly (`filters.matches`). A plan without
`drive` walks the mailboxes in order, a bounded number of them at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.directory.contains import match_words
from sandbox.directory.ldap.filters import (
    And,
    Equals,
    Filter,
    Not,
    Or,
    Present,
    Substring,
    Undefined,
)
from sandbox.directory.rows import TYPES
from sandbox.directory.tables import fold, tables

__all__ = ["NOTHING", "Plan", "plan_mailboxes", "plan_structures"]

_BOX_CLASSES = {"top", "person", "organizationalperson", "inetorgperson", "mssbal"}
_STRUCTURE_CLASSES = {"top", "organization", "mssstructure"}
_LAST = "\U0010ffff"
# Selectivity, the smaller the better: one row, a name, a domain or a place, a profession, all.
_ONE, _NAME, _SHARE, _BROAD, _ALL = range(5)


@dataclass(frozen=True)
class Plan:
    """How to find candidates.

    Attributes:
        drive: SQL condition that an index answers, empty when there is none.
        drive_with: Its parameters.
        check: SQL condition on the joined row.
        check_with: Its parameters.
        rank: Selectivity of `drive`.
    """

    drive: str = ""
    drive_with: tuple[Any, ...] = ()
    check: str = "1"
    check_with: tuple[Any, ...] = ()
    rank: int = _ALL

    @property
    def where(self) -> tuple[str, tuple[Any, ...]]:
        """The whole condition, and its parameters."""
        if not self.drive:
            return self.check, self.check_with
        return f"({self.drive}) AND ({self.check})", self.drive_with + self.check_with


EVERYTHING = Plan()
NOTHING = Plan(check="0", rank=_ONE, drive="0")


def _same(condition: str, values: tuple[Any, ...], rank: int) -> Plan:
    """Make a plan whose drive, alone, is the whole condition (its check then adds nothing)."""
    return Plan(condition, values, condition, values, rank)


def _range(column: str, low: str, high: str) -> str:
    return f"{column} >= {low} AND {column} < {high}"


def _through(owner: str, table: str, inner: str, values: tuple[Any, ...], rank: int) -> Plan:
    """Make a plan that goes through a person or a structure."""
    alias = {"person": "p", "structure": "s"}[table]
    inner_rows = f"SELECT {alias}.id FROM {table} {alias} WHERE {inner}"
    return Plan(f"m.{owner} IN ({inner_rows})", values, f"({inner})", values, rank)


def _either(*plans: Plan) -> Plan:
    drives = all(plan.drive for plan in plans)
    return Plan(
        " OR ".join(f"({plan.drive})" for plan in plans) if drives else "",
        tuple(value for plan in plans for value in plan.drive_with) if drives else (),
        " OR ".join(f"({plan.check})" for plan in plans) or "0",
        tuple(value for plan in plans for value in plan.check_with),
        max((plan.rank for plan in plans), default=_ONE),
    )


def _both(plans: list[Plan]) -> Plan:
    if not plans:
        return EVERYTHING
    leader = min(plans, key=lambda plan: plan.rank if plan.drive else _ALL + 1)
    checks = [plan for plan in plans if plan.check != "1" and not (plan is leader and plan.drive)]
    check = " AND ".join(f"({plan.check})" for plan in checks) or "1"
    with_ = tuple(value for plan in checks for value in plan.check_with)
    return Plan(leader.drive, leader.drive_with, check, with_, leader.rank)


def _contains(texts: list[str]) -> Plan:
    """Find mailboxes whose name or local part holds the longest of the texts."""
    match = match_words(max(texts, key=len, default=""))
    if not match:
        return EVERYTHING
    return Plan(
        "m.id IN (SELECT rowid FROM words.search WHERE search MATCH ?)", (match,), rank=_NAME
    )


def _structure_contains(texts: list[str]) -> Plan:
    match = match_words(max(texts, key=len, default=""))
    if not match:
        return EVERYTHING
    inner = "SELECT -rowid FROM words.search WHERE search MATCH ? AND rowid < 0"
    return Plan(f"m.structure IN ({inner})", (match,), rank=_SHARE)


def _name_equals(value: str) -> Plan:
    """Find by cn: a person's, or a structure's followed by the name of a service."""
    parts = value.split()
    prefixes = [" ".join(parts[:count]) for count in range(1, min(len(parts), 12) + 1)]
    marks = ",".join("?" * len(prefixes)) or "''"
    return _either(
        _through("person", "person", "p.cn_key = ?", (value,), _NAME),
        _through("structure", "structure", f"s.name_key IN ({marks})", tuple(prefixes), _NAME),
    )


def _department(code: str) -> Plan:
    row = next((i for i, d in enumerate(tables().departments) if d.code.lower() == code), None)
    if row is None:
        return NOTHING
    return _either(
        _through("person", "person", "p.department = ?", (row,), _SHARE),
        _through("structure", "structure", "s.department = ?", (row,), _SHARE),
    )


def _place(value: str, what: str) -> Plan:
    codes = [
        d.code.lower()
        for d in tables().departments
        if fold(d.town if what == "l" else d.postcode) == value
    ]
    return _either(*(_department(code) for code in codes)) if codes else NOTHING


def _profession(rows: list[int]) -> Plan:
    if not rows:
        return NOTHING
    marks = ",".join(str(row) for row in rows)
    return _through("person", "person", f"p.profession IN ({marks})", (), _BROAD)


def _equals(attribute: str, value: str) -> Plan:
    """Plan an equality on a mailbox; `value` is prepared, folded here where the index is."""
    folded = fold(value)
    reference = tables()
    match attribute:
        case "mail":
            return _same("m.address = ?", (value,), _ONE)
        case "uid" | "mssidnatpp":
            return _through("person", "person", "p.national_id = ?", (value,), _ONE)
        case "mssrpps":
            return _through("person", "person", "p.national_id = ?", (f"8{value}",), _ONE)
        case "sn":
            return _either(
                _through("person", "person", "p.surname_key = ?", (folded,), _NAME),
                _through("structure", "structure", "s.name_key = ?", (folded,), _NAME),
            )
        case "givenname":
            low, high = f"{folded} ", f"{folded}!"
            inner = _range("p.cn_key", "?", "?")
            return _through("person", "person", inner, (low, high), _SHARE)
        case "cn" | "displayname":
            return _name_equals(folded)
        case "o":
            return _through("structure", "structure", "s.name_key = ?", (folded,), _NAME)
        case "mssfiness":
            return _through("structure", "structure", "s.national_id = ?", (f"1{value}",), _ONE)
        case "mssidnatstruct":
            return _through("structure", "structure", "s.national_id = ?", (value,), _ONE)
        case "msssecteur":
            rows = [i for i, s in enumerate(reference.sectors) if s.code.lower() == value]
            inner = "s.sector = ?"
            return (
                _through("structure", "structure", inner, (rows[0],), _BROAD) if rows else NOTHING
            )
        case "mssdepartement":
            return _department(value)
        case "l" | "postalcode":
            return _place(folded, attribute)
        case "mssprofession":
            return _profession([i for i, p in enumerate(reference.professions) if p.code == value])
        case "title":
            return _profession(
                [i for i, p in enumerate(reference.professions) if fold(p.label) == folded]
            )
        case "msssavoirfaire":
            rows = [i for i, s in enumerate(reference.specialties) if s[0].lower() == value]
            doctor = [i for i, p in enumerate(reference.professions) if p.code == "10"]
            if not rows:
                return NOTHING
            inner = "p.profession = ? AND p.specialty = ?"
            return _through("person", "person", inner, (doctor[0], rows[0]), _BROAD)
        case "msstypebal":
            kinds = [i for i, kind in enumerate(TYPES) if kind.value.lower() == value]
            if not kinds:
                return NOTHING
            if kinds[0] == 0:
                return Plan(check="m.type = 0")
            return _same("m.type <> 0 AND m.type = ?", (kinds[0],), _BROAD)
        case "mssdomaine":
            inner = "m.domain = (SELECT id FROM domain WHERE name = ?)"
            return _same(inner, (value,), _SHARE)
        case "objectclass":
            return EVERYTHING if value in _BOX_CLASSES else NOTHING
        case _:
            # ou, description, mssDematerialisation: no index; checked on the entry.
            return EVERYTHING


def _prefix(column: str, start: str) -> tuple[str, tuple[str, str]]:
    return _range(column, "?", "?"), (start, start + _LAST)


def _substring(wanted: Substring) -> Plan:
    initial = fold(wanted.initial)
    # Folding drops outer spaces: a piece may lose an edge, which only widens the candidates.
    texts = [text for text in (initial, *map(fold, wanted.middle), fold(wanted.final)) if text]
    if not texts:
        return EVERYTHING
    match wanted.attribute:
        case "mail":
            if wanted.initial:
                return _same(*_prefix("m.address", wanted.initial), _NAME)
            return _either(*(_mail_piece(text) for text in (max(texts, key=len),)))
        case "sn" if initial:
            return _either(
                _through("person", "person", *_prefix("p.surname_key", initial), _NAME),
                _through("structure", "structure", *_prefix("s.name_key", initial), _SHARE),
            )
        case "givenname" if initial:
            return _through("person", "person", *_prefix("p.cn_key", initial), _SHARE)
        case "cn" | "displayname" if initial:
            whole = _name_equals(initial)
            return _either(
                _through("person", "person", *_prefix("p.cn_key", initial), _NAME),
                _through("structure", "structure", *_prefix("s.name_key", initial), _SHARE),
                whole,
            )
        case "sn" | "givenname" | "cn" | "displayname":
            return _contains(texts)
        case "o":
            if initial:
                return _through("structure", "structure", *_prefix("s.name_key", initial), _SHARE)
            return _structure_contains(texts)
        case "uid" | "mssidnatpp" if initial:
            return _through("person", "person", *_prefix("p.national_id", initial), _NAME)
        case "mssrpps" if initial:
            return _through("person", "person", *_prefix("p.national_id", f"8{initial}"), _NAME)
        case "mssfiness" if initial:
            inner, bounds = _prefix("s.national_id", f"1{initial}")
            return _through("structure", "structure", inner, bounds, _NAME)
        case _:
            return EVERYTHING


def _mail_piece(text: str) -> Plan:
    """Find addresses that hold a text: in the local part, in the domain, or across the at sign."""
    local, at, domain = text.partition("@")
    by_domain = "m.domain IN (SELECT id FROM domain WHERE instr(name, ?) > 0)"
    if at:
        plans = [_contains([local])] if len(local) > 2 else []
        if domain:
            inner = "m.domain IN (SELECT id FROM domain WHERE name >= ? AND name < ?)"
            plans.append(_same(inner, (domain, domain + _LAST), _SHARE))
        return _both(plans)
    found = _contains([text])
    return _either(found, _same(by_domain, (text,), _SHARE)) if found.drive else EVERYTHING


def plan_mailboxes(wanted: Filter) -> Plan:
    """Plan a search among mailboxes."""
    match wanted:
        case And(parts=parts):
            return _both([plan_mailboxes(part) for part in parts])
        case Or(parts=parts):
            return _either(*(plan_mailboxes(part) for part in parts)) if parts else NOTHING
        case Not():
            return EVERYTHING
        case Present(attribute=attribute):
            return NOTHING if attribute in {"street", "telephonenumber"} else EVERYTHING
        case Equals(attribute=attribute, value=value):
            return _equals(attribute, value)
        case Substring():
            return _substring(wanted)
        case Undefined():
            return NOTHING


def plan_structures(wanted: Filter) -> Plan:
    """Plan a search among structures: conditions straight on their columns."""
    match wanted:
        case And(parts=parts):
            return _both([plan_structures(part) for part in parts])
        case Or(parts=parts):
            return _either(*(plan_structures(part) for part in parts)) if parts else NOTHING
        case Not():
            return EVERYTHING
        case Present(attribute=attribute):
            absent = {"mail", "cn", "sn", "givenname", "uid", "title", "msstypebal", "mssrpps"}
            return NOTHING if attribute in absent else EVERYTHING
        case Equals(attribute=attribute, value=value):
            return _structure_equals(attribute, value)
        case Substring():
            return _structure_substring(wanted)
        case Undefined():
            return NOTHING


def _structure_equals(attribute: str, value: str) -> Plan:
    reference = tables()
    match attribute:
        case "mssfiness":
            return _same("s.national_id = ?", (f"1{value}",), _ONE)
        case "mssidnatstruct":
            return _same("s.national_id = ?", (value,), _ONE)
        case "msssiret":
            return _same("s.siret = ?", (value,), _ONE)
        case "o":
            return _same("s.name_key = ?", (fold(value),), _NAME)
        case "msssecteur":
            rows = [i for i, s in enumerate(reference.sectors) if s.code.lower() == value]
            return _same("s.sector = ?", (rows[0],), _BROAD) if rows else NOTHING
        case "mssdepartement" | "l" | "postalcode":
            field = {"mssdepartement": "code", "l": "town", "postalcode": "postcode"}[attribute]
            rows = [
                i
                for i, d in enumerate(reference.departments)
                if fold(getattr(d, field)) == fold(value)
            ]
            marks = ",".join(str(row) for row in rows)
            return _same(f"s.department IN ({marks})", (), _SHARE) if rows else NOTHING
        case "objectclass":
            return EVERYTHING if value in _STRUCTURE_CLASSES else NOTHING
        case "street" | "telephonenumber" | "businesscategory":
            return EVERYTHING
        case _:
            return NOTHING


def _structure_substring(wanted: Substring) -> Plan:
    initial = fold(wanted.initial)
    texts = [text for text in (initial, *map(fold, wanted.middle), fold(wanted.final)) if text]
    match wanted.attribute:
        case "o" if initial:
            return _same(*_prefix("s.name_key", initial), _NAME)
        case "o":
            match_ = match_words(max(texts, key=len, default=""))
            inner = "s.id IN (SELECT -rowid FROM words.search WHERE search MATCH ? AND rowid < 0)"
            return Plan(inner, (match_,), rank=_SHARE) if match_ else EVERYTHING
        case "mssfiness" if initial:
            return _same(*_prefix("s.national_id", f"1{initial}"), _NAME)
        case "mssidnatstruct" if initial:
            return _same(*_prefix("s.national_id", initial), _NAME)
        case "msssiret" if initial:
            return _same(*_prefix("s.siret", initial), _NAME)
        case "o" | "l" | "street" | "businesscategory" | "postalcode" | "telephonenumber":
            return EVERYTHING
        case "mssfiness" | "msssiret" | "mssidnatstruct" | "mssdepartement" | "msssecteur":
            return EVERYTHING
        case _:
            return NOTHING
