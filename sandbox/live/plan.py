"""The plan of a live space: every name, address, port and method, as plain data.

`planning` makes it. Everything else of `live` does what the plan says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sandbox.operators.model import ON_THE_WIRE, SaslName
from sandbox.space.designs import Design
from sandbox.space.login_policies import LoginPolicy
from sandbox.space.places import Place
from sandbox.trust.design_zone import (
    zone_of_designs,
)
from sandbox.trust.identity import Organisation
from sandbox.trust.zone import Host, MailDomain, SrvRecord, ZoneSpec

__all__ = [
    "CertificatePlan",
    "CitizensPlan",
    "JoinedPlan",
    "OperatorPlan",
    "ServicePlan",
    "SpacePlan",
    "autoconfig_names",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePlan:
    """A server: name, loopback address, port."""

    host: str
    address: str
    port: int

    def url(self, path: str = "", *, scheme: str = "https") -> str:
        """Return its URL by address, for software that has no resolver of ours."""
        return f"{scheme}://{self.address}:{self.port}{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificatePlan:
    """A server certificate to keep: path under the folder of certificates, names, addresses."""

    path: str
    names: tuple[str, ...]
    addresses: tuple[str, ...]


def autoconfig_names(discovery: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return the names under which autoconfiguration is served."""
    prefixes = ("autoconfig.", "autodiscover.", "")
    return tuple(f"{prefix}{base}" for base, _ in discovery for prefix in prefixes)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorPlan:
    """One operator.

    Attributes:
        label: under the suffix.
        number: from 0, gives its addresses.
        domain: its mail domain.
        organisation: the legal person of its certificates.
        endpoints: of all designs, in the order of the designs.
        relay: where its mail is taken (MX).
        autoconfig: HTTPS server of autoconfiguration; HTTP on `autoconfig_http`.
        discovery: what autoconfiguration may be asked about: the mail domain, for the first
            design, and one name for each other design.
        accounts: HTTPS server of the enrolment pages.
        ciba: HTTPS server of the operator's own CIBA.
        certificates: server certificates of endpoints and of the servers above.
    """

    label: str
    number: int
    domain: str
    organisation: Organisation
    endpoints: tuple[Place, ...]
    relay: Place
    autoconfig: ServicePlan
    autoconfig_http: int
    discovery: tuple[tuple[str, str], ...]
    accounts: ServicePlan
    ciba: ServicePlan
    certificates: tuple[CertificatePlan, ...]

    @property
    def autoconfig_names(self) -> tuple[str, ...]:
        """Names under which autoconfiguration is served."""
        return autoconfig_names(self.discovery)


@dataclass(frozen=True, slots=True, kw_only=True)
class CitizensPlan:
    """The operator of Mon espace santé: a relay, and no endpoint of a design.

    Attributes:
        label: under the suffix.
        domain: citizens' mail domain.
        organisation: the legal person of its certificate.
        relay: where its mail is taken (MX).
    """

    label: str
    domain: str
    organisation: Organisation
    relay: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedPlan:
    """An operator that is not ours.

    Attributes:
        label: under the suffix.
        domain: its mail domain.
        organisation: the legal person of its certificates.
        relay: where it has to take mail (MX).
        mail: name that its clients use, at the same address.
        mailboxes: in the directory, what is left of the `@`.
        services: where its clients connect, as DNS says it.
    """

    label: str
    domain: str
    organisation: Organisation
    relay: ServicePlan
    mail: str
    mailboxes: tuple[str, ...]
    services: tuple[SrvRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpacePlan:
    """A live space.

    Attributes:
        scenario: its name.
        suffix: the zone.
        port_offset: added to every port.
        block: second part of all addresses.
        designs: side by side, the one with the plain names first.
        policy: how one logs in at all of them.
        operators: the largest of the scenario first.
        citizens: the operator of Mon espace santé.
        joined: operators that are not ours.
        files, ocsp: PKI (HTTP).
        domains: the list of authorised domains (HTTPS).
        dns: name server.
        ldap, ldaps, annuaire: the directory.
        psc, psc_mtls, psc_wallet: Pro Santé Connect: main, with certificate, for browsers.
        control: faults and mailboxes, for tests (HTTPS).
        console: its pages and their API (HTTP: no browser trusts a test authority).
    """

    scenario: str
    suffix: str
    port_offset: int
    block: int
    designs: tuple[Design, ...]
    policy: LoginPolicy
    operators: tuple[OperatorPlan, ...]
    citizens: CitizensPlan
    joined: tuple[JoinedPlan, ...]
    files: ServicePlan
    ocsp: ServicePlan
    domains: ServicePlan
    dns: ServicePlan
    ldap: ServicePlan
    ldaps: ServicePlan
    annuaire: ServicePlan
    psc: ServicePlan
    psc_mtls: ServicePlan
    psc_wallet: ServicePlan
    control: ServicePlan
    console: ServicePlan

    def mechanisms(self, place: Place) -> tuple[SaslName, ...]:
        """Return what an endpoint offers: PLAIN comes with LOGIN, XOAUTH2 with OAUTHBEARER."""
        offered = self.policy.offered(place.endpoint)
        return tuple(name for mechanism in offered for name in ON_THE_WIRE[mechanism])

    @property
    def zone(self) -> ZoneSpec:
        """The zone: what the designs publish, and the names of the other servers."""
        zone = zone_of_designs(
            self.designs,
            [each.label for each in self.operators],
            suffix=self.suffix,
            port_offset=self.port_offset,
            block=self.block,
        )
        services = (
            self.files, self.ocsp, self.domains, self.annuaire, self.psc, self.control,
            self.console,
        )  # fmt: skip
        others = [Host(each.host, (each.address,)) for each in services]
        for operator in self.operators:
            for each in (operator.accounts, operator.ciba):
                others.append(Host(each.host, (each.address,)))
            address = (operator.autoconfig.address,)
            others += [Host(name, address) for name in operator.autoconfig_names]
        relay = self.citizens.relay
        others.append(Host(relay.host, (relay.address,)))
        taking: list[tuple[str, str, tuple[SrvRecord, ...]]] = [
            (self.citizens.domain, relay.host, ())
        ]
        for joined in self.joined:
            host = joined.relay.host
            others += [Host(name, (joined.relay.address,)) for name in (host, joined.mail)]
            taking.append((joined.domain, host, joined.services))
        domains = [
            MailDomain(
                name=domain, relays=((10, host),), services=services, texts=("v=spf1 mx -all",)
            )
            for domain, host, services in taking
        ]
        return replace(zone, hosts=(*zone.hosts, *others), domains=(*zone.domains, *domains))
