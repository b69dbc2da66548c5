"""The FHIR view as NDJSON: one resource a line, in the order of rows."""

from __future__ import annotations

import json
from typing import TextIO

from sandbox.directory.directory import Directory
from sandbox.directory.fhir.parameters import SEARCH
from sandbox.directory.fhir.store import ResourceStore

__all__ = ["write_ndjson"]

_SLICE = 500


def write_ndjson(directory: Directory, file: TextIO) -> int:
    """Write every resource that the FHIR view shows. Returns their number."""
    store = ResourceStore(directory)
    count = 0
    for kind, searchable in SEARCH.items():
        last = 0
        while True:
            sql = f"SELECT id FROM {searchable.table} WHERE id > ? ORDER BY id LIMIT ?"
            rows = [row[0] for row in directory.select(sql, last, _SLICE)]
            if not rows:
                break
            for resource in store.get(kind, rows):
                file.write(json.dumps(resource, ensure_ascii=False) + "\n")
                count += 1
            last = rows[-1]
    return count
