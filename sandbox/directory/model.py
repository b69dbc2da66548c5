"""The values that the directory hands out: people, structures, activities, mailboxes, bearers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sandbox.directory.identifiers import finess_of, person_kind, rpps_of

__all__ = ["Activity", "Bearer", "BoxState", "BoxType", "Domain", "Mailbox", "Person", "Structure"]


class BoxType(StrEnum):
    """Types of mailbox (TRE_R257-TypeBAL)."""

    PER = "PER"
    ORG = "ORG"
    APP = "APP"
    CAB = "CAB"


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody in the directory.

    The names of the attributes are those that a certificate authority or an identity provider asks
    for: a `Person` can be handed over as it is.

    Attributes:
        id: Row in the directory.
        national_id: `8`+RPPS, `0`+ADELI, or `3`+FINESS+`/`+number of an employee.
        title: Civility in exercise (DR, MME, M).
        surname: Name in exercise.
        given_name: First name in exercise.
        profession_code: TRE_G15 code, 0 for the staff of a structure.
        profession: Label of the profession.
        category: C (civilian) or M (military).
        specialty_code: Know-how (TRE_R38), empty outside physicians.
        specialty: Its label.
        department: Code of the département of the main activity.
        mail: Main living mailbox, empty when there is none.
    """

    id: int
    national_id: str
    title: str
    surname: str
    given_name: str
    profession_code: int
    profession: str
    category: str
    specialty_code: str
    specialty: str
    department: str
    mail: str = ""

    @property
    def rpps(self) -> str:
        """The RPPS (11 digits), empty when the person has none."""
        return rpps_of(self.national_id)

    @property
    def register(self) -> str:
        """RPPS, ADELI, FINESS or SIRET: who gave the identifier."""
        return person_kind(self.national_id)


@dataclass(frozen=True, kw_only=True)
class Structure:
    """A structure: geographical (G) or juridical (J) entity.

    `national_id` is `1`+FINESS, or `3`+SIRET without one. `parent` is the national identifier of
    the juridical entity above, empty when there is none.
    """

    id: int
    national_id: str
    kind: str
    parent: str
    siret: str
    name: str
    sign: str
    sector_code: str
    sector: str
    department: str
    department_name: str
    postcode: str
    town: str
    street_number: str
    street_kind: str
    street: str
    phone: str

    @property
    def finess(self) -> str:
        """The FINESS (9 characters), empty when the structure has none."""
        return finess_of(self.national_id)


@dataclass(frozen=True, kw_only=True)
class Activity:
    """What a person does in a structure (a PractitionerRole): L liberal or S salaried."""

    id: int
    person: int
    structure: int
    mode: str


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """A mailbox (BAL). Instants are seconds since 1970; `deleted` is 0 while it lives."""

    id: int
    address: str
    type: BoxType
    domain: str
    person: Person | None
    structure: Structure | None
    activity: int | None
    service: str
    description: str
    responsible: str
    red_list: bool
    dematerialised: bool
    rank: int
    created: int
    deleted: int

    @property
    def display_name(self) -> str:
        """The names of the person, or the structure and the service."""
        if self.person is not None:
            return f"{self.person.given_name} {self.person.surname}"
        name = self.structure.name if self.structure else self.address
        return f"{name} {self.service}" if self.service else name


@dataclass(frozen=True, kw_only=True)
class Domain:
    """A domain of the trust space as the directory sees it.

    Attributes:
        name: Domain.
        operator: Operator that feeds its mailboxes.
        removed: Instant of its withdrawal, 0 while it is in force.
        last_traffic: Instant of the last message seen, 0 for never.
        mailboxes: Living mailboxes.
    """

    name: str
    operator: str
    removed: int
    last_traffic: int
    mailboxes: int


@dataclass(frozen=True)
class Bearer:
    """The FHIR resource that carries a mailbox: Practitioner, PractitionerRole or Organization."""

    kind: str
    id: int

    @property
    def table(self) -> str:
        """Its table, and the column of a mailbox that points to it."""
        return {
            "Practitioner": "person",
            "PractitionerRole": "activity",
            "Organization": "structure",
        }[self.kind]

    @property
    def condition(self) -> str:
        """SQL condition on its mailboxes, one parameter: its row."""
        return {
            "Practitioner": "m.person = ? AND m.activity IS NULL",
            "PractitionerRole": "m.activity = ?",
            "Organization": "m.structure = ? AND m.person IS NULL",
        }[self.kind]

    @classmethod
    def of(cls, box: Mailbox) -> Bearer:
        """Return the bearer of a mailbox."""
        if box.activity is not None:
            return cls("PractitionerRole", box.activity)
        if box.person is not None:
            return cls("Practitioner", box.person.id)
        assert box.structure is not None
        return cls("Organization", box.structure.id)


@dataclass(frozen=True, kw_only=True)
class BoxState:
    """What a feeder says of a mailbox."""

    address: str
    type: str
    description: str = ""
    service: str = ""
    responsible: str = ""
    red_list: bool = False
    dematerialised: bool = False
    rank: int = 1

    @classmethod
    def of(cls, box: Mailbox) -> BoxState:
        """Return the state of a mailbox."""
        return cls(
            address=box.address,
            type=box.type.value,
            description=box.description,
            service=box.service,
            responsible=box.responsible,
            red_list=box.red_list,
            dematerialised=box.dematerialised,
            rank=box.rank,
        )
