"""Changes of domains and mailboxes in several steps: noted before the first and after the last.

What was begun and is not done is taken up again, after a kill or by the same command.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sandbox.trust.journal import AuthorityJournal

__all__ = ["Change", "ChangeLog", "move_of", "subject_of"]

# verb: remove, move (`to`), close (`address`) or leave (`to`, or empty); `domain`; `operator`: the
# label of who has it before; `job`: its number in the log.
Change = dict[str, Any]


def move_of(domain: str, source: str, target: str) -> Change:
    """Return the change that gives a domain of an operator to another."""
    return {"verb": "move", "domain": domain, "operator": source, "to": target}


def subject_of(change: Change) -> str:
    """Return what a change is of: a domain, a mailbox, an operator."""
    return str(change.get("domain") or change.get("address") or change["operator"])


class ChangeLog:
    """What was begun and what is done, in a file."""

    def __init__(self, path: Path) -> None:
        self._journal = AuthorityJournal(path)

    def begun(self, change: Change) -> Change:
        """Note that a change is begun, unless the same is under way; return it as it is noted."""
        for each in self.unfinished():
            if {k: v for k, v in each.items() if k != "job"} == change:
                return each
        noted = {**change, "job": len(self._journal.records()) + 1}
        self._journal.append(noted)
        return noted

    def done(self, change: Change) -> None:
        """Note that a change that was begun is done."""
        self._journal.append({"job": change["job"], "done": True})

    def unfinished(self) -> list[Change]:
        """Return what was begun and is not done, in the order of its beginning."""
        found: dict[int, Change] = {}
        for record in self._journal.records():
            if record.get("done"):
                found.pop(record["job"], None)
            else:
                found[record["job"]] = record
        return list(found.values())

    def leavers(self) -> frozenset[str]:
        """Return the operators that have left, or are about to."""
        records = self._journal.records()
        return frozenset(each["operator"] for each in records if each.get("verb") == "leave")

    def left(self) -> frozenset[str]:
        """Return the operators that have left, and are done with it."""
        under_way = {each["operator"] for each in self.unfinished() if each["verb"] == "leave"}
        return self.leavers() - under_way

    def moves_from(self, operator: str) -> list[Change]:
        """Return every move of a domain that an operator had, done or not."""
        return [
            each for each in self._journal.records()
            if each.get("verb") == "move" and each["operator"] == operator
        ]  # fmt: skip
