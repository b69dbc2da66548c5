"""Refusals: for the journal a cause, a clause and a remedy; for the wire a code that says no more.

A package keeps its rules in one table. An attacker learns the kind (`Refusal`), never the cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from sandbox.observations.schema import Cause

__all__ = ["Refusal", "Rule"]


class Refusal(Enum):
    """The kinds that the wire tells apart: (IMAP code, SMTP reply, enhanced status, text).

    Codes are those of RFC 5530 (IMAP), RFC 4954 §6 (SMTP), RFC 3463 and RFC 5248 (statuses).
    """

    CREDENTIALS = ("AUTHENTICATIONFAILED", 535, "5.7.8", "Authentication failed")
    NOT_AUTHORIZED = ("AUTHORIZATIONFAILED", 535, "5.7.8", "Authentication failed")
    EXPIRED = ("EXPIRED", 535, "5.7.8", "Authentication expired")
    UNAVAILABLE = ("UNAVAILABLE", 454, "4.7.0", "Temporary authentication failure")
    LIMITED = ("LIMIT", 421, "4.7.0", "Too many attempts, try again later")
    TLS_NEEDED = ("PRIVACYREQUIRED", 538, "5.7.11", "Encryption required")
    MECHANISM = ("CANNOT", 504, "5.5.4", "Mechanism not offered here")
    RELAY_DENIED = ("NOPERM", 550, "5.7.1", "Relaying not authorized")
    RELAY_LATER = ("UNAVAILABLE", 451, "4.7.1", "Relaying not possible now, try again later")

    @property
    def imap_code(self) -> str:
        """Response code of a tagged NO (RFC 5530)."""
        return self.value[0]

    @property
    def smtp_code(self) -> int:
        """Reply code."""
        return self.value[1]

    @property
    def enhanced_status(self) -> str:
        """Enhanced status code."""
        return self.value[2]

    @property
    def text(self) -> str:
        """Text of the reply, the same whatever the cause."""
        return self.value[3]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One reason to refuse.

    Attributes:
        name: unique, kebab-case; the journal's key.
        refusal: what the wire says.
        cause: the cause in the common schema of observations.
        french, english: what happened, in a plain sentence.
        clause: where it is written (RFC section, référentiel requirement).
        remedy_french, remedy_english: what would have worked.
    """

    name: str
    refusal: Refusal
    cause: Cause
    french: str
    english: str
    clause: str
    remedy_french: str
    remedy_english: str
