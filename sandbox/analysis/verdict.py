"""The verdict in ten lines: sentences chosen by the numbers of a summary, never by hand.

Reads only what `summary.json` holds, so that a reader can check every line against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.analysis.caveats import cost_text, ranking_text
from sandbox.analysis.metrics import METRICS
from sandbox.analysis.standing import (
    CRITERIA,
    FULL,
    PARTS,
    WEIGHED,
    Summary,
    capital,
    leaders,
    mean_of,
    pairs_of,
    quoted,
)
from sandbox.analysis.wording import (
    CAUSES,
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

__all__ = ["Line", "verdict"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what it is about, and what the numbers say."""

    topic: Text
    text: Text


def _join(parts: Sequence[Text]) -> Text:
    return Text(" ".join(p.fr for p in parts), " ".join(p.en for p in parts))


def _overall(summary: Summary) -> Line:
    """Say who leads on how many criteria."""
    topic = Text("En bref", "In short")
    names = list(summary["designs"])
    if len(names) == 1:
        only = quoted(summary, names[0])
        alone = say(
            "Un seul design, {d} : rien à comparer.", "One design, {d}: nothing to compare.", d=only
        )
        return Line(topic, alone)
    found = leaders(summary)
    scores = {name: sum(name in members for members in found.values()) for name in names}
    ordered = sorted(names, key=lambda name: -scores[name])
    top = [name for name in ordered if scores[name] == len(CRITERIA)]
    if top:
        opening = say(
            "Sur {n} critères ({criteria}), aucun autre design ne bat {who}.",
            "On {n} criteria ({criteria}), no other design beats {who}.",
            who=enumerate_texts([quoted(summary, name) for name in top]),
            n=count(len(CRITERIA)), criteria=enumerate_texts(list(CRITERIA.values())),
        )  # fmt: skip
    else:
        opening = say(
            "Aucun design n'est au mieux sur les {n} critères ({criteria}).",
            "No design is best on all {n} criteria ({criteria}).",
            n=count(len(CRITERIA)), criteria=enumerate_texts(list(CRITERIA.values())),
        )  # fmt: skip
    each = enumerate_texts([
        say("{d}\u00a0({k})", "{d}\u00a0({k})", d=quoted(summary, name), k=count(scores[name]))
        for name in ordered
    ])  # fmt: skip
    score = say(
        "Critères où chacun est le meilleur ou à égalité avec lui : {each}.",
        "Criteria where each is best or level with the best: {each}.", each=each,
    )  # fmt: skip
    return Line(topic, _join([opening, score]))


def _scope(summary: Summary) -> Line:
    replications, scale = summary["replications"], summary["scale"]
    how = (
        say("{n} réplications ; un écart est dit établi quand son intervalle apparié à 95 % "
            "(corrigé de Bonferroni) exclut 0",
            "{n} replications; a difference is called established when its paired 95% interval "
            "(Bonferroni) leaves out 0", n=count(replications))
        if replications > 1
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
    shares = {name: mean_of(summary, name, "cannot_connect") or 0.0 for name in summary["designs"]}
    lowest, worst = min(shares.values()), max(shares, key=shares.__getitem__)
    if shares[worst] == 0:
        everybody = Text("Tous les accès peuvent se connecter.", "Every access can connect.")
        return Line(topic, everybody)
    causes = summary["designs"][worst]["cannot_connect"]
    ordered = sorted(causes, key=causes.__getitem__, reverse=True)
    why = enumerate_texts([
        say("{cause} ({share})", "{cause} ({share})", cause=CAUSES[c], share=percent(causes[c]))
        for c in ordered[:2]
    ])  # fmt: skip
    threshold = METRICS["cannot_connect"].threshold
    if len(shares) == 1:
        span = say("{x} des accès", "{x} of accesses", x=percent(shares[worst]))
    elif shares[worst] - lowest < threshold:
        span = say(
            "{x} des accès, presque autant sous chaque design",
            "{x} of accesses, nearly as many under each design", x=percent(shares[worst]),
        )  # fmt: skip
    else:
        best = [quoted(summary, name) for name in shares if shares[name] - lowest < threshold]
        span = say(
            "de {low} des accès ({best}) à {high} ({worst})",
            "from {low} of accesses ({best}) to {high} ({worst})",
            low=percent(lowest), high=percent(shares[worst]),
            best=enumerate_texts(best), worst=quoted(summary, worst),
        )  # fmt: skip
    why = say("Pourquoi, au plus haut : {why}.", "Why, at the highest: {why}.", why=why)
    return Line(topic, _join([capital(say("{s}.", "{s}.", s=span)), why]))


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
        kind=Text("établi", "established") if widest["significant"]
        else Text("observé (sans intervalle)", "observed (no interval)"),
        k=count(len(rows)), n=count(len(pairs_of(summary, metric))),
    )]  # fmt: skip
    wider = [r for r in doubtful if abs(r["difference"]) > abs(widest["difference"])]
    if wider:
        parts.append(_doubt(summary, metric, wider))
    return Line(capital(Text(facts.french, facts.english)), _join(parts))


def _doubt(summary: Summary, metric: str, rows: Sequence[Mapping[str, Any]]) -> Text:
    """Say the widest difference that matters but whose interval holds 0."""
    facts = METRICS[metric]
    first, second, gap = _gap(max(rows, key=lambda row: abs(row["difference"])), facts.unit)
    return say(
        "Non établi malgré un écart de {gap} : {second} contre {first} ; davantage de réplications "
        "trancheraient.",
        "Not established in spite of a difference of {gap}: {second} against {first}; more "
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
    return Line(Text("Ce qui casse d'abord", "What breaks first"), _join(parts))


def verdict(summary: Summary) -> list[Line]:
    """Return the verdict of a summary, ten lines at most."""
    return [
        _overall(summary),
        _access(summary),
        *_differences(summary),
        Line(Text("Coût annuel", "Yearly cost"), cost_text(summary)),
        _breaks(summary),
        Line(Text("Le classement tient-il ?", "Does the ranking hold?"), ranking_text(summary)),
        _scope(summary),
    ]
