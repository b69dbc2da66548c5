"""A comparison can run on the topology of a list."""

from __future__ import annotations

import tomllib
from datetime import date

from sandbox.space.loader import parse_scenario
from sandbox.space.population import build_space
from sandbox.trust.cli_from_list import scenario_text
from sandbox.trust.topology import ListedOperator


def row(name: str, domains: int, certificates: int) -> ListedOperator:
    return ListedOperator(
        name=name, identifier="119999993", identifier_kind="FINESS",
        domains=tuple(f"d{n}.mssante.test" for n in range(domains)), shared=(),
        certificates=tuple(f"CN={n}" for n in range(certificates)),
    )  # fmt: skip


ROWS = [row("Clinique Éloïse", 5, 2), row("CLINIQUE ELOISE", 3, 1), row("Sans domaine", 0, 1)]
TEXT = scenario_text(ROWS, generated=date(2025, 2, 28), base="demo")


def test_mailboxes_follow_the_domains_of_the_list() -> None:
    scenario = parse_scenario({"name": "liste"} | tomllib.loads(TEXT), "liste.toml")
    space = build_space(scenario, scale=0.01)
    assert space.operators == ("clinique-eloise", "clinique-eloise-2")
    first, second = space.operator_mailboxes
    assert abs(first / (first + second) - 5 / 8) < 0.01


def test_an_operator_without_domain_is_left_out() -> None:
    assert "sans-domaine" not in TEXT


def test_the_base_gives_period_and_messages() -> None:
    tree = tomllib.loads(TEXT)
    assert tree["period"]["days"] == 7
    assert tree["traffic"]["messages"] == 27000
