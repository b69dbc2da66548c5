"""What the pages and the API say of connections, from the feed."""

from __future__ import annotations

import time
from typing import Any

from sandbox.console.feed import Feed
from sandbox.console.ledger import Query, Trail
from sandbox.console.timeline import Timeline, TimelineStep, timeline
from sandbox.observations.schema import Words

__all__ = ["MOST", "connection", "found", "timeline_of", "trail_data"]

MOST = 500  # connections in one answer


def found(feed: Feed, query: Query, limit: int) -> list[Trail]:
    """Return the newest connections that are asked for."""
    with feed.lock:
        return feed.ledger.find(query, min(limit, MOST))


def timeline_of(feed: Feed, key: str) -> Timeline | None:
    """Return the story of a connection, None when it is unknown or has left."""
    with feed.lock:
        trail = feed.ledger.get(key)
        if trail is None:
            return None
        queues = {each: feed.ledger.queue(trail.operator, each) for each in trail.queued}
    entries = feed.entries(trail)
    heard = [event for ticket in trail.tickets for event in feed.heard(ticket)]
    sent = {str(entry["queue_id"]): entry for entry in entries if entry.get("queue_id")}
    passed_on = []
    for queue_id, places in queues.items():
        sender = str(sent.get(queue_id, {}).get("reverse_path", ""))
        for entry in feed.read(trail.operator, places):
            begin = float(entry["at"]) - float(entry.get("seconds", 0.0)) - 1.0
            with feed.lock:
                there = feed.ledger.arrival(str(entry.get("to", "")), sender, begin, entry["at"])
            passed_on.append((entry, "" if there is None else there.key))
    return timeline(trail, entries, heard, passed_on)


def trail_data(trail: Trail) -> dict[str, Any]:
    """Return a connection as the API gives it in a list."""
    return {
        "key": trail.key,
        "begin": _utc(trail.begin),
        "seconds": round(trail.end - trail.begin, 6),
        "operator": trail.operator,
        "design": trail.design,
        "endpoint": trail.endpoint,
        "protocol": trail.protocol,
        "client": trail.client,
        "method": trail.method,
        "mailbox": trail.mailbox,
        "person": trail.person,
        "outcome": trail.outcome,
        "refusals": trail.refusals,
        "reason": trail.reason,
    }


def connection(story: Timeline) -> dict[str, Any]:
    """Return a connection with its steps as the API gives it."""
    return {**trail_data(story.trail), "steps": [_step(each) for each in story.steps]}


def _step(step: TimelineStep) -> dict[str, Any]:
    data: dict[str, Any] = {
        "at": _utc(step.at),
        "layer": step.layer.value,
        "event": step.event,
        "text": _both(step.text),
        "details": dict(step.details),
    }
    if step.refused is not None:
        refused = step.refused
        data["refused"] = {
            "reason": refused.reason,
            "cause": _both(refused.cause),
            "clause": refused.clause,
            "remedy": _both(refused.remedy),
        }
    if step.link:
        data["link"] = step.link
    return data


def _both(words: Words) -> dict[str, str]:
    return {"fr": words.french, "en": words.english}


def _utc(at: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
    return f"{whole}.{int(at % 1 * 1e6):06d}Z"
