"""An operator of ours, from the sheet of a running space: doors, accounts, bad certificates."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509

from sandbox.conformance.connection import UnreachableError
from sandbox.conformance.lab import Sockets
from sandbox.conformance.subject import (
    CheckedDoor,
    CheckedMailbox,
    Means,
    Neighbour,
    Pair,
    Subject,
)
from sandbox.directory import Directory
from sandbox.directory.identities import application_of, card_holder
from sandbox.live.blocks import free_block
from sandbox.live.mailer import MailError, access_token
from sandbox.live.sheet_file import read_sheet
from sandbox.space.errors import UserError
from sandbox.trust import Organisation, TestCA, make_bad
from sandbox.trust.issuing import LeafPlan
from sandbox.trust.keys import KeyKind
from sandbox.trust.profiles import ProfileName

__all__ = [
    "DESIGNS",
    "account_of",
    "bad_relays",
    "door_of",
    "from_sheet",
    "running_space",
    "serving",
]

Tree = dict[str, Any]
DESIGNS = ("single-endpoint", "multi-endpoint", "api-lps-2023")  # tried where none is named
START_SECONDS = 120.0
_STRANGER = Organisation(name="TIERS NON LISTE", department="Paris (75)", finess="119999993")


@contextlib.contextmanager
def running_space(
    designs: Sequence[str], tell: Callable[[str], None], options: Sequence[str] = ()
) -> Iterator[Tree]:
    """Run a space of two operators in processes of its own; yield its sheet.

    Args:
        designs: that it runs.
        tell: told that it starts.
        options: more of `mss-sandbox up`.

    Raises:
        UserError: it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="mssante-check-") as name:
        block = free_block()
        folder, log = Path(name) / "space", Path(name) / "log"
        words = [
            sys.executable, "-P", "-c", "from sandbox.cli import main; main()", "up",
            "--dir", str(folder),
            "--operators", "2", "--processes", "1", "--keys", "p256", "--behaviour", "approve",
            "--revocation-cache", "0", "--loopback", str(block),
            *(word for design in designs for word in ("--design", design)), *options,
        ]  # fmt: skip
        tell("démarrage d'un espace / starting a space")
        with log.open("wb") as output, subprocess.Popen(  # noqa: S603 - our own program
            words, stdout=output, stderr=output, start_new_session=True
        ) as process:  # fmt: skip
            try:
                yield _ready(process, folder, log)
            finally:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(30.0)
                except subprocess.TimeoutExpired:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)


def _ready(process: subprocess.Popen[bytes], folder: Path, log: Path) -> Tree:
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(UserError):
            return read_sheet(folder)
        time.sleep(0.1)  # another process writes it: of its file there is no event to wait for
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise UserError("l'espace ne démarre pas", "the space does not start", then=f"({said[-1:]})")


def from_sheet(
    sheet: Tree, folder: Path, *, operator: str = "", designs: Sequence[str] = (),
    kill: bool = False,
) -> tuple[Subject, Sockets]:  # fmt: skip
    """Return an operator of a running space and the way to it.

    Args:
        sheet: of the space.
        folder: where bad certificates are written.
        operator: its name; the first by default.
        designs: whose doors are tried; all that run by default.
        kill: whether its process may be killed, where it has one of its own.

    Raises:
        UserError: there is no such operator or design.
    """
    own = serving(sheet, operator, designs)
    name = own["name"]
    accounts = tuple(account_of(each) for each in sheet["accounts"] if each["operator"] == name)
    # A neighbour has somebody to write to: one that has left, or whose domains moved, has nobody.
    peopled = {each["operator"] for each in sheet["accounts"]} - {name}
    others = [each for each in sheet["operators"] if each["name"] in peopled]
    subject = Subject(
        name=f"{name} ({own['domain']})", domain=own["domain"],
        doors=tuple(door_of(design, each) for design in designs or own["designs"]
                    for each in own["designs"][design]),
        accounts=accounts, roots=Path(sheet["ca"]["roots"]), relay=_relay(own),
        neighbour=_neighbour(sheet, others[0]) if others else None,
        bad=_bad(sheet, name, others, folder),
        dns=(sheet["dns"]["address"], sheet["dns"]["port"]),
    )  # fmt: skip

    def token(way: Means) -> str:
        try:
            return access_token(sheet, way.person, lambda _: None)
        except (MailError, httpx.HTTPError) as error:
            raise UnreachableError(f"Pro Santé Connect: {error}") from None

    def crash() -> None:
        if not kill or own.get("pid", sheet["pid"]) == sheet["pid"]:
            raise UnreachableError("pas de processus à lui / no process of its own")
        os.kill(own["pid"], signal.SIGKILL)

    return subject, Sockets(subject, token=token, crash=crash)


