"""CAPABILITY, NOOP, LOGOUT, ID, ENABLE, NAMESPACE, STARTTLS, IDLE."""

from __future__ import annotations

from sandbox.operators.imap import commands
from sandbox.operators.imap.capabilities import ENABLED
from sandbox.operators.imap.commands import Command
from sandbox.operators.imap.grammar import Malformed
from sandbox.operators.imap.responses import Completion, nstring
from sandbox.operators.imap.session import ImapSession, Outcome

__all__ = ["capability", "enable", "identify", "idle", "logout", "namespace", "noop", "starttls"]

_ID = (b"name", b"mssante-sandbox")


def capability(session: ImapSession, _: Command) -> Outcome:
    """CAPABILITY (RFC 9051 §6.1.1)."""
    session.tell(f"CAPABILITY {session.capabilities()}")
    return Completion("OK", "CAPABILITY completed")


def noop(_: ImapSession, command: Command) -> Outcome:
    """NOOP and CHECK: what changed is told with every reply."""
    return Completion("OK", f"{command.name} completed")


def logout(session: ImapSession, _: Command) -> Outcome:
    """LOGOUT (RFC 9051 §6.1.3)."""
    session.bye("Logging out")
    return Completion("OK", "LOGOUT completed")


def identify(session: ImapSession, command: commands.Identify) -> Outcome:
    """ID (RFC 2971): the client's name helps whoever reads the journal."""
    fields = {key: value[:200] for key, value in command.fields if key in ("name", "version")}
    session.service.journal.note("id", session.channel, **{f"id_{k}": v for k, v in fields.items()})
    session.send(b"* ID (" + b" ".join(map(nstring, _ID)) + b")\r\n")
    return Completion("OK", "ID completed")


def enable(session: ImapSession, command: commands.Enable) -> Outcome:
    """ENABLE (RFC 5161); names that are not known are passed over."""
    wanted = [name for name in dict.fromkeys(command.extensions) if name in ENABLED]
    new = [name for name in wanted if name not in session.enabled]
    session.enabled |= set(new)
    session.tell(" ".join(["ENABLED", *(ENABLED[name] for name in new)]))
    if "CONDSTORE" in new:
        session.use_condstore()
    return Completion("OK", "ENABLE completed")


def namespace(session: ImapSession, _: Command) -> Outcome:
    """NAMESPACE (RFC 2342): one, the person's own."""
    session.tell('NAMESPACE (("" "/")) NIL NIL')
    return Completion("OK", "NAMESPACE completed")


def starttls(session: ImapSession, _: Command) -> Outcome:
    """STARTTLS (RFC 9051 §6.2.1)."""
    if session.channel.tls:
        return Completion("BAD", "TLS is on already")
    session.upgrading = True
    return Completion("OK", "Begin TLS negotiation now")


def idle(session: ImapSession, _: Command) -> Outcome:
    """IDLE (RFC 9051 §6.3.13)."""

    def done(line: bytes) -> Outcome:
        session.idling = False
        if line.upper() != b"DONE":
            raise Malformed("Expected DONE")
        return Completion("OK", "IDLE terminated")

    session.send(b"+ idling\r\n")
    session.report(expunge=True)
    session.idling = True
    session.continuation = done
    return None
