"""The verdict in ten lines: sentences chosen by the numbers of a summary, never by hand.

Reads only what `summary.json` holds, so that a reader can check every line against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

from sandbox.analysis.metrics import METRICS
from sandbox.analysis.wording import (
    CAUSES,
    Text,
    count,
    decimal,
    difference,
    enumerate_texts,
    euros,
    limit,
    measure,
    percent,
    same,
    say,
    signed,
)

__all__ = ["Line", "design_name", "verdict"]

WEIGHED = ("undelivered", "failure_share", "user_wait", "machine_latency")
LIMITS: dict[str, Text] = {
    "slots_peak": Text("les connexions simultanées d'un opérateur", "one operator's connections"),
    "processor_peak": Text("le processeur d'un endpoint", "one endpoint's processor"),
    "psc_peak": Text("Pro Santé Connect", "Pro Santé Connect"),
}
# What each result rests on: inputs by key, to say how much of it nobody measured or published.
RESTS_ON: dict[str, tuple[str, ...]] = {
    "mechanism": ("software.*.sasl_external", "software.*.xoauth2", "populations.*.method_*"),
    "certificate_request": ("software.*.certificate_request_fails",),
    "port_setting": ("software.*.port_setting",),
    "method_url": ("software.*.method_url",),
    "port_blocked": ("populations.*.port_blocked",),
    "waits": ("methods.*",),
    "limits": ("resources.*", "processor.*", "backends.psc.*"),
    "costs": ("costs.*",),
}
MOST_KEYS = 5
FULL = 1.0

Summary = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what it is about, and what the numbers say."""

    topic: Text
    text: Text


def design_name(summary: Summary, name: str) -> Text:
    """Return the label of a design."""
    design = summary["designs"][name]
    return Text(design["label"], design["english"])


def _quoted(summary: Summary, name: str) -> Text:
    """Return the label, without what explains it after a colon."""
    text = design_name(summary, name)
    text = Text(*(half.split(":")[0].strip() or half for half in (text.fr, text.en)))
    return Text(f"«\u00a0{text.fr}\u00a0»", f"“{text.en}”")


def _mean(summary: Summary, design: str, metric: str) -> float | None:
    value = summary["designs"][design]["metrics"][metric]["mean"]
    return None if value is None else float(value)


def _scope(summary: Summary) -> Line:
    replications, scale = summary["replications"], summary["scale"]
    text = say(
        "{m} messages et {s} sessions par réplication, {r}.",
        "{m} messages and {s} sessions in each replication, {r}.",
        m=count(summary["messages"]),
        s=count(summary["sessions"]),
        r=say(
            "{n} réplications ; un écart est dit établi quand son intervalle apparié à 95 % "
            "(corrigé de Bonferroni) exclut 0",
            "{n} replications; a difference is called established when its paired 95% interval "
            "(Bonferroni) leaves out 0",
            n=count(replications),
        )
        if replications > 1
        else Text(
            "une seule réplication : pas d'intervalle, les écarts sont observés, non établis",
            "one replication only: no interval, differences are observed, not established",
        ),
    )
    if scale < FULL:
        text = say(
            "{before} Échelle {scale} : les files d'attente sont déformées, attentes et "
            "saturations ne valent pas pour l'échelle réelle.",
            "{before} Scale {scale}: queues are distorted, waits and saturation do not hold "
            "at full scale.",
            before=text,
            scale=percent(scale),
        )
    return Line(Text("Portée", "Scope"), text)


