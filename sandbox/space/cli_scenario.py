"""`mss-sandbox scenario`: check a scenario file, print its schema, list the shipped ones."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from sandbox.space.executions import key_groups, value_of
from sandbox.space.loader import (
    find_scenario,
    given_keys,
    json_schema,
    load_scenario,
    scenario_names,
)
from sandbox.space.options import json_option
from sandbox.space.population import build_space

__all__ = ["scenario"]


@click.group()
def scenario() -> None:
    """Vérifie et décrit les scénarios. / Checks and describes scenarios."""


@scenario.command()
@click.argument("file")
@json_option
def check(file: str, *, as_json: bool) -> None:
    """Vérifie FILE (un chemin ou un nom livré). / Checks FILE (a path or a shipped name).

    Dit aussi où vaut chaque paramètre. / Says too where each input holds.
    """
    loaded = load_scenario(file)
    space = build_space(loaded)
    for name in loaded.compare:
        loaded.design(name)
    facts = {
        "scenario": loaded.name,
        "title": loaded.title,
        "period": f"{loaded.period.start} + {loaded.period.days} d",
        "operators": len(space.operators),
        "mailboxes": int(space.mailboxes.sum()),
        "accesses": len(space.accesses),
        "messages": round(space.messages),
        "designs": list(loaded.compare),
        "keys_given": sorted(given_keys(file)),
    }
    groups = key_groups(loaded)
    if as_json:
        click.echo(json.dumps(facts | {"keys": asdict(groups)}, ensure_ascii=False))
        return
    click.echo(f"{find_scenario(file)} : valide / valid")
    for key, value in facts.items():
        click.echo(f"  {key:<11} {', '.join(value) if isinstance(value, list) else value}")
    click.echo("\nTenu sur le fil et simulé / held on the wire and simulated")
    for key in groups.both:
        click.echo(f"  {key} = {value_of(loaded, key)}")
    for title, reasons in (
        ("Simulé seulement / simulated only", groups.simulated),
        ("Sur le fil seulement / on the wire only", groups.live),
    ):
        click.echo(f"\n{title}")
        for reason, keys in _by_reason(reasons).items():
            click.echo(f"  {reason}\n    {', '.join(keys)}")
    if groups.refused:
        click.echo("\nRefusé par / refused by mss-sandbox up")
    for key, reason in groups.refused.items():
        click.echo(f"  {key} = {value_of(loaded, key)}: {reason}")


def _by_reason(reasons: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, reason in reasons.items():
        found.setdefault(reason, []).append(key)
    return found


@scenario.command()
def schema() -> None:
    """Écrit le schéma JSON pour éditeurs. / Prints the JSON Schema for editors."""
    click.echo(json.dumps(json_schema(), ensure_ascii=False, indent=1))


@scenario.command(name="list")
def list_() -> None:
    """Liste les scénarios livrés. / Lists the shipped scenarios."""
    for name in scenario_names():
        loaded = load_scenario(name)
        click.echo(f"{name:<14} {loaded.title} / {loaded.title_en}")
