"""One session, from its instant to its end: person, telephone, TCP, TLS, login, mail.

The order is that of `simulation.dialogues`, whose steps these are on the wire. On a card the
signature is waited for before the handshake, of which it is a part: a library's handshake cannot be
held.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable, Iterator

from sandbox.clients.holder import AccessMemory
from sandbox.clients.imap import Imap, RefusedError
from sandbox.clients.letters import content_of, read_letter
from sandbox.clients.plan import Intent, Round, ServerSettings, SessionOutcome
from sandbox.clients.smtp import Smtp
from sandbox.clients.telephone import DownError, Telephones, UnansweredError
from sandbox.clients.wire import LostError, Wire
from sandbox.observations.schema import Cause, Phase
from sandbox.space.methods import METHODS, Mechanism, Method

__all__ = ["Visit"]

_BYE = 5.0  # seconds that a client waits to say goodbye
_RINGS = (Method.ECPS, Method.SMS)
_BUSY = {"BYE": Cause.SLOTS_EXHAUSTED, "421": Cause.SLOTS_EXHAUSTED,
         "UNAVAILABLE": Cause.BACKEND_DOWN, "454": Cause.BACKEND_DOWN,
         "LIMIT": Cause.LIMITED}  # fmt: skip


class _FailedError(Exception):
    """An attempt came to nothing."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.name)
        self.cause = cause


