"""What every operator has toward the others (API MSS-IO): who it is, what comes in and goes out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sandbox.operators.auth.revocation import Revocation, RevocationPolicy
from sandbox.operators.fault_rules import MailFaults
from sandbox.operators.journal import Journal
from sandbox.operators.listener import Listener
from sandbox.operators.model import Channel
from sandbox.operators.observing import Observer
from sandbox.operators.post import PostOffice
from sandbox.operators.refusals import MailRefusal
from sandbox.operators.relay.names import Names
from sandbox.operators.relay.policy import check_peer, may_send
from sandbox.operators.relay.runner import Runner
from sandbox.operators.relay.settings import RelaySettings
from sandbox.operators.smtp import RelayServer
from sandbox.operators.store import MailStore
from sandbox.serve import client_context
from sandbox.trust import DN, CertificateChecker, DomainList, load_bundle

__all__ = ["OperatorSettings", "RelaySide"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """What an operator is.

    Attributes:
        label: its name under the suffix.
        domains: mail domains that it serves.
        folder: its files, its owner's only.
        listeners: endpoints of all designs; none at that of citizens.
        relay: where other operators deliver; its certificate is the one that the list names.
        chain, key: that certificate and its key, PEM, for the relay's client side.
        bundle: roots and intermediates, PEM.
        name_server: address and port of DNS.
        suffix: nothing outside it is looked up or connected to.
        relay_port: where all relays listen.
    """

    label: str
    domains: frozenset[str]
    folder: Path
    listeners: tuple[Listener, ...]
    relay: Listener
    chain: Path
    key: Path
    bundle: Path
    name_server: tuple[str, int]
    suffix: str
    relay_port: int


class RelaySide:
    """Makes the relay's two sides of one operator, which judge certificates alike.

    Args:
        settings: what the operator is.
        listed: the list of domains in force.
        revocation: how certificates are asked about.
        journal: told of refusals and of every recipient's fate.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        settings: OperatorSettings,
        *,
        listed: Callable[[], DomainList],
        revocation: RevocationPolicy,
        journal: Journal,
        clock: Callable[[], float] = time.time,
    ) -> None:
        authorities = load_bundle(settings.bundle.read_bytes())
        self._settings = settings
        self._listed = listed
        self._journal = journal
        self._clock = clock
        self._checker = CertificateChecker(bundle=authorities)
        self._revocation = Revocation(authorities, revocation, clock)

    async def close(self) -> None:
        """Let go of what asks about certificates."""
        await self._revocation.close()

    def server(self, post: PostOffice, observer: Observer, faults: MailFaults) -> RelayServer:
        """Return what takes mail from other operators."""
        return RelayServer(
            post,
            self._check_peer,
            may_send=lambda dn, domain: may_send(self._listed(), dn, domain),
            journal=self._journal,
            observer=observer,
            faults=faults,
            clock=self._clock,
        )

    def runner(self, post: PostOffice, store: MailStore) -> Runner:
        """Return what takes mail to other operators."""
        settings = self._settings
        return Runner(
            store,
            RelaySettings(host=settings.relay.place.host, port=settings.relay_port),
            post=post,
            names=Names(*settings.name_server, suffix=settings.suffix),
            listed=self._listed,
            context=client_context(settings.bundle, settings.chain, settings.key),
            checker=self._checker,
            revocation=self._revocation,
            journal=self._journal,
            clock=self._clock,
        )

    async def _check_peer(self, channel: Channel) -> DN | MailRefusal:
        return await check_peer(
            channel.certificate,
            checker=self._checker,
            revocation=self._revocation,
            now=datetime.fromtimestamp(self._clock(), UTC),
        )
