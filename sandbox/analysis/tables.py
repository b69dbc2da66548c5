"""The tables of a report: bilingual cells, built from a comparison and its summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from sandbox.analysis.charts import (
    failure_causes,
    failure_shares,
    largest,
    peak_fill,
    swept_metrics,
)
from sandbox.analysis.charts_time import mean_phases, methods_used
from sandbox.analysis.influence import influences
from sandbox.analysis.metrics import METRICS
from sandbox.analysis.verdict import design_name
from sandbox.analysis.wording import (
    CAUSES,
    KNOWLEDGE,
    METHOD_NAMES,
    NOTHING,
    PHASES,
    Text,
    count,
    decimal,
    difference,
    euros,
    limit,
    measure,
    percent,
    same,
    say,
    seconds,
    unit,
)

if TYPE_CHECKING:
    from sandbox.analysis.comparison import Comparison

__all__ = [
    "Cell", "Table", "assumption_table", "back_end_table", "connection_table", "cost_table",
    "endpoint_table", "exclusion_table", "failure_table", "headline_table", "latency_table",
    "pair_table", "phase_table", "sensitivity_table", "sweep_table",
]  # fmt: skip

MOST_INPUTS = 12
BACKENDS = {"psc": same("Pro Santé Connect"), "sms": Text("SMS", "SMS"),
            "directory": Text("annuaire santé", "annuaire santé (directory)")}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell.

    Attributes:
        text: what it shows.
        kind: number, head (names the row), key (a name of the program) or words.
        order: what to sort by, when not the text.
        link: address that the text opens.
        tag: class that colours it.
        note: said in small below, in English only (notes of the inputs' table).
    """

    text: Text
    kind: str = "number"
    order: float | str | None = None
    link: str = ""
    tag: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its caption; `tool` adds sorting and a filter."""

    caption: Text
    head: Sequence[Text]
    rows: Sequence[Sequence[Cell]]
    tool: str = ""


def head(text: Text) -> Cell:
    """Return a cell that names its row."""
    return Cell(text, "head")


def words(text: Text) -> Cell:
    """Return a cell of text."""
    return Cell(text, "words")


def _names(summary: Mapping[str, Any]) -> list[Text]:
    return [design_name(summary, name) for name in summary["designs"]]


def _with_interval(value: Text, ends: Sequence[Text] | None) -> Text:
    if ends is None:
        return value
    low, high = ends
    return Text(f"{value.fr} [{low.fr} ; {high.fr}]", f"{value.en} [{low.en}; {high.en}]")


DESIGN = Text("Design", "Design")
METHOD = Text("Méthode", "Method")


def cost_table(summary: Mapping[str, Any], comparison: Comparison) -> Table:
    """Objects of one operator, then money of the whole space."""
    rows = []
    for name, design in summary["designs"].items():
        bills = design["yearly_cost_euros"]
        objects = [design[key] for key in ("certificates", "dns_records", "public_addresses",
                                           "firewall_openings", "editor_urls")]  # fmt: skip
        total = _with_interval(euros(bills["central"]["total"]),
                               [euros(bills[view]["total"]) for view in ("low", "high")])  # fmt: skip
        rows.append([
            head(design_name(summary, name)),
            *(Cell(count(value)) for value in objects),
            Cell(count(comparison.costs[name].national_certificates)),
            *(Cell(_with_interval(euros(bills["central"][payer]),
                                  [euros(bills[view][payer]) for view in ("low", "high")]))
              for payer in ("operators", "editors", "sites")),
            Cell(total),
        ])  # fmt: skip
    return Table(
        Text("Objets à tenir par un opérateur ; euros par an pour tout l'espace de confiance, "
             "central [bas ; haut].",
             "Objects that one operator keeps; euros a year for the whole trust space, "
             "central [low; high]."),
        [DESIGN, Text("Certificats", "Certificates"), Text("Entrées DNS", "DNS records"),
         Text("Adresses publiques", "Public addresses"),
         Text("Ports à ouvrir par site", "Ports to open per site"),
         Text("URL par éditeur et opérateur", "URLs per editor and operator"),
         Text("Certificats, tous opérateurs", "Certificates, all operators"),
         Text("Opérateurs", "Operators"), Text("Éditeurs", "Editors"),
         Text("Sites (pare-feu)", "Sites (firewalls)"), Text("Total par an", "Total a year")],
        rows,
    )  # fmt: skip


def headline_table(summary: Mapping[str, Any]) -> Table:
    """Metrics by designs, with intervals."""
    rows = []
    for key, metric in METRICS.items():
        cells = []
        for design in summary["designs"].values():
            found = design["metrics"][key]
            ends = found["ci95"]
            cells.append(Cell(_with_interval(
                measure(found["mean"], metric.unit),
                None if ends is None or ends[0] == ends[1]
                else [measure(end, metric.unit) for end in ends],
            )))  # fmt: skip
        useful = limit(metric.threshold, metric.unit)
        rows.append([head(Text(metric.french, metric.english)), Cell(useful), *cells])
    return Table(
        Text("Moyennes des réplications [intervalle de Student à 95 %]. Un écart sous le seuil "
             "utile ne change pas une décision.",
             "Means over replications [Student's 95% interval]. A difference below what matters "
             "changes no decision."),
        [Text("Mesure", "Measure"), Text("Seuil utile", "What matters"), *_names(summary)],
        rows,
    )  # fmt: skip


def latency_table(summary: Mapping[str, Any], which: str, name: Text) -> Table:
    """Quantiles by method and design, of the machine or of a person's wait."""
    rows = []
    for method in METHOD_NAMES:
        for design, facts in summary["designs"].items():
            found = facts["auth_latency_seconds"][method][which]
            if found["p50"] is None:
                continue
            ends = found["ci95"]
            mean = _with_interval(seconds(found["mean"]),
                                  None if ends is None else [seconds(end) for end in ends])  # fmt: skip
            rows.append([head(METHOD_NAMES[method]), words(design_name(summary, design)),
                         *(Cell(seconds(found[q]), order=found[q]) for q in ("p50", "p95", "p99")),
                         Cell(mean, order=found["mean"])])  # fmt: skip
    return Table(
        say("Durée d'une connexion réussie : {what}.", "Time of a successful login: {what}.", what=name),
        [METHOD, DESIGN, same("p50"), same("p95"), same("p99"),
         Text("Moyenne [95 %]", "Mean [95%]")],
        rows,
    )  # fmt: skip


