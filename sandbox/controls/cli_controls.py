"""`mss-sandbox controls`: look, find, note, and let follow what has to."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import click

from sandbox.controls.ladder import CaseEvent, CaseState
from sandbox.controls.look import INTERFACES, certificate_name, look
from sandbox.controls.register import CaseRegister
from sandbox.controls.rules import ADMISSION, CONTROLS, Control, ControlFinding, examine
from sandbox.controls.sanctions import apply
from sandbox.controls.view import View
from sandbox.live.cli_control import ask
from sandbox.live.sheet_file import read_sheet
from sandbox.space.errors import UserError
from sandbox.space.options import json_option, space_folder_option

__all__ = ["controls"]

_NAMES = {each.name: each for each in CONTROLS}
_interfaces_option = click.option(
    "--interfaces", type=click.Choice(sorted(INTERFACES)), default="channel",
    help="Ce qui est essayé de « check operator ». / What of `check operator` is tried.",
)  # fmt: skip


@click.group()
def controls() -> None:
    """Contrôler l'espace. / Control the space."""


@controls.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Dire les contrôles. / Show the controls."""
    rows = [
        {
            "control": each.name, "of": each.of, "severity": each.severity.value,
            "admission": each.name in ADMISSION, "fr": each.what.french,
            "en": each.what.english, "source": each.source,
        }
        for each in CONTROLS
    ]  # fmt: skip
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        click.echo(f"{row['control']:18} {row['of']:9} {row['severity']:6} {row['fr']}")
        click.echo(f"{'':35} {row['en']}  [{row['source']}]")


@controls.command()
@click.option(
    "--only",
    multiple=True,
    metavar="CONTROL",
    help="Ce contrôle seul (répétable). / It alone (repeatable).",
)
@click.option(
    "--subject",
    multiple=True,
    help="Cet opérateur, domaine ou BAL (répétable). / It alone (repeatable).",
)
@_interfaces_option
@click.option(
    "--sanction",
    is_flag=True,
    help="Appliquer ce que le registre demande. / Apply what the register asks.",
)
@click.option(
    "--every",
    type=click.FloatRange(1.0, 31 * 86_400.0),
    metavar="SECONDS",
    help="Recommencer à cette cadence. / Again at this pace.",
)
@click.option("--rounds", type=click.IntRange(1), help="Avec --every : tant de fois. / So often.")
@click.option(
    "--at",
    "at",
    metavar="AAAA-MM-JJ",
    help="Juger les délais à cette date. / Judge delays at this date.",
)
@json_option
@space_folder_option
def run(
    only: tuple[str, ...], subject: tuple[str, ...], interfaces: str, sanction: bool,
    every: float | None, rounds: int | None, at: str | None, as_json: bool, folder: Path,
) -> None:  # fmt: skip
    """Contrôler un espace qui tourne, et noter ce qui se trouve. / Control a running space.

    Code 1 : quelque chose est trouvé. / Exit code 1: something was found.
    """
    chosen = [_control(name) for name in only] or list(CONTROLS)
    day = None if at is None else _day(at)
    if rounds is not None and every is None:
        raise UserError("avec --every seulement", "with --every only", where="--rounds")
    count, found = 0, []
    while True:
        begun = time.monotonic()
        found = _round(folder, chosen, subject, interfaces, day)
        if as_json:
            click.echo(json.dumps([each.as_json() for each in found], ensure_ascii=False))
        else:
            _tell(found)
        if sanction:
            _sanction(folder, day or time.time(), quiet=as_json)
        count += 1
        if every is None or count == rounds:
            break
        time.sleep(max(0.0, every - (time.monotonic() - begun)))
    raise SystemExit(1 if found else 0)


def _round(
    folder: Path, chosen: list[Control], subjects: tuple[str, ...], interfaces: str,
    day: float | None,
) -> list[ControlFinding]:  # fmt: skip
    tried = interfaces if any(each.name.endswith("-interface") for each in chosen) else "none"
    view = look(
        folder, day or time.time(), interfaces=tried, subjects=subjects,
        tell=lambda text: click.echo(text, err=True),
    )  # fmt: skip
    book = _register(folder)
    view = _as_if_listed(folder, view, book)
    named = {*view.operators, *view.domains, *view.mailboxes}
    for each in subjects:
        if each not in named:
            raise UserError("ni opérateur, ni domaine, ni BAL d'ici",
                            "no operator, domain or mailbox of this space",
                            where=each[:120])  # fmt: skip
    examined: set[tuple[str, str]] = set()

    def looks_at(control: Control, name: str) -> bool:
        unseen = control.name.endswith("-interface") and tried != "all"
        if subjects and name not in subjects:
            return False
        # Half of an interface that is right mends nothing: what was not tried stays open.
        if not unseen:
            examined.add((control.name, name))
        return not (control.name.endswith("-interface") and tried == "none")

    found = examine(view, chosen, looks_at)
    book.take(view.now, found, lambda *each: each in examined)
    return found


def _as_if_listed(folder: Path, view: View, book: CaseRegister) -> View:
    """Return what is seen with suspended domains on the list, as they would come back.

    Else a suspension would mend what it punishes: off the list there is nothing to find.
    """
    home = Path(read_sheet(folder)["folder"])
    held = {
        name: replace(view.domains[name],
                      listed=(certificate_name(home, view.domains[name].operator),))
        for name, effect in book.applied.items()
        if effect == "suspended" and name in view.domains
    }  # fmt: skip
    owners = {each.operator for each in held.values()}
    operators = {
        name: replace(each, listed=each.listed or name in owners)
        for name, each in view.operators.items()
    }
    return replace(view, domains={**view.domains, **held}, operators=operators)


def _tell(found: list[ControlFinding]) -> None:
    for each in found:
        click.echo(f"{each.control}  {each.subject}  {each.as_json()['deadline']}  {each.finding}")
        for line in each.evidence[:5]:
            click.echo(f"    {line}")
    if not found:
        click.echo("rien à redire / nothing found")


@dataclass(frozen=True, slots=True)
class _Space:
    """A running space, through its control API."""

    folder: Path

    def suspend(self, domain: str) -> None:
        ask(self.folder, "DELETE", f"/domains/{quote(domain)}/listing")

    def restore(self, domain: str) -> None:
        ask(self.folder, "PUT", f"/domains/{quote(domain)}/listing")

    def remove(self, domain: str) -> None:
        ask(self.folder, "DELETE", f"/domains/{quote(domain)}")

    def close(self, mailbox: str) -> None:
        ask(self.folder, "DELETE", f"/mailboxes/{quote(mailbox, safe='@')}")


def _sanction(folder: Path, now: float, *, quiet: bool) -> None:
    there = ask(folder, "GET", "/domains")["domains"]
    domains = {each["domain"]: each["operator"] for each in there}
    for effect in apply(_register(folder), _Space(folder), domains, now):
        click.echo(f"{effect.verb} {effect.subject}", err=quiet)


@controls.command()
@click.option("--all", "everything", is_flag=True, help="Aussi les clos. / The closed ones too.")
@json_option
@space_folder_option
def register(everything: bool, as_json: bool, folder: Path) -> None:
    """Dire les dossiers et leur état. / Show the cases and their state."""
    cases = [
        case for _, case in sorted(_register(folder).cases().items())
        if everything or case.state is not CaseState.CLOSED
    ]  # fmt: skip
    if as_json:
        click.echo(json.dumps([case.as_json() for case in cases], ensure_ascii=False))
        return
    for case in cases:
        until = _date(case.deadline) if case.deadline else "-"
        click.echo(f"{case.id}  {case.operator}  {case.state.value}  {until}")


@controls.command()
@click.argument("case")
@click.option("--reason", default="", help="Ce qui est contesté. / What is contested.")
@space_folder_option
def appeal(case: str, reason: str, folder: Path) -> None:
    """L'opérateur conteste CASE : rien ne monte d'ici là. / The operator contests CASE."""
    after = _register(folder).say(case, CaseEvent.APPEALED, time.time(), reason)
    click.echo(f"{after.id}  {after.state.value}")


@controls.command()
@click.argument("case")
@click.option(
    "--upheld/--dismissed",
    "upheld",
    required=True,
    help="Il a raison, ou non. / The operator is right, or not.",
)
@click.option("--reason", default="", help="Pourquoi. / Why.")
@space_folder_option
def decide(case: str, upheld: bool, reason: str, folder: Path) -> None:
    """Décider d'un recours. / Decide an appeal."""
    event = CaseEvent.UPHELD if upheld else CaseEvent.DISMISSED
    after = _register(folder).say(case, event, time.time(), reason)
    click.echo(f"{after.id}  {after.state.value}")


