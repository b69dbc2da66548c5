"""Who has signed in to enrol: random tickets in memory, short-lived and bounded."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.operators.auth.verifier import Account

__all__ = ["LIFE", "Ticket", "Tickets"]

LIFE = 600.0
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Ticket:
    """A holder who signed in.

    Attributes:
        key: 256 random bits, base64url: cookie of a browser, `ticket` of a script.
        form_token: other 256 bits, which only pages of this site hold; forms send it back.
        account: whose telephones.
        until: seconds since 1970.
    """

    key: str
    form_token: str
    account: Account
    until: float

    def __repr__(self) -> str:
        return f"Ticket({self.account.mailbox!r})"


class Tickets:
    """Tickets by key; the oldest goes when there are too many."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tickets: OrderedDict[str, Ticket] = OrderedDict()

    def give(self, account: Account) -> Ticket:
        """Make a ticket for who has just proved to hold an account."""
        ticket = Ticket(
            secrets.token_urlsafe(32), secrets.token_urlsafe(32), account, self._clock() + LIFE
        )
        self._tickets[ticket.key] = ticket
        while len(self._tickets) > _MOST:
            self._tickets.popitem(last=False)
        return ticket

    def get(self, key: str) -> Ticket | None:
        """Return a ticket that is still good."""
        ticket = self._tickets.get(key)
        if ticket is None or ticket.until <= self._clock():
            self._tickets.pop(key, None)
            return None
        return ticket

    def drop(self, key: str) -> None:
        """Sign out."""
        self._tickets.pop(key, None)
