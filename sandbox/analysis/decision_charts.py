"""The figures of a decision: who is best by criterion, what drives the gap."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sandbox.analysis.canvas import LANGUAGES, colours, render, sheet
from sandbox.analysis.charts import share_axis, wrapped
from sandbox.analysis.decision_names import factor_name, rule_text
from sandbox.analysis.decision_words import CRITERION_NAMES, candidate_name
from sandbox.analysis.palette import INDEX_COLOURS, SPAN
from sandbox.analysis.wording import Text
from sandbox.decision.study import Decision

__all__ = ["decision_images", "rule_bars", "tornado", "winners"]

MOST = 12


def winners(decision: Decision, language: str) -> Figure:
    """Stacked bars: by criterion and together, the probability that each candidate is best."""
    rows = [("", decision.choice.together), *decision.choice.by_criterion.items()]
    names = {"": Text("ensemble, toutes pondérations", "together, all weights"), **CRITERION_NAMES}
    shades = colours(tuple(name.split("/")[0] for name in decision.names))
    with sheet(9.0, 0.5 * len(rows) + 1.6) as figure:
        axes: Any = figure.subplots()
        left = np.zeros(len(rows))
        places = np.arange(len(rows), dtype=float)
        for number, name in enumerate(decision.names):
            values = np.array([standings[name].probability for _, standings in rows])
            label = candidate_name(decision, name)[language].strip("«»“”\u00a0")
            axes.barh(places, values, 0.6, left=left, color=shades[name.split("/")[0]],
                      label=label, edgecolor="white", hatch=None if number % 2 == 0 else ""
                      )  # fmt: skip
            left += values
        axes.set_yticks(places, [wrapped(names[key][language], 34) for key, _ in rows])
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.grid(visible=False, axis="y")
        share_axis(axes.xaxis, language)
        axes.set_xlabel(Text("probabilité d'être le meilleur (partagée entre ex æquo)",
                             "probability of being best (shared between equals)")[language
                             ])  # fmt: skip
        figure.legend(loc="outside upper left", ncols=2)
        return figure


def rule_bars(decision: Decision, language: str) -> Figure:
    """Draw the map: a bar for each rule, as long as its coverage, pale where it errs."""
    rules = decision.map.rules
    names = [wrapped(rule_text(rule)[language], 70) for rule in rules]
    shades = colours(tuple(name.split("/")[0] for name in decision.names))
    lines = sum(name.count("\n") + 1 for name in names)
    with sheet(9.0, 0.2 * lines + 0.3 * len(rules) + 1.3) as figure:
        axes: Any = figure.subplots()
        shown = set()
        for place, rule in enumerate(rules):
            colour, right = shades[rule.candidate.split("/")[0]], rule.coverage * rule.probability
            label = candidate_name(decision, rule.candidate)[language].strip("«»“”\u00a0")
            axes.barh(place, rule.coverage, 0.7, color=colour, alpha=0.3)
            axes.barh(place, right, 0.7, color=colour, label=None if label in shown else label)
            shown.add(label)
        axes.set_yticks(range(len(rules)), names)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        share_axis(axes.xaxis, language)
        axes.set_xlabel(Text("part des tirages", "share of draws")[language])
        figure.legend(loc="outside upper left", ncols=2)
        return figure


def tornado(decision: Decision, language: str) -> Figure:
    """Bars with intervals: total and first Sobol' indices of the gap; others together last."""
    known = [d for d in decision.drivers if d.index is not None and d.index.known]
    known.sort(key=lambda d: -(d.index.total if d.index else 0.0))
    rows = [(factor_name(d.factor.key)[language], d.index) for d in known[:MOST] if d.index]
    rows.append((Text("toutes les autres", "all others")[language], decision.others))
    with sheet(9.0, 0.36 * len(rows) + 1.3) as figure:
        axes: Any = figure.subplots()
        places = np.arange(len(rows), dtype=float)
        for shift, label, column in (
            (-0.18, Text("indice total", "total index"), "total"),
            (0.18, Text("du premier ordre", "first order"), "first"),
        ):
            values = [getattr(index, column) for _, index in rows]
            halves = [getattr(index, f"{column}_half") for _, index in rows]
            axes.barh(places + shift, values, 0.34, color=INDEX_COLOURS[column],
                      label=label[language], xerr=halves, ecolor=SPAN)  # fmt: skip
        axes.set_yticks(places, [wrapped(name, 48) for name, _ in rows])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        share_axis(axes.xaxis, language)
        axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
        axes.set_xlabel(Text("part de la variance de l'écart entre les deux premiers",
                             "share of the variance of the gap between the first two")[language
                             ])  # fmt: skip
        figure.legend(loc="outside upper left", ncols=2)
        return figure


def decision_images(decision: Decision) -> dict[tuple[str, str], str]:
    """Return the figures as data addresses, by name and language."""
    found = {}
    for name, draw in (("winners", winners), ("map", rule_bars), ("tornado", tornado)):
        for language in LANGUAGES:
            data = base64.b64encode(render(draw(decision, language), "svg")).decode("ascii")
            found[name, language] = f"data:image/svg+xml;base64,{data}"
    return found
