"""The matrix: software x operator x method x design, each cell tried on the wire."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sandbox.conformance.findings import CheckResult
from sandbox.conformance.software.attempts import MailClient
from sandbox.conformance.software.names import LIBRARY, resolves
from sandbox.conformance.software.trials import TrialRecord, tried, usual
from sandbox.conformance.software.world import ClientLogin, World, carries
from sandbox.live.mailer import MailError
from sandbox.space.errors import UserError
from sandbox.trust import TestCA
from sandbox.trust.keys import KeyKind

__all__ = [
    "OWN",
    "MatrixCell",
    "MatrixPlace",
    "as_json",
    "cells_of",
    "cells_read",
    "entered",
    "judged",
    "places_of",
]

Tree = dict[str, Any]
Tell = Callable[[str], None]
_PUT_OFF = "too-many-"
OWN = "-"
_ASKED = 30.0  # s: what then still waits asks a person whether it may, and said nothing


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


def cells_read(path: Path) -> list[MatrixCell]:
    """Return what `as_json` wrote.

    Raises:
        UserError: it is no such file.
    """
    try:
        told = json.loads(path.read_bytes())
        wrong = "" if isinstance(told, list) else type(told).__name__
        cells = [MatrixCell(**each | {"result": CheckResult(each["result"])}) for each in told]
    except (OSError, ValueError, TypeError, KeyError) as error:
        wrong = type(error).__name__
    if wrong:
        raise UserError(
            "sortie de matrix --json attendue", "output of matrix --json is expected",
            where=path, then=f"({wrong})",
        )  # fmt: skip
    return cells


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
    clients: Sequence[MailClient], places: Sequence[MatrixPlace], folder: Path, tell: Tell,
    known: Collection[MatrixCell] = (),
) -> Iterator[MatrixCell]:  # fmt: skip
    """Try every cell, one after the other, and yield each as it is known.

    A client has cells for its own protocols only.

    Args:
        clients: installed or not.
        places: where; telephones there answer by themselves.
        folder: for the clients' own files.
        tell: told of each cell that was tried.
        known: cells of an earlier run, of the same version: they are not tried again.
    """
    before = {_subject(each): each for each in known}
    strangers = _Strangers(folder / "stranger")
    for client in clients:
        absent = client.absent
        version = "" if absent else client.version()
        for number, place in enumerate(places):
            if place.endpoint["protocol"] not in client.protocols:
                continue
            subject = (client.software, version, place.operator, place.method, place.design,
                       place.endpoint["protocol"])  # fmt: skip
            if subject in before:
                yield before[subject]
                continue
            if absent:
                what = Path(absent).name
                found = (
                    CheckResult.NOT_APPLICABLE,
                    _both(f"{what} n'est pas installé", f"{what} is not installed"),
                )
            else:
                found = _found(client, place, folder / client.software / str(number), strangers)
                tell(
                    f"{client.software:14}{place.operator:20}{place.design:20}"
                    f"{place.method:16}{place.endpoint['protocol']:6}{found[0]:16}{found[1]}"
                )
            yield MatrixCell(*subject, *found)


def _subject(cell: MatrixCell) -> tuple[str, str, str, str, str, str]:
    """Return what a cell is about: its members before the result, in their order."""
    return (cell.client, cell.version, cell.operator, cell.method, cell.design, cell.protocol)


@dataclass(frozen=True)
class _Strangers:
    """Servers of an authority that software does not know: it is led to one, once a way in.

    Attributes:
        folder: for the software's own files.
        seen: by software, protocol and kind of TLS, whether it says who it is.
    """

    folder: Path
    seen: dict[tuple[str, ...], bool] = field(default_factory=dict)

    def trusted(
        self, client: MailClient, place: MatrixPlace, mechanism: str, login: ClientLogin
    ) -> bool:
        """Tell whether software that knows another authority alone logs in all the same."""
        way = (client.software, place.endpoint["protocol"], place.endpoint["tls"])
        if way not in self.seen:
            bundle = self.folder / "authorities.pem"
            if not bundle.exists():
                self.folder.mkdir(parents=True)
                bundle.write_bytes(TestCA(key_kind=KeyKind.P256).bundle_pem())
            seen = tried(place.world, client, place.endpoint, mechanism, login,
                         self.folder / "-".join(way), operator=place.operator,
                         bundle=str(bundle), patience=_ASKED)  # fmt: skip
            told = any(each.get("mechanism") for each in seen.refusals)
            self.seen[way] = seen.good or bool(seen.logins) or told
        return self.seen[way]


def _both(french: str, english: str) -> str:
    return f"{french} / {english}"


def _found(
    client: MailClient, place: MatrixPlace, folder: Path, strangers: _Strangers
) -> tuple[CheckResult, str]:
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
        result, why = _by(client, place, mechanism, folder / mechanism, strangers)
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
    client: MailClient, place: MatrixPlace, mechanism: str, folder: Path, strangers: _Strangers
) -> tuple[CheckResult, str]:
    try:
        login = place.world.login(place.method, mechanism, place.operator)
    except (MailError, TimeoutError) as error:
        return CheckResult.INCONCLUSIVE, str(error)
    result, why = entered(client, place, mechanism, login, folder)
    if result is CheckResult.PASS and strangers.trusted(client, place, mechanism, login):
        return CheckResult.FAIL, f"{why}, " + _both(
            "mais se connecte aussi à un serveur d'une autorité inconnue",
            "but logs in to a server of an unknown authority too (RFC 5280 §6)",
        )
    return result, why


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
