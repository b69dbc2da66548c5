"""What a rule of the map may speak of: facts that a reader can go and measure, one number a draw.

The inputs themselves; what editors' products can do, weighed by their shares ("share of robots that
speak EXTERNAL"); and what the model makes of them where a threshold on one alone says little:

- `incidents.KIND.hours`: hours a year that an operator's incidents of a kind last, frequency times
  duration; `incidents.deployment.spread_hours`: of bad deployments that reach other methods;
- `people.request_fails-WHAT`: of people's accesses, the share that fails when it is asked for a
  certificate (those who show none themselves), less the share that another design stops: who can
  set no host or no port, sends no server name, sits behind a firewall. One barrier against
  another, which is what designs trade.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.decision.factors import Factor, Values, scenario_at
from sandbox.space.compatibility import mix_of
from sandbox.space.incidents import Incident
from sandbox.space.methods import CAPABILITIES, METHODS
from sandbox.space.population import BalKind, expected_accesses
from sandbox.space.scenario import Scenario

__all__ = ["BARRIERS", "HOURS", "SPREAD_HOURS", "Label", "barrier_key", "features_of"]

Floats = NDArray[np.float64]
Label = tuple[str, str]  # key, and the word of an input that is one
HOURS = {f"incidents.{each}.hours": each for each in Incident}
SPREAD_HOURS = "incidents.deployment.spread_hours"
REQUEST = "request_fails"
BARRIERS = ("host_fixed", "no_sni", "port_fixed", "port_blocked")  # of other designs


def barrier_key(other: str) -> str:
    """Return the key of the certificate request's barrier less another one."""
    return f"people.{REQUEST}-{other}"


def features_of(
    scenario: Scenario, factors: Sequence[Factor], values: Values, count: int
) -> tuple[list[Label], Floats]:
    """Return what a rule may speak of, and its values, float64 (count, features)."""
    names: list[Label] = []
    columns: list[Any] = []
    words = {m.key: m.choices for f in factors for m in f.members if m.kind == "choice"}
    for key, column in values.items():
        for word in words.get(key, ()):
            names.append((key, word))
            columns.append((column == word).astype(np.float64))
        if key not in words:
            names.append((key, ""))
            columns.append(column.astype(np.float64))
    drawn = scenario_at(scenario, {k: v for k, v in values.items() if k not in words})
    for key, column in (*_abilities(drawn), *_hours(drawn), *_barriers(drawn)):
        if np.ndim(column):
            names.append((key, ""))
            columns.append(column)
    return names, np.stack([np.broadcast_to(c, count) for c in columns], axis=1)


def _abilities(drawn: Scenario) -> Iterator[tuple[str, Any]]:
    for kind in drawn.software:
        mine = [p for p in drawn.products.values() if p.kind == kind]
        for ability in CAPABILITIES:
            yield f"{kind}.{ability}", sum(p.share * getattr(p, ability) for p in mine)


def _hours(drawn: Scenario) -> Iterator[tuple[str, Any]]:
    for key, kind in HOURS.items():
        facts = getattr(drawn.incidents, kind)
        yield key, facts.per_year * facts.minutes / 60
    bad = drawn.incidents.deployment
    yield SPREAD_HOURS, bad.per_year * bad.minutes / 60 * drawn.incidents.spreads


def _barriers(drawn: Scenario) -> Iterator[tuple[str, Any]]:
    """Yield the gap between the certificate request's barrier and each other one."""
    everybody: Any = 0.0
    stopped: Mapping[str, Any] = dict.fromkeys((REQUEST, *BARRIERS), 0.0)
    for people in drawn.populations.values():
        for kind in (BalKind.PER, BalKind.ORG):
            accesses = expected_accesses(drawn, people, kind)
            for _, _, product, method, share in mix_of(drawn, people, kind):
                if product.kind == "webmail":
                    continue
                mine = accesses * share
                asked = 0.0 if METHODS[method].client_certificate else 1.0
                stops = {
                    REQUEST: asked * product.certificate_request_fails,
                    "host_fixed": 1.0 - product.host_setting, "no_sni": 1.0 - product.sni,
                    "port_fixed": 1.0 - product.port_setting, "port_blocked": people.port_blocked,
                }  # fmt: skip
                everybody = everybody + mine
                stopped = {name: stopped[name] + mine * stops[name] for name in stopped}
    for other in BARRIERS:
        yield barrier_key(other), (stopped[REQUEST] - stopped[other]) / everybody
