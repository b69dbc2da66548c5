"""Tables of results: measures, money, who cannot connect, failures, latency, pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sandbox.analysis.charts import (
    failure_causes,
    failure_shares,
)
from sandbox.analysis.grid import DESIGN, METHOD, Cell, Table, design_names, head, words
from sandbox.analysis.metrics import METRICS
from sandbox.analysis.standing import design_name, leaders
from sandbox.analysis.wording import (
    BARRIERS,
    CAUSES,
    METHOD_NAMES,
    NOTHING,
    Text,
    count,
    decimal,
    difference,
    euros,
    interval,
    limit,
    measure,
    percent,
    same,
    say,
    seconds,
)

if TYPE_CHECKING:
    from sandbox.analysis.comparison import Comparison

__all__ = [
    "PARTS", "cost_table", "exclusion_table", "failure_table", "headline_table", "latency_table",
    "migrate_table", "object_table", "pair_table", "part_table",
]  # fmt: skip


def _with_interval(value: Text, ends: Sequence[Text] | None) -> Text:
    return value if ends is None else say("{v} {e}", "{v} {e}", v=value, e=interval(*ends))


def object_table(summary: Mapping[str, Any], comparison: Comparison) -> Table:
    """What one operator, one site and one editor keep under each design."""
    keys = ("certificates", "dns_records", "public_addresses", "firewall_openings", "editor_urls")
    rows = [
        [
            head(design_name(summary, name)),
            *(Cell(count(design[key])) for key in keys),
            Cell(count(comparison.costs[name].national_certificates)),
        ]
        for name, design in summary["designs"].items()
    ]
    return Table(
        Text("Objets à tenir par un opérateur.", "Objects that one operator keeps."),
        [DESIGN, Text("Certificats", "Certificates"), Text("Entrées DNS", "DNS records"),
         Text("Adresses publiques", "Public addresses"),
         Text("Ports à ouvrir par site", "Ports to open per site"),
         Text("URL par éditeur et opérateur", "URLs per editor and operator"),
         Text("Certificats, tous opérateurs", "Certificates, all operators")],
        rows,
    )  # fmt: skip


def cost_table(summary: Mapping[str, Any]) -> Table:
    """Money of the whole space by payer, and all of it, with the low and the high view."""
    rows = []
    for name, design in summary["designs"].items():
        bills = design["yearly_cost_euros"]
        rows.append([
            head(design_name(summary, name)),
            *(Cell(_with_interval(euros(bills["central"][payer]),
                                  [euros(bills[view][payer]) for view in ("low", "high")]))
              for payer in ("operators", "editors", "sites", "total")),
        ])  # fmt: skip
    return Table(
        Text("Euros par an pour tout l'espace de confiance, central [bas ; haut].",
             "Euros a year for the whole trust space, central [low; high]."),
        [DESIGN, Text("Opérateurs", "Operators"), Text("Éditeurs", "Editors"),
         Text("Sites (pare-feu)", "Sites (firewalls)"), Text("Total par an", "Total a year")],
        rows,
    )  # fmt: skip


def headline_table(summary: Mapping[str, Any]) -> Table:
    """Metrics by designs, with intervals."""
    rows = []
    best = leaders(summary) if len(summary["designs"]) > 1 else {}
    for key, metric in METRICS.items():
        cells = []
        for name, design in summary["designs"].items():
            found = design["metrics"][key]
            ends = found["ci95"]
            shown = None if ends is None or ends[0] == ends[1] else [
                measure(end, metric.unit) for end in ends]  # fmt: skip
            value = _with_interval(measure(found["mean"], metric.unit), shown)
            if name in best.get(key, ()):
                cells.append(Cell(say("✓ {v}", "✓ {v}", v=value), tag="best"))
            else:
                cells.append(Cell(value))
        useful = limit(metric.threshold, metric.unit)
        rows.append([head(Text(metric.french, metric.english)), Cell(useful), *cells])
    return Table(
        Text("Moyennes des réplications [intervalle de Student à 95 %]. ✓ : le meilleur, ou un "
             "design que rien de net et d'utile ne distingue de lui.",
             "Means over replications [Student's 95% interval]. ✓: the best, or a design that "
             "nothing clear and useful tells from it."),
        [Text("Mesure", "Measure"), Text("Seuil utile", "What matters"), *design_names(summary)],
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
            shown = None if ends is None else [seconds(end) for end in ends]
            mean = _with_interval(seconds(found["mean"]), shown)
            rows.append([head(METHOD_NAMES[method]), words(design_name(summary, design)),
                         *(Cell(seconds(found[q]), order=found[q]) for q in ("p50", "p95", "p99")),
                         Cell(mean, order=found["mean"])])  # fmt: skip
    return Table(
        say("Durée d'une connexion réussie : {what}.", "Time of a successful login: {what}.",
            what=name),
        [METHOD, DESIGN, same("p50"), same("p95"), same("p99"),
         Text("Moyenne [95 %]", "Mean [95%]")],
        rows,
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
        Text("Échecs, en part des tentatives des accès qui peuvent se connecter sous chaque "
             "design.",
             "Failures, as a share of attempts of accesses that can connect under every design."),
        [Text("Cause", "Cause"), *design_names(summary)], rows,
    )  # fmt: skip


def exclusion_table(summary: Mapping[str, Any]) -> Table:
    """Accesses that cannot connect, by barrier; then the messages to migrate first."""
    found = {name: each["compatibility"] for name, each in summary["designs"].items()}
    causes = [each for each in BARRIERS if any(each in who["by_cause"] for who in found.values())]
    rows = [
        [head(BARRIERS[cause]),
         *(Cell(percent(who["by_cause"].get(cause, 0.0))) for who in found.values())]
        for cause in causes
    ]  # fmt: skip
    rows += [
        [head(Text("Total", "Total")),
         *(Cell(percent(who["cannot_connect"])) for who in found.values())],
        [head(Text("Messages à migrer d'abord", "Messages to migrate first")),
         *(Cell(percent(who["volume_to_migrate"]["message_share"])) for who in found.values())],
    ]  # fmt: skip
    return Table(
        Text("Accès (une personne ou une application, sa BAL, son logiciel ; webmail à part) qui "
             "ne peuvent pas se connecter, par cause : calcul exact sur les parts déclarées. Puis "
             "la part des messages que leurs expéditeurs ne pourraient pas émettre : le volume à "
             "migrer d'abord.",
             "Accesses (a person or an application, a mailbox, software; webmail apart) that "
             "cannot connect, by cause: computed exactly from the declared shares. Then the share "
             "of messages whose senders could not send: the volume to migrate first."),
        [Text("Cause", "Cause"), *design_names(summary)], rows,
    )  # fmt: skip


PARTS = {
    "by_product": Text("Produit", "Product"),
    "by_population": Text("Population", "Population"),
    "by_method": Text("Méthode", "Method"),
}


def part_table(summary: Mapping[str, Any], key: str) -> Table:
    """Who cannot connect, by product, population or method (a key of PARTS)."""
    found = {name: each["compatibility"][key] for name, each in summary["designs"].items()}
    names = dict.fromkeys(name for parts in found.values() for name in parts)
    first = next(iter(found.values()))
    rows = [
        [head(METHOD_NAMES.get(name, same(name))), Cell(count(round(first[name]["accesses"]))),
         *(Cell(percent(parts[name]["cannot_connect"])) for parts in found.values())]
        for name in names
    ]  # fmt: skip
    return Table(
        say("Part des accès qui ne peuvent pas se connecter, par {what}.",
            "Share of accesses that cannot connect, by {what}.",
            what=Text(PARTS[key].fr.lower(), PARTS[key].en.lower())),
        [PARTS[key], Text("Accès", "Accesses"), *design_names(summary)], rows,
    )  # fmt: skip


def migrate_table(summary: Mapping[str, Any]) -> Table:
    """What each editor's product has to migrate first: accesses, and the messages they send."""
    found = {name: each["compatibility"]["volume_to_migrate"]["by_product"]
             for name, each in summary["designs"].items()}  # fmt: skip
    most = {
        product: max(each[product]["message_share"] for each in found.values())
        for product in next(iter(found.values()))
    }
    rows = [
        [
            head(same(product)),
            *(Cell(say("{a} accès, {s}", "{a} accesses, {s}", a=count(each[product]["accesses"]),
                       s=percent(each[product]["message_share"])),
                   order=each[product]["message_share"])
              for each in found.values()),
        ]
        for product in sorted(most, key=lambda name: -most[name])
    ]  # fmt: skip
    return Table(
        Text("À migrer d'abord, par produit d'éditeur : accès qui ne peuvent pas se connecter, et "
             "leur part de tous les messages.",
             "To migrate first, by editor's product: accesses that cannot connect, and their share "
             "of all messages."),
        [Text("Produit", "Product"), *design_names(summary)], rows,
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
            Cell(NOTHING if ends is None else interval(*(difference(end, kind) for end in ends))),
            words(judged),
            Cell(Text("oui", "yes") if row["matters"] else Text("non", "no"), "words",
                 tag="full" if decisive else ""),
            Cell(decimal(row["correlation"], 2)), Cell(decimal(row["variance_reduction"], 1)),
        ])  # fmt: skip
    return Table(
        Text("Écart du second au premier design, réplication par réplication, mêmes tirages. "
             "Une famille par mesure : toutes ses paires, à 95 % ensemble (Bonferroni).",
             "Second design minus first, replication by replication, same draws. "
             "One family a measure: all its pairs, at 95% together (Bonferroni)."),
        [Text("Mesure", "Measure"), Text("Premier", "First"), Text("Second", "Second"),
         Text("Écart", "Difference"), Text("Intervalle", "Interval"),
         Text("Net", "Clear"), Text("Au-dessus du seuil", "Above what matters"),
         Text("Corrélation", "Correlation"),
         Text("Réduction de variance (×)", "Variance reduction (×)")],
        rows, tool="pairs",
    )  # fmt: skip
