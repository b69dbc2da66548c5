"""A small mail program for the verbs: chooses an endpoint of the sheet, connects, logs in.

It connects to the endpoint's address and asks for its name in TLS, so it needs no resolver.
"""

from __future__ import annotations

import imaplib
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pyotp

from sandbox.live.journals import Journals
from sandbox.serve import client_context
from sandbox.space.errors import UserError
from sandbox.space.methods import METHODS, Method

__all__ = ["ImapOver", "MailError", "Way", "access_token", "choose", "open_imap", "open_smtp"]

Tree = dict[str, Any]
_CONNECT_SECONDS = 10.0
LOGIN_SECONDS = 300.0  # a login is held until somebody has answered a telephone
# A certificate needs no person and can be shown twice in a minute; a code cannot.
_PREFERRED = (Method.CPS, Method.CERTIFICATE, Method.TOTP, Method.ECPS, Method.SMS)
_CLIENT = "lps-poll"  # the client of Pro Santé Connect that anybody may be


class MailError(Exception):
    """The server said no, in its own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a holder reaches a mailbox.

    Attributes:
        sheet: of the space.
        address: the mailbox.
        identity: of the holder.
        method: that is used.
        secrets: what the sheet gives for it.
        endpoint: where.
        ports: of this machine, one a connection made; by them journals name it.
    """

    sheet: Tree
    address: str
    identity: str
    method: Method
    secrets: Tree
    endpoint: Tree
    ports: list[int] = field(default_factory=list, compare=False)

    @property
    def context(self) -> ssl.SSLContext:
        """TLS that trusts the space's authority alone, with the holder's certificate if any."""
        context = client_context(Path(self.sheet["ca"]["bundle"]))
        if METHODS[self.method].client_certificate:
            context.load_cert_chain(self.secrets["certificate"], self.secrets["key"])
        return context

    @property
    def protocol(self) -> str:
        """The endpoint's: imap or smtp."""
        return str(self.endpoint["protocol"])

    def journals(self) -> Journals:
        """Return the journal of the mailbox's operator, from now on."""
        domain = self.address.rpartition("@")[2]
        own = next(each for each in self.sheet["operators"] if each["domain"] == domain)
        return Journals({own["name"]: Path(own["journal"])}, from_now=True)

    def connect(self) -> socket.socket:
        """Return a connected socket, TLS done where it comes first."""
        plain = socket.create_connection(
            (self.endpoint["address"], self.endpoint["port"]), _CONNECT_SECONDS
        )
        plain.settimeout(LOGIN_SECONDS)
        self.ports.append(plain.getsockname()[1])
        if self.endpoint["tls"] != "implicit":
            return plain
        return self.context.wrap_socket(plain, server_hostname=self.endpoint["host"])


def choose(
    sheet: Tree, address: str, protocol: str, *, method: str = "", design: str = "",
    holder: str = "",
) -> Way:  # fmt: skip
    """Return the way to a mailbox.

    Args:
        sheet: of the space.
        address: the mailbox.
        protocol: imap or smtp.
        method: the first of the holder's by default, certificates first.
        design: the first that runs by default.
        holder: identity of one of several holders; the first by default.

    Raises:
        UserError: no such account, holder, design, or a method that the holder has not.
    """
    accounts = {each["address"]: each for each in sheet["accounts"]}
    account = accounts.get(address.lower())
    if account is None:
        raise UserError(
            "aucun compte de cet espace ; voir accounts dans son space.json",
            "no account of this space; see accounts in its space.json",
            where=address,
        )
    holders = {each["identity"]: each for each in account["holders"]}
    if holder and holder not in holders:
        raise UserError.among(
            f"n'est pas titulaire de {address}", f"not a holder of {address}", holder, holders
        )
    person = holders[holder] if holder else account["holders"][0]
    owned: Tree = person["methods"]
    if method and method not in owned:
        raise UserError.among(
            f"ne se connecte pas par {method}", f"cannot log in by {method}", address, owned
        )
    operator = next(each for each in sheet["operators"] if each["name"] == account["operator"])
    designs: Tree = operator["designs"]
    if design and design not in designs:
        raise UserError.among(
            "cette architecture ne tourne pas ici", "does not run here", f"design {design}", designs
        )
    places = {
        wanted: each
        for each in designs[design or next(iter(designs))]
        if each["protocol"] == protocol
        for wanted in each["methods"]
        if not (account["type"] == "ORG" and _greets(each, Method(wanted)))
    }
    if method and method not in places:
        raise UserError.among(
            "accueillie par PREAUTH, une carte ouvre la BAL de sa personne, pas celle-ci",
            "greeted PREAUTH, a card opens its person's own mailbox, not this one",
            address,
            (each for each in owned if each in places),
        )
    wanted = Method(method or next(m for m in _PREFERRED if m in owned and m in places))
    return Way(
        sheet=sheet, address=account["address"], identity=person["identity"], method=wanted,
        secrets=owned[wanted], endpoint=places[wanted],
    )  # fmt: skip


def _greets(endpoint: Tree, method: Method) -> bool:
    """Tell whether IMAP greets a certificate with PREAUTH there: no mailbox can be named."""
    return (
        endpoint["protocol"] == "imap"
        and "NONE" in endpoint["mechanisms"]
        and METHODS[method].client_certificate
    )


