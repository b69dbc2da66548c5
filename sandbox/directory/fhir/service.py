"""The FHIR service without HTTP: a request value in, a response value out."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from sandbox.directory.directory import Directory
from sandbox.directory.feeding import Feeder
from sandbox.directory.feeding_rules import RefusalError
from sandbox.directory.fhir.capability import capability_statement
from sandbox.directory.fhir.parameters import (
    ID_PREFIXES,
    SEARCH,
    Clause,
    FhirParameterError,
    ParameterContext,
    row_of,
)
from sandbox.directory.fhir.patch import PatchError, changes_of
from sandbox.directory.fhir.resources import Json, instant, subset
from sandbox.directory.fhir.store import ResourceStore
from sandbox.directory.model import Bearer

__all__ = ["FhirOptions", "FhirRequest", "FhirResponse", "FhirService"]

_PAGE = 50
_MOST_PARAMETERS = 40
_MOST_VALUES = 50
_LONGEST_VALUE = 1_000
_RESULT = {"_count", "_total", "_elements", "_include", "_revinclude", "_after", "_format"}
_ROOT = "the gateway serves no request on the root: no batch, no _type (search one type at a time)"


@dataclass(frozen=True)
class FhirOptions:
    """How the service behaves.

    Attributes:
        keys: Accepted values of ESANTE-API-KEY for reading; none means that any is accepted.
        feeders: Key to operator, for PATCH: its mailboxes alone; an empty operator feeds all.
        largest_page: Bound on `_count`.
        mailbox_type: Whether `mailbox-mss-type` is served. The real service declares it and answers
            that it does not exist (June 2026): the default.
    """

    keys: frozenset[str] = frozenset()
    feeders: Mapping[str, str] = field(default_factory=dict)
    largest_page: int = 1_000
    mailbox_type: bool = False


@dataclass(frozen=True)
class FhirRequest:
    """A request: method, path under the base, parameters, body, key, If-Match, base URL."""

    method: str
    path: str
    parameters: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    key: str = ""
    if_match: str = ""
    base: str = "http://127.0.0.1/fhir/v2"


@dataclass(frozen=True)
class FhirResponse:
    """A response: status, JSON body, headers."""

    status: int
    body: Json
    headers: Mapping[str, str] = field(default_factory=dict)


class FhirError(Exception):
    """An answer other than success: status, issue code (FHIR value set issue-type), text."""

    def __init__(self, status: int, code: str, text: str) -> None:
        self.status, self.code, self.text = status, code, text
        super().__init__(text)


def _outcome(fault: FhirError) -> FhirResponse:
    issue = {"severity": "error", "code": fault.code, "diagnostics": fault.text}
    return FhirResponse(fault.status, {"resourceType": "OperationOutcome", "issue": [issue]})


class FhirService:
    """Answers FHIR requests.

    Args:
        directory: What it serves.
        options: How.
    """

    def __init__(self, directory: Directory, options: FhirOptions | None = None) -> None:
        self._directory = directory
        self._options = options or FhirOptions()
        self._store = ResourceStore(directory)

    def handle(self, request: FhirRequest) -> FhirResponse:
        """Answer a request; a fault is an OperationOutcome, never an exception."""
        try:
            return self._route(request)
        except FhirError as fault:
            return _outcome(fault)
        except FhirParameterError as error:
            return _outcome(FhirError(400, "invalid", str(error)))
        except PatchError as error:
            status, code = (400, "structure") if error.malformed else (422, "not-supported")
            return _outcome(FhirError(status, code, str(error)))
        except RefusalError as refusal:
            status = 404 if refusal.rule.id in {"mailbox-exists", "bearer-exists"} else 422
            code = "not-found" if status == 404 else "business-rule"
            return _outcome(FhirError(status, code, f"{refusal.rule.id}: {refusal}"))

    def _operator(self, key: str) -> str | None:
        """Return the operator of a feeding key, None when it is not one."""
        found = None
        for known, operator in self._options.feeders.items():
            if hmac.compare_digest(known.encode(), key.encode()):
                found = operator
        return found

    def _route(self, request: FhirRequest) -> FhirResponse:
        pieces = [piece for piece in request.path.split("/") if piece]
        if request.method == "GET" and pieces == ["metadata"]:
            statement = capability_statement(
                self._directory, mailbox_type=self._options.mailbox_type
            )
            return FhirResponse(200, statement)
        feeder = self._operator(request.key)
        if self._options.keys and feeder is None:
            accepted = [
                hmac.compare_digest(key.encode(), request.key.encode())
                for key in self._options.keys
            ]
            if not any(accepted):
                raise FhirError(401, "login", "the ESANTE-API-KEY header is missing or unknown")
        if not pieces:
            raise FhirError(404, "not-supported", _ROOT)
        kind = pieces[0]
        if kind not in SEARCH:
            known = ", ".join(SEARCH)
            raise FhirError(
                404, "not-supported", f"unknown resource type {kind[:60]!r}; one of {known}"
            )
        match request.method, pieces[1:]:
            case ("GET", []) | ("POST", ["_search"]):
                return self._search(kind, request)
            case "GET", [identifier]:
                return self._read(kind, identifier)
            case "GET", [identifier, "_history"]:
                return self._history(kind, identifier, request, feeder)
            case "GET", [identifier, "_history", version]:
                return self._vread(kind, identifier, version, feeder)
            case "PATCH", [] | [_]:
                return self._patch(kind, pieces[1:], request, feeder)
            case _:
                text = (
                    f"{request.method} {request.path[:120]}: search, read, history and PATCH only"
                )
                raise FhirError(405, "not-supported", text)

    # Search --------------------------------------------------------------------------------------

    def _search(self, kind: str, request: FhirRequest) -> FhirResponse:
        parameters = request.parameters
        if len(parameters) > _MOST_PARAMETERS:
            raise FhirError(400, "too-costly", f"more than {_MOST_PARAMETERS} parameters")
        where, values = self._where(kind, parameters)
        single = {name: value for name, value in parameters if name in _RESULT}
        count, after = self._paging(single)
        table = SEARCH[kind].table
        select = self._directory.select
        body: Json = {"resourceType": "Bundle", "type": "searchset"}
        if single.get("_total") == "accurate":
            total = f"SELECT count(*) FROM {table} r WHERE {where}"
            body["total"] = select(total, *values)[0][0]
        links = [{"relation": "self", "url": self._url(request, kind, parameters)}]
        rows: list[int] = []
        if count:
            page = f"SELECT r.id FROM {table} r WHERE {where} AND r.id > ? ORDER BY r.id LIMIT ?"
            rows = [row[0] for row in select(page, *values, after, count + 1)]
            if len(rows) > count:
                rows = rows[:count]
                rest = [(n, v) for n, v in parameters if n != "_after"]
                url = self._url(request, kind, (*rest, ("_after", str(rows[-1]))))
                links.append({"relation": "next", "url": url})
        body["link"] = links
        resources = self._store.get(kind, rows)
        elements = {name for name in single.get("_elements", "").split(",") if name}
        entries = [
            self._entry(request, subset(one, elements) if elements else one, "match")
            for one in resources
        ]
        entries += [
            self._entry(request, one, "include")
            for one in self._included(kind, resources, rows, parameters)
        ]
        if entries:
            body["entry"] = entries
        return FhirResponse(200, body)

    def _paging(self, single: Mapping[str, str]) -> tuple[int, int]:
        """Return the size of the page and the row after which it begins."""
        for name in ("_count", "_after"):
            value = single.get(name, "0")
            if not (value.isascii() and value.isdigit() and len(value) <= 18):
                raise FhirError(400, "invalid", f"{name}={value[:40]!r}: not a number")
        if single.get("_total", "none") not in {"none", "estimate", "accurate"}:
            raise FhirError(400, "invalid", f"_total={single['_total'][:40]!r}: none or accurate")
        if single.get("_format", "json") not in {
            "json",
            "application/fhir+json",
            "application/json",
        }:
            raise FhirError(406, "not-supported", "JSON only (application/fhir+json)")
        count = min(int(single.get("_count", _PAGE)), self._options.largest_page)
        return count, int(single.get("_after", 0))

    def _where(self, kind: str, parameters: tuple[tuple[str, str], ...]) -> Clause:
        """Return the condition of a search: parameters are ANDed, values between commas ORed."""
        searchable = SEARCH[kind]
        visible = self._directory.lags.fhir.condition(self._directory.now())
        context = ParameterContext(visible, self._count_domains)
        conditions, values = ["1"], []
        for full, text in parameters:
            name, _, modifier = full.partition(":")
            if full in _RESULT:
                continue
            served = name in searchable.parameters and (
                name != "mailbox-mss-type" or self._options.mailbox_type
            )
            if not served:
                raise FhirError(400, "not-supported", f"Parameter {name[:60]} not found")
            _type, modifiers, make = searchable.parameters[name]
            if modifier and modifier not in modifiers:
                known = ", ".join(modifiers) or "none"
                text = f"{name}: modifier {modifier[:40]!r} is not supported ({known})"
                raise FhirError(400, "not-supported", text)
            pieces = text.split(",")
            if len(text) > _LONGEST_VALUE or len(pieces) > _MOST_VALUES or "\x00" in text:
                raise FhirError(400, "too-long", f"{name}: a value too long, or too many of them")
            clauses = [make(modifier, piece, context) for piece in pieces]
            conditions.append("(" + " OR ".join(f"({sql})" for sql, _ in clauses) + ")")
            values += [value for _, with_ in clauses for value in with_]
        return " AND ".join(conditions), tuple(values)

    def _count_domains(self, text: str) -> int:
        counted = self._directory.select(
            "SELECT count(*) FROM domain WHERE instr(name, ?) > 0", text
        )
        return int(counted[0][0])

    def _included(
        self,
        kind: str,
        resources: list[Json],
        rows: list[int],
        parameters: tuple[tuple[str, str], ...],
    ) -> list[Json]:
        searchable = SEARCH[kind]
        found: list[Json] = []
        for name, value in dict.fromkeys(
            p for p in parameters if p[0] in {"_include", "_revinclude"}
        ):
            allowed = searchable.includes if name == "_include" else searchable.reverse
            if value == "*" and name == "_include":
                wanted = list(allowed)
            elif value in allowed:
                wanted = [value]
            else:
                known = ", ".join(allowed) or "none"
                raise FhirError(400, "not-supported", f"{name}={value[:80]!r}: one of {known}")
            for one in wanted:
                if name == "_include":
                    found += self._forward(one, resources)
                elif rows:
                    found += self._backward(one, rows)
        return list({f"{r['resourceType']}/{r['id']}": r for r in found}.values())

    def _forward(self, include: str, resources: list[Json]) -> list[Json]:
        element = {"partof": "partOf"}.get(include.partition(":")[2], include.partition(":")[2])
        references = [one[element]["reference"] for one in resources if element in one]
        kinds: dict[str, list[int]] = {}
        for reference in dict.fromkeys(references):
            target, _, identifier = reference.partition("/")
            kinds.setdefault(target, []).append(row_of(target, identifier))
        return [one for target, rows in kinds.items() for one in self._store.get(target, rows)]

    def _backward(self, include: str, rows: list[int]) -> list[Json]:
        column = {"practitioner": "person", "organization": "structure"}[include.partition(":")[2]]
        marks = ",".join("?" * len(rows))
        found = self._directory.select(
            f"SELECT id FROM activity WHERE {column} IN ({marks}) ORDER BY id LIMIT ?",
            *rows,
            self._options.largest_page,
        )
        return self._store.get("PractitionerRole", [row[0] for row in found])

    @staticmethod
    def _url(request: FhirRequest, kind: str, parameters: tuple[tuple[str, str], ...] | Any) -> str:
        query = urlencode(parameters, quote_via=quote)
        return f"{request.base}/{kind}{f'?{query}' if query else ''}"

    @staticmethod
    def _entry(request: FhirRequest, resource: Json, mode: str) -> Json:
        url = f"{request.base}/{resource['resourceType']}/{resource['id']}"
        return {"fullUrl": url, "resource": resource, "search": {"mode": mode}}

    # Read, history -------------------------------------------------------------------------------

    def _read(self, kind: str, identifier: str) -> FhirResponse:
        found = self._store.get(kind, [row_of(kind, identifier)])
        if not found:
            raise FhirError(404, "not-found", f"{kind}/{identifier[:60]} is unknown")
        return self._one(found[0])

    @staticmethod
    def _one(resource: Json) -> FhirResponse:
        return FhirResponse(200, resource, {"ETag": f'W/"{resource["meta"]["versionId"]}"'})

    def _versions(
        self, kind: str, identifier: str, feeder: str | None
    ) -> list[tuple[int, int, Json]]:
        if feeder is None:
            # Old versions show mailboxes that have left the directory or joined the red list.
            raise FhirError(403, "forbidden", "history is for feeders: use a feeding key")
        versions = self._store.history(kind, row_of(kind, identifier))
        if not versions:
            raise FhirError(404, "not-found", f"{kind}/{identifier[:60]} is unknown")
        return versions

    def _history(
        self, kind: str, identifier: str, request: FhirRequest, feeder: str | None
    ) -> FhirResponse:
        versions = self._versions(kind, identifier, feeder)
        url = f"{request.base}/{kind}/{identifier}"
        entries = [
            {
                "fullUrl": url,
                "resource": resource,
                # The verb PATCH is not in the R4 value set: a change is recorded as a PUT.
                "request": {
                    "method": "POST" if version == 1 else "PUT",
                    "url": kind if version == 1 else f"{kind}/{identifier}",
                },
                "response": {
                    "status": "201" if version == 1 else "200",
                    "lastModified": instant(at),
                    "etag": f'W/"{version}"',
                },
            }
            for version, at, resource in versions
        ]
        body = {
            "resourceType": "Bundle",
            "type": "history",
            "total": len(entries),
            "entry": entries,
        }
        return FhirResponse(200, body)

    def _vread(self, kind: str, identifier: str, version: str, feeder: str | None) -> FhirResponse:
        for number, _, resource in self._versions(kind, identifier, feeder):
            if str(number) == version:
                return self._one(resource)
        raise FhirError(404, "not-found", f"{kind}/{identifier[:60]} has no version {version[:20]}")

    # Feeding -------------------------------------------------------------------------------------

    def _patch(
        self, kind: str, rest: list[str], request: FhirRequest, feeder: str | None
    ) -> FhirResponse:
        if feeder is None:
            raise FhirError(403, "forbidden", "PATCH is for feeders: use a feeding key")
        row = row_of(kind, rest[0]) if rest else self._conditional(kind, request.parameters)
        current = self._store.get(kind, [row], feeder=True)
        if not current:
            raise FhirError(404, "not-found", f"{kind}/{ID_PREFIXES[kind]}-{row} is unknown")
        etag = f'W/"{current[0]["meta"]["versionId"]}"'
        if request.if_match and request.if_match != etag:
            raise FhirError(
                412, "conflict", f"If-Match {request.if_match[:40]}: the version is {etag}"
            )
        changes = changes_of(kind, request.body)
        Feeder(self._directory, feeder, actor=feeder or "feeder").change(Bearer(kind, row), changes)
        return self._one(self._store.get(kind, [row], feeder=True)[0])

    def _conditional(self, kind: str, parameters: tuple[tuple[str, str], ...]) -> int:
        """Return the one resource that a conditional PATCH names: none is 404, several are 412."""
        if not any(name == "identifier" for name, _ in parameters):
            raise FhirError(
                412, "incomplete", "a conditional PATCH names its resource by identifier"
            )
        where, values = self._where(kind, parameters)
        rows = self._directory.select(
            f"SELECT r.id FROM {SEARCH[kind].table} r WHERE {where} LIMIT 2", *values
        )
        if not rows:
            raise FhirError(404, "not-found", f"no {kind} answers this condition")
        if len(rows) > 1:
            raise FhirError(412, "multiple-matches", f"several {kind} answer this condition")
        return int(rows[0][0])
