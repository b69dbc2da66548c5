"""Tables of load: phases, endpoints, national services, connections at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from sandbox.analysis.charts import (
    largest,
    peak_fill,
)
from sandbox.analysis.charts_time import mean_phases, methods_used
from sandbox.analysis.grid import DESIGN, METHOD, Cell, Table, design_names, head, words
from sandbox.analysis.standing import PARTS, design_name
from sandbox.analysis.wording import (
    INCIDENTS,
    METHOD_NAMES,
    NOTHING,
    PHASES,
    Text,
    count,
    decimal,
    percent,
    same,
    say,
    seconds,
)

if TYPE_CHECKING:
    from sandbox.analysis.comparison import Comparison

__all__ = [
    "back_end_table", "connection_table", "endpoint_table", "headroom_table", "incident_table",
    "phase_table"
]  # fmt: skip

BACKENDS = {"psc": same("Pro Santé Connect"), "sms": Text("SMS", "SMS"),
            "directory": Text("annuaire santé", "annuaire santé (directory)")}  # fmt: skip


def phase_table(comparison: Comparison, summary: Mapping[str, Any]) -> Table:
    """Mean seconds by phase, methods and designs."""
    means = {design: mean_phases(comparison, design) for design in comparison.designs}
    rows = [
        [head(METHOD_NAMES[method]), words(design_name(summary, design)),
         *(Cell(seconds(means[design][phase][method])) for phase in PHASES)]
        for method in methods_used(comparison)
        for design in comparison.designs
    ]  # fmt: skip
    return Table(
        Text("Temps moyen par connexion réussie et par phase, relèves automatiques comprises.",
             "Mean time of a successful login by phase, background polls included."),
        [METHOD, DESIGN, *PHASES.values()], rows,
    )  # fmt: skip


def endpoint_table(comparison: Comparison, summary: Mapping[str, Any]) -> Table:
    """National load of each endpoint: connections, busiest minute, most at once."""
    rows = []
    for design, runs in comparison.runs.items():
        frames = [run.tables["load"] for run in runs]
        frame = pd.concat([f.assign(run=number) for number, f in enumerate(frames)])
        groups = frame.groupby(["endpoint", "run"], sort=False)
        per_run = groups.agg(total=("sessions", "sum"), minute=("sessions", "max"),
                             at_once=("connections", "max"))  # fmt: skip
        for endpoint, mine in per_run.groupby(level=0, sort=False):
            rows.append([
                head(design_name(summary, design)), Cell(same(str(endpoint)), "key"),
                Cell(count(mine["total"].mean()), order=float(mine["total"].mean())),
                Cell(count(mine["minute"].max())), Cell(count(mine["at_once"].max())),
            ])  # fmt: skip
    return Table(
        Text("Charge de chaque endpoint, tous opérateurs réunis (mx : réception entre opérateurs, "
             "API MSS-IO). Total : moyenne des réplications ; maxima : la plus chargée.",
             "Load of each endpoint, all operators together (mx: reception between operators, "
             "API MSS-IO). Total: mean over replications; maxima: the busiest."),
        [DESIGN, Text("Endpoint", "Endpoint"), Text("Connexions", "Connections"),
         Text("Minute la plus chargée", "Busiest minute"),
         Text("Simultanées au plus", "Most at once")],
        rows,
    )  # fmt: skip


def back_end_table(comparison: Comparison, summary: Mapping[str, Any]) -> Table:
    """PSC, SMS gateways, directory."""
    rows = []
    for design, runs in comparison.runs.items():
        frame = pd.concat([run.tables["backends"] for run in runs])
        for backend, mine in frame.groupby("backend", sort=False):
            rows.append([
                head(BACKENDS.get(str(backend), same(str(backend)))),
                words(design_name(summary, design)),
                Cell(count(mine["served"].mean())), Cell(seconds(mine["wait_seconds"].mean())),
                Cell(percent(mine["utilisation"].mean())),
                Cell(percent(mine["utilisation_peak"].max())),
            ])  # fmt: skip
    return Table(
        Text("Services nationaux. Au-dessus de 100 %, la minute la plus chargée fait la queue.",
             "National services. Above 100%, the busiest minute queues."),
        [Text("Service", "Service"), DESIGN, Text("Demandes", "Requests"),
         Text("Attente moyenne", "Mean wait"), Text("Charge, période", "Load, period"),
         Text("Charge, pire minute", "Load, worst minute")],
        rows,
    )  # fmt: skip


def headroom_table(comparison: Comparison, summary: Mapping[str, Any]) -> Table:
    """How much more traffic each design carries, and what breaks then."""
    rows = []
    for name in comparison.designs:
        found = summary["designs"][name]["headroom"]
        rows.append([
            words(design_name(summary, name)),
            Cell(say(*["{x} ({low}–{high})"] * 2, x=decimal(found["multiplier"], 1),
                     low=decimal(found["low"], 1), high=decimal(found["high"], 1)),
                 order=found["multiplier"]),
            Cell(same(found["endpoint"]) if found["endpoint"] else NOTHING, "key"),
            words(PARTS[found["breaks"]]),
            Cell(same(found["operator"]) if found["operator"] else NOTHING),
        ])  # fmt: skip
    return Table(
        Text("Marge : le trafic d'aujourd'hui, multiplié par tant, dépasse le niveau de service "
             "(latence machine au 95e centile, connexions refusées) sur les serveurs "
             "d'aujourd'hui. Seuls comptent les accès qui se connectent sous tous les designs. "
             "Entre parenthèses, l'étendue des échantillons.",
             "Headroom: today's traffic times this breaks the service level (95th percentile of "
             "machine latency, refused connections) on today's servers. Only accesses that can "
             "connect under every design count. In brackets, the range of the samples."),
        [DESIGN, Text("Marge", "Headroom"), Text("Endpoint", "Endpoint"),
         Text("Ce qui casse", "What breaks"), Text("Opérateur", "Operator")],
        rows,
    )  # fmt: skip


def incident_table(comparison: Comparison, summary: Mapping[str, Any]) -> Table:
    """Person-hours lost, messages delayed and time to come back, by kind of incident."""
    rows = []
    for kind, name in INCIDENTS.items():
        cells = []
        for design in comparison.designs:
            found = summary["designs"][design]["incidents"][kind]
            cells.append(Cell(
                say("{hours} h ; {messages} messages ; {back}",
                    "{hours} h; {messages} messages; {back}",
                    hours=count(found["person_hours"]), messages=count(found["messages_delayed"]),
                    back=seconds(found["recovery_seconds"])),
                order=found["person_hours"],
            ))  # fmt: skip
        rows.append([head(name), *cells])
    rows.append([
        head(Text("une année, tous opérateurs (heures)", "a year, all operators (hours)")),
        *(Cell(count(summary["designs"][design]["incidents"]["yearly_person_hours"]))
          for design in comparison.designs),
    ])  # fmt: skip
    return Table(
        Text("Un incident un matin ouvré chez le plus gros opérateur, en moyenne sur ce qui peut "
             "tomber ainsi : heures de personnes empêchées, messages retardés, temps de retour de "
             "99 % des connexions après la réparation. Les fréquences et durées sont des "
             "hypothèses (incidents.*).",
             "One incident on a working morning at the largest operator, mean over what can fail "
             "so: hours of people kept out, messages delayed, time until 99% of connections are "
             "back after the repair. Rates and durations are assumptions (incidents.*)."),
        [Text("Incident", "Incident"), *design_names(summary)], rows,
    )  # fmt: skip


def connection_table(comparison: Comparison, summary: Mapping[str, Any]) -> Table:
    """Peak over slots of the largest operators."""
    found = {(row["operator"], row["design"]): row
             for row in peak_fill(comparison).to_dict("records")}  # fmt: skip
    rows = []
    for operator in largest(comparison):
        cells = []
        for design in comparison.designs:
            row = found.get((operator, design))
            if row is None:
                cells.append(Cell(NOTHING))
                continue
            fill = float(row["fill"])
            cells.append(Cell(
                say(*["{peak} / {slots} ({share}, {endpoint})"] * 2,
                    peak=count(row["slots_used_peak"]), slots=count(row["slots"]),
                    share=percent(fill), endpoint=str(row["endpoint"])),
                order=fill, tag="full" if fill >= 1 else "",
            ))  # fmt: skip
        rows.append([Cell(same(operator), "head"), *cells])
    return Table(
        Text("Connexions simultanées au plus haut / connexions possibles, pour l'endpoint le plus "
             "rempli des plus gros opérateurs ; pire réplication.",
             "Peak connections / slots, for the fullest endpoint of the largest operators; worst "
             "replication."),
        [Text("Opérateur", "Operator"), *design_names(summary)], rows,
    )  # fmt: skip