def _access(summary: Summary) -> Line:
    topic = Text("Qui ne peut pas se connecter", "Who cannot connect")
    shares = {name: _mean(summary, name, "cannot_connect") or 0.0 for name in summary["designs"]}
    best, worst = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
    if shares[worst] == 0:
        return Line(
            topic, Text("Tous les accès peuvent se connecter.", "Every access can connect.")
        )
    causes = summary["designs"][worst]["cannot_connect"]
    ordered = sorted(causes, key=causes.__getitem__, reverse=True)
    why = enumerate_texts([
        say("{cause} ({share})", "{cause} ({share})", cause=CAUSES[c], share=percent(causes[c]))
        for c in ordered[:2]
    ])  # fmt: skip
    if shares[worst] - shares[best] < METRICS["cannot_connect"].threshold:
        span = say(
            "{share} des accès"
            + (", presque autant sous chaque design" if len(shares) > 1 else ""),
            "{share} of accesses"
            + (", nearly as many under each design" if len(shares) > 1 else ""),
            share=percent(shares[worst]),
        )
    else:
        span = say(
            "de {low} des accès ({best}) à {high} ({worst})",
            "from {low} of accesses ({best}) to {high} ({worst})",
            low=percent(shares[best]), high=percent(shares[worst]),
            best=_quoted(summary, best), worst=_quoted(summary, worst),
        )  # fmt: skip
    text = say(
        "{span}. Pourquoi, au plus haut : {why}.", "{span}. Why, at the highest: {why}.",
        span=span, why=why,
    )  # fmt: skip
    return Line(topic, Text(text.fr[0].upper() + text.fr[1:], text.en[0].upper() + text.en[1:]))


def _pairs(summary: Summary, metric: str) -> list[Mapping[str, Any]]:
    return [
        row for row in summary["paired"]
        if row["metric"] == metric and row["difference"] is not None
    ]  # fmt: skip


def _metric_line(summary: Summary, metric: str, rows: Sequence[Mapping[str, Any]]) -> Line:
    """Say the widest of the pairs that count, and how many there are."""
    facts = METRICS[metric]
    widest = max(rows, key=lambda row: abs(row["difference"]))
    first, second = widest["first"], widest["second"]
    gap = float(widest["difference"])
    if gap < 0:
        first, second, gap = second, first, -gap
    gap_text = signed(difference(gap, facts.unit), gap)
    if widest["ci95"] is not None:
        sign = 1 if widest["difference"] > 0 else -1
        low, high = (
            difference(end, facts.unit) for end in sorted(sign * e for e in widest["ci95"])
        )
        gap_text = Text(
            f"{gap_text.fr} [{low.fr} ; {high.fr}]", f"{gap_text.en} [{low.en}; {high.en}]"
        )
    total = len(_pairs(summary, metric))
    text = say(
        "{low} avec {first}, {high} avec {second} : {gap}. Écart {kind} et au-dessus du seuil "
        "utile ({threshold}) pour {k} des {n} paires de designs.",
        "{low} with {first}, {high} with {second}: {gap}. Difference {kind} and above what matters "
        "({threshold}) for {k} of {n} pairs of designs.",
        low=measure(_mean(summary, first, metric), facts.unit), first=_quoted(summary, first),
        high=measure(_mean(summary, second, metric), facts.unit), second=_quoted(summary, second),
        gap=gap_text, threshold=limit(facts.threshold, facts.unit),
        kind=Text("établi", "established") if widest["significant"]
        else Text("observé (sans intervalle)", "observed (no interval)"),
        k=count(len(rows)), n=count(total),
    )  # fmt: skip
    topic = Text(facts.french, facts.english)
    return Line(Text(topic.fr[0].upper() + topic.fr[1:], topic.en[0].upper() + topic.en[1:]), text)


