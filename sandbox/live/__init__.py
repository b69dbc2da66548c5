"""The whole space on one machine: authority, list, DNS, directory, Pro Santé Connect, operators.

Theory of operation. `launch` is what is asked of a start. `planning` says, without doing anything,
every name, address, port, mechanism and certificate of a space, from a scenario and designs: `plan`
holds it. `folder` is where a space lives: settings, lock, state. `keys` issues what the plan asks
for, once; `cast` makes the small directory and the accounts; `services` starts what operators
share, `operators.operator` one operator; `space` puts them on two event loops and in order. `sheet`
tells other programs where everything is (`space.json`), `cli_mail` and its like are verbs; `up` is
the console's. Nothing of it knows a protocol: that is `operators`. It imports all packages before
it; conformance, analysis and the console may import it.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.live.space import LiveSpace

__all__ = ["live"]


def live(scenario: str = "demo", **members: Any) -> LiveSpace:
    """Return a space that runs for the length of a `with` block; see `space.live`."""
    from sandbox.live.space import live as make

    return make(scenario, **members)


class _Callable(ModuleType):
    """Lets `sandbox.live("demo")` be said, though `sandbox.live` is a package."""

    def __call__(self, scenario: str = "demo", **members: Any) -> LiveSpace:
        return live(scenario, **members)


sys.modules[__name__].__class__ = _Callable
