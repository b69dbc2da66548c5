"""What is fed: a mailbox as a feeder says it, and the FHIR resource that carries it."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.directory.model import Mailbox

__all__ = ["Bearer", "BoxState"]


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
