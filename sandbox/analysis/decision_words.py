"""A decision in French and English: its criteria, its factors, its conditions, its first lines."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.analysis.decision_names import factor_name, rule_text
from sandbox.analysis.grid import Link, input_anchor
from sandbox.analysis.report_page import Line
from sandbox.analysis.wording import (
    HARD,
    Text,
    count,
    decimal,
    difference,
    enumerate_texts,
    euros,
    interval,
    percent,
    rounded,
    say,
    seconds,
)
from sandbox.decision.cases import ChoiceCase, cases_of
from sandbox.decision.criteria import CRITERIA
from sandbox.decision.factors import Factor
from sandbox.decision.observations import Measure
from sandbox.decision.rules import Rule, Turn
from sandbox.decision.study import Decision, Driver

__all__ = [
    "CRITERION_NAMES", "amount", "candidate_name", "decision_lines", "factor_anchor",
    "factor_link", "gap_text", "measure_text", "others_text", "points", "turns_text",
]  # fmt: skip

CRITERION_NAMES: dict[str, Text] = {
    "cannot_connect": Text("accès qui ne peuvent pas se connecter", "accesses that cannot connect"),
    "messages_to_migrate": Text("messages à migrer d'abord", "messages to migrate first"),
    "yearly_cost": Text("coût annuel", "yearly cost"),
    "incident_hours": Text("heures perdues en incidents", "hours lost in incidents"),
    "failure_share": Text("échecs d'authentification", "failed logins"),
    "person_wait": Text("attente d'une personne par jour", "wait of a person a day"),
    "machine_latency": Text("latence machine", "machine latency"),
}
PLACES: dict[str, Text] = {
    "editors": Text("chez les éditeurs", "at editors"),
    "operators": Text("chez les opérateurs", "at operators"),
    "operators' login records": Text("dans les journaux des opérateurs", "in operators' logs"),
    "sites": Text("sur les sites", "at sites"),
    "people, timed": Text("en chronométrant des personnes", "by timing people"),
    "task force": Text("par la task force elle-même", "by the task force itself"),
    "Pro Santé Connect": Text("chez Pro Santé Connect", "at Pro Santé Connect"),
}
OBSERVED: dict[str, tuple[Text, Text]] = {  # one, several
    "mailbox": (Text("boîte", "mailbox"), Text("boîtes", "mailboxes")),
    "installation": (Text("installation", "installation"),
                     Text("installations", "installations")),
    "year of one operator": (Text("année d'un opérateur", "year of one operator"),
                             Text("années d'opérateur", "operator years")),
    "incident": (Text("incident", "incident"), Text("incidents", "incidents")),
    "duration": (Text("durée relevée", "duration noted"),
                 Text("durées relevées", "durations noted")),
    "quote": (Text("devis ou relevé", "quote or record"),
              Text("devis ou relevés", "quotes or records")),
}  # fmt: skip
MOST = 3


def candidate_name(decision: Decision, name: str) -> Text:
    """Return the label of a candidate in quotes, without what explains it after a colon."""
    each = next(iter(decision.evaluation.by_policy.values()))[name]
    french, english = (t.split(":")[0].strip() for t in (each.label, each.english))
    return Text(f"«{HARD}{french}{HARD}»", f"“{english}”")


def amount(value: float, criterion: str) -> Text:
    """Return a value of a criterion with its unit."""
    kind = CRITERIA[criterion].unit
    if kind == "share":
        return percent(value)
    if kind in {"s", "s a day"}:
        return seconds(value)
    if kind == "euros a year":
        return euros(value)
    hours = rounded(value)
    return Text(f"{hours.fr}{HARD}h", f"{hours.en}{HARD}h")


def gap_text(value: float, criterion: str) -> Text:
    """Return a difference of a criterion; between shares it is in points."""
    if CRITERIA[criterion].unit == "share":
        return difference(value, "share")
    return amount(value, criterion)


def points(value: float) -> Text:
    """Return points of the weighed criteria."""
    number = decimal(value, 1 if abs(value) >= 1 or value == 0 else 2)
    french = "points" if abs(value) >= 2 else "point"
    return Text(f"{number.fr}{HARD}{french}", f"{number.en}{HARD}points")


def factor_anchor(factor: Factor) -> str:
    """Return the id of the row of a factor's first input."""
    return input_anchor(factor.members[0].key)


