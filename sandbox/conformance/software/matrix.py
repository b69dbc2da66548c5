"""The matrix: software x operator x method x design, each cell tried on the wire."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sandbox.conformance.findings import CheckResult
from sandbox.conformance.software.attempts import MailClient
from sandbox.conformance.software.names import LIBRARY, resolves
from sandbox.conformance.software.trials import TrialRecord, tried, usual
from sandbox.conformance.software.world import ClientLogin, World, carries
from sandbox.live.mailer import MailError

__all__ = [
    "OWN",
    "MatrixCell",
    "MatrixPlace",
    "as_json",
    "cells_of",
    "entered",
    "judged",
    "places_of",
]

Tree = dict[str, Any]
Tell = Callable[[str], None]
_PUT_OFF = "too-many-"
OWN = "-"


@dataclass(frozen=True, slots=True)
class MatrixPlace:
    """Where a method is served: endpoint of a design of an operator.

    Attributes:
        world: whose operator it is.
        operator, design: their names; the one layout of a foreign operator is `OWN`.
        method: of the space, or `password` at a foreign operator.
        endpoint: of the sheet.
    """

    world: World
    operator: str
    design: str
    method: str
    endpoint: Tree


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """What came of one piece of software by one method at one operator's endpoint.

    Attributes:
        client, version: of the software; no version where it is not installed.
        operator, method, design, protocol: where it was tried.
        result: fail where it cannot come in, inconclusive where that could not be seen.
        why: the mechanism by which it logged in; else the reason, mechanism by mechanism,
            French / English.
    """

    client: str
    version: str
    operator: str
    method: str
    design: str
    protocol: str
    result: CheckResult
    why: str


def as_json(cells: Sequence[MatrixCell]) -> str:
    """Return the stable form: docs/conformance.md."""
    return json.dumps([asdict(each) for each in cells], ensure_ascii=False, indent=1)


def places_of(
    world: World, operators: Sequence[str], designs: Sequence[str], methods: Sequence[str]
) -> list[MatrixPlace]:
    """Return where methods are served, in the order of the sheet."""
    return [
        MatrixPlace(world, operator, design, method, endpoint)
        for operator in operators
        for design in designs
        for endpoint in world.operator(operator)["designs"].get(design, ())
        for method in endpoint["methods"]
        if method in methods
    ]


def cells_of(
    clients: Sequence[MailClient], places: Sequence[MatrixPlace], folder: Path, tell: Tell
) -> Iterator[MatrixCell]:
    """Try every cell, one after the other, and yield each as it is known.

    A client has cells for its own protocols only.

    Args:
        clients: installed or not.
        places: where; telephones there answer by themselves.
        folder: for the clients' own files.
        tell: told of each cell that was tried.
    """
    for client in clients:
        absent = client.absent
        version = "" if absent else client.version()
        for number, place in enumerate(places):
            if place.endpoint["protocol"] not in client.protocols:
                continue
            if absent:
                what = Path(absent).name
                found = (
                    CheckResult.NOT_APPLICABLE,
                    _both(f"{what} n'est pas installé", f"{what} is not installed"),
                )
            else:
                found = _found(client, place, folder / client.software / str(number))
                tell(
                    f"{client.software:14}{place.operator:20}{place.design:20}"
                    f"{place.method:16}{place.endpoint['protocol']:6}{found[0]:16}{found[1]}"
                )
            yield MatrixCell(client.software, version, place.operator, place.method, place.design,
                       place.endpoint["protocol"], *found)  # fmt: skip


def _both(french: str, english: str) -> str:
    return f"{french} / {english}"


def _found(client: MailClient, place: MatrixPlace, folder: Path) -> tuple[CheckResult, str]:
    at = place.endpoint
    if not place.world.accounts(place.operator, place.method):
        return CheckResult.NOT_APPLICABLE, _both(
            "aucun compte de cet opérateur n'a cette méthode",
            "no account of this operator has this method",
        )
    if client.resolver and not resolves():
        return CheckResult.INCONCLUSIVE, _both(
            f"{LIBRARY} n'est pas installé : les noms ne se résolvent pas",
            f"{LIBRARY} is not installed: names do not resolve",
        )
    found: list[tuple[CheckResult, str]] = []
    for mechanism in _mechanisms(at, place.method):
        result, why = _by(client, place, mechanism, folder / mechanism)
        if result is CheckResult.PASS:
            return result, why
        found.append((result, f"{mechanism} : {why}"))
    if not found:
        return CheckResult.NOT_APPLICABLE, _both(
            "aucun mécanisme d'ici ne porte cette méthode", "no mechanism here carries this method"
        )
    worst = (
        CheckResult.FAIL
        if all(r is CheckResult.FAIL for r, _ in found)
        else CheckResult.INCONCLUSIVE
    )
    return worst, " ; ".join(why for _, why in found)


def _mechanisms(at: Tree, method: str) -> list[str]:
    """Return the mechanisms to try: one of those that are as good as each other."""
    offered = [each for each in at["mechanisms"] if carries(each, method)]
    return [each for each in offered if each != "LOGIN" or "PLAIN" not in offered]


def _by(
    client: MailClient, place: MatrixPlace, mechanism: str, folder: Path
) -> tuple[CheckResult, str]:
    try:
        login = place.world.login(place.method, mechanism, place.operator)
    except (MailError, TimeoutError) as error:
        return CheckResult.INCONCLUSIVE, str(error)
    return entered(client, place, mechanism, login, folder)


def entered(
    client: MailClient, place: MatrixPlace, mechanism: str, login: ClientLogin, folder: Path, *,
    recipient: str = "",
) -> tuple[CheckResult, str]:  # fmt: skip
    """Have software come in by one mechanism; say what came of it.

    Args:
        client: installed.
        place: where.
        mechanism: SASL, or NONE for a certificate alone.
        login: who.
        folder: the client's own.
        recipient: to whom it writes, where it sends; anybody by default.
    """
    world, operator = place.world, place.operator

    def having(who: ClientLogin, where: Path) -> TrialRecord:
        return tried(world, client, place.endpoint, mechanism, who, where, operator=operator,
                     recipient=recipient)  # fmt: skip

    seen = having(login, folder)
    if world.tells(operator):
        return judged(mechanism, seen)
    if not seen.good:
        return CheckResult.FAIL, seen.said
    # Nobody tells whether it logged in: it has to be refused where it cannot have.
    if having(login.spoilt(), folder / "wrong").good:
        return CheckResult.INCONCLUSIVE, _both(
            "le logiciel dit que oui, et aussi avec un mauvais secret",
            "the software says yes, with a wrong secret too",
        )
    return CheckResult.PASS, mechanism


def judged(mechanism: str, seen: TrialRecord) -> tuple[CheckResult, str]:
    """Say what a trial means; a client that says yes is believed where the journal does too."""
    if seen.good and seen.logins:
        others = sorted(seen.logins - usual(mechanism))
        return CheckResult.PASS, ", ".join(others) if others else mechanism
    if seen.good:
        return CheckResult.INCONCLUSIVE, _both(
            "le logiciel dit que oui, le journal de l'opérateur n'a pas de connexion",
            "the software says yes, the operator's journal has no login",
        )
    if seen.refusals:
        first = seen.refusals[0]  # what comes after may be of its making
        why = f"{first['fr']} / {first['en']} ({first['reason']} ; {seen.said})"
        put_off = first["reason"].startswith(_PUT_OFF)  # for what was tried before
        return (CheckResult.INCONCLUSIVE if put_off else CheckResult.FAIL), why
    if seen.logins:
        return CheckResult.FAIL, _both("connecté, puis", "logged in, then") + f" : {seen.said}"
    return CheckResult.FAIL, seen.said
