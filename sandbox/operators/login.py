"""A login, from the client's first word to the verdict, whichever mail protocol carries it.

Theory of operation. `LoginConductor` conducts the logins of one connection, one after the other: it
begins a SASL exchange, reads the client's lines, asks the authenticator, keeps the time, and tells
the observer of each attempt once. IMAP and SMTP put its steps into their own words. A protocol that
has something to say while a person answers says so (IMAP: an untagged OK); SMTP has nothing.

A certificate alone. A listener that has `SaslName.NONE` among its mechanisms lets in whoever shows
a good client certificate, without a word of SASL; whoever shows none logs in by SASL if the
listener offers some. On IMAP over implicit TLS that is a greeting of `* PREAUTH` (RFC 9051
§7.1.4), never after STARTTLS, where the greeting was said in clear: there EXTERNAL is asked for.
On SMTP the certificate authorises MAIL without AUTH; the sender names the mailbox. On IMAP nothing
names it before the greeting: a card opens its person's own, and a legal person with several is
greeted `* OK` and names one by EXTERNAL. A certificate that is refused opens nothing, and shuts
nothing: the journal says why, the greeting is `* OK`, MAIL is answered 530, and EXTERNAL or a
password may follow.

A client gives up when it cancels an exchange, or hangs up while its login waits: one reason each,
one cause. The time until then counts as the person's, for whom a login waits.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from sandbox.observations.schema import Reason
from sandbox.operators.auth import refusals, sasl
from sandbox.operators.journal import Journal
from sandbox.operators.model import (
    Accepted,
    Actor,
    CertificateCredentials,
    Channel,
    Credentials,
    PasswordCredentials,
    Rejected,
    SaslName,
    TokenCredentials,
)
from sandbox.operators.observing import LoginObserved, Observer
from sandbox.operators.refusals import LoginRefusal

__all__ = ["Alarm", "Challenge", "Denied", "Judge", "LoginConductor", "Logins", "Step"]


LOG = logging.getLogger(__name__)


class Judge(Protocol):
    """Who judges credentials; `auth.Authenticator` does."""

    async def authenticate(self, credentials: Credentials, channel: Channel) -> Accepted | Rejected:
        """Judge; may take minutes. Cancelling cancels what is pending. Journals."""

    async def again(
        self, actor: Actor, credentials: Credentials, channel: Channel
    ) -> LoginRefusal | None:
        """Tell why a login that was accepted would be refused now; None when it would not."""


class Alarm:
    """Has open sessions looked at now, when something changed that may end them."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        """Wake all who wait."""
        for waiting in self._waiting:
            _wake(waiting)

    async def wait(self, seconds: float) -> None:
        """Return when it rings, or after so long."""
        # Every session has one: a future and a timer cost half of what an event with a time-out do.
        loop = asyncio.get_running_loop()
        waiting = loop.create_future()
        self._waiting.add(waiting)
        timer = loop.call_later(seconds, _wake, waiting)
        try:
            await waiting
        finally:
            timer.cancel()
            self._waiting.discard(waiting)


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logins:
    """What the connections of an operator share.

    Attributes:
        judge: judges credentials.
        journal: told of what the judge does not see.
        observer: told of each attempt.
        recheck_seconds: between two looks at whether an open session may stay open.
        clock: seconds since 1970.
        elapsed: seconds that never go back.
        alarm: rung when holders or mailboxes changed.
    """

    judge: Judge
    journal: Journal
    observer: Observer
    recheck_seconds: float = math.inf
    clock: Callable[[], float] = time.time
    elapsed: Callable[[], float] = time.monotonic
    alarm: Alarm = field(default_factory=Alarm)


@dataclass(frozen=True, slots=True)
class Challenge:
    """The client has to answer this line (base64)."""

    line: bytes


@dataclass(frozen=True, slots=True)
class Denied:
    """The attempt is over before anybody was asked; `text` says more than the answer's own."""

    refusal: LoginRefusal
    text: str


Step = Challenge | Denied | PasswordCredentials | TokenCredentials | CertificateCredentials