def factor_link(factor: Factor) -> Link:
    """Return a link from what rests on a factor to its first input."""
    return Link(factor_name(factor.key), factor_anchor(factor))


def others_text(decision: Decision, rule: Rule | ChoiceCase) -> Text:
    """Return the choice of a rule or case, and those that nothing safe tells from it."""
    names = [candidate_name(decision, name) for name in (rule.candidate, *rule.others)]
    return Text(" ou ".join(t.fr for t in names), " or ".join(t.en for t in names))


def turns_text(decision: Decision, turns: Sequence[Turn]) -> Text:
    """Return which weights turn a choice, the other criteria sharing the rest."""
    if not turns:
        return Text("aucun jusqu'à 60 %", "none up to 60%")
    criteria = list(CRITERIA)
    return enumerate_texts([
        say("{d} dès que «{h}{c}{h}» pèse {x}{h}%", "{d} from a weight of {x}% on “{c}”", h=HARD,
            d=candidate_name(decision, turn.candidate), c=CRITERION_NAMES[criteria[turn.criterion]],
            x=decimal(100 * turn.weight))
        for turn in turns
    ])  # fmt: skip


def measure_text(each: Measure) -> Text:
    """Return what to measure, where and how much of it."""
    if not each.observations:
        return say("{n} (à décider {w})", "{n} (to be decided {w})", n=factor_name(each.key),
                   w=PLACES[each.where])  # fmt: skip
    return say("{n} ({k} {o}, {w})", "{n} ({k} {o}, {w})", n=factor_name(each.key),
               k=count(each.observations), o=OBSERVED[each.observed][each.observations > 1],
               w=PLACES[each.where])  # fmt: skip


def _span(ends: tuple[float, float]) -> Text:
    return interval(percent(ends[0]), percent(ends[1]))


def _recommended(decision: Decision) -> tuple[Text, list[Text]]:
    """Say what to choose, and under which conditions something else."""
    best = decision.choice.recommended
    base = say("{d} : le moindre regret attendu, {r}", "{d}: the least expected regret, {r}",
               d=candidate_name(decision, best),
               r=points(decision.choice.together[best].regret))  # fmt: skip
    exceptions = [case for case in cases_of(decision.map.rules) if case.candidate != best]
    if not exceptions:
        none = say("{b}. Aucune condition trouvée n'en fait préférer une autre.",
                   "{b}. No condition that was found makes another one better.",
                   b=base)  # fmt: skip
        return none, []
    parts = [
        say("{d} si {c} ({s} des tirages ; juste dans {p})",
            "{d} if {c} ({s} of draws; right in {p})",
            d=others_text(decision, case), c=rule_text(case), p=percent(case.probability),
            s=percent(case.coverage))
        for case in exceptions[:MOST]
    ]  # fmt: skip
    left = exceptions[MOST:]
    if left:
        parts.append(say("{k} cas de plus ({s} des tirages), sur la carte",
                         "{k} more cases ({s} of draws), on the map", k=count(len(left)),
                         s=percent(sum(case.coverage for case in left))))  # fmt: skip
    return say("{b}. Sauf :", "{b}. But:", b=base), parts


