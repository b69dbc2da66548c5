"""What an account remembers between its sessions: tickets, codes, tokens, an unlocked card."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass, field
from pathlib import Path

import pyotp

from sandbox.clients.plan import ClientAccount, Rules
from sandbox.serve import client_context
from sandbox.space.methods import METHODS

__all__ = ["AccessMemory", "AccessToken"]


class _Resuming(ssl.SSLContext):
    """Takes up the session that it is given at its next handshake.

    Event loops ask a context for its TLS object and know no sessions.
    """

    session: ssl.SSLSession | None = None

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, server_side: bool = False,
        server_hostname: str | bytes | None = None, session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:  # fmt: skip
        taken, self.session = session or self.session, None
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, taken)


@dataclass(slots=True)
class AccessToken:
    """An access token of Pro Santé Connect, and what renews it; instants of the monotonic clock."""

    text: str
    until: float
    refresh: str
    session_until: float


@dataclass(slots=True)
class AccessMemory:
    """An account and its memory; instants are of the monotonic clock.

    Attributes:
        granted: last login by the person, None: none.
        unlocked: the card.
        code: last one-time code that was shown, and when.
        token: None: none.
        ringing: logins that wait for the telephone: the first rings it, the others join.
    """

    account: ClientAccount
    rules: Rules
    authorities: Path
    granted: float | None = None
    unlocked: float | None = None
    code: tuple[str, float] | None = None
    token: AccessToken | None = None
    ringing: int = 0
    _tickets: dict[str, tuple[ssl.SSLSession, float]] = field(default_factory=dict)
    _contexts: dict[str, _Resuming] = field(default_factory=dict)

    def context(self, protocol: str, *, resume: bool) -> ssl.SSLContext:
        """Return the context of the next handshake; with `resume` it takes up the last session."""
        context = self._contexts.get(protocol)
        if context is None:
            context = self._contexts[protocol] = self._made()
        ticket = self._tickets.get(protocol)
        context.session = ticket[0] if resume and ticket else None
        return context

    def _made(self) -> _Resuming:
        account = self.account
        pair: tuple[Path | None, Path | None] = (None, None)
        if METHODS[account.method].client_certificate:
            pair = Path(account.secrets["certificate"]), Path(account.secrets["key"])
        context = client_context(self.authorities, *pair)
        if not account.software.tls13:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.__class__ = _Resuming
        assert isinstance(context, _Resuming)
        return context

    def has_ticket(self, protocol: str) -> bool:
        """Whether its software takes up a TLS session here."""
        ticket = self._tickets.get(protocol)
        fresh = ticket is not None and time.monotonic() - ticket[1] < self.rules.ticket
        return self.account.software.resumes and fresh

    def keep_ticket(self, protocol: str, tls: ssl.SSLObject | None) -> None:
        """Keep what the server gave, once something was read (TLS 1.3 gives it after)."""
        session = tls.session if tls is not None else None
        if session is None or not session.has_ticket:
            return
        old = self._tickets.get(protocol)
        # One that a resumed session gives anew has the time of the handshake that it goes back to.
        since = old[1] if tls is not None and tls.session_reused and old else time.monotonic()
        self._tickets[protocol] = (session, since)

    def fresh(self, since: float | None, seconds: float) -> bool:
        """Whether something that happened at `since` still holds."""
        return since is not None and time.monotonic() - since < seconds

    @property
    def honoured(self) -> bool:
        """Whether the operator lets in without the person."""
        return self.fresh(self.granted, self.rules.session)

    def new_code(self, *, wrong: bool = False) -> str:
        """Compute the code of now, or one that is none."""
        generator = pyotp.TOTP(
            self.account.secrets["secret"], interval=self.account.secrets["period"]
        )
        text = generator.now()
        return f"{(int(text) + 7_919) % 1_000_000:06d}" if wrong else text
