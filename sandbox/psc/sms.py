"""The SMS inbox of the operator's CIBA: a link per request, delays and losses, opened once.

The link opens a page with two buttons; reading it decides nothing (link scanners read links), and
deciding spends it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sandbox.psc.store import ProviderStore, fingerprint
from sandbox.space.chance import uniform
from sandbox.space.errors import UserError
from sandbox.space.laws import WaitLaw, sms_delivery
from sandbox.space.sections.people import Sms

__all__ = ["SmsInbox", "SmsLaw"]

KEPT = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsLaw:
    """Delivery of an SMS.

    Attributes:
        wait: until it arrives; None: at once.
        loss: share that never does.
    """

    wait: WaitLaw | None = None
    loss: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a law that is none.

        Raises:
            UserError: a number out of range.
        """
        wait = self.wait or WaitLaw(1, 0)
        if not 0 < wait.mean <= 3_600 or not 0 <= wait.variation <= 10 or not 0 <= self.loss <= 1:
            raise UserError.expected("SMS", "mean 0 … 3600 s, variation 0 … 10, loss 0 … 1")

    @classmethod
    def of(cls, sms: Sms) -> SmsLaw:
        """Return what a scenario says of SMS."""
        return cls(wait=sms_delivery(sms), loss=sms.lost)


class SmsInbox:
    """Messages sent; the store keeps them, so that a link survives a restart."""

    def __init__(self, store: ProviderStore, base_url: str, law: SmsLaw, seed: int = 0) -> None:
        self._store = store
        self._base = base_url
        self._seed = seed
        self.law = law
        self._sent = store.count("sms")

    def send(
        self, number: str, ticket: str, message: str | None, now: float, expires: float
    ) -> dict[str, Any]:
        """Send the link of a request; return the message, with `arrives_at` None when lost."""
        self._sent += 1
        lost = uniform(self._seed, "sms-loss", self._sent) < self.law.loss
        delay = 0.0
        if self.law.wait is not None:
            delay = round(self.law.wait.quantile(uniform(self._seed, "sms-delay", self._sent)), 3)
        token = secrets.token_urlsafe(24)
        link = f"{self._base}/s/{token}"
        shown = f" Code : {message}." if message else ""
        key = fingerprint(token)
        sms: dict[str, Any] = {
            "number": number,
            "text": f"Connexion à votre messagerie sécurisée.{shown} Répondre : {link}",
            "link": link,
            "key": key,
            "ticket": ticket,
            "sent_at": now,
            "arrives_at": None if lost else now + delay,
            "expires_at": expires,
            "used": False,
        }
        self._store.put("sms", key, sms, expires=now + KEPT, tag=number)
        return sms

    def arrived(self, now: float, number: str | None = None) -> list[dict[str, Any]]:
        """Return the messages that have arrived, newest first."""
        found = self._store.all("sms", number)
        got = [sms for sms in found if sms["arrives_at"] is not None and sms["arrives_at"] <= now]
        return sorted(got, key=lambda sms: float(sms["sent_at"]), reverse=True)

    def open(self, token: str, now: float) -> dict[str, Any] | None:
        """Return the message of a link that is still good, or None. Spends nothing."""
        sms = self._store.get("sms", fingerprint(token))
        if sms is None or sms["used"] or sms["arrives_at"] is None:
            return None
        return sms if sms["arrives_at"] <= now < sms["expires_at"] else None

    def spend(self, token: str, now: float) -> dict[str, Any] | None:
        """Return the message of a good link and make the link useless, or None."""
        with self._store.transaction():
            sms = self.open(token, now)
            if sms is not None:
                self._store.put(
                    "sms", sms["key"], {**sms, "used": True}, expires=now + KEPT, tag=sms["number"]
                )
            return sms
