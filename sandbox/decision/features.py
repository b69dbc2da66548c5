"""What a rule of the map may speak of: facts that a reader can go and measure, one number a draw.

The inputs themselves; what editors' products can do, weighed by their shares ("share of robots that
speak EXTERNAL"); and what the model makes of them where a threshold on one alone says little:

- `incidents.KIND.hours`: hours a year that an operator's incidents of a kind last, frequency times
  duration; `incidents.deployment.spread_hours`: of bad deployments that reach other methods, and
  `incidents.deployment.spread_hours_worth`: those for 1,000 euros that one more endpoint costs a
  year, which is what keeping methods apart saves against what it costs;
- `robot.stopped_preauth-external`: of application software, the share that the certificate alone
  stops where the login policy has it over IMAP, less what EXTERNAL would, which STARTTLS leaves;
- `people.request_fails-WHAT`: of people's accesses, the share that fails when it is asked for a
  certificate (those who show none themselves), less the share that another design stops: who can
  set no host or no port, sends no server name, sits behind a firewall. One barrier against
  another, which is what designs trade.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.decision.factors import Factor, Values, scenario_at
from sandbox.space.compatibility import SUPPORT, mix_of
from sandbox.space.designs import PROTOCOLS
from sandbox.space.incidents import Incident
from sandbox.space.login_policies import LoginPolicy
from sandbox.space.methods import CAPABILITIES, METHODS, Method
from sandbox.space.population import BalKind, expected_accesses
from sandbox.space.scenario import Scenario

__all__ = [
    "BARRIERS", "HOURS", "PREAUTH", "SPREAD_HOURS", "SPREAD_WORTH", "Label", "barrier_key",
    "features_of",
]  # fmt: skip

Floats = NDArray[np.float64]
Label = tuple[str, str]  # key, and the word of an input that is one
HOURS = {f"incidents.{each}.hours": each for each in Incident}
SPREAD_HOURS = "incidents.deployment.spread_hours"
SPREAD_WORTH = f"{SPREAD_HOURS}_worth"
PREAUTH = "robot.stopped_preauth-external"
LEAST_PRICE = 1.0  # euros a year
FIELDS = {feature: name for name, feature in CAPABILITIES.items()}
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
    told = (*_abilities(drawn), *_hours(drawn), *_barriers(drawn), *_preauth(drawn, values))
    for key, column in told:
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
    spread = bad.per_year * bad.minutes / 60 * drawn.incidents.spreads
    yield SPREAD_HOURS, spread
    yield SPREAD_WORTH, 1000 * spread / np.maximum(drawn.costs.endpoint_year, LEAST_PRICE)


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


def _preauth(drawn: Scenario, values: Values) -> Iterator[tuple[str, Any]]:
    """Yield what the certificate alone stops beyond EXTERNAL, where the login policy is drawn."""
    rule = values.get("login_policy")
    if rule is None:
        return
    column: Any = 0.0
    for name in dict.fromkeys(rule):
        policy = drawn.policy(str(name))
        gap = _able_robots(drawn, policy, "starttls") - _able_robots(drawn, policy, "implicit")
        column = np.where(rule == name, gap, column)
    yield PREAUTH, column


def _able_robots(drawn: Scenario, policy: LoginPolicy, tls: str) -> Any:
    """Return the share of application software that a policy lets in by certificate."""
    design = drawn.design(drawn.compare[0])
    found: Any = 0.0
    for product in drawn.products.values():
        if product.kind != "robot":
            continue
        able: Any = product.share
        for protocol in PROTOCOLS:
            endpoint = replace(design.endpoint(protocol, Method.CERTIFICATE), tls=tls)
            ways = policy.ways(endpoint, Method.CERTIFICATE)
            fields = [FIELDS[SUPPORT[protocol, way]] for way in ways]
            able = able * (1.0 - math.prod(1.0 - getattr(product, field) for field in fields))
        found = found + able
    return found