def _differences(summary: Summary) -> list[Line]:
    """Lines for the metrics that separate designs, then one for those that do not."""
    if len(summary["designs"]) == 1:
        values = enumerate_texts([
            say("{what} : {value}", "{what}: {value}",
                what=Text(METRICS[m].french, METRICS[m].english),
                value=measure(_mean(summary, next(iter(summary["designs"])), m), METRICS[m].unit))
            for m in WEIGHED
        ])  # fmt: skip
        return [Line(Text("Un seul design", "One design"), say(
            "Rien à comparer. {values}.", "Nothing to compare. {values}.", values=values))]  # fmt: skip
    lines: list[Line] = []
    small: list[Text] = []
    unproved: list[Text] = []
    for metric in WEIGHED:
        rows = _pairs(summary, metric)
        name = Text(METRICS[metric].french, METRICS[metric].english)
        counted = [r for r in rows if r["matters"] and r["significant"] is not False]
        if counted:
            lines.append(_metric_line(summary, metric, counted))
        elif any(r["matters"] for r in rows):
            unproved.append(name)
        elif rows:
            small.append(say("{name} (écarts < {limit})", "{name} (differences < {limit})", name=name,
                             limit=limit(METRICS[metric].threshold, METRICS[metric].unit)))  # fmt: skip
    parts = []
    if small:
        parts.append(say("Trop proches pour décider : {x}.", "Too close to decide on: {x}.",
                         x=enumerate_texts(small)))  # fmt: skip
    if unproved:
        parts.append(say("Non établi (l'intervalle contient 0) : {x}.",
                         "Not established (the interval holds 0): {x}.",
                         x=enumerate_texts(unproved)))  # fmt: skip
    if parts:
        text = Text(" ".join(p.fr for p in parts), " ".join(p.en for p in parts))
        lines.append(Line(Text("Ne départage pas les designs", "Does not separate designs"), text))
    return lines


def _cost(summary: Summary) -> Line:
    bills = {name: design["yearly_cost_euros"] for name, design in summary["designs"].items()}
    topic = Text("Coût annuel", "Yearly cost")

    def amount(name: str) -> Text:
        bill = bills[name]
        low, central, high = (euros(bill[view]["total"]) for view in ("low", "central", "high"))
        return say("{name} {central} [{low} ; {high}]", "{name} {central} [{low}; {high}]",
                   name=_quoted(summary, name), central=central, low=low, high=high)  # fmt: skip

    orders = {
        view: sorted(bills, key=lambda n, v=view: bills[n][v]["total"])  # type: ignore[misc]
        for view in ("low", "central", "high")
    }
    if len(bills) == 1:
        return Line(topic, say("{a}.", "{a}.", a=amount(orders["central"][0])))
    steady = orders["low"] == orders["central"] == orders["high"]
    text = say(
        "du moins cher, {a}, au plus cher, {b}. {order}",
        "from the cheapest, {a}, to the dearest, {b}. {order}",
        a=amount(orders["central"][0]), b=amount(orders["central"][-1]),
        order=Text("L'ordre des designs est le même aux hypothèses basses et hautes.",
                   "The order of designs is the same under low and high assumptions.") if steady
        else Text("L'ordre des designs change entre hypothèses basses et hautes.",
                  "The order of designs changes between low and high assumptions."),
    )  # fmt: skip
    return Line(topic, Text(text.fr[0].upper() + text.fr[1:], text.en[0].upper() + text.en[1:]))


