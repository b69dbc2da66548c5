"""The life of authentication requests: opened, rung, decided or expired, told to the client.

Which answer a poll gets is `ciba`'s table; here a request is kept, its timers run, and what leaves
for clients is put in the outbox. Every method may be called from any thread.
"""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass
from typing import Any

from sandbox.psc import refusals_token
from sandbox.psc.ciba import AuthRequest, DeviceDecision, RequestState, decide, expire
from sandbox.psc.clients import Client
from sandbox.psc.clock import Agenda
from sandbox.psc.fault_rules import FaultRule, notified, spoiled
from sandbox.psc.foundation import Foundation
from sandbox.psc.notifications import Notification, notification
from sandbox.psc.people import EndUser
from sandbox.psc.replies import HttpReply
from sandbox.psc.store import fingerprint
from sandbox.psc.tokens import TokenGrant
from sandbox.space.errors import UserError

__all__ = ["Opening", "Requests", "ticket_of"]

_TICKET = 16
PURGE_EVERY = 2_000
STATES_FR = {
    RequestState.PENDING: "code faux, encore un essai",
    RequestState.APPROVED: "demande approuvée",
    RequestState.DENIED: "demande refusée",
    RequestState.FAILED: "opération échouée",
    RequestState.EXPIRED: "demande expirée",
    RequestState.REDEEMED: "jetons livrés",
    RequestState.CLOSED: "demande close",
}


