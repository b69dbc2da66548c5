"""`mss-sandbox validate`: theory against the engines, as a table or as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import click
from rich.console import Console, JustifyMethod
from rich.progress import track
from rich.table import Table

from sandbox.analysis.cases import CASES, Family, QueueCase
from sandbox.analysis.identities import QueueIdentity, identities
from sandbox.analysis.validation import CaseResult, Engine, RunPlan, measure, plan
from sandbox.space.errors import UserError
from sandbox.space.options import json_option

__all__ = ["validate"]

MODELS = tuple(family.value for family in Family if family is not Family.RETRIAL)
LEAST_CUSTOMERS, MOST_CUSTOMERS = 1000, 400_000_000
ONE = {Engine.FAST: 10_000_000, Engine.SIMPY: 200_000}  # customers of a single model
EACH = {Engine.FAST: 3_000_000, Engine.SIMPY: 20_000}  # customers of each line of the table
COLUMNS = (
    ("grandeur\nquantity", 17), ("moteur\nengine", 6), ("attendu\nexpected", 9), ("obtenu\ngot", 9),
    ("95 % de\nfrom", 10), ("à\nto", 10), ("accord\nagrees", 9),
)  # fmt: skip
IDENTITY_COLUMNS = (
    ("identité\nidentity", 16), ("file\nqueue", 13), ("moteur\nengine", 6), ("gauche\nleft", 14),
    ("droite\nright", 14), ("accord\nagrees", 9),
)  # fmt: skip
NUMBERS = {heading for heading, _ in (*COLUMNS[2:6], *IDENTITY_COLUMNS[3:5])}
LEGEND = """\
Q file/queue · N présents/present · W attentes/waits · T séjours/sojourns
A arrivées/arrivals · S servis/served · G partis/gone · R refusés/refused"""
LEVEL = 0.05  # of the intervals that are shown
NAMES = {
    "wait_mean": "attente / wait",
    "wait_probability": "P(attend / waits)",
    "block_probability": "P(refus / block)",
    "abandon_probability": "P(abandon)",
    "queue_length_mean": "file / queue",
}


def _ci(result: CaseResult, quantity: str) -> tuple[float, float]:
    return result.estimates[quantity].interval(LEVEL)


def _payload(planned: RunPlan, result: CaseResult, *, agrees: bool) -> dict[str, Any]:
    """Return the result of one model, with the documented keys."""
    case = result.case
    parameters = {
        "servers": case.servers, "load": case.load, "capacity": case.capacity,
        "patience": case.patience, "scv": case.scv,
    }  # fmt: skip
    return {
        "model": case.family.value,
        "parameters": {
            **{name: value for name, value in parameters.items() if value is not None},
            "customers": planned.customers,
            "seed": planned.seed,
            "engine": result.engine.value,
        },
        "expected": result.expected,
        "got": {name: estimate.value for name, estimate in result.estimates.items()},
        "ci95": {name: list(_ci(result, name)) for name in result.estimates},
        "customers": result.customers,
        "replications": planned.replications,
        "warm_up": planned.warm_up,
        "agrees": agrees,
    }


def _verdict(*, agrees: bool) -> str:
    return "[green]oui / yes[/]" if agrees else "[bold red]NON / NO[/]"


def _console() -> Console:
    """Return a console of 80 columns, whatever the terminal: the tables are laid out for that."""
    return Console(width=80, highlight=False)


def _table(title: str, columns: tuple[tuple[str, int], ...], *, header: bool = True) -> Table:
    """Return a table whose columns (heading, width) keep their width; numbers stand right."""
    table = Table(
        title=f"[bold]{title}[/]", title_justify="left", title_style="", box=None,
        show_header=header, pad_edge=False, padding=(0, 1, 0, 0),
    )  # fmt: skip
    for heading, width in columns:
        justify: JustifyMethod = "right" if heading in NUMBERS else "left"
        table.add_column(heading, width=width, no_wrap=True, justify=justify)
    return table


def _add(table: Table, result: CaseResult, comparisons: int) -> None:
    for quantity in result.expected:
        low, high = _ci(result, quantity)
        values = (result.expected[quantity], result.estimates[quantity].value, low, high)
        table.add_row(
            NAMES[quantity], result.engine.value, *(f"{value:.5g}" for value in values),
            _verdict(agrees=result.agrees(quantity, comparisons)),
        )  # fmt: skip


def _all_agree(results: list[CaseResult], comparisons: int) -> bool:
    return all(
        result.agrees(quantity, comparisons) for result in results for quantity in result.expected
    )


def _one(case: QueueCase, engine: Engine, customers: int, seed: int, *, as_json: bool) -> bool:
    """Judge one queue on one engine."""
    planned = plan(case, engine, customers, seed)
    result = measure(planned, engine)
    comparisons = len(result.expected)
    agrees = _all_agree([result], comparisons)
    if as_json:
        click.echo(json.dumps(_payload(planned, result, agrees=agrees), indent=2))
        return agrees
    table = _table(f"{case.title} · {result.customers} clients / customers", COLUMNS)
    _add(table, result, comparisons)
    _console().print(table)
    return agrees


def _identity_table(found: list[QueueIdentity]) -> Table:
    table = _table("Identités exactes / Exact identities (ns, clients)", IDENTITY_COLUMNS)
    for one in found:
        verdict = _verdict(agrees=one.holds)
        table.add_row(one.name, one.subject, one.engine, str(one.left), str(one.right), verdict)
    return table


def _every(engines: tuple[Engine, ...], customers: int | None, seed: int, *, as_json: bool) -> bool:
    """Judge every case of the table on the given engines, and the exact identities."""
    plans = [
        (engine, plan(case, engine, customers or EACH[engine], seed + number))
        for number, case in enumerate(CASES)
        for engine in engines
    ]
    steps = track(
        plans, description="validate", console=Console(stderr=True), transient=True,
        disable=not sys.stderr.isatty(),
    )  # fmt: skip
    results = [measure(planned, engine) for engine, planned in steps]
    found = identities(seed, tuple(engine.value for engine in engines))
    comparisons = sum(len(result.expected) for result in results)
    agrees = _all_agree(results, comparisons) and all(one.holds for one in found)
    if as_json:
        payload = {
            "agrees": agrees,
            "models": [
                _payload(planned, result, agrees=_all_agree([result], comparisons))
                for (_, planned), result in zip(plans, results, strict=True)
            ],
            "identities": [
                {"name": one.name, "queue": one.subject, "engine": one.engine,
                 "left": one.left, "right": one.right, "holds": one.holds}
                for one in found
            ],
        }  # fmt: skip
        click.echo(json.dumps(payload, indent=2, ensure_ascii=False))
        return agrees
    console = _console()
    for number, case in enumerate(CASES):
        mine = results[number * len(engines) : (number + 1) * len(engines)]
        counted = " + ".join(str(result.customers) for result in mine)
        table = _table(f"{case.title} · {counted} clients", COLUMNS, header=number == 0)
        for result in mine:
            _add(table, result, comparisons)
        console.print(table)
    console.print(_identity_table(found))
    console.print(LEGEND)
    verdict = "théorie et moteurs s'accordent / theory and engines agree"
    console.print(verdict if agrees else "DÉSACCORD / DISAGREEMENT")
    return agrees


def _engine(name: str | None) -> tuple[Engine, ...]:
    return (Engine(name),) if name else (Engine.FAST, Engine.SIMPY)


@click.command()
@click.option("--model", type=click.Choice(MODELS),
              help="Une seule file (sinon : toutes). / One queue (otherwise: all).")  # fmt: skip
@click.option("--servers", type=int, help="Serveurs (1). / Servers (1).")
@click.option("--load", type=float,
              help="Arrivées / (serveurs × débit). / Arrivals / (servers × rate).")  # fmt: skip
@click.option("--capacity", type=int,
              help="mmck : clients servis et en attente. / In service and waiting.")  # fmt: skip
@click.option("--patience", type=float,
              help="erlang-a : taux d'abandon. / Abandonment rate.")  # fmt: skip
@click.option("--scv", type=float,
              help="mg1 : CV² du service (1 ; 0 : M/D/1). / CV² of the service time.")  # fmt: skip
@click.option("--customers", type=int, help="Clients observés. / Customers observed.")
@click.option("--engine", type=click.Choice([engine.value for engine in Engine]),
              help="Moteur (table : les deux). / Engine (table: both).")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**62), default=1, help="Graine. / Seed.")
@json_option
@click.pass_context
def validate(
    ctx: click.Context, *, model: str | None, servers: int | None, load: float | None,
    capacity: int | None, patience: float | None, scv: float | None, customers: int | None,
    engine: str | None, seed: int, as_json: bool,
) -> None:  # fmt: skip
    """Confronte les deux moteurs à la théorie des files. / Theory against both engines.

    Le temps moyen de service est 1. / The mean service time is 1.
    Code 0 : accord ; 1 : désaccord. / Exit 0: they agree; 1: they do not.
    """
    if customers is not None and not LEAST_CUSTOMERS <= customers <= MOST_CUSTOMERS:
        raise UserError(
            f"attendu de {LEAST_CUSTOMERS} à {MOST_CUSTOMERS}",
            f"expected {LEAST_CUSTOMERS} to {MOST_CUSTOMERS}",
            where=f"--customers {customers}",
        )
    if model is None:
        given = {"servers": servers, "load": load, "capacity": capacity, "patience": patience,
                 "scv": scv}  # fmt: skip
        for name, value in given.items():
            if value is not None:
                raise UserError("demande --model", "needs --model", where=f"--{name}")
        agrees = _every(_engine(engine), customers, seed, as_json=as_json)
    else:
        if load is None:
            raise UserError("valeur requise avec --model", "needed with --model", where="--load")
        case = QueueCase(
            Family(model), load, 1 if servers is None else servers, capacity, patience,
            1.0 if scv is None and model == Family.MG1 else scv,
        )  # fmt: skip
        chosen = Engine(engine or Engine.FAST)
        agrees = _one(case, chosen, customers or ONE[chosen], seed, as_json=as_json)
    if not agrees:
        ctx.exit(1)
