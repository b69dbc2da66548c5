"""Card readers of the console's own mail software: who has a card in, whose PIN is typed.

A reader as the GIE SESAM-Vitale's middleware gives it to software: a card that is out signs
nothing, one that is in signs once its PIN is typed, three wrong PINs block it. What other software
does with its own copy of a card is its own affair.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, replace

from sandbox.live.keys import PIN
from sandbox.observations.schema import Words
from sandbox.space.errors import UserError

__all__ = ["ACTS", "CardInReader", "Readers"]

TRIES = 3
ACTS = ("insert", "remove", "pin", "unblock")


@dataclass(frozen=True, slots=True, kw_only=True)
class CardInReader:
    """A card: in the reader or not, open to signatures or not, and the PINs that it still takes."""

    inserted: bool = True
    open: bool = True
    tries: int = TRIES

    @property
    def blocked(self) -> bool:
        """Whether it takes no PIN any more."""
        return self.tries == 0


class Readers:
    """Everybody's reader. At first a card is in, its PIN typed: a space works untouched."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cards: dict[str, CardInReader] = {}

    def card(self, identity: str) -> CardInReader:
        """Return a person's card."""
        return self._cards.get(identity, CardInReader())

    def act(self, identity: str, act: str, pin: str = "") -> CardInReader:
        """Do what a person does with the card; return it as it is then.

        Raises:
            UserError: there is no such act, no card in the reader, a PIN that is wrong or blocked.
        """
        if act not in ACTS:
            raise UserError.expected("act", ACTS)
        with self._lock:
            card, error = _after(self.card(identity), act, pin)
            self._cards[identity] = card
        if error is not None:
            raise error
        return card

    def refusal(self, identity: str) -> Words | None:
        """Return why a card signs nothing now, None when it does."""
        card = self.card(identity)
        if not card.inserted:
            return Words("aucune carte dans le lecteur", "no card in the reader")
        if card.blocked:
            return Words("carte bloquée : trois codes PIN faux", "card blocked: three wrong PINs")
        if not card.open:
            return Words("le code PIN de la carte n'est pas tapé", "the card's PIN is not typed")
        return None


def _after(card: CardInReader, act: str, pin: str) -> tuple[CardInReader, UserError | None]:
    """Return the card after an act, and what is wrong with the act."""
    if act == "insert":
        return (card if card.inserted else replace(card, inserted=True, open=False)), None
    if act == "remove":
        return replace(card, inserted=False, open=False), None
    if act == "unblock":
        return replace(card, open=False, tries=TRIES), None
    if not card.inserted:
        return card, UserError("aucune carte dans le lecteur", "no card in the reader", where="pin")
    if card.blocked:
        return card, UserError("carte bloquée ; la débloquer", "card blocked; unblock it",
                               where="pin")  # fmt: skip
    if secrets.compare_digest(pin.encode(), PIN.encode()):
        return replace(card, open=True, tries=TRIES), None
    left = card.tries - 1
    told = UserError("code PIN faux ; essais qui restent", "wrong PIN; tries left",
                     where="pin", then=str(left))  # fmt: skip
    return replace(card, open=False, tries=left), told
