"""Mon espace santé: to whom a message is delivered, what bounces, and whom a citizen may answer.

Published: citizens' addresses, 25 MB, the bounces to recognise and their subject, `[FIN]`, that a
professional writes first, that Reply-To is honoured (domain.md §1.6; esante.gouv.fr, questions on
Mon espace santé). Inferred: that a message is taken and then bounced, and the status codes. Ours:
that a profile of a minor differs from others by its flag alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import getaddresses
from enum import StrEnum

from sandbox.messages.facts import MessageKind, facts_of_fields, header_fields
from sandbox.messages.ins import matricule_of_address

__all__ = [
    "BOUNCES",
    "BOUNCE_SUBJECT",
    "MOST_BYTES",
    "Bounce",
    "CitizenProfile",
    "bounce_for",
    "writers",
]

MOST_BYTES = 25_000_000
BOUNCE_SUBJECT = "Undelivered Mail Returned to Sender"


class CitizenProfile(StrEnum):
    """What a citizen has."""

    OPEN = "open"
    CLOSED = "closed"
    NONE = "none"  # nobody of that matricule, or he was against it


@dataclass(frozen=True, slots=True)
class Bounce:
    """Why a message comes back: enhanced status (RFC 3463), and words."""

    status: str
    french: str
    english: str


BOUNCES = {
    "invalid": Bounce(
        "5.1.3",
        "L'adresse n'est pas celle d'un usager : un matricule INS est attendu.",
        "The address is no citizen's: an INS matricule is expected.",
    ),
    "unknown": Bounce(
        "5.1.1",
        "Aucun usager de ce matricule n'a de messagerie.",
        "No citizen of this matricule has a mailbox.",
    ),
    "closed": Bounce(
        "5.2.1",
        "L'usager a fermé son profil : sa messagerie ne reçoit plus.",
        "The citizen has closed the profile: the mailbox takes no more mail.",
    ),
    "large": Bounce(
        "5.2.3", "Le message dépasse 25 Mo.", "The message is over 25 MB."
    ),
}  # fmt: skip


def bounce_for(address: str, size: int, profile: CitizenProfile) -> Bounce | None:
    """Return why a message is not delivered to a citizen, None where it is.

    Args:
        address: of the recipient.
        size: of the message, bytes.
        profile: of the matricule that the address is made of.
    """
    if not matricule_of_address(address):
        return BOUNCES["invalid"]
    if profile is not CitizenProfile.OPEN:
        return BOUNCES["closed" if profile is CitizenProfile.CLOSED else "unknown"]
    return BOUNCES["large"] if size > MOST_BYTES else None


def writers(contents: Iterable[bytes]) -> list[str]:
    """Return whom a citizen may answer: who wrote to him and has not ended the exchange since.

    Args:
        contents: of his INBOX, the oldest first. Where a message has a Reply-To, it is that
            mailbox that is answered; reports open no exchange.
    """
    allowed: dict[str, None] = {}
    for content in contents:
        fields = header_fields(content)
        facts = facts_of_fields(fields)
        if facts.kind is not MessageKind.MESSAGE:
            continue
        named = getaddresses(fields.get_all("Reply-To") or fields.get_all("From") or [])
        for _, address in named[:1]:
            if facts.end:
                allowed.pop(address.lower(), None)
            elif "@" in address:
                allowed[address.lower()] = None
    return list(allowed)
