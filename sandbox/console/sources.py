"""Measured and simulated together: what each source says of each design, one under the other.

Pure: from the counts of the live space, the small replay and comparison of the page, and the last
results of the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.console.beside import Job
from sandbox.console.results import Figures, Written
from sandbox.observations.schema import Words

__all__ = ["MEASURES", "FigureSource", "sources"]

# Member of `Figures` -> what it is.
MEASURES: dict[str, Words] = {
    "machine_latency": Words("Latence d'une connexion, personne exclue (moyenne)",
                             "Latency of a login, without the person (mean)"),
    "failure_share": Words("Tentatives refusées", "Attempts refused"),
    "cannot_connect": Words("Accès qui ne peuvent pas se connecter",
                            "Accesses that cannot connect"),
    "person_wait": Words("Attente d'une personne, par jour ouvré",
                         "Wait of a person, a working day"),
}  # fmt: skip
_NOTHING = Words("", "")
_NAMES = {
    "now": Words("Cet espace, depuis son démarrage", "This space, since its start"),
    "small-replay": Words("Rejeu de cette page", "Replay of this page"),
    "replay": Words("Dernier replay", "Last replay"),
    "small-comparison": Words("Comparaison de cette page", "Comparison of this page"),
    "compare": Words("Dernier compare", "Last compare"),
    "twin": Words("Dernier twin, mesuré", "Last twin, measured"),
    "predicted": Words("Dernier twin, prédit", "Last twin, predicted"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureSource:
    """One who says something.

    Attributes:
        name: key.
        label: of people.
        measured: on sockets; else simulated.
        about: scenario, scale or verdict, for people; empty for this space.
        folder: of a result of the command line, else empty.
        at: when that was written, None for what this page did.
        designs: what it says, by design.
    """

    name: str
    label: Words
    measured: bool
    about: Words
    folder: str
    at: float | None
    designs: Mapping[str, Figures]


def sources(
    now: Mapping[str, Figures], replay: Job, comparison: Job, written: Mapping[str, Written]
) -> list[FigureSource]:
    """Return them: what is measured first, then what is simulated.

    Args:
        now: by design, from the live space.
        replay, comparison: of the page.
        written: by kind, of the command line.
    """
    found = [_source("now", now, measured=True)]
    if told := _figures(replay):
        found.append(_source("small-replay", told, measured=True, about=_asked(replay)))
    found += [_of(written[kind]) for kind in ("replay", "twin") if kind in written]
    if told := _figures(comparison):
        found.append(_source("small-comparison", told, measured=False, about=_asked(comparison)))
    if "compare" in written:
        found.append(_of(written["compare"]))
    if "twin" in written:
        twin = written["twin"]
        found.append(_source("predicted", twin.predicted, measured=False, about=twin.about,
                             folder=twin.folder, at=twin.at))  # fmt: skip
    return found


def _source(
    name: str, designs: Mapping[str, Figures], *, measured: bool, about: Words = _NOTHING,
    folder: str = "", at: float | None = None,
) -> FigureSource:  # fmt: skip
    return FigureSource(
        name=name, label=_NAMES[name], measured=measured, about=about, folder=folder, at=at,
        designs=designs,
    )  # fmt: skip


def _of(written: Written) -> FigureSource:
    return _source(written.kind, written.designs, measured=written.kind != "compare",
                   about=written.about, folder=written.folder, at=written.at)  # fmt: skip


def _asked(job: Job) -> Words:
    given = [f"{name} {value}" for name, value in (job.asked or {}).items() if value]
    return Words(" · ".join(given), " · ".join(given))


def _figures(job: Job) -> dict[str, Figures]:
    told: dict[str, Any] = (job.said or {}).get("designs", {})
    return {
        name: Figures(
            half=each["machine_latency"].get("half"),
            **{measure: each[measure]["mean"] for measure in MEASURES if measure in each},
        )
        for name, each in told.items()
    }
