"""How headers of our messages are written."""

from __future__ import annotations

from email.header import Header
from email.policy import SMTP, EmailPolicy
from typing import Any

__all__ = ["MAIL"]


class _MailPolicy(EmailPolicy):
    """As `email.policy.SMTP`, with every space of a subject.

    Between two encoded words a reader drops what is there (RFC 2047 §6.2), and Python may leave a
    space there where it folds (its issue gh-92081).
    """

    def fold(self, name: str, value: Any) -> str:
        """Write a header."""
        if name.lower() != "subject" or str(value).isascii():
            return str(super().fold(name, value))
        words = Header(str(value), "utf-8", header_name=name).encode(linesep=self.linesep)
        return f"{name}: {words}{self.linesep}"

    def fold_binary(self, name: str, value: Any) -> bytes:
        """Write a header."""
        if name.lower() != "subject" or str(value).isascii():
            return super().fold_binary(name, value)
        return self.fold(name, value).encode("ascii")


MAIL = _MailPolicy(linesep=SMTP.linesep)
