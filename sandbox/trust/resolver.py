"""DNS answers: a query's bytes in, a reply's bytes out, and faults that can be set at run time.

Authoritative for one zone, recursive for nothing: other names are REFUSED, so nothing that asks
this server can leave the machine.
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from sandbox.space.errors import UserError
from sandbox.trust.zone import LOOPBACK, ZoneSpec

__all__ = ["DNS_FAULTS", "DnsAnswer", "DnsFault", "Resolver"]

# What goes wrong -> what a client sees, French then English.
DNS_FAULTS: dict[str, str] = {
    "servfail": "réponse SERVFAIL / a SERVFAIL answer",
    "refused": "réponse REFUSED / a REFUSED answer",
    "nxdomain": "le nom n'existe pas / the name does not exist",
    "timeout": "aucune réponse / no answer",
    "slow": "réponse après un délai / an answer after a delay",
    "wrong-address": "une autre adresse / another address",
    "low-ttl": "durée de cache nulle ou courte / a zero or short time to live",
    "truncated": "réponse UDP tronquée / the UDP answer is truncated",
}

_UDP_DEFAULT = 512
_UDP_MAX = 1232  # the size that the DNS Flag Day 2020 settled on


@dataclass(frozen=True, kw_only=True)
class DnsFault:
    """One fault, for some queries.

    Attributes:
        kind: A key of `DNS_FAULTS`.
        name: Name that it strikes, with all names below; `.` strikes all.
        record: Type of record that it strikes (`MX`); empty strikes all.
        skip: Matching queries let through first.
        times: Matching queries struck after those; None strikes for ever.
        address: For `wrong-address`, in 127.0.0.0/8.
        ttl: For `low-ttl`, seconds.
        delay: For `slow`, seconds.
    """

    kind: str
    name: str = "."
    record: str = ""
    skip: int = 0
    times: int | None = None
    address: str = "127.255.255.254"
    ttl: int = 0
    delay: float = 5.0

    def __post_init__(self) -> None:
        if self.kind not in DNS_FAULTS:
            raise UserError.among(
                "ce n'est pas un défaut", "not a fault", f"{self.kind!r}", DNS_FAULTS
            )
        try:
            dns.name.from_text(self.name)
            if self.record:
                dns.rdatatype.from_text(self.record)
            inside = ipaddress.IPv4Address(self.address) in LOOPBACK
        except (dns.exception.DNSException, ValueError) as error:
            raise UserError.because(
                "nom que ce défaut du DNS ne peut viser",
                "not a name that a DNS fault can have",
                self.kind,
                error,
            ) from None
        if not inside:
            raise UserError(
                "ce défaut du DNS veut une adresse de 127.0.0.0/8",
                "this DNS fault needs an address of 127.0.0.0/8",
                where=self.address,
            )
        if self.skip < 0 or self.ttl < 0 or self.delay < 0 or (self.times or 0) < 0:
            raise UserError(
                "skip, times, ttl et delay : 0 ou plus",
                "skip, times, ttl and delay start at 0",
                where=self.kind,
            )

    def matches(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> bool:
        """Tell whether a question is one that this fault strikes."""
        return name.is_subdomain(dns.name.from_text(self.name)) and (
            not self.record or kind == dns.rdatatype.from_text(self.record)
        )


@dataclass(frozen=True)
class DnsAnswer:
    """What to send: the reply's bytes, or None to stay silent; seconds to wait first."""

    data: bytes | None
    delay: float = 0.0


