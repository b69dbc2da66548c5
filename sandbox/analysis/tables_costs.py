"""Tables of money: every item by payer, operators by size, and a plan quarter by quarter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.analysis.grid import Cell, Table, design_names, head, words
from sandbox.analysis.standing import design_name
from sandbox.analysis.wording import Text, count, euros, interval, same, say

__all__ = ["item_table", "migration_table", "migration_totals", "size_table"]

PAYERS = {
    "operators": Text("opérateurs", "operators"),
    "editors": Text("éditeurs", "editors"),
    "sites": Text("sites", "sites"),
}
ITEMS = {
    "operators.certificates": Text("certificats", "certificates"),
    "operators.names": Text("noms DNS", "DNS names"),
    "operators.addresses": Text("adresses publiques", "public addresses"),
    "operators.endpoints": Text("supervision des endpoints", "supervision of endpoints"),
    "operators.ciba": Text("CIBA de l'opérateur (Keycloak)", "CIBA of its own (Keycloak)"),
    "operators.support": Text("appels au support", "support calls"),
    "operators.sms": Text("SMS", "SMS"),
    "editors.places": Text("plusieurs URL", "several URLs"),
    "editors.mechanisms": Text("mécanismes SASL", "SASL mechanisms"),
    "sites.firewalls": Text("demandes d'ouverture de ports", "firewall requests"),
    "sites.enrolment": Text("enrôlement TOTP et e-CPS", "enrolment, TOTP and e-CPS"),
}
SIZES = {
    "small": Text("petits", "small"),
    "medium": Text("moyens", "medium"),
    "large": Text("grands", "large"),
    "national": Text("national", "national"),
}


def item_table(summary: Mapping[str, Any]) -> Table:
    """Every item of the yearly bill under each design, central view."""
    bills = [design["yearly_cost_euros"]["central"] for design in summary["designs"].values()]
    rows = [
        [
            head(PAYERS[item.split(".")[0]]), words(name),
            *(Cell(euros(bill["items"][item]), order=bill["items"][item]) for bill in bills),
        ]
        for item, name in ITEMS.items()
    ]  # fmt: skip
    return Table(
        Text("Qui paie quoi : euros par an pour tout l'espace, hypothèses centrales.",
             "Who pays for what: euros a year for the whole space, central assumptions."),
        [Text("Payeur", "Payer"), Text("Poste", "Item"), *design_names(summary)], rows,
    )  # fmt: skip


def size_table(summary: Mapping[str, Any]) -> Table:
    """What one operator of each size pays a year under each design, central view."""
    bills = [design["yearly_cost_euros"]["central"] for design in summary["designs"].values()]
    rows = [
        [
            head(name), Cell(count(bills[0]["by_size"][size]["operators"])),
            *(Cell(euros(bill["by_size"][size]["each"])) for bill in bills),
        ]
        for size, name in SIZES.items()
        if size in bills[0]["by_size"]
    ]  # fmt: skip
    return Table(
        Text("Un opérateur de chaque taille, moyenne : euros par an.",
             "One operator of each size, mean: euros a year."),
        [Text("Taille", "Size"), Text("Opérateurs", "Operators"), *design_names(summary)], rows,
    )  # fmt: skip


def migration_totals(summary: Mapping[str, Any]) -> Table:
    """What the whole plan costs under each design, by payer."""
    rows = []
    for name, plan in summary["migration"].items():
        total = plan["total_euros"]
        ends = interval(euros(total["low"]), euros(total["high"]))
        rows.append([
            head(design_name(summary, name)),
            Cell(say("{v} {e}", "{v} {e}", v=euros(total["total"]), e=ends)),
            *(Cell(euros(total[payer])) for payer in PAYERS),
        ])  # fmt: skip
    return Table(
        Text("Coût du plan entier : central [coûts bas, coûts hauts], et par payeur.",
             "Cost of the whole plan: central [low costs, high costs], and by payer."),
        [Text("Design", "Design"), Text("Total", "Total"), *PAYERS.values()], rows,
    )  # fmt: skip


def migration_table(summary: Mapping[str, Any]) -> Table:
    """Who is on the new doors, on the old ones, left with the telephone; what the quarter costs."""
    rows = [
        [
            head(design_name(summary, name)), words(same(quarter["quarter"])),
            *(Cell(count(quarter[key])) for key in ("new", "old", "cut", "blocked")),
            *(Cell(euros(quarter["euros"][payer])) for payer in PAYERS),
        ]
        for name, plan in summary["migration"].items()
        for quarter in plan["quarters"]
    ]  # fmt: skip
    return Table(
        Text("Accès (hors webmail) sur les nouvelles portes, sur les anciennes, au téléphone ; "
             "retenus par un pare-feu ; euros du trimestre.",
             "Accesses (webmail left out) on the new doors, on the old ones, left with the "
             "telephone; held by a firewall; euros of the quarter."),
        [Text("Design", "Design"), Text("Trimestre", "Quarter"),
         Text("Nouvelles portes", "New doors"), Text("Anciennes", "Old doors"),
         Text("Téléphone", "Telephone"), Text("Pare-feu", "Firewall"), *PAYERS.values()],
        rows,
    )  # fmt: skip
