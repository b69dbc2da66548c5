"""The two SMTP servers of an operator: what a `MailDoor` makes a protocol with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from sandbox.observations.schema import Cause
from sandbox.operators.auth.authenticator import Authenticator
from sandbox.operators.journal import Journal
from sandbox.operators.listener import Arrival
from sandbox.operators.model import Accepted, Channel, Credentials, Rejected
from sandbox.operators.observing import LoginObserved, Nobody, Observer
from sandbox.operators.post.office import PostOffice
from sandbox.operators.rules import Rule
from sandbox.operators.smtp.connection import Connection
from sandbox.operators.smtp.conversation import Setting
from sandbox.operators.smtp.events import CheckPeer, Event, Login, Post
from sandbox.operators.smtp.limits import Limits
from sandbox.operators.smtp.relay_in import RelayIn
from sandbox.operators.smtp.submission import Submission
from sandbox.space.methods import Method
from sandbox.trust.dn import DN

__all__ = ["RelayServer", "SubmissionServer"]


class _Server:
    """What connections of one server share."""

    def __init__(
        self,
        post: PostOffice,
        *,
        journal: Journal,
        observer: Observer | None = None,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.post = post
        self.journal = journal
        self.observer = observer or Nobody()
        self.clock = clock
        self.setting = Setting(knows=post.knows, journal=journal, limits=limits or Limits())
        self.tasks: set[asyncio.Task[None]] = set()

    async def settled(self) -> None:
        """Return when no message is being stored: to be awaited before the store is closed."""
        while self.tasks:
            await asyncio.wait(self.tasks)


class SubmissionServer(_Server):
    """Submission at all endpoints of one operator.

    Args:
        post: what becomes of messages.
        authenticator: who logs in.
        may_receive: why mail may not go to a domain (`relay.policy.is_listed`), None when it may.
        journal, observer, limits, clock: as elsewhere.
    """

    def __init__(
        self,
        post: PostOffice,
        authenticator: Authenticator,
        *,
        may_receive: Callable[[str], Rule | None],
        journal: Journal,
        observer: Observer | None = None,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(post, journal=journal, observer=observer, limits=limits, clock=clock)
        self.authenticator = authenticator
        self.may_receive = may_receive

    def protocol(self, arrival: Arrival) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        return _SubmissionConnection(self, arrival)


class RelayServer(_Server):
    """The inbound relay of one operator.

    Args:
        post: what becomes of messages.
        check_peer: what a certificate proves, or why nothing (`relay.policy.check_peer`).
        may_send: why a certificate may not send for a domain (`relay.policy.may_send`).
        journal, observer, limits, clock: as elsewhere.
    """

    def __init__(
        self,
        post: PostOffice,
        check_peer: Callable[[Channel], Awaitable[DN | Rule]],
        *,
        may_send: Callable[[DN, str], Rule | None],
        journal: Journal,
        observer: Observer | None = None,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        # A listed operator may name many mailboxes that are gone: one that is cut off in the middle
        # would come back with the same message.
        bounds = limits or Limits(errors=2 * Limits().recipients)
        super().__init__(post, journal=journal, observer=observer, limits=bounds, clock=clock)
        self.check_peer = check_peer
        self.may_send = may_send

    def protocol(self, arrival: Arrival) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        return _RelayConnection(self, arrival)


class _SubmissionConnection(Connection):
    def __init__(self, server: SubmissionServer, arrival: Arrival) -> None:
        self._server = server
        self._submission = Submission(
            arrival.channel,
            server.setting,
            certificate_required=arrival.listener.client_certificate == "required",
            may_receive=server.may_receive,
        )
        super().__init__(
            arrival, self._submission, observer=server.observer, clock=server.clock,
            tasks=server.tasks,
        )  # fmt: skip

    async def answer(self, event: Event) -> None:
        """Log in, or post."""
        if isinstance(event, Login):
            await self._login(event.credentials)
        elif isinstance(event, Post):
            actor = self._submission.actor
            assert actor is not None
            await self.keep(
                self._server.post.submit(
                    event.envelope, event.content, actor, self.arrival.channel,
                    self._submission.client_name,
                )
            )  # fmt: skip

    async def _login(self, credentials: Credentials) -> None:
        channel, submission = self.arrival.channel, self._submission
        try:
            result = await self._server.authenticator.authenticate(credentials, channel)
        except asyncio.CancelledError:
            held = submission.now() - submission.login_at
            self._observe(None, sasl=0.0, backend=0.0, person=held, cause=Cause.CLIENT_TIMEOUT)
            self._server.journal.note("login-abandoned", channel, seconds=round(held, 3))
            raise
        spent = submission.now() - submission.login_at
        sasl = max(0.0, spent - result.backend - result.person)
        if isinstance(result, Rejected):
            self._observe(
                result.method, sasl=sasl, backend=result.backend, person=result.person,
                cause=result.rule.cause, rule=result.rule.name,
            )  # fmt: skip
        else:
            self._welcome(result, sasl)
        submission.answer_login(result)

    def _welcome(self, accepted: Accepted, sasl: float) -> None:
        actor = accepted.actor
        self.method = actor.method
        self._observe(
            actor.method, sasl=sasl, backend=accepted.backend, person=accepted.person, cause=None
        )
        if actor.expires_at is not None:
            self.end_by(actor.expires_at - self.clock(), self._submission.expire)

    def _observe(
        self,
        method: Method | None,
        *,
        sasl: float,
        backend: float,
        person: float,
        cause: Cause | None,
        rule: str = "",
    ) -> None:
        self.observer.login(
            LoginObserved(
                channel=self.arrival.channel, method=method, at=self.arrival.at,
                tls=self.arrival.tls_seconds, sasl=sasl, backend=backend, person=person,
                cause=cause, rule=rule,
            )
        )  # fmt: skip


class _RelayConnection(Connection):
    def __init__(self, server: RelayServer, arrival: Arrival) -> None:
        self._server = server
        self._relay = RelayIn(
            arrival.channel,
            server.setting,
            certificate_required=arrival.listener.client_certificate == "required",
            may_send=server.may_send,
        )
        super().__init__(
            arrival, self._relay, observer=server.observer, clock=server.clock,
            tasks=server.tasks,
        )  # fmt: skip

    async def answer(self, event: Event) -> None:
        """Check the peer, or post."""
        if isinstance(event, CheckPeer):
            self._relay.answer_peer(await self._server.check_peer(self.arrival.channel))
        elif isinstance(event, Post):
            peer = self._relay.peer
            assert peer is not None
            await self.keep(
                self._server.post.receive(
                    event.envelope, event.content, self.arrival.channel, peer,
                    self._relay.client_name,
                )
            )  # fmt: skip
