"""The sections of a report: what each says, and which figures and tables it shows."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sandbox.analysis import tables, tables_costs, tables_inputs, tables_load
from sandbox.analysis.caveats import rests_on
from sandbox.analysis.grid import Table, head, words
from sandbox.analysis.report_page import ReportPicture, ReportSection
from sandbox.analysis.wording import (
    MEASURES,
    Text,
    count,
    decimal,
    enumerate_texts,
    limit,
    same,
    say,
    seconds,
)

if TYPE_CHECKING:
    from sandbox.analysis.comparison import Comparison

__all__ = ["command", "sections"]


def command(comparison: Comparison) -> str:
    """Return the command that gives the same report again."""
    options = comparison.options
    parts = ["mss-sandbox", "compare", comparison.scenario.name]
    for name in options.designs:
        parts += ["--design", name]
    if options.login_policy:
        parts += ["--login-policy", options.login_policy]
    parts += ["--engine", options.engine]
    parts += ["--replications", str(options.replications or "auto")]
    parts += ["--seed", str(options.seed), "--scale", f"{options.scale:g}"]
    return shlex.join(parts)


# What the numbers of each section rest on (keys of caveats.RESTS_ON).
RESTS = {
    "results": "person_wait", "access": "access", "parts": "access", "costs": "costs",
    "latency": "person_wait", "phases": "person_wait", "headroom": "limits",
    "incidents": "incidents", "load": "limits",
    "connections": "limits", "failures": "failure_share", "sweep": "person_wait",
    "migration": "migration", "pairs": "person_wait",
}  # fmt: skip


def _picture(name: str, caption: Text) -> ReportPicture:
    return ReportPicture(name, caption, say(
        "Figure : {caption} Les mêmes nombres sont dans les tableaux de cette section.",
        "Figure: {caption} The same numbers are in the tables of this section.",
        caption=caption,
    ))  # fmt: skip


def _first_stage(summary: Mapping[str, Any]) -> list[tuple[Text, Text]]:
    stage = summary["first_stage"]
    if stage is None:
        return []
    return [(
        Text("Premier temps, qui dit leur dispersion et leur nombre",
             "First stage, which says their spread and their number"),
        say("{n} réplications, {share} de l'espace", "{n} replications, {share} of the space",
            n=count(stage["replications"]), share=limit(stage["share"], "share")),
    )]  # fmt: skip


def _simulated(comparison: Comparison, summary: Mapping[str, Any]) -> ReportSection:
    scenario, options = comparison.scenario, comparison.options
    period = scenario.period
    facts: list[tuple[Text, Text]] = [
        (Text("Scénario", "Scenario"), say("{t} ({n})", "{t} ({n})", n=scenario.name,
                                            t=Text(scenario.title, scenario.title_en))),
        (Text("Période", "Period"), say(
            "{n} jours à partir du {d}, 0 h", "{n} days from {d}, midnight", n=count(period.days),
            d=Text(f"{period.start:%d/%m/%Y}", f"{period.start:%d %B %Y}"))),
        (Text("Opérateurs", "Operators"), count(len(comparison.space.operators))),
        (Text("BAL", "Mailboxes"), count(summary["mailboxes"])),
        (Text("Accès (personne ou application, BAL, logiciel)",
              "Accesses (person or application, mailbox, software)"), count(summary["accesses"])),
        (Text("Accès simulés : ceux qui peuvent se connecter sous chaque design",
              "Accesses simulated: those that can connect under every design"),
         count(summary["accesses_simulated"])),
        (Text("Messages émis, par réplication", "Messages sent, each replication"),
         count(summary["messages"])),
        (Text("Sessions, par réplication", "Sessions, each replication"),
         count(summary["sessions"])),
        (Text("Réplications", "Replications"), count(summary["replications"])),
        *_first_stage(summary),
        (Text("Règle de connexion", "Login policy"), enumerate_texts([
            say("{label} ({name})", "{label} ({name})", name=policy.name,
                label=Text(policy.label, policy.english))
            for policy in {each.policy.name: each.policy
                           for each in comparison.candidates.values()}.values()
        ])),
        (Text("Graine", "Seed"), same(str(options.seed))),
        (Text("Échelle", "Scale"), limit(options.scale, "share")),
        (Text("Moteur", "Engine"), same(options.engine)),
        (Text("Temps de cette commande", "Time of this command"),
         seconds(comparison.wall_seconds)),
        (Text("Temps de simulation, toutes réplications (reprises comprises)",
              "Simulation time, all replications (resumed ones too)"),
         seconds(sum(float(run.about["wall_seconds"])
                     for runs in comparison.runs.values() for run in runs))),
        (Text("Mémoire au plus haut (un processus)", "Peak memory (one process)"),
         say("{m} Mo", "{m} MB", m=decimal(comparison.peak_rss_bytes / 1e6))),
    ]  # fmt: skip
    paragraphs = [say(
        "Designs comparés : {names}. Mêmes personnes, mêmes logiciels, mêmes messages aux mêmes "
        "instants sous chaque design.",
        "Designs compared: {names}. Same people, same software, same messages at the same instants "
        "under each design.",
        names=enumerate_texts([
            say("{label} ({name})", "{label} ({name})", name=name,
                label=Text(each.label, each.english))
            for name, each in comparison.candidates.items()
        ]),
    )]  # fmt: skip
    if options.scale < 1:
        paragraphs.append(say(
            "Attention : à l'échelle {scale}, les files d'attente et les connexions simultanées "
            "sont déformées (petites files, grands hasards). Refaire à l'échelle 1 avant de "
            "décider.",
            "Beware: at scale {scale}, queues and peak connections are distorted (small queues, "
            "large chance). Run at scale 1 before deciding.",
            scale=limit(options.scale, "share"),
        ))  # fmt: skip
    for outage in scenario.outages:
        paragraphs.append(say(
            "Panne simulée : {b} ne répond pas pendant {m} min à partir du {d}.",
            "Simulated outage: {b} does not answer for {m} min from {d}.",
            b=outage.backend.upper(), m=decimal(outage.minutes),
            d=Text(f"{outage.start:%d/%m/%Y %H:%M}", f"{outage.start:%d %B %Y %H:%M}"),
        ))  # fmt: skip
    table = Table(Text("Ce qui a été simulé.", "What was simulated."),
                  [Text("Grandeur", "Quantity"), Text("Valeur", "Value")],
                  [[head(name), words(value)] for name, value in facts])  # fmt: skip
    return ReportSection("simulated", Text("Ce qui a été simulé", "What was simulated"), paragraphs,
                   tables=[table])  # fmt: skip


METHOD_NOTES = [
    Text("La simulation est terminante : la période entière, à partir d'un minuit calme, sans "
         "session ouverte ni ticket TLS en mémoire ; elle n'a pas de régime à chauffer.",
         "The simulation is terminating: the whole period, from a quiet midnight, with no open "
         "session and no TLS ticket in memory; there is no warm-up to remove."),
    Text("Nombres aléatoires communs : chaque tirage est une fonction de la graine, de l'entité et "
         "de l'étape. Le même événement a le même tirage sous chaque design ; la corrélation et "
         "la réduction de variance obtenues sont dans la table des écarts appariés.",
         "Common random numbers: each draw is a function of seed, entity and step. The same event "
         "has the same draw under each design; the correlation and variance reduction reached are "
         "in the table of paired differences."),
    Text("Les intervalles sont de Student, sur les réplications, ou de Stein quand un premier "
         "temps a dit combien il en fallait ; jamais sur des sessions corrélées. Les quantiles "
         "sont calculés par réplication, puis moyennés.",
         "Intervals are Student's, over replications, or Stein's when a first stage said how many "
         "it took; never over correlated sessions. Quantiles "
         "are taken in each replication, then averaged."),
    Text("Chaque réplication tire d'autres personnes (qui a quel logiciel, quel pare-feu) et "
         "d'autres jours, les mêmes sous chaque design : les intervalles disent le hasard de "
         "l'échantillon (trop étroits pour ce qui tient à quelques grands sites, d'où un calcul "
         "sans intervalle de qui peut se connecter). L'incertitude des entrées n'y est jamais "
         "mêlée : la décision et les vues basse et haute des coûts la montrent.",
         "Each replication draws other people (who has which software, which firewall) and other "
         "days, the same under each design: intervals tell the chance of sampling (too narrow for "
         "what hangs on few large sites: who can connect is computed, without interval). The "
         "uncertainty of inputs is never mixed in: the decision and the low and high views of "
         "costs show it."),
    Text("Familles de comparaisons : pour chaque mesure, toutes les paires de designs, jugées "
         "ensemble à 95 % (Bonferroni). Les mesures sont des familles distinctes : sur vingt, "
         "une peut se tromper.",
         "Families of comparisons: for each measure, all pairs of designs, judged together at "
         "95% (Bonferroni). Measures are separate families: of twenty, one may be wrong."),
    Text("Les durées vont dans des histogrammes à cases logarithmiques (erreur relative de 1 % au "
         "plus) ; les moyennes et les totaux sont exacts.",
         "Durations go to log-binned histograms (relative error of 1% at most); means and totals "
         "are exact."),
    Text("« À mélange égal » : moyenne pondérée par la part de chaque méthode dans les connexions "
         "de tous les designs ; tous rejouent les mêmes accès, ceux qui peuvent se connecter sous "
         "chacun.",
         "“Same mix”: mean weighted by the share of each method in the logins of all designs; all "
         "replay the same accesses, those that can connect under every one."),
]  # fmt: skip


def sections(comparison: Comparison, summary: Mapping[str, Any]) -> list[ReportSection]:
    """Return the sections, in the order of the questions of a decision."""
    found = [
        _simulated(comparison, summary),
        ReportSection(
            "results", Text("Mesures principales", "Headline measures"),
            tables=[tables.headline_table(summary)],
        ),
        ReportSection(
            "access", Text("Qui ne peut pas se connecter", "Who cannot connect"),
            [Text(
                "Calculé, non simulé : chaque produit a un jeu de capacités, chaque site un "
                "pare-feu, et une personne a une seule méthode. Qui ne peut pas se connecter "
                "n'envoie rien : ce n'est pas un message perdu, c'est un volume à migrer d'abord. "
                "Tenir plusieurs noms est un travail d'éditeur et de support, compté dans les "
                "coûts. Le webmail, chez l'opérateur, n'emploie pas cette interface.",
                "Computed, not simulated: each product has one set of capabilities, each site one "
                "firewall, and a person has one method. Who cannot connect sends nothing: not a "
                "message lost, a volume to migrate first. Holding several names is work for "
                "editors and support, counted in the costs. Webmail, at the operator's, does not "
                "use this interface.")],
            pictures=[_picture("cannot_connect", Text(
                "Part des accès exclus, par design et par cause.",
                "Share of accesses kept out, by design and cause."))],
            tables=[tables.exclusion_table(summary), tables.migrate_table(summary)],
        ),
        ReportSection(
            "parts", Text("Qui ne peut pas se connecter, par produit, population et méthode",
                          "Who cannot connect, by product, population and method"),
            tables=[tables.part_table(summary, key) for key in tables.PARTS], folded=True,
        ),
        ReportSection(
            "costs", Text("Ce que cela coûte", "What it costs"),
            pictures=[_picture("costs", Text(
                "Coût annuel central par payeur, et étendue des hypothèses.",
                "Central yearly cost by payer, and the span of assumptions."))],
            tables=[tables.object_table(summary, comparison), tables.cost_table(summary),
                    tables_costs.item_table(summary),
                    tables_costs.size_table(summary)],
        ),
        ReportSection(
            "latency", Text("Combien de temps on attend", "How long people wait"),
            pictures=[_picture("latency", Text(
                "Durée d'une connexion par méthode : p50, p95 et p99, machine puis personne.",
                "Time to log in by method: p50, p95 and p99, machine then person."))],
            tables=[tables.latency_table(summary, which, MEASURES[which]) for which in MEASURES],
            folded=True,
        ),
        ReportSection(
            "phases", Text("Où passe le temps", "Where time goes"),
            pictures=[_picture("phases", Text(
                "Temps moyen par phase et par méthode ; la personne à part, à droite.",
                "Mean time by phase and method; the person apart, on the right."))],
            tables=[tables_load.phase_table(comparison, summary)], folded=True,
        ),
        ReportSection(
            "headroom", Text("Combien de trafic en plus", "How much more traffic"),
            tables=[tables_load.headroom_table(comparison, summary)],
        ),
        ReportSection(
            "incidents", Text("Qui perd quoi dans un incident", "Who loses what in an incident"),
            tables=[tables_load.incident_table(comparison, summary)],
        ),
        ReportSection(
            "load", Text("Charge des endpoints sur la semaine", "Endpoint load over the week"),
            pictures=[_picture("load", Text(
                "Connexions par minute selon l'heure de la semaine, par endpoint ; même échelle "
                "logarithmique pour tous les designs.",
                "Connections a minute by hour of the week, by endpoint; the same log scale for "
                "all designs."))],
            tables=[tables_load.endpoint_table(comparison, summary),
                    tables_load.back_end_table(comparison, summary)],
            folded=True,
        ),
        ReportSection(
            "connections", Text("Connexions simultanées", "Connections at once"),
            pictures=[_picture("connections", Text(
                "Remplissage de l'endpoint le plus chargé des plus gros opérateurs.",
                "Fill of the fullest endpoint of the largest operators."))],
            tables=[tables_load.connection_table(comparison, summary)], folded=True,
        ),
        ReportSection(
            "failures", Text("Échecs par cause", "Failures by cause"),
            pictures=[_picture("failures", Text(
                "Échecs par cause, sur les accès qui peuvent se connecter sous chaque design.",
                "Failures by cause, of accesses that can connect under every design."))],
            tables=[tables.failure_table(comparison, summary)],
        ),
    ]  # fmt: skip
    if comparison.sweep is not None:
        found.append(ReportSection(
            "sweep", say("Balayage de {key}", "Sweep of {key}",
                         key=str(comparison.sweep["key"].iloc[0])),
            pictures=[_picture("sweep", Text(
                "Mesures qui bougent, selon la valeur de l'entrée balayée.",
                "Measures that move, by the value of the swept input."))],
            tables=[tables_inputs.sweep_table(comparison, summary)],
        ))  # fmt: skip
    if summary["migration"]:
        found.append(ReportSection(
            "migration", Text("Y aller, trimestre par trimestre", "Getting there, by quarter"),
            [Text("Valeurs attendues, sans tirage : les éditeurs livrent par vagues, les sites "
                  "suivent, les anciennes portes restent ouvertes jusqu'à leur retrait.",
                  "Expected values, nothing drawn: editors deliver in waves, sites follow, the old "
                  "doors stay open until they are retired.")],
            tables=[tables_costs.migration_totals(summary),
                    tables_costs.migration_table(summary)],
        ))  # fmt: skip
    if len(comparison.designs) > 1:
        found.append(ReportSection("pairs", Text("Écarts appariés", "Paired differences"),
                             tables=[tables.pair_table(summary)], folded=True))  # fmt: skip
    found.append(ReportSection("assumptions", Text("Hypothèses", "Assumptions"), [Text(
        "Les notes et les titres de source sont dans la langue de la table d'entrée (anglais).",
        "Notes are those of the inputs' table.",
    )], tables=[tables_inputs.assumption_table(summary)], screen=True))  # fmt: skip
    found.append(ReportSection(
        "method", Text("Refaire et comprendre", "Reproduce and understand"),
        [Text("La même commande, la même version et la même graine redonnent les mêmes nombres.",
              "The same command, version and seed give the same numbers again."), *METHOD_NOTES],
        code=command(comparison),
    ))  # fmt: skip
    return [
        replace(each, rests=rests_on(summary, RESTS[each.anchor])) if each.anchor in RESTS else each
        for each in found
    ]
