"""People of the directory as Pro Santé Connect knows them: one population for card, app, mail."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.directory.directory import Directory
from sandbox.directory.model import Person as Listed
from sandbox.psc.people import Person

__all__ = ["DirectoryPeople"]

SHOWN = 500  # on the phones page


class DirectoryPeople:
    """Answers `People` from a directory; reads it at each question, so that feeding shows."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def find(self, national_id: str) -> Person | None:
        """Return the person with a national identifier, or None."""
        found = self._directory.person(national_id)
        return None if found is None else self._person(found)

    def __iter__(self) -> Iterator[Person]:
        for found in self._directory.people(limit=SHOWN):
            yield self._person(found)

    def _person(self, found: Listed) -> Person:
        """Add to a listed person where she works, and a telephone nobody else has."""
        activities = self._directory.activities_of(found)
        main = activities[0] if activities else None
        structure = None if main is None else self._directory.structure_by_id(main.structure)
        return Person(
            national_id=found.national_id,
            given_name=found.given_name,
            family_name=found.surname,
            civility=found.title,
            profession=str(found.profession_code) if found.profession_code else "",
            category=found.category,
            skill=found.specialty_code,
            mode="S" if main is None else main.mode,
            sector="" if structure is None else structure.sector_code,
            organization="" if structure is None else structure.name,
            organization_id="" if structure is None else structure.national_id,
            structure_finess=(structure.finess or None) if structure else None,
            phone_number=f"+337{found.id % 10**8:08d}",
        )
