"""The rules that messages are held to (`data/message-rules.csv`), and what breaches one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from sandbox.space import tables

__all__ = ["MessageRule", "RuleBreach", "RuleBreachError", "header_rules", "rules"]

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


@dataclass(frozen=True, slots=True)
class MessageRule:
    """One rule.

    Attributes:
        id: stable.
        subject: mail, xml, zip, metadata, cda, cda-header or receipt.
        clause: of the référentiel, an RFC, a profile; or that the bound is ours.
        severity: error or warning.
        knowledge: published, second-hand or inferred; source: where.
        xpath: of a document's header, true where the rule is kept; empty: `check` knows it.
        french, english: what is wrong.
        remedy_french, remedy_english: what would be right.
    """

    id: str
    subject: str
    clause: str
    severity: str
    knowledge: str
    source: str
    xpath: str
    french: str
    english: str
    remedy_french: str
    remedy_english: str


@cache
def rules() -> dict[str, MessageRule]:
    """Return every rule by id."""
    return {row["id"]: MessageRule(**row) for row in tables.rows("message-rules.csv")}


@cache
def header_rules() -> tuple[MessageRule, ...]:
    """Return the rules of a document's header, that XPath decides."""
    return tuple(each for each in rules().values() if each.xpath)
