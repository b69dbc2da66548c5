"""`mss-sandbox check operator`: does an operator, ours or a foreign one, do what is asked of it?"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from sandbox.conformance.findings import EXIT, Report, Result
from sandbox.conformance.foreign import from_file
from sandbox.conformance.judge import PATIENCE, judge_operator
from sandbox.conformance.lab import Sockets
from sandbox.conformance.ours import DESIGNS, from_sheet, running_space
from sandbox.conformance.reports import as_html, as_junit
from sandbox.conformance.requirements import requirements
from sandbox.conformance.subject import Subject
from sandbox.live.sheet import read_sheet
from sandbox.space.errors import UserError

__all__ = ["check"]


@click.group()
def check() -> None:
    """Juger un opérateur. / Judge an operator."""


@check.command()
@click.option(
    "--space",
    "space",
    type=click.Path(exists=True, path_type=Path),
    help="Dossier d'un espace, son space.json, ou fichier TOML d'un opérateur étranger ; sans elle,"
    " un espace est démarré. / Folder of a space, its space.json, or TOML file of a foreign"
    " operator; without it a space is started.",
)
@click.option("--operator", default="", help="Opérateur de l'espace. / Which of the space.")
@click.option(
    "--design", "designs", multiple=True, help="Architecture (répétable). / Design (repeatable)."
)
@click.option(
    "--only", multiple=True, metavar="ID", help="Cette exigence seule (répétable). / It alone."
)
@click.option(
    "--patience",
    type=click.FloatRange(0.1, 600),
    default=PATIENCE,
    show_default=True,
    help="Secondes qu'un message peut mettre. / Seconds that a message may take.",
)
@click.option("--kill", is_flag=True, help="Le tuer, pour la durabilité. / Kill it, to see.")
@click.option("--json", "as_json", is_flag=True, help="Sortie JSON. / JSON output.")
@click.option(
    "--junit", type=click.Path(dir_okay=False, path_type=Path), help="Rapport JUnit. / JUnit."
)
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Page HTML. / HTML page."
)
def operator(
    space: Path | None, operator: str, designs: tuple[str, ...], only: tuple[str, ...],
    patience: float, kill: bool, as_json: bool, junit: Path | None, html: Path | None,
) -> None:  # fmt: skip
    """Juger un opérateur, le nôtre ou un autre. / Judge an operator, ours or another.

    Code 0 conforme, 1 non conforme, 3 interrompu, 4 indéterminé.
    / Exit code 0 pass, 1 fail, 3 interrupted, 4 inconclusive.
    """
    known = {each.id for each in requirements() if not each.unchecked and each.binds != "software"}
    for each in only:
        if each not in known:
            raise UserError(
                "aucune exigence contrôlée de ce nom ; voir docs/conformance.md",
                "no checked requirement of this name; see docs/conformance.md",
                where=f"--only {each}",
            )  # fmt: skip
    with _subject(space, operator, designs, kill=kill) as (subject, lab):
        report = judge_operator(
            subject, lab, patience=patience, only=only, tell=lambda line: click.echo(line, err=True)
        )
    if junit is not None:
        junit.write_text(as_junit(report), encoding="utf-8")
    if html is not None:
        html.write_text(as_html(report), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(report.as_json(), ensure_ascii=False, indent=1))
    else:
        _summary(report)
    raise SystemExit(EXIT[report.verdict])


@contextlib.contextmanager
def _subject(
    space: Path | None, name: str, designs: tuple[str, ...], *, kill: bool
) -> Iterator[tuple[Subject, Sockets]]:
    """Yield who is judged and the way to it."""
    if space is not None and space.suffix == ".toml":
        if name or designs:
            raise UserError(
                "un fichier TOML ne décrit qu'un opérateur : sans --operator ni --design",
                "a TOML file describes one operator: without --operator and --design",
                where=space,
            )
        subject = from_file(space)
        yield subject, Sockets(subject)
        return
    with tempfile.TemporaryDirectory(prefix="mssante-check-") as folder:
        if space is not None:
            sheet = read_sheet(space if space.is_dir() else space.parent)
            yield from_sheet(sheet, Path(folder), operator=name, designs=designs, kill=kill)
            return
        chosen = designs or DESIGNS
        with running_space(chosen, lambda text: click.echo(text, err=True)) as sheet:
            yield from_sheet(sheet, Path(folder), operator=name, designs=chosen, kill=True)


def _summary(report: Report) -> None:
    counts = {each: sum(f.result is each for f in report.findings) for each in Result}
    told = ", ".join(f"{count} {each.value}" for each, count in counts.items() if count)
    click.echo(f"{report.subject} : {report.verdict.value} ({told})")
    for each in report.findings:
        if each.result in (Result.FAIL, Result.INCONCLUSIVE):
            click.echo(f"  {each.result.value}  {each.id}  [{each.clause}]  {each.why}")
            if each.result is Result.FAIL:
                for line in each.evidence:
                    click.echo(f"      {line}")
