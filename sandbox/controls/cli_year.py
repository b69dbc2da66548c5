"""`mss-sandbox controls year`: what a regime of controls finds, how late, and what it costs."""

from __future__ import annotations

import json
import math
from itertools import product
from typing import Literal

import click
import numpy as np

from sandbox.controls.year import SAMPLES, Regime, YearOutcome, expected_days, run_year
from sandbox.controls.year_space import Size, Year
from sandbox.space.loader import load_scenario
from sandbox.space.operators import operator_sizes, uses_listed_operators
from sandbox.space.options import json_option
from sandbox.space.scenario import Scenario
from sandbox.space.tables import operator_rows

__all__ = ["size_of", "year"]


def size_of(scenario: Scenario) -> Size:
    """Return how large a scenario's space is: mailboxes expected, domains as listed or one each."""
    mailboxes = tuple(math.ceil(each) for each in np.asarray(operator_sizes(scenario)))
    messages = scenario.traffic.messages / scenario.period.days / sum(mailboxes)
    listed = uses_listed_operators(scenario)
    domains = tuple(row.domains for row in operator_rows()) if listed else (1,) * len(mailboxes)
    return Size(domains=domains, mailboxes=mailboxes, messages=messages)


@click.command()
@click.argument("scenario", default="demo")
@click.option(
    "--every",
    multiple=True,
    type=click.FloatRange(1.0, 365.0),
    metavar="DAYS",
    help="Jours entre deux tournées (répétable) ; défaut 30."
    " / Days between two rounds (repeatable); default 30.",
)
@click.option(
    "--sample",
    "shares",
    multiple=True,
    type=click.FloatRange(0.01, 1.0),
    metavar="SHARE",
    help="Part contrôlée à chaque tournée (répétable) ; défaut 1."
    " / Share looked at each round (repeatable); default 1.",
)
@click.option(
    "--how",
    type=click.Choice(SAMPLES),
    default="random",
    help="Tirée à chaque fois, ou à tour de rôle. / Drawn afresh, or in rotation.",
)
@click.option(
    "--planted",
    type=click.IntRange(2, 1000),
    default=40,
    help="Écarts semés par contrôle. / Violations planted for each control.",
)
@click.option(
    "--mended",
    type=click.FloatRange(0.1, 365.0),
    default=20.0,
    metavar="DAYS",
    help="Délai moyen de correction. / Mean days to mend.",
)
@click.option(
    "--stubborn",
    type=click.FloatRange(0.0, 1.0),
    default=0.1,
    help="Part que personne ne corrige. / Share that nobody mends.",
)
@click.option(
    "--yielding",
    type=click.FloatRange(0.0, 1.0),
    default=0.5,
    help="Part qui corrige, une fois suspendue. / Share that mends once suspended.",
)
@click.option(
    "--appealed",
    type=click.FloatRange(0.0, 1.0),
    default=0.2,
    help="Part des suspensions contestées. / Share of suspensions that are contested.",
)
@click.option(
    "--sanctions/--no-sanctions",
    default=True,
    help="L'échelle a ses effets, ou non. / Whether the ladder has effects.",
)
@click.option(
    "--silent",
    type=click.FloatRange(0.0, 0.5),
    default=0.001,
    help="Probabilité qu'un relais sain se taise. / That a relay in order is silent.",
)
@click.option("--seed", type=int, default=1, help="Graine. / Seed.")
@json_option
def year(
    scenario: str, every: tuple[float, ...], shares: tuple[float, ...],
    how: Literal["random", "rotating"], planted: int, mended: float, stubborn: float,
    yielding: float, appealed: float, sanctions: bool, silent: float, seed: int, as_json: bool,
) -> None:  # fmt: skip
    """Une année de contrôles en temps virtuel. / A year of controls in virtual time.

    Les écarts, leur correction, les recours et les silences sont des hypothèses sans source.
    / Violations, mending, appeals and silences are assumptions without a source.
    """
    size = size_of(load_scenario(scenario))
    happens = Year(planted=planted, mended=mended, stubborn=stubborn, silent=silent, seed=seed,
                   yielding=yielding, appealed=appealed)  # fmt: skip
    rows = []
    for days, share in product(every or (30.0,), shares or (1.0,)):
        regime = Regime(every=days, share=share, sample=how, sanctions=sanctions)
        rows.append((regime, run_year(size, regime, happens)))
    if as_json:
        about = {
            "scenario": scenario, "operators": len(size.domains), "domains": sum(size.domains),
            "mailboxes": sum(size.mailboxes), "planted": planted, "mended_days": mended,
            "stubborn": stubborn, "yielding": yielding, "appealed": appealed, "silent": silent,
            "seed": seed,
        }  # fmt: skip
        click.echo(json.dumps({**about, "regimes": [_tree(*row) for row in rows]}))
        return
    click.echo(
        f"{len(size.domains)} opérateurs / operators, {sum(size.domains)} domaines / domains, "
        f"{sum(size.mailboxes)} BAL ; sans source / no source: {planted} écarts / violations par "
        f"contrôle / control, corrigés en / mended in {mended:g} j / days, "
        f"jamais / never {stubborn:.0%}, silences {silent:.2%}"
    )
    for regime, outcome in rows:
        click.echo(_line(regime, outcome))


def _tree(regime: Regime, outcome: YearOutcome) -> dict[str, object]:
    return {
        "every_days": regime.every, "share": regime.share, "sample": regime.sample,
        "sanctions": regime.sanctions,
        "expected_days_to_find": round(expected_days(regime), 2), **outcome.as_json(),
    }  # fmt: skip


def _line(regime: Regime, outcome: YearOutcome) -> str:
    mean, error = outcome.mean()
    looks = ", ".join(f"{count} {kind}" for kind, count in outcome.looks.items())
    reached = ", ".join(f"{count} {state}" for state, count in outcome.reached.items())
    effects = outcome.effects
    made = ", ".join(f"{count} {what}" for what, count in sorted(effects.made.items())) or "-"
    return (
        f"\n{regime.every:g} j / days, {regime.share:.0%} ({regime.sample})\n"
        f"  trouvé en / found in {mean:.1f} ± {1.96 * error:.1f} j / days"
        f" (théorie / theory {expected_days(regime):.1f})\n"
        f"  {outcome.rounds} tournées / rounds, regards / looks: {looks}\n"
        f"  à tort / false: {sum(outcome.false.values())}   dossiers / cases: {reached}\n"
        f"  sanctions: {made}; recours / appeals: {effects.appeals['upheld']} +, "
        f"{effects.appeals['dismissed']} -\n"
        f"  sans pouvoir envoyer / unable to send: {effects.unable_days:.0f} BAL x j / days, "
        f"{effects.unsent:.0f} messages; "
        f"écarts sur la liste / violations on the list: {effects.exposed_days:.0f} j / days"
    )
