"""IMAP and submission on a door, as servers that start and stop, for the attacks on every door."""

from __future__ import annotations

import contextlib
import math
import ssl
import tempfile
from pathlib import Path

from sandbox.operators.imap import ImapService, ImapSettings, serve
from sandbox.operators.journal import Journal
from sandbox.operators.listener import MailDoor
from sandbox.operators.login import Logins
from sandbox.operators.model import (
    Accepted,
    Actor,
    Channel,
    Credentials,
    Rejected,
    SaslName,
)
from sandbox.operators.observing import Nobody
from sandbox.operators.post import PostOffice
from sandbox.operators.smtp import SmtpLimits, SubmissionServer
from sandbox.operators.store import MailStore
from sandbox.serve import DoorLimits, Pool
from tests.operators.listening import a_listener


class NobodyKnown:
    """Knows nobody: strangers get no further."""

    async def authenticate(self, credentials: Credentials, channel: Channel) -> Accepted | Rejected:
        raise NotImplementedError

    async def again(self, actor: Actor, credentials: Credentials, channel: Channel) -> None:
        raise NotImplementedError


class MailServer:
    """An operator's IMAP or submission, without mailboxes.

    Args:
        protocol: imap or smtp.
        context: of TLS.
        limits: of the door. Mail times its clients itself, so that the time for a first request
            and the one after it are those before login.
        pool: shared with other doors.
    """

    def __init__(
        self, protocol: str, context: ssl.SSLContext, limits: DoorLimits, pool: Pool | None
    ) -> None:
        self._listener = a_listener(context, protocol=protocol, mechanisms=(SaslName.PLAIN,))
        self._protocol = protocol
        self._limits = limits
        self._pool = pool
        self._stack = contextlib.AsyncExitStack()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._door.port

    async def start(self) -> None:
        """Open a store, then listen."""
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        store = await MailStore.open(folder / "mail.db")
        self._stack.push_async_callback(store.close)
        logins = Logins(judge=NobodyKnown(), journal=Journal(), observer=Nobody())
        limits = self._limits
        before_login = min(limits.first_seconds, limits.idle_seconds, 60.0)
        stalled = 120.0 if math.isinf(limits.stalled_seconds) else limits.stalled_seconds
        if self._protocol == "imap":
            settings = ImapSettings(login_seconds=before_login, stalled_seconds=stalled)
            protocol = serve(ImapService(store, logins, settings=settings))
        else:
            post = PostOffice(store, operator="op1", domains=frozenset({"op1.mssante.test"}),
                              host="localhost", journal=logins.journal,
                              observer=logins.observer)  # fmt: skip
            server = SubmissionServer(
                post, logins, may_receive=lambda _: None,
                limits=SmtpLimits(login_seconds=before_login),
            )  # fmt: skip
            protocol = server.protocol  # type: ignore[assignment]
        self._door = MailDoor([self._listener], protocol, limits, pool=self._pool)
        await self._door.start()
        self._stack.push_async_callback(self._door.stop)

    async def stop(self) -> None:
        """Cut who is there, close the store."""
        await self._stack.aclose()
