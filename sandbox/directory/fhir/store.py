"""Resources out of the database, a page at a time: three queries for fifty resources."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from sandbox.directory.directory import Directory
from sandbox.directory.fhir import resources
from sandbox.directory.fhir.parameters import SEARCH
from sandbox.directory.fhir.resources import Json
from sandbox.directory.model import Bearer, BoxState
from sandbox.directory.rows import PERSON_COLUMNS, STRUCTURE_COLUMNS, person_of, structure_of

__all__ = ["ResourceStore"]

_ROWS = {
    "Practitioner": (
        f"SELECT p.updated, p.version, {PERSON_COLUMNS} FROM person p WHERE p.id IN ({{}})"
    ),
    "PractitionerRole": (
        "SELECT updated, version, id, person, structure, mode FROM activity WHERE id IN ({})"
    ),
    "Organization": (
        f"SELECT s.updated, s.version, s.parent, {STRUCTURE_COLUMNS} FROM structure s"
        " LEFT JOIN structure u ON u.id = s.parent WHERE s.id IN ({})"
    ),
}
_SLICE = 500


class ResourceStore:
    """Reads resources of a directory.

    Args:
        directory: Where they come from.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def get(self, kind: str, rows: list[int], *, feeder: bool = False) -> list[Json]:
        """Return resources in the order of `rows`; rows that do not exist are left out."""
        found: dict[int, Json] = {}
        for start in range(0, len(rows), _SLICE):
            found |= self._slice(kind, rows[start : start + _SLICE], feeder=feeder)
        return [found[row] for row in rows if row in found]

    def _slice(self, kind: str, rows: list[int], *, feeder: bool) -> dict[int, Json]:
        marks = ",".join("?" * len(rows))
        boxes = self._boxes(kind, rows, marks, feeder=feeder)
        found = self._directory.select(_ROWS[kind].format(marks), *rows)
        return {
            row: resource
            for updated, version, *values in found
            for row, resource in (self._make(kind, values, boxes, updated, version, feeder=feeder),)
        }

    def _boxes(
        self, kind: str, rows: list[int], marks: str, *, feeder: bool
    ) -> dict[int, list[BoxState]]:
        bearer = Bearer(kind, 0)
        condition = bearer.condition.replace("= ?", f"IN ({marks})")
        if not feeder:
            condition += f" AND {self._directory.lags.fhir.condition(self._directory.now())}"
        boxes: dict[int, list[BoxState]] = defaultdict(list)
        found = self._directory.mailboxes(
            condition, tuple(rows), order="m.rank, m.id", deleted=not feeder
        )
        for box in found:
            boxes[Bearer.of(box).id].append(BoxState.of(box))
        return boxes

    @staticmethod
    def _make(
        kind: str,
        values: list[Any],
        boxes: dict[int, list[BoxState]],
        updated: int,
        version: int,
        *,
        feeder: bool,
    ) -> tuple[int, Json]:
        if kind == "Practitioner":
            person = person_of(tuple(values))
            own = boxes.get(person.id, [])
            return person.id, resources.practitioner(person, own, updated, version, feeder=feeder)
        if kind == "PractitionerRole":
            row, person_row, structure_row, mode = values
            activity = (row, person_row, structure_row, mode)
            own = boxes.get(row, [])
            return row, resources.role(activity, own, updated, version, feeder=feeder)
        parent, *columns = values
        structure = structure_of(tuple(columns))
        own = boxes.get(structure.id, [])
        return structure.id, resources.organization(
            structure, parent, own, updated, version, feeder=feeder
        )

    def history(self, kind: str, row: int) -> list[tuple[int, int, Json]]:
        """Return the versions of a resource as its feeder sees them: (version, instant, resource).

        The last one first. A resource that was never fed has its first version alone.
        """
        current = self.get(kind, [row], feeder=True)
        if not current:
            return []
        kept = self._directory.select(
            "SELECT version, at, change FROM history WHERE bearer = ? ORDER BY version DESC",
            f"{kind}/{row}",
        )
        if not kept:
            sql = f"SELECT updated FROM {SEARCH[kind].table} WHERE id = ?"
            return [(1, self._directory.select(sql, row)[0][0], current[0])]
        versions = []
        for version, at, change in kept:
            states = [BoxState(**state) for state in json.loads(change)]
            others = [p for p in current[0].get("telecom", []) if p["system"] != "email"]
            points = [*others, *(resources.telecom(state, feeder=True) for state in states)]
            resource = {key: value for key, value in current[0].items() if key != "telecom"}
            resource["meta"] = {
                **resource["meta"],
                "versionId": str(version),
                "lastUpdated": resources.instant(at),
            }
            if points:
                resource["telecom"] = points
            versions.append((version, at, resource))
        return versions
