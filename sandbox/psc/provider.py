"""The provider without sockets: credentials and forms in, replies out, effects in an outbox.

What every endpoint shares is `foundation`, the life of requests `requests`, what people do
`behaviour`. Every public method may be called from any thread; the clock is given.
"""

from __future__ import annotations

from typing import Any

from sandbox.psc import refusals_request, refusals_token
from sandbox.psc.backchannel import CheckedRequest, RequestContext, check_request
from sandbox.psc.behaviour import Behaviour
from sandbox.psc.client_auth import Credentials
from sandbox.psc.clients import Client
from sandbox.psc.fault_rules import imposed, spoiled
from sandbox.psc.foundation import Foundation, ProviderOptions
from sandbox.psc.jose import ASYMMETRIC, BadTokenError, read_jwt
from sandbox.psc.refusals import Refused
from sandbox.psc.replies import NO_STORE, HttpReply
from sandbox.psc.requests import Opening, Requests

__all__ = ["Provider", "ProviderOptions"]


class Provider(Foundation):
    """One Pro Santé Connect (or one operator's CIBA, with `device="sms"`)."""

    requests: Requests

    def begin(self) -> None:
        """See `Foundation`."""
        self.requests = Requests(self)

    # --- backchannel authentication ---------------------------------------------------------

    def backchannel(self, credentials: Credentials) -> HttpReply:
        """Answer an authentication request (CIBA Core 7)."""
        with self.lock:
            try:
                client = self.authenticate(credentials)
                context = RequestContext(
                    self.settings,
                    client,
                    self.people,
                    self.now(),
                    self.issuer,
                    self.first_use,
                    self.read_own_id_token,
                )
                wanted = check_request(credentials.form, context)
                if self.requests.pending >= self.settings.max_pending:
                    raise Refused(refusals_token.OVERLOAD, headers=(("Retry-After", "5"),))
                if not self.devices.reachable:
                    raise Refused(refusals_request.DEVICE_UNAVAILABLE)
            except Refused as refused:
                return self.refuse(refused, credentials)
            assert wanted.person is not None
            person = wanted.person.national_id
            struck = self.strike("backchannel", client.client_id, person=person)
            forced = imposed(struck, self.settings.profile)
            if forced is not None:
                return forced
            interval = self.settings.interval
            for rule in struck:
                interval = rule.effect.interval or interval
            return spoiled(self._acknowledge(client, wanted, interval), struck)

    def _acknowledge(self, client: Client, wanted: CheckedRequest, interval: int) -> HttpReply:
        """Open the request and answer CIBA Core 7.3."""
        settings = self.settings
        assert wanted.person is not None
        assert client.delivery_mode is not None
        life = min(wanted.requested_expiry or settings.expires_in, settings.max_expiry)
        auth_req_id, _ = self.requests.open(
            Opening(
                client=client,
                person=wanted.person,
                scope=wanted.scope,
                mode=client.delivery_mode,
                life=life,
                interval=interval,
                binding_message=wanted.binding_message,
                acr_values=wanted.acr_values,
                channel=wanted.channel,
                notification_token=wanted.notification_token,
                warnings=tuple(wanted.warnings),
            )
        )
        body: dict[str, Any] = {"auth_req_id": auth_req_id, "expires_in": life}
        if settings.profile == "psc":
            # Keycloak says what it is set to, whatever the life of the request.
            body["expires_in"] = settings.expires_in
        if interval > 0 and client.delivery_mode != "push":
            body["interval"] = interval
        return HttpReply(200, body, NO_STORE)

    def read_own_id_token(self, token: str) -> dict[str, Any]:
        """Verify an ID token of ours, expired or not (id_token_hint).

        Raises:
            BadTokenError: not signed by our published keys, or not issued by us.
        """
        keys = self.ring.verification_keys(self.now())
        _, claims = read_jwt(token, keys, ASYMMETRIC)
        if claims.get("iss") != self.issuer or claims.get("typ") != "ID":
            raise BadTokenError("not an ID token of this issuer")
        return claims

    # --- what a test or an operator drives -------------------------------------------------

    def tick(self) -> None:
        """Do what is due."""
        self.requests.tick()

    def advance(self, seconds: float) -> float:
        """Move the clock and do what falls due; return the new instant.

        Raises:
            UserError: negative or absurd.
        """
        with self.lock:
            now = self.clock.advance(seconds)
            self.keep_offset(seconds)
            self.tick()
            self.store.purge(now)
            self.wake()
            return now

    def reset_clock(self) -> float:
        """Go back to real time; return it."""
        with self.lock:
            now = self.clock.reset()
            self.keep_offset(None)
            self.wake()
            return now

    def behave(self, behaviour: Behaviour, national_id: str | None = None) -> None:
        """Set the behaviour of a person, or of everyone without their own.

        Raises:
            UserError: unknown person.
        """
        with self.lock:
            self.devices.behave(behaviour, national_id)
