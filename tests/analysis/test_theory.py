"""Exact values of the textbook queues, pinned; identities; limits that join the formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sandbox.analysis import theory
from tests.analysis.chain import average_variance

# simulation.md §2.1: recomputed there by recursion, truncated chain or linear solve.
MMC = {
    (1, 0.9): (0.9, 9.0),
    (4, 0.9): (0.787753, 1.969383),
    (16, 0.9): (0.591343, 0.369590),
    (64, 0.9): (0.310663, 0.048541),
}
ERLANG_A = {
    0.9: (0.468942, 0.067012, 0.134023),
    1.0: (0.619655, 0.103913, 0.207826),
    1.2: (0.850385, 0.195656, 0.391312),
}


@pytest.mark.parametrize(("servers", "load"), MMC)
def test_erlang_c(servers: int, load: float) -> None:
    found = theory.mmc(servers, load)
    waits, mean = MMC[servers, load]
    assert found.wait_probability == pytest.approx(waits, abs=5e-7)
    assert found.wait_mean == pytest.approx(mean, abs=5e-7)


@pytest.mark.parametrize(("servers", "offered", "blocked"), [(10, 8, 0.121661), (5, 3, 0.110054)])
def test_erlang_b(servers: int, offered: float, blocked: float) -> None:
    assert theory.erlang_b(servers, offered) == pytest.approx(blocked, abs=5e-7)
    as_chain = theory.mmck(servers, offered / servers, servers)
    assert as_chain.block_probability == pytest.approx(blocked, abs=5e-7)
    assert as_chain.wait_mean == 0


def test_finite_queue() -> None:
    found = theory.mmck(4, 0.9, 10)
    assert found.block_probability == pytest.approx(0.067174, abs=5e-7)
    assert found.queue_length_mean == pytest.approx(1.702930, abs=5e-7)
    assert found.wait_mean == pytest.approx(0.507100, abs=5e-7)


@pytest.mark.parametrize("load", ERLANG_A)
def test_erlang_a(load: float) -> None:
    found = theory.erlang_a(10, load, 0.5)
    waits, gone, mean = ERLANG_A[load]
    assert found.wait_probability == pytest.approx(waits, abs=5e-7)
    assert found.abandon_probability == pytest.approx(gone, abs=5e-7)
    assert found.wait_mean == pytest.approx(mean, abs=5e-7)


@pytest.mark.parametrize(("scv", "mean"), [(0, 2), (1, 4), (4, 10)])
def test_pollaczek_khinchine(scv: float, mean: float) -> None:
    assert theory.mg1(0.8, scv).wait_mean == pytest.approx(mean)


def test_retrials_keep_4_9_customers_in_orbit() -> None:
    assert theory.retrial(0.7, 0.5).queue_length_mean == pytest.approx(4.9)


def test_retrials_agree_with_the_chain() -> None:
    """Linear solve of (server busy, in orbit), orbit cut at 300."""
    load, rate, most = 0.7, 0.5, 300
    states = [(busy, orbit) for orbit in range(most + 1) for busy in (0, 1)]
    index = {state: number for number, state in enumerate(states)}
    flows = np.zeros((len(states), len(states)))
    for busy, orbit in states:
        here = index[busy, orbit]
        if busy:
            flows[here, index[0, orbit]] = 1.0
            if orbit < most:
                flows[here, index[1, orbit + 1]] = load
        else:
            flows[here, index[1, orbit]] = load
            if orbit:
                flows[here, index[1, orbit - 1]] = rate * orbit
    flows -= np.diag(flows.sum(axis=1))
    system = np.vstack([flows.T, np.ones(len(states))])
    law = np.linalg.lstsq(system, np.eye(len(states) + 1)[-1], rcond=None)[0]
    orbit = sum(law[index[state]] * state[1] for state in states)
    assert orbit == pytest.approx(theory.retrial(load, rate).queue_length_mean, rel=1e-9)


@pytest.mark.parametrize(
    ("expected", "admitted"),
    [
        (theory.mmc(7, 0.8), 7 * 0.8),
        (theory.mmck(7, 1.3, 20), 7 * 1.3 * (1 - (theory.mmck(7, 1.3, 20).block_probability or 0))),
        (theory.erlang_a(7, 1.3, 0.2), 7 * 1.3),
        (theory.mg1(0.6, 3.0), 0.6),
        (theory.retrial(0.6, 2.0), 0.6),
    ],
    ids=["mmc", "mmck", "erlang-a", "mg1", "retrial"],
)
def test_little_s_law(expected: theory.Expected, admitted: float) -> None:
    assert expected.queue_length_mean == pytest.approx(admitted * (expected.wait_mean or 0))


def test_who_gives_up_balances_the_queue() -> None:
    found = theory.erlang_a(10, 1.2, 0.5)
    assert found.abandon_probability == pytest.approx(0.5 * (found.wait_mean or 0))


def test_overload_sheds_its_excess() -> None:
    """Far above capacity the servers are always busy: arrivals beyond them leave or are refused."""
    assert theory.erlang_a(50, 3.0, 1.0).abandon_probability == pytest.approx(2 / 3, abs=1e-6)
    assert theory.mmck(50, 3.0, 500).block_probability == pytest.approx(2 / 3, abs=1e-6)


def test_formulas_join_at_their_limits() -> None:
    plain = theory.mmc(3, 0.7).wait_mean
    assert theory.mmck(3, 0.7, 500).wait_mean == pytest.approx(plain)
    assert theory.erlang_a(3, 0.7, 1e-9).wait_mean == pytest.approx(plain, rel=1e-6)
    assert theory.mg1(0.7, 1.0).wait_mean == pytest.approx(theory.mmc(1, 0.7).wait_mean)
    patient_retrials = theory.retrial(0.7, 1e9).wait_mean
    assert patient_retrials == pytest.approx(theory.mmc(1, 0.7).wait_mean, rel=1e-6)


def test_thousands_of_servers_near_saturation_stay_finite() -> None:
    """Halfin and Whitt (1981): with load 1 - beta/sqrt(c), P(wait) tends to a known limit."""
    servers, beta = 2000, 1.0
    cdf = 0.5 * (1 + math.erf(beta / math.sqrt(2)))
    density = math.exp(-(beta**2) / 2) / math.sqrt(2 * math.pi)
    limit = 1 / (1 + beta * cdf / density)
    found = theory.mmc(servers, 1 - beta / math.sqrt(servers))
    assert found.wait_probability == pytest.approx(limit, rel=0.02)
    assert theory.mmc(servers, 0.999999).wait_mean == pytest.approx(1 / (servers * 1e-6), rel=1e-3)
    balanced = theory.mmck(servers, 1.0, 100_000)
    # At load 1 every waiting state is as likely as the next: half of the places are taken.
    assert balanced.queue_length_mean == pytest.approx(98_000 / 2, rel=1e-3)
    assert theory.erlang_a(servers, 1.0, 1e-3).abandon_probability == pytest.approx(
        5.469e-4, rel=1e-3
    )


def test_rare_events_keep_their_digits() -> None:
    """M/M/1/K: P(block) = (1 - rho) rho^K / (1 - rho^(K+1))."""
    exact = 0.8 * 0.2**40 / (1 - 0.2**41)
    assert theory.mmck(1, 0.2, 40).block_probability == pytest.approx(exact, rel=1e-10)


def test_variance_of_a_time_average() -> None:
    """M/M/1: 2 rho (1 + rho) / (1 - rho)^4 in service times (Whitt 1989)."""
    rho, states = 0.9, 3000
    found = average_variance(
        np.full(states, rho), np.ones(states), np.arange(states + 1, dtype=np.float64)
    )
    assert found == pytest.approx(2 * rho * (1 + rho) / (1 - rho) ** 4, rel=1e-9)


def test_relaxation_lengthens_with_load_and_variability() -> None:
    times = [theory.relaxation_time(1, load) for load in (0.5, 0.9, 0.99)]
    assert times == sorted(times)
    assert theory.relaxation_time(1, 0.9) == pytest.approx(2 + 1 / (1 - math.sqrt(0.9)) ** 2)
    assert theory.relaxation_time(1, 0.9, 4.0) > theory.relaxation_time(1, 0.9)
    # With unlimited room the finite queue forgets like the infinite one.
    room = theory.relaxation_time_finite(1, 0.9, 10**6)
    assert room == pytest.approx(theory.relaxation_time(1, 0.9), rel=0.01)
    assert theory.relaxation_time_impatient(10, 0.9, 0.5) <= 3.0
