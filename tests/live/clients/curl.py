"""curl as a mail client: how each way in is told to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sandbox.conformance.software.attempts import LoginAttempt
from sandbox.conformance.software.clients import curl_words
from tests.live.clients.programs import Outcome, run
from tests.live.clients.world import ClientLogin, World


def curl(
    world: World,
    at: dict[str, Any],
    login: ClientLogin,
    mechanism: str,
    *words: str,
    text: str = "",
) -> Outcome:
    """Run curl at an endpoint, by name: SNI and certificate are those of the name."""
    attempt = LoginAttempt(
        protocol=at["protocol"], host=at["host"], address=at["address"], port=at["port"],
        tls=at["tls"], mechanism=mechanism, login=login, bundle=world.bundle, names={},
        recipient="", folder=Path(),
    )  # fmt: skip
    return run([*curl_words(attempt), "--verbose", "--max-time", "50", *words], text=text)


def mailbox_status(world: World, at: dict[str, Any], login: ClientLogin, mechanism: str) -> Outcome:
    """Ask how many messages a mailbox has."""
    return curl(world, at, login, mechanism, "--request", "STATUS INBOX (MESSAGES)")


def send(
    world: World, at: dict[str, Any], login: ClientLogin, mechanism: str, recipient: str, mark: str
) -> Outcome:
    """Submit a message."""
    envelope = [
        "--mail-from",
        login.address,
        "--mail-rcpt",
        recipient,
        "--upload-file",
        "-",
        "--crlf",
    ]
    text = world.message(login.address, recipient, mark).as_string()
    return curl(world, at, login, mechanism, *envelope, text=text)
