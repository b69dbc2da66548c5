"""From a design to DNS: the zone that operators publish, and the names their certificates carry.

SRV records (RFC 6186, RFC 8314) have no field for the authentication method. The standard label
lists all endpoints of a protocol, by rising priority; a label above it names the method's own
(`_ciba._imaps._tcp`): that part is ours, since no référentiel says how.
"""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.space.designs import Design, Endpoint
from sandbox.space.errors import UserError
from sandbox.trust.zone import Host, MailDomain, Service, ZoneSpec

__all__ = ["certificate_names", "zone_of_design"]

SUFFIX = "mssante.test"
LABELS = {
    ("imap", "implicit"): "imaps",
    ("imap", "starttls"): "imap",
    ("smtp", "implicit"): "submissions",
    ("smtp", "starttls"): "submission",
}
OPERATORS_PER_BLOCK = 250  # 127.block.number.address
MOST_OPERATORS = 250 * OPERATORS_PER_BLOCK


def _fqdn(endpoint: Endpoint, operator: str, suffix: str) -> str:
    return f"{endpoint.host.format(operator=operator)}.{suffix}"


def certificate_names(
    design: Design, operator: str, *, suffix: str = SUFFIX
) -> dict[str, tuple[str, ...]]:
    """Return the DNS names of each server certificate that an operator keeps, by its label."""
    names: dict[str, dict[str, None]] = {}
    for endpoint in design.endpoints:
        names.setdefault(endpoint.certificate, {})[_fqdn(endpoint, operator, suffix)] = None
    return {label: tuple(found) for label, found in names.items()}


def _addresses(design: Design, number: int) -> dict[str, str]:
    """Return the loopback address of each public address of an operator, the relay's last."""
    block, place = divmod(number, OPERATORS_PER_BLOCK)
    labels = [*dict.fromkeys(e.address for e in design.endpoints), "mx"]
    return {label: f"127.{block + 1}.{place + 1}.{index + 1}" for index, label in enumerate(labels)}


def _services(design: Design, operator: str, suffix: str, offset: int) -> tuple[Service, ...]:
    services: list[Service] = []
    rank: dict[str, int] = {}
    for endpoint in design.endpoints:
        label = LABELS[endpoint.protocol, endpoint.tls]
        target, port = _fqdn(endpoint, operator, suffix), endpoint.port + offset
        rank[label] = rank.get(label, 0) + 1
        services.append(Service(label=label, target=target, port=port, priority=10 * rank[label]))
        _, _, method = endpoint.name.partition(".")
        if method:
            services.append(Service(label=f"{method}._{label}", target=target, port=port))
    return tuple(services)


def zone_of_design(
    design: Design, operators: Sequence[str], *, suffix: str = SUFFIX, port_offset: int = 0
) -> ZoneSpec:
    """Return the zone of all operators under a design.

    Args:
        design: where the endpoints are.
        operators: labels under the suffix; each also is a mail domain.
        suffix: the zone.
        port_offset: added to the ports of SRV records, for listeners without privileges.

    Raises:
        UserError: more operators than loopback has room for.
    """
    if len(operators) > MOST_OPERATORS:
        raise UserError(f"zone: {len(operators)} operators; at most {MOST_OPERATORS}")
    hosts: dict[str, str] = {}
    domains = []
    for number, operator in enumerate(operators):
        addresses = _addresses(design, number)
        relay = f"mx.{operator}.{suffix}"
        hosts[relay] = addresses["mx"]
        for endpoint in design.endpoints:
            hosts[_fqdn(endpoint, operator, suffix)] = addresses[endpoint.address]
        domains.append(
            MailDomain(
                name=f"{operator}.{suffix}",
                relays=((10, relay),),
                services=_services(design, operator, suffix, port_offset),
                texts=("v=spf1 mx -all",),
            )
        )
    return ZoneSpec(
        suffix=suffix,
        hosts=tuple(Host(name, (address,)) for name, address in hosts.items()),
        domains=tuple(domains),
    )
