"""The provider without sockets: credentials and forms in, replies out, effects in an outbox.

Every public method may be called from any thread. The clock is given; `tick` does what is due.
"""

from __future__ import annotations

import heapq
import secrets
from collections import deque
from dataclasses import replace
from typing import Any

from sandbox.psc.backchannel import Context, Wanted, check_request
from sandbox.psc.behaviour import Behaviour, plan
from sandbox.psc.ciba import AuthRequest, Decision, State, decide, expire
from sandbox.psc.client_auth import Credentials
from sandbox.psc.clients import Client
from sandbox.psc.clock import Clock
from sandbox.psc.foundation import FOREVER, Foundation, Options
from sandbox.psc.jose import ASYMMETRIC, BadTokenError, read_jwt
from sandbox.psc.notifications import Notification, build_notifications
from sandbox.psc.people import Person
from sandbox.psc.refusals import Refused
from sandbox.psc.replies import NO_STORE, Reply, spoil, wire_error
from sandbox.psc.rules_token import RULES
from sandbox.psc.settings import Settings
from sandbox.psc.store import Store, fingerprint
from sandbox.psc.tokens import Grant
from sandbox.space.errors import UserError

__all__ = ["Options", "Provider"]

PURGE_EVERY = 2_000
STATES_FR = {
    State.PENDING: "code faux, encore un essai",
    State.APPROVED: "demande approuvée",
    State.DENIED: "demande refusée",
    State.FAILED: "opération échouée",
    State.EXPIRED: "demande expirée",
    State.REDEEMED: "jetons livrés",
    State.CLOSED: "demande close",
}
TICKET = 16


