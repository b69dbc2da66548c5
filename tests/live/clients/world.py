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
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from sandbox.conformance.software.world import ClientLogin, carries
from sandbox.conformance.software.world import World as SheetWorld
from sandbox.live.launch import LiveOptions
from sandbox.live.planning import plan_space
from sandbox.live.space import LiveSpace
from sandbox.operators.model import SaslName
from sandbox.space.errors import UserError
from sandbox.space.loader import find_scenario, load_scenario
from sandbox.space.methods import Method
from sandbox.space.places import Place

__all__ = ["Case", "ClientLogin", "World", "asking_each_second", "cases", "running_world"]

PATIENCE = 30.0


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


class World(SheetWorld):
    """A space of ours in this process, and what arrives in its mailboxes."""

    def __init__(self, space: LiveSpace) -> None:
        super().__init__(space.sheet)
        self.space = space
        self.hosts = str(space.sheet["hosts_file"])
        self._marks = itertools.count()

    def context(self, login: ClientLogin | None = None) -> ssl.SSLContext:
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
