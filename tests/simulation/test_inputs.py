"""Every input that both executions are said to use moves the simulation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from functools import cache

import numpy as np
import pytest

from sandbox.simulation.build import build_model
from sandbox.simulation.model import Model
from sandbox.space.executions import key_groups
from sandbox.space.loader import with_inputs
from sandbox.space.population import build_space
from sandbox.space.scenario import Scenario
from sandbox.space.tables import inputs
from tests.perturbed import BASE, another


def models(scenario: Scenario) -> Iterator[list[bytes]]:
    """Yield all arrays of a design whose logins are held, then of one where tokens are shown."""
    space, design = build_space(scenario), scenario.design("multi-endpoint")
    for policy in (scenario.login_policy, "xoauth2"):
        yield arrays(build_model(space, design, scenario.policy(policy)))


def arrays(model: Model) -> list[bytes]:
    code = [getattr(model.code, each.name) for each in fields(model.code)]
    return [
        value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode()
        for value in [*code, *model.inputs]
    ]


@cache
def unmoved() -> list[list[bytes]]:
    return list(models(BASE))


@pytest.mark.parametrize("key", key_groups(BASE).live)
def test_an_input_of_the_wire_alone_moves_nothing_in_the_simulation(key: str) -> None:
    assert list(models(with_inputs(BASE, {key: another(key)}))) == unmoved()


@pytest.mark.parametrize("key", key_groups(BASE).both)
def test_an_input_of_both_executions_moves_the_simulation(key: str) -> None:
    row = inputs()[key]
    # An end of its range may be what another input bounds already.
    values = [
        another(key),
        *(each for each in (row.low, row.high) if each not in (None, row.value)),
    ]
    for value in ["shared"] if key == "resources.placement" else values:
        found = models(with_inputs(BASE, {key: value}))
        if any(mine != theirs for mine, theirs in zip(found, unmoved(), strict=False)):
            return
    pytest.fail(f"{key}: declared of both executions, and moves nothing")
