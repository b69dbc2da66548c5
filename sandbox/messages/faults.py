"""What a message is found to do wrong: the id of a rule, where, and what was seen there."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RuleBreach", "RuleBreachError"]

_MOST_SEEN = 160  # characters: a stranger wrote them


@dataclass(frozen=True, slots=True)
class RuleBreach:
    """A breach of one rule of `data/message-rules.csv`.

    Attributes:
        rule: id of the rule.
        where: field, file of the archive, or element.
        seen: what is there instead, cut short; empty where the rule says all.
    """

    rule: str
    where: str
    seen: str = ""


class RuleBreachError(Exception):
    """What is there cannot be read any further; carries the fault."""

    def __init__(self, rule: str, where: str, seen: str = "") -> None:
        super().__init__(rule, where, seen)
        printable = "".join(x if x.isprintable() else "\ufffd" for x in seen[:_MOST_SEEN])
        self.fault = RuleBreach(rule, where, printable)
