"""A decision in French and English: its criteria, its factors, its conditions, its first lines."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.analysis.grid import Link, input_anchor
from sandbox.analysis.report_page import Line
from sandbox.analysis.wording import (
    HARD,
    INCIDENTS,
    Text,
    count,
    decimal,
    difference,
    enumerate_texts,
    euros,
    interval,
    percent,
    same,
    say,
    seconds,
    unit,
)
from sandbox.decision.cases import ChoiceCase, cases_of
from sandbox.decision.criteria import CRITERIA
from sandbox.decision.factors import Factor
from sandbox.decision.observations import Measure
from sandbox.decision.rules import Condition, Rule
from sandbox.decision.study import Decision, Driver
from sandbox.space.tables import inputs

__all__ = [
    "CRITERION_NAMES", "amount", "candidate_name", "condition_text", "decision_lines",
    "factor_anchor", "factor_link", "factor_name", "gap_text", "measure_text", "others_text",
    "points", "rule_text", "turns_text",
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
KINDS: dict[str, Text] = {
    "lps": Text("logiciels de professionnels (LPS)", "practice software (LPS)"),
    "mail_client": Text("logiciels de messagerie", "mail programs"),
    "webmail": Text("webmails", "webmails"),
    "robot": Text("logiciels applicatifs", "application software"),
}
ABILITIES: dict[str, Text] = {
    "plain": Text("parlent PLAIN", "speak PLAIN"),
    "external": Text("parlent EXTERNAL", "speak EXTERNAL"),
    "alone": Text("se connectent par certificat seul", "log in by certificate alone"),
    "xoauth2": Text("parlent XOAUTH2", "speak XOAUTH2"),
    "port_setting": Text("laissent régler le port", "let the port be set"),
    "host_setting": Text("laissent régler l'hôte", "let the host be set"),
    "sni": Text("envoient le nom du serveur (SNI)", "send the server name (SNI)"),
    "certificate_request_fails": Text("échouent quand on leur demande un certificat",
                                      "fail when asked for a certificate"),
    "certificate_request_prompts": Text("ouvrent une fenêtre quand on demande un certificat",
                                        "open a dialogue when asked for a certificate"),
    "tls13": Text("parlent TLS 1.3", "speak TLS 1.3"),
    "resumes": Text("reprennent les sessions TLS", "resume TLS sessions"),
}  # fmt: skip
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
    "duration": (Text("durée relevée", "duration noted"),
                 Text("durées relevées", "durations noted")),
    "quote": (Text("devis ou relevé", "quote or record"),
              Text("devis ou relevés", "quotes or records")),
}  # fmt: skip
PREFIXES = {"imap_": "IMAP", "smtp_": "SMTP"}
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
    hours = count(value)
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


def _ability(leaf: str) -> Text:
    for prefix, protocol in PREFIXES.items():
        if leaf.startswith(prefix):
            text = ABILITIES[leaf.removeprefix(prefix)]
            return Text(f"{text.fr} sur {protocol}", f"{text.en} over {protocol}")
    return ABILITIES[leaf]


def _share_of(key: str) -> tuple[Text, Text] | None:
    """Return of whom a key tells the share, and what they do; None: it tells something else."""
    *path, leaf = key.split(".")
    if leaf.removeprefix("imap_").removeprefix("smtp_") not in ABILITIES:
        return None
    if path[0] == "products":
        who = say("des installations de {p}", "of {p} installations", p=path[1])
        return who, _ability(leaf)
    if path[0] in KINDS:
        return say("des {kind}", "of {kind}", kind=KINDS[path[0]]), _ability(leaf)
    return None


OF_INCIDENTS = {
    "spreads": Text("part des mises en production ratées qui touchent d'autres méthodes",
                    "share of bad deployments that reach other methods"),
    "back_off": Text("pause avant de se reconnecter", "pause before connecting again"),
}  # fmt: skip


def _incident_name(path: Sequence[str]) -> Text:
    if path[1] in OF_INCIDENTS:
        return OF_INCIDENTS[path[1]]
    name = INCIDENTS[path[1]]
    if path[2] == "minutes":
        return say("durée : {i}", "how long: {i}", i=name)
    return say("fréquence : {i}", "how often: {i}", i=name)


def factor_name(key: str) -> Text:
    """Return what a factor is: in words for shares of software and incidents, else its key."""
    share = _share_of(key)
    if share is not None:
        return say("part {w} qui {a}", "share {w} that {a}", w=share[0], a=share[1])
    path = key.split(".")
    if path[0] == "incidents":
        return _incident_name(path)
    if key == "login_policy":
        return Text("règle de connexion", "login policy")
    if key == "populations.*.message_share":
        return Text("répartition des messages", "who sends the messages")
    if key.endswith(".share") and path[0] == "products":
        kind = KINDS.get(path[1], same(path[1]))
        return say("parts de marché des {k}", "market shares of {k}", k=kind)
    if key.endswith((".method_*", ".software_*")):
        what = (Text("répartition des méthodes", "split of methods") if "method" in key
                else Text("répartition des logiciels", "split of software"))  # fmt: skip
        return say("{what} ({p})", "{what} ({p})", what=what, p=path[1])
    return same(key)


def factor_anchor(factor: Factor) -> str:
    """Return the id of the row of a factor's first input."""
    return input_anchor(factor.members[0].key)


