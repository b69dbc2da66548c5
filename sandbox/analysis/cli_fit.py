"""`mss-sandbox fit`: the model beside the published figures."""

from __future__ import annotations

import json

import click

from sandbox.analysis import fit as model
from sandbox.analysis.fit import PublishedFigure
from sandbox.space.options import json_option

__all__ = ["fit"]


def _line(figure: PublishedFigure) -> str:
    said = figure.published
    digits = ",.2f" if said.unit == "share" else ",.0f"
    numbers = (format(value, digits).replace(",", " ") for value in (said.value, figure.model))
    mark = " " if figure.close else "*"
    return f"{said.figure:<32}" + "".join(f"{text:>12}" for text in numbers) + (
        f"{figure.ratio:>7.2f}{mark} {said.source.title}"
    )  # fmt: skip


@click.command()
@click.argument("scenario", required=False)
@json_option
def fit(scenario: str | None, *, as_json: bool) -> None:
    """Compare le modèle aux chiffres publiés. / Compares the model with published figures.

    SCENARIO : un fichier ou un nom livré ; sans lui, tous. / A file or a shipped name; else all.
    """
    found = model.fit(scenario)
    if as_json:
        click.echo(json.dumps([figure.row() for figure in found], ensure_ascii=False, indent=1))
        return
    click.echo(f"{'figure':<32}{'publié':>12}{'modèle':>12}{'ratio':>7}  source")
    for figure in found:
        click.echo(_line(figure))
    far = [figure for figure in found if not figure.close]
    if far:
        click.echo("\n* à plus de 15 % / further than 15 %:")
        for figure in far:
            why = figure.published.explained or "non expliqué / not explained"
            click.echo(f"  {figure.published.figure}: {why}")
