"""Which documents travel, from whom, and how large they are: the tables of `data/`, as laws.

`documents.csv` has the types with the share of each in what a population sends;
`document-sizes.csv` the quantiles of the published examples of ANS, measured.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

from sandbox.space.tables import rows

__all__ = ["DocumentType", "document_types", "size_of", "type_of"]

_POPULATIONS = ("liberal", "hospital", "laboratory", "ehpad")


@dataclass(frozen=True, slots=True)
class DocumentType:
    """A type of document.

    Attributes:
        code: LOINC, or a code of the French table TA_ASIP.
        system: OID of the code system.
        french, english: its name.
        shares: part of the documents that a population sends, 0 to 1.
    """

    code: str
    system: str
    french: str
    english: str
    shares: Mapping[str, float]


@cache
def document_types() -> dict[str, DocumentType]:
    """Return every type by code."""
    return {
        row["code"]: DocumentType(
            row["code"], row["system"], row["french"], row["english"],
            {name: float(row[name]) for name in _POPULATIONS},
        )
        for row in rows("documents.csv")
    }  # fmt: skip


def type_of(population: str, draw: float) -> DocumentType:
    """Return the type of a document of a population, by a uniform draw of [0, 1)."""
    types = [each for each in document_types().values() if each.shares[population]]
    ends = list(accumulate(each.shares[population] for each in types))
    return types[min(bisect_right(ends, draw * ends[-1]), len(types) - 1)]


@cache
def _quantiles() -> tuple[tuple[float, ...], tuple[float, ...]]:
    table = rows("document-sizes.csv")
    return (
        tuple(float(row["quantile"]) for row in table),
        tuple(math.log(float(row["bytes"])) for row in table),
    )


def size_of(draw: float) -> int:
    """Return the size of a CDA document, bytes, by a uniform draw of [0, 1).

    Between two measured quantiles the logarithm grows evenly.
    """
    levels, logarithms = _quantiles()
    place = min(bisect_right(levels, draw), len(levels) - 1)
    low, high = levels[place - 1], levels[place]
    part = (draw - low) / (high - low)
    return round(
        math.exp(logarithms[place - 1] + part * (logarithms[place] - logarithms[place - 1]))
    )
