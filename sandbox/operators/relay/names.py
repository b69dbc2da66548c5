"""Where a domain's mail goes: MX and A records from the sandbox's DNS server, and from no other."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.IN.A import A

from sandbox.operators.relay import troubles
from sandbox.operators.relay.troubles import Trouble
from sandbox.trust.zone import LOOPBACK

__all__ = ["Exchanger", "Names", "NoRouteError"]


class NoRouteError(Exception):
    """A domain's mail cannot be routed, for the trouble's reason."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.reason.what.english)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Exchanger:
    """A host that takes a domain's mail; the lowest preference is tried first."""

    host: str
    preference: int


class Names:
    """Questions to one DNS server.

    Args:
        server: its address, of 127.0.0.0/8.
        port: its port.
        suffix: nothing outside it is asked for or connected to.
        seconds: for one question, its retries included.
    """

    def __init__(self, server: str, port: int, *, suffix: str, seconds: float = 5.0) -> None:
        self._suffix = dns.name.from_text(suffix)
        # Without `configure=False` the machine's own resolver would be asked.
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._resolver.nameservers = [server]
        self._resolver.port = port
        self._resolver.lifetime = seconds
        self._resolver.timeout = seconds / 2
        self.forget()

    def forget(self) -> None:
        """Ask anew, whatever the time to live of what was answered."""
        self._resolver.cache = dns.resolver.LRUCache(10_000)

    async def exchangers(self, domain: str, seed: str) -> tuple[Exchanger, ...]:
        """Return the hosts to try, in order (RFC 5321 §5.1); the domain itself where it has no MX.

        Args:
            domain: of the recipient, in ASCII.
            seed: shuffles hosts of equal preference, the same way for the same seed.

        Raises:
            NoRouteError: there is none, or none is known for now.
        """
        owner = self._inside(domain)
        try:
            answer = await self._resolver.resolve(owner, "MX", search=False)
        except dns.resolver.NoAnswer:
            return (Exchanger(_text(owner), 0),)
        except dns.resolver.NXDOMAIN:
            raise NoRouteError(troubles.DOMAIN_UNKNOWN) from None
        except dns.exception.DNSException:
            raise NoRouteError(troubles.DNS_UNAVAILABLE) from None
        records = [record for record in answer if isinstance(record, MX)]
        if [record.exchange for record in records] == [dns.name.root]:
            raise NoRouteError(troubles.NULL_MX)
        inside = [record for record in records if record.exchange.is_subdomain(self._suffix)]
        if not inside:
            raise NoRouteError(troubles.OUTSIDE)
        found = {Exchanger(_text(each.exchange), each.preference) for each in inside}
        return tuple(sorted(found, key=lambda each: (each.preference, _draw(seed, each.host))))

    async def addresses(self, host: str) -> tuple[str, ...]:
        """Return a host's IPv4 addresses, all of 127.0.0.0/8.

        Raises:
            NoRouteError: it has none, or none is known for now.
        """
        try:
            answer = await self._resolver.resolve(self._inside(host), "A", search=False)
        except (dns.resolver.NoAnswer, dns.resolver.NXDOMAIN):
            raise NoRouteError(troubles.NO_USABLE_MX) from None
        except dns.exception.DNSException:
            raise NoRouteError(troubles.DNS_UNAVAILABLE) from None
        found = [record.address for record in answer if isinstance(record, A)]
        inside = tuple(each for each in found if ipaddress.IPv4Address(each) in LOOPBACK)
        if not inside:
            raise NoRouteError(troubles.OUTSIDE)
        return inside

    def _inside(self, name: str) -> dns.name.Name:
        try:
            owner = dns.name.from_text(name.lower())
        except (dns.exception.DNSException, ValueError):
            raise NoRouteError(troubles.DOMAIN_UNKNOWN) from None
        if not owner.is_subdomain(self._suffix):
            raise NoRouteError(troubles.OUTSIDE)
        return owner


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


def _draw(seed: str, host: str) -> bytes:
    return hashlib.blake2b(f"{seed} {host}".encode(), digest_size=8).digest()