def _breaks(summary: Summary) -> Line:
    """Name, for each design, the resource nearest its limit."""
    groups: dict[str, list[tuple[str, float]]] = {}
    for name in summary["designs"]:
        loads = {metric: _mean(summary, name, metric) for metric in LIMITS}
        known = {metric: value for metric, value in loads.items() if value is not None}
        if known:
            tightest = max(known, key=known.__getitem__)
            groups.setdefault(tightest, []).append((name, known[tightest]))
    parts = [
        say("{what} : {where}", "{what}: {where}", what=LIMITS[metric],
            where=enumerate_texts([
                say("{share} avec {design}", "{share} with {design}", share=percent(load),
                    design=_quoted(summary, name))
                for name, load in sorted(members, key=lambda m: -m[1])
            ]))
        for metric, members in groups.items()
    ]  # fmt: skip
    full = any(load >= FULL for members in groups.values() for _, load in members)
    text = Text(". ".join(_capital(p.fr) for p in parts), ". ".join(_capital(p.en) for p in parts))
    topic = (
        Text("Ce qui sature d'abord", "What breaks first") if full
        else Text("Ce qui est le plus près de saturer", "What is nearest its limit")
    )  # fmt: skip
    return Line(topic, Text(text.fr + ".", text.en + "."))


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _ranking(summary: Summary) -> Line:
    topic = Text("Le classement tient-il ?", "Does the ranking hold?")
    found = summary["sensitivity"]
    if found is None:
        return Line(topic, Text(
            "Sensibilité non calculée : on ne sait pas si le classement résiste aux entrées incertaines.",
            "Sensitivity was not computed: whether the ranking survives uncertain inputs is unknown.",
        ))  # fmt: skip
    metrics: dict[str, set[str]] = {}
    for change in found["ranking_changes"]:
        metrics.setdefault(change["key"], set()).update(change["metrics"])
    keys = sorted(metrics, key=lambda key: (-len(metrics[key]), key))
    tested = say(
        "{n} entrées incertaines poussées une à une à leurs bornes ({a} accès, une semaine)",
        "{n} uncertain inputs moved one by one to both ends ({a} accesses, one week)",
        n=count(found["inputs_varied"]), a=count(found["accesses"]),
    )  # fmt: skip
    if not keys:
        text = say("{t} : aucune ne change l'ordre des designs de plus que le seuil utile.",
                   "{t}: none changes the order of designs by more than what matters.", t=tested)  # fmt: skip
    else:
        shown = ", ".join(keys[:MOST_KEYS]) + (", …" if len(keys) > MOST_KEYS else "")
        text = say(
            "{t} : {k} changent l'ordre des designs sur une mesure au moins ({keys}). À mesurer "
            "avant de décider sur ces mesures.",
            "{t}: {k} change the order of designs on at least one measure ({keys}). Measure them "
            "before deciding on these.",
            t=tested, k=count(len(keys)), keys=same(shown),
        )  # fmt: skip
    return Line(topic, text)


def _basis(summary: Summary) -> Line:
    """Say which results rest on inputs that nobody measured or published."""
    rows = summary["assumptions"]
    causes = {c for d in summary["designs"].values() for c in d["cannot_connect"] if c in RESTS_ON}
    results = [
        (Text("qui peut se connecter", "who can connect"), sum((RESTS_ON[c] for c in causes), ())),
        (Text("les attentes", "waits"), RESTS_ON["waits"]),
        (Text("les saturations", "saturation"), RESTS_ON["limits"]),
        (Text("les coûts", "costs"), RESTS_ON["costs"]),
    ]
    parts = []
    for name, patterns in results:
        mine = [r for r in rows if any(fnmatch(r["key"], pattern) for pattern in patterns)]
        weak = sum(r["knowledge"] in {"placeholder", "expert guess"} for r in mine)
        if weak:
            parts.append(say("{name} ({k} entrées sur {n})", "{name} ({k} of {n} inputs)",
                             name=name, k=count(weak), n=count(len(mine))))  # fmt: skip
    guesses = sum(r["knowledge"] == "expert guess" for r in rows)
    placeholders = sum(r["knowledge"] == "placeholder" for r in rows)
    share = decimal(100 * (guesses + placeholders) / max(1, len(rows)))
    text = say(
        "{p} valeurs provisoires et {g} avis d'expert sur {n} entrées ({share} %).",
        "{p} placeholders and {g} expert guesses among {n} inputs ({share}%).",
        p=count(placeholders), g=count(guesses), n=count(len(rows)), share=share,
    )  # fmt: skip
    if parts:
        text = say("{a} En dépendent : {b}.", "{a} Resting on them: {b}.", a=text,
                   b=enumerate_texts(parts))  # fmt: skip
    return Line(Text("Ce qui repose sur des valeurs non mesurées", "What rests on guesses"), text)


def verdict(summary: Summary) -> list[Line]:
    """Return the verdict of a summary, ten lines at most."""
    return [
        _scope(summary),
        _access(summary),
        *_differences(summary),
        _cost(summary),
        _breaks(summary),
        _ranking(summary),
        _basis(summary),
    ]
