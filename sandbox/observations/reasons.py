"""Why something was refused, in words: the same value in every package and every journal.

What the wire answers is another thing, and each protocol's own: it may say less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Reason", "Words"]


class Words(NamedTuple):
    """One sentence in both languages of the space."""

    french: str
    english: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason to refuse.

    Attributes:
        name: unique, kebab-case; the journal's key.
        clause: where it is written (RFC section, référentiel requirement).
        what: what happened, in a plain sentence.
        remedy: what would have worked.
    """

    name: str
    clause: str
    what: Words
    remedy: Words

    def journaled(self) -> dict[str, str]:
        """Return what a journal keeps of it."""
        return {
            "reason": self.name, "fr": self.what.french, "en": self.what.english,
            "clause": self.clause, "remedy_fr": self.remedy.french,
            "remedy_en": self.remedy.english,
        }  # fmt: skip