def _sure(decision: Decision) -> Text:
    choice = decision.choice
    best, rival = choice.recommended, choice.rival
    mine, other = choice.together[best], choice.together[rival]
    sure = say(
        "{d} est le meilleur avec une probabilité de {p} {i}, sur {n} tirages des entrées "
        "incertaines et toutes les pondérations des critères ({e} à poids égaux) ; son suivant, "
        "{r}, {q}. Son regret dépasse {reg} sur 100 dans un tirage sur vingt.",
        "{d} is best with probability {p} {i}, over {n} draws of the uncertain inputs and all "
        "weights of the criteria ({e} at equal weights); the next one, {r}, {q}. Its regret is "
        "above {reg} out of 100 in one draw in twenty.",
        d=candidate_name(decision, best), p=percent(mine.probability), i=_span(mine.interval),
        n=count(decision.draws), e=percent(choice.equal_weights[best]),
        r=candidate_name(decision, rival), q=percent(other.probability),
        reg=points(mine.regret_p95),
    )  # fmt: skip
    if other.probability <= mine.probability:
        return sure
    return say(
        "{s} {r} est donc plus souvent le meilleur, mais on le regrette plus : {a} en moyenne "
        "contre {b}. Entre ces deux, ce sont les poids des critères qui décident.",
        "{s} So {r} is best more often, but regretted more: {a} on average against {b}. Between "
        "these two, the weights of the criteria decide.",
        s=sure, r=candidate_name(decision, rival), a=points(other.regret), b=points(mine.regret),
    )  # fmt: skip


def _accuracy_text(decision: Decision) -> Text:
    """Say how often the map is right on fresh draws, beside always the same choice."""
    equal, weighed = decision.map.equal, decision.map.weighed
    return say(
        "Sur {n} tirages neufs, la carte désigne le meilleur à un point près dans {p}, et à {m}, "
        "les moindres écarts qui comptent, dans {a} (toujours le même choix : {w} ; sous toutes "
        "les pondérations, {aw} et {ww}).",
        "In {n} fresh draws the map names the best within a point in {p}, and within {m}, the "
        "least gaps that matter, in {a} (always the same choice: {w}; under all weights, {aw} "
        "and {ww}).",
        m=points(decision.map.margin), n=count(decision.map.fresh), a=percent(equal["map"].margin),
        p=percent(equal["map"].point), w=percent(equal["always"].margin),
        aw=percent(weighed["map"].margin), ww=percent(weighed["always"].margin),
    )  # fmt: skip


def _changes(decision: Decision) -> Text:
    """Say which weights and which policy turn the choice, and how well the map tells."""
    parts = [
        say("Poids qui le renversent, en moyenne des tirages : {w}.",
            "Weights that turn it, in the mean of the draws: {w}.",
            w=turns_text(decision, decision.map.turns))
    ]  # fmt: skip
    leads = {p: max(s, key=s.__getitem__) for p, s in decision.by_policy.items()}
    if len(set(leads.values())) > 1:
        parts.append(say("La règle de connexion change le gagnant : {w}.",
                         "The login policy changes the winner: {w}.",
                         w=enumerate_texts([say("{d} sous {p}", "{d} under {p}", p=p,
                                                d=candidate_name(decision, d))
                                            for p, d in leads.items()])))  # fmt: skip
    elif leads:
        parts.append(Text("La règle de connexion ne change pas le gagnant.",
                          "The login policy does not change the winner."))  # fmt: skip
    parts.append(_accuracy_text(decision))
    return Text(" ".join(p.fr for p in parts), " ".join(p.en for p in parts))


def _next(decision: Decision) -> tuple[Text, list[Text]]:
    if not decision.measure_first:
        none = say(
            "Aucune entrée, seule, ne vaut d'être mesurée avant de choisir : tout savoir ferait "
            "gagner {p}.",
            "No input alone is worth measuring before choosing: knowing everything would gain {p}.",
            p=points(decision.perfect),
        )  # fmt: skip
        return none, []
    worth = say(
        "Tout savoir ferait gagner {p} ; la première de ces mesures, {g} :",
        "Knowing everything would gain {p}; the first of these measures, {g}:",
        p=points(decision.perfect), g=points(decision.measure_first[0].gain.mean),
    )  # fmt: skip
    return worth, [measure_text(each) for each in decision.measure_first]


def _by_design(decision: Decision, criterion: str) -> Text:
    means = decision.means[criterion]
    best = sorted(means, key=means.__getitem__)
    return enumerate_texts([
        say("{x} avec {d}", "{x} with {d}", x=amount(means[name], criterion),
            d=candidate_name(decision, name)) for name in best
    ])  # fmt: skip


