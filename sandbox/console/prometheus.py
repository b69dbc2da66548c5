"""What operators saw, in Prometheus' text format 0.0.4. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sandbox.operators.recorder import Durations, Seen

__all__ = ["CONTENT_TYPE", "exposition"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_Sample = tuple[Mapping[str, str], float]


def exposition(seen: Seen, waiting: Mapping[str, int], entries: int) -> str:
    """Return the page that Prometheus scrapes.

    Args:
        seen: tallies of all operators.
        waiting: requests that wait for a person, by provider.
        entries: journal entries that the console has read.
    """
    return "".join(f"{line}\n" for line in _lines(seen, waiting, entries))


def _lines(seen: Seen, waiting: Mapping[str, int], entries: int) -> Iterator[str]:
    records = [(design or "relay", record) for design, record in sorted(seen.records.items())]
    yield from _family(
        "mssante_connections", "gauge", "Open mail connections.",
        (({"design": design, "endpoint": name}, load.now)
         for design, record in records for name, load in sorted(record.load.items())),
    )  # fmt: skip
    yield from _family(
        "mssante_connections_total", "counter", "Mail connections taken.",
        (({"design": design, "endpoint": name}, sum(load.sessions))
         for design, record in records for name, load in sorted(record.load.items())),
    )  # fmt: skip
    yield from _family(
        "mssante_sessions_total", "counter", "Sessions; without method, nobody logged in.",
        (({"design": design, "protocol": protocol, "method": method}, count)
         for design, record in records
         for (protocol, method), count in sorted(record.sessions.items())),
    )  # fmt: skip
    yield from _family(
        "mssante_login_failures_total", "counter", "Logins that failed, by cause.",
        (({"design": design, "protocol": protocol, "method": method, "cause": cause}, count)
         for design, record in records
         for (protocol, method, cause), count in sorted(record.failures.items())),
    )  # fmt: skip
    logins = [
        ({"design": design, "operator": key[0], "protocol": key[1], "method": key[2],
          "measure": key[3]}, durations)
        for design, record in records for key, durations in sorted(record.logins.items())
    ]  # fmt: skip
    yield from _summary("mssante_login_seconds", "Duration of accepted logins.", logins)
    yield from _summary(
        "mssante_delivery_seconds", "Age of messages when they were delivered.",
        [({}, seen.deliveries)],
    )  # fmt: skip
    yield from _family(
        "mssante_phone_requests_waiting", "gauge", "Requests that wait for a person.",
        (({"provider": name or "psc"}, count) for name, count in sorted(waiting.items())),
    )  # fmt: skip
    yield from _family(
        "mssante_console_entries_total", "counter", "Journal entries read by the console.",
        [({}, entries)],
    )  # fmt: skip


def _family(name: str, kind: str, text: str, samples: Iterable[_Sample]) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        yield f"{name}{_labels(labels)} {value!r}"


def _summary(
    name: str, text: str, samples: Iterable[tuple[Mapping[str, str], Durations]]
) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} summary"
    for labels, durations in samples:
        yield f"{name}_sum{_labels(labels)} {durations.seconds!r}"
        yield f"{name}_count{_labels(labels)} {durations.count}"


def _labels(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{pairs}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