class ImapOver(imaplib.IMAP4):
    """IMAP over what `connect` gives: the system's resolver knows no name of a space.

    Args:
        endpoint: of a sheet.
        connect: returns a socket, within TLS where it is implicit.
    """

    def __init__(self, endpoint: Tree, connect: Callable[[], socket.socket]) -> None:
        self._socket_from = connect  # `_connect` is imaplib's own
        super().__init__(endpoint["host"], endpoint["port"])

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        """Connect: what `imaplib` calls at the start."""
        del timeout
        self.host, self.port = host, port
        self.sock = self._socket_from()
        self.file = self.sock.makefile("rb")


class _Smtp(smtplib.SMTP):
    def __init__(self, way: Way) -> None:
        self._way = way
        super().__init__(way.endpoint["host"], way.endpoint["port"], timeout=LOGIN_SECONDS)

    def connect(
        self, host: str = "", port: int = 0, source_address: Any = None
    ) -> tuple[int, bytes]:
        del host, port, source_address
        self.sock = self._way.connect()
        return self.getreply()


def open_imap(way: Way, tell: Callable[[str], None]) -> imaplib.IMAP4:
    """Connect and log in.

    Args:
        way: from `choose`.
        tell: told what a person has to do meanwhile.

    Raises:
        MailError: the login was refused.
        OSError: no connection.
    """
    imap = ImapOver(way.endpoint, way.connect)
    try:
        if way.endpoint["tls"] == "starttls":
            imap.starttls(way.context)
        if imap.state != "AUTH":  # greeted PREAUTH: the certificate has logged in
            mechanism, response = _initial(way, tell)
            imap.authenticate(mechanism, lambda challenge: b"" if challenge else response)
    except (imaplib.IMAP4.error, OSError) as error:
        imap.shutdown()
        if isinstance(error, OSError):
            raise
        raise MailError(str(error)) from None
    return imap


def open_smtp(way: Way, tell: Callable[[str], None]) -> smtplib.SMTP:
    """Connect and log in; see `open_imap`."""
    smtp = _Smtp(way)
    try:
        smtp.ehlo("poste.mssante.test")
        if way.endpoint["tls"] == "starttls":
            smtp.starttls(context=way.context)
            smtp.ehlo("poste.mssante.test")
        mechanism, response = _initial(way, tell)
        smtp.auth(mechanism, lambda challenge=None: "" if challenge else response.decode())
    except (smtplib.SMTPException, OSError) as error:
        smtp.close()
        if isinstance(error, smtplib.SMTPException):
            raise MailError(str(error)) from None
        raise
    return smtp


def _initial(way: Way, tell: Callable[[str], None]) -> tuple[str, bytes]:
    """Return the SASL mechanism and its initial response."""
    secrets = way.secrets
    if METHODS[way.method].client_certificate:
        return "EXTERNAL", secrets["authzid"].encode()
    if way.method is Method.ECPS and "PLAIN" not in way.endpoint["mechanisms"]:
        token = access_token(way.sheet, way.identity, tell)
        return "XOAUTH2", f"user={secrets['username']}\x01auth=Bearer {token}\x01\x01".encode()
    password = secrets["password"]
    if way.method is Method.TOTP:
        password += pyotp.TOTP(secrets["secret"], interval=secrets["period"]).now()
    elif way.method is Method.ECPS:
        tell(f"Téléphone / telephone: {way.sheet['psc']['phones']} ({way.identity})")
    else:
        operator = way.address.rpartition("@")[2]
        sms = next(e["sms"] for e in way.sheet["operators"] if e["domain"] == operator)
        tell(f"SMS {secrets['phone']}: {sms}")
    return "PLAIN", f"\0{secrets['username']}\0{password}".encode()


def access_token(sheet: Tree, identity: str, tell: Callable[[str], None]) -> str:
    """Have Pro Santé Connect ring a person's telephone, poll, return the access token.

    Raises:
        MailError: the person, or Pro Santé Connect, said no.
    """
    psc = sheet["psc"]
    secret = next(e["client_secret"] for e in psc["clients"] if e["client_id"] == _CLIENT)
    context = client_context(Path(sheet["ca"]["bundle"]))
    with httpx.Client(
        verify=context, trust_env=False, auth=(_CLIENT, secret), timeout=_CONNECT_SECONDS
    ) as http:
        places = http.get(psc["discovery"]).raise_for_status().json()
        asked = http.post(
            places["backchannel_authentication_endpoint"],
            data={
                "scope": "openid scope_all",
                "login_hint": identity,
                "binding_message": "42",
                "acr_values": "eidas1",
                "channel": "MOBILE",
            },
        ).json()
        if "auth_req_id" not in asked:
            raise MailError(f"Pro Santé Connect: {asked.get('error_description', asked)}")
        tell(f"Téléphone / telephone: {psc['phones']} ({identity})")
        while True:
            answer = http.post(
                places["token_endpoint"],
                data={
                    "grant_type": "urn:openid:params:grant-type:ciba",
                    "auth_req_id": asked["auth_req_id"],
                },
            ).json()
            if "access_token" in answer:
                return str(answer["access_token"])
            if answer.get("error") not in ("authorization_pending", "slow_down"):
                raise MailError(f"Pro Santé Connect: {answer.get('error_description', answer)}")
            time.sleep(asked.get("interval", 1))
