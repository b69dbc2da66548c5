"""The whole space on one machine: authority, list, DNS, directory, Pro Santé Connect, operators.

Theory of operation. `launch` is what is asked of a start. `planning` says, without doing anything,
every name, address, port, mechanism and certificate of a space, from a scenario and designs: `plan`
holds it. `folder` is where a space lives: settings, lock, state. `keys` issues what the plan asks
for, once; `cast` makes the small directory and the accounts; `founding` makes all of these or finds
them again. `services` starts what operators share, `operators.operator` one operator; `space` puts
them on two event loops and in order. `domains` says who serves which domain, `lifecycle` changes
it. `sheet`
tells other programs where everything is (`space.json`), `cli_mail` and its like are verbs; `up` is
the console's. Nothing of it knows a protocol: that is `operators`. It imports all packages before
it; conformance, analysis and the console may import it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sandbox.space.errors import UserError

if TYPE_CHECKING:
    from sandbox.live.space import LiveSpace

__all__ = ["live"]


def live(
    scenario: str = "demo", *, designs: Sequence[str] = (), dir: str | Path | None = None,  # noqa: A002 - as the command line calls it
    **members: Any,
) -> LiveSpace:  # fmt: skip
    """Return a space that runs for the length of a `with` block.

        with sandbox.live("demo", designs=("single-endpoint",), operators=2) as space:
            space.sheet["accounts"]

    Telephones approve at once, where the command line waits for a person.

    Args:
        scenario: name or path.
        designs: side by side, the first with the plain names.
        dir: where the space is kept; a temporary folder by default.
        members: others of `LiveOptions`.

    Raises:
        UserError: something cannot be had, said in one line.
    """
    from sandbox.live.launch import LiveOptions
    from sandbox.live.space import LiveSpace

    known = {each.name for each in fields(LiveOptions)} - {"scenario", "designs", "folder"}
    for name in members:
        if name not in known:
            raise UserError.among("inconnu", "unknown", f"live: {name}", sorted(known))
    return LiveSpace(
        LiveOptions(
            scenario=scenario,
            designs=tuple(designs),
            folder=None if dir is None else Path(dir),
            **{"behaviour": "approve", **members},
        )
    )


class _Callable(ModuleType):
    """Lets `sandbox.live("demo")` be said, though `sandbox.live` is a package."""

    __call__ = staticmethod(live)


sys.modules[__name__].__class__ = _Callable
