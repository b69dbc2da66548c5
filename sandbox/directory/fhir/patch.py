"""FHIR PATCH of mailboxes (announced by the IG messagerie sécurisée): Parameters to changes.

Only mailboxes can be fed: the paths below, and no other, are understood. Anything else in the body
is refused with the place of the fault.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from sandbox.directory.feed_writer import Change, FeedWriter
from sandbox.directory.feeding_rules import RefusalError
from sandbox.directory.fhir import systems
from sandbox.directory.fhir.resources import Json
from sandbox.directory.model import BoxState

__all__ = ["PatchError", "changes_of"]

_MOST_OPERATIONS = 100
_PATH = re.compile(
    r"(?P<kind>Practitioner|PractitionerRole|Organization)\.telecom"
    r"(?:\.where\(\s*value\s*=\s*'(?P<address>[^'\\]{1,254})'\s*\)"
    r"(?:\.extension\('(?P<url>[^'\\]{1,200})'\)\.extension\('(?P<name>[A-Za-z]{1,40})'\)\.value"
    r"|\.(?P<field>value|rank))?)?"
)
_TEXTS = {"description": "description", "service": "service", "responsible": "responsible"}


class PatchError(ValueError):
    """A PATCH body that cannot be applied.

    Attributes:
        malformed: Whether it is not FHIR at all (400), or FHIR that is not supported (422).
    """

    def __init__(self, text: str, *, malformed: bool = False) -> None:
        self.malformed = malformed
        super().__init__(text)


def _parts(operation: Any, index: int) -> dict[str, Any]:
    """Return the parts of an operation by name: their values as JSON."""
    where = f"parameter[{index}]"
    if operation.name != "operation":
        raise PatchError(f"{where}: name {operation.name!r}, operation expected")
    parts: dict[str, Any] = {}
    for part in operation.part or []:
        values = {
            key: value
            for key, value in part.model_dump(mode="json", exclude_none=True).items()
            if key.startswith("value")
        }
        if part.name in parts or len(values) != 1:
            raise PatchError(f"{where}: part {part.name!r} is repeated or has no single value")
        [parts[str(part.name)]] = values.values()
    return parts


def _state_of(point: Any, where: str) -> BoxState:
    """Read a ContactPoint as a mailbox.

    The type comes as a CodeableConcept (profile) or as a code (examples of the IG): both are read.
    """
    if not isinstance(point, dict) or point.get("system") != "email":
        raise PatchError(f"{where}: a ContactPoint of system email is expected")
    values: dict[str, Any] = {"address": str(point.get("value", "")), "type": ""}
    if "rank" in point:
        values["rank"] = point["rank"]
    for extension in point.get("extension", []):
        if extension.get("url") == systems.EMAIL_TYPE:
            continue
        if extension.get("url") != systems.MAILBOX:
            raise PatchError(f"{where}: unknown extension {str(extension.get('url'))[:120]!r}")
        for inner in extension.get("extension", []):
            values |= _metadata(str(inner.get("url")), inner, where)
    if not values["type"]:
        raise PatchError(f"{where}: the mailbox has no type (PER, ORG, APP or CAB)")
    return BoxState(**values)


def _metadata(name: str, inner: Json, where: str) -> dict[str, Any]:
    if name == "type":
        concept = inner.get("valueCodeableConcept", {})
        codes = [coding.get("code", "") for coding in concept.get("coding", [])]
        code = inner.get("valueCode") or (codes[0] if codes else "")
        return {"type": str(code)}
    if name == "listeRouge" and isinstance(inner.get("valueBoolean"), bool):
        return {"red_list": inner["valueBoolean"]}
    if name in _TEXTS and isinstance(inner.get("valueString"), str):
        return {_TEXTS[name]: inner["valueString"]}
    raise PatchError(f"{where}: metadata {name[:40]!r} is unknown, or has not the value it needs")


def _attribute(name: str, value: Any, where: str) -> Callable[[BoxState], BoxState]:
    if name == "listeRouge" and isinstance(value, bool):
        return lambda state: replace(state, red_list=value)
    if name in _TEXTS and isinstance(value, str):
        changed: dict[str, Any] = {_TEXTS[name]: value}
        return lambda state: replace(state, **changed)
    if name == "rank" and isinstance(value, int) and not isinstance(value, bool):
        return lambda state: replace(state, rank=value)
    if name == "type":
        raise RefusalError("type-immutable", f"{where}: the type of a mailbox")
    raise PatchError(f"{where}: {name[:40]!r} cannot be replaced with this value")


def _edit(address: str, edit: Callable[[BoxState], BoxState]) -> Change:
    def change(writer: FeedWriter) -> None:
        state = next((s for s in writer.states() if s.address == address), None)
        if state is None:
            raise RefusalError(
                "mailbox-exists", f"{address[:80]!r} is not a mailbox of this bearer"
            )
        writer.update(address, edit(state))

    return change


def _change(kind: str, parts: dict[str, Any], where: str) -> Change:
    operation, path, value = parts.get("type"), parts.get("path"), parts.get("value")
    if not isinstance(path, str) or operation not in {"insert", "replace", "delete", "add", "move"}:
        raise PatchError(f"{where}: an operation needs a type and a path", malformed=True)
    match = _PATH.fullmatch(path)
    if match is None or match["kind"] != kind:
        raise PatchError(f"{where}: path {path[:160]!r} is not a mailbox of a {kind}")
    address = match["address"] or ""
    if operation == "insert" and not address:
        state = _state_of(value, where)
        return lambda writer: writer.insert(state)
    if operation == "delete" and address and not match["name"] and not match["field"]:
        return lambda writer: writer.delete(address)
    if operation == "replace" and address:
        if match["field"] == "value":
            raise RefusalError("address-immutable", f"{where}: the address of a mailbox")
        if match["field"] == "rank":
            return _edit(address, _attribute("rank", value, where))
        if match["name"]:
            if match["url"] != systems.MAILBOX:
                raise PatchError(f"{where}: unknown extension {match['url'][:120]!r}")
            return _edit(address, _attribute(match["name"], value, where))
        whole = _state_of(value, where)
        return lambda writer: writer.update(address, whole)
    raise PatchError(f"{where}: {operation} is not supported on {path[:160]!r}")


def changes_of(kind: str, body: bytes) -> list[Change]:
    """Read a PATCH body.

    Args:
        kind: Resource type that is patched.
        body: JSON of a Parameters resource.

    Raises:
        PatchError: not a Parameters resource, or operations that are not supported.
        RefusalError: an operation that a rule forbids whatever the state.
    """
    # Costs a tenth of a second to import, and only feeders need it.
    from fhir.resources.R4B.parameters import Parameters

    try:
        parameters = Parameters.model_validate_json(body)
    except (ValidationError, ValueError, RecursionError) as error:
        first = str(error).splitlines()[:3]
        text = f"not a Parameters resource: {' '.join(first)[:200]}"
        raise PatchError(text, malformed=True) from error
    operations = parameters.parameter or []
    if not 1 <= len(operations) <= _MOST_OPERATIONS:
        raise PatchError(f"{len(operations)} operations; 1 to {_MOST_OPERATIONS} are accepted")
    return [
        _change(kind, _parts(operation, index), f"parameter[{index}]")
        for index, operation in enumerate(operations)
    ]
