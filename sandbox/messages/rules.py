"""The rules that messages are held to, each with clause and remedy: `data/message-rules.csv`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from sandbox.space import tables

__all__ = ["MessageRule", "header_rules", "rules"]


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