def phase_table(comparison: Comparison, summary: Mapping[str, Any]) -> Table:
    """Mean seconds by phase, methods and designs."""
    means = {design: mean_phases(comparison, design) for design in comparison.designs}
    rows = [
        [head(METHOD_NAMES[method]), words(design_name(summary, design)),
         *(Cell(seconds(float(means[design].loc[method, phase]))) for phase in PHASES)]
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


def connection_table(comparison: Comparison, summary: Mapping[str, Any]) -> Table:
    """Peak over slots of the largest operators."""
    frame = peak_fill(comparison).set_index(["operator", "design"])
    rows = []
    for operator in largest(comparison):
        cells = []
        for design in comparison.designs:
            if (operator, design) not in frame.index:
                cells.append(Cell(NOTHING))
                continue
            row = frame.loc[(operator, design)]
            fill = float(row["fill"])
            cells.append(Cell(
                say("{peak} / {slots} ({share}, {endpoint})", "{peak} / {slots} ({share}, {endpoint})",
                    peak=count(row["peak_connections"]), slots=count(row["slots"]),
                    share=percent(fill), endpoint=str(row["endpoint"])),
                order=fill, tag="full" if fill >= 1 else "",
            ))  # fmt: skip
        rows.append([Cell(same(operator), "head"), *cells])
    return Table(
        Text("Connexions simultanées au plus haut / connexions possibles, pour l'endpoint le plus "
             "rempli des plus gros opérateurs ; pire réplication.",
             "Peak connections / slots, for the fullest endpoint of the largest operators; worst "
             "replication."),
        [Text("Opérateur", "Operator"), *_names(summary)], rows,
    )  # fmt: skip


def failure_table(comparison: Comparison, summary: Mapping[str, Any]) -> Table:
    """Failures of accesses that can connect."""
    shares = failure_shares(comparison)
    rows = [
        [head(CAUSES[cause]), *(Cell(percent(shares[design].get(cause, 0.0)))
                                for design in comparison.designs)]
        for cause in failure_causes(comparison)
    ]  # fmt: skip
    total = [Cell(percent(sum(shares[design].values()))) for design in comparison.designs]
    rows.append([head(Text("Toutes causes", "All causes")), *total])
    return Table(
        Text("Échecs, en part des sessions des accès qui peuvent se connecter.",
             "Failures, as a share of sessions of accesses that can connect."),
        [Text("Cause", "Cause"), *_names(summary)], rows,
    )  # fmt: skip


def exclusion_table(comparison: Comparison, summary: Mapping[str, Any]) -> Table:
    """Accesses that cannot connect."""
    excluded = comparison.excluded
    causes = [cause for cause in CAUSES if any(cause in shares for shares in excluded.values())]
    rows = [
        [head(CAUSES[cause]),
         *(Cell(percent(excluded[design].get(cause, 0.0))) for design in comparison.designs)]
        for cause in causes
    ]  # fmt: skip
    total = [Cell(percent(sum(excluded[design].values()))) for design in comparison.designs]
    rows.append([head(Text("Total", "Total")), *total])
    return Table(
        Text("Accès (une personne ou une application, sa BAL, son logiciel) qui ne peuvent pas se "
             "connecter, par cause.",
             "Accesses (a person or an application, a mailbox, software) that cannot connect, by "
             "cause."),
        [Text("Cause", "Cause"), *_names(summary)], rows,
    )  # fmt: skip


def sensitivity_table(comparison: Comparison, summary: Mapping[str, Any]) -> Table:
    """Inputs that change a ranking, and the most influential."""
    found = comparison.sensitivity
    assert found is not None
    facts = {row["key"]: row for row in summary["assumptions"]}
    ranked = influences(found)
    shown = [item for number, item in enumerate(ranked) if item.changed or number < MOST_INPUTS]
    rows = []
    for item in shown:
        row = facts.get(item.key, {"unit": "", "knowledge": "placeholder", "note": ""})
        ends = [decimal_plain(item.ends.get(end)) for end in ("low", "high")]
        rows.append([
            Cell(same(item.key), "head", note=row["note"]),
            words(say("{low} à {high} {unit}", "{low} to {high} {unit}", low=ends[0], high=ends[1],
                      unit=unit(row["unit"]))),
            words(KNOWLEDGE[row["knowledge"]]),
            *(Cell(_move(item.moves[metric], metric, changed=metric in item.changed),
                   order=item.moves[metric], tag="full" if metric in item.changed else "")
              for metric in found.base),
        ])  # fmt: skip
    return Table(
        Text("Plus grand déplacement d'un écart entre deux designs quand l'entrée va d'une borne à "
             "l'autre. ⇄ : l'ordre des designs change de plus que le seuil utile.",
             "Largest move of a gap between two designs when the input goes from end to end. "
             "⇄: the order of designs changes by more than what matters."),
        [Text("Entrée", "Input"), Text("Plage", "Range"), Text("Connaissance", "Knowledge"),
         *(Text(METRICS[m].french, METRICS[m].english) for m in found.base)],
        rows, tool="sensitivity",
    )  # fmt: skip


def _move(value: float, metric: str, *, changed: bool) -> Text:
    text = difference(value, METRICS[metric].unit)
    return Text(f"⇄ {text.fr}", f"⇄ {text.en}") if changed else text


def decimal_plain(value: float | str | None) -> Text:
    """Return an input as it was written: no rounding, the language's separators."""
    if value is None:
        return NOTHING
    if isinstance(value, str):
        return same(value)
    digits = len(f"{value:.9f}".rstrip("0").split(".")[1])
    return decimal(value, digits)


def sweep_table(comparison: Comparison, summary: Mapping[str, Any]) -> Table:
    """Values of the sweep by metric and design."""
    frame = comparison.sweep
    assert frame is not None
    rows = []
    for metric in swept_metrics(comparison):
        mine = frame[frame["metric"] == metric]
        for (_, label), group in mine.groupby(["value", "label"], sort=False):
            results = group.set_index("design")["result"]
            rows.append([
                head(Text(METRICS[metric].french, METRICS[metric].english)),
                words(same(str(label))),
                *(Cell(measure(float(results[d]), METRICS[metric].unit)) for d in comparison.designs),
            ])  # fmt: skip
    key = str(frame["key"].iloc[0])
    return Table(
        say("Mesures selon {key}, une réplication par valeur.",
            "Measures by {key}, one replication for each value.", key=key),
        [Text("Mesure", "Measure"), Text("Valeur", "Value"), *_names(summary)], rows,
    )  # fmt: skip


def pair_table(summary: Mapping[str, Any]) -> Table:
    """Every pair of designs under every metric."""
    rows = []
    for row in summary["paired"]:
        if row["difference"] is None:
            continue
        metric = METRICS[row["metric"]]
        kind = metric.unit
        ends = row["ci95"]
        judged = {
            True: Text("oui", "yes"), False: Text("non", "no"), None: NOTHING,
        }[row["significant"]]  # fmt: skip
        decisive = bool(row["significant"] and row["matters"])
        rows.append([
            head(Text(metric.french, metric.english)),
            words(design_name(summary, row["first"])), words(design_name(summary, row["second"])),
            Cell(difference(row["difference"], kind), order=row["difference"]),
            Cell(NOTHING if ends is None else Text(
                *(f"[{a} ; {b}]" for a, b in zip(
                    *((t.fr, t.en) for t in (difference(end, kind) for end in ends)), strict=True)))),
            words(judged),
            Cell(Text("oui", "yes") if row["matters"] else Text("non", "no"), "words",
                 tag="full" if decisive else ""),
            Cell(decimal(row["correlation"], 2)), Cell(decimal(row["variance_reduction"], 1)),
        ])  # fmt: skip
    return Table(
        Text("Écart du second au premier design, réplication par réplication, mêmes tirages. "
             "Intervalles à 95 % ensemble par mesure (Bonferroni).",
             "Second design minus first, replication by replication, same draws. "
             "Intervals at 95% together within a measure (Bonferroni)."),
        [Text("Mesure", "Measure"), Text("Premier", "First"), Text("Second", "Second"),
         Text("Écart", "Difference"), Text("Intervalle", "Interval"),
         Text("Établi", "Established"), Text("Au-dessus du seuil", "Above what matters"),
         Text("Corrélation", "Correlation"),
         Text("Réduction de variance (×)", "Variance reduction (×)")],
        rows, tool="pairs",
    )  # fmt: skip


def assumption_table(summary: Mapping[str, Any]) -> Table:
    """Every input: value, range, knowledge, source."""
    order = {name: number for number, name in enumerate(KNOWLEDGE)}
    rows = []
    for row in sorted(summary["assumptions"], key=lambda r: (order[r["knowledge"]], r["key"])):
        value = row["value"]
        url = row["url"] if str(row["url"]).startswith(("https://", "http://")) else ""
        span = NOTHING if row["low"] is None else say(
            "{low} à {high}", "{low} to {high}", low=decimal_plain(row["low"]),
            high=decimal_plain(row["high"]))  # fmt: skip
        source = Text("aucune : valeur choisie pour ce modèle", "none: chosen for this model")
        rows.append([
            Cell(same(row["key"]), "head", note=row["note"]),
            Cell(decimal_plain(value), order=value),
            Cell(span, order=row["low"]),
            words(unit(row["unit"])),
            Cell(KNOWLEDGE[row["knowledge"]], "words", order=order[row["knowledge"]],
                 tag=row["knowledge"].replace(" ", "-")),
            Cell(source if row["source"].startswith("No source") else same(row["source"]),
                 "words", link=url),
        ])  # fmt: skip
    return Table(
        Text("Toutes les entrées du modèle, groupées par état de connaissance.",
             "Every input of the model, grouped by state of knowledge."),
        [Text("Entrée", "Input"), Text("Valeur", "Value"), Text("Plage plausible", "Plausible range"),
         Text("Unité", "Unit"), Text("Connaissance", "Knowledge"), Text("Source", "Source")],
        rows, tool="assumptions",
    )  # fmt: skip
