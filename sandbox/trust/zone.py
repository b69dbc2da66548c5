"""The sandbox's DNS zone as plain data, and the hosts file that says the same.

A design gives hosts, domains and services; from them follow A, MX, TXT and SRV records
(RFC 6186 and RFC 8314 names for mail software: `_imap`, `_imaps`, `_submission`, `_submissions`).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.TXT

from sandbox.space.errors import UserError

__all__ = ["Host", "MailDomain", "Records", "SrvRecord", "ZoneSpec", "hosts_lines"]

LOOPBACK = ipaddress.ip_network("127.0.0.0/8")


@dataclass(frozen=True)
class Host:
    """A host name and its IPv4 addresses, all of 127.0.0.0/8."""

    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SrvRecord:
    """An SRV record of a mail domain.

    Attributes:
        label: Service label without its underscore: `imap`, `imaps`, `submission`,
            `submissions`; labels above it may be given, as `psc._imap`.
        target: Host; `.` says that the service is not offered (RFC 6186 §3.4).
        port: Port.
        priority: The lowest is tried first.
        weight: Share among equal priorities.
    """

    label: str
    target: str
    port: int
    priority: int = 0
    weight: int = 1


@dataclass(frozen=True, kw_only=True)
class MailDomain:
    """A mail domain.

    Attributes:
        name: The domain.
        relays: (preference, host) of the relays that take its mail: its MX records.
        services: Its SRV records.
        texts: Its TXT records.
    """

    name: str
    relays: tuple[tuple[int, str], ...] = ()
    services: tuple[SrvRecord, ...] = ()
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ZoneSpec:
    """Everything below one suffix.

    Attributes:
        suffix: The zone, for instance `mssante.test`.
        hosts: Its hosts.
        domains: Its mail domains.
        ttl: Seconds that records may be kept.
        serial: SOA serial number.
    """

    suffix: str = "mssante.test"
    hosts: tuple[Host, ...] = ()
    domains: tuple[MailDomain, ...] = ()
    ttl: int = 300
    serial: int = 1

    @cached_property
    def records(self) -> Records:
        """The records, built once.

        Raises:
            UserError: a name outside the suffix, an address outside 127.0.0.0/8, a wrong value.
        """
        return Records(self)


class Records:
    """The records of a zone by lower-case name and type."""

    def __init__(self, spec: ZoneSpec) -> None:
        self.origin = _name(spec.suffix)
        self.ttl = spec.ttl
        self._sets: dict[dns.name.Name, dict[dns.rdatatype.RdataType, list[dns.rdata.Rdata]]] = {}
        server = f"ns.{spec.suffix}."
        soa = f"{server} hostmaster.{spec.suffix}. {spec.serial} 3600 600 86400 {spec.ttl}"
        self._add(spec.suffix, "SOA", soa)
        self._add(spec.suffix, "NS", server)
        self._add(f"ns.{spec.suffix}", "A", "127.0.0.1")
        for host in spec.hosts:
            for address in host.addresses:
                if not _loopback(address):
                    raise UserError(
                        "ce n'est pas une adresse de 127.0.0.0/8",
                        "not an address of 127.0.0.0/8",
                        where=f"{host.name}: {address!r}",
                    )
                self._add(host.name, "A", address)
        for domain in spec.domains:
            self._domain(domain)
        self.names = self._with_ancestors()

    def find(
        self, name: dns.name.Name, kind: dns.rdatatype.RdataType
    ) -> tuple[dns.rdata.Rdata, ...]:
        """Return the records of a name and type, none when there are none."""
        return tuple(self._sets.get(name, {}).get(kind, ()))

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """Yield name, type and value of every record, by name."""
        for name in sorted(self._sets):
            for kind, values in self._sets[name].items():
                for value in values:
                    shown = name.to_text(omit_final_dot=True)
                    yield shown, dns.rdatatype.to_text(kind), value.to_text()

    def _domain(self, domain: MailDomain) -> None:
        for preference, host in domain.relays:
            self._add(domain.name, "MX", f"{preference} {_absolute(host)}")
        for text in domain.texts:
            rdata = dns.rdtypes.ANY.TXT.TXT(
                dns.rdataclass.IN, dns.rdatatype.TXT, _chunks(text.encode())
            )
            self._sets.setdefault(_name(domain.name), {}).setdefault(dns.rdatatype.TXT, []).append(
                rdata
            )
            self._inside(domain.name)
        for service in domain.services:
            name = f"_{service.label}._tcp.{domain.name}"
            target = "." if service.target == "." else _absolute(service.target)
            value = f"{service.priority} {service.weight} {service.port} {target}"
            self._add(name, "SRV", value)

    def _add(self, name: str, kind: str, value: str) -> None:
        owner = self._inside(name)
        try:
            rdata = dns.rdata.from_text("IN", kind, value)
        except (dns.exception.DNSException, ValueError) as error:
            raise UserError.because(
                "enregistrement refusé", "not a record", f"{name} {kind} {value!r}", error
            ) from None
        kinds = self._sets.setdefault(owner, {})
        present = kinds.setdefault(dns.rdatatype.from_text(kind), [])
        if rdata not in present:
            present.append(rdata)

    def _inside(self, name: str) -> dns.name.Name:
        owner = _name(name)
        if not owner.is_subdomain(self.origin):
            raise UserError(
                "hors de la zone", "outside the zone", where=f"{name!r}", then=self.origin
            )
        return owner

    def _with_ancestors(self) -> frozenset[dns.name.Name]:
        """Return all names that exist: RFC 8020 and 4592 count those with only names below."""
        names = set()
        for name in self._sets:
            while name.is_subdomain(self.origin):
                names.add(name)
                name = name.parent()
        return frozenset(names)


def _name(text: str) -> dns.name.Name:
    try:
        return dns.name.from_text(text.lower())
    except dns.exception.DNSException as error:
        raise UserError.because(
            "ce n'est pas un nom DNS", "not a DNS name", f"{text!r}", error
        ) from None


def _absolute(name: str) -> str:
    return f"{name.rstrip('.')}."


def _chunks(data: bytes) -> list[bytes]:
    """Cut a text into the 255-octet strings of a TXT record (RFC 1035 §3.3)."""
    return [data[i : i + 255] for i in range(0, len(data), 255)] or [b""]


def _loopback(text: str) -> bool:
    try:
        return ipaddress.IPv4Address(text) in LOOPBACK
    except ValueError:
        return False


def hosts_lines(hosts: Iterable[Host]) -> list[str]:
    """Return the lines of a hosts file, one an address, its names in order.

    For software that cannot choose its resolver. It carries addresses only: neither MX nor SRV.
    """
    names: dict[str, list[str]] = {}
    for host in hosts:
        for address in host.addresses:
            present = names.setdefault(address, [])
            if host.name not in present:
                present.append(host.name)
    ordered = sorted(names, key=lambda text: int(ipaddress.ip_address(text)))
    return [f"{address}\t{' '.join(names[address])}" for address in ordered]
