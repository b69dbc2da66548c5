"""An operator behind a real `Door`, for the tests that want sockets."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.operators.imap import ImapSettings, serve
from sandbox.operators.listener import Listener, MailDoor, endpoint_context
from sandbox.operators.model import SaslName
from sandbox.trust import KeyKind, Organisation, TestCA
from tests.operators.imap.dialogue import World, world
from tests.operators.listening import a_listener

HOST = "imap.op1.mssante.test"


@dataclass
class Keys:
    """Certificates on disk."""

    folder: Path

    def client(self, *, card: bool = False) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.folder / "bundle.pem"))
        if card:
            client = self.folder / "client"
            context.load_cert_chain(client / "chain.pem", client / "key.pem")
        return context

    def listener(self, tls: str, certificate: str, mechanisms: tuple[SaslName, ...]) -> Listener:
        server = self.folder / HOST
        context = endpoint_context(
            server / "chain.pem", server / "key.pem",
            (self.folder / "bundle.pem").read_text(), client_certificate=certificate,
        )  # fmt: skip
        return a_listener(
            context, host=HOST, mechanisms=mechanisms, tls=tls, client_certificate=certificate
        )


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    folder = tmp_path_factory.mktemp("keys")
    ca = TestCA(key_kind=KeyKind.P256)
    operator = Organisation(name="OPERATEUR 1", department="Paris (75)", finess="750000018")
    ca.endpoint_server(operator, [HOST]).save(folder / HOST)
    ca.org_client(operator, "appli").save(folder / "client")
    (folder / "bundle.pem").write_bytes(ca.bundle_pem())
    return Keys(folder)


@dataclass
class Live:
    """An operator that listens."""

    world: World
    door: MailDoor
    keys: Keys

    async def connect(
        self, *, card: bool = False
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(
            "127.0.0.1", self.door.port, ssl=self.keys.client(card=card), server_hostname=HOST
        )

    async def closed(self) -> None:
        """Wait until no connection is left."""
        while self.door.connections:
            await asyncio.sleep(0.01)


MECHANISMS = (SaslName.PLAIN, SaslName.LOGIN, SaslName.XOAUTH2, SaslName.EXTERNAL, SaslName.NONE)


@asynccontextmanager
async def live(
    path: Path,
    keys: Keys,
    settings: ImapSettings | None = None,
    *,
    tls: str = "implicit",
    certificate: str = "optional",
    mechanisms: tuple[SaslName, ...] = MECHANISMS,
) -> AsyncIterator[Live]:
    async with world(path, settings) as here:
        door = MailDoor([keys.listener(tls, certificate, mechanisms)], serve(here.service))
        await door.start()
        try:
            yield Live(here, door, keys)
        finally:
            await door.stop()
