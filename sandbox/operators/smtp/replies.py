"""Replies of an SMTP server (RFC 5321 §4.2), each with its enhanced status (RFC 2034, RFC 3463)."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.operators.refusals import MailRefusal

__all__ = ["Reply"]


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
