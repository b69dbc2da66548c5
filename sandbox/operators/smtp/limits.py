"""What a client may take of one connection."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SmtpLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpLimits:
    """Bounds of one connection; seconds are those of RFC 5321 §4.5.3.2 unless said.

    Attributes:
        message_bytes: as SIZE tells (RFC 1870); what counts is what comes.
        recipients: of one message.
        messages: of one connection.
        errors: refused commands before 421.
        junk: commands that bring no message nearer, between two messages, before 421.
        logins: refused logins before 421.
        command_seconds: waiting for a command.
        data_seconds: between two parts of a message.
        login_seconds: from connection to login; waiting for a person is not counted.
        connection_seconds: of the whole.
    """

    message_bytes: int = 25 * 1024 * 1024
    recipients: int = 1000
    messages: int = 10_000
    errors: int = 20
    junk: int = 100
    logins: int = 3
    command_seconds: float = 300.0
    data_seconds: float = 180.0
    login_seconds: float = 120.0
    connection_seconds: float = 3600.0