@controls.command()
@click.argument("domain")
@_interfaces_option
@json_option
@space_folder_option
def admit(domain: str, interfaces: str, as_json: bool, folder: Path) -> None:
    """Contrôler DOMAIN avant qu'il entre dans la liste ; s'il passe, l'inscrire.

    / Control DOMAIN before it enters the list; list it when nothing is found.
    """
    view = look(folder, time.time(), interfaces=interfaces,
                tell=lambda text: click.echo(text, err=True))  # fmt: skip
    found = before_listing(folder, view, domain)
    if as_json:
        click.echo(json.dumps([each.as_json() for each in found], ensure_ascii=False))
    else:
        _tell(found)
    if found:
        raise SystemExit(1)
    ask(folder, "PUT", f"/domains/{quote(domain)}/listing")
    book, now = _register(folder), time.time()
    for case in book.cases().values():
        removed = case.state in {CaseState.REMOVED, CaseState.REMOVED_APPEALED}
        of_operator = (case.kind, case.operator) == ("operator", view.domains[domain].operator)
        if removed and (case.subject == domain or of_operator):
            book.say(case.id, CaseEvent.READMITTED, now)
    if book.applied.get(domain):
        book.note_applied(domain, "", now)


def before_listing(folder: Path, view: View, domain: str) -> list[ControlFinding]:
    """Return what the controls of admission find of a domain, as if it were on the list.

    Raises:
        UserError: no such domain in force, or on the list already.
    """
    seen = view.domains.get(domain)
    if seen is None or not seen.in_force or seen.listed:
        raise UserError(
            "attendu : un domaine en vigueur, hors de la liste ; l'ouvrir avec",
            "expected: a domain in force that is not on the list; open it with",
            where=domain[:120], then="mss-sandbox domain add",
        )  # fmt: skip
    name = certificate_name(Path(read_sheet(folder)["folder"]), seen.operator)
    operator = view.operators.get(seen.operator)
    as_listed = replace(
        view,
        domains={domain: replace(seen, listed=(name,))},
        operators={} if operator is None else {operator.name: operator},
        mailboxes={},
    )
    return examine(as_listed, [each for each in CONTROLS if each.name in ADMISSION])


def _register(folder: Path) -> CaseRegister:
    return CaseRegister(folder / "controls" / "register.jsonl")


def _control(name: str) -> Control:
    if name not in _NAMES:
        raise UserError.among("contrôle inconnu", "unknown control", name[:60], _NAMES)  # fmt: skip
    return _NAMES[name]


def _day(text: str) -> float:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise UserError("jour attendu, comme", "a day is expected, such as",
                        where=f"{text[:40]!r}", then="2026-11-27") from None  # fmt: skip


def _date(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).date().isoformat()
