"""The two SMTP servers of an operator: what a `MailDoor` makes a protocol with."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from sandbox.operators.fault_rules import MailFaults
from sandbox.operators.journal import Journal
from sandbox.operators.listener import Inbound
from sandbox.operators.login import LoginConductor, Logins
from sandbox.operators.model import Channel
from sandbox.operators.observing import Nobody, Observer
from sandbox.operators.post import PostOffice
from sandbox.operators.refusals import MailRefusal
from sandbox.operators.smtp.connection import SmtpConnection
from sandbox.operators.smtp.conversation import Setting, SmtpLimits
from sandbox.operators.smtp.events import AskWho, CheckPeer, Event, Post
from sandbox.operators.smtp.relay_in import RelayIn
from sandbox.operators.smtp.submission import Submission
from sandbox.trust.dn import DN

__all__ = ["RelayServer", "SubmissionServer"]


class _Server:
    """What connections of one server share."""

    def __init__(
        self,
        post: PostOffice,
        *,
        journal: Journal,
        observer: Observer | None,
        limits: SmtpLimits | None,
        faults: MailFaults | None,
        clock: Callable[[], float],
    ) -> None:
        self.post = post
        self.journal = journal
        self.observer = observer or Nobody()
        self.clock = clock
        self.setting = Setting(
            knows=post.knows, journal=journal, limits=limits or SmtpLimits(),
            faults=faults or MailFaults(),
        )  # fmt: skip
        self.tasks: set[asyncio.Task[None]] = set()

    async def settled(self) -> None:
        """Return when no message is being stored: to be awaited before the store is closed."""
        while self.tasks:
            await asyncio.wait(self.tasks)


class SubmissionServer(_Server):
    """Submission at all endpoints of one operator.

    Args:
        post: what becomes of messages.
        logins: who logs in; its journal, observer and clock serve the rest too.
        may_receive: why mail may not go to a domain (`relay.policy.is_listed`), None when it may.
        limits: bounds.
        faults: misbehaviours that were asked for.
    """

    def __init__(
        self,
        post: PostOffice,
        logins: Logins,
        *,
        may_receive: Callable[[str], MailRefusal | None],
        limits: SmtpLimits | None = None,
        faults: MailFaults | None = None,
    ) -> None:
        super().__init__(
            post, journal=logins.journal, observer=logins.observer, limits=limits,
            faults=faults, clock=logins.clock,
        )  # fmt: skip
        self.logins = logins
        self.may_receive = may_receive

    def protocol(self, arrival: Inbound) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        return _SubmissionConnection(self, arrival)


class RelayServer(_Server):
    """The inbound relay of one operator.

    Args:
        post: what becomes of messages.
        check_peer: what a certificate proves, or why nothing (`relay.policy.check_peer`).
        may_send: why a certificate may not send for a domain (`relay.policy.may_send`).
        journal, observer, limits, faults, clock: as elsewhere.
    """

    def __init__(
        self,
        post: PostOffice,
        check_peer: Callable[[Channel], Awaitable[DN | MailRefusal]],
        *,
        may_send: Callable[[DN, str], MailRefusal | None],
        journal: Journal,
        observer: Observer | None = None,
        limits: SmtpLimits | None = None,
        faults: MailFaults | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        # A listed operator may name many mailboxes that are gone: one that is cut off in the middle
        # would come back with the same message.
        bounds = limits or SmtpLimits(errors=2 * SmtpLimits().recipients)
        super().__init__(
            post, journal=journal, observer=observer, limits=bounds, faults=faults, clock=clock
        )
        self.check_peer = check_peer
        self.may_send = may_send

    def protocol(self, arrival: Inbound) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        return _RelayConnection(self, arrival)


class _SubmissionConnection(SmtpConnection):
    def __init__(self, server: SubmissionServer, arrival: Inbound) -> None:
        self._server = server
        self._login = LoginConductor(
            server.logins, arrival.channel, arrival.at, arrival.tls_seconds
        )
        self._submission = Submission(
            arrival.channel,
            server.setting,
            certificate_required=arrival.listener.place.client_certificate == "required",
            login=self._login,
            may_receive=server.may_receive,
        )
        super().__init__(
            arrival, self._submission, observer=server.observer, clock=server.clock,
            tasks=server.tasks,
        )  # fmt: skip

    async def answer(self, event: Event) -> None:
        """Log in, or post."""
        login, submission = self._login, self._submission
        if isinstance(event, AskWho):
            submission.answer_login(await login.judge(event.credentials))
            if login.actor is not None:
                self.method = login.actor.method
                self.end_after(login.ended(), submission.expire)
        elif isinstance(event, Post):
            assert login.actor is not None
            await self.keep(
                self._server.post.submit(
                    event.envelope, event.message, login.actor, self.arrival.channel,
                    submission.client_name,
                )
            )  # fmt: skip


class _RelayConnection(SmtpConnection):
    def __init__(self, server: RelayServer, arrival: Inbound) -> None:
        self._server = server
        self._relay = RelayIn(
            arrival.channel,
            server.setting,
            certificate_required=arrival.listener.place.client_certificate == "required",
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
                    event.envelope, event.message, self.arrival.channel, peer,
                    self._relay.client_name,
                )
            )  # fmt: skip