def _driver(decision: Decision, criterion: str) -> Text:
    """Name the input that moves the gap between the first two most on a criterion."""
    found = decision.driving(criterion, 1)
    if not found:
        return Text("Aucune entrée, seule, n'y déplace l'écart entre les deux premiers.",
                    "No input alone moves the gap between the first two here.")  # fmt: skip
    return say("L'écart entre les deux premiers y vient d'abord de : {k} ({s} de sa variance).",
               "The gap between the first two comes first from: {k} ({s} of its variance).",
               k=factor_name(found[0].factor.key),
               s=percent(found[0].explains[criterion]))  # fmt: skip


def _criterion_line(decision: Decision, topic: Text, criterion: str) -> Line:
    text = say("En moyenne des tirages : {x}. {d}", "Mean over draws: {x}. {d}",
               x=_by_design(decision, criterion), d=_driver(decision, criterion))  # fmt: skip
    return Line(topic, text, [factor_link(d.factor) for d in decision.driving(criterion)])


def _first(decision: Decision) -> list[Link]:
    """Return links to what is worth most to know, or else moves the choice most."""
    by_index = sorted(decision.drivers, key=lambda d: -_total(d))
    chosen = [d for d in decision.drivers[:MOST] if d.gain.clear > 0] or by_index[:MOST]
    return [factor_link(d.factor) for d in chosen]


def _drivers(decision: Decision) -> Text:
    known = [d for d in decision.drivers if d.index is not None and d.index.known]
    known.sort(key=lambda d: -_total(d))
    if not known:
        return Text("Indices trop incertains pour être donnés : plus de tirages.",
                    "Indices too uncertain to be given: more draws.")  # fmt: skip
    return say(
        "L'écart entre les deux premiers varie surtout par {x} (indices totaux de Sobol').",
        "The gap between the first two varies most by {x} (total Sobol' indices).",
        x=enumerate_texts([
            say("{k} ({s})", "{k} ({s})", k=factor_name(d.factor.key), s=percent(_total(d)))
            for d in known[:MOST]
        ]),
    )  # fmt: skip


def _total(driver: Driver) -> float:
    return driver.index.total if driver.index else 0.0


def _scope(decision: Decision) -> Text:
    drawn = sum(len(f.members) for f in decision.evaluation.factors)
    return say(
        "{k} entrées sans mesure ni publication tirées ensemble ; {r} tirages complets (moteur "
        "compris), {n} par émulateur (erreur moyenne {e}). Les plages sont des hypothèses : ce "
        "qui est dit ici ne vaut que par elles.",
        "{k} inputs that nobody measured or published drawn together; {r} whole draws (engine "
        "included), {n} by emulator (mean error {e}). Ranges are assumptions: what is said here is "
        "worth no more than they are.",
        k=count(drawn), r=count(decision.runs), n=count(decision.draws),
        e=points(sum(100 * decision.emulator.error[c] / decision.scales[c]
                     for c in decision.emulator.error) / len(decision.scales)),
    )  # fmt: skip


def decision_lines(decision: Decision) -> Sequence[Line]:
    """Return the first screen."""
    first = _first(decision)
    chosen, exceptions = _recommended(decision)
    worth, measures = _next(decision)
    return [
        Line(Text("Que choisir ?", "What to choose?"), chosen, first, exceptions),
        Line(Text("Quelle chance d'avoir raison ?", "How likely is that right?"), _sure(decision),
             first),
        Line(Text("Qu'est-ce qui changerait la réponse ?", "What would change the answer?"),
             _changes(decision), first),
        Line(Text("Que mesurer ensuite ?", "What to measure next?"), worth, first, measures),
        _criterion_line(decision, Text("Qui ne peut pas se connecter ?", "Who cannot connect?"),
                        "cannot_connect"),
        _criterion_line(decision, Text("Combien cela coûte-t-il ?", "What does it cost?"),
                        "yearly_cost"),
        Line(Text("D'où vient l'incertitude ?", "Where does uncertainty come from?"),
             _drivers(decision), first),
        Line(Text("Portée", "Scope"), _scope(decision)),
    ]  # fmt: skip
