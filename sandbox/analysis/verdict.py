"""The verdict in ten lines: sentences chosen by the numbers of a summary, never by hand.

Reads only what `summary.json` holds, so that a reader can check every line against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.analysis.caveats import cost_text, provisional, ranking_text, rests_on
from sandbox.analysis.metrics import CANNOT_CONNECT, METRICS
from sandbox.analysis.report_page import Line
from sandbox.analysis.standing import (
    FULL,
    PARTS,
    WEIGHED,
    Summary,
    capital,
    mean_of,
    pairs_of,
    quoted,
)
from sandbox.analysis.wording import (
    BARRIERS,
    Text,
    count,
    decimal,
    difference,
    enumerate_texts,
    interval,
    limit,
    measure,
    percent,
    same,
    say,
    signed,
)

__all__ = ["verdict"]


def _join(parts: Sequence[Text]) -> Text:
    return Text(" ".join(p.fr for p in parts), " ".join(p.en for p in parts))


def _shares(summary: Summary) -> dict[str, float]:
    """Return, by design, the share of accesses that cannot connect."""
    return {n: d["compatibility"]["cannot_connect"] for n, d in summary["designs"].items()}


def _least(shares: Mapping[str, float]) -> list[str]:
    """Return the designs that keep fewest out, those that matter no less included."""
    best = min(shares.values())
    return [name for name, share in shares.items() if share - best < CANNOT_CONNECT.threshold]


def _overall(summary: Summary) -> Line:
    """Say what each login policy does to who can connect, and on what that rests."""
    topic = Text("En bref", "In short")
    names = list(summary["designs"])
    if len(names) == 1:
        only = quoted(summary, names[0])
        alone = say(
            "Un seul design, {d} : rien à comparer.", "One design, {d}: nothing to compare.", d=only
        )
        return Line(topic, alone)
    shares = _shares(summary)
    policies: dict[str, dict[str, float]] = {}
    for name, design in summary["designs"].items():
        policies.setdefault(design["login_policy"], {})[name] = shares[name]
    parts = []
    for policy, mine in policies.items():
        best = _least(mine)
        where = (
            Text("autant sous chaque design", "as many under each design")
            if len(best) == len(mine)
            else say("le moins avec {best}", "fewest with {best}",
                     best=enumerate_texts([quoted(summary, name) for name in best]))
        )  # fmt: skip
        ends = {low: percent(mine[low]) for low in (min(mine, key=mine.__getitem__),
                                                    max(mine, key=mine.__getitem__))}  # fmt: skip
        low, high = next(iter(ends.values())), list(ends.values())[-1]
        parts.append(say(
            "Règle {policy}, la même pour tous : {low} à {high} des accès ne peuvent pas se "
            "connecter, {where}.",
            "Policy {policy}, the same for all: {low} to {high} of accesses cannot connect, "
            "{where}.",
            policy=policy, low=low, high=high, where=where,
        ))  # fmt: skip
    orders = {tuple(name.split("/")[0] for name in _least(mine)) for mine in policies.values()}
    if len(orders) > 1:
        parts.insert(0, Text(
            "La règle de connexion change les designs qui excluent le moins : la choisir d'abord.",
            "The login policy changes which designs keep fewest out: choose it first.",
        ))  # fmt: skip
    parts.append(_standing_of_access(summary))
    return Line(topic, _join(parts), rests_on(summary, "access", "cannot_connect"))


def _standing_of_access(summary: Summary) -> Text:
    """Say whether who can connect is established, or rests on values that nobody measured."""
    weak = provisional(summary, "access")
    if not weak:
        return Text("C'est établi : aucune valeur provisoire n'y entre.",
                    "It is established: no placeholder enters it.")  # fmt: skip
    return say(
        "Rien de cela n'est établi : {k} valeurs provisoires y entrent (produits, méthodes).",
        "Nothing of this is established: {k} placeholders enter it (products, methods).",
        k=count(weak),
    )  # fmt: skip


def _scope(summary: Summary) -> Line:
    replications, scale = summary["replications"], summary["scale"]
    stage = summary["first_stage"]
    small = stage is not None and stage["share"] < FULL
    how = (
        say("{n} réplications{small} ; un écart est dit net quand son intervalle apparié à 95 % "
            "(corrigé de Bonferroni) exclut 0, établi s'il ne dépend en outre d'aucune valeur "
            "provisoire",
            "{n} replications{small}; a difference is called clear when its paired 95% interval "
            "(Bonferroni) leaves out 0, established when no placeholder enters it either",
            n=count(replications), small=say(
                " (et {k} d'un échantillon de {share}, qui en donnent la dispersion)",
                " (and {k} of a sample of {share}, which tell their spread)",
                k=count(stage["replications"]), share=limit(stage["share"], "share"),
            ) if small else Text("", ""))
        if replications > 1 or small
        else Text("une seule réplication : pas d'intervalle, les écarts sont observés, non établis",
                  "one replication only: no interval, differences are observed, not established")
    )  # fmt: skip
    parts = [say("{m} messages et {s} sessions par réplication, {how}.",
                 "{m} messages and {s} sessions in each replication, {how}.",
                 m=count(summary["messages"]), s=count(summary["sessions"]), how=how)]  # fmt: skip
    if scale < FULL:
        parts.append(say(
            "Échelle {scale} : les files d'attente sont déformées, attentes et saturations ne "
            "valent pas pour l'échelle réelle.",
            "Scale {scale}: queues are distorted, waits and saturation do not hold at full scale.",
            scale=limit(scale, "share"),
        ))  # fmt: skip
    return Line(Text("Portée", "Scope"), _join(parts))


def _access(summary: Summary) -> Line:
    topic = Text("Qui ne peut pas se connecter", "Who cannot connect")
    shares = _shares(summary)
    lowest, worst = min(shares.values()), max(shares, key=shares.__getitem__)
    if shares[worst] == 0:
        everybody = Text("Tous les accès peuvent se connecter.", "Every access can connect.")
        return Line(topic, everybody)
    found = summary["designs"][worst]["compatibility"]
    causes = found["by_cause"]
    ordered = sorted(causes, key=causes.__getitem__, reverse=True)
    why = enumerate_texts([
        say("{cause} ({share})", "{cause} ({share})", cause=BARRIERS[c], share=percent(causes[c]))
        for c in ordered[:2]
    ])  # fmt: skip
    if len(shares) == 1:
        span = say("{x} des accès", "{x} of accesses", x=percent(shares[worst]))
    elif shares[worst] - lowest < CANNOT_CONNECT.threshold:
        span = say(
            "{x} des accès, presque autant sous chaque design",
            "{x} of accesses, nearly as many under each design", x=percent(shares[worst]),
        )  # fmt: skip
    else:
        best = [quoted(summary, name) for name in _least(shares)]
        span = say(
            "de {low} des accès ({best}) à {high} ({worst})",
            "from {low} of accesses ({best}) to {high} ({worst})",
            low=percent(lowest), high=percent(shares[worst]),
            best=enumerate_texts(best), worst=quoted(summary, worst),
        )  # fmt: skip
    why = say(
        "Pourquoi, au plus haut : {why}. Volume à migrer d'abord, alors : {share} des messages.",
        "Why, at the highest: {why}. Volume to migrate first, then: {share} of messages.",
        why=why, share=percent(found["volume_to_migrate"]["message_share"]),
    )  # fmt: skip
    computed = Text("Calcul exact, webmail à part.", "Computed exactly, webmail apart.")
    return Line(topic, _join([capital(say("{s}.", "{s}.", s=span)), why, computed]),
                rests_on(summary, "access", "cannot_connect"))  # fmt: skip


def _gap(row: Mapping[str, Any], kind: str) -> tuple[str, str, Text]:
    """Return the lower design, the higher one, and the difference with its interval."""
    first, second, gap = row["first"], row["second"], float(row["difference"])
    sign = 1 if gap >= 0 else -1
    if sign < 0:
        first, second = second, first
    text = signed(difference(sign * gap, kind), sign * gap)
    if row["ci95"] is not None:
        low, high = (difference(end, kind) for end in sorted(sign * e for e in row["ci95"]))
        text = say("{text} {ends}", "{text} {ends}", text=text, ends=interval(low, high))
    return first, second, text


def _metric_line(
    summary: Summary, metric: str, rows: Sequence[Mapping[str, Any]],
    doubtful: Sequence[Mapping[str, Any]],
) -> Line:  # fmt: skip
    """Say the widest pair that counts, how many count, and a wider one that may be chance."""
    facts = METRICS[metric]
    widest = max(rows, key=lambda row: abs(row["difference"]))
    first, second, gap = _gap(widest, facts.unit)
    parts = [say(
        "{low} avec {first}, {high} avec {second} : {gap}. Écart {kind} et au-dessus du seuil "
        "utile ({threshold}) pour {k} des {n} paires de designs.",
        "{low} with {first}, {high} with {second}: {gap}. Difference {kind} and above what matters "
        "({threshold}) for {k} of {n} pairs of designs.",
        low=measure(mean_of(summary, first, metric), facts.unit), first=quoted(summary, first),
        high=measure(mean_of(summary, second, metric), facts.unit), second=quoted(summary, second),
        gap=gap, threshold=limit(facts.threshold, facts.unit),
        kind=_kind(summary, metric, clear=bool(widest["significant"])),
        k=count(len(rows)), n=count(len(pairs_of(summary, metric))),
    )]  # fmt: skip
    wider = [r for r in doubtful if abs(r["difference"]) > abs(widest["difference"])]
    if wider:
        parts.append(_doubt(summary, metric, wider))
    return Line(capital(Text(facts.french, facts.english)), _join(parts),
                rests_on(summary, metric, metric))  # fmt: skip


def _kind(summary: Summary, metric: str, *, clear: bool) -> Text:
    """Say how sure a difference is: chance first, then what its inputs are worth."""
    if not clear:
        return Text("observé (sans intervalle)", "observed (no interval)")
    if provisional(summary, metric):
        return Text("net, mais sur des valeurs provisoires,", "clear, but on placeholders,")
    return Text("établi", "established")


def _doubt(summary: Summary, metric: str, rows: Sequence[Mapping[str, Any]]) -> Text:
    """Say the widest difference that matters but whose interval holds 0."""
    facts = METRICS[metric]
    first, second, gap = _gap(max(rows, key=lambda row: abs(row["difference"])), facts.unit)
    return say(
        "Non net malgré un écart de {gap} : {second} contre {first} ; davantage de réplications "
        "trancheraient.",
        "Not clear in spite of a difference of {gap}: {second} against {first}; more "
        "replications would tell.",
        gap=gap, first=quoted(summary, first), second=quoted(summary, second),
    )  # fmt: skip


def _differences(summary: Summary) -> list[Line]:
    """Lines for the metrics that separate designs, then one for those that do not."""
    lines: list[Line] = []
    small: list[Text] = []
    parts: list[Text] = []
    for metric in WEIGHED:
        rows = pairs_of(summary, metric)
        facts = METRICS[metric]
        name = Text(facts.french, facts.english)
        counted = [r for r in rows if r["matters"] and r["significant"] is not False]
        doubtful = [r for r in rows if r["matters"] and r["significant"] is False]
        if counted:
            lines.append(_metric_line(summary, metric, counted, doubtful))
        elif doubtful:
            parts.append(say("{name} : {doubt}", "{name}: {doubt}", name=capital(name),
                             doubt=_doubt(summary, metric, doubtful)))  # fmt: skip
        elif rows:
            small.append(say("{name} (écarts moyens < {x})", "{name} (mean differences < {x})",
                             name=name, x=limit(facts.threshold, facts.unit)))  # fmt: skip
    if small:
        parts.insert(0, say("Trop proches pour décider : {x}.", "Too close to decide on: {x}.",
                            x=enumerate_texts(small)))  # fmt: skip
    if parts:
        topic = Text("Ne départage pas les designs", "Does not separate designs")
        lines.append(Line(topic, _join(parts)))
    return lines


def _breaks(summary: Summary) -> Line:
    """Say how much more traffic each design carries, and what breaks then."""
    groups: dict[tuple[str | None, str | None], list[tuple[str, float]]] = {}
    for name, design in summary["designs"].items():
        found = design["headroom"]
        place = (found["breaks"], found["endpoint"])
        groups.setdefault(place, []).append((name, found["multiplier"]))
    parts = [
        capital(say("{what}{place} : {where}.", "{what}{place}: {where}.", what=PARTS[part],
            place=same(f" ({endpoint})" if endpoint else ""),
            where=enumerate_texts([
                say("{x} fois le trafic d'aujourd'hui avec {design}",
                    "{x} times today's traffic with {design}", x=decimal(multiplier, 1),
                    design=quoted(summary, name))
                for name, multiplier in sorted(members, key=lambda m: m[1])
            ])))
        for (part, endpoint), members in sorted(groups.items(), key=lambda g: min(
            multiplier for _, multiplier in g[1]))
    ]  # fmt: skip
    return Line(Text("Ce qui casse d'abord", "What breaks first"), _join(parts),
                rests_on(summary, "limits"))  # fmt: skip


def verdict(summary: Summary) -> list[Line]:
    """Return the verdict of a summary, ten lines at most."""
    return [
        _overall(summary),
        _access(summary),
        *_differences(summary),
        Line(Text("Coût annuel", "Yearly cost"), cost_text(summary),
             rests_on(summary, "costs", "yearly_cost")),
        _breaks(summary),
        Line(Text("Le classement tient-il ?", "Does the ranking hold?"), ranking_text(summary)),
        _scope(summary),
    ]  # fmt: skip
