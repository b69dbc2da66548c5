"""FHIR and the extractions over HTTP: one application."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, StreamingResponse
from starlette.responses import Response as HttpResponse
from starlette.routing import Route

from sandbox.directory.directory import Directory
from sandbox.directory.extractions import Archive, correspondence, libre_acces
from sandbox.directory.fhir import FhirOptions, FhirRequest, FhirService
from sandbox.serve.bodies import read_body

__all__ = ["EXTRACTION_PATH", "FHIR_PATH", "make_app"]

FHIR_PATH = "/fhir/v2"
EXTRACTION_PATH = "/annuaire-sante-webservices/V300/services/extraction"
_LARGEST_BODY = 262_144
_MEDIA = "application/fhir+json"
_FORM = "application/x-www-form-urlencoded"
_PATCH_MEDIA = {"application/fhir+json", "application/json"}
_EXTRACTIONS = {
    "Extraction_Correspondance_MSSante": correspondence,
    "PS_LibreAcces": libre_acces,
}


def _fault(status: int, code: str, text: str) -> HttpResponse:
    issue = {"severity": "error", "code": code, "diagnostics": text}
    return _json(status, {"resourceType": "OperationOutcome", "issue": [issue]})


def _json(status: int, body: object, headers: dict[str, str] | None = None) -> HttpResponse:
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return HttpResponse(content, status, headers, media_type=_MEDIA)


def _pairs(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True, max_num_fields=64)


async def _chunks(archive: Archive) -> AsyncIterator[bytes]:
    """Stream an archive from a worker thread: other requests go on meanwhile."""
    iterator = archive.chunks()
    while (chunk := await asyncio.to_thread(next, iterator, None)) is not None:
        if chunk:
            yield chunk


def make_app(directory: Directory, options: FhirOptions | None = None) -> Starlette:
    """Return the ASGI application of a directory.

    Args:
        directory: What it serves.
        options: How FHIR behaves.
    """
    service = FhirService(directory, options)

    async def fhir(request: HttpRequest) -> HttpResponse:
        parameters: list[tuple[str, str]]
        body = await read_body(request, _LARGEST_BODY)
        if body is None:
            return _fault(413, "too-long", f"a body above {_LARGEST_BODY} bytes")
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            parameters = _pairs(request.url.query)
            if request.method == "POST" and media == _FORM:
                parameters += _pairs(body.decode("utf-8"))
            elif request.method == "POST":
                return _fault(415, "not-supported", f"POST _search takes {_FORM}")
            elif request.method == "PATCH" and media not in _PATCH_MEDIA:
                return _fault(415, "not-supported", f"PATCH takes {_MEDIA} (a Parameters resource)")
        except ValueError:
            return _fault(400, "invalid", "the parameters cannot be read: too many, or not UTF-8")
        asked = FhirRequest(
            method=request.method,
            path=request.path_params.get("path", ""),
            parameters=tuple(parameters),
            body=body,
            key=request.headers.get("esante-api-key", ""),
            if_match=request.headers.get("if-match", ""),
            base=str(request.base_url).rstrip("/") + FHIR_PATH,
        )
        answer = await asyncio.to_thread(service.handle, asked)
        return _json(answer.status, answer.body, dict(answer.headers))

    async def extraction(request: HttpRequest) -> HttpResponse:
        make = _EXTRACTIONS.get(request.path_params["name"])
        if make is None:
            known = ", ".join(_EXTRACTIONS)
            return JSONResponse({"erreur": f"extraction inconnue / unknown: {known}"}, 404)
        archive = make(directory)
        headers = {
            "Content-Disposition": f'attachment; filename="{archive.filename}"',
            "Last-Modified": format_datetime(
                datetime.fromtimestamp(archive.instant, UTC), usegmt=True
            ),
        }
        if request.method == "HEAD":
            return HttpResponse(None, 200, headers, media_type="application/zip")
        return StreamingResponse(_chunks(archive), 200, headers, media_type="application/zip")

    methods = ["GET", "POST", "PATCH", "PUT", "DELETE"]
    return Starlette(
        routes=[
            Route(f"{EXTRACTION_PATH}/{{name}}", extraction, methods=["GET", "HEAD"]),
            Route(FHIR_PATH, fhir, methods=methods),
            Route(f"{FHIR_PATH}/{{path:path}}", fhir, methods=methods),
        ]
    )
