"""`mss-sandbox check portability`: another operator, or other software, and nothing is lost?"""

from __future__ import annotations

import contextlib
import imaplib
import json
import smtplib
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from sandbox.conformance.findings import EXIT, CheckResult
from sandbox.conformance.foreign import from_file
from sandbox.conformance.foreign_sheet import sheet_of
from sandbox.conformance.ours import running_space
from sandbox.conformance.software.attempts import MailClient
from sandbox.conformance.software.clients import named
from sandbox.conformance.software.matrix import OWN
from sandbox.conformance.software.portability import MailboxHome, Walk, WalkStep
from sandbox.conformance.software.world import World
from sandbox.conformance.subject import METHODS
from sandbox.live.mailer import MailError
from sandbox.live.sheet_file import read_sheet
from sandbox.serve import stopped_by_sigterm
from sandbox.space.errors import EXIT_INTERRUPTED, UserError
from sandbox.space.options import among, json_option, space_option

__all__ = ["portability"]

DESIGN = "single-endpoint"  # of a space that is started
BOTH = ("imap", "smtp")


@dataclass
class _Told:
    """What is told of a walk: docs/conformance.md has its stable form."""

    subject: str
    method: str
    design: str
    change: str  # operator, software, or both
    from_: str
    to: str
    steps: Sequence[WalkStep] = field(default_factory=list)

    @property
    def verdict(self) -> CheckResult:
        found = {each.result for each in self.steps}
        worst = next(
            (r for r in (CheckResult.FAIL, CheckResult.INCONCLUSIVE) if r in found),
            CheckResult.PASS,
        )
        return worst if self.steps else CheckResult.INCONCLUSIVE

    @property
    def settings(self) -> list[str]:
        return [name for each in self.steps for name in each.settings]

    @property
    def seconds(self) -> float:
        return round(sum(each.seconds for each in self.steps), 1)

    def as_json(self) -> dict[str, Any]:
        return {
            "subject": self.subject, "version": version("mssante-sandbox"),
            "verdict": self.verdict.value, "change": self.change, "method": self.method,
            "design": self.design, "from": self.from_, "to": self.to, "seconds": self.seconds,
            "settings": self.settings, "steps": [asdict(each) for each in self.steps],
        }  # fmt: skip


@click.command()
@space_option
@click.option(
    "--client",
    "clients",
    multiple=True,
    metavar="NAME",
    help="Logiciel (répétable) ; mbsync et msmtp. / Software (repeatable).",
)
@click.option(
    "--next",
    "others",
    multiple=True,
    metavar="NAME",
    help="Logiciel qui le remplace (répétable). / Software that replaces it (repeatable).",
)
@click.option(
    "--method",
    type=click.Choice(["cps", "totp", "ecps"]),
    default="cps",
    help="Comment on s'authentifie. / How one logs in.",
)
@click.option("--operator", default="", help="D'où ; le premier. / From where; the first.")
@click.option(
    "--to",
    "to",
    default="",
    help="Opérateur de l'espace, ou fichier TOML d'un opérateur étranger ; le second, ou"
    " personne avec --next. / Operator of the space, or TOML file of a foreign one; the"
    " second, or nobody with --next.",
)
@click.option("--design", default="", help="Architecture ; la première. / Design; the first.")
@json_option
def portability(
    space: Path | None, clients: tuple[str, ...], others: tuple[str, ...], method: str,
    operator: str, to: str, design: str, as_json: bool,
) -> None:  # fmt: skip
    """Changer d'opérateur ou de logiciel sans rien perdre ? / Change and lose nothing?

    Code 0 rien n'est perdu, 1 si, 3 interrompu, 4 indéterminé.
    / Exit code 0 nothing is lost, 1 something is, 3 interrupted, 4 inconclusive.
    """
    before = _installed(clients or ("mbsync", "msmtp"), "--client")
    after = _installed(others, "--next") if others else before
    with contextlib.ExitStack() as stack:
        stack.enter_context(stopped_by_sigterm())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mssante-walk-")))
        if space is None:
            sheet = stack.enter_context(running_space((design or DESIGN,), _progress))
            place = Path(sheet["folder"])
        else:
            place = space if space.is_dir() else space.parent
            sheet = read_sheet(place)
        goal = _goal(sheet, operator, to, design, folder, stays=bool(others))
        software = dict.fromkeys([*before, *after])
        told = _Told(
            " + ".join(f"{each.software} {each.version()}" for each in software),
            method, goal.design, goal.change, goal.operator, goal.to or goal.operator,
        )  # fmt: skip
        walk = Walk(place, before, after, folder, _progress)
        told.steps = walk.steps
        try:
            _walked(walk, goal, method)
        except KeyboardInterrupt:
            if not walk.steps:
                raise
            _say(told, as_json=as_json)
            click.echo("mss-sandbox: interrompu / interrupted", err=True)
            raise SystemExit(EXIT_INTERRUPTED) from None
    _say(told, as_json=as_json)
    raise SystemExit(EXIT[told.verdict])


