"""What is asked of software and operators, as data: `data/requirements.csv`."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache

from sandbox.observations.schema import Words
from sandbox.space.tables import shipped

__all__ = ["Requirement", "requirements"]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement.

    Attributes:
        id: stable, for ever.
        clause: of the référentiel or the RFC.
        binds: software, operator or both.
        source: where we read it, in words.
        knowledge: published, second-hand (a third party reports it) or inferred (we deduce it).
        text: in our words.
        unchecked: why no check here can tell; empty where one does.
    """

    id: str
    clause: str
    binds: str
    source: str
    knowledge: str
    text: Words
    unchecked: str


@cache
def requirements() -> tuple[Requirement, ...]:
    """Return the table, in its order."""
    with (shipped("data") / "requirements.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Requirement(
                row["id"], row["clause"], row["binds"], row["source"], row["knowledge"],
                Words(row["french"], row["english"]), row["unchecked"],
            )
            for row in csv.DictReader(file)
        )  # fmt: skip
