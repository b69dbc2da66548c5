"""MSSanté, the French secure health mail space, on one laptop.

One description of the space, two executions (virtual time, real sockets), one analysis:

    import sandbox
    result = sandbox.compare("aout-2021", scale=0.01)
    result.table            # metrics by design, a DataFrame
    result.plot.latency()   # a matplotlib figure
    result.report("out/")   # report.html, summary.json, figures
    found = sandbox.decide("aout-2021")   # what to choose, how surely, what to measure first
    found.inputs            # what drives the choice, a DataFrame
    with sandbox.live("demo") as space:   # real servers, real TLS
        space.sheet         # where everything is, who may log in
    sandbox.check_client("./drive-my-software").verdict   # does it comply?

Packages, each of which knows only those before it: `space` (what a trust space is),
`observations` (what is seen), `simulation` (virtual time), `trust`, `directory`, `psc` and
`operators` (the servers), `live` (all of them together), `analysis` (what it means).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.analysis.decide import DecisionResult, decide
    from sandbox.analysis.result import Result, compare
    from sandbox.conformance.api import check_client, check_operator
    from sandbox.live import live
    from sandbox.space.errors import UserError
    from sandbox.space.loader import load_scenario
    from sandbox.space.population import Space, build_space
    from sandbox.space.scenario import Scenario

__all__ = [
    "DecisionResult",
    "Result",
    "Scenario",
    "Space",
    "UserError",
    "build_space",
    "check_client",
    "check_operator",
    "compare",
    "decide",
    "live",
    "load_scenario",
]

# Loaded when first used: the command line must not wait for what it does not need.
_HOMES = {
    "DecisionResult": "sandbox.analysis.decide",
    "Result": "sandbox.analysis.result",
    "Scenario": "sandbox.space.scenario",
    "Space": "sandbox.space.population",
    "UserError": "sandbox.space.errors",
    "build_space": "sandbox.space.population",
    "check_client": "sandbox.conformance.api",
    "check_operator": "sandbox.conformance.api",
    "compare": "sandbox.analysis.result",
    "decide": "sandbox.analysis.decide",
    "load_scenario": "sandbox.space.loader",
}


def __getattr__(name: str) -> Any:
    if name == "live":
        return import_module("sandbox.live")  # a package that can be called
    if name not in _HOMES:
        raise AttributeError(f"module 'sandbox' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
