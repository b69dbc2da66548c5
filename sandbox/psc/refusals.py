"""What a refusal is: one rule, its clause, its two answers, and what would have worked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Answer", "ProfileName", "Refused", "Rule"]

ProfileName = Literal["psc", "core"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes on the wire: HTTP status, `error`, and the `error_description` (ASCII, R14)."""

    status: int
    error: str
    description: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason to refuse.

    `rows` are the requirement rows it implements (M1 ... F8), `clause` where the standard says it.
    `cause` and `remedy` are plain sentences for the event log, French then English.
    """

    key: str
    rows: tuple[str, ...]
    clause: str
    core: Answer
    psc: Answer
    cause: tuple[str, str]
    remedy: tuple[str, str]

    def answer(self, profile: ProfileName) -> Answer:
        """Return the answer of a profile."""
        return self.psc if profile == "psc" else self.core


class Refused(Exception):  # noqa: N818  (a refusal is an answer, not an accident)
    """The peer's fault: carries its rule; `detail` holds facts that are never secret."""

    def __init__(
        self, rule: Rule, detail: str = "", headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(f"{rule.key}: {rule.cause[1]} {detail}".strip())
        self.rule = rule
        self.detail = detail
        self.headers = headers