def serving(sheet: Tree, operator: str, designs: Sequence[str]) -> Tree:
    """Return an operator of a sheet, the first where none is named, that runs these designs.

    Raises:
        UserError: there is no such operator or design.
    """
    operators = {each["name"]: each for each in sheet["operators"]}
    name = operator or next(iter(operators))
    if name not in operators:
        raise UserError.among("aucun opérateur de ce nom", "no such operator", name, operators)
    own: Tree = operators[name]
    for each in designs:
        if each not in own["designs"]:
            raise UserError.among(
                "cette architecture ne tourne pas ici",
                "does not run here",
                f"design {each}",
                own["designs"],
            )
    return own


def door_of(design: str, each: Tree) -> CheckedDoor:
    """Return an endpoint of a sheet."""
    return CheckedDoor(
        name=f"{design}/{each['name']}", protocol=each["protocol"], host=each["host"],
        address=each["address"], port=each["port"], tls=each["tls"],
        client_certificate=each["client_certificate"], methods=tuple(each["methods"]),
        mechanisms=tuple(each["mechanisms"]),
    )  # fmt: skip


def _relay(operator: Tree) -> CheckedDoor:
    mx = operator["mx"]
    return CheckedDoor(
        name="mx", protocol="relay", host=mx["host"], address=mx["address"], port=mx["port"],
        tls="starttls", client_certificate="required", mechanisms=(),
    )  # fmt: skip


def account_of(account: Tree) -> CheckedMailbox:
    """Return a mailbox with the ways of its first holder."""
    ways = []
    for method, way in account["holders"][0]["methods"].items():
        pair = Pair(Path(way["certificate"]), Path(way["key"])) if "certificate" in way else None
        ways.append(Means(
            method=method, username=way.get("username", account["address"]),
            password=way.get("password", ""), secret=way.get("secret", ""),
            period=way.get("period", 30), digits=way.get("digits", 6), pair=pair,
            person=account["holders"][0]["identity"],
        ))  # fmt: skip
    return CheckedMailbox(address=account["address"], ways=tuple(ways))


def _relay_pair(sheet: Tree, operator: str) -> Pair:
    folder = Path(sheet["folder"]) / "certificates" / operator / "relay"
    return Pair(folder / "chain.pem", folder / "key.pem")


def _neighbour(sheet: Tree, other: Tree) -> Neighbour:
    accounts = [account_of(each) for each in sheet["accounts"] if each["operator"] == other["name"]]
    design = next(iter(other["designs"]))
    return Neighbour(
        domain=other["domain"], relay=_relay_pair(sheet, other["name"]), account=accounts[0],
        doors=tuple(door_of(design, each) for each in other["designs"][design]),
    )  # fmt: skip


def _bad(sheet: Tree, name: str, others: list[Tree], folder: Path) -> dict[str, Pair]:
    """Make certificates that say what good ones say, with one fault each."""
    ca = TestCA.open(Path(sheet["ca"]["authority"]))
    plans: dict[str, LeafPlan] = {}
    with Directory(Path(sheet["directory"]["database"])) as directory:
        for account in (each for each in sheet["accounts"] if each["operator"] == name):
            methods, identity = account["holders"][0]["methods"], account["holders"][0]["identity"]
            if "cps" in methods and "cps" not in plans:
                person = directory.person(identity)
                if person is not None:
                    plans["cps"] = ca.plans.cps(card_holder(person))[0]
            if "certificat" in methods and "certificat" not in plans:
                organisation = application_of(directory, account["address"])
                plans["certificat"] = ca.plans.org_client(organisation, account["address"])
    made = bad_relays(sheet, others[0], folder) if others else {}
    for kind, plan in plans.items():
        made |= _faults(ca, kind, plan, folder)
    return made


def bad_relays(sheet: Tree, other: Tree, folder: Path) -> dict[str, Pair]:
    """Make certificates of an operator's relay that nobody may let in, with one fault each."""
    ca = TestCA.open(Path(sheet["ca"]["authority"]))
    good = x509.load_pem_x509_certificate(
        _relay_pair(sheet, other["name"]).certificate.read_bytes()
    )
    plan = ca.plans.server(ProfileName.OPERATOR_SERVER, _STRANGER, [other["mx"]["host"]])
    unlisted = _saved(ca.issue(plan), folder, "relay-unlisted")
    listed = replace(plan, subject=good.subject)
    return {"relay-unlisted": unlisted, **_faults(ca, "relay", listed, folder)}


def _faults(ca: TestCA, kind: str, plan: LeafPlan, folder: Path) -> dict[str, Pair]:
    made = {fault: make_bad(ca, fault, plan) for fault in ("expired", "revoked")}
    made["untrusted"] = TestCA(urls=ca.urls, key_kind=KeyKind.P256).issue(plan)
    return {
        f"{kind}-{fault}": _saved(issued, folder, f"{kind}-{fault}")
        for fault, issued in made.items()
    }


def _saved(issued: Any, folder: Path, name: str) -> Pair:
    issued.save(folder / name)
    return Pair(folder / name / "chain.pem", folder / name / "key.pem")