def ticket_of(auth_req_id: str) -> str:
    """Return the public name of a request, by which journals and pages speak of it."""
    return fingerprint(auth_req_id)[:_TICKET]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a new request is made of. Durations are seconds."""

    client: Client
    person: EndUser
    scope: str
    mode: str
    life: int
    interval: int = 0
    binding_message: str | None = None
    acr_values: str | None = None
    channel: str = "MOBILE"
    notification_token: str | None = None
    nonce: str | None = None
    warnings: tuple[str, ...] = ()


class Requests:
    """The requests of one provider."""

    def __init__(self, base: Foundation) -> None:
        self.outbox: deque[Notification] = deque()
        self._base = base
        self._agenda = Agenda()
        self._opened = 0
        self._pending = 0
        limit = base.settings.max_pending * 2
        for request in base.store.all_kept("ciba", AuthRequest.from_dict, limit=limit):
            if request.state is RequestState.PENDING:
                self._pending += 1
                self._schedule(request)

    # --- reading ------------------------------------------------------------------------------

    @property
    def pending(self) -> int:
        """How many requests wait for a person."""
        return self._pending

    def find(self, ticket: str) -> AuthRequest | None:
        """Return a request by its public ticket."""
        return self._base.store.kept("ciba", ticket, AuthRequest.from_dict)

    def of(self, national_id: str | None = None) -> list[AuthRequest]:
        """Return the requests of a person (of all), newest first, at most 1 000."""
        found = self._base.store.all_kept("ciba", AuthRequest.from_dict, national_id)
        return sorted(found, key=lambda item: item.created_at, reverse=True)

    def waiting(
        self, national_id: str | None = None, client_id: str | None = None
    ) -> list[AuthRequest]:
        """Return what waits for a person (for anyone), newest first; of one client if named."""
        return [
            request
            for request in self.of(national_id)
            if request.state is RequestState.PENDING and client_id in (None, request.client_id)
        ]

    def next_due(self) -> float | None:
        """Return the instant of the next thing to do, or None."""
        with self._base.lock:
            return self._agenda.next()

    # --- opening ------------------------------------------------------------------------------

    def open(self, opening: Opening) -> tuple[str, AuthRequest]:
        """Open a request on a person's device; return its secret id and the request."""
        with self._base.lock:
            return self._open(opening)

    def _open(self, opening: Opening) -> tuple[str, AuthRequest]:
        base, client = self._base, opening.client
        now = base.now()
        auth_req_id = self._secret_id(opening, now)
        id_hash = fingerprint(auth_req_id)
        request = AuthRequest(
            ticket=id_hash[:_TICKET],
            id_hash=id_hash,
            auth_req_id=auth_req_id if opening.mode in ("ping", "push") else None,
            client_id=client.client_id,
            subject=opening.person.national_id,
            scope=opening.scope,
            mode=opening.mode,
            created_at=now,
            expires_at=now + opening.life,
            interval=opening.interval,
            binding_message=opening.binding_message,
            acr_values=opening.acr_values,
            channel=opening.channel,
            notification_token=opening.notification_token,
            nonce=opening.nonce,
        )
        with base.store.transaction():
            request = base.devices.ring(opening.person, request, now)
            self.save(request)
        self._pending += 1
        self._schedule(request)
        base.events.add(
            now, "request", f"Demande à {request.subject} ({request.channel}).",
            f"Request to {request.subject} ({request.channel}).",
            client.client_id, request.ticket,
        )  # fmt: skip
        for text in opening.warnings:
            base.events.add(now, "warning", text, text, ticket=request.ticket)
        if opening.mode in ("ping", "push"):
            self._ping_early(client, request)
        self._opened += 1
        if self._opened % PURGE_EVERY == 0:
            base.store.purge(now)
        self.tick()
        return auth_req_id, request

    def _secret_id(self, opening: Opening, now: float) -> str:
        """Return a new auth_req_id: 256 random bits; sealed in a JWE where Keycloak's is one."""
        base = self._base
        jti = secrets.token_urlsafe(32)
        if base.settings.profile == "core":
            return jti
        sealed = {
            "jti": jti,
            "iss": base.issuer,
            "sub": opening.person.subject,
            "azp": opening.client.client_id,
            "scope": opening.scope,
            "iat": int(now),
            "exp": int(now) + opening.life,
            "binding_message": opening.binding_message,
            "sid": secrets.token_urlsafe(16),
        }
        return base.ring.seal(sealed)

    def _ping_early(self, client: Client, request: AuthRequest) -> None:
        """Send a ping before any decision, where that misbehaviour was asked for."""
        base = self._base
        asked = any(
            rule.effect.early and rule.client_id in (None, client.client_id)
            for rule in base.faults.rules
        )
        if not asked:
            return
        struck = base.strike("notification", client.client_id, request.ticket, request.subject)
        if any(rule.effect.early for rule in struck):
            one = notification(client, request, {"auth_req_id": request.auth_req_id})
            self._send(() if one is None else (one,))

    # --- from pending to decided --------------------------------------------------------------

    def save(self, request: AuthRequest) -> None:
        """Store a request; it outlives its expiry so that expired_token can be said (T5)."""
        keep = request.expires_at + request.interval + self._base.settings.retention
        self._base.store.put("ciba", request.ticket, request, expires=keep, tag=request.subject)

    def closed(self) -> None:
        """Count one pending request less: it ended at the token endpoint."""
        with self._base.lock:
            self._pending -= 1

    def _schedule(self, request: AuthRequest) -> None:
        before = self._agenda.next()
        for at in (request.planned_at, request.expires_at):
            if at is not None:
                self._agenda.note(at, request.ticket)
        if before != self._agenda.next():  # whoever sleeps until then sleeps too long
            self._base.wake()

    def tick(self) -> None:
        """Do what is due, each thing at its own instant, in order."""
        with self._base.lock:
            for at, ticket in self._agenda.until(self._base.now()):
                request = self.find(ticket)
                if request is None or request.state is not RequestState.PENDING:
                    continue
                if request.planned is not None and request.planned_at == at:
                    decision = DeviceDecision(request.planned)
                    if decision is DeviceDecision.WRONG_CODE:
                        # Planned wrong codes are wrong to the end.
                        request = request.but(wrong_codes=2)
                    self._settle(request, decide(request, decision, at), at)
                elif at >= request.expires_at:
                    self._settle(request, expire(request, at), at)

    def decide(self, ticket: str, decision: DeviceDecision) -> AuthRequest:
        """Apply what a person does on the device, now.

        Raises:
            UserError: unknown ticket, request no longer pending, or phone out of network.
        """
        base = self._base
        with base.lock:
            self.tick()
            request = self.find(ticket)
            if request is None:
                raise UserError("demande inconnue", "unknown request", where=f"{ticket!r}")
            if request.state is not RequestState.PENDING:
                raise UserError(
                    "cette demande est déjà réglée :",
                    "this request is already settled:",
                    where=f"{ticket!r}",
                    then=request.state,
                )
            if base.devices.behaviour_of(request.subject).kind == "offline":
                raise UserError(
                    "téléphone hors réseau", "telephone out of network", where=request.subject
                )
            now = base.now()
            return self._settle(request, decide(request, decision, now), now)

    def _settle(self, before: AuthRequest, after: AuthRequest, at: float) -> AuthRequest:
        """Store a request's new state and tell the client, once (P2)."""
        base = self._base
        decided = after.state is not RequestState.PENDING
        tell = decided and after.mode in ("ping", "push") and not after.notified
        # Ping tells that a decision is there; an expiry is for polling to discover.
        tell = tell and not (after.mode == "ping" and after.state is RequestState.EXPIRED)
        sent: tuple[Notification, ...] = ()
        with base.store.transaction():
            if tell:
                sent, after = self._tell(after.but(notified=True), at)
            self.save(after)
        if decided and before.state is RequestState.PENDING:
            self._pending -= 1
        base.events.add(
            at, "decision", f"{after.subject} : {STATES_FR[after.state]}.",
            f"{after.subject}: {after.state}.", after.client_id, after.ticket,
        )  # fmt: skip
        self._send(sent)
        return after

    # --- telling the client -------------------------------------------------------------------

    def _tell(
        self, request: AuthRequest, at: float
    ) -> tuple[tuple[Notification, ...], AuthRequest]:
        base = self._base
        client = base.clients.get(request.client_id)
        if client is None:
            return (), request
        struck = base.strike("notification", client.client_id, request.ticket, request.subject)
        body: dict[str, Any] = {"auth_req_id": request.auth_req_id}
        if request.mode == "push":
            pushed, request = self._pushed(client, request, at, struck)
            body |= pushed
        one = notification(client, request, body)
        return () if one is None else notified(one, struck), request

    def _pushed(
        self, client: Client, request: AuthRequest, at: float, struck: tuple[FaultRule, ...]
    ) -> tuple[dict[str, Any], AuthRequest]:
        """Return what push adds to the notification: the tokens, or the error."""
        base = self._base
        failed = any(rule.effect.fails for rule in struck)
        if request.state is RequestState.APPROVED and not failed:
            person = base.people.find(request.subject)
            assert person is not None
            issued = base.tokens.issue(self.grant(client, person, request, at, None), at, struck)
            delivered = spoiled(HttpReply(200, issued), struck).body
            assert isinstance(delivered, dict)
            return delivered, request.but(state=RequestState.REDEEMED)
        refusal = refusals_token.TRANSACTION_FAILED
        if not failed and request.state is RequestState.DENIED:
            refusal = refusals_token.DENIED
        elif not failed and request.state is RequestState.EXPIRED:
            refusal = refusals_token.EXPIRED
        answer = refusal.core
        return {"error": answer.error, "error_description": answer.description}, request

    @staticmethod
    def grant(
        client: Client, person: EndUser, request: AuthRequest, now: float, thumbprint: str | None
    ) -> TokenGrant:
        """Return the grant of an approved request."""
        return TokenGrant(
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

    def _send(self, sent: tuple[Notification, ...]) -> None:
        if sent:
            self.outbox.extend(sent)
            self._base.wake()

    def delivered(self, sent: Notification, outcome: str) -> None:
        """Log what a client answered to a notification; nothing is sent again (P2)."""
        self._base.events.add(
            self._base.now(), "notification", f"Notification à {sent.client_id} : {outcome}.",
            f"Notification to {sent.client_id}: {outcome}.", sent.client_id, sent.ticket,
            clause="CIBA Core 10.2, 10.3",
        )  # fmt: skip
