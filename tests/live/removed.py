"""A space that dies at a step of the removal of a domain: `removed FOLDER STEP`.

It begins the removal, or takes it up again, and kills itself before the step of that number.
Without STEP it lives on until the removal is done, and prints what is there then, as JSON.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox.directory import Feeder
from sandbox.live.crew import OperatorCrew
from sandbox.live.launch import LiveOptions
from sandbox.live.lifecycle import LifeCycle
from sandbox.live.space import LiveSpace
from sandbox.trust.journal import AuthorityJournal

__all__ = ["STEPS"]

# What a removal does to the world, in order; a life dies before one of them.
STEPS: tuple[tuple[type[Any], str], ...] = (
    (LifeCycle, "_ended_in_flight"),
    (Feeder, "remove_domain"),
    (OperatorCrew, "remove"),
    (AuthorityJournal, "append"),
)


def deadly(step: Callable[..., Any], done: Callable[[tuple[Any, ...]], bool]) -> Callable[..., Any]:
    @functools.wraps(step)
    def die(*args: Any, **more: Any) -> Any:
        if done(args):
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*args, **more)

    return die


def last(args: tuple[Any, ...]) -> bool:
    """Tell whether an append says that the job is done."""
    return bool(args[1].get("done"))


def main(folder: Path, step: int | None) -> None:
    if step is not None:
        kind, name = STEPS[step]
        when = last if name == "append" else lambda _: True
        setattr(kind, name, deadly(getattr(kind, name), when))
    options = LiveOptions(
        folder=folder, designs=("single-endpoint",), operators=2, keys="p-256", block=207,
        behaviour="approve",
    )  # fmt: skip
    with LiveSpace(options) as space:
        name = space.plan.operators[0].domain
        if any(each["domain"] == name and each["in_force"] for each in space.life.domains()):
            space.life.remove_domain(name)
        label = space.plan.operators[0].label
        found = {
            "domain": next(each for each in space.life.domains() if each["domain"] == name),
            "mailboxes": space.operators[label].store.mailboxes(),
            "accounts": [each["address"] for each in space.sheet["accounts"]],
            "unfinished": space.life._unfinished(),
        }
        print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
