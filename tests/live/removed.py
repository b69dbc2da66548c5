"""A space that dies at a step of a change: `removed FOLDER remove|leave STEP`.

A domain is removed, or its operator leaves and another takes it over. It begins the change, or
takes it up again, and kills itself before the step of that number. Without STEP it lives on until
the change is done, and prints what is there then, as JSON.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from sandbox.directory import Feeder
from sandbox.live.crew import OperatorCrew
from sandbox.live.launch import LiveOptions
from sandbox.live.lifecycle import LifeCycle
from sandbox.live.space import LiveSpace
from sandbox.trust.journal import AuthorityJournal

__all__ = ["STEPS"]

# What a change does to the world, in order; a life dies before one of them.
STEPS: dict[str, tuple[tuple[type[Any], str], ...]] = {
    "remove": (
        (LifeCycle, "_ended_in_flight"),
        (Feeder, "remove_domain"),
        (OperatorCrew, "remove"),
        (AuthorityJournal, "append"),
    ),
    "leave": (
        (Feeder, "move_domain"),
        (OperatorCrew, "unpack"),
        (OperatorCrew, "leave"),
        (AuthorityJournal, "append"),
    ),
}
MESSAGES = 3


def deadly(step: Callable[..., Any], done: Callable[[tuple[Any, ...]], bool]) -> Callable[..., Any]:
    @functools.wraps(step)
    def die(*args: Any, **more: Any) -> Any:
        if done(args):
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*args, **more)

    return die


def last(args: tuple[Any, ...]) -> bool:
    """Tell whether an append says that the whole change is done: it began first."""
    return args[1] == {"job": 1, "done": True}


def revoked(space: LiveSpace, path: str) -> bool:
    chain = (space.keys.folder / path / "cert.pem").read_bytes()
    return space.keys.ca.is_revoked(x509.load_pem_x509_certificate(chain))


def main(folder: Path, change: str, step: int | None) -> None:
    if step is not None:
        kind, name = STEPS[change][step]
        when = last if name == "append" else lambda _: True
        setattr(kind, name, deadly(getattr(kind, name), when))
    options = LiveOptions(
        folder=folder, designs=("single-endpoint",), operators=2, keys="p-256", block=207,
        behaviour="approve",
    )  # fmt: skip
    with LiveSpace(options) as space:
        first, second = space.plan.operators
        name, label = first.domain, first.label
        address = next(each.address for each in space.accounts if each.address.endswith(name)) if (
            change == "leave"
        ) else ""  # fmt: skip
        here = next(each for each in space.life.domains.entries() if each["domain"] == name)
        if here["in_force"] and here["operator"] == label:
            if change == "remove":
                space.life.remove_domain(name)
            else:
                if not space.life.changes.unfinished():
                    space.fill_mailbox(address, MESSAGES)
                space.life.leave(label, second.label)
        found = {
            "domain": next(each for each in space.life.domains.entries() if each["domain"] == name),
            "mailboxes": space.operators[label].store.mailboxes(),
            "accounts": [each["address"] for each in space.sheet["accounts"]],
            "unfinished": space.life.changes.unfinished(),
        }
        if change == "leave":
            store = space.operators[second.label].store
            inbox = store.folder(address, "INBOX")
            assert inbox is not None
            listed = space.ledger.at(datetime.now(UTC))
            found |= {
                "subjects": len(store.rows(inbox.id)),
                "certificates": [str(each.certificate) for each in listed.entries
                                 if each.domain == name],
                "revoked": [revoked(space, f"{each.label}/relay")
                            for each in space.plan.operators],
            }  # fmt: skip
        print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else None)
