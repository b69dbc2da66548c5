"""`mss-sandbox matrix`: which software works with which operator, by which method and design?"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from sandbox.conformance.foreign import from_file
from sandbox.conformance.foreign_sheet import sheet_of
from sandbox.conformance.matrix_page import as_page
from sandbox.conformance.ours import DESIGNS, running_space
from sandbox.conformance.software.attempts import MailClient
from sandbox.conformance.software.capabilities import measure, write
from sandbox.conformance.software.clients import named
from sandbox.conformance.software.matrix import (
    OWN,
    MatrixCell,
    MatrixPlace,
    as_json,
    cells_of,
    cells_read,
    places_of,
)
from sandbox.conformance.software.world import World
from sandbox.conformance.subject import METHODS
from sandbox.live.sheet_file import read_sheet
from sandbox.serve import stopped_by_sigterm
from sandbox.space.errors import EXIT_INTERRUPTED, UserError
from sandbox.space.options import EXISTING, FILE, among

__all__ = ["matrix"]


@click.command()
@click.option(
    "--space",
    "spaces",
    multiple=True,
    type=EXISTING,
    help="Dossier d'un espace, ou fichier TOML d'un opérateur étranger (répétable) ; sans elle, un"
    " espace est démarré. / Folder of a space, or TOML file of a foreign operator (repeatable);"
    " without it a space is started.",
)
@click.option(
    "--client",
    "clients",
    multiple=True,
    metavar="NAME",
    help="Logiciel (répétable) ; tous. / Software (repeatable); all.",
)
@click.option(
    "--operator",
    "operators",
    multiple=True,
    metavar="NAME",
    help="Opérateur (répétable) ; tous. / Operator (repeatable); all.",
)
@click.option(
    "--method",
    "methods",
    multiple=True,
    type=click.Choice(METHODS),
    help="Méthode (répétable) ; toutes. / Method (repeatable); all.",
)
@click.option(
    "--design",
    "designs",
    multiple=True,
    metavar="NAME",
    help="Architecture (répétable). / Design (repeatable).",
)
@click.option("--json", "json_", is_flag=True, help="Sortie JSON. / JSON output.")
@click.option("--html", type=FILE, help="Page HTML. / HTML page.")
@click.option(
    "--resume",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Reprendre : ce que --json a donné avant n'est plus essayé."
    " / Go on: what --json gave before is not tried again.",
)
@click.option(
    "--capabilities",
    type=FILE,
    metavar="FILE",
    help="Mesurer plutôt ce que chaque logiciel sait faire (CSV)."
    " / Measure instead what each software can do (CSV).",
)
def matrix(
    spaces: tuple[Path, ...], clients: tuple[str, ...], operators: tuple[str, ...],
    methods: tuple[str, ...], designs: tuple[str, ...], json_: bool, html: Path | None,
    resume: Path | None, capabilities: Path | None,
) -> None:  # fmt: skip
    """Essayer de vrais logiciels chez les opérateurs. / Try real software at the operators.

    Code 0 tout est essayé, 3 interrompu : ce qui est connu est rendu.
    / Exit code 0 all tried, 3 interrupted: what is known is given.
    """
    chosen = named(clients, "--client")
    if capabilities is not None:
        if spaces or operators or methods or designs or json_ or html or resume:
            raise UserError("va avec --client seul", "goes with --client alone",
                            where="--capabilities")  # fmt: skip
        _capabilities(capabilities, chosen)
        return
    at = datetime.now(UTC).isoformat(timespec="seconds")
    known = cells_read(resume) if resume is not None else []
    cells: list[MatrixCell] = []
    whole = False
    try:
        with stopped_by_sigterm():
            _try(cells, spaces, chosen, _Chosen(operators, designs, methods), known)
        whole = True
    except KeyboardInterrupt:
        if not cells:
            raise
    click.echo(as_json(cells)) if json_ else _summary(cells)
    if html is not None:
        html.write_text(as_page(cells, at, whole=whole), encoding="utf-8")
    if not whole:
        click.echo("mss-sandbox: interrompu / interrupted", err=True)
        raise SystemExit(EXIT_INTERRUPTED)


@dataclass(frozen=True)
class _Chosen:
    """Which operators, designs and methods; all where none is named."""

    operators: tuple[str, ...]
    designs: tuple[str, ...]
    methods: tuple[str, ...]


def _try(
    cells: list[MatrixCell], spaces: Sequence[Path], clients: Sequence[MailClient], chosen: _Chosen,
    known: Sequence[MatrixCell],
) -> None:  # fmt: skip
    """Try all; what is known is in `cells` at any instant."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mssante-matrix-")))
        files = [each for each in spaces if each.suffix == ".toml"]
        ours = [each for each in spaces if each not in files]
        if len(ours) > 1:
            raise UserError("un seul espace à la fois", "one space at a time", where="--space")
        worlds = [_foreign(files, folder)] if files else []
        if ours:
            worlds.insert(0, World(read_sheet(ours[0] if ours[0].is_dir() else ours[0].parent)))
        elif not files:
            worlds = [World(stack.enter_context(
                running_space(chosen.designs or DESIGNS, _progress)
            ))]  # fmt: skip
        for cell in cells_of(clients, _places(worlds, chosen), folder, _progress, known):
            cells.append(cell)


def _foreign(files: Sequence[Path], folder: Path) -> World:
    """Return operators that are not ours, from files of addresses and accounts."""
    subjects = [from_file(each) for each in files]
    names = [each.name for each in subjects]
    return World(sheet_of(subjects, names, OWN, folder / "roots.pem"))


def _places(worlds: Sequence[World], chosen: _Chosen) -> list[MatrixPlace]:
    known = [name for world in worlds for name in world.operators]
    twice = next((each for each in known if known.count(each) > 1), None)
    if twice is not None:
        raise UserError("deux opérateurs de ce nom", "two operators of this name", where=twice)
    named = among(chosen.operators, known, "--operator")
    run = list(dict.fromkeys(
        design for world in worlds for name in world.operators
        for design in world.operator(name)["designs"]
    ))  # fmt: skip
    designs = among(chosen.designs, run, "--design")
    return [
        place
        for world in worlds
        for place in places_of(
            world, [each for each in named if each in world.operators], designs,
            chosen.methods or METHODS,
        )
    ]  # fmt: skip


def _capabilities(table: Path, clients: Sequence[MailClient]) -> None:
    """Measure software that is installed; rows of the rest stay as they are."""
    for client in clients:
        if client.absent:
            what = Path(client.absent).name
            _progress(f"{client.software} : {what} n'est pas installé / is not installed")
    present = [each for each in clients if not each.absent]
    if not present:
        raise UserError("aucun logiciel n'est installé ici", "no software is installed here",
                        where="--client")  # fmt: skip
    write(table, measure(present, _progress))


def _progress(line: str) -> None:
    click.echo(line, err=True)


def _summary(cells: Sequence[MatrixCell]) -> None:
    for each in cells:
        click.echo(f"{each.client:14}{each.operator:20}{each.design:20}{each.method:16}"
                   f"{each.protocol:6}{each.result.value:16}{each.why}")  # fmt: skip
