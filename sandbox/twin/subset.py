"""The part of a scenario that a live space can hold: its largest operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.space.loader import parse_scenario
from sandbox.space.operators import operator_names, operator_sizes, operator_weights
from sandbox.space.scenario import Scenario

__all__ = ["largest_operators"]


def largest_operators(scenario: Scenario, count: int) -> Scenario:
    """Return the scenario with its largest operators alone, who share all of its mailboxes.

    The same operators as those that `live` brings up, by the same names, in the same order.
    """
    names = operator_names(scenario)
    sizes = operator_sizes(scenario)
    kept = sorted(range(len(names)), key=lambda each: -sizes[each])[:count]
    tree: dict[str, Any] = scenario.model_dump(mode="json")
    operators: dict[str, Any] = {
        "names": [names[each] for each in kept],
        "mailboxes": {}, "applications": {}, "certificates": [], "fit": [],
    }  # fmt: skip
    for name in scenario.populations:
        for key, applications in (("mailboxes", False), ("applications", True)):
            weights = operator_weights(scenario, name, applications=applications)[kept]
            if weights.sum() <= 0:  # all of them are elsewhere
                weights = np.ones(len(kept))
            operators[key][name] = [float(each) for each in weights]
    if scenario.operators.certificates:
        operators["certificates"] = [scenario.operators.certificates[each] for each in kept]
    tree["operators"] = operators
    return parse_scenario(tree, scenario.name)
