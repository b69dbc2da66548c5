"""What a dialogue asks of the world, and what a command comes to."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.operators.mail import Envelope
from sandbox.operators.model import Credentials
from sandbox.operators.post import Message
from sandbox.operators.refusals import MailRefusal

__all__ = [
    "AskWho",
    "CheckPeer",
    "Close",
    "Event",
    "Outcome",
    "Pause",
    "Post",
    "Reply",
    "StartTls",
]


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply.

    Attributes:
        code: three digits.
        status: enhanced status; empty for the greeting, EHLO, HELO and 3yz (RFC 2034 §4).
        text: lines of printable ASCII; never what the client sent.
        close: whether the server closes the connection after it.
        told: the journal knows already why it refuses.
    """

    code: int
    status: str
    text: str | tuple[str, ...]
    close: bool = False
    told: bool = False

    def __bytes__(self) -> bytes:
        lines = (self.text,) if isinstance(self.text, str) else self.text
        status = f"{self.status} " if self.status else ""
        said = [f"{self.code}-{status}{line}\r\n" for line in lines[:-1]]
        return ("".join(said) + f"{self.code} {status}{lines[-1]}\r\n").encode("ascii")

    @classmethod
    def of(cls, refusal: MailRefusal) -> Reply:
        """Return what a refusal says on the wire."""
        return cls(refusal.code, refusal.status, refusal.text, refusal.close)

    @property
    def refuses(self) -> bool:
        """Whether the client's command failed."""
        return self.code >= 400


@dataclass(frozen=True, slots=True)
class StartTls:
    """Do the handshake, then call `secured`."""


@dataclass(frozen=True, slots=True)
class AskWho:
    """Ask who it is, then call `answer_login`."""

    credentials: Credentials


@dataclass(frozen=True, slots=True)
class CheckPeer:
    """Ask whether the peer's certificate is a relay's, then call `answer_peer`."""


@dataclass(frozen=True, slots=True)
class Post:
    """Keep a message, then call `answer_post`."""

    envelope: Envelope
    message: Message


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait, then call `resume`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Close:
    """Close; `abrupt` when the client does not expect it and may still be sending."""

    abrupt: bool


Event = StartTls | AskWho | CheckPeer | Pause | Post | Close
Outcome = Reply | MailRefusal | Event
