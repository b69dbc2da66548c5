"""What of a running space a session changes, and puts back: telephones, faults, letters."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx

from sandbox.live.mailer import MailError, access_token, choose, open_smtp
from sandbox.serve import client_context
from sandbox.space.errors import UserError

__all__ = ["RunningSpace"]

Tree = dict[str, Any]
_SECONDS = 30.0


class RunningSpace:
    """A running space, by its sheet; `close` puts back what was changed.

    Args:
        sheet: of the space.
        person: whose telephone it is about; empty for none.
        rings: URL of who rings it: the operator's own CIBA; Pro Santé Connect by default.
    """

    def __init__(self, sheet: Tree, person: str, rings: str = "") -> None:
        self.sheet, self._person = sheet, person
        self._control = f"{rings}/sandbox" if rings else sheet["psc"]["control"]
        self._http = httpx.Client(
            verify=client_context(Path(sheet["ca"]["bundle"])), trust_env=False, timeout=_SECONDS
        )
        self._kind = self._habit() if person else ""

    def close(self) -> None:
        """Put everything back."""
        if self._person:
            self.telephone_as_before()
        self._http.close()

    def _ask(self, method: str, url: str, secret: str, body: Tree | None = None) -> Tree:
        try:
            answer = self._http.request(
                method, url, headers={"Authorization": f"Bearer {secret}"}, json=body
            )
            told: Tree = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise UserError(
                "l'espace ne répond pas", "the space does not answer", where=url,
                then=f"({type(error).__name__})",
            ) from None  # fmt: skip
        return told

    def _psc(self, method: str, path: str, body: Tree | None = None) -> Tree:
        return self._ask(method, self._control + path, self.sheet["psc"]["control_secret"], body)

    def _mail(self, method: str, path: str, body: Tree | None = None) -> Tree:
        control = self.sheet["control"]
        return self._ask(method, control["url"] + path, control["secret"], body)

    # Telephones -----------------------------------------------------------------------------------

    def _habit(self) -> str:
        people = self._psc("GET", "/people")["people"]
        found = (each["behaviour"] for each in people if each["national_id"] == self._person)
        return str(next(found, "manual"))

    def telephone(self, kind: str, delay: float = 0.0) -> None:
        """Have the person's telephone do something from now on."""
        body = {"kind": kind, "national_id": self._person}
        self._psc("POST", "/behaviour", body | ({"delay": delay} if delay else {}))

    def telephone_as_before(self) -> None:
        """Have it do again what it did when the session began."""
        self.telephone(self._kind)

    def psc_down(self) -> Tree:
        """Have who rings telephones answer nobody; return what there was before, for `psc_as`."""
        before = self._psc("GET", "/faults")
        self._psc("POST", "/faults", {"fault": "unavailable", "point": "backchannel"})
        return before

    def psc_as(self, before: Tree) -> None:
        """Put its faults back."""
        self._psc("PUT", "/faults", {"rules": before["rules"], "seed": before["seed"]})

    def token(self) -> str:
        """Return an access token of the person.

        Raises:
            MailError: there is none.
        """
        return access_token(self.sheet, self._person, lambda _: None)

    # Mail -----------------------------------------------------------------------------------------

    def put_off(self, client: str) -> Tree:
        """Have the first message of a client be put off; return what there was before."""
        before = self._mail("GET", "/faults")
        rule = {"fault": "reply", "protocol": "smtp", "command": "MESSAGE", "code": 451, "nth": 1,
                "client": client}  # fmt: skip
        self._mail("POST", "/faults", rule)
        return before

    def mail_as(self, before: Tree) -> None:
        """Put its faults back."""
        self._mail("PUT", "/faults", {"rules": before["rules"], "seed": before["seed"]})

    def write(self, sender: str, recipient: str, subject: str, text: str, id_: str) -> None:
        """Send a message to the software's mailbox.

        Raises:
            UserError: it is refused.
        """
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender, recipient, subject
        message["Message-ID"], message["Date"] = id_, formatdate()
        message.set_content(text)
        try:
            with open_smtp(choose(self.sheet, sender, "smtp"), lambda _: None) as smtp:
                smtp.send_message(message)
        except (MailError, OSError) as error:
            raise UserError(
                "message d'essai refusé", "test message refused", where=sender, then=f"({error})"
            ) from None