def factor_link(factor: Factor) -> Link:
    """Return a link from what rests on a factor to its first input."""
    return Link(factor_name(factor.key), factor_anchor(factor))


def condition_text(each: Condition) -> Text:
    """Return one condition of the map as a sentence part."""
    if each.category:
        name = factor_name(each.key)
        if each.above:
            return say("{n} = {v}", "{n} = {v}", n=name, v=each.category)
        return say("{n} autre que {v}", "{n} other than {v}", n=name, v=each.category)
    share = _share_of(each.key)
    if share is not None:
        bound = decimal(100 * each.value)
        if each.above:
            return say("plus de {x} % {w} {a}", "more than {x}% {w} {a}", x=bound, w=share[0],
                       a=share[1])  # fmt: skip
        return say("au plus {x} % {w} {a}", "at most {x}% {w} {a}", x=bound, w=share[0],
                   a=share[1])  # fmt: skip
    row = inputs().get(each.key)
    what = unit(row.unit) if row else same("")
    digits = 0 if abs(each.value) >= 100 else 1 if abs(each.value) >= 10 else 3
    bound = decimal(each.value, digits)
    if each.above:
        return say("{k} au-dessus de {x} ({u})", "{k} above {x} ({u})",
                   k=factor_name(each.key), x=bound, u=what)  # fmt: skip
    return say("{k} au plus {x} ({u})", "{k} at most {x} ({u})",
               k=factor_name(each.key), x=bound, u=what)  # fmt: skip


def rule_text(rule: Rule | ChoiceCase) -> Text:
    """Return the conditions of a rule or case."""
    if not rule.conditions:
        return Text("dans tous les cas", "in every case")
    return enumerate_texts([condition_text(each) for each in rule.conditions])


def others_text(decision: Decision, rule: Rule | ChoiceCase) -> Text:
    """Return the choice of a rule or case, and those that nothing safe tells from it."""
    names = [candidate_name(decision, name) for name in (rule.candidate, *rule.others)]
    return Text(" ou ".join(t.fr for t in names), " or ".join(t.en for t in names))


