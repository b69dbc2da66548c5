"""The reference tables under data/: read once, checked, turned into tuples and weights."""

from __future__ import annotations

import csv
import unicodedata
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from faker.providers.address.fr_FR import Provider as Addresses
from faker.providers.person.fr_FR import Provider as Names

from sandbox.directory.draws import Ints

__all__ = ["CareService", "Department", "Profession", "Sector", "Tables", "fold", "slug", "tables"]

# Operators whose domains are national, one per profession or for everybody (domain.md §1.7, §7.3).
NATIONAL_SLUGS = ("medecin", "infirmier", "pro", "masseur-kinesitherapeute", "pharmacien")


@dataclass(frozen=True)
class Department:
    """A département: code (2 or 3 characters), name, region label, main town, weight."""

    code: str
    name: str
    region: str
    town: str
    population: int

    @property
    def digits(self) -> str:
        """The two digits that open its FINESS numbers."""
        return self.code[:2]

    @property
    def postcode(self) -> str:
        """The postcode of its main town."""
        return f"{self.code}00" if len(self.code) == 3 else f"{self.code}000"


@dataclass(frozen=True)
class Profession:
    """A profession (TRE_G15) with its register and its weight among mailbox holders."""

    code: str
    label: str
    slug: str
    register: str
    holders: int
    liberal: int
    female: int


@dataclass(frozen=True)
class Sector:
    """A sector of activity (TRE_R02) with the number of its structures in the country."""

    code: str
    label: str
    short: str
    structures: int
    finess: bool
    org_boxes: int


@dataclass(frozen=True)
class CareService:
    """A service that holds an organisational mailbox."""

    label: str
    slug: str


@dataclass(frozen=True)
class Tables:
    """Every reference table.

    First names, family names (most common first) and streets (kind, name) are Faker's for France;
    the rest is ours, under data/.
    """

    departments: tuple[Department, ...]
    professions: tuple[Profession, ...]
    specialties: tuple[tuple[str, str, int], ...]
    sectors: tuple[Sector, ...]
    services: tuple[CareService, ...]
    streets: tuple[tuple[str, str], ...]
    female: tuple[str, ...]
    male: tuple[str, ...]
    families: tuple[str, ...]
    family_weights: Ints
    domain_sizes: Ints
    operator_domains: Ints


def fold(text: str) -> str:
    """Fold a name for searching: lower case, no accents, single spaces."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())


def slug(text: str) -> str:
    """Turn a name into what an address can hold: letters, digits and dashes."""
    return "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in fold(text)).split())


def data_folder() -> Path:
    """Return the folder of reference tables: in the wheel, or at the root of the sources."""
    package = Path(__file__).resolve().parents[1]
    shipped = package / "_shipped" / "data"
    return shipped if shipped.is_dir() else package.parent / "data"


def _rows(name: str) -> list[dict[str, str]]:
    with (data_folder() / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _family_weights(count: int) -> Ints:
    """Return how many bear each family name, most common first.

    Martin has 235,000 bearers, the second name 105,000, the fifth 90,000, the ninth 78,000
    (data/directory/README.md); the hyperbola goes through these.
    """
    weights = [235_000 if rank == 0 else 2_100_000 // (rank + 19) for rank in range(count)]
    return np.array(weights, dtype=np.int64)


def _streets(families: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return kinds of street, as often as Faker has them, each with every family name."""
    return tuple((kind, name) for kind in Addresses.street_prefixes for name in families)


def _domain_sizes() -> Ints:
    """Interpolate the published quantiles of mailboxes per domain, in integers."""
    anchors = [(int(r["rank"]), int(r["boxes"])) for r in _rows("directory/boxes-by-domain.csv")]
    sizes: list[int] = []
    for (rank, boxes), (next_rank, next_boxes) in pairwise(anchors):
        span, fall = next_rank - rank, boxes - next_boxes
        sizes.extend(boxes - fall * step // span for step in range(span))
    return np.array([*sizes, anchors[-1][1]], dtype=np.int64)


@cache
def tables() -> Tables:
    """Return the reference tables (read once)."""
    families = tuple(dict.fromkeys(Names.last_names))
    return Tables(
        departments=tuple(
            Department(r["code"], r["name"], r["region"], r["town"], int(r["population"]))
            for r in _rows("directory/departments.csv")
        ),
        professions=tuple(
            Profession(
                code=r["code"],
                label=r["label"],
                slug=r["slug"],
                register=r["register"],
                holders=int(r["holders"]),
                liberal=int(r["liberal"]),
                female=int(r["female"]),
            )
            for r in _rows("directory/professions.csv")
        ),
        specialties=tuple(
            (r["code"], r["label"], int(r["holders"])) for r in _rows("directory/specialties.csv")
        ),
        sectors=tuple(
            Sector(
                code=r["code"],
                label=r["label"],
                short=r["short"],
                structures=int(r["structures"]),
                finess=r["finess"] == "1",
                org_boxes=int(r["org_boxes"]),
            )
            for r in _rows("directory/sectors.csv")
        ),
        services=tuple(CareService(r["label"], r["slug"]) for r in _rows("directory/services.csv")),
        streets=_streets(families),
        female=tuple(dict.fromkeys(Names.first_names_female)),
        male=tuple(dict.fromkeys(Names.first_names_male)),
        families=families,
        family_weights=_family_weights(len(families)),
        domain_sizes=_domain_sizes(),
        operator_domains=np.array(
            [int(r["domains"]) for r in _rows("operators-by-domains.csv")], dtype=np.int64
        ),
    )
