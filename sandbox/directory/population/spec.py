"""What a population is asked to be: seed, sizes, day, domains."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from sandbox.space.errors import UserError

__all__ = ["NATIONAL", "DomainShare", "PopulationSpec"]

_DOMAIN = re.compile(r"(?=.{4,200}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,}")
_MOST_PEOPLE = 2_000_000
_MOST_MAILBOXES = 5_000_000


@dataclass(frozen=True)
class DomainShare:
    """A domain asked for by name.

    Attributes:
        name: Domain, lower case.
        weight: Its share of the mailboxes, relative to the others.
        operator: Name of the operator that serves it.

    Raises:
        UserError: the name is not a domain, or the weight is not positive.
    """

    name: str
    weight: int = 1
    operator: str = ""

    def __post_init__(self) -> None:
        if not _DOMAIN.fullmatch(self.name):
            raise UserError(
                "ce n'est pas un nom de domaine en minuscules comme",
                "not a lower-case domain name such as",
                where=f"domain {self.name!r}",
                then="ch-a.mssante.test",
            )
        if not 1 <= self.weight <= 1_000_000:
            raise UserError(
                f"poids {self.weight} ; attendu 1..1000000",
                f"weight {self.weight} is not in 1..1000000",
                where=f"domain {self.name!r}",
            )


@dataclass(frozen=True, kw_only=True)
class PopulationSpec:
    """The description of a population; equal descriptions give equal populations.

    Attributes:
        seed: Any integer.
        people: Holders of at least one mailbox.
        mailboxes: Live mailboxes of all types on the day, red list included.
        day: Day of the photograph; mailboxes were created before it.
        suffix: Suffix of every generated domain.
        domains: Domains to fill; none means the national concentration of domain.md §7.3.
        red_list: Mailboxes on the red list, in a thousand (no figure is published: an assumption).

    Raises:
        UserError: a size out of bounds.
    """

    seed: int = 1
    people: int = 3_000
    mailboxes: int = 5_354
    day: date = date(2026, 8, 25)
    suffix: str = "mssante.test"
    domains: tuple[DomainShare, ...] = field(default=())
    red_list: int = 30

    def __post_init__(self) -> None:
        if not 1 <= self.people <= _MOST_PEOPLE:
            raise UserError(
                "hors de", "not in", where=f"people: {self.people}", then=f"1..{_MOST_PEOPLE}"
            )
        if not self.people <= self.mailboxes <= _MOST_MAILBOXES:
            raise UserError(
                f"hors de {self.people}..{_MOST_MAILBOXES} (chacun en a au moins une)",
                f"not in {self.people}..{_MOST_MAILBOXES} (each person has one at least)",
                where=f"mailboxes: {self.mailboxes}",
            )
        if not 0 <= self.red_list <= 1000:
            raise UserError(
                "hors de 0..1000 (pour mille)",
                "not in 0..1000 (in a thousand)",
                where=f"red_list: {self.red_list}",
            )
        names = [domain.name for domain in self.domains]
        if len(set(names)) != len(names):
            raise UserError(
                "un nom figure deux fois ; donner chaque domaine une fois",
                "one name appears twice; give each domain once",
                where="domains",
            )

    @property
    def instant(self) -> int:
        """The instant of the photograph, in seconds since 1970: the end of its day, UTC."""
        midnight = datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)
        return int(midnight.timestamp()) + 86_400


# The country on 25 August 2026 (domain.md §7.3): 535,357 published mailboxes; 300,000 holders is
# the size that the project has to hold, about 1.5 personal mailboxes each.
NATIONAL = PopulationSpec(people=300_000, mailboxes=535_357)
