"""`mss-sandbox check operator | client`: does it do what is asked of it?"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import click

from sandbox.conformance.api import check_client, check_operator
from sandbox.conformance.cli_portability import portability
from sandbox.conformance.client.drivers import PersonDriver
from sandbox.conformance.client.judge import client_requirements
from sandbox.conformance.client.session import PATIENCE as CLIENT_PATIENCE
from sandbox.conformance.client.steps import SoftwareAction, SoftwareProfile
from sandbox.conformance.findings import EXIT, CheckResult, Report
from sandbox.conformance.judge import PATIENCE
from sandbox.conformance.reports import as_attestation, as_badge, as_html, as_junit
from sandbox.conformance.reports import as_json as json_of
from sandbox.conformance.requirements import Requirement, requirements
from sandbox.serve import stopped_by_sigterm
from sandbox.space.errors import EXIT_INTERRUPTED, UserError
from sandbox.space.methods import Method
from sandbox.space.options import EXISTING, FILE, Decorator, json_option, options, space_option

__all__ = ["check"]

_FORMS: dict[str, Callable[[Report], str]] = {
    "junit": as_junit, "html": as_html, "badge": as_badge, "attestation": as_attestation,
}  # fmt: skip


@click.group()
def check() -> None:
    """Juger un opérateur ou un logiciel. / Judge an operator or software."""


check.add_command(portability)


# The options that say where its report goes.
_reports: Decorator = options(
    click.option(
        "--only", multiple=True, metavar="ID", help="Cette exigence seule (répétable). / It alone."
    ),
    json_option,
    click.option("--junit", type=FILE, help="Rapport JUnit. / JUnit."),
    click.option("--html", type=FILE, help="Page HTML. / HTML page."),
    click.option("--badge", type=FILE, help="Vignette SVG. / SVG badge."),
    click.option("--attestation", type=FILE, help="Une page à montrer. / One page to show."),
)


def _told(report: Report, *, as_json: bool, files: Mapping[str, Path | None]) -> NoReturn:
    """Write a report and leave with its code."""
    for name, path in files.items():
        if path is not None:
            path.write_text(_FORMS[name](report), encoding="utf-8")
    click.echo(json_of(report)) if as_json else _summary(report)
    if not report.whole:
        click.echo("mss-sandbox: interrompu / interrupted", err=True)
        raise SystemExit(EXIT_INTERRUPTED)
    raise SystemExit(EXIT[report.verdict])


def _known(only: Sequence[str], asked: Iterable[Requirement]) -> None:
    """Refuse a requirement that is not checked.

    Raises:
        UserError: one of them.
    """
    known = {each.id for each in asked if not each.unchecked}
    for each in only:
        if each not in known:
            raise UserError(
                "aucune exigence contrôlée de ce nom ; voir docs/conformance.md",
                "no checked requirement of this name; see docs/conformance.md",
                where=f"--only {each}",
            )  # fmt: skip


@check.command()
@click.option(
    "--space",
    "space",
    type=EXISTING,
    help="Dossier d'un espace, son space.json, ou fichier TOML d'un opérateur étranger ; sans elle,"
    " un espace est démarré. / Folder of a space, its space.json, or TOML file of a foreign"
    " operator; without it a space is started.",
)
@click.option("--operator", default="", help="Opérateur de l'espace. / Which of the space.")
@click.option(
    "--design", "designs", multiple=True, help="Architecture (répétable). / Design (repeatable)."
)
@click.option(
    "--patience",
    type=click.FloatRange(0.1, 600),
    default=PATIENCE,
    help="Secondes qu'un message peut mettre. / Seconds that a message may take.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, 1_000),
    default=0.0,
    metavar="N",
    help="Messages par seconde, pendant quelques secondes ; 0 : sans."
    " / Messages a second, for a few seconds; 0: none.",
)
@click.option("--kill", is_flag=True, help="Le tuer, pour la durabilité. / Kill it, to see.")
@_reports
def operator(
    space: Path | None, operator: str, designs: tuple[str, ...], only: tuple[str, ...],
    patience: float, rate: float, kill: bool, as_json: bool, **files: Path | None,
) -> None:  # fmt: skip
    """Juger un opérateur, le nôtre ou un autre. / Judge an operator, ours or another.

    Code 0 conforme, 1 non conforme, 3 interrompu, 4 indéterminé.
    / Exit code 0 pass, 1 fail, 3 interrupted, 4 inconclusive.
    """
    _known(only, (each for each in requirements() if each.binds != "software"))
    with stopped_by_sigterm():
        report = check_operator(
            space, operator=operator, designs=designs, only=only, patience=patience, rate=rate,
            kill=kill, tell=_progress,
        )  # fmt: skip
    _told(report, as_json=as_json, files=files)


@check.command()
@space_option
@click.option("--name", default="", help="Nom du logiciel. / Name of the software.")
@click.option(
    "--profile",
    type=click.Choice([each.value for each in SoftwareProfile]),
    default=SoftwareProfile.MAIL_CLIENT.value,
    help="Genre de logiciel. / Kind of software.",
)
@click.option(
    "--method",
    type=click.Choice([each.value for each in Method]),
    default="ecps",
    help="Comment il s'authentifie. / How it logs in.",
)
@click.option("--operator", default="", help="Opérateur de l'espace. / Which of the space.")
@click.option("--design", default="", help="Architecture. / Design.")
@click.option(
    "--script",
    metavar="CMD",
    help="Programme lancé à chaque étape ; sans lui, une personne fait."
    " / Program that is run for each step; without it a person acts.",
)
@click.option(
    "--patience",
    type=click.FloatRange(1, 3600),
    default=CLIENT_PATIENCE,
    help="Secondes qu'une étape du programme peut prendre. / Seconds that its step may take.",
)
@_reports
def client(
    space: Path | None, name: str, profile: str, method: str, operator: str, design: str,
    script: str | None, patience: float, only: tuple[str, ...], as_json: bool,
    **files: Path | None,
) -> None:  # fmt: skip
    """Juger un logiciel de messagerie, étape par étape. / Judge mail software, step by step.

    Code 0 conforme, 1 non conforme, 3 interrompu, 4 indéterminé.
    / Exit code 0 pass, 1 fail, 3 interrupted, 4 inconclusive.
    """
    _known(only, client_requirements())
    if script is None and not sys.stdin.isatty():
        raise UserError(
            "personne au terminal ; donner un programme", "nobody at the terminal; give a program",
            then="--script CMD",
        )  # fmt: skip
    with stopped_by_sigterm():
        report = check_client(
            script if script is not None else PersonDriver(), space, name=name or script or profile,
            profile=profile, method=method, operator=operator, design=design, only=only,
            patience=patience, tell=_progress,
        )  # fmt: skip
    _told(report, as_json=as_json, files=files)


def _progress(line: str) -> None:
    click.echo(line, err=True)


_ITS_OWN = tuple(f"#: {each.value}: " for each in SoftwareAction)


def _summary(report: Report) -> None:
    counts = {each: sum(f.result is each for f in report.findings) for each in CheckResult}
    told = ", ".join(f"{count} {each.value}" for each, count in counts.items() if count)
    click.echo(f"{report.subject} : {report.verdict.value} ({told})")
    for each in report.findings:
        if each.result in (CheckResult.FAIL, CheckResult.INCONCLUSIVE):
            click.echo(f"  {each.result.value}  {each.id}  [{each.clause}]  {each.why}")
            # Of what is not known, what the software or its script said of itself.
            failed = each.result is CheckResult.FAIL
            for line in each.evidence:
                if failed or line.startswith(_ITS_OWN):
                    click.echo(f"      {line}")
