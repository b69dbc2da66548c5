"""A colleague at another operator: writes all the while, and is told what becomes of it."""

from __future__ import annotations

import contextlib
import smtplib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import make_msgid
from typing import Any

from sandbox.conformance.findings import CheckResult
from sandbox.live.mailer import MailError, choose, open_imap, open_smtp

__all__ = ["Colleague"]

Tree = dict[str, Any]
PATIENCE = 30.0  # s that a message may take
_EACH = 0.2  # s between two messages, and between two looks
_REFUSED = (MailError, OSError, smtplib.SMTPException)


@dataclass
class Colleague:
    """Somebody of the space.

    Attributes:
        sheet: of the space.
        own: the colleague's address.
        to: to whom.
        accepted: Message-ID of what was accepted, oldest first.
        refused: why the rest was not.
    """

    sheet: Tree
    own: str
    to: str
    accepted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, sheet: Tree, operator: str, to: str) -> Colleague:
        """Return somebody at another operator than this one, if there is one."""
        people = [each for each in sheet["accounts"] if each["type"] == "PER"]
        found = next((each for each in people if each["operator"] != operator), people[0])
        return cls(sheet, found["address"], to)

    def write(self, to: str) -> str:
        """Send a message; return its Message-ID.

        Raises:
            MailError, OSError, smtplib.SMTPException: it was not accepted.
        """
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.own, to, "Compte rendu"
        message["Message-ID"] = make_msgid(domain=self.own.partition("@")[2])
        message.set_content("Bonjour.\n")
        with open_smtp(choose(self.sheet, self.own, "smtp"), lambda _: None) as smtp:
            smtp.send_message(message)
        return str(message["Message-ID"])

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Write all the while that a `with` block lasts."""
        stop = threading.Event()
        thread = threading.Thread(target=self._work, args=(stop,), name="colleague", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _work(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self.accepted.append(self.write(self.to))
            except _REFUSED as error:
                self.refused.append(str(error))
            stop.wait(_EACH)

    def wrote(self) -> None:
        """Wait for one more attempt to write to be over."""
        before, end = len(self.accepted) + len(self.refused), time.monotonic() + PATIENCE
        while len(self.accepted) + len(self.refused) <= before and time.monotonic() < end:
            time.sleep(_EACH / 4)

    def count(self, sender: str) -> int:
        """Return how many messages of a sender there are."""
        return self._found("FROM", sender)

    def received(self, sender: str, before: int) -> bool:
        """Tell whether one more of a sender comes."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self.count(sender) > before:
                return True
            time.sleep(_EACH)
        return False

    def told(self, address: str) -> tuple[CheckResult, str]:
        """Write to an address that is no more: be refused, or told by a notification."""
        try:
            written = self.write(address)
        except _REFUSED as error:
            return CheckResult.PASS, f"refusé / refused : {error}"
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self._found("TEXT", written.strip("<>"), "HEADER", "Content-Type", "report"):
                return CheckResult.PASS, "avis de non-remise / told that it was not delivered"
            time.sleep(_EACH)
        return CheckResult.FAIL, "accepté, sans avis / taken, and nobody was told"

    def _found(self, *criteria: str) -> int:
        quoted = [each if each.isupper() else f'"{each}"' for each in criteria]
        with open_imap(choose(self.sheet, self.own, "imap"), lambda _: None) as imap:
            imap.select("INBOX", readonly=True)
            return len(imap.search(None, *quoted)[1][0].split())
