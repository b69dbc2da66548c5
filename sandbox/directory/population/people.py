"""People: who holds mailboxes, in which profession, in which structure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sandbox.directory.draws import Draws, Ints, running_count
from sandbox.directory.identifiers import complete
from sandbox.directory.population.spec import PopulationSpec
from sandbox.directory.population.structures import Structures
from sandbox.directory.tables import tables

__all__ = ["DrawnPeople", "make_people"]

# RPPS of the test cards of ANS begin with 997: nobody's number, and easy to recognise.
_TEST_RPPS = 997
_DOUBLE_NAMES = 90
_MILITARY = 8


@dataclass(frozen=True)
class DrawnPeople:
    """Columns, one row a person.

    `second_family` is -1 without a double name; `specialty` is -1 outside physicians; `number` is
    the RPPS, the ADELI or the employer's own number according to the register of the profession.
    """

    profession: Ints
    specialty: Ints
    department: Ints
    female: npt.NDArray[np.bool_]
    given: Ints
    family: Ints
    second_family: Ints
    military: npt.NDArray[np.bool_]
    liberal: npt.NDArray[np.bool_]
    home: Ints
    number: Ints

    def __len__(self) -> int:
        """Return the number of people."""
        return len(self.profession)


def pools(structures: Structures) -> dict[str, npt.NDArray[np.bool_]]:
    """Name the groups of sites where people work."""
    sectors = tables().sectors
    short = np.array([s.short for s in sectors])[structures.sector]
    site = ~structures.juridical
    practice = np.isin(short, ["cabinet", "cabinet-groupe"]) & site
    pharmacy = (short == "pharmacie") & site
    return {"practice": practice, "pharmacy": pharmacy, "care": site & ~practice & ~pharmacy}


def place(structures: Structures, eligible: Ints, department: Ints, draws: Ints) -> Ints:
    """Give each row a structure among `eligible`, in its own department when there is one."""
    order = eligible[np.argsort(structures.department[eligible], kind="stable")]
    places = structures.department[order]
    low = np.searchsorted(places, department, side="left")
    count = np.searchsorted(places, department, side="right") - low
    near = low + draws % np.maximum(count, 1)
    chosen: Ints = order[np.where(count > 0, near, draws % len(order))]
    return chosen


def make_people(spec: PopulationSpec, draws: Draws, structures: Structures) -> DrawnPeople:
    """Make the people of a population (shares: data/directory/professions.csv)."""
    reference = tables()
    count = spec.people
    professions = reference.professions
    profession = draws.pick(
        "profession", count, np.array([p.holders for p in professions], dtype=np.int64)
    )
    physician = np.array([p.code == "10" for p in professions])[profession]
    specialty = draws.pick(
        "specialty", count, np.array([s[2] for s in reference.specialties], dtype=np.int64)
    )
    department = draws.pick(
        "department", count, np.array([d.population for d in reference.departments], dtype=np.int64)
    )
    female_share = np.array([p.female for p in professions], dtype=np.int64)[profession]
    female = draws.chance("sex", female_share, count)
    liberal_share = np.array([p.liberal for p in professions], dtype=np.int64)[profession]
    liberal = draws.chance("mode", liberal_share, count)

    # The women's first names first in the column, then the men's.
    women, men = len(reference.female), len(reference.male)
    given = np.where(
        female, draws.below("given", count, women), women + draws.below("given", count, men)
    )
    second = draws.pick("second family", count, reference.family_weights)
    double = draws.chance("double name", _DOUBLE_NAMES, count)

    groups = pools(structures)
    pharmacist = np.array([p.slug == "pharmacien" for p in professions])[profession]
    dice = draws.below("home", count, 1 << 40)
    home = place(structures, np.flatnonzero(groups["care"]), department, dice)
    for name, rows in (("practice", liberal & ~pharmacist), ("pharmacy", liberal & pharmacist)):
        home[rows] = place(structures, np.flatnonzero(groups[name]), department[rows], dice[rows])

    register = np.array([p.register for p in professions])[profession]
    number = complete(_TEST_RPPS * 10_000_000 + draws.numbers("rpps", count, 10_000_000), 10)
    adeli = register == "ADELI"
    digits = np.array([int(d.digits) for d in reference.departments], dtype=np.int64)
    serial = draws.numbers("adeli", int(adeli.sum()), 1_000_000)
    number[adeli] = complete(digits[department[adeli]] * 1_000_000 + serial, 8)
    staff = register == "STRUCTURE"
    number[staff] = 1 + running_count(home[staff])
    return DrawnPeople(
        profession=profession,
        specialty=np.where(physician, specialty, -1),
        department=department,
        female=female,
        given=given,
        family=draws.pick("family", count, reference.family_weights),
        second_family=np.where(double, second, -1),
        military=draws.chance("military", _MILITARY, count) & physician,
        liberal=liberal,
        home=home,
        number=number,
    )
