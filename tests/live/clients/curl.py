"""curl as a mail client: how each way in is told to it."""

from __future__ import annotations

from typing import Any

from sandbox.operators.model import SaslName
from tests.live.clients.programs import Outcome, run
from tests.live.clients.world import Login, World


def curl(
    world: World,
    at: dict[str, Any],
    login: Login,
    mechanism: str,
    *words: str,
    path: str = "",
    text: str = "",
) -> Outcome:
    """Run curl at an endpoint, by name: SNI and certificate are those of the name."""
    scheme = at["protocol"] + ("s" if at["tls"] == "implicit" else "")
    place = f"{at['host']}:{at['port']}"
    command = [
        "curl", "--silent", "--show-error", "--verbose", "--ssl-reqd", "--cacert", world.bundle,
        "--max-time", "50",
        "--connect-to", f"{place}:{at['address']}:{at['port']}", f"{scheme}://{place}/{path}",
    ]  # fmt: skip
    if login.certificate:
        command += ["--cert", login.certificate, "--key", login.key]
    if login.token:
        command += ["--user", f"{login.user}:", "--oauth2-bearer", login.token]
    elif mechanism != SaslName.NONE:
        command += ["--user", f"{login.user}:{login.password}"]
    if mechanism != SaslName.NONE:
        command += ["--login-options", f"AUTH={mechanism}"]
    return run([*command, *words], text=text)


def mailbox_status(world: World, at: dict[str, Any], login: Login, mechanism: str) -> Outcome:
    """Ask how many messages a mailbox has."""
    return curl(world, at, login, mechanism, "--request", "STATUS INBOX (MESSAGES)")


def send(
    world: World, at: dict[str, Any], login: Login, mechanism: str, recipient: str, mark: str
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
    return curl(world, at, login, mechanism, *envelope, path="client.mssante.test", text=text)
