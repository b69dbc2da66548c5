"""The capability statement, written from the table of search parameters: it cannot drift."""

from __future__ import annotations

from sandbox.directory.directory import Directory
from sandbox.directory.fhir.parameters import SEARCH
from sandbox.directory.fhir.resources import Json, instant

__all__ = ["capability_statement"]


def capability_statement(directory: Directory, *, mailbox_type: bool) -> Json:
    """Return the CapabilityStatement of the service."""
    resources: list[Json] = []
    for kind, searchable in SEARCH.items():
        resource: Json = {
            "type": kind,
            "interaction": [
                {"code": code}
                for code in ("read", "vread", "patch", "history-instance", "search-type")
            ],
            "versioning": "versioned",
            "conditionalRead": "not-supported",
            "searchParam": [
                {"name": name, "type": kind_of}
                for name, (kind_of, _modifiers, _make) in searchable.parameters.items()
                if name != "mailbox-mss-type" or mailbox_type
            ],
        }
        if searchable.includes:
            resource["searchInclude"] = list(searchable.includes)
        if searchable.reverse:
            resource["searchRevInclude"] = list(searchable.reverse)
        resources.append(resource)
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": instant(int(directory.meta["instant"])),
        "kind": "instance",
        "software": {"name": "mssante-sandbox"},
        "implementation": {"description": "Annuaire fictif MSSanté / Fictitious MSSanté directory"},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [{"mode": "server", "resource": resources}],
    }