class Visit:
    """Conducts sessions of one account.

    Args:
        holder: whose.
        telephones: that are rung.
        run: told apart from other runs in messages.
        clock: seconds from the start of the run.
    """

    def __init__(
        self, holder: AccessMemory, telephones: Telephones, run: str, clock: Callable[[], float]
    ) -> None:
        self._holder, self._telephones = holder, telephones
        self._run, self._clock = run, clock

    async def conduct(
        self, intent: Intent, outcome: SessionOutcome, opened: Callable[[Round], None]
    ) -> None:
        """Conduct one session; what comes of it stands in `outcome`, also when it is cancelled.

        Args:
            intent: which.
            outcome: filled.
            opened: called once it is in, for each further connection that its software opens.
        """
        person = intent.kind != "alone" and self._holder.account.software.name != "robot"
        await self._tries(intent, outcome, intent.rounds, intent.tries, opened, present=person)

    async def beside(self, intent: Intent, outcome: SessionOutcome, what: Round) -> None:
        """Conduct a further connection of a session: nobody is asked anything."""
        await self._tries(intent, outcome, (what,), 1, lambda _: None, present=False)

    async def _tries(
        self, intent: Intent, outcome: SessionOutcome, rounds: tuple[Round, ...], tries: int,
        opened: Callable[[Round], None], *, present: bool,
    ) -> None:  # fmt: skip
        number = 0
        try:
            for attempt in range(tries):
                one = _Attempt(self, intent, outcome, present=present)
                try:
                    number = await one.until_in(rounds, number)
                    break
                except _FailedError as failed:
                    outcome.failures.append(failed.cause)
                    if attempt + 1 == tries:
                        return
                    await one.pause(rounds[min(number, len(rounds) - 1)].pause)
                    number += 1
            outcome.login = self._clock()
            for extra in intent.extras if present else ():
                opened(extra)
            await one.work(extra=not present and outcome.intent < 0)
        finally:
            outcome.ended = self._clock()

    # What an attempt needs of it ---------------------------------------------------------------

    @property
    def holder(self) -> AccessMemory:
        """Whose sessions these are."""
        return self._holder

    @property
    def telephones(self) -> Telephones:
        """That are rung."""
        return self._telephones

    @property
    def run(self) -> str:
        """Of messages."""
        return self._run

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds from the start of the run."""
        return self._clock


class _Attempt:
    """One attempt of a session, and the mail work when it succeeds."""

    def __init__(
        self, visit: Visit, intent: Intent, outcome: SessionOutcome, *, present: bool
    ) -> None:
        self._visit, self._intent, self._outcome = visit, intent, outcome
        self._present = present
        self._holder = visit.holder
        account = self._holder.account
        self._door: ServerSettings = getattr(account, outcome.protocol)
        self._timeout = account.software.timeout
        self._wire: Wire | None = None
        self._imap: Imap | None = None
        self._smtp: Smtp | None = None

    @contextlib.contextmanager
    def _phase(self, phase: Phase) -> Iterator[None]:
        begin = time.monotonic()
        try:
            yield
        finally:
            self._outcome.spend(phase, time.monotonic() - begin)

    async def pause(self, seconds: float) -> None:
        """Wait before the next attempt: a person does."""
        with self._phase(Phase.PERSON):
            await asyncio.sleep(seconds)

    async def until_in(self, rounds: tuple[Round, ...], number: int) -> int:
        """Log in; return the number of the round in which it came about.

        Raises:
            _FailedError: and nothing is left open.
        """
        try:
            await self._before(rounds[number])
            await self._connect(rounds[number])
            return await self._log_in(rounds, number)
        except BaseException as error:
            self._hang_up()
            if isinstance(error, LostError):
                raise _FailedError(Cause.CONNECTION_LOST) from None
            if isinstance(error, TimeoutError):
                raise _FailedError(Cause.CLIENT_TIMEOUT) from None
            if isinstance(error, ssl.SSLError):
                raise _FailedError(Cause.CERTIFICATE_REFUSED) from None
            if isinstance(error, DownError):
                raise _FailedError(Cause.BACKEND_DOWN) from None
            if isinstance(error, RefusedError):
                cause = _BUSY.get(error.code.partition(" ")[0], Cause.CONNECTION_LOST)
                raise _FailedError(cause) from None
            raise

    # Before the connection -----------------------------------------------------------------------

    async def _before(self, what: Round) -> None:
        holder, method = self._holder, self._holder.account.method
        typed = method is Method.TOTP and "secret" in holder.account.secrets
        if typed and self._present and not holder.honoured:
            with self._phase(Phase.PERSON):
                await asyncio.sleep(what.typing)
        elif method is Method.ECPS and self._door.mechanism is Mechanism.XOAUTH2:
            begin = time.monotonic()
            person = 0.0
            try:
                person = await self._visit.telephones.token(holder, what)
            except UnansweredError as error:
                person = time.monotonic() - begin
                raise _FailedError(Cause.REFUSED if error.refused else Cause.NO_ANSWER) from None
            finally:
                self._outcome.spend(Phase.PERSON, person)
                self._outcome.spend(Phase.BACKEND, time.monotonic() - begin - person)

    # TCP and TLS ---------------------------------------------------------------------------------

    async def _connect(self, what: Round) -> None:
        door, protocol = self._door, self._outcome.protocol
        with self._phase(Phase.NETWORK):
            try:
                self._wire = wire = await Wire.open(door, self._timeout)
            except TimeoutError:  # the backlog is full: nothing answers
                raise _FailedError(Cause.SLOT_TIMEOUT) from None
            self._outcome.connections.append([self._visit.clock()] * 2)
        if protocol == "imap":
            self._imap = Imap(wire)
        else:
            self._smtp = Smtp(wire)
        if door.tls == "starttls":
            with self._phase(Phase.SASL):
                await self._greeted()
                await (self._imap or self._smtp_session).starttls()
        resume = self._holder.has_ticket(protocol)
        if self._holder.account.method is Method.CPS and not resume:
            await self._card(what)
        with self._phase(Phase.TLS):
            await wire.secure(self._holder.context(protocol, resume=resume), door.host)
        self._outcome.resumed = wire.tls is not None and bool(wire.tls.session_reused)

    async def _card(self, what: Round) -> None:
        holder = self._holder
        if not holder.fresh(holder.unlocked, holder.rules.pin):
            if not self._present:
                raise _FailedError(Cause.PERSON_NEEDED)
            with self._phase(Phase.PERSON):
                await asyncio.sleep(what.pin)
            holder.unlocked = time.monotonic()
        with self._phase(Phase.TLS):
            await asyncio.sleep(what.sign)

    @property
    def _smtp_session(self) -> Smtp:
        assert self._smtp is not None
        return self._smtp

    async def _greeted(self) -> None:
        if self._imap is not None:
            await self._imap.greeted()
        else:
            await self._smtp_session.greeted()
            await self._smtp_session.hello()

    # Login ---------------------------------------------------------------------------------------

    async def _log_in(self, rounds: tuple[Round, ...], number: int) -> int:
        door, account = self._door, self._holder.account
        with self._phase(Phase.SASL):
            if door.tls != "starttls":
                await self._greeted()
            elif self._smtp is not None:
                await self._smtp.hello()
            if self._imap is not None:
                await self._imap.capabilities()
        if door.mechanism is Mechanism.NONE:
            if self._imap is not None and not self._imap.ready:
                raise _FailedError(Cause.CERTIFICATE_REFUSED)
            return number
        rings = account.method in _RINGS and door.mechanism is Mechanism.PLAIN
        for further in range(account.software.rings):
            what = rounds[min(number + further, len(rounds) - 1)]
            try:
                await self._authenticate(what, rings=rings)
                self._granted()
                return number + further
            except RefusedError as error:
                cause = self._why(error, what)
                last = further + 1 == account.software.rings
                if cause is not Cause.REFUSED or last:
                    raise _FailedError(cause) from None
                self._outcome.failures.append(cause)
        raise AssertionError

    async def _authenticate(self, what: Round, *, rings: bool) -> None:
        response = self._response(what)
        mechanism = self._door.mechanism
        session = self._imap or self._smtp_session
        holder = self._holder
        waits = rings and not holder.honoured
        joins = waits and holder.ringing > 0  # the person answers another login
        begin = time.monotonic()
        holder.ringing += waits
        try:
            await session.authenticate(
                mechanism.value, response, at_once=mechanism is not Mechanism.XOAUTH2
            )
        finally:
            holder.ringing -= waits
            spent = time.monotonic() - begin
            person = 0.0
            if waits:
                person = spent if joins or what.answer is None else min(what.answer, spent)
            self._outcome.spend(Phase.PERSON, person)
            self._outcome.spend(Phase.BACKEND if waits else Phase.SASL, spent - person)

    def _response(self, what: Round) -> bytes:
        holder, account = self._holder, self._holder.account
        secrets = account.secrets
        if METHODS[account.method].client_certificate:
            return str(secrets["authzid"]).encode()
        user = secrets["username"]
        if self._door.mechanism is Mechanism.XOAUTH2:
            assert holder.token is not None
            return f"user={user}\x01auth=Bearer {holder.token.text}\x01\x01".encode()
        password = secrets["password"]
        if "secret" in secrets and account.method is Method.TOTP:
            if holder.honoured and holder.code is not None:
                code = holder.code[0]
            elif self._present or holder.code is None:
                code = holder.new_code(wrong=what.mistyped or not self._present)
                if not what.mistyped and self._present:
                    holder.code = (code, time.monotonic())
            else:
                code = holder.code[0]
            password += code
        return f"\0{user}\0{password}".encode()

    def _granted(self) -> None:
        holder = self._holder
        if holder.account.method in (Method.TOTP, *_RINGS) and not holder.honoured:
            holder.granted = time.monotonic()

    def _why(self, error: RefusedError, what: Round) -> Cause:
        """Return why a login was refused, from what the client knows that it showed."""
        method, busy = self._holder.account.method, error.code.partition(" ")[0]
        if busy in _BUSY:
            return _BUSY[busy]
        if METHODS[method].client_certificate:
            return Cause.CERTIFICATE_REFUSED
        if self._door.mechanism is Mechanism.XOAUTH2:
            return Cause.TOKEN_REFUSED
        if method is Method.TOTP:
            if not self._present and not self._holder.honoured:
                return Cause.PERSON_NEEDED
            return Cause.CODE_MISTYPED if what.mistyped else Cause.CODE_REUSED
        if what.answer is None:
            return Cause.NO_ANSWER
        return Cause.REFUSED if what.refused else Cause.CREDENTIALS

    # Mail ----------------------------------------------------------------------------------------

    async def work(self, *, extra: bool) -> None:
        """Do what the session was for, and say goodbye."""
        wire = self._wire
        assert wire is not None
        try:
            if self._smtp is not None:
                await self._send(self._smtp)
            else:
                assert self._imap is not None
                await self._read(self._imap, extra=extra)
            self._holder.keep_ticket(self._outcome.protocol, wire.tls)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_BYE):
                    await (self._imap.logout() if self._imap else self._smtp_session.quit())
        except LostError:
            self._outcome.failures.append(Cause.CONNECTION_LOST)
        except TimeoutError:
            self._outcome.failures.append(Cause.CLIENT_TIMEOUT)
        except RefusedError as error:
            cause = _BUSY.get(error.code.partition(" ")[0], Cause.NOT_AUTHORIZED)
            self._outcome.failures.append(cause)
        finally:
            self._hang_up()

    def _hang_up(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._outcome.connections[-1][1] = self._visit.clock()

    async def _send(self, smtp: Smtp) -> None:
        letter, address = self._intent.letter, self._holder.account.address
        assert letter is not None
        content = content_of(self._visit.run, address, letter, time.time())
        await smtp.send(address, letter.recipients, content)
        self._outcome.accepted = letter.number

    async def _read(self, imap: Imap, *, extra: bool) -> None:
        self._take(await imap.look())
        software = self._holder.account.software
        if software.keeps and (extra or self._intent.kind == "open"):
            self._holder.keep_ticket("imap", self._wire.tls if self._wire else None)
            left = self._intent.until - self._visit.clock()
            self._take(await imap.idle(time.monotonic() + left, fetch=not extra))

    def _take(self, contents: list[bytes]) -> None:
        for content in contents:
            read = read_letter(content)
            if read is not None and read[0] == self._visit.run:
                self._outcome.found += 1
                self._outcome.bad += not read[2]
