"""A running space as its clients see it: everything they use is read from `space.json`."""

from __future__ import annotations

import contextlib
import imaplib
import itertools
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pyotp

from sandbox.live.plan import plan_space
from sandbox.live.space import LiveOptions, LiveSpace
from sandbox.operators.model import SaslName
from sandbox.space.errors import UserError
from sandbox.space.loader import find_scenario, load_scenario
from sandbox.space.methods import METHODS, Method
from sandbox.space.places import Place

PASSWORD = (SaslName.PLAIN, SaslName.LOGIN)
TOKEN = (SaslName.XOAUTH2, SaslName.OAUTHBEARER)
PATIENCE = 30.0
CIBA = "urn:openid:params:grant-type:ciba"


@dataclass(frozen=True)
class Case:
    """One way in: which method by which mechanism at which endpoint of which design."""

    endpoint: Place
    method: Method
    mechanism: SaslName

    @property
    def id(self) -> str:
        at = self.endpoint
        return f"{at.design}-{at.name}-{self.method}-{self.mechanism}"


def carries(mechanism: SaslName, method: Method) -> bool:
    """Tell whether a mechanism can carry a method."""
    if METHODS[method].client_certificate:
        return mechanism in (SaslName.EXTERNAL, SaslName.NONE)
    return mechanism in PASSWORD or (mechanism in TOKEN and method is Method.ECPS)


def cases(protocol: str) -> list[Case]:
    """Return every method, by every mechanism that carries it, at every endpoint of all designs."""
    plan = plan_space(load_scenario("demo"), ("all",), operators=2)
    return [
        Case(endpoint, method, mechanism)
        for endpoint in plan.operators[0].endpoints
        if endpoint.protocol == protocol
        for method in endpoint.methods
        for mechanism in plan.mechanisms(endpoint)
        if carries(mechanism, method)
    ]


@dataclass(frozen=True)
class Login:
    """What a client types or presents; a mailbox may be opened under a holder's name."""

    address: str
    user: str
    password: str = ""
    token: str = ""
    certificate: str = ""
    key: str = ""


@dataclass
class Codes:
    """One-time codes, each given once: the steps around now of every account with a secret."""

    used: dict[str, int] = field(default_factory=dict)

    def of(self, secret: str) -> str | None:
        """Return a code of a secret that was not given yet and is good now, or None."""
        now = int(time.time()) // 30
        step = max(self.used.get(secret, 0) + 1, now)
        if step > now + 1:
            return None
        self.used[secret] = step
        return pyotp.TOTP(secret).at(step * 30)


