"""Where checks say which requirement they are of, and at which doors they are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sandbox.conformance.bench import Bench
from sandbox.conformance.findings import NotMet
from sandbox.conformance.subject import CheckedDoor, Subject

__all__ = [
    "CHECKS",
    "Check",
    "check",
    "clients",
    "each_protocol",
    "imaps",
    "once",
    "refuse",
    "relays",
    "serving",
    "smtps",
    "starttls",
]

Run = Callable[[Bench, CheckedDoor], None]
Doors = Callable[[Subject], Iterable[CheckedDoor]]


@dataclass(frozen=True, slots=True)
class Check:
    """The check of a requirement.

    Attributes:
        id: of the requirement.
        doors: where it is asked.
        run: asks it at one door; raises what it found.
    """

    id: str
    doors: Doors
    run: Run


CHECKS: dict[str, Check] = {}


def check(id_: str, doors: Doors) -> Callable[[Run], Run]:
    """Make a function the check of a requirement."""

    def register(run: Run) -> Run:
        assert id_ not in CHECKS, id_
        CHECKS[id_] = Check(id_, doors, run)
        return run

    return register


def clients(subject: Subject) -> Iterable[CheckedDoor]:
    """All doors of clients."""
    return subject.doors


def imaps(subject: Subject) -> Iterable[CheckedDoor]:
    """Those of IMAP."""
    return (each for each in subject.doors if each.protocol == "imap")


def smtps(subject: Subject) -> Iterable[CheckedDoor]:
    """Those of submission."""
    return (each for each in subject.doors if each.protocol == "smtp")


def relays(subject: Subject) -> Iterable[CheckedDoor]:
    """That of other operators."""
    return () if subject.relay is None else (subject.relay,)


def once(subject: Subject) -> Iterable[CheckedDoor]:
    """The operator as a whole: the check finds its door itself."""
    return subject.doors[:1]


def starttls(protocol: str) -> Doors:
    """Those of a protocol that begin in clear."""

    def doors(subject: Subject) -> Iterable[CheckedDoor]:
        found = (*subject.doors, *relays(subject))
        return (each for each in found if each.protocol == protocol and each.tls == "starttls")

    return doors


def serving(*methods: str, without: tuple[str, ...] = ()) -> Doors:
    """Those that serve one of these methods, and none of others."""

    def doors(subject: Subject) -> Iterable[CheckedDoor]:
        found = (each for each in subject.doors if set(methods) & set(each.methods))
        return (each for each in found if not set(without) & set(each.methods))

    return doors


def each_protocol(doors: Doors) -> Doors:
    """The first of these, of each protocol, that takes passwords: failures are counted."""

    def first(subject: Subject) -> Iterable[CheckedDoor]:
        found = [each for each in doors(subject) if each.typed]
        return {each.protocol: each for each in reversed(found)}.values()

    return first


def refuse(heard: object, french: str, english: str) -> NotMet:
    """Return the failure that something was taken which had to be refused."""
    return NotMet(f"{french} : « {heard} »", f'{english}: "{heard}"')
