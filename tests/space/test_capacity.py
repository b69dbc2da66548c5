"""An operator has the servers of its size; a design shares them out and makes none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sandbox.space.capacity import (
    NATIONAL,
    RELAY,
    SMTP_USE,
    as_cores,
    capacity_of,
    foreseen_use,
    lay_out,
    servers_of,
)
from sandbox.space.designs import BUILT_IN, PROTOCOLS
from sandbox.space.loader import load_scenario, with_inputs
from sandbox.space.methods import Method
from sandbox.space.population import build_space
from sandbox.space.scenario import Scenario

SIZES = np.array([30.0, 900.0, 5000.0, 60_000.0, 300_000.0])


def scenario(**changes: float | str) -> Scenario:
    return with_inputs(load_scenario("demo"), {f"resources.{k}": v for k, v in changes.items()})


def use(design: str, weights: tuple[float, ...] = (1.0,)) -> dict[str, Any]:
    """Return a use that differs from endpoint to endpoint."""
    endpoints = BUILT_IN[design].endpoints
    return {
        e.name: np.full(len(SIZES), weights[number % len(weights)])
        for number, e in enumerate(endpoints)
    }


@pytest.mark.parametrize("placement", ["dedicated", "shared"])
@pytest.mark.parametrize("design", BUILT_IN)
def test_every_design_has_the_same_connections_and_cores_in_all(
    design: str, placement: str
) -> None:
    chosen, given = BUILT_IN[design], scenario(placement=placement)
    found = lay_out(given, chosen, SIZES, use(design, (5.0, 1.0, 3.0)))
    sizes = [servers_of(given.resources, size) for size in SIZES]
    for protocol in PROTOCOLS:
        pools = {found.pool_of[e.name] for e in chosen.endpoints if e.protocol == protocol}
        total = sum(found.slots[pool] for pool in pools)
        assert total.tolist() == [getattr(size, f"{protocol}_connections") for size in sizes]
    front = np.array([size.front_cores for size in sizes])
    cut = sum(found.cores[e.name] for e in chosen.endpoints)
    assert np.where(found.shares, front, cut).tolist() == front.tolist()
    for endpoint in chosen.endpoints:
        assert (found.cores[endpoint.name][found.shares] == front[found.shares]).all()


def test_capacity_does_not_follow_load() -> None:
    given, design = scenario(), BUILT_IN["single-endpoint"]
    few, many = (lay_out(given, design, SIZES, use("single-endpoint", (w,))) for w in (1.0, 1e6))
    assert few.slots["imap"].tolist() == many.slots["imap"].tolist()
    assert few.store.tolist() == many.store.tolist()


def test_parts_follow_the_use_foreseen_but_for_what_is_misjudged() -> None:
    weights = (8.0, 1.0, 1.0, 0.0)
    shares = {}
    for misjudged in (0.0, 0.25, 1.0):
        found = lay_out(
            scenario(misjudged=misjudged), BUILT_IN["multi-endpoint"], SIZES,
            use("multi-endpoint", weights),
        )  # fmt: skip
        imap = np.array([found.slots[f"imap.{n}"][1] for n in ("cps", "otp", "ciba", "certificat")])
        shares[misjudged] = imap.tolist()
    assert shares[0.0] == [800, 100, 100, 1]  # one connection at least
    np.testing.assert_allclose(shares[0.25], [662.5, 137.5, 137.5, 62.5], atol=0.5)
    assert shares[1.0] == [250] * 4


def test_an_operator_with_fewer_cores_than_endpoints_shares_them() -> None:
    found = lay_out(scenario(), BUILT_IN["multi-endpoint"], SIZES, use("multi-endpoint"))
    assert found.shares.tolist() == [True, True, False, False, False]


@pytest.mark.parametrize("scale", [0.1, 0.02])
def test_a_scaled_space_has_scaled_capacities(scale: float) -> None:
    given, design = scenario(), BUILT_IN["multi-endpoint"]
    whole, part = (
        lay_out(given, design, SIZES, use("multi-endpoint"), scale=s) for s in (1.0, scale)
    )
    for name, slots in whole.slots.items():
        assert (part.slots[name] <= np.ceil(slots * scale) + 1).all()
        assert (part.slots[name] >= np.maximum(1, np.floor(slots * scale) - 1)).all()
    np.testing.assert_allclose(part.store, whole.store * scale)
    for name, cores in whole.cores.items():
        np.testing.assert_allclose(part.cores[name], cores * scale)
    for name in NATIONAL:
        assert part.national[name] == pytest.approx(whole.national[name] * scale)


def test_cores_are_worth_what_they_were_before_they_were_made_whole() -> None:
    cores = np.array([0.1, 0.5, 1.0, 1.4, 2.6, 64.0, 6.4])
    found = as_cores(cores)
    np.testing.assert_allclose(found.count * found.pace, cores)
    assert found.count.tolist() == [1, 1, 1, 1, 3, 64, 6]
    assert (found.pace[cores == np.rint(cores)] == 1.0).all()


def test_one_operator_has_what_it_has_among_all() -> None:
    given, design = scenario(), BUILT_IN["multi-endpoint"]
    whole = capacity_of(given, design)
    for number in range(given.operators.count):
        found = whole.of_operator(number)
        assert set(found) == {e.name for e in design.endpoints} | {RELAY}
        for name, part in found.items():
            pool = whole.pool_of[name]
            assert part.slots == whole.slots[pool][number]
            assert part.backlog == whole.backlog[pool][number]
            assert part.cores == whole.cores[name][number]


def test_an_operator_foresees_the_accesses_that_its_mailboxes_have() -> None:
    given, design = load_scenario("demo"), BUILT_IN["multi-endpoint"]
    space, foreseen = build_space(given), foreseen_use(given, design)
    for endpoint in design.endpoints:
        numbers = [list(Method).index(each) for each in endpoint.methods]
        drawn = np.isin(space.accesses.method, numbers).sum()
        pace = 1.0 if endpoint.protocol == "imap" else SMTP_USE
        expected = foreseen[endpoint.name].sum() / pace
        assert drawn == pytest.approx(expected, abs=6 * max(expected, 1.0) ** 0.5)


@pytest.mark.parametrize("design", ["multi-endpoint", "multi-port", "api-lps-2023"])
def test_connections_that_are_shared_are_never_fuller_than_the_fullest_part(design: str) -> None:
    """Whatever comes to each endpoint: what cuts connections up has no more headroom in them."""
    chosen, given = BUILT_IN[design], scenario(placement="dedicated")
    generator = np.random.default_rng(1)
    found = lay_out(given, chosen, SIZES, use(design, (5.0, 1.0, 3.0)))
    one = lay_out(given, BUILT_IN["single-endpoint"], SIZES, use("single-endpoint"))
    for protocol in PROTOCOLS:
        names = [e.name for e in chosen.endpoints if e.protocol == protocol]
        (whole,) = (e.name for e in BUILT_IN["single-endpoint"].endpoints if e.protocol == protocol)
        slots = one.slots[one.pool_of[whole]]
        parts = np.stack([found.slots[found.pool_of[name]] for name in names])
        for _ in range(50):
            load = generator.random(parts.shape) ** 4
            assert ((load / parts).max(axis=0) >= load.sum(axis=0) / slots - 1e-12).all()
