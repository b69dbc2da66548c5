"""Operators that are not ours and join a space: what they say of themselves, what they are given.

`up --join FILE` reads one; docs/join.md has an example. The space gives it a place for its relay, a
certificate that the list names, MX and names in DNS, mailboxes in the directory. What it is made of
is its own affair: it listens where it is told, and asks DNS and the list as any operator does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.directory import BoxState, BoxType, Directory, Feeder, Person, RefusalError
from sandbox.directory.model import Bearer
from sandbox.space.errors import BadValueError, UserError
from sandbox.space.reading import STRICT, read_as, read_toml
from sandbox.trust.design_zone import LABELS

__all__ = ["Joining", "feed", "read_joining"]

JOINED = "Opérateur joint / joined operator"  # describes the mailboxes of one
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LOCAL = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")
_MOST = 1_000
_LAST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Joining:
    """An operator that joins.

    Attributes:
        name: label under the suffix; its mail domain is `{name}.{suffix}`.
        mailboxes: what is left of the `@`, to be fed to the directory.
        services: what its clients connect to, by its name in SRV (RFC 6186, RFC 8314): `imaps`,
            `imap`, `submissions`, `submission`; its port, to which the space adds its offset.
    """

    __pydantic_config__ = STRICT

    name: str
    mailboxes: tuple[str, ...] = ()
    services: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what names no operator, and no mailbox.

        Raises:
            BadValueError: which of them, and what would.
        """
        if not _NAME.fullmatch(self.name):
            raise BadValueError(
                "minuscules, chiffres et tirets attendus",
                "lower-case letters, digits and dashes are expected",
                where="name",
            )
        if len(self.mailboxes) > _MOST:
            raise BadValueError(
                f"liste de {_MOST} noms au plus attendue",
                f"a list of at most {_MOST} names is expected",
                where="mailboxes",
            )
        for each in self.mailboxes:
            if not _LOCAL.fullmatch(each):
                raise BadValueError(
                    "ce qui précède @ est attendu, en minuscules",
                    "what is left of @ is expected, in lower case",
                    where=f"mailboxes: {each[:60]!r}",
                )
        object.__setattr__(self, "mailboxes", tuple(dict.fromkeys(self.mailboxes)))
        known = sorted(LABELS.values())
        for name, port in self.services.items():
            if name not in known or not 0 < port <= _LAST_PORT:
                raise BadValueError(
                    f"port de 1 à {_LAST_PORT} attendu, sous",
                    f"a port from 1 to {_LAST_PORT} is expected, under",
                    where=f"services: {name[:60]}",
                    then=", ".join(known),
                )


def read_joining(path: Path) -> Joining:
    """Read what an operator says of itself.

    Raises:
        UserError: it cannot be read, or a key or a value is wrong.
    """
    return read_as(Joining, read_toml(path), path)


def feed(directory: Directory, label: str, domain: str, mailboxes: tuple[str, ...]) -> None:
    """Have the directory know a domain and its mailboxes; people of it hold them, in turn.

    Raises:
        UserError: the directory refuses.
    """
    feeder = Feeder(directory, actor=label)
    try:
        feeder.add_domain(domain, label)
        missing = [each for each in mailboxes if directory.mailbox(f"{each}@{domain}") is None]
        people = _people(directory) if missing else []
        for number, each in enumerate(missing):
            state = BoxState(address=f"{each}@{domain}", type=BoxType.PER.value, description=JOINED)
            feeder.insert(Bearer("Practitioner", people[number % len(people)].id), state)
    except RefusalError as error:
        raise UserError.because(
            "refusé par l'annuaire", "refused by the directory", domain, error
        ) from None


def _people(directory: Directory) -> list[Person]:
    """Return people with a mailbox, the last first: the cast has the first."""
    boxes = directory.mailboxes("1", (), order="m.id")
    found = {box.person.id: box.person for box in boxes if box.person is not None}
    return list(found.values())[::-1]
