"""What was said on one connection, read from its octets: commands, logins, messages.

Pure: what went over the wire, in its order, goes in. Secrets do not come out: a login has a digest
of what it showed, so that two of the same can be told, and its line in the evidence is masked.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = [
    "MASK",
    "Chunk",
    "ObservedLogin",
    "Sent",
    "SoftwareCommand",
    "SoftwareDialogue",
    "command_of",
    "digest_of",
    "digest_of_responses",
]


def digest_of(secret: bytes) -> str:
    """Return the digest of a secret."""
    return hashlib.sha256(secret).hexdigest()


def _decoded(response: bytes) -> bytes:
    try:
        return base64.b64decode(response, validate=True)
    except binascii.Error:
        return response


def digest_of_responses(mechanism: str, responses: Sequence[bytes]) -> str:
    """Return the digest of the secret in SASL responses, in base64 as they were sent.

    PLAIN has it behind its second NUL (RFC 4616), LOGIN last; a token is all of the first response.
    """
    decoded = [_decoded(each) for each in responses if each not in (b"", b"=")]
    if not decoded:
        return ""
    if mechanism == "PLAIN":
        return digest_of(decoded[-1].rpartition(b"\0")[2])
    return digest_of(decoded[-1] if mechanism == "LOGIN" else decoded[0])


MASK = "***"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Octets as they passed: `C` the software's, `S` the server's, `#` that TLS began."""

    who: str
    data: bytes


@dataclass(slots=True)
class SoftwareCommand:
    """What the software asked.

    Attributes:
        verb: upper case; `UID FETCH` is FETCH.
        words: what follows, secrets masked.
        secure: within TLS.
        answer: the last line of the answer; empty where none came.
    """

    verb: str
    words: str
    secure: bool
    answer: str = ""


@dataclass(slots=True)
class ObservedLogin:
    """What it proved itself with: `digest` of the secret alone, however it was carried."""

    mechanism: str
    secure: bool
    digest: str = ""
    answer: str = ""
    good: bool = False


@dataclass(slots=True)
class Sent:
    """A message on its way.

    Attributes:
        sender: of MAIL; `parameters` those of MAIL and RCPT, upper case.
        recipients: that were taken.
        content: as sent, dots taken away.
        answer: to the last line of it; `taken` whether it was 250.
        offers: extensions that the server had offered.
    """

    sender: str
    parameters: list[str]
    offers: frozenset[str]
    recipients: list[str] = field(default_factory=list)
    content: bytes = b""
    answer: str = ""

    @property
    def taken(self) -> bool:
        """Whether the server took it."""
        return self.answer.startswith("250")


@dataclass(slots=True)
class SoftwareDialogue:
    """One connection.

    Attributes:
        commands, logins, messages: in their order.
        lines: who said what, for evidence; `C`, `S`, `#`.
        heard: all octets of the server.
        broken: lines of the software that ended without CR.
    """

    commands: list[SoftwareCommand] = field(default_factory=list)
    logins: list[ObservedLogin] = field(default_factory=list)
    messages: list[Sent] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)
    heard: bytearray = field(default_factory=bytearray)
    broken: int = 0
    secure: bool = False

    def note(self, who: str, line: bytes | str) -> None:
        """Keep a line."""
        text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
        self.lines.append((who, text.rstrip("\r\n")))

    def said(self, *verbs: str) -> list[SoftwareCommand]:
        """Return the commands of these verbs."""
        return [each for each in self.commands if each.verb in verbs]


def command_of(line: bytes) -> tuple[str, str]:
    """Return verb and words of a line."""
    verb, _, words = line.decode("utf-8", "replace").strip().partition(" ")
    return verb.upper(), words.strip()
