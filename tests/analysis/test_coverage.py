"""A 95 % interval holds the truth 95 times in a hundred: people are drawn in each replication."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from sandbox.analysis.statistics import estimate, paired_difference
from sandbox.space.compatibility import barriers
from sandbox.space.loader import load_scenario
from sandbox.space.population import build_space

SEEDS, REPLICATIONS = 100, 5
SCALE = 0.1  # some two hundred accesses
DESIGNS = ("single-endpoint", "multi-endpoint")
# Of 100 intervals at 95 %, 88 to 99 hold the truth (binomial, 0.15 % to 99.4 %).
FEWEST, MOST = 88, 99


@cache
def shares() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return shares of people kept out and mean round trips: (measures, seeds, replications)."""
    scenario = load_scenario("demo")
    found = np.empty((len(DESIGNS) + 1, SEEDS, REPLICATIONS))
    for seed in range(SEEDS):
        for replication in range(REPLICATIONS):
            space = build_space(scenario, seed=seed, scale=SCALE, replication=replication)
            for number, name in enumerate(DESIGNS):
                stopped = barriers(space, scenario.design(name), scenario.policy())
                found[number, seed, replication] = (stopped >= 0).mean()
            found[-1, seed, replication] = space.accesses.rtt.mean()
    return found


@pytest.mark.parametrize("measure", range(len(DESIGNS) + 1), ids=[*DESIGNS, "round trip"])
def test_intervals_hold_the_truth_as_often_as_they_say(measure: int) -> None:
    truth = shares()[measure].mean()  # five hundred replications
    found = [estimate(row) for row in shares()[measure].tolist()]
    held = sum(abs(each.mean - truth) <= each.half_width for each in found)
    assert FEWEST <= held <= MOST


def test_intervals_of_paired_differences_do_too() -> None:
    first, second = shares()[0], shares()[1]
    truth = (second - first).mean()
    pairs = zip(first.tolist(), second.tolist(), strict=True)
    found = [paired_difference(a, b).difference for a, b in pairs]
    held = sum(abs(each.mean - truth) <= each.half_width for each in found)
    assert FEWEST <= held <= MOST


def test_the_same_people_in_both_designs_make_differences_surer() -> None:
    pairs = zip(shares()[0].tolist(), shares()[1].tolist(), strict=True)
    reductions = [paired_difference(a, b).variance_reduction for a, b in pairs]
    assert np.nanmedian(reductions) > 1.2


def test_exclusion_has_an_interval() -> None:
    assert all(estimate(row).half_width > 0 for row in shares()[0].tolist())


@pytest.mark.parametrize("design", DESIGNS)
def test_samples_tell_how_a_larger_space_varies(design: str) -> None:
    """A first stage of five at a tenth, one replication of four tenths, other people."""
    scenario, found = load_scenario("demo"), np.empty(SEEDS)
    for seed in range(SEEDS):
        space = build_space(scenario, seed=seed, scale=4 * SCALE, replication=REPLICATIONS)
        found[seed] = (barriers(space, scenario.design(design), scenario.policy()) >= 0).mean()
    pilots = shares()[DESIGNS.index(design)]
    intervals = [
        estimate([value], pilot=pilot, share=0.25)
        for value, pilot in zip(found.tolist(), pilots.tolist(), strict=True)
    ]
    held = sum(abs(each.mean - found.mean()) <= each.half_width for each in intervals)
    assert FEWEST <= held <= MOST
