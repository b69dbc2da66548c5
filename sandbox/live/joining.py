"""Operators that are not ours and join a space: what they say of themselves, what they are given.

`up --join FILE` reads one; docs/join.md has an example. The space gives it a place for its relay, a
certificate that the list names, MX and names in DNS, mailboxes in the directory. What it is made of
is its own affair: it listens where it is told, and asks DNS and the list as any operator does.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.directory import BoxState, BoxType, Directory, Feeder, Person, RefusalError
from sandbox.directory.bearers import Bearer
from sandbox.space.errors import UserError
from sandbox.trust.design_zone import LABELS

__all__ = ["Joining", "feed", "read_joining"]

JOINED = "Opérateur joint / joined operator"  # describes the mailboxes of one
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LOCAL = re.compile(r"[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")
_MEMBERS = {"name", "mailboxes", "services"}
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

    name: str
    mailboxes: tuple[str, ...] = ()
    services: Mapping[str, int] = field(default_factory=dict)


def read_joining(path: Path) -> Joining:
    """Read what an operator says of itself.

    Raises:
        UserError: it cannot be read, or a key or a value is wrong.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(
            "TOML illisible", "not readable as TOML", where=path, then=f"({error})"
        ) from None
    except OSError as error:
        raise UserError("illisible", "cannot be read", where=path, then=f"({error})") from None
    for key in told:
        if key not in _MEMBERS:
            raise UserError(
                "clé inconnue ; choisir parmi", "unknown key; choose among",
                where=f"{path}: {key}", then=", ".join(sorted(_MEMBERS)),
            )  # fmt: skip
    name, mailboxes = told.get("name"), told.get("mailboxes", [])
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UserError(
            "minuscules, chiffres et tirets attendus",
            "lower-case letters, digits and dashes are expected",
            where=f"{path}: name",
        )
    if not isinstance(mailboxes, list) or len(mailboxes) > _MOST:
        raise UserError(
            f"liste de {_MOST} noms au plus attendue",
            f"a list of at most {_MOST} names is expected",
            where=f"{path}: mailboxes",
        )  # fmt: skip
    for each in mailboxes:
        if not isinstance(each, str) or not _LOCAL.fullmatch(each):
            raise UserError(
                "ce qui précède @ est attendu, en minuscules",
                "what is left of @ is expected, in lower case",
                where=f"{path}: mailboxes: {str(each)[:60]!r}",
            )
    return Joining(name, tuple(dict.fromkeys(mailboxes)), _services(path, told.get("services", {})))


def _services(path: Path, told: object) -> dict[str, int]:
    known = sorted(LABELS.values())
    if not isinstance(told, dict) or not set(told) <= set(known):
        raise UserError(
            "table de ports attendue, sous", "a table of ports is expected, under",
            where=f"{path}: services", then=", ".join(known),
        )  # fmt: skip
    for name, port in told.items():
        if type(port) is not int or not 0 < port <= _LAST_PORT:
            raise UserError(
                f"port de 1 à {_LAST_PORT} attendu", f"a port from 1 to {_LAST_PORT} is expected",
                where=f"{path}: services: {name}",
            )  # fmt: skip
    return told


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
        raise UserError(
            "refusé par l'annuaire", "refused by the directory", where=domain, then=f"({error})"
        ) from None


def _people(directory: Directory) -> list[Person]:
    """Return people with a mailbox, the last first: the cast has the first."""
    boxes = directory.mailboxes("1", (), order="m.id")
    found = {box.person.id: box.person for box in boxes if box.person is not None}
    return list(found.values())[::-1]