@dataclass
class Resolver:
    """Answers for a zone.

    Attributes:
        zone: The zone; may be replaced while the server runs.
        queries: How many questions were read, by type.
    """

    zone: ZoneSpec
    queries: dict[str, int] = field(default_factory=dict)
    _faults: list[DnsFault] = field(default_factory=list)
    _met: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def set_faults(self, faults: Iterable[DnsFault]) -> None:
        """Replace the faults in force; counts start again. An empty list ends them all."""
        with self._lock:
            self._faults = list(faults)
            self._met = {}

    @property
    def faults(self) -> tuple[DnsFault, ...]:
        """The faults in force, the first that matches a question wins."""
        return tuple(self._faults)

    def answer(self, data: bytes, transport: Literal["udp", "tcp"]) -> DnsAnswer:
        """Answer one query.

        Args:
            data: The message.
            transport: `udp` answers are cut to what the client can take (RFC 1035, RFC 6891).

        Returns:
            The reply. Bytes that are not a query are met with FORMERR when they have an
            identifier, with silence otherwise; a response is met with silence (no loops).
        """
        if len(data) < 12:
            return DnsAnswer(None)
        if data[2] & 0x80:
            return DnsAnswer(None)
        if data[2] & 0x78:
            # Another opcode: its sections mean something else, so only the header is answered.
            return DnsAnswer(data[:2] + bytes([0x80 | (data[2] & 0x78), 4]) + bytes(8))
        try:
            query = dns.message.from_wire(data, ignore_trailing=False)
        except (dns.exception.DNSException, ValueError):
            # Identifier, QR, RCODE 1 (FORMERR), no section.
            return DnsAnswer(data[:2] + b"\x80\x01" + bytes(8))
        refusal = self._refusal(query)
        if refusal is not None:
            return DnsAnswer(_wire(_error(query, refusal), transport, query))
        question = query.question[0]
        self.queries[dns.rdatatype.to_text(question.rdtype)] = (
            self.queries.get(dns.rdatatype.to_text(question.rdtype), 0) + 1
        )
        fault = self._strike(question.name, question.rdtype)
        return self._reply(query, transport, fault)

    def _refusal(self, query: dns.message.Message) -> dns.rcode.Rcode | None:
        if len(query.question) != 1:
            return dns.rcode.FORMERR
        question = query.question[0]
        if query.edns > 0:
            return dns.rcode.BADVERS
        transfer = question.rdtype in {dns.rdatatype.AXFR, dns.rdatatype.IXFR}
        if transfer or question.rdclass != dns.rdataclass.IN:
            return dns.rcode.REFUSED
        if not question.name.is_subdomain(self.zone.records.origin):
            return dns.rcode.REFUSED
        return None

    def _strike(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> DnsFault | None:
        with self._lock:
            for place, fault in enumerate(self._faults):
                if not fault.matches(name, kind):
                    continue
                met = self._met[place] = self._met.get(place, 0) + 1
                if met > fault.skip and (fault.times is None or met <= fault.skip + fault.times):
                    return fault
        return None

    def _reply(
        self, query: dns.message.Message, transport: Literal["udp", "tcp"], fault: DnsFault | None
    ) -> DnsAnswer:
        match fault.kind if fault else "":
            case "timeout":
                return DnsAnswer(None)
            case "servfail":
                return DnsAnswer(_wire(_error(query, dns.rcode.SERVFAIL), transport, query))
            case "refused":
                return DnsAnswer(_wire(_error(query, dns.rcode.REFUSED), transport, query))
            case "truncated" if transport == "udp":
                cut = _response(query)
                cut.flags |= dns.flags.TC
                return DnsAnswer(cut.to_wire())
        response = self._resolve(query, fault)
        delay = fault.delay if fault and fault.kind == "slow" else 0.0
        return DnsAnswer(_wire(response, transport, query), delay)

    def _resolve(self, query: dns.message.Message, fault: DnsFault | None) -> dns.message.Message:
        records = self.zone.records
        question = query.question[0]
        name, kind = question.name, question.rdtype
        ttl = fault.ttl if fault and fault.kind == "low-ttl" else records.ttl
        response = _response(query)
        missing = name not in records.names or (fault is not None and fault.kind == "nxdomain")
        if missing:
            response.set_rcode(dns.rcode.NXDOMAIN)
        found = () if missing else records.find(name, kind)
        if kind == dns.rdatatype.ANY and not missing:
            # RFC 8482: a small answer rather than all there is.
            found = (dns.rdata.from_text("IN", "HINFO", '"RFC8482" ""'),)
        if found and fault is not None and fault.kind == "wrong-address":
            found = tuple(_elsewhere(rdata, fault.address) for rdata in found)
        if found:
            # The name as it was asked, so that 0x20 case checks pass.
            response.answer.append(dns.rrset.from_rdata_list(name, ttl, list(found)))
            self._additional(response, found, ttl, fault)
        else:
            soa = records.find(records.origin, dns.rdatatype.SOA)
            response.authority.append(dns.rrset.from_rdata_list(records.origin, ttl, list(soa)))
        return response

    def _additional(
        self,
        response: dns.message.Message,
        found: Iterable[dns.rdata.Rdata],
        ttl: int,
        fault: DnsFault | None,
    ) -> None:
        """Add the addresses of MX and SRV targets (RFC 1035 §3.3.9, RFC 2782)."""
        for rdata in found:
            target = getattr(rdata, "exchange", None) or getattr(rdata, "target", None)
            if not isinstance(target, dns.name.Name):
                continue
            addresses = self.zone.records.find(target, dns.rdatatype.A)
            if fault is not None and fault.kind == "wrong-address":
                addresses = tuple(_elsewhere(each, fault.address) for each in addresses)
            if addresses and not any(each.name == target for each in response.additional):
                response.additional.append(dns.rrset.from_rdata_list(target, ttl, list(addresses)))


def _elsewhere(rdata: dns.rdata.Rdata, address: str) -> dns.rdata.Rdata:
    if rdata.rdtype != dns.rdatatype.A:
        return rdata
    return dns.rdata.from_text("IN", "A", address)


def _response(query: dns.message.Message) -> dns.message.Message:
    response = dns.message.make_response(query, our_payload=_UDP_MAX)
    response.flags |= dns.flags.AA
    response.flags &= ~dns.flags.RA
    return response


def _error(query: dns.message.Message, code: dns.rcode.Rcode) -> dns.message.Message:
    response = dns.message.make_response(query, our_payload=_UDP_MAX)
    response.set_rcode(code)
    return response


def _wire(
    response: dns.message.Message, transport: Literal["udp", "tcp"], query: dns.message.Message
) -> bytes:
    if transport == "tcp":
        return response.to_wire(max_size=65535)
    limit = _UDP_DEFAULT
    if query.edns >= 0:
        limit = max(_UDP_DEFAULT, min(query.payload, _UDP_MAX))
    try:
        return response.to_wire(max_size=limit)
    except dns.exception.TooBig:
        response.answer.clear()
        response.authority.clear()
        response.additional.clear()
        response.flags |= dns.flags.TC
        return response.to_wire()
