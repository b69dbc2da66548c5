"""`mss-sandbox dns` and `mss-sandbox hosts`: the zone, served or as a hosts file."""

from __future__ import annotations

from pathlib import Path

import click

from sandbox.serve import check_loopback, serve_until_interrupted
from sandbox.space.errors import UserError
from sandbox.space.loader import load_scenario
from sandbox.space.operators import operator_names
from sandbox.space.options import EXISTING_FILE, FILE, Decorator, options, port_option
from sandbox.trust.design_zone import zone_of_designs
from sandbox.trust.dns_server import DnsServer
from sandbox.trust.resolver import DNS_FAULTS, Resolver
from sandbox.trust.zone import ZoneSpec, hosts_lines
from sandbox.trust.zone_file import faults_reader, load_zone

__all__ = ["dns", "hosts"]


# The two ways to say a zone: a file, or a design of a scenario.
_zone_options: Decorator = options(
    click.option(
        "--zone",
        type=EXISTING_FILE,
        help="Zone, TOML (voir docs/trust.md). / Zone, TOML (see docs/trust.md).",
    ),
    click.option(
        "--scenario",
        help="Scénario dont les opérateurs sont publiés. / Scenario whose operators are.",
    ),
    click.option(
        "--design",
        default="multi-endpoint",
        help="Architecture publiée. / Design that is published.",
    ),
    click.option(
        "--port-offset",
        default=10000,
        type=click.IntRange(0, 54000),
        help="Ajouté aux ports des SRV. / Added to the ports of SRV records.",
    ),
)


def _zone(zone: Path | None, scenario: str | None, design: str, port_offset: int) -> ZoneSpec:
    if (zone is None) == (scenario is None):
        raise UserError(
            "donner soit --zone FILE, soit --scenario NAME",
            "give either --zone FILE or --scenario NAME",
        )
    if zone is not None:
        return load_zone(zone)
    assert scenario is not None
    loaded = load_scenario(scenario)
    designs = [loaded.design(design)]
    return zone_of_designs(designs, operator_names(loaded), port_offset=port_offset)


@click.group()
def dns() -> None:
    """DNS de l'espace, avec défauts. / DNS of the space, with faults."""


@dns.command()
@_zone_options
@click.option(
    "--faults",
    type=FILE,
    help="Défauts, TOML, relu quand il change. / Faults, TOML, read again when it changes.",
)
@click.option(
    "--address", default="127.0.0.1", help="Adresse d'écoute, 127.x.y.z. / Address to listen on."
)
@port_option("--port", 5353, "DNS")
def serve(
    zone: Path | None, scenario: str | None, design: str, port_offset: int, faults: Path | None,
    address: str, port: int,
) -> None:  # fmt: skip
    """Répondre en UDP et TCP. / Answer on UDP and TCP."""
    check_loopback(address)
    resolver = Resolver(_zone(zone, scenario, design, port_offset))
    server = DnsServer(resolver=resolver, host=address, port=port)
    if faults is not None:
        server.before = faults_reader(
            faults, resolver, lambda text: click.echo(f"mss-sandbox: {text}", err=True)
        )
    serve_until_interrupted(
        (server,), lambda: click.echo(f"dig @{address} -p {server.port}  (Ctrl-C)")
    )


@dns.command("faults")
def list_faults() -> None:
    """Lister les défauts. / List the faults."""
    for name, label in DNS_FAULTS.items():
        click.echo(f"{name:14} {label}")


@click.command()
@_zone_options
def hosts(zone: Path | None, scenario: str | None, design: str, port_offset: int) -> None:
    """Écrire les lignes d'un fichier hosts. / Print the lines of a hosts file."""
    for line in hosts_lines(_zone(zone, scenario, design, port_offset).hosts):
        click.echo(line)
