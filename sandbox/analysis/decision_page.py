"""`decision.html`: a decision on one page."""

from __future__ import annotations

from pathlib import Path

from sandbox.analysis.decision_charts import decision_images
from sandbox.analysis.decision_names import factor_name, rule_text
from sandbox.analysis.decision_words import (
    CRITERION_NAMES,
    amount,
    candidate_name,
    decision_lines,
    factor_anchor,
    gap_text,
    measure_text,
    others_text,
    points,
    turns_text,
)
from sandbox.analysis.grid import Cell, Table, head, input_anchor, words
from sandbox.analysis.report_page import ReportPicture, ReportSection, page_of
from sandbox.analysis.tables_inputs import decimal_plain
from sandbox.analysis.wording import (
    KNOWLEDGE,
    NOTHING,
    Text,
    count,
    interval,
    percent,
    same,
    say,
    unit,
)
from sandbox.decision.criteria import CRITERIA
from sandbox.decision.factors import Factor
from sandbox.decision.study import Decision, Driver
from sandbox.space.files import write_whole

__all__ = ["decision_sections", "write_decision"]

MOST = 25
WORDS = {
    "kind": Text("MSSanté : que choisir pour offrir les méthodes d'authentification, et que "
                 "mesurer d'abord",
                 "MSSanté: what to choose to offer the authentication methods, and what to measure "
                 "first"),
    "verdict": Text("La décision", "The decision"),
    "contents": Text("Sommaire", "Contents"),
    "numbers": Text("Les nombres :", "The numbers:"),
    "filter": Text("Filtrer :", "Filter:"),
    "rests": Text("Repose sur :", "Rests on:"),
    "paper": Text("Ces tableaux sont à l'écran et dans decision.json.",
                  "These tables are on the screen and in decision.json."),
    "made": Text("Écrit par mss-sandbox decide : chaque phrase et chaque figure viennent des "
                 "nombres de decision.json.",
                 "Written by mss-sandbox decide: every sentence and figure comes from the numbers "
                 "of decision.json."),
}  # fmt: skip


def _picture(name: str, caption: Text) -> ReportPicture:
    return ReportPicture(name, caption, say(
        "Figure : {c} Les mêmes nombres sont dans les tableaux.",
        "Figure: {c} The same numbers are in the tables.", c=caption))  # fmt: skip


def _standing_table(decision: Decision) -> Table:
    rows = []
    for name in decision.names:
        each, choice = decision.choice.together[name], decision.choice
        central = choice.central_weights[name]
        heavy = sorted(central, key=lambda k: -central[k])[:2]
        rows.append([
            head(candidate_name(decision, name)),
            Cell(percent(each.probability), order=each.probability,
                 tag="best" if name == choice.recommended else ""),
            Cell(interval(percent(each.interval[0]), percent(each.interval[1]))),
            Cell(percent(choice.equal_weights[name]), order=choice.equal_weights[name]),
            Cell(points(each.regret), order=each.regret),
            Cell(points(each.regret_p95), order=each.regret_p95),
            Cell(percent(choice.near[name]), order=choice.near[name]),
            words(say("{a}, {b}", "{a}, {b}", a=CRITERION_NAMES[heavy[0]],
                      b=CRITERION_NAMES[heavy[1]]) if heavy else NOTHING),
        ])  # fmt: skip
    return Table(
        Text("Probabilité d'être le meilleur, regret (points sur 100), robustesse : part des "
             "tirages à 5 points du meilleur au plus.",
             "Probability of being best, regret (points out of 100), robustness: share of draws "
             "within 5 points of the best."),
        [Text("Architecture", "Design"), Text("Meilleure", "Best"), Text("IC 95 %", "95% interval"),
         Text("à poids égaux", "at equal weights"), Text("Regret moyen", "Mean regret"),
         Text("Regret, 95 %", "Regret, 95%"), Text("Proche du meilleur", "Near the best"),
         Text("Pour qui donne du poids à", "For whom gives weight to")],
        rows,
    )  # fmt: skip


def _criterion_table(decision: Decision) -> Table:
    rows = []
    for criterion, standings in decision.choice.by_criterion.items():
        for name in decision.names:
            each = standings[name]
            rows.append([
                head(CRITERION_NAMES[criterion]), words(candidate_name(decision, name)),
                Cell(amount(decision.means[criterion][name], criterion)),
                Cell(percent(each.probability), order=each.probability),
                Cell(gap_text(each.regret, criterion), order=each.regret),
                Cell(gap_text(each.regret_p95, criterion), order=each.regret_p95),
            ])  # fmt: skip
    return Table(
        Text("Par critère : moyenne des tirages, probabilité d'être le meilleur, regret dans "
             "l'unité du critère.",
             "By criterion: mean over draws, probability of being best, regret in the unit of the "
             "criterion."),
        [Text("Critère", "Criterion"), Text("Architecture", "Design"), Text("Moyenne", "Mean"),
         Text("Meilleure", "Best"), Text("Regret moyen", "Mean regret"),
         Text("Regret, 95 %", "Regret, 95%")],
        rows, tool="criteria",
    )  # fmt: skip


