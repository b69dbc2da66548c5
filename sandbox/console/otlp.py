"""Connections as OpenTelemetry traces, in OTLP/JSON, for those who have a viewer. Pure.

The JSON mapping of OTLP: identifiers in hexadecimal, 64-bit integers as strings, names in camelCase
(opentelemetry-proto 1.x, "JSON Protobuf encoding").
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from sandbox.console.timeline import Timeline, TimelineStep

__all__ = ["traces"]

_SERVER, _INTERNAL = 2, 1
_OK, _ERROR = 1, 2


def traces(stories: Iterable[Timeline]) -> dict[str, Any]:
    """Return an ExportTraceServiceRequest.

    An operator is a resource, a connection a trace, a step a span.
    """
    ordered = sorted(stories, key=lambda each: each.trail.operator)
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes({"service.name": operator,
                                                        "service.namespace": "mssante"})},
                "scopeSpans": [
                    {
                        "scope": {"name": "mssante-sandbox"},
                        "spans": [span for story in those for span in _spans(story)],
                    }
                ],
            }
            for operator, those in groupby(ordered, key=lambda each: each.trail.operator)
        ]
    }  # fmt: skip


def _spans(story: Timeline) -> Iterable[dict[str, Any]]:
    trail = story.trail
    trace = _identifier(trail.key, 16)
    root = _identifier(f"{trail.key}/", 8)
    begin = story.steps[0].at if story.steps else trail.begin
    yield {
        "traceId": trace,
        "spanId": root,
        "name": f"{trail.protocol or 'operator'} {trail.method}".strip(),
        "kind": _SERVER,
        "startTimeUnixNano": _nanoseconds(begin),
        "endTimeUnixNano": _nanoseconds(max([trail.end, *(step.at for step in story.steps)])),
        "attributes": _attributes(
            {
                "mssante.design": trail.design,
                "mssante.endpoint": trail.endpoint,
                "mssante.method": trail.method,
                "mssante.mailbox": trail.mailbox,
                "client.address": trail.client,
                "network.protocol.name": trail.protocol,
            }
        ),
        "status": {"code": _ERROR, "message": trail.reason} if trail.refusals else {"code": _OK},
    }
    before = begin
    for number, step in enumerate(story.steps):
        yield _span(step, trace, root, _identifier(f"{trail.key}/{number}", 8), before)
        before = step.at


def _span(step: TimelineStep, trace: str, root: str, own: str, before: float) -> dict[str, Any]:
    about = {f"mssante.{name}": value for name, value in step.details}
    status: dict[str, Any] = {"code": _OK}
    if step.refused is not None:
        refused = step.refused
        status = {"code": _ERROR, "message": refused.cause.english}
        about |= {
            "error.type": refused.reason,
            "mssante.clause": refused.clause,
            "mssante.remedy": refused.remedy.english,
        }
    span: dict[str, Any] = {
        "traceId": trace,
        "spanId": own,
        "parentSpanId": root,
        "name": f"{step.layer.value} {step.event}",
        "kind": _INTERNAL,
        # A journal says when something was done: it began at the earliest when the last one was.
        "startTimeUnixNano": _nanoseconds(min(before, step.at)),
        "endTimeUnixNano": _nanoseconds(step.at),
        "attributes": _attributes(about),
        "status": status,
    }
    if step.link:
        link = {
            "traceId": _identifier(step.link, 16),
            "spanId": _identifier(f"{step.link}/", 8),
        }
        span["links"] = [link]
    return span


def _attributes(values: dict[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items() if value]


def _identifier(text: str, size: int) -> str:
    return hashlib.sha256(text.encode()).digest()[:size].hex()


def _nanoseconds(at: float) -> str:
    return str(round(at * 1e6) * 1000)
