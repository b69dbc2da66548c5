"""The API as a table: what there is, what it takes, who answers. OpenAPI is made from it.

From this one table come the routes, `openapi.json`, the page of the API, and the fuzzing in tests.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.console.answers import Handler
from sandbox.observations.schema import Words

__all__ = ["Operation", "described", "text"]

Tree = dict[str, Any]
_ERROR: Tree = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["fr", "en"],
            "properties": {"fr": {"type": "string"}, "en": {"type": "string"}},
        }
    },
}
_REFUSALS = {
    "400": "Refused, with what would be right.",
    "401": "The secret is missing.",
    "403": "Asked by another site.",
    "404": "No such thing.",
}


def text(description: str, *, most: int = 200, one_of: Iterable[str] = ()) -> Tree:
    """Return the schema of a text."""
    schema: Tree = {"type": "string", "maxLength": most, "description": description}
    if one_of:
        schema["enum"] = list(one_of)
    return schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that the API does.

    Attributes:
        name: unique, an identifier.
        method: of HTTP.
        path: below `/api`.
        handler: who answers.
        words: what it does.
        query: schema of each parameter of the query.
        body: schema of the JSON object, None for no body.
        required: members of the body that must be there.
        media: of the answer.
        status: of the answer.
        open: whether it needs no secret.
        refuses: statuses that it answers beyond those that all do.
    """

    name: str
    method: str
    path: str
    handler: Handler
    words: Words
    query: Tree = field(default_factory=dict)
    body: Tree | None = None
    required: tuple[str, ...] = ()
    media: str = "application/json"
    status: int = 200
    open: bool = False
    refuses: Tree = field(default_factory=dict)


def described(operations: Iterable[Operation], server: str) -> Tree:
    """Return the OpenAPI 3.1 document."""
    paths: Tree = {}
    for each in operations:
        route = each.path.replace(":path}", "}")
        paths.setdefault(route, {})[each.method.lower()] = _operation(each, route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mssante-sandbox console",
            "version": "1",
            "description": "What the console's pages do, a script can do. The secret is"
            " control.secret of space.json.",
        },
        "servers": [{"url": server}],
        "security": [{"secret": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"secret": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": _ERROR},
        },
    }


def _operation(each: Operation, route: str) -> Tree:
    parameters = [
        {"name": part[1:-1], "in": "path", "required": True,
         "schema": {"type": "string", "minLength": 1, "maxLength": 200}}
        for part in route.split("/") if part.startswith("{")
    ] + [
        {"name": name, "in": "query", "schema": schema} for name, schema in each.query.items()
    ]  # fmt: skip
    refused = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    answers: Tree = {str(each.status): {"description": "Done.", "content": {each.media: {}}}}
    answers |= {
        status: {"description": told, "content": refused}
        for status, told in {**_REFUSALS, **each.refuses}.items()
    }
    answers["421"] = {"description": "A Host that is not this machine's."}
    told: Tree = {
        "operationId": each.name,
        "summary": each.words.english,
        "description": each.words.french,
        "parameters": parameters,
        "responses": answers,
    }
    if each.open:
        told["security"] = []
    if each.body is not None:
        schema: Tree = {
            "type": "object", "properties": each.body, "additionalProperties": False,
            "required": list(each.required),
        }  # fmt: skip
        told["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    return told
