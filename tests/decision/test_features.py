"""What the map speaks of is what the model has."""

from __future__ import annotations

import numpy as np
import pytest

from sandbox.decision.evaluation import Evaluation, prepare
from sandbox.decision.factors import at, scenario_at
from sandbox.decision.features import (
    PREAUTH,
    SPREAD_HOURS,
    SPREAD_WORTH,
    barrier_key,
    features_of,
)
from sandbox.space.candidates import candidates
from sandbox.space.compatibility import Barrier, compatibility
from sandbox.space.loader import load_scenario
from sandbox.space.methods import Method
from sandbox.space.scenario import Scenario

DRAWS = 4


@pytest.fixture(scope="module")
def told(evaluation: Evaluation) -> tuple[dict[str, np.ndarray], list[Scenario]]:
    """Features of a few draws, and the scenario of each."""
    u = np.random.default_rng(5).random((DRAWS, evaluation.columns))
    values = evaluation.values(u)
    labels, columns = features_of(evaluation.scenario, evaluation.factors, values, DRAWS)
    drawn = [
        scenario_at(evaluation.scenario, at(evaluation.factors, values, n)) for n in range(DRAWS)
    ]
    return {key: columns[:, n] for n, (key, word) in enumerate(labels) if not word}, drawn


def test_hours_of_incidents_are_their_frequency_times_their_duration(
    told: tuple[dict[str, np.ndarray], list[Scenario]],
) -> None:
    features, drawn = told
    for n, scenario in enumerate(drawn):
        bad = scenario.incidents.deployment
        hours = bad.per_year * bad.minutes / 60
        assert features["incidents.deployment.hours"][n] == pytest.approx(hours)
        spread = hours * scenario.incidents.spreads
        assert features[SPREAD_HOURS][n] == pytest.approx(spread)
        thousands = scenario.costs.endpoint_year / 1000
        assert features[SPREAD_WORTH][n] == pytest.approx(spread / thousands)


def test_one_barrier_less_another_is_what_designs_keep_out_by_them(
    told: tuple[dict[str, np.ndarray], list[Scenario]],
) -> None:
    """Each barrier alone: software that knows every mechanism, so that no other comes before."""
    features, drawn = told
    for n, scenario in enumerate(drawn):
        able = {
            name: product.model_copy(update={
                f"{protocol}_{way}": 1.0
                for protocol in ("imap", "smtp")
                for way in ("plain", "external", "alone", "xoauth2")
            })
            for name, product in scenario.products.items()
        }  # fmt: skip
        one = scenario.model_copy(update={"products": able, "login_policy": "external"})
        found = candidates(one, ("single-endpoint", "multi-endpoint"), "external")
        stopped = {}
        for name, barrier in (
            ("single-endpoint", Barrier.CERTIFICATE_REQUEST),
            ("multi-endpoint", Barrier.HOST_SETTING),
        ):
            who = compatibility(one, found[name].design, found[name].policy)
            parts = [part for method, part in who.by_method.items() if method != Method.CERTIFICATE]
            everybody = sum(part.accesses for part in parts)
            stopped[name] = sum(part.stopped[barrier] for part in parts) / everybody
        expected = stopped["single-endpoint"] - stopped["multi-endpoint"]
        assert features[barrier_key("host_fixed")][n] == pytest.approx(expected)


def test_what_the_certificate_alone_stops_is_what_designs_keep_out_by_it() -> None:
    """Implicit TLS imposes PREAUTH where the policy has it; STARTTLS leaves EXTERNAL."""
    evaluation = prepare(load_scenario("aout-2021"), designs=("single-endpoint", "api-lps-2023"))
    u = np.random.default_rng(6).random((12, evaluation.columns))
    values = evaluation.values(u)
    labels, columns = features_of(evaluation.scenario, evaluation.factors, values, len(u))
    told = columns[:, [key for key, _ in labels].index(PREAUTH)]
    policies = [str(name) for name in values["login_policy"]]
    assert {"certificate-alone", "external"} <= set(policies)
    for n, policy in enumerate(policies):
        drawn = scenario_at(evaluation.scenario, at(evaluation.factors, values, n))
        stopped = []
        for each in evaluation.by_policy[policy].values():
            part = compatibility(drawn, each.design, each.policy).by_method[Method.CERTIFICATE]
            stopped.append(part.stopped[Barrier.MECHANISM] / part.accesses)
        assert told[n] == pytest.approx(stopped[0] - stopped[1])
        assert told[n] == 0.0 or policy == "certificate-alone"


def test_a_policy_that_is_given_has_no_such_barrier_to_tell() -> None:
    evaluation = prepare(load_scenario("aout-2021"), policy="external")
    u = np.full((1, evaluation.columns), 0.5)
    labels, _ = features_of(evaluation.scenario, evaluation.factors, evaluation.values(u), 1)
    assert PREAUTH not in {key for key, _ in labels}
