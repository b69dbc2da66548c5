"""What a dialogue asks of the world, and what a command comes to."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.operators.mail import Envelope
from sandbox.operators.model import Credentials
from sandbox.operators.post import Message
from sandbox.operators.refusals import MailRefusal
from sandbox.operators.smtp.replies import Reply

__all__ = ["AskWho", "CheckPeer", "Close", "Event", "Outcome", "Pause", "Post", "StartTls"]


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