def _map_table(decision: Decision) -> Table:
    rows = [
        [head(rule_text(rule)), words(others_text(decision, rule)),
         Cell(percent(rule.coverage), order=rule.coverage),
         Cell(percent(rule.probability), order=rule.probability),
         Cell(percent(rule.safe) if rule.others else NOTHING, order=rule.safe),
         words(turns_text(decision, rule.turns))]
        for rule in decision.map.rules
    ]  # fmt: skip
    return Table(
        say("Carte, à poids égaux (donc en moyenne de toutes les pondérations) : sous quelles "
            "conditions choisir quoi. Juste : le meilleur, ou à {m} au plus. Deux noms : rien de "
            "sûr ne les départage.",
            "Map, at equal weights (so in expectation over all weights): under which conditions to "
            "choose what. Right: the best, or within {m} of it. Two names: nothing safe tells them "
            "apart.", m=points(decision.map.margin)),
        [Text("Si", "If"), Text("alors", "then"), Text("Part des tirages", "Share of draws"),
         Text("Le premier est juste", "The first is right"),
         Text("L'un d'eux l'est", "One of them is"),
         Text("Poids qui changent le choix (les autres critères se partagent le reste)",
              "Weights that change the choice (the other criteria share the rest)")],
        rows,
    )  # fmt: skip


JUDGED = {
    "map": Text("cette carte", "this map"),
    "always": Text("toujours le même choix", "always the same choice"),
    "ceiling": Text("régression sur toutes les entrées (plafond)",
                    "regression on every input (ceiling)"),
}  # fmt: skip


def _accuracy_table(decision: Decision) -> Table:
    found, replayed = decision.map, decision.map_replayed
    over = {
        Text("poids égaux", "equal weights"): found.equal,
        Text("toutes les pondérations", "all weights"): found.weighed,
    }
    rows = [
        (JUDGED[name], weights, judged[name]) for weights, judged in over.items() for name in JUDGED
    ]
    again = say("cette carte, {n} tirages complets (moteur compris)",
                "this map, {n} whole draws (engine included)", n=count(decision.runs))  # fmt: skip
    rows.append((again, Text("poids égaux", "equal weights"), replayed))
    return Table(
        say("Ce que vaut la carte sur {n} tirages qu'elle n'a pas vus.",
            "How good the map is on {n} draws that it has not seen.", n=count(found.fresh)),
        [Text("Qui choisit", "Who chooses"), Text("Pondération", "Weights"),
         Text("Le meilleur", "The best"), Text("À un point", "Within a point"),
         say("À la marge ({m} à poids égaux)", "Within the margin ({m} at equal weights)",
             m=points(found.margin))],
        [[head(name), words(weights), Cell(percent(each.exact)), Cell(percent(each.point)),
          Cell(percent(each.margin))] for name, weights, each in rows],
    )  # fmt: skip


def _size_table(decision: Decision) -> Table:
    found = decision.map
    return Table(
        Text("Ce que vaudraient moins ou plus de règles, sur les mêmes tirages neufs.",
             "What fewer or more rules would be worth, on the same fresh draws."),
        [Text("Règles", "Rules"), Text("À un point, poids égaux", "Within a point, equal weights"),
         Text("à la marge", "within the margin"),
         Text("À un point, toutes les pondérations", "Within a point, all weights"),
         Text("à la marge", "within the margin")],
        [[Cell(count(size.rules), "head", order=size.rules,
               tag="best" if size.rules == len(found.rules) else ""),
          *(Cell(percent(share)) for each in (size.equal, size.weighed)
            for share in (each.point, each.margin))] for size in found.sizes],
    )  # fmt: skip


def _index(driver: Driver, field: str) -> Text:
    index = driver.index
    if index is None or not index.known:
        return NOTHING
    middle, half = getattr(index, field), getattr(index, f"{field}_half")
    return say("{v} ± {h}", "{v} ± {h}", v=percent(middle), h=percent(half))


