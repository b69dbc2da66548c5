"""People of the directory as Pro Santé Connect knows them: one population for card, app, mail."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.directory.directory import Directory
from sandbox.directory.model import Person as Listed
from sandbox.psc.people import ActivityClaims, EndUser

__all__ = ["DirectoryPeople"]

SHOWN = 500  # on the phones page


class DirectoryPeople:
    """Answers `People` from a directory; reads it at each question, so that feeding shows."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def find(self, national_id: str) -> EndUser | None:
        """Return the person with a national identifier, or None."""
        found = self._directory.person(national_id)
        return None if found is None else self._person(found)

    def __iter__(self) -> Iterator[EndUser]:
        for found in self._directory.people(limit=SHOWN):
            yield self._person(found)

    def _person(self, found: Listed) -> EndUser:
        """Add to a listed person where they work, and a telephone nobody else has.

        Who is deceased or struck off, as the directory says, is disabled.
        """
        return EndUser(
            national_id=found.national_id,
            given_name=found.given_name,
            family_name=found.surname,
            civility=found.title,
            profession=str(found.profession_code) if found.profession_code else "",
            category=found.category,
            skill=found.specialty_code,
            activities=tuple(self._activities(found)),
            phone_number=f"+337{found.id % 10**8:08d}",
            enabled=found.id not in self._directory.departed(),
        )

    def _activities(self, found: Listed) -> Iterator[ActivityClaims]:
        for each in self._directory.activities_of(found):
            place = self._directory.structure_by_id(each.structure)
            if place is None:
                continue
            yield ActivityClaims(
                mode=each.mode,
                sector=place.sector_code,
                organization=place.name,
                organization_id=place.national_id,
                finess=place.finess or "",
                siret=place.siret,
                sign=place.sign,
                street_number=place.street_number,
                street_kind=place.street_kind,
                street=place.street,
                postcode=place.postcode,
                town=place.town,
                department=place.department,
                phone=place.phone,
            )
