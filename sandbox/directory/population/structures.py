"""Structures: geographical entities (G), and the juridical entities (J) above them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sandbox.directory.draws import Draws, Ints, running_count
from sandbox.directory.identifiers import complete
from sandbox.directory.population.spec import PopulationSpec
from sandbox.directory.tables import fold, slug, tables

__all__ = ["Structures", "make_structures"]

_PEOPLE_OF_THE_COUNTRY = 300_000
_SITES_BY_ENTITY = 2


@dataclass(frozen=True)
class Structures:
    """Columns, one row a structure: the G first, then the J.

    `parent` is the row of the juridical entity, -1 when there is none. `finess` is 0 for practices,
    which are known by their SIRET.
    """

    juridical: npt.NDArray[np.bool_]
    parent: Ints
    sector: Ints
    department: Ints
    finess: Ints
    siret: Ints
    phone: Ints
    number: Ints
    street: Ints
    names: list[str]
    signs: list[str]
    slugs: list[str]

    def __len__(self) -> int:
        """Return the number of structures, G and J."""
        return len(self.sector)


def _counts(people: int) -> Ints:
    """Return the number of structures of each sector, at least one."""
    national = np.array([s.structures for s in tables().sectors], dtype=np.int64)
    return np.maximum(1, national * people // _PEOPLE_OF_THE_COUNTRY)


def _finess(department: Ints, juridical: npt.NDArray[np.bool_], draws: Draws) -> Ints:
    """Return FINESS numbers: department, then a number unique in the country, then Luhn."""
    digits = np.array([int(d.digits) for d in tables().departments], dtype=np.int64)
    count = len(department)
    # Juridical entities take even numbers and geographical ones odd numbers: disjoint for ever.
    number = draws.numbers("finess", count, 1_000_000) // 2 * 2
    number = np.where(juridical, number, number + 1)
    order = running_count(digits[department], number)
    number = (number + order * 2) % 1_000_000
    return complete(digits[department] * 1_000_000 + number, 8)


def _make_names(
    sector: Ints, department: Ints, juridical: npt.NDArray[np.bool_], families: Ints
) -> tuple[list[str], list[str], list[str]]:
    """Return legal names, shop signs and slugs (unique)."""
    reference = tables()
    towns = [fold(d.town).upper() for d in reference.departments]
    town_slugs = [slug(d.town) for d in reference.departments]
    surnames = [fold(name).upper() for name in reference.families]
    shorts = [s.short for s in reference.sectors]
    ranks = running_count(juridical.astype(np.int64), sector, department)
    names: list[str] = []
    signs: list[str] = []
    slugs: list[str] = []
    rows = zip(
        sector.tolist(),
        department.tolist(),
        juridical.tolist(),
        families.tolist(),
        ranks.tolist(),
        strict=True,
    )
    for sector_row, town, entity, family, rank in rows:
        short = shorts[sector_row]
        word = {"ch": "CENTRE HOSPITALIER", "labo": "LABORATOIRE", "msp": "MAISON DE SANTE"}.get(
            short, short.upper()
        )
        tail = f" {rank + 1}" if rank else ""
        legal = f"{word} {surnames[family]}"
        if short in {"ch", "centre", "ehpad", "msp"}:
            legal = f"{word} {towns[town]}{tail}"
        names.append(f"{'GROUPEMENT ' if entity else ''}{legal}")
        signs.append("" if entity else f"{word.title()} {towns[town].title()}{tail}")
        slugs.append(
            f"{'gie-' if entity else ''}{short}-{town_slugs[town]}{f'-{rank + 1}' if rank else ''}"
        )
    return names, signs, slugs


def make_structures(spec: PopulationSpec, draws: Draws) -> Structures:
    """Make the structures of a population.

    Shares of sectors come from data/directory/sectors.csv; places follow the population of
    departments. Two sites of one sector and department share a juridical entity; pharmacies have
    one each.
    """
    reference = tables()
    sites = np.repeat(np.arange(len(reference.sectors), dtype=np.int64), _counts(spec.people))
    weights = np.array([d.population for d in reference.departments], dtype=np.int64)
    places = draws.pick("structure department", len(sites), weights)
    order = np.lexsort((places, sites))
    sites, places = sites[order], places[order]

    has_finess = np.array([s.finess for s in reference.sectors])[sites]
    single = np.array([s.short == "pharmacie" for s in reference.sectors])[sites]
    ranks = running_count(sites, places)
    group = np.where(single, ranks, ranks // _SITES_BY_ENTITY)
    keys = (sites * len(weights) + places) * 1_000_000 + group
    wanted = np.flatnonzero(has_finess)
    entities, first, inverse = np.unique(keys[wanted], return_index=True, return_inverse=True)
    parent = np.full(len(sites), -1, dtype=np.int64)
    parent[wanted] = len(sites) + inverse

    heads = wanted[first]
    sector = np.concatenate([sites, sites[heads]])
    department = np.concatenate([places, places[heads]])
    juridical = np.zeros(len(sector), dtype=bool)
    juridical[len(sites) :] = True
    count = len(sector)
    finess = _finess(department, juridical, draws)
    finess[: len(sites)][~has_finess] = 0
    siren = complete(9_000_0000 + draws.numbers("siren", count, 10_000_000), 8)
    owner = np.concatenate([np.where(parent >= 0, parent, np.arange(len(sites))), parent[heads]])
    number = running_count(owner)
    siret = complete(siren[owner] * 10_000 + number + 1, 13)
    families = draws.pick("structure family", count, reference.family_weights)
    names, signs, slugs = _make_names(sector, department, juridical, families)
    return Structures(
        juridical=juridical,
        parent=np.concatenate([parent, np.full(len(entities), -1, dtype=np.int64)]),
        sector=sector,
        department=department,
        finess=finess,
        siret=siret,
        # 01 99 00 xx xx: a range that the regulator keeps for works of fiction.
        phone=199_000_000 + draws.below("structure phone", count, 10_000),
        number=1 + draws.below("structure number", count, 120),
        street=draws.below("structure street", count, len(reference.streets)),
        names=names,
        signs=signs,
        slugs=slugs,
    )