def _driver_table(decision: Decision) -> Table:
    by_index = sorted(decision.drivers, key=lambda d: -(d.index.total if d.index else 0.0))
    shown = list(dict.fromkeys([
        *(d.factor.key for d in decision.drivers[:MOST]),
        *(d.factor.key for d in by_index[:MOST] if d.index),
    ]))[:MOST]  # fmt: skip
    facts = {d.factor.key: d for d in decision.drivers}
    rows = []
    for key in shown:
        each = facts[key]
        gains = {c: each.by_criterion[c].clear / CRITERIA[c].threshold for c in CRITERIA}
        widest = max(gains, key=gains.__getitem__)
        own = each.by_criterion[widest].clear
        rows.append([
            Cell(factor_name(key), "head", link=f"#{factor_anchor(each.factor)}",
                 note=key if factor_name(key).en != key else ""),
            words(KNOWLEDGE[each.factor.members[0].knowledge]),
            Cell(_index(each, "first"), order=each.index.first if each.index else None),
            Cell(_index(each, "total"), order=each.index.total if each.index else None),
            Cell(points(each.gain.clear), order=each.gain.clear),
            words(say("{x} ({c})", "{x} ({c})", x=gap_text(own, widest),
                      c=CRITERION_NAMES[widest]) if own > 0 else NOTHING),
        ])  # fmt: skip
    return Table(
        Text("Ce qui déplace l'écart entre les deux premiers (indices de Sobol', intervalle à 95 "
             "%) et ce que vaut de le savoir (EVPPI). Un tiret : écarté au criblage (Morris), ou "
             "intervalle trop large pour un nombre.",
             "What moves the gap between the first two (Sobol' indices, 95% interval) and what "
             "knowing it is worth (EVPPI). A dash: screened out (Morris), or an interval too wide "
             "for a number."),
        [Text("Entrée", "Input"), Text("Connaissance", "Knowledge"),
         Text("Indice 1er ordre", "First index"), Text("Indice total", "Total index"),
         Text("Vaut, ensemble", "Worth, together"),
         Text("Vaut, où elle compte le plus", "Worth, where it counts most")],
        rows, tool="drivers",
    )  # fmt: skip


def _measure_table(decision: Decision) -> Table:
    rows = [
        [head(same(str(place + 1))), words(measure_text(each)),
         Cell(points(each.gain.mean), order=each.gain.mean),
         Cell(interval(points(each.gain.mean - each.gain.half),
                       points(each.gain.mean + each.gain.half)))]
        for place, each in enumerate(decision.measure_first)
    ]  # fmt: skip
    return Table(
        Text("Mesurer d'abord ; le nombre d'observations laisse un dixième de la variance.",
             "Measure first; the number of observations leaves a tenth of the variance."),
        [Text("Rang", "Rank"), Text("Quoi, combien, où", "What, how many, where"),
         Text("Gain attendu", "Expected gain"), Text("IC 95 %", "95% interval")],
        rows,
    )  # fmt: skip


def _law(factor: Factor, place: int) -> Text:
    member = factor.members[place]
    if member.choices:
        return same(" | ".join(member.choices))
    parts = []
    for each in member.ranges:
        law = ("Dirichlet" if factor.family else {"pert": "PERT", "uniform": "uniforme"}[each.law],
               "Dirichlet" if factor.family else {"pert": "PERT", "uniform": "uniform"}[each.law
               ])  # fmt: skip
        who = f" ({each.expert})" if each.expert else ""
        parts.append(say("{l} {low} – {mode} – {high}{who}", "{l} {low} – {mode} – {high}{who}",
                         l=Text(*law), low=decimal_plain(each.low), mode=decimal_plain(each.mode),
                         high=decimal_plain(each.high), who=who))  # fmt: skip
    return Text(" ; ".join(p.fr for p in parts), "; ".join(p.en for p in parts))


def _range_table(decision: Decision) -> Table:
    rows = [
        [Cell(same(member.key), "head", anchors=[input_anchor(member.key)]),
         words(_law(factor, place)), words(unit(member.unit)),
         Cell(KNOWLEDGE[member.knowledge], "words", tag=member.knowledge.replace(" ", "-")),
         words(same(factor.key) if len(factor.keys) > 1 else NOTHING)]
        for factor in decision.evaluation.factors
        for place, member in enumerate(factor.members)
    ]  # fmt: skip
    return Table(
        Text("Ce qui est tiré : loi, bas – le plus vraisemblable – haut, et avec quoi cela bouge.",
             "What is drawn: law, low – most likely – high, and what it moves with."),
        [Text("Entrée", "Input"), Text("Loi et plage", "Law and range"), Text("Unité", "Unit"),
         Text("Connaissance", "Knowledge"), Text("Tirée avec", "Drawn with")],
        rows, tool="ranges",
    )  # fmt: skip


