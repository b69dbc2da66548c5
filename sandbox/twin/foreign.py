"""Operators that are not ours, from files of addresses and accounts: `--space FILE`.

The files are those of `check operator --space`. What they say is laid out as `space.json` lays out
a space of ours, so that whatever takes that takes them. Their accounts are few: several people of
the scenario share one.
"""

from __future__ import annotations

import contextlib
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.conformance.foreign import from_file
from sandbox.conformance.foreign_sheet import sheet_of
from sandbox.conformance.subject import CERTIFICATE_METHODS, CheckedDoor, Subject
from sandbox.space.errors import UserError
from sandbox.space.loader import parse_scenario
from sandbox.space.methods import Method
from sandbox.space.scenario import Scenario
from sandbox.twin.processes import ProcessorOf

__all__ = ["PASSWORD", "Joined", "fitted", "joined", "subjects_of", "way_in"]

PASSWORD = "password"  # noqa: S105 - the name of a way, which is no method of the space
CONNECT_SECONDS = 5.0
LEAST = 1e-6
SHARES = {Method.CPS: "cps", Method.TOTP: "totp", Method.ECPS: "ecps", Method.SMS: "sms"}


def subjects_of(files: Sequence[Path]) -> tuple[Subject, ...]:
    """Read the operators.

    Raises:
        UserError: a file is wrong, or tells of no way to read or to send.
    """
    found = []
    for file in files:
        subject = from_file(file)
        for protocol in ("imap", "smtp"):
            if not any(each.protocol == protocol for each in subject.doors):
                raise UserError(
                    "aucun endpoint de ce protocole", "no endpoint of this protocol",
                    where=f"{file}: {protocol}",
                )  # fmt: skip
        found.append(subject)
    return tuple(found)


def fitted(scenario: Scenario, subjects: Sequence[Subject]) -> Scenario:
    """Return the scenario with people who log in as the operators let them.

    Whose method not all operators have an account for logs in by password, which counts as TOTP:
    PLAIN, and nothing to type where the account has no codes. Without certificates, no robots.
    """
    ways = [{way.method for account in each.accounts for way in account.ways} for each in subjects]
    offered = {method for method in Method if all(method.value in each for each in ways)}
    tree: dict[str, Any] = scenario.model_dump(mode="json")
    for people in tree["populations"].values():
        for method, key in SHARES.items():
            if method is not Method.TOTP and method not in offered:
                people["method_totp"] += people[f"method_{key}"]
                people[f"method_{key}"] = 0.0
        if Method.CERTIFICATE not in offered:
            people["application_mailboxes"] = people["machine_share"] = 0.0
    if Method.TOTP not in offered:
        tree["methods"]["totp"] |= {"typing_mean": LEAST, "typing_cv": 0.0, "mistyped": 0.0}
    return parse_scenario(tree, scenario.name)


@dataclass
class Joined:
    """Operators that run by themselves.

    Attributes:
        sheet: as `space.json` says it of a space of ours.
        doors: where they listen.
        servers: what their processes work.
    """

    sheet: dict[str, Any]
    doors: Sequence[CheckedDoor]
    servers: ProcessorOf

    @property
    def alive(self) -> bool:
        """Whether all of them still take connections."""
        return all(not _unreachable(each) for each in self.doors)

    def processor(self) -> float:
        """Return the processor seconds spent until now, nan where they cannot be seen."""
        return self.servers.spent()

    def observed(self, design: str, folder: Path) -> None:
        """Return None: what their servers saw, they do not tell."""
        del design, folder


@contextlib.contextmanager
def joined(files: Sequence[Path], names: Sequence[str], design: str) -> Iterator[Joined]:
    """Join operators for the length of a `with` block.

    Args:
        files: one an operator.
        names: of the scenario's operators that they stand for.
        design: under whose name their endpoints are.

    Raises:
        UserError: a file is wrong, or an operator cannot be reached.
    """
    subjects = subjects_of(files)
    for file, subject in zip(files, subjects, strict=True):
        for door in subject.doors:
            if why := _unreachable(door):
                raise UserError(
                    "injoignable", "cannot be reached",
                    where=f"{file}: {door.name} {door.address}:{door.port}", then=f"({why})",
                )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="mssante-join-") as folder:
        sheet = sheet_of(subjects, names, design, Path(folder) / "roots.pem")
        nobody = {"client_id": "lps-poll", "client_secret": ""}
        psc = {"control": "", "control_secret": "", "discovery": "", "clients": [nobody]}
        doors = [door for each in subjects for door in each.doors]
        yield Joined(
            {**sheet, "foreign": True, "folder": str(files[0]), "psc": psc}, doors,
            ProcessorOf({(each.address, each.port) for each in doors}),
        )  # fmt: skip


def _unreachable(door: CheckedDoor) -> str:
    """Return why a door takes no connection; empty: it does."""
    try:
        socket.create_connection((door.address, door.port), CONNECT_SECONDS).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def way_in(methods: Mapping[str, Any]) -> str:
    """Return the way by which an account is opened to look what has arrived."""
    return next(each for each in (*CERTIFICATE_METHODS, PASSWORD, "totp") if each in methods)
