"""`mss-sandbox indicators`: each operator's monthly file, and what files of a month contradict."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sandbox.indicators.anomalies import Anomaly, confront
from sandbox.indicators.counting import Indicators
from sandbox.indicators.files import LAYOUT, as_json, deposit, deposited, read_file
from sandbox.indicators.from_space import from_space, operators_of
from sandbox.indicators.month import Month
from sandbox.space.errors import UserError
from sandbox.space.options import FOLDER, space_folder_option

if TYPE_CHECKING:
    from sandbox.indicators.from_simulation import Receipts, SimulatedMonth

__all__ = ["indicators"]


@click.command()
@click.option("--month", "text", required=True, metavar="AAAA-MM", help="Le mois. / The month.")
@click.option(
    "--operator",
    "chosen",
    multiple=True,
    help="Celui-là seul (répétable). / It alone (repeatable).",
)
@click.option(
    "--check",
    is_flag=True,
    help="Confronter les fichiers déposés, sans en écrire."
    " / Confront the deposited files; write none.",
)
@click.option(
    "--from",
    "scenario",
    metavar="SCENARIO",
    help="Compter un mois simulé de ce scénario. / Count a simulated month of it.",
)
@click.option(
    "--seed", type=int, default=1, help="Graine du mois simulé. / Seed of the simulated month."
)
@click.option(
    "--out",
    type=FOLDER,
    help="Où déposer ; défaut : indicators/ de l'espace."
    " / Where to deposit; default: indicators/ of the space.",
)
@click.option("--json", "as_tree", is_flag=True, help="Sortie JSON. / JSON output.")
@space_folder_option
def indicators(
    text: str, chosen: tuple[str, ...], check: bool, scenario: str | None, seed: int,
    out: Path | None, as_tree: bool, folder: Path,
) -> None:  # fmt: skip
    """Compter le mois de chaque opérateur. / Count each operator's month.

    Un fichier par opérateur. Code 1 : des fichiers se contredisent.
    / One file an operator. Exit code 1: files contradict each other.
    """
    month = Month.of(text)
    if check and (scenario or chosen):
        raise UserError(
            "sans --from ni --operator", "without --from and --operator", where="--check"
        )
    where = out or folder / "indicators"
    simulated: SimulatedMonth | None = None
    if check:
        paths = deposited(where, month)
        if not paths:
            raise UserError(
                "aucun fichier déposé", "no file was deposited", where=where / str(month)
            )
        found = [read_file(path) for path in paths.values()]
    elif scenario:
        from sandbox.indicators.from_simulation import from_scenario

        simulated = from_scenario(scenario, month, seed=seed, operators=chosen)
        found = list(simulated.files)
        if out is not None:
            deposit(out, found)
    else:
        found = [from_space(folder, month, each) for each in chosen or operators_of(folder)]
        deposit(where, found)
    anomalies = confront(found)
    if as_tree:
        click.echo(json.dumps(_tree(month, found, anomalies, simulated), ensure_ascii=False))
    else:
        for each in found:
            click.echo(_line(each))
        if simulated is not None:
            click.echo(_became_of("accusés de lecture / read receipts", simulated.receipts))
            acks = simulated.acknowledgements
            click.echo(
                _became_of("acquittements d'intégration / integration acknowledgements", acks)
                + f", {acks.refused} refusent / refuse (900-906)"
            )
        for anomaly in anomalies:
            click.echo(_told(anomaly))
    raise SystemExit(1 if anomalies else 0)


def _tree(
    month: Month, found: list[Indicators], anomalies: list[Anomaly],
    simulated: SimulatedMonth | None,
) -> dict[str, Any]:  # fmt: skip
    kinds = ("receipts", "acknowledgements")
    return {
        **({} if simulated is None else {each: asdict(getattr(simulated, each)) for each in kinds}),
        "layout": LAYOUT,
        "month": str(month),
        "operators": [as_json(each) for each in found],
        "anomalies": [
            {
                "operator": list(each.operator), "claim": list(each.claim), "said": each.said,
                "seen": each.seen, "peers": list(each.peers),
            }
            for each in anomalies
        ],
    }  # fmt: skip


def _line(said: Indicators) -> str:
    counts = list(said.mailboxes.values())
    opened, active = sum(each.open for each in counts), sum(each.active for each in counts)
    refused = sum(n for key, n in said.logins.items() if key.cause)
    return (
        f"{said.operator} {said.month}  BAL {opened} ({active} actives / active)  "
        f"envoyés / sent {said.total('submitted')}  reçus / received {said.total('received')}  "
        f"échecs / failed {said.total('failed')}  "
        f"connexions / logins {sum(said.logins.values()) - refused}, refus / refused {refused}"
    )


def _became_of(what: str, receipts: Receipts) -> str:
    return (
        f"{what}: {receipts.asked} demandés / asked, {receipts.came} venus / came, "
        f"{receipts.late} en retard / late, {receipts.lost} perdus / lost"
    )


def _told(anomaly: Anomaly) -> str:
    names = " ou / or ".join(
        f"{name} ({claim})" for name, claim in zip(anomaly.operator, anomaly.claim, strict=True)
    )
    return (
        f"anomalie / anomaly: {names} : {anomaly.said} déclarés / said, {anomaly.seen} vus par"
        f" / seen by {', '.join(anomaly.peers[:5])} ({anomaly.share:+.1%})"
    )
