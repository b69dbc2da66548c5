"""What a refusal is: a reason for the event log, and what each profile answers on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sandbox.observations.schema import Reason, Words

__all__ = [
    "ProfileName",
    "Refusal",
    "Refused",
    "WireError",
    "refusal",
]

ProfileName = Literal["psc", "core"]


@dataclass(frozen=True, slots=True)
class WireError:
    """What goes on the wire: HTTP status, `error`, and the `error_description` (ASCII, R14)."""

    status: int
    error: str
    description: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason to refuse, and the two answers.

    `rows` are the requirement rows it implements (M1 ... F8).
    """

    reason: Reason
    rows: tuple[str, ...]
    core: WireError
    psc: WireError

    @property
    def name(self) -> str:
        """The reason's."""
        return self.reason.name

    def answer(self, profile: ProfileName) -> WireError:
        """Return the answer of a profile."""
        return self.psc if profile == "psc" else self.core


class Refused(Exception):  # noqa: N818  (a refusal is an answer, not an accident)
    """The peer's fault: carries its refusal; `detail` holds facts that are never secret."""

    def __init__(
        self, refusal: Refusal, detail: str = "", headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(f"{refusal.name}: {refusal.reason.what.english} {detail}".strip())
        self.refusal = refusal
        self.detail = detail
        self.headers = headers


def refusal(
    name: str,
    rows: str,
    clause: str,
    core: tuple[int, str, str],
    what: tuple[str, str],
    remedy: tuple[str, str],
    *,
    psc: tuple[int, str, str] | None = None,
) -> Refusal:
    """Write a row: words in French, then English; `psc` None when Keycloak answers as `core`."""
    reason = Reason(name, clause, Words(*what), Words(*remedy))
    return Refusal(reason, tuple(rows.split()), WireError(*core), WireError(*(psc or core)))