class World:
    """A space with people who press their telephones' buttons at once."""

    def __init__(self, space: LiveSpace) -> None:
        self.space = space
        self.sheet = space.sheet
        self.bundle = space.sheet["ca"]["bundle"]
        self.hosts = space.sheet["hosts_file"]
        self.first, self.second = (each["name"] for each in space.sheet["operators"])
        self.codes = Codes()
        self._marks = itertools.count()

    def endpoint(self, design: str, name: str, operator: str = "") -> dict[str, Any]:
        """Return an endpoint of the sheet."""
        (found,) = (
            endpoint
            for each in self.sheet["operators"]
            if each["name"] == (operator or self.first)
            for endpoint in each["designs"][design]
            if endpoint["name"] == name
        )
        return dict(found)

    def accounts(self, operator: str, method: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return (account, way in) of each holder who can use a method."""
        return [
            (account, holder["methods"][method])
            for account in self.sheet["accounts"]
            if account["operator"] == operator
            for holder in account["holders"]
            if method in holder["methods"]
        ]

    def login(self, method: str, mechanism: str = "", operator: str = "", number: int = 0) -> Login:
        """Return what logs in by a method; a one-time code in it is good now, and once."""
        found = self.accounts(operator or self.first, method)
        if method == "totp":
            return self._totp(found)
        account, way = found[number]
        address = account["address"]
        if "certificate" in way:
            return Login(address, address, certificate=way["certificate"], key=way["key"])
        if mechanism in TOKEN:
            return Login(address, address, token=self.token(way["login_hint"]))
        return Login(address, way["username"], way["password"])

    def _totp(self, found: list[tuple[dict[str, Any], dict[str, Any]]]) -> Login:
        end = time.monotonic() + 90  # every account's codes of three steps
        while time.monotonic() < end:
            for account, way in found:
                code = self.codes.of(way["secret"])
                if code is not None:
                    return Login(account["address"], way["username"], way["password"] + code)
            time.sleep(0.5)
        raise TimeoutError("no one-time code is left")

    def token(self, person: str) -> str:
        """Have a person give an access token of Pro Santé Connect to a mail client."""
        psc = self.sheet["psc"]
        client = next(each for each in psc["clients"] if each["client_id"] == "lps-poll")
        auth = (client["client_id"], client["client_secret"])
        with httpx.Client(verify=ssl.create_default_context(cafile=self.bundle)) as http:
            places = http.get(psc["discovery"]).raise_for_status().json()
            asked = http.post(
                places["backchannel_authentication_endpoint"], auth=auth,
                data={"scope": "openid scope_all", "login_hint": person, "binding_message": "42"},
            ).raise_for_status().json()  # fmt: skip
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                time.sleep(asked.get("interval", 1))
                answer = http.post(
                    places["token_endpoint"], auth=auth,
                    data={"grant_type": CIBA, "auth_req_id": asked["auth_req_id"]},
                )  # fmt: skip
                if answer.status_code == 200:
                    return str(answer.json()["access_token"])
        raise TimeoutError("the telephone did not answer")

    def context(self, login: Login | None = None) -> ssl.SSLContext:
        """Return a TLS context that trusts the space, with a login's certificate."""
        context = ssl.create_default_context(cafile=self.bundle)
        if login is not None and login.certificate:
            context.load_cert_chain(login.certificate, login.key)
        return context

    def mark(self) -> str:
        """Return a word that no other message has in its subject."""
        return f"essai-{next(self._marks)}"

    def message(self, sender: str, recipient: str, mark: str) -> EmailMessage:
        """Return a message that can be found by its mark."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender, recipient, mark
        message.set_content("Compte rendu en pièce jointe, à relire.\n")
        return message

    def arrived(self, address: str, mark: str) -> bytes:
        """Wait for a message in a mailbox with a card; return it.

        Raises:
            TimeoutError: it did not come.
        """
        with self.mailbox(address) as session:
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                session.select("INBOX", readonly=True)
                _, (found,) = session.uid("SEARCH", "SUBJECT", f'"{mark}"')
                if found:
                    uids = found.split()
                    assert len(uids) == 1, f"{mark} came {len(uids)} times"
                    _, answers = session.uid("FETCH", uids[0].decode(), "(BODY.PEEK[])")
                    return bytes(answers[0][1])
                time.sleep(0.05)
        raise TimeoutError(f"{mark} is not in {address}")

    @contextlib.contextmanager
    def mailbox(self, address: str) -> Iterator[imaplib.IMAP4]:
        """Open a person's mailbox with his card, at the single endpoint of its operator."""
        account = next(each for each in self.sheet["accounts"] if each["address"] == address)
        way = account["holders"][0]["methods"]["cps"]
        at = self.endpoint("single-endpoint", "imap", account["operator"])
        context = ssl.create_default_context(cafile=self.bundle)
        context.load_cert_chain(way["certificate"], way["key"])
        with imaplib.IMAP4_SSL(at["address"], at["port"], ssl_context=context) as session:
            if session.state == "NONAUTH":  # else greeted PREAUTH
                session.authenticate("EXTERNAL", lambda _: address.encode())
            yield session


@contextlib.contextmanager
def asking_each_second() -> Iterator[str]:
    """The demonstration where one asks for a token each second: no test waits for five."""
    demo = find_scenario("demo").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "demo.toml"
        path.write_text(f"{demo}\n[policies]\nciba_interval = 1\n", encoding="utf-8")
        yield str(path)


@contextlib.contextmanager
def running_world(**changes: Any) -> Iterator[World]:
    """Run a space of two operators, in every design unless `changes` say otherwise."""
    usual: dict[str, Any] = {
        "designs": ("all",), "operators": 2, "behaviour": "approve", "revocation_cache": 0.0
    }  # fmt: skip
    with (
        asking_each_second() as scenario,
        LiveSpace(LiveOptions(**(usual | {"scenario": scenario} | changes))) as space,
    ):
        world = World(space)
        stop = threading.Event()

        def press() -> None:
            """Open the links of SMS: their delivery takes seconds that a test need not wait."""
            while not stop.wait(0.05):
                for operator in space.operators:
                    with contextlib.suppress(UserError):
                        space.ciba(operator).approve()

        presser = threading.Thread(target=press, name="sms")
        presser.start()
        try:
            yield world
        finally:
            stop.set()
            presser.join()
