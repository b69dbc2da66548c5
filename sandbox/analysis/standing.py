"""Which designs lead on which criterion: the best, and those that nothing tells from the best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.analysis.wording import Text

__all__ = [
    "FULL", "PARTS", "VIEWS", "WEIGHED", "Summary", "capital", "design_name",
    "judged_worse", "leaders", "mean_of", "pairs_of", "quoted",
]  # fmt: skip

Summary = Mapping[str, Any]
WEIGHED = ("failure_share", "person_wait", "machine_latency")
VIEWS = ("low", "central", "high")
PARTS: dict[str | None, Text] = {
    "connections": Text("les connexions simultanées", "connections at once"),
    "front": Text("le processeur de l'endpoint", "the endpoint's processor"),
    "store": Text("le stockage des messages", "the mailbox store"),
    "psc": Text("Pro Santé Connect", "Pro Santé Connect"),
    "sms": Text("les passerelles SMS", "the SMS gateways"),
    "directory": Text("l'annuaire santé", "the directory"),
    None: Text("rien", "nothing"),
}
FULL = 1.0  # scale


def capital(text: Text) -> Text:
    """Return the text with a capital."""
    return Text(text.fr[:1].upper() + text.fr[1:], text.en[:1].upper() + text.en[1:])


def design_name(summary: Summary, name: str) -> Text:
    """Return the label of a design."""
    design = summary["designs"][name]
    return Text(design["label"], design["english"])


def quoted(summary: Summary, name: str) -> Text:
    """Return the label in quotes, without what explains it after a colon."""
    text = design_name(summary, name)
    french, english = (half.split(":")[0].strip() or half for half in (text.fr, text.en))
    return Text(f"«\u00a0{french}\u00a0»", f"“{english}”")


def mean_of(summary: Summary, design: str, metric: str) -> float | None:
    """Return the mean of a metric over replications, None when nobody logged in."""
    value = summary["designs"][design]["metrics"][metric]["mean"]
    return None if value is None else float(value)


def pairs_of(summary: Summary, metric: str) -> list[Mapping[str, Any]]:
    """Return the paired differences of a metric that are known."""
    return [
        row for row in summary["paired"]
        if row["metric"] == metric and row["difference"] is not None
    ]  # fmt: skip


def judged_worse(summary: Summary, metric: str, design: str, best: str) -> bool:
    """Tell whether a design is worse than the best by what matters, and not by chance.

    With one replication there is no interval: a difference that matters counts as observed.
    """
    for row in pairs_of(summary, metric):
        if {row["first"], row["second"]} == {design, best}:
            return bool(row["matters"] and row["significant"] is not False)
    return False


def leaders(summary: Summary) -> dict[str, set[str]]:
    """Return, by metric and for headroom, the best designs and those not told from them."""
    names = list(summary["designs"])
    found: dict[str, set[str]] = {}
    for metric in WEIGHED:
        means = {name: mean_of(summary, name, metric) for name in names}
        known = {name: value for name, value in means.items() if value is not None}
        if not known:
            found[metric] = set(names)
            continue
        best = min(known, key=known.__getitem__)
        found[metric] = {
            name for name in known
            if name == best or not judged_worse(summary, metric, name, best)
        }  # fmt: skip
    headroom = {name: summary["designs"][name]["headroom"] for name in names}
    best_low = max(each["low"] for each in headroom.values())
    found["headroom"] = {name for name, each in headroom.items() if each["high"] >= best_low}
    return found
