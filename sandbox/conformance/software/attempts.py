"""An attempt of mail software: one mechanism of one protocol at one endpoint, its own time-outs."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.conformance.software.world import ClientLogin
from sandbox.space.files import write_private

__all__ = [
    "BOTH",
    "PATIENCE",
    "AttemptOutcome",
    "LoginAttempt",
    "MailClient",
    "ProgramCall",
    "said_by",
]

PATIENCE = 180.0
BOTH = ("imap", "smtp")


@dataclass(frozen=True, kw_only=True)
class LoginAttempt:
    """One way in, to try.

    Attributes:
        protocol: imap or smtp.
        host, address, port: where.
        tls: implicit or starttls.
        mechanism: PLAIN, EXTERNAL, XOAUTH2, OAUTHBEARER, or NONE for a certificate alone.
        login: who; its certificate is shown whenever it has one.
        bundle: certificates of the authorities.
        names: environment in which host names resolve.
        recipient: to whom SMTP writes.
        folder: the client's own.
        times: how often it connects.
        patience: seconds after which it is ended.
    """

    protocol: str
    host: str
    address: str
    port: int
    tls: str = "implicit"
    mechanism: str
    login: ClientLogin
    bundle: str
    names: Mapping[str, str]
    recipient: str
    folder: Path
    times: int = 1
    patience: float = PATIENCE

    @property
    def secret(self) -> str:
        """Token or password."""
        return self.login.token or self.login.password

    @property
    def message(self) -> str:
        """What SMTP sends."""
        lines = (f"From: {self.login.address}", f"To: {self.recipient}", "Subject: essai", "",
                 "Bonjour.", "")  # fmt: skip
        return "\r\n".join(lines)

    def file(self, name: str, text: str) -> str:
        """Write a file that only its owner reads; return its path."""
        path = self.folder / name
        write_private(path, text.encode())
        return str(path)


@dataclass(frozen=True)
class ProgramCall:
    """What to run, and the exit codes that mean that it worked."""

    words: list[str]
    text: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    good: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class AttemptOutcome:
    """What came of an attempt: whether it worked, what was said, for how many seconds it ran."""

    good: bool
    said: str
    seconds: float


@dataclass(frozen=True)
class MailClient:
    """Mail software or a library.

    Attributes:
        software: name in data/capabilities.csv.
        protocols: imap, smtp or both.
        needs: programs and files without which it is absent.
        version: asks it for its version.
        command: what to run for an attempt; a text where the client has no way to be told.
        resolver: whether it is led to an address by the names of an attempt's environment.
    """

    software: str
    protocols: tuple[str, ...]
    needs: tuple[str, ...]
    version: Callable[[], str]
    command: Callable[[LoginAttempt], ProgramCall | str]
    resolver: bool = True

    @property
    def absent(self) -> str:
        """What of it is not installed, or nothing."""
        return next((n for n in self.needs if not (shutil.which(n) or Path(n).exists())), "")

    def attempt(self, attempt: LoginAttempt) -> AttemptOutcome | str:
        """Try; or return why it cannot be told."""
        attempt.folder.mkdir(parents=True, exist_ok=True)
        command = self.command(attempt)
        if isinstance(command, str):
            return command
        begin = time.monotonic()
        env = {**os.environ, "LC_ALL": "C.UTF-8", "HOME": str(attempt.folder), "TERM": "xterm",
               **attempt.names, **command.env}  # fmt: skip
        good, said = _ran(command, attempt, env)
        return AttemptOutcome(good, said, time.monotonic() - begin)


def _ran(command: ProgramCall, attempt: LoginAttempt, env: Mapping[str, str]) -> tuple[bool, str]:
    """Run a command; its processes end with it, and with us."""
    with subprocess.Popen(
        command.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, cwd=attempt.folder, env=env, errors="replace", start_new_session=True,
    ) as process:  # fmt: skip
        try:
            said, _ = process.communicate(command.text, attempt.patience)
        except subprocess.TimeoutExpired:
            return False, f"still there after {attempt.patience:.0f} s"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    return process.returncode in command.good, said


def said_by(*words: str, pattern: str = r"\d+(\.\d+)+") -> Callable[[], str]:
    """Return what reads a version in the first output of a command."""

    def version() -> str:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        found = re.search(pattern, done.stdout + done.stderr)
        return found[0] if found else "?"

    return version