METHOD = (
    Text("Les entrées que personne n'a mesurées ni publiées sont tirées ensemble (suite de "
         "Sobol'). Qui peut se connecter, le coût et les heures d'incident sont calculés "
         "exactement pour tout l'espace ; attentes et échecs viennent du moteur, sur un jour "
         "ouvré et un échantillon stratifié par méthode, puis d'un émulateur dont l'erreur est "
         "donnée.",
         "Inputs that nobody measured or published are drawn together (Sobol' sequence). Who can "
         "connect, money and hours of incidents are computed exactly for the whole space; waits "
         "and failures come from the engine, on a working day and a sample stratified by method, "
         "then from an emulator whose error is given."),
    Text("Cent points sont l'écart entre la pire et la meilleure architecture sous lequel restent "
         "95 tirages sur cent, dix fois le plus petit écart utile au moins. Les poids des "
         "critères sont explorés, non supposés (SMAA).",
         "A hundred points are the gap between the worst and the best design that 95 draws in a "
         "hundred stay below, ten times the least useful gap at least. Weights of criteria are "
         "explored, not assumed (SMAA)."),
    Text("La valeur d'une information est le regret évité en choisissant après l'avoir "
         "(régression, Strong, Oakley et Brennan 2014), jugée sur des tirages que la régression "
         "n'a pas vus.",
         "The value of an information is the regret avoided by choosing after having it "
         "(regression, Strong, Oakley and Brennan 2014), judged on draws that the regression has "
         "not seen."),
    Text("Personne n'attend personne dans ces tirages : la saturation est dans la marge de "
         "compare, non ici. Des connexions partagées ne manquent jamais avant le plus plein des "
         "endpoints entre lesquels une autre architecture les découpe : en connexions, la marge "
         "ne parlerait jamais contre celle qui les partage.",
         "Nobody waits for anybody in these draws: saturation is in the headroom of compare, not "
         "here. Connections that are shared never run out before the fullest of the endpoints "
         "among which another design cuts them up: in connections, headroom would never speak "
         "against the one that shares them."),
)  # fmt: skip


def _errors(decision: Decision) -> Text:
    parts = [
        say("{c} : émulateur {e}, échantillon {s}", "{c}: emulator {e}, sample {s}",
            c=CRITERION_NAMES[name], e=gap_text(decision.emulator.error[name], name),
            s=gap_text(decision.sampling[name], name))
        for name in decision.emulator.error
    ]  # fmt: skip
    return say("Erreurs (écart type d'un écart entre architectures) : {p}.",
               "Errors (standard deviation of a gap between designs): {p}.",
               p=Text(" ; ".join(p.fr for p in parts), "; ".join(p.en for p in parts)))  # fmt: skip


def decision_sections(decision: Decision) -> list[ReportSection]:
    """Return the sections below the first screen."""
    return [
        ReportSection("standing", Text("Qui gagne, et de combien", "Who wins, and by how much"),
                pictures=[_picture("winners", Text(
                    "Probabilité d'être le meilleur, par critère et ensemble.",
                    "Probability of being best, by criterion and together."))],
                tables=[_standing_table(decision), _criterion_table(decision)]),
        ReportSection("map", Text("Sous quelles conditions", "Under which conditions"),
                pictures=[_picture("map", Text(
                    "La carte : chaque barre est une règle, longue de sa part des tirages ; pâle, "
                    "la part où elle se trompe de plus que la marge.",
                    "The map: each bar is a rule, as long as its share of draws; pale, the share "
                    "where it errs by more than the margin."))],
                tables=[_map_table(decision), _accuracy_table(decision),
                        _size_table(decision)]),
        ReportSection("measure", Text("Que mesurer d'abord", "What to measure first"),
                tables=[_measure_table(decision)] if decision.measure_first else []),
        ReportSection("drivers", Text("Ce qui décide", "What decides"),
                pictures=[_picture("tornado", Text(
                    "Ce qui fait varier l'écart entre les deux premiers.",
                    "What makes the gap between the first two vary."))],
                tables=[_driver_table(decision)]),
        ReportSection("ranges", Text("Hypothèses : ce qui est tiré", "Assumptions: what is drawn"),
                tables=[_range_table(decision)], folded=True),
        ReportSection("method", Text("Comprendre", "Understand"), [*METHOD, _errors(decision)]),
    ]  # fmt: skip


def write_decision(decision: Decision, folder: Path) -> Path:
    """Write `folder`/decision.html; return its path."""
    scenario = decision.evaluation.scenario
    page = page_of(
        Text(scenario.title, scenario.title_en), WORDS, decision_lines(decision),
        decision_sections(decision), decision_images(decision),
    )  # fmt: skip
    return write_whole(folder / "decision.html", page)