@dataclass(frozen=True)
class _Goal:
    """From where to where: an operator of the space, a foreign one, or the same."""

    operator: str
    design: str
    to: str
    foreign: MailboxHome | None
    others: bool

    @property
    def change(self) -> str:
        if not self.to:
            return "software"
        return "both" if self.others else "operator"


def _goal(
    sheet: dict[str, Any], operator: str, to: str, design: str, folder: Path, *, stays: bool
) -> _Goal:
    world = World(sheet)
    first = among([operator or world.first], world.operators, "--operator")[0]
    known = list(world.operator(first)["designs"])
    chosen = among([design or known[0]], known, "--design")[0]
    if to.endswith(".toml"):
        if not Path(to).is_file():
            raise UserError("fichier introuvable", "no such file", where=f"--to {to}")
        subject = from_file(Path(to))
        theirs = World(sheet_of([subject], [subject.name], OWN, folder / "roots.pem"))
        home = _foreign(theirs)
        return _Goal(first, chosen, subject.name, home, stays)
    if not to and stays:
        return _Goal(first, chosen, "", None, stays)
    rest = [each for each in world.operators if each != first]
    if not rest:
        raise UserError("aucun autre opérateur dans cet espace", "no other operator in this space",
                        where="--to")  # fmt: skip
    return _Goal(first, chosen, among([to or rest[0]], rest, "--to")[0], None, stays)


def _foreign(world: World) -> MailboxHome:
    """Return the mailbox of a foreign operator that mail moves to: its first.

    Raises:
        UserError: none is both read and written from.
    """
    for method in METHODS:
        for account, _ in world.accounts(world.first, method):
            home = MailboxHome(world, world.first, OWN, method, account["address"])
            with contextlib.suppress(UserError):
                if home.ends:
                    return home
    raise UserError("aucun compte qui lise et envoie", "no account that reads and sends",
                    where=world.first)  # fmt: skip


def _walked(walk: Walk, goal: _Goal, method: str) -> None:
    home = walk.settle(goal.operator, goal.design, method)
    try:
        if goal.foreign is not None:
            walk.leave_for(home, goal.foreign)
        elif goal.to:
            walk.move(home, goal.to, goal.design)
        else:
            walk.change_software(home)
    except (imaplib.IMAP4.error, smtplib.SMTPException, MailError, OSError) as error:
        walk.broke(error)
    finally:
        walk.leave(home)


def _installed(names: Sequence[str], option: str) -> list[MailClient]:
    """Return software, which has to be there and to read and send between it all.

    Raises:
        UserError: it is not.
    """
    found = named(names, option)
    for each in found:
        if each.absent:
            what = Path(each.absent).name
            raise UserError("n'est pas installé", "is not installed", where=f"{option} {what}")
    for protocol in BOTH:
        if not any(protocol in each.protocols for each in found):
            raise UserError("aucun logiciel pour", "no software for", where=option, then=protocol)
    return found


def _progress(line: str) -> None:
    click.echo(line, err=True)


def _say(told: _Told, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(told.as_json(), ensure_ascii=False, indent=1))
        return
    for each in told.steps:
        click.echo(
            f"{each.result.value:15}{each.id:12}{each.seconds:8.2f} s  {each.who:26}{each.why}"
        )
    click.echo(
        f"{told.subject} : {told.verdict.value} ; {told.from_} > {told.to} ; {told.method},"
        f" {told.design} ; {len(told.steps)} étapes / steps, {told.seconds} s,"
        f" {len(told.settings)} réglages / settings"
    )
