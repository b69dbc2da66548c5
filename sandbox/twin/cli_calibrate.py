"""`mss-sandbox calibrate`: what this machine takes for each step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from sandbox.serve import stopped_by_sigterm
from sandbox.space.errors import EXIT_INTERRUPTED, UserError
from sandbox.space.options import EXISTING_FILE, FILE
from sandbox.twin.calibration import Calibration
from sandbox.twin.measuring import BLOCKS
from sandbox.twin.measuring import calibrate as run_calibration
from sandbox.twin.options import space_option
from sandbox.twin.provider import CibaProvider, ProviderCalibration, calibrate_provider
from sandbox.twin.structure import inputs_of

__all__ = ["calibrate", "measure"]


def show(found: Calibration | ProviderCalibration) -> None:
    """Print the steps, in milliseconds."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("étape / step", no_wrap=True)
    for heading in ("serveurs\nservers", "±", "client", "mur / wall\nmean", "p50", "p95"):
        table.add_column(heading, justify="right")
    for name, step in found.steps.items():
        half = (step.high - step.low) / 2
        values = (step.processor, half, step.client, step.wall, step.p50, step.p95)
        table.add_row(name, *(f"{1000 * value:.2f}" for value in values))
    console = Console(width=80, highlight=False)
    machine = found.machine
    console.print(
        f"{machine['processor']}, {machine['cores']} cœurs / cores, Python {machine['python']},"
        f" charge / load {machine['load_average']}; ms"
    )
    console.print(table)


def measure(
    scenario: str, out: Path, *, blocks: int = BLOCKS, space: tuple[Path, ...] = ()
) -> Calibration:
    """Measure this machine and write the file; Ctrl-C leaves it as it was (exit code 3)."""
    with _whole_or_none():
        found = run_calibration(scenario, blocks=blocks, space=space, show=_tell)
    found.write(out, inputs_of(found))
    return found


def _measure_provider(file: Path, out: Path, blocks: int) -> ProviderCalibration:
    with _whole_or_none():
        found = calibrate_provider(CibaProvider.of(file), blocks=blocks, show=_tell)
    found.write(out)
    return found


def _tell(line: str) -> None:
    click.echo(line, err=True)


@contextlib.contextmanager
def _whole_or_none() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        click.echo(
            "mss-sandbox: interrompu ; une calibration est entière ou n'est pas, rien n'est écrit"
            " / interrupted; a calibration is whole or none, nothing is written",
            err=True,
        )
        raise click.exceptions.Exit(EXIT_INTERRUPTED) from None


@click.command()
@click.argument("scenario", default="demo")
@click.option(
    "--blocks",
    type=click.IntRange(2, 100),
    default=BLOCKS,
    help="Blocs de cinq mesures, par étape. / Blocks of five, for each step.",
)
@space_option
@click.option(
    "--provider",
    type=EXISTING_FILE,
    help="Fichier d'un fournisseur CIBA (Keycloak) ; lui seul est mesuré."
    " / File of a provider of CIBA (Keycloak), which alone is measured.",
)
@click.option(
    "--out", type=FILE, default=Path("calibration.toml"), help="Fichier écrit. / File written."
)
def calibrate(
    scenario: str, blocks: int, space: tuple[Path, ...], provider: Path | None, out: Path
) -> None:
    """Mesure chaque étape sur cette machine. / Measures each step on this machine.

    Brings up a space that does nothing else, and measures what TLS, logins and mail take: processor
    of the servers and of the client, with intervals, and what the client waits. Leave the machine
    alone meanwhile: about four minutes.
    """
    if provider is not None and space:
        raise UserError("l'un ou l'autre", "one or the other", where="--provider --space")
    out.parent.mkdir(parents=True, exist_ok=True)
    with stopped_by_sigterm():
        if provider is not None:
            show(_measure_provider(provider, out, blocks))
        else:
            show(measure(scenario, out, blocks=blocks, space=space))
    click.echo(f"\n{out}")