def turns_text(decision: Decision, rule: Rule) -> Text:
    """Return which weights turn the choice of a rule, the other criteria sharing the rest."""
    if not rule.turns:
        return Text("aucun jusqu'à 60 %", "none up to 60%")
    criteria = list(CRITERIA)
    return enumerate_texts([
        say("{d} dès que « {c} » pèse {x} %", "{d} from a weight of {x}% on “{c}”",
            d=candidate_name(decision, turn.candidate), c=CRITERION_NAMES[criteria[turn.criterion]],
            x=decimal(100 * turn.weight))
        for turn in rule.turns
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


def _recommended(decision: Decision) -> Text:
    """Say what to choose, and under which conditions something else."""
    best = decision.choice.recommended
    base = say("{d} : le moindre regret attendu, {r}", "{d}: the least expected regret, {r}",
               d=candidate_name(decision, best),
               r=points(decision.choice.together[best].regret))  # fmt: skip
    exceptions = [case for case in cases_of(decision.map.rules) if case.candidate != best]
    if not exceptions:
        return say("{b}. Aucune condition trouvée n'en fait préférer une autre.",
                   "{b}. No condition that was found makes another one better.",
                   b=base)  # fmt: skip
    parts = [
        say("{d} si {c} ({s} des tirages ; juste dans {p})",
            "{d} if {c} ({s} of draws; right in {p})",
            d=others_text(decision, case), c=rule_text(case), p=percent(case.probability),
            s=percent(case.coverage))
        for case in exceptions[:MOST]
    ]  # fmt: skip
    return say("{b}. Sauf : {p}.", "{b}. But: {p}.", b=base,
               p=Text(" ; ".join(t.fr for t in parts), "; ".join(t.en for t in parts)))  # fmt: skip


def _sure(decision: Decision) -> Text:
    choice = decision.choice
    best, rival = choice.recommended, choice.rival
    mine = choice.together[best]
    return say(
        "{d} est le meilleur avec une probabilité de {p} {i}, sur {n} tirages des entrées "
        "incertaines et toutes les pondérations des critères ({e} à poids égaux) ; son suivant, "
        "{r}, {q}. S'il se trompe : {reg} de regret dans un cas sur vingt, sur 100.",
        "{d} is best with probability {p} {i}, over {n} draws of the uncertain inputs and all "
        "weights of the criteria ({e} at equal weights); the next one, {r}, {q}. If it is wrong: a "
        "regret of {reg} out of 100 in one case in twenty.",
        d=candidate_name(decision, best), p=percent(mine.probability), i=_span(mine.interval),
        n=count(decision.draws), e=percent(choice.equal_weights[best]),
        r=candidate_name(decision, rival), q=percent(choice.together[rival].probability),
        reg=points(mine.regret_p95),
    )  # fmt: skip


def _accuracy_text(decision: Decision) -> Text:
    """Say how often the map is right on fresh draws, beside what is possible and trivial."""
    equal, weighed = decision.map.equal, decision.map.weighed
    return say(
        "La carte désigne le meilleur, ou un qui en est à {m} au plus (les moindres écarts qui "
        "comptent), dans {a} de {n} tirages neufs ({p} à un point près, {e} exactement) ; toujours "
        "le même choix, {w} ; une régression sur toutes les entrées, {c}. Sous toutes les "
        "pondérations : {aw}, {ww} et {cw}.",
        "The map names the best, or one within {m} of it (the least gaps that matter), in {a} of "
        "{n} fresh draws ({p} within a point, {e} exactly); always the same choice, {w}; a "
        "regression on every input, {c}. Under all weights: {aw}, {ww} and {cw}.",
        m=points(decision.map.margin), n=count(decision.map.fresh), a=percent(equal["map"].margin),
        p=percent(equal["map"].point), e=percent(equal["map"].exact),
        w=percent(equal["always"].margin), c=percent(equal["ceiling"].margin),
        aw=percent(weighed["map"].margin), ww=percent(weighed["always"].margin),
        cw=percent(weighed["ceiling"].margin),
    )  # fmt: skip


def _changes(decision: Decision) -> Text:
    """Say which weights and which policy turn the choice, and how well the map tells."""
    best = decision.choice.recommended
    usual = next((rule for rule in decision.map.rules if rule.candidate == best), None)
    parts = []
    if usual is not None:
        parts.append(say("Poids qui le renversent : {w}.", "Weights that turn it: {w}.",
                         w=turns_text(decision, usual)))  # fmt: skip
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


def _next(decision: Decision) -> Text:
    if not decision.measure_first:
        return say(
            "Aucune entrée, seule, ne vaut d'être mesurée avant de choisir : tout savoir ferait "
            "gagner {p}.",
            "No input alone is worth measuring before choosing: knowing everything would gain {p}.",
            p=points(decision.perfect),
        )  # fmt: skip
    return say(
        "{m}. Tout savoir ferait gagner {p} ; la première mesure, {g}.",
        "{m}. Knowing everything would gain {p}; the first measure, {g}.",
        m=enumerate_texts([measure_text(each) for each in decision.measure_first]),
        p=points(decision.perfect), g=points(decision.measure_first[0].gain.mean),
    )  # fmt: skip


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
    return [
        Line(Text("Que choisir ?", "What to choose?"), _recommended(decision), first),
        Line(Text("Quelle chance d'avoir raison ?", "How likely is that right?"), _sure(decision),
             first),
        Line(Text("Qu'est-ce qui changerait la réponse ?", "What would change the answer?"),
             _changes(decision), first),
        Line(Text("Que mesurer ensuite ?", "What to measure next?"), _next(decision), first),
        _criterion_line(decision, Text("Qui ne peut pas se connecter ?", "Who cannot connect?"),
                        "cannot_connect"),
        _criterion_line(decision, Text("Combien cela coûte-t-il ?", "What does it cost?"),
                        "yearly_cost"),
        Line(Text("D'où vient l'incertitude ?", "Where does uncertainty come from?"),
             _drivers(decision), first),
        Line(Text("Portée", "Scope"), _scope(decision)),
    ]  # fmt: skip
