"""From a filter to a plan: never a scan of the country for what an index answers."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.directory.ldap.attributes import (
    ATTRIBUTES,
    MAILBOX_CLASSES,
    STRUCTURE_CLASSES,
    Attribute,
)
from sandbox.directory.ldap.conditions import EVERYTHING, NOTHING, SearchPlan, both, either, plan_of
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
from sandbox.directory.tables import fold

__all__ = ["plan_mailboxes", "plan_structures"]

_MAILBOXES = {each.name.lower(): each for each in ATTRIBUTES if each.mailbox is not None}
_STRUCTURES = {each.name.lower(): each for each in ATTRIBUTES if each.structure is not None}


def plan_mailboxes(wanted: Filter) -> SearchPlan:
    """Plan a search among mailboxes."""
    return _plan(wanted, lambda leaf: _leaf(leaf, "mailbox", _MAILBOXES, MAILBOX_CLASSES))


def plan_structures(wanted: Filter) -> SearchPlan:
    """Plan a search among structures."""
    return _plan(wanted, lambda leaf: _leaf(leaf, "structure", _STRUCTURES, STRUCTURE_CLASSES))


def _plan(wanted: Filter, leaf: Callable[[Present | Equals | Substring], SearchPlan]) -> SearchPlan:
    match wanted:
        case And(parts=parts):
            return both([_plan(part, leaf) for part in parts])
        case Or(parts=parts):
            return either(_plan(part, leaf) for part in parts) if parts else NOTHING
        case Not():
            return EVERYTHING
        case Undefined():
            return NOTHING
        case _:
            return leaf(wanted)


def _leaf(
    wanted: Present | Equals | Substring,
    view: str,
    known: dict[str, Attribute],
    classes: tuple[str, ...],
) -> SearchPlan:
    attribute = known.get(wanted.attribute)
    if attribute is None:
        return NOTHING  # no entry of this view has it
    found = attribute.found
    match wanted:
        case Present():
            return EVERYTHING
        case Equals(attribute="objectclass", value=value):
            return EVERYTHING if value in {name.lower() for name in classes} else NOTHING
        case Equals(value=value):
            return plan_of(view, found.equals, fold(value))
        case Substring(initial=initial, middle=middle, final=final):
            if fold(initial):
                return plan_of(view, found.starts, fold(initial))
            piece = max(map(fold, (*middle, final)), key=len)
            return plan_of(view, found.holds, piece) if piece else EVERYTHING
