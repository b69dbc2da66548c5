"""What every endpoint of a provider shares: keys, clients, devices, refusals, misbehaviour.

No request lives here; see `requests`.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urlsplit

from sandbox.psc.behaviour import Behaviour
from sandbox.psc.client_auth import Credentials, authenticate
from sandbox.psc.clients import BUILT_IN_CLIENTS, Client
from sandbox.psc.clock import Clock
from sandbox.psc.devices import Devices
from sandbox.psc.events import EventLog
from sandbox.psc.fault_rules import FaultRule, Faults
from sandbox.psc.jose import KeyRing
from sandbox.psc.notifications import loopback
from sandbox.psc.outage import Window, outage_at
from sandbox.psc.people import BUILT_IN, BuiltInPeople, People
from sandbox.psc.refusals import Refused
from sandbox.psc.replies import HttpReply, refusal_reply
from sandbox.psc.settings import Settings
from sandbox.psc.sms import SmsInbox, SmsLaw
from sandbox.psc.store import ProviderStore, fingerprint
from sandbox.psc.tokens import TokenService
from sandbox.space.errors import UserError
from sandbox.space.laws import sourced_methods

__all__ = ["FOREVER", "Foundation", "ProviderOptions"]

FOREVER = 4e9


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderOptions:
    """What a provider is made of beside its settings."""

    people: People | None = None
    clients: Iterable[Client] = BUILT_IN_CLIENTS
    behaviour: Behaviour = field(default_factory=Behaviour)
    faults: tuple[FaultRule, ...] = ()
    sms: SmsLaw = field(default_factory=lambda: SmsLaw.of(sourced_methods().sms))
    seed: int = 0
    # Who holds it drives the phones; None draws one.
    control_secret: str | None = field(default=None, repr=False)
    # Signing keys; None: those of the store, or new ones.
    ring: KeyRing | None = field(default=None, repr=False)
    # Addresses of the space's own services, where no notification may go.
    reserved: frozenset[str] = frozenset()
    # When nothing answers, by the provider's clock.
    outages: tuple[Window, ...] = ()


class Foundation:
    """Settings, store, clock, keys, clients, events and faults of one provider.

    `origin` is `https://host:port`; `mtls_origin` and `wallet_origin` the same for clients with
    certificates and for browsers.
    """

    def __init__(
        self,
        settings: Settings,
        origin: str,
        *,
        mtls_origin: str | None = None,
        wallet_origin: str | None = None,
        options: ProviderOptions | None = None,
        store: ProviderStore | None = None,
        clock: Clock | None = None,
    ) -> None:
        options = options or ProviderOptions()
        # Always taken before the store's own lock: the other order could deadlock.
        self.lock = threading.RLock()
        self.settings = settings
        self.origin = origin
        self.mtls_origin = mtls_origin
        # Where browsers go, and no client certificate is asked for.
        self.wallet_origin = wallet_origin or origin
        self.issuer = origin + settings.paths["issuer"]
        self.store = store or ProviderStore()
        self.clock = clock or Clock()
        self.events = EventLog()
        self.people: People = options.people or BuiltInPeople(BUILT_IN)
        self.control_secret = options.control_secret or secrets.token_urlsafe(24)
        self._reserved = options.reserved
        self.outages = options.outages
        self.clients: dict[str, Client] = {}
        for client in options.clients:
            self.register(client)
        self.built_in = frozenset(self.clients)
        self.faults = Faults(options.seed, options.faults)
        self.wake: Callable[[], None] = lambda: None
        saved = self.store.get("clock", "offset")
        if saved:
            self.clock.advance(saved["seconds"])
        ring_data = self.store.get("ring", "ring")
        self.ring = options.ring or (
            KeyRing.from_dict(ring_data) if ring_data else KeyRing.generate()
        )
        if not ring_data:
            self._save_ring()
        self.tokens = TokenService(settings, self.issuer, self.store, self.ring)
        self.devices = Devices(
            self.people,
            SmsInbox(self.store, origin, options.sms, options.seed),
            options.behaviour,
            by_sms=settings.device == "sms",
            seed=options.seed,
        )
        self.begin()

    def begin(self) -> None:
        """Take up what the store kept of what stands on this."""

    def now(self) -> float:
        """Return the provider's time, in epoch seconds."""
        return self.clock.now()

    def outage(self) -> float | None:
        """Return when the outage that there is ends, None when there is none."""
        return outage_at(self.outages, self.now())

    def keep_offset(self, seconds: float | None) -> None:
        """Remember for the next start how far the clock was moved; None forgets it."""
        saved = (self.store.get("clock", "offset") or {"seconds": 0.0})["seconds"]
        moved = 0.0 if seconds is None else saved + seconds
        self.store.put("clock", "offset", {"seconds": moved}, expires=FOREVER)

    def _save_ring(self) -> None:
        self.store.put("ring", "ring", self.ring.to_dict(), expires=FOREVER)

    def rotate_keys(self, grace: float = 0.0) -> None:
        """Change the signing keys; the old ones stay in the JWKS `grace` seconds."""
        with self.lock:
            self.ring.rotate(self.now(), grace)
            self._save_ring()
            self.events.add(self.now(), "fault", "Clés changées.", "Signing keys rotated.")

    def register(self, client: Client) -> None:
        """Add or replace a client.

        Raises:
            UserError: its notifications would go to a service of the space.
        """
        if client.notification_endpoint is not None:
            self._refuse_own(client.client_id, client.notification_endpoint)
        with self.lock:
            self.clients[client.client_id] = client

    def _origins(self) -> tuple[str, ...]:
        """Return where this provider answers."""
        return tuple(filter(None, (self.origin, self.mtls_origin, self.wallet_origin)))

    def _refuse_own(self, client_id: str, url: str) -> None:
        """Refuse an endpoint at this provider or at a reserved address: it could drive them."""
        parts = urlsplit(url)
        address = loopback(parts.hostname or "")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        own = {
            (loopback(origin.hostname or ""), origin.port)
            for origin in map(urlsplit, self._origins())
        }
        if (address, port) in own or address in self._reserved:
            raise UserError(
                "un service de l'espace même ; donner celui du client",
                "a service of the space itself; give the client's",
                where=f"client {client_id!r}: notification_endpoint {url[:80]}",
            )

    def first_use(self, key: str, expires: float) -> bool:
        """Record a jti and say whether it is new."""
        return self.store.add("jti", fingerprint(key), expires=expires)

    @cached_property
    def audiences(self) -> frozenset[str]:
        """Return the audiences that a client assertion may name (F7)."""
        accepted = {self.issuer}
        if self.settings.audience == "endpoints":
            for origin in (self.origin, self.mtls_origin):
                if origin:
                    paths = self.settings.paths
                    accepted |= {
                        origin + paths[name]
                        for name in ("token", "backchannel", "par", "revocation")
                    }
        return frozenset(accepted)

    def authenticate(self, credentials: Credentials) -> Client:
        """Return the authenticated client.

        Raises:
            Refused: one of the client_* rules.
        """
        return authenticate(
            credentials,
            self.clients,
            self.settings,
            self.audiences,
            self.now(),
            self.first_use,
        )

    def refuse(
        self, refused: Refused, credentials: Credentials | None = None, ticket: str | None = None
    ) -> HttpReply:
        """Log a refusal with its explanation and return the standard's answer."""
        client_id, basic = None, False
        if credentials is not None:
            basic = bool(credentials.authorization)
            claimed = credentials.form.get("client_id", "")
            client_id = claimed if claimed in self.clients else None
        self.events.refusal(self.now(), refused, client_id, ticket)
        return refusal_reply(refused, self.settings.profile, basic)

    def strike(
        self, point: str, client_id: str, key: str = "", person: str = ""
    ) -> tuple[FaultRule, ...]:
        """Return the misbehaviours due here, and own up to them in the log; see `Faults.pick`."""
        struck = self.faults.pick(point, client_id, key, person)
        for rule in struck:
            self.events.add(
                self.now(),
                "fault",
                f"Écart voulu : {rule.fault} ({point}).",
                f"Misbehaviour on demand: {rule.fault} ({point}).",
                client_id or None,
                key or None,
                reason=rule.fault,
            )
            if rule.effect.rotates:
                self.rotate_keys(0.0)
        return struck
