"""Telephones enrolled for one-time codes from the console, by the operator's own page.

The console is the person's browser: it signs in with the card, or with password and code, and
confirms with a code of the new telephone. It keeps what that telephone holds, to show its codes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pyotp

from sandbox.console.answers import MissingError
from sandbox.live.mailer import choose
from sandbox.space.errors import UserError
from sandbox.space.methods import Method

__all__ = ["Enrolling", "Telephone"]

_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Telephone:
    """A telephone enrolled here.

    Attributes:
        identity, mailbox: whose.
        label: its name at the operator's.
        uri: what its QR code holds.
        secret, period: of its codes.
        ticket: of the sign-in, until it is confirmed; then empty.
    """

    identity: str
    mailbox: str
    label: str
    uri: str
    secret: str
    period: int
    ticket: str = ""

    def code(self, now: float) -> str:
        """Return the code that it shows."""
        return pyotp.TOTP(self.secret, interval=self.period).at(int(now))


class Enrolling:
    """All telephones enrolled from a console.

    Args:
        sheet: gives that of the space, as it is now.
    """

    def __init__(self, sheet: Callable[[], dict[str, Any]]) -> None:
        self._sheet = sheet
        self._lock = threading.Lock()
        self._kept: list[Telephone] = []

    def of(self, identity: str) -> list[Telephone]:
        """Return a person's telephones, oldest first."""
        with self._lock:
            return [each for each in self._kept if each.identity == identity]

    def begin(self, identity: str, mailbox: str, label: str) -> Telephone:
        """Have the operator draw a secret for a new telephone; it counts once confirmed.

        Raises:
            MissingError: no such holder, or one who can sign in neither by card nor by code.
            UserError: the operator refuses, in its words.
        """
        sheet = self._sheet()
        account = next((e for e in sheet["accounts"] if e["address"] == mailbox.lower()), None)
        holders = {} if account is None else {e["identity"]: e for e in account["holders"]}
        methods = holders[identity]["methods"] if identity in holders else {}
        if account is None or not {Method.CPS, Method.TOTP} & set(methods):
            raise MissingError("aucun titulaire qui puisse s'enrôler", "no holder who can enrol",
                               where=f"{identity[:40]} {mailbox[:80]}")  # fmt: skip
        signed = self._signed(methods, account["address"], label)
        told = self._asked(sheet, account, identity, "enrol", signed)
        parsed = pyotp.parse_uri(told["uri"])
        assert isinstance(parsed, pyotp.TOTP)
        made = Telephone(
            identity=identity, mailbox=account["address"], label=label, uri=told["uri"],
            secret=told["secret"], period=parsed.interval, ticket=told["ticket"],
        )  # fmt: skip
        self._keep(made)
        return made

    def confirm(self, identity: str, mailbox: str, code: str) -> Telephone:
        """Have a new telephone count, by a code that it shows.

        Raises:
            MissingError: nothing waits to be confirmed.
            UserError: the operator refuses, in its words.
        """
        waiting = [each for each in self.of(identity) if each.ticket and each.mailbox == mailbox]
        if not waiting:
            raise MissingError("aucun téléphone à confirmer", "no telephone to confirm",
                               where=mailbox[:80])  # fmt: skip
        old, sheet = waiting[-1], self._sheet()
        account = next(each for each in sheet["accounts"] if each["address"] == mailbox)
        self._asked(sheet, account, identity, "confirm", {"ticket": old.ticket, "code": code})
        made = Telephone(identity=identity, mailbox=mailbox, label=old.label, uri=old.uri,
                         secret=old.secret, period=old.period)  # fmt: skip
        self._keep(made)
        return made

    def _keep(self, made: Telephone) -> None:
        """Keep a telephone in place of what waited for the same mailbox."""
        with self._lock:
            self._kept = [
                each for each in self._kept
                if not (each.ticket and (each.identity, each.mailbox)
                        == (made.identity, made.mailbox))
            ]  # fmt: skip
            self._kept.append(made)

    def _signed(self, methods: dict[str, Any], mailbox: str, label: str) -> dict[str, str]:
        if Method.CPS in methods:  # the handshake shows the card
            return {"user": mailbox, "label": label}
        known = methods[Method.TOTP]
        code = pyotp.TOTP(known["secret"], interval=known["period"]).at(int(time.time()))
        return {"user": known["username"], "password": known["password"], "current": code,
                "label": label}  # fmt: skip

    def _asked(
        self, sheet: dict[str, Any], account: dict[str, Any], identity: str, what: str,
        data: dict[str, str],
    ) -> dict[str, Any]:  # fmt: skip
        methods = next(e["methods"] for e in account["holders"] if e["identity"] == identity)
        method = Method.CPS if Method.CPS in methods else Method.TOTP
        way = choose(sheet, account["address"], "imap", method=method, holder=identity)
        site = next(e["enrolment"] for e in sheet["operators"] if e["name"] == account["operator"])
        try:
            with httpx.Client(verify=way.context, trust_env=False, timeout=_SECONDS) as client:
                answer = client.post(f"{site}api/{what}", json=data)
            told: dict[str, Any] = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise UserError("la page d'enrôlement ne répond pas", "the enrolment page is silent",
                            where=site, then=f"({error})") from None  # fmt: skip
        if answer.is_error:
            raise UserError(told["fr"], told["en"], where=account["address"])
        return told