class LoginConductor:
    """The logins of one connection.

    Args:
        logins: what connections share.
        channel: as it arrived.
        at: when, seconds since 1970.
        tls_seconds: length of the TLS handshake.

    Attributes:
        actor: who logged in.
        failures: attempts refused, but for a certificate that was not asked for.
    """

    def __init__(
        self, logins: Logins, channel: Channel, at: float, tls_seconds: float = 0.0
    ) -> None:
        self.channel = channel
        self.actor: Actor | None = None
        self.failures = 0
        self._logins = logins
        self._at = at
        self._tls_seconds = tls_seconds
        self._exchange: sasl.Exchange | None = None
        self._since = logins.elapsed()
        self._credentials: Credentials | None = None

    def secured(self, channel: Channel, tls_seconds: float) -> None:
        """TLS protects the connection; what was begun before it is forgotten."""
        self.channel, self._tls_seconds = channel, tls_seconds
        self._exchange = None

    # What is offered -----------------------------------------------------------------------------

    @property
    def offered(self) -> tuple[SaslName, ...]:
        """SASL mechanisms, nothing before TLS.

        Clients take EXTERNAL first where it is offered: only who gave a certificate is told of it.
        """
        if not self.channel.tls:
            return ()
        without = {SaslName.NONE} | (set() if self.channel.certificate else {SaslName.EXTERNAL})
        listed = dict.fromkeys((*self.channel.mechanisms, SaslName.EXTERNAL))
        return tuple(n for n in listed if n not in without and self.channel.takes(n))

    @property
    def alone(self) -> bool:
        """Whether the client's certificate logs in without a word of SASL."""
        return SaslName.NONE in self.channel.mechanisms and self.channel.certificate is not None

    # The exchange --------------------------------------------------------------------------------

    @property
    def begun(self) -> bool:
        """Whether an exchange waits for the client's next line."""
        return self._exchange is not None

    def begin(self, mechanism: str, initial: bytes | None = None) -> Step:
        """Begin an attempt.

        Args:
            mechanism: as the client named it.
            initial: its first line, in base64, None when it sent none.
        """
        self._since = self._logins.elapsed()
        if not self.channel.tls:
            return self.deny(refusals.TLS_NEEDED)
        try:
            self._exchange = sasl.begin(mechanism, self.channel)
        except sasl.UnknownMechanism:
            return self.deny(refusals.MECHANISM_NOT_HERE)
        return self._step(initial, initial=True)

    def proceed(self, line: bytes) -> Step:
        """Take the client's next line."""
        return self._step(line)

    def typed(self, user: bytes, password: bytes) -> Step:
        """Begin an attempt with a name and a password, as IMAP's LOGIN gives them."""
        name, lines = SaslName.PLAIN, [b"\0%s\0%s" % (user, password)]
        if SaslName.LOGIN in self.channel.mechanisms:
            name, lines = SaslName.LOGIN, [user, password]
        step = self.begin(name)
        for line in lines:
            if isinstance(step, Challenge):
                step = self._step(base64.b64encode(line))
        return step

    def certificate(self, mailbox: str = "") -> CertificateCredentials:
        """Begin an attempt with the certificate alone, for a mailbox where one was named."""
        self._since = self._logins.elapsed()
        return CertificateCredentials(mechanism=SaslName.NONE, authzid=mailbox)

    def give_up(self) -> None:
        """Forget an exchange that a broken line ended."""
        self._exchange = None

    def deny(self, refusal: LoginRefusal, detail: str = "") -> Denied:
        """Tell journal and observer of a refusal that the authenticator has not seen."""
        self._exchange = None
        self.failures += 1
        self._logins.journal.refused(refusal.reason, self.channel, detail=detail)
        self._observe(None, refusal)
        text = detail[:1].upper() + detail[1:]
        return Denied(refusal, text or refusal.answer.text)

    def _step(self, line: bytes | None, *, initial: bool = False) -> Step:
        assert self._exchange is not None
        if line == b"*" and not initial:
            return self.deny(refusals.CLIENT_CANCELLED)
        try:
            response = None if line is None else sasl.decode(line, initial=initial)
            result = self._exchange.step(response)
        except sasl.MalformedError as error:
            return self.deny(refusals.SASL_MALFORMED, str(error))
        if isinstance(result, bytes):
            return Challenge(base64.b64encode(result))
        self._exchange = None
        return result

    # The verdict ---------------------------------------------------------------------------------

    async def judge(self, credentials: Credentials) -> Accepted | Rejected:
        """Ask who this is, as long as it takes; cancelled when the client hangs up."""
        try:
            verdict = await self._logins.judge.authenticate(credentials, self.channel)
        except asyncio.CancelledError:
            self._observe(None, refusals.CLIENT_GAVE_UP)
            raise
        except Exception:  # a bug of ours refuses one login, and closes no door
            LOG.exception("login at %s", self.channel.endpoint)
            verdict = Rejected(refusal=refusals.LOGIN_UNAVAILABLE)
            self._logins.journal.refused(verdict.refusal.reason, self.channel)
        if isinstance(verdict, Accepted):
            self.actor, self._credentials = verdict.actor, credentials
            self._observe(verdict, None)
            return verdict
        unasked = credentials.mechanism is SaslName.NONE
        self.failures += not unasked
        # Which of several mailboxes EXTERNAL will say: nothing has failed yet.
        if not (unasked and verdict.refusal is refusals.MAILBOX_NOT_NAMED):
            self._observe(verdict, verdict.refusal)
        return verdict

    async def ended(self) -> Reason:
        """Return, when the session of `actor` has to end, why.

        A token ends with its time; whatever let in has to be good still at each look.
        """
        actor, credentials, logins = self.actor, self._credentials, self._logins
        assert actor is not None
        assert credentials is not None
        left = math.inf if actor.expires_at is None else actor.expires_at - logins.clock()
        until = logins.elapsed() + left
        while True:
            wait = min(logins.recheck_seconds, until - logins.elapsed())
            # The event loop takes no wait without end.
            await logins.alarm.wait(min(max(0.0, wait), 86_400.0))
            if logins.elapsed() >= until:
                reason = refusals.TOKEN_ENDED
                break
            try:
                refused = await logins.judge.again(actor, credentials, self.channel)
            except Exception:  # a bug of ours ends no session that was let in
                LOG.exception("open session at %s", self.channel.endpoint)
                continue
            if refused is not None:
                reason = refused.reason
                break
        logins.journal.note(
            "ended", self.channel, mailbox=actor.mailbox, identity=actor.identity,
            **reason.journaled(),
        )  # fmt: skip
        return reason

    def _observe(self, verdict: Accepted | Rejected | None, refusal: LoginRefusal | None) -> None:
        spent = self._logins.elapsed() - self._since
        backend = person = 0.0
        method = None
        if refusal is refusals.CLIENT_GAVE_UP:
            person = spent
        elif verdict is not None:
            backend, person = verdict.backend, verdict.person
            method = verdict.actor.method if isinstance(verdict, Accepted) else verdict.method
        self._logins.observer.login(
            LoginObserved(
                channel=self.channel, method=method, at=self._at, tls=self._tls_seconds,
                sasl=max(0.0, spent - backend - person), backend=backend, person=person,
                cause=refusal.cause if refusal else None, reason=refusal.name if refusal else "",
            )
        )  # fmt: skip
