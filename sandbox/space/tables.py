"""The sourced tables of `data/`: every default of a scenario, with its range and its source."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.space.methods import CAPABILITIES

__all__ = [
    "BOTH",
    "ClassShare",
    "Input",
    "OperatorRow",
    "Source",
    "defaults",
    "inputs",
    "operator_classes",
    "operator_rows",
    "rows",
    "shipped",
    "sources",
    "week",
]

Tree = dict[str, Any]
BOTH = "both"  # executions
SOFTWARE = "software"  # that of the wire is real
BASE = "share of its installed base"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a figure comes from."""

    key: str
    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Input:
    """One figure that the model needs.

    Attributes:
        key: its place in a scenario, dotted.
        value: default; a number, or a word.
        low, high: plausible range, None for words.
        execution: `both`, or why one execution has no use for it, a key of `executions`.
        knowledge: measured, published, expert guess or placeholder.
    """

    key: str
    value: float | str
    low: float | None
    high: float | None
    unit: str
    execution: str
    knowledge: str
    source: Source
    note: str

    @property
    def uncertain(self) -> bool:
        """Whether nobody published or measured it, so that a report must vary it."""
        return self.knowledge in {"expert guess", "placeholder"}


@dataclass(frozen=True, slots=True)
class OperatorRow:
    """An operator of the list of authorised domains.

    Attributes:
        kind: its class, of `operator-classes.csv`; operators of other classes hold no mailbox.
    """

    domains: int
    certificates: int
    kind: str


@dataclass(frozen=True, slots=True)
class ClassShare:
    """What a class of operators holds.

    Attributes:
        kind: the class.
        spread: how its operators share it: by domains, or by rank.
        mailboxes: a population, or `POPULATION.applications` for its robots.
        share: of all operators' mailboxes of that kind, between low and high.
        knowledge, source, note: as of an input.
    """

    kind: str
    spread: str
    mailboxes: str
    share: float
    low: float
    high: float
    knowledge: str
    source: Source
    note: str


def shipped(folder: str) -> Path:
    """Return `data` or `scenarios`: beside the package in a checkout, inside it once installed."""
    root = Path(str(files("sandbox")))
    inside = root / "_shipped" / folder
    return inside if inside.is_dir() else root.parent / folder


def rows(name: str) -> list[dict[str, str]]:
    """Return the lines of a table of `data/`, by column."""
    with (shipped("data") / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


@cache
def sources() -> dict[str, Source]:
    """Return every source by key."""
    return {row["key"]: Source(row["key"], row["title"], row["url"] or "")
            for row in rows("sources.csv")}  # fmt: skip


@cache
def measured_capabilities() -> dict[tuple[str, str], tuple[float, str]]:
    """Return what was tried on the wire: (software, capability) -> value, version and how."""
    return {
        (row["software"], row["capability"]): (
            float(row["value"]), f"{row['software']} {row['version']}: {row['how']}",
        )
        for row in rows("capabilities.csv")
        if row["value"]  # else it could not be tried
    }  # fmt: skip


def _products() -> Iterator[Input]:
    """Yield the inputs of `products.csv`: of each product its kind, share and capabilities.

    What was measured of the software itself replaces a guess; what was measured of the library that
    an editor builds on only says what the product cannot do.
    """
    for row in rows("products.csv"):
        prefix, source = f"products.{row['product']}.", sources()[row["source"]]
        kind, guess = row["kind"], row["knowledge"]
        note = row["note"] or ""
        yield Input(
            prefix + "kind", kind, None, None, "kind of software", SOFTWARE, guess, source, note
        )
        yield Input(
            prefix + "share", float(row["share"]), float(row["low"]), float(row["high"]),
            "share of its kind", SOFTWARE, guess, source, note,
        )  # fmt: skip
        for name in CAPABILITIES:
            value = float(row[name])
            tried = measured_capabilities().get((row["built_on"], name))
            cannot = tried is not None and tried[0] == 0 and not name.startswith("certificate_")
            if tried is not None and (kind == "mail_client" or cannot):
                yield Input(
                    prefix + name, tried[0], None, None, BASE, SOFTWARE,
                    "measured", sources()["wire"], tried[1],
                )  # fmt: skip
            else:
                ends = (0.0, 1.0) if guess == "placeholder" else (value, value)
                yield Input(prefix + name, value, *ends, BASE, SOFTWARE, guess, source, note)


@cache
def inputs() -> dict[str, Input]:
    """Return every input by key, in the order of the tables."""
    listed = {
        row["key"]: Input(
            key=row["key"],
            value=_number(row["value"]),
            low=float(row["low"]) if row["low"] else None,
            high=float(row["high"]) if row["high"] else None,
            unit=row["unit"],
            execution=row["execution"],
            knowledge=row["knowledge"],
            source=sources()[row["source"]],
            note=row["note"] or "",
        )
        for row in rows("inputs.csv")
    }
    return listed | {row.key: row for row in _products()}


def defaults() -> Tree:
    """Return the inputs as the tree of a scenario: sections, then names, then values."""
    tree: Tree = {}
    for key, row in inputs().items():
        *path, leaf = key.split(".")
        branch = tree
        for name in path:
            branch = branch.setdefault(name, {})
        branch[leaf] = row.value
    return tree


@cache
def operator_rows() -> tuple[OperatorRow, ...]:
    """Return the operators of the list of authorised domains, the one with most domains first."""
    return tuple(
        OperatorRow(int(row["domains"]), int(row["certificates"]), row["class"])
        for row in rows("operators-by-domains.csv")
    )


@cache
def operator_classes() -> tuple[ClassShare, ...]:
    """Return what each class of operators holds; the shares of one kind of mailbox sum to 1."""
    return tuple(
        ClassShare(row["class"], row["spread"], row["mailboxes"], float(row["share"]),
                   float(row["low"]), float(row["high"]), row["knowledge"],
                   sources()[row["source"]], row["note"])
        for row in rows("operator-classes.csv")
    )  # fmt: skip


@cache
def week() -> dict[str, NDArray[np.float64]]:
    """Return the relative message rate of each population: float64 (day kinds, 24 hours).

    Day kinds: working day, Saturday, Sunday or holiday.
    """
    shapes: dict[str, NDArray[np.float64]] = {}
    for row in rows("week.csv"):
        shape = shapes.setdefault(row["population"], np.zeros((3, 24)))
        shape[:, int(row["hour"])] = [
            float(row[kind]) for kind in ("working", "saturday", "sunday")
        ]
    return shapes
