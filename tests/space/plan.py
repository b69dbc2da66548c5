"""A small plan to move: one wave, eight quarters."""

from __future__ import annotations

from typing import Any

from sandbox.space.loader import load_scenario, parse_scenario
from sandbox.space.scenario import Scenario
from sandbox.space.tables import inputs

# All software of editors: what a site installs, and robots.
PRODUCTS = [
    key.split(".")[1] for key, row in inputs().items()
    if key.startswith("products.") and key.endswith(".kind") and row.value != "webmail"
]  # fmt: skip
PLAN: dict[str, Any] = {
    "start": "2022-01-01", "ecps": [0.2] * 8, "psc_ciba": "2022-01-01", "retire": "2023-07-01",
    "waves": [{"editors": "tous", "products": PRODUCTS, "quarter": 2}],
}  # fmt: skip


def planned(changes: dict[str, Any] | None = None, **plan: Any) -> Scenario:
    """Return the demonstration with the plan, some of its keys and some inputs changed."""
    tree = load_scenario("demo").model_dump(mode="json") | {"plan": PLAN | plan}
    for key, value in (changes or {}).items():
        *path, leaf = key.split(".")
        node = tree
        for part in path:
            node = node[part]
        node[leaf] = value
    return parse_scenario(tree, "plan.toml")
