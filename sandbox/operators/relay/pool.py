"""Connections to other operators: which host for a domain, opened when needed, kept for a while."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from sandbox.operators.journal import Journal
from sandbox.operators.refusals import MailRefusal
from sandbox.operators.relay import troubles
from sandbox.operators.relay.connection import Judge, Peer, PeerConnection, TroubleError
from sandbox.operators.relay.names import Exchanger, Names, NoRouteError
from sandbox.operators.relay.policy import is_listed, may_receive
from sandbox.operators.relay.settings import RelaySettings
from sandbox.operators.relay.troubles import of_refusal
from sandbox.trust import DomainList
from sandbox.trust.domain_list import normal_domain

__all__ = ["ConnectionPool"]


class ConnectionPool:
    """Finds a connection for a domain.

    Args:
        settings: the operator's.
        names: DNS.
        listed: the list in force.
        serves: whether a domain is the operator's own, to which nothing is relayed.
        context: TLS, from `serve.client_context`.
        judge: says what a server's certificate proves.
        journal: told of every refusal by a rule.
    """

    def __init__(
        self,
        settings: RelaySettings,
        *,
        names: Names,
        listed: Callable[[], DomainList],
        serves: Callable[[str], bool],
        context: ssl.SSLContext,
        judge: Judge,
        journal: Journal,
    ) -> None:
        self._settings = settings
        self._names = names
        self._listed = listed
        self._serves = serves
        self._context = context
        self._judge = judge
        self._journal = journal
        self._idle: dict[str, list[tuple[PeerConnection, asyncio.TimerHandle]]] = {}

    async def connection(self, domain: str, seed: str) -> PeerConnection:
        """Return a connection to a host that may receive mail of a domain.

        Hosts are tried in the order of their preference; a failure is permanent only when every
        host's is.

        Args:
            domain: of the recipients.
            seed: draws among hosts of equal preference.

        Raises:
            TroubleError: there is none.
        """
        refused = is_listed(self._listed(), domain)
        if refused is not None:
            raise self._refusal(refused, domain)
        name = normal_domain(domain)
        if self._serves(name):
            raise TroubleError(troubles.LOOP)
        failures: list[TroubleError] = []
        for exchanger in await self._exchangers(name, seed):
            try:
                return await self._at(exchanger, name)
            except NoRouteError as error:
                failures.append(TroubleError(error.trouble))
            except TroubleError as error:
                failures.append(error)
        raise min(failures, key=lambda each: each.trouble.is_permanent)

    def allows(self, connection: PeerConnection, domain: str) -> bool:
        """Tell whether an open connection is still good for mail of a domain: lists change."""
        return may_receive(self._listed(), connection.dn, domain) is None

    def release(self, connection: PeerConnection) -> None:
        """Keep a connection for the next message; close it when none comes or it is worn."""
        worn = connection.sent >= self._settings.per_connection
        if worn or not connection.is_usable:
            connection.abort()
            return
        timer = asyncio.get_running_loop().call_later(self._settings.keep, self._expire, connection)
        self._idle.setdefault(connection.peer.host, []).append((connection, timer))

    async def close(self) -> None:
        """Close what is open."""
        kept = [pair for pairs in self._idle.values() for pair in pairs]
        self._idle.clear()
        for connection, timer in kept:
            timer.cancel()
            connection.abort()

    async def _exchangers(self, domain: str, seed: str) -> list[Exchanger]:
        try:
            found = await self._names.exchangers(domain, seed)
        except NoRouteError as error:
            raise TroubleError(error.trouble) from None
        own = [each.preference for each in found if each.host == self._settings.host.lower()]
        # RFC 5321 §5.1: hosts that are not better than ourselves would send it back to us.
        better = [each for each in found if not own or each.preference < min(own)]
        if not better:
            raise TroubleError(troubles.LOOP)
        return better

    async def _at(self, exchanger: Exchanger, domain: str) -> PeerConnection:
        kept = self._take(exchanger.host)
        if kept is not None:
            return self._allowed(kept, domain)
        last = TroubleError(troubles.NO_USABLE_MX)
        for address in await self._names.addresses(exchanger.host):
            peer = Peer(host=exchanger.host, address=address, port=self._settings.port)
            try:
                opened = await PeerConnection.open(
                    peer,
                    name=self._settings.host,
                    context=self._context,
                    judge=self._judge,
                    timeouts=self._settings.timeouts,
                )
            except TroubleError as error:
                last = self._noted(error, peer, domain)
                continue
            return self._allowed(opened, domain)
        raise last

    def _allowed(self, connection: PeerConnection, domain: str) -> PeerConnection:
        refused = may_receive(self._listed(), connection.dn, domain)
        if refused is None:
            return connection
        # It is a good operator all the same: another domain may want it.
        self.release(connection)
        raise self._refusal(refused, domain, host=connection.peer.host, dn=str(connection.dn))

    def _take(self, host: str) -> PeerConnection | None:
        pairs = self._idle.get(host, [])
        while pairs:
            connection, timer = pairs.pop()
            timer.cancel()
            if connection.is_usable:
                return connection
            connection.abort()
        return None

    def _expire(self, connection: PeerConnection) -> None:
        pairs = self._idle.get(connection.peer.host, [])
        pairs[:] = [pair for pair in pairs if pair[0] is not connection]
        connection.say_goodbye()

    def _refusal(
        self, refusal: MailRefusal, domain: str, host: str = "", dn: str = ""
    ) -> TroubleError:
        self._journal.refused(refusal.reason, direction="out", domain=domain, host=host, dn=dn)
        error = TroubleError(of_refusal(refusal), refusal)
        error.host = host
        return error

    def _noted(self, error: TroubleError, peer: Peer, domain: str) -> TroubleError:
        error.host = peer.host
        if error.refusal is not None:
            self._journal.refused(
                error.refusal.reason, direction="out", domain=domain, host=peer.host,
                address=peer.address,
            )  # fmt: skip
        return error
