"""Headroom is where theory puts the knee, and it moves with what serves."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sandbox.analysis.headroom import PERCENTILE, UNTIL, find_knee, headroom_of
from sandbox.analysis.theory import erlang_c
from sandbox.observations.histogram import bin_middle
from sandbox.simulation import fast
from sandbox.simulation.queues import QueueWatch, slot_queue
from sandbox.space.calendar import DayKind
from sandbox.space.candidates import candidates
from sandbox.space.loader import load_scenario, with_inputs
from sandbox.space.scenario import Scenario
from sandbox.space.tables import week
from sandbox.workers.spread import Workers


@pytest.mark.parametrize("knee", [0.07, 0.4, 1.0, 1.7, 9.3, 31.0])
def test_the_knee_is_bracketed_within_a_few_percent(knee: float) -> None:
    found, where = find_knee(lambda x: "here" if x > knee else None)
    assert found == pytest.approx(knee, rel=2 ** (1 / 32) - 1 + 1e-9)
    assert where == "here"


def test_what_never_breaks_has_the_highest_multiplier_tried_and_no_place() -> None:
    assert find_knee(lambda _: None, highest=8.0) == (8.0, None)


def test_what_is_always_broken_has_the_lowest() -> None:
    assert find_knee(lambda _: "here", lowest=0.25) == (0.25, "here")


def test_what_is_named_is_what_breaks_just_above_the_knee() -> None:
    assert find_knee(lambda x: None if x < 2.9 else "near" if x < 3.1 else "far")[1] == "near"


@pytest.mark.parametrize("name", ["demo", "aout-2021", "mai-2025"])
def test_the_hours_that_run_hold_the_busiest_of_a_working_day(name: str) -> None:
    people = load_scenario(name).populations
    messages = sum(each.message_share * week()[key][DayKind.WORKING] / week()[key].sum()
                   for key, each in people.items())  # fmt: skip
    assert int(np.argmax(messages)) < UNTIL


@pytest.mark.parametrize(("servers", "wait"), [(4, 1.0), (10, 0.5), (64, 0.1)])
def test_the_knee_of_an_m_m_c_is_where_erlang_puts_it(servers: int, wait: float) -> None:
    """P(W > t) = C(c, a) exp(-(c - a) t) reaches 5 % at one load; today's is 30 %."""
    from scipy.optimize import brentq

    today = 0.3

    def excess(load: float) -> float:
        offered = load * servers
        return erlang_c(servers, load) * math.exp(-(servers - offered) * wait) - 0.05

    exact = brentq(excess, 1e-6, 1 - 1e-9) / today

    def broken(multiplier: float) -> str | None:
        watch = QueueWatch(200_000, warm_up=200.0, crowd=2000.0, seed=5)
        queue = slot_queue(watch, servers=servers, load=multiplier * today, scv=1.0)
        counts = fast.run(queue.model).logins[:, :, 0].sum(axis=(0, 1)).cumsum()
        rank = int(np.searchsorted(counts, PERCENTILE * counts[-1]))
        return "slots" if bin_middle()[rank] / queue.service > wait else None

    found, _ = find_knee(broken, steps=7)
    assert found == pytest.approx(exact, rel=0.03)


def found(changes: dict[str, float], design: str = "multi-endpoint") -> tuple[float, str | None]:
    scenario = small(changes)
    weighed = list(candidates(scenario, [design]).values())
    result = headroom_of(scenario, weighed, seed=3, workers=Workers(1))[design]
    return result.multiplier, result.breach.part if result.breach else None


def small(changes: dict[str, float]) -> Scenario:
    """Return a space of some hundred people, all of one operator, that breaks early."""
    base = {
        "populations.liberal.units": 300, "populations.hospital.units": 4,
        "populations.laboratory.units": 2, "populations.ehpad.units": 4, "traffic.messages": 3000,
        "resources.small.imap_connections": 400,
    }  # fmt: skip
    scenario = with_inputs(load_scenario("demo"), base | changes)
    operators = scenario.operators.model_copy(update={"mailboxes": (1.0,), "certificates": ()})
    return scenario.model_copy(update={"operators": operators})


@pytest.mark.parametrize(("key", "scarce", "part"), [
    ("resources.small.imap_connections", {"resources.small.imap_connections": 100}, "connections"),
    ("resources.small.front_cores", {"processor.login": 0.4}, "front"),
])  # fmt: skip
def test_headroom_names_what_is_scarce_and_grows_with_it(
    key: str, scarce: dict[str, float], part: str
) -> None:
    """Inputs that moved nothing when capacity followed load."""
    plenty = {"resources.small.imap_connections": 4000.0}
    few, named = found(plenty | scarce | {key: scarce.get(key, 1)})
    many, _ = found(plenty | scarce | {key: 4 * scarce.get(key, 1)})
    assert named == part
    assert many > 1.5 * few


def test_what_is_no_longer_scarce_is_no_longer_named() -> None:
    base = {"resources.small.imap_connections": 4000.0, "backends.psc.poll": 1.0}
    _, scarce = found(base | {"backends.psc.servers": 1})
    _, plenty = found(base | {"backends.psc.servers": 4})
    assert scarce == "psc"
    assert plenty != "psc"
