"""From designs to DNS: the zone that operators publish, and the names their certificates carry.

Several designs may stand side by side on one operator: the first has the plain names, the names of
each other live under `{design}.{suffix}`, and each has addresses of its own.
SRV records (RFC 6186, RFC 8314) have no field for the authentication method. The standard label
lists all endpoints of a protocol, by rising priority; a label above it names the method's own
(`_ciba._imaps._tcp`): that part is ours, since no référentiel says how.
"""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.space.designs import Design
from sandbox.space.errors import UserError
from sandbox.space.places import Place
from sandbox.trust.zone import Host, MailDomain, SrvRecord, ZoneSpec

__all__ = [
    "SUFFIX",
    "operator_address",
    "places",
    "subdomain",
    "zone_of_designs",
]

SUFFIX = "mssante.test"
LABELS = {
    ("imap", "implicit"): "imaps",
    ("imap", "starttls"): "imap",
    ("smtp", "implicit"): "submissions",
    ("smtp", "starttls"): "submission",
}
FIRST_BLOCK = 1
OPERATORS_PER_BLOCK = 250  # 127.block.number.address
MOST_OPERATORS = 250 * OPERATORS_PER_BLOCK
RELAY = 250  # last part of the relay's address; endpoints count from 1


def subdomain(design: Design, first: Design, suffix: str) -> str:
    """Return what the names of a design end with, where `first` has the plain names."""
    return suffix if design.name == first.name else f"{design.name}.{suffix}"


def operator_address(number: int, last: int, *, block: int = FIRST_BLOCK) -> str:
    """Return a loopback address of an operator, counted from 0."""
    above, place = divmod(number, OPERATORS_PER_BLOCK)
    return f"127.{block + above}.{place + 1}.{last}"


def places(
    designs: Sequence[Design],
    operator: str,
    number: int,
    *,
    suffix: str = SUFFIX,
    port_offset: int = 0,
    block: int = FIRST_BLOCK,
) -> tuple[Place, ...]:
    """Return where all endpoints of an operator stand, design after design.

    Args:
        designs: side by side, the one with the plain names first.
        operator: label under the suffix.
        number: of the operator, from 0: gives its addresses.
        suffix: the zone.
        port_offset: added to every port.
        block: second part of the first operators' addresses.

    Raises:
        UserError: more addresses than an operator has.
    """
    labels = list(dict.fromkeys((d.name, e.address) for d in designs for e in d.endpoints))
    if len(labels) >= RELAY:
        raise UserError(
            f"{len(labels)} adresses pour un opérateur ; {RELAY - 1} au plus",
            f"{len(labels)} addresses for one operator; at most {RELAY - 1}",
            where="designs",
        )
    addresses = {
        label: operator_address(number, index + 1, block=block)
        for index, label in enumerate(labels)
    }
    return tuple(
        Place(
            operator=operator,
            design=design.name,
            endpoint=endpoint,
            host=(
                f"{endpoint.host.format(operator=operator)}.{subdomain(design, designs[0], suffix)}"
            ),
            address=addresses[design.name, endpoint.address],
            port=endpoint.port + port_offset,
        )
        for design in designs
        for endpoint in design.endpoints
    )


def _services(found: Sequence[Place]) -> tuple[SrvRecord, ...]:
    """Return the SRV records of one design."""
    services: list[SrvRecord] = []
    rank: dict[str, int] = {}
    for place in found:
        label = LABELS[place.endpoint.protocol, place.endpoint.tls]
        rank[label] = rank.get(label, 0) + 1
        services.append(
            SrvRecord(
                label=label, target=place.host, port=place.port, priority=10 * rank[label]
            )
        )  # fmt: skip
        _, _, method = place.endpoint.name.partition(".")
        if method:
            services.append(
                SrvRecord(label=f"{method}._{label}", target=place.host, port=place.port)
            )  # fmt: skip
    return tuple(services)


def zone_of_designs(
    designs: Sequence[Design],
    operators: Sequence[str],
    *,
    suffix: str = SUFFIX,
    port_offset: int = 0,
    block: int = FIRST_BLOCK,
) -> ZoneSpec:
    """Return the zone of all operators under designs that stand side by side.

    The mail domain's own SRV records are those of the first design; those of another are found
    under `{operator}.{design}.{suffix}`, which takes no mail.

    Args:
        designs: where the endpoints are, the design with the plain names first.
        operators: labels under the suffix; each also is a mail domain.
        suffix: the zone.
        port_offset: added to the ports of SRV records, for listeners without privileges.
        block: second part of the first operators' addresses.

    Raises:
        UserError: more operators or addresses than loopback has room for.
    """
    if len(operators) > MOST_OPERATORS:
        raise UserError(
            f"{len(operators)} opérateurs ; {MOST_OPERATORS} au plus",
            f"{len(operators)} operators; at most {MOST_OPERATORS}",
            where="zone",
        )
    hosts: dict[str, str] = {}
    domains = []
    for number, operator in enumerate(operators):
        found = places(
            designs, operator, number, suffix=suffix, port_offset=port_offset, block=block
        )
        relay = f"mx.{operator}.{suffix}"
        hosts[relay] = operator_address(number, RELAY, block=block)
        hosts |= {place.host: place.address for place in found}
        for design in designs:
            first = design.name == designs[0].name
            domains.append(
                MailDomain(
                    name=f"{operator}.{subdomain(design, designs[0], suffix)}",
                    relays=((10, relay),) if first else (),
                    services=_services([p for p in found if p.design == design.name]),
                    texts=("v=spf1 mx -all",) if first else (),
                )
            )
    return ZoneSpec(
        suffix=suffix,
        hosts=tuple(Host(name, (address,)) for name, address in hosts.items()),
        domains=tuple(domains),
    )