class Provider(Foundation):
    """One Pro Santé Connect (or one operator's CIBA, with `device="sms"`): the life of requests."""

    def __init__(
        self,
        settings: Settings,
        origin: str,
        *,
        mtls_origin: str | None = None,
        options: Options | None = None,
        store: Store | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(
            settings, origin, mtls_origin=mtls_origin, options=options, store=store, clock=clock
        )
        self.outbox: deque[Notification] = deque()
        self._ordinals: dict[str, int] = {}
        self._timers: list[tuple[float, int, str]] = []
        self._timer_seq = 0
        self._work = 0
        self._pending = 0
        for data in self.store.all("ciba", limit=settings.max_pending * 2):
            request = AuthRequest.from_dict(data)
            if request.state is State.PENDING:
                self._pending += 1
                self._schedule(request)

    # --- backchannel authentication ---------------------------------------------------------

    def backchannel(self, credentials: Credentials) -> Reply:
        """Answer an authentication request (CIBA Core 7)."""
        with self.lock:
            try:
                client = self.authenticate(credentials)
                context = Context(
                    self.settings,
                    client,
                    self.people,
                    self.now(),
                    self.issuer,
                    self.first_use,
                    self.read_own_id_token,
                )
                wanted = check_request(credentials.form, context)
                if self._pending >= self.settings.max_pending:
                    raise Refused(RULES["overload"], headers=(("Retry-After", "5"),))
                if not self.device_reachable:
                    raise Refused(RULES["device_unavailable"])
            except Refused as refused:
                return self.refuse(refused, credentials)
            struck = self.strike("backchannel", client.client_id)
            imposed = wire_error(struck, self.settings.profile)
            if imposed is not None:
                return imposed
            interval = self.settings.interval
            if any(rule.fault == "long_interval" for rule in struck):
                interval = 31
            auth_req_id, request = self._open(client, wanted, interval)
            body: dict[str, Any] = {"auth_req_id": auth_req_id}
            body["expires_in"] = (
                self.settings.expires_in
                if self.settings.profile == "psc"
                else int(request.expires_at - request.created_at)
            )
            if interval > 0:
                body["interval"] = interval
            if client.delivery_mode == "push":
                body.pop("interval", None)
            return spoil(Reply(200, body, NO_STORE), struck)

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

    def _open(self, client: Client, wanted: Wanted, interval: int) -> tuple[str, AuthRequest]:
        assert wanted.person is not None
        assert client.delivery_mode is not None
        life = min(wanted.requested_expiry or self.settings.expires_in, self.settings.max_expiry)
        return self.open_request(
            client,
            wanted.person,
            wanted.scope,
            client.delivery_mode,
            life=life,
            interval=interval,
            binding_message=wanted.binding_message,
            acr_values=wanted.acr_values,
            channel=wanted.channel,
            notification_token=wanted.notification_token,
            warnings=tuple(wanted.warnings),
        )

    def open_request(
        self,
        client: Client,
        person: Person,
        scope: str,
        mode: str,
        *,
        life: int,
        interval: int = 0,
        warnings: tuple[str, ...] = (),
        **members: Any,
    ) -> tuple[str, AuthRequest]:
        """Open a request on a person's device; return its secret id and the request."""
        with self.lock:
            return self._open_request(
                client, person, scope, mode, life, interval, warnings, members
            )

    def _open_request(
        self,
        client: Client,
        person: Person,
        scope: str,
        mode: str,
        life: int,
        interval: int,
        warnings: tuple[str, ...],
        members: dict[str, Any],
    ) -> tuple[str, AuthRequest]:
        now = self.now()
        jti = secrets.token_urlsafe(24)
        auth_req_id = jti
        if self.settings.profile == "psc":
            sealed = {
                "jti": jti,
                "iss": self.issuer,
                "sub": person.subject,
                "azp": client.client_id,
                "scope": scope,
                "iat": int(now),
                "exp": int(now) + life,
                "binding_message": members.get("binding_message"),
                "sid": secrets.token_urlsafe(16),
            }
            auth_req_id = self.ring.seal(sealed)
        id_hash = fingerprint(auth_req_id)
        request = AuthRequest(
            ticket=id_hash[:TICKET],
            id_hash=id_hash,
            auth_req_id=auth_req_id if mode in ("ping", "push") else None,
            client_id=client.client_id,
            subject=person.national_id,
            scope=scope,
            mode=mode,
            created_at=now,
            expires_at=now + life,
            interval=interval,
            **members,
        )
        behaviour = self.behaviours.get(person.national_id, self.behaviour)
        with self.store.transaction():
            rung: float | None = now
            if self.settings.device == "sms" and mode != "browser":
                sms = self.sms.send(
                    person.phone_number,
                    request.ticket,
                    request.binding_message,
                    now,
                    request.expires_at,
                )
                rung = sms["arrives_at"]
            if rung is not None:
                ordinal = self._ordinals.get(person.national_id, 0)
                self._ordinals[person.national_id] = ordinal + 1
                planned = plan(behaviour, self.seed, person.national_id, ordinal)
                if planned.decision is not None:
                    request = replace(
                        request, planned_at=rung + planned.delay, planned=planned.decision
                    )
            self.save(request)
        self._pending += 1
        self._schedule(request)
        self.events.add(
            now,
            "request",
            client_id=client.client_id,
            ticket=request.ticket,
            text_fr=f"Demande à {person.national_id} ({request.channel}).",
            text_en=f"Request to {person.national_id} ({request.channel}).",
        )
        for text in warnings:
            self.events.add(now, "warning", ticket=request.ticket, text_en=text, text_fr=text)
        if mode in ("ping", "push"):
            self._ping_early(client, request)
        self._purge_sometimes()
        self.tick()
        return auth_req_id, request

    def _ping_early(self, client: Client, request: AuthRequest) -> None:
        """Send a ping before any decision, where that misbehaviour was asked for."""
        asked = any(
            rule.fault == "early_ping" and rule.client_id in (None, client.client_id)
            for rule in self.faults.rules
        )
        if not asked:
            return
        struck = self.strike("notification", client.client_id, request.ticket)
        if any(rule.fault == "early_ping" for rule in struck):
            body = {"auth_req_id": request.auth_req_id}
            self._send(build_notifications(client, request, body, ()))

    # --- the life of a request ----------------------------------------------------------------

    def save(self, request: AuthRequest) -> None:
        """Store a request; it outlives its expiry so that expired_token can be said (T5)."""
        keep = request.expires_at + request.interval + self.settings.retention
        self.store.put("ciba", request.ticket, request.to_dict(), expires=keep, tag=request.subject)

    def request(self, ticket: str) -> AuthRequest | None:
        """Return a request by its public ticket."""
        data = self.store.get("ciba", ticket)
        return None if data is None else AuthRequest.from_dict(data)

    def requests(self, national_id: str | None = None) -> list[AuthRequest]:
        """Return the requests in the store, newest first, at most 1 000."""
        found = [AuthRequest.from_dict(item) for item in self.store.all("ciba", national_id)]
        return sorted(found, key=lambda item: item.created_at, reverse=True)

    def _schedule(self, request: AuthRequest) -> None:
        for at in (request.planned_at, request.expires_at):
            if at is not None:
                self._timer_seq += 1
                heapq.heappush(self._timers, (at, self._timer_seq, request.ticket))
        self.wake()

    def next_due(self) -> float | None:
        """Return the instant of the next thing to do, or None."""
        with self.lock:
            return self._timers[0][0] if self._timers else None

    def tick(self) -> None:
        """Do what is due, each thing at its own instant, in order."""
        with self.lock:
            now = self.now()
            while self._timers and self._timers[0][0] <= now:
                at, _, ticket = heapq.heappop(self._timers)
                request = self.request(ticket)
                if request is None or request.state is not State.PENDING:
                    continue
                if request.planned is not None and request.planned_at == at:
                    self._apply(request, Decision(request.planned), at, final=True)
                elif at >= request.expires_at:
                    self._settle(request, expire(request, at), at)

    def decide(self, ticket: str, decision: Decision) -> AuthRequest:
        """Apply what a person does on the device, now.

        Raises:
            UserError: unknown ticket, request no longer pending, or phone out of network.
        """
        with self.lock:
            self.tick()
            request = self.request(ticket)
            if request is None:
                raise UserError(f"demande {ticket!r} inconnue / unknown request")
            if request.state is not State.PENDING:
                raise UserError(f"demande {ticket!r} : déjà / already {request.state}")
            if self.behaviours.get(request.subject, self.behaviour).kind == "offline":
                raise UserError(f"{request.subject} : hors réseau / out of network")
            return self._apply(request, decision, self.now())

    def _apply(
        self, request: AuthRequest, decision: Decision, at: float, *, final: bool = False
    ) -> AuthRequest:
        if final and decision is Decision.WRONG_CODE:
            request = replace(request, wrong_codes=2)
        return self._settle(request, decide(request, decision, at), at)

    def _settle(self, before: AuthRequest, after: AuthRequest, at: float) -> AuthRequest:
        """Store a request's new state and tell the client, once (P2)."""
        decided = after.state is not State.PENDING
        tell = decided and after.mode in ("ping", "push") and not after.notified
        # Ping tells that a decision is there; an expiry is for polling to discover.
        tell = tell and not (after.mode == "ping" and after.state is State.EXPIRED)
        if tell:
            after = replace(after, notified=True)
        notifications: tuple[Notification, ...] = ()
        with self.store.transaction():
            if tell:
                notifications, after = self._notify(after, at)
            self.save(after)
        if decided and before.state is State.PENDING:
            self._pending -= 1
        self.events.add(
            at,
            "decision",
            client_id=after.client_id,
            ticket=after.ticket,
            text_fr=f"{after.subject} : {STATES_FR[after.state]}.",
            text_en=f"{after.subject}: {after.state}.",
        )
        self._send(notifications)
        return after

    def _notify(
        self, request: AuthRequest, at: float
    ) -> tuple[tuple[Notification, ...], AuthRequest]:
        client = self.clients.get(request.client_id)
        if client is None:
            return (), request
        struck = self.strike("notification", client.client_id, request.ticket)
        body: dict[str, Any] = {"auth_req_id": request.auth_req_id}
        if request.mode == "push":
            failed = any(rule.fault == "transaction_failed" for rule in struck)
            if request.state is State.APPROVED and not failed:
                person = self.people.find(request.subject)
                assert person is not None
                grant = self.grant(client, person, request, at, None)
                issued = self.tokens.issue(grant, at, struck)
                delivered = spoil(Reply(200, issued), struck).body
                assert isinstance(delivered, dict)
                body |= delivered
                request = replace(request, state=State.REDEEMED)
            else:
                key = {State.DENIED: "denied", State.EXPIRED: "expired"}.get(
                    request.state, "transaction_failed"
                )
                answer = RULES["transaction_failed" if failed else key].core
                body |= {"error": answer.error, "error_description": answer.description}
        return build_notifications(client, request, body, struck), request

    @staticmethod
    def grant(
        client: Client, person: Person, request: AuthRequest, now: float, thumbprint: str | None
    ) -> Grant:
        """Return the grant of an approved request."""
        return Grant(
            client=client,
            person=person,
            scope=request.scope,
            auth_time=request.decided_at or now,
            sid=secrets.token_urlsafe(18),
            nonce=request.nonce,
            acr_values=request.acr_values,
            thumbprint=thumbprint,
            auth_req_id=request.auth_req_id if request.mode == "push" else None,
        )

    def _send(self, notifications: tuple[Notification, ...]) -> None:
        if notifications:
            self.outbox.extend(notifications)
            self.wake()

    def notified(self, notification: Notification, outcome: str) -> None:
        """Log what a client answered to a notification; nothing is sent again (P2)."""
        self.events.add(
            self.now(),
            "notification",
            client_id=notification.client_id,
            ticket=notification.ticket,
            text_fr=f"Notification à {notification.client_id} : {outcome}.",
            text_en=f"Notification to {notification.client_id}: {outcome}.",
            clause="CIBA Core 10.2, 10.3",
        )

    def closed(self) -> None:
        """Count one pending request less: it ended at the token endpoint."""
        with self.lock:
            self._pending -= 1

    @property
    def pending(self) -> int:
        """How many requests wait for a person."""
        return self._pending

    def _purge_sometimes(self) -> None:
        self._work += 1
        if self._work % PURGE_EVERY == 0:
            self.store.purge(self.now())

    # --- what a test or an operator drives -------------------------------------------------

    def advance(self, seconds: float) -> float:
        """Move the clock and do what falls due; return the new instant.

        Raises:
            UserError: negative or absurd.
        """
        with self.lock:
            now = self.clock.advance(seconds)
            saved = self.store.get("clock", "offset") or {"seconds": 0.0}
            self.store.put(
                "clock", "offset", {"seconds": saved["seconds"] + seconds}, expires=FOREVER
            )
            self.tick()
            self.store.purge(now)
            self.wake()
            return now

    def behave(self, behaviour: Behaviour, national_id: str | None = None) -> None:
        """Set the behaviour of a person, or of everyone without their own.

        Raises:
            UserError: unknown person.
        """
        with self.lock:
            if national_id is None:
                self.behaviour = behaviour
            elif self.people.find(national_id) is None:
                raise UserError(f"personne {national_id!r} inconnue / unknown person")
            else:
                self.behaviours[national_id] = behaviour

    def register(self, client: Client) -> None:
        """Add or replace a client."""
        with self.lock:
            self.clients[client.client_id] = client
