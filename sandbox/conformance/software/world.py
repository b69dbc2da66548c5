"""A running space as its clients see it: everything they use is read from `space.json`."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pyotp

from sandbox.conformance.subject import CERTIFICATE_METHODS
from sandbox.live.journals import Journals
from sandbox.live.mailer import MailError, access_token
from sandbox.operators.model import SaslName
from sandbox.serve import client_context
from sandbox.space.errors import UserError
from sandbox.space.methods import Method

__all__ = ["PASSWORD", "TOKEN", "ClientLogin", "CodesAround", "Tree", "World", "carries"]

Tree = dict[str, Any]
PASSWORD = (SaslName.PLAIN, SaslName.LOGIN)
TOKEN = (SaslName.XOAUTH2, SaslName.OAUTHBEARER)
_CODE_SECONDS = 90.0  # codes of three steps
_SECONDS = 30.0


def carries(mechanism: str, method: str) -> bool:
    """Tell whether a mechanism can carry a method, or the password of a foreign operator."""
    if method in CERTIFICATE_METHODS:
        return mechanism in (SaslName.EXTERNAL, SaslName.NONE)
    return mechanism in PASSWORD or (mechanism in TOKEN and method == Method.ECPS)


@dataclass(frozen=True)
class ClientLogin:
    """What a client types or presents; a mailbox may be opened under a holder's name.

    Attributes:
        address: the mailbox.
        user, password, token: as typed; a password that needs a code has it.
        certificate, key: PEM files.
        pkcs12, pin: the same in a file of that kind.
    """

    address: str
    user: str
    password: str = ""
    token: str = ""
    certificate: str = ""
    key: str = ""
    pkcs12: str = ""
    pin: str = ""

    def spoilt(self) -> ClientLogin:
        """Return the same with a wrong password and token, and without a certificate."""
        return ClientLogin(
            self.address, self.user, password=self.password and f"{self.password[:-1]}!",
            token=self.token and f"{self.token[:-8]}AAAAAAAA",
        )  # fmt: skip


@dataclass
class CodesAround:
    """One-time codes, each given once: the steps around now of every account with a secret."""

    used: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, way: Tree) -> str | None:
        """Return a code of an account that was not given yet and is good now, or None."""
        secret, period = way["secret"], way["period"]
        now = int(time.time()) // period
        with self._lock:
            step = max(self.used.get(secret, 0) + 1, now)
            if step > now + 1:
                return None
            self.used[secret] = step
        return pyotp.TOTP(secret, digits=way["digits"], interval=period).at(step * period)


class World:
    """A space with people who press their telephones' buttons at once; or foreign operators.

    Args:
        sheet: of the space, or what `foreign_sheet` lays out as one.
    """

    def __init__(self, sheet: Tree) -> None:
        self.sheet = sheet
        self.bundle = str(sheet["ca"]["bundle"])
        self.operators = [str(each["name"]) for each in sheet["operators"]]
        self.first, self.second = self.operators[0], self.operators[-1]
        self.codes = CodesAround()

    def operator(self, name: str) -> Tree:
        """Return an operator of the sheet."""
        return dict(next(each for each in self.sheet["operators"] if each["name"] == name))

    def endpoint(self, design: str, name: str, operator: str = "") -> Tree:
        """Return an endpoint of the sheet."""
        (found,) = (
            endpoint
            for endpoint in self.operator(operator or self.first)["designs"][design]
            if endpoint["name"] == name
        )
        return dict(found)

    def tells(self, operator: str) -> bool:
        """Tell whether an operator has a journal: a foreign one does not tell what it saw."""
        return "journal" in self.operator(operator)

    def journal(self, operator: str) -> Journals:
        """Return the journal of an operator, from now on; an empty one of who does not tell."""
        places = (
            {operator: Path(self.operator(operator)["journal"])} if self.tells(operator) else {}
        )
        return Journals(places, from_now=True)

    def recipient(self, operator: str) -> str:
        """Return a mailbox of an operator, to write to."""
        accounts = self.sheet["accounts"]
        return str(next(each["address"] for each in accounts if each["operator"] == operator))

    def accounts(self, operator: str, method: str) -> list[tuple[Tree, Tree]]:
        """Return (account, way in) of each holder who can use a method."""
        return [
            (account, holder["methods"][method])
            for account in self.sheet["accounts"]
            if account["operator"] == operator
            for holder in account["holders"]
            if method in holder["methods"]
        ]

    def login(
        self, method: str, mechanism: str = "", operator: str = "", number: int = 0,
        address: str = "",
    ) -> ClientLogin:  # fmt: skip
        """Return what logs in by a method; a one-time code in it is good now, and once.

        Args:
            method: of the space, or `password`.
            mechanism: that carries it.
            operator: whose mailbox; the first by default.
            number: of the holder among those who have the method.
            address: of the mailbox; any by default.

        Raises:
            IndexError: nobody there has the method.
            MailError: no access token was given.
            TimeoutError: no code is left.
        """
        found = [each for each in self.accounts(operator or self.first, method)
                 if not address or each[0]["address"] == address]  # fmt: skip
        if method == "totp":
            return self._totp(found)
        account, way = found[number % len(found)] if found else found[0]
        address = account["address"]
        if "certificate" in way:
            return ClientLogin(address, address, certificate=way["certificate"], key=way["key"],
                         pkcs12=way["pkcs12"], pin=way["pin"])  # fmt: skip
        if mechanism in TOKEN:
            token = way.get("token") or self._token(way)
            return ClientLogin(address, address, token=token)
        return ClientLogin(address, way["username"], way["password"])

    def _token(self, way: Tree) -> str:
        if "login_hint" not in way:
            raise MailError("aucun jeton donné / no token was given")
        return access_token(self.sheet, way["login_hint"], lambda _: None)

    def _totp(self, found: list[tuple[Tree, Tree]]) -> ClientLogin:
        end = time.monotonic() + _CODE_SECONDS
        while time.monotonic() < end:
            for account, way in found:
                code = self.codes.of(way)
                if code is not None:
                    return ClientLogin(account["address"], way["username"], way["password"] + code)
            time.sleep(0.5)
        raise TimeoutError("aucun code à usage unique / no one-time code is left")

    def telephones(self, kind: str, delay: float = 0.0) -> None:
        """Have all telephones do something from now on.

        Raises:
            UserError: the space does not answer.
        """
        psc, body = self.sheet["psc"], {"kind": kind} | ({"delay": delay} if delay else {})
        try:
            httpx.post(
                psc["control"] + "/behaviour", json=body, timeout=_SECONDS, trust_env=False,
                headers={"Authorization": f"Bearer {psc['control_secret']}"},
                verify=client_context(Path(self.bundle)),
            ).raise_for_status()  # fmt: skip
        except httpx.HTTPError as error:
            raise UserError(
                "l'espace ne répond pas", "the space does not answer", where=psc["control"],
                then=f"({type(error).__name__})",
            ) from None  # fmt: skip
