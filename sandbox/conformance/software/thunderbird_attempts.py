"""Thunderbird, tried as other software is: one mechanism of one protocol at one endpoint.

Its settings say all; nothing is clicked, so what it asks a person for in a dialog it does not have.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from sandbox.conformance.software import thunderbird as tb
from sandbox.conformance.software.attempts import (
    BOTH,
    AttemptOutcome,
    LoginAttempt,
    MailClient,
    ProgramCall,
    said_by,
)
from sandbox.conformance.software.names import free_port

__all__ = ["THUNDERBIRD"]

OAUTH2 = 10
WAYS = {"PLAIN": tb.PASSWORD, "EXTERNAL": tb.EXTERNAL, "XOAUTH2": OAUTH2}
# A card that logs in alone: there is "TLS certificate" for IMAP, "no authentication" for SMTP.
ALONE = {"imap": tb.EXTERNAL, "smtp": tb.NOTHING}


TLS = {"imap": "socketType", "smtp": "try_ssl"}
KINDS = {"implicit": tb.IMPLICIT_TLS, "starttls": tb.STARTTLS}


@dataclass(frozen=True)
class _Thunderbird(MailClient):
    """Thunderbird without a screen, with a profile made for each attempt."""

    def attempt(self, attempt: LoginAttempt) -> AttemptOutcome | str:
        """Try; or return why it cannot be told."""
        if attempt.mechanism == "OAUTHBEARER":
            return "its tokens go by XOAUTH2: nothing in it speaks OAUTHBEARER"
        if (attempt.protocol, attempt.mechanism) == ("smtp", "EXTERNAL"):
            return "no such choice for an outgoing server"
        attempt.folder.mkdir(parents=True, exist_ok=True)
        begin, port, profile = time.monotonic(), free_port(), attempt.folder / "profile"
        mailbox = _mailbox(attempt)
        if not profile.exists():
            tb.make_profile(profile, attempt.bundle, port, mailbox)
        _settings(profile, attempt, port)
        with tb.thunderbird(profile, port, attempt.names) as running:
            if attempt.login.password:
                running.remember(mailbox)
            wrong = _reads(running) if attempt.protocol == "imap" else _sends(running, attempt)
            if attempt.times > 1 and not wrong:
                running.folders()  # each on a connection of its own
            said, good = "; ".join(running.dialogs()) or wrong or "nothing said", not wrong
        if attempt.mechanism == "XOAUTH2" and not good:
            said = "OAuth2 chosen, it does not log in: it lists no provider for this host"
        return AttemptOutcome(good, said, time.monotonic() - begin)


def _mailbox(attempt: LoginAttempt) -> tb.ThunderbirdAccount:
    at = (attempt.host, attempt.port)
    card = (attempt.login.pkcs12, attempt.login.pin) if attempt.login.pkcs12 else None
    return tb.ThunderbirdAccount(
        attempt.login.user, at, at, password=attempt.login.password, card=card, keeps_sent=False
    )


def _settings(profile: Path, attempt: LoginAttempt, port: int) -> None:
    """Choose the way in, and its own time-out: what comes last in the file wins."""
    way = WAYS.get(attempt.mechanism) or ALONE[attempt.protocol]
    place = "server.server1" if attempt.protocol == "imap" else "smtpserver.smtp1"
    lines = (
        f'user_pref("mail.{place}.authMethod", {way});',
        f'user_pref("mail.{place}.{TLS[attempt.protocol]}", {KINDS[attempt.tls]});',
        'user_pref("mailnews.tcptimeout", 100);',
        f'user_pref("marionette.port", {port});',
    )
    with (profile / "user.js").open("a") as file:
        file.write("\n".join(lines) + "\n")


def _reads(running: tb.Thunderbird) -> str:
    """Return what went wrong, or nothing: one of its connections was let in and listed folders.

    It opens several, and a one-time code is good for one of them: the folder that it gets messages
    of may be on another.
    """
    wrong, end = running.receive(), time.monotonic() + LISTS
    while wrong and time.monotonic() < end:
        if len(running.folders()) > len(LOCAL):
            return ""
    return wrong


# What it shows of a mailbox that it has never opened; s that it may take to list more.
LOCAL = ("Inbox", "Trash")
LISTS = 3.0


def _sends(running: tb.Thunderbird, attempt: LoginAttempt) -> str:
    """Return what went wrong, or nothing."""
    try:
        running.send(attempt.recipient, "essai")
    except RuntimeError as error:
        return str(error)
    return ""


def _never(_: LoginAttempt) -> ProgramCall | str:
    """Stand for the command of a client that is driven (`_Thunderbird.attempt`), not started."""
    raise NotImplementedError


THUNDERBIRD = _Thunderbird(
    "Thunderbird",
    BOTH,
    ("thunderbird", "certutil", "pk12util"),
    said_by("thunderbird", "--version"),
    _never,
)
