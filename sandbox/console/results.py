"""The last results that the command line wrote: of `compare`, of `replay`, of `twin`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.observations.schema import Words

__all__ = ["Figures", "Results", "Written", "compared", "confronted"]

Tree = dict[str, Any]
MOST = 64 * 2**20  # bytes of a result that is read
LATENCY = "machine_latency"
_VERDICTS = {
    "within": Words("dans les buts", "within the goals"),
    "outside": Words("hors des buts", "outside the goals"),
    "undecided": Words("trop peu de connexions pour juger", "too few logins to tell"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one source says of one design; None where it says nothing.

    Attributes:
        machine_latency: s, mean of a login, the person left out.
        half: half-width of its interval.
        failure_share: of attempts to log in.
        cannot_connect: share of accesses.
        person_wait: s a person and working day.
        incidents: person-hours of one of each kind, at the largest operator.
    """

    machine_latency: float | None = None
    half: float | None = None
    failure_share: float | None = None
    cannot_connect: float | None = None
    person_wait: float | None = None
    incidents: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A result in a folder.

    Attributes:
        kind: compare, replay or twin.
        folder: where, as a person finds it.
        at: when it was written, seconds since 1970.
        about: the scenario, and how much of it; of a twin its load and its verdict.
        designs: what it says, by design.
        predicted: of a twin: what was predicted of them.
    """

    kind: str
    folder: str
    at: float
    about: Words
    designs: Mapping[str, Figures]
    predicted: Mapping[str, Figures]


def compared(tree: Tree, folder: str, at: float) -> Written:
    """Return what a `summary.json` says.

    Raises:
        KeyError, TypeError, AttributeError: it is none.
    """
    live = tree["engine"] == "live"
    return Written(
        kind="replay" if live else "compare", folder=folder, at=at,
        about=Words(*[f"{tree['scenario']} · {100 * tree['scale']:.3g} %"] * 2),
        designs={name.partition("/")[0]: _summarised(each, live=live)
                 for name, each in tree["designs"].items()},
        predicted={},
    )  # fmt: skip


def _summarised(design: Tree, *, live: bool) -> Figures:
    metrics = {name: each["mean"] for name, each in design["metrics"].items()}
    interval = design["metrics"][LATENCY]["ci95"]
    return Figures(
        machine_latency=metrics[LATENCY],
        half=None if interval is None else (interval[1] - interval[0]) / 2,
        failure_share=metrics["failure_share"],
        # Computed from the scenario, also beside a replay: it is none of what was measured.
        cannot_connect=None if live else design["compatibility"]["cannot_connect"],
        person_wait=metrics["person_wait"],
        incidents={
            kind: each["person_hours"]
            for kind, each in design.get("incidents", {}).items()
            if isinstance(each, dict)
        },
    )


def confronted(tree: Tree, folder: str, at: float) -> Written:
    """Return what a `twin.json` says: of its heaviest load, mean over methods by their logins.

    Raises:
        KeyError, TypeError, AttributeError: it is none.
    """
    level = max(tree["levels"], key=lambda each: each["load"])
    rows = [
        row for row in level["rows"]
        if row["measure"] == "machine" and row["statistic"] == "mean" and row["logins"]
        and None not in (row["predicted"], row["measured"])
    ]  # fmt: skip
    names = dict.fromkeys(row["design"] for row in rows)

    def mean(which: str) -> dict[str, Figures]:
        return {name.partition("/")[0]: _weighted([r for r in rows if r["design"] == name], which)
                for name in names}  # fmt: skip

    within, load = _VERDICTS[tree["verdict"]], f"{100 * level['load']:.0f} %"
    return Written(
        kind="twin", folder=folder, at=at,
        about=Words(f"charge {load}, {within.french}", f"load {load}, {within.english}"),
        designs=mean("measured"), predicted=mean("predicted"),
    )  # fmt: skip


def _weighted(rows: list[Tree], which: str) -> Figures:
    count = sum(row["logins"] for row in rows)
    return Figures(machine_latency=sum(row[which] * row["logins"] for row in rows) / count)


_READERS = {"summary.json": compared, "twin.json": confronted}


class Results:
    """What there is in the folders of a folder.

    Args:
        folder: `out`, where the command line writes to by default.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[tuple[str, float], Written | None] = {}

    def last(self, designs: Iterable[str]) -> dict[str, Written]:
        """Return the newest of each kind that says something of these designs.

        What is unreadable or something else is passed over.
        """
        found: dict[str, Written] = {}
        read: dict[tuple[str, float], Written | None] = {}
        shown = set(designs)
        for path in [each for name in _READERS for each in self._folder.glob(f"*/{name}")]:
            try:
                facts = path.stat()
            except OSError:
                continue  # it has gone meanwhile
            key = (str(path), facts.st_mtime)
            each = self._read[key] if key in self._read else _of(path, facts.st_size, key[1])
            read[key] = each
            if each is None or not shown & set(each.designs):
                continue
            if each.kind not in found or found[each.kind].at < each.at:
                found[each.kind] = each
        self._read = read
        return found


def _of(path: Path, size: int, at: float) -> Written | None:
    if size > MOST:
        return None
    try:
        return _READERS[path.name](json.loads(path.read_bytes()), str(path.parent), at)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
