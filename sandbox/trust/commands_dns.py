"""`mss-sandbox dns` and `mss-sandbox hosts`: the zone, served or as a hosts file."""

from __future__ import annotations

from pathlib import Path

import click

from sandbox.space.errors import UserError
from sandbox.trust.background import serve_until_interrupted
from sandbox.trust.dns_server import DnsServer
from sandbox.trust.resolver import DNS_FAULTS, Resolver
from sandbox.trust.zone import hosts_lines
from sandbox.trust.zone_file import faults_reader, load_zone

__all__ = ["dns", "hosts"]

_zone_option = click.option(
    "--zone",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    required=True,
    help="Zone, TOML (voir docs/trust.md). / Zone, TOML (see docs/trust.md).",
)


@click.group()
def dns() -> None:
    """DNS de l'espace, avec défauts. / DNS of the space, with faults."""


@dns.command()
@_zone_option
@click.option(
    "--faults",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Défauts, TOML, relu quand il change. / Faults, TOML, read again when it changes.",
)
@click.option("--address", default="127.0.0.1", show_default=True, help="127.x.y.z")
@click.option("--port", default=5353, show_default=True, type=click.IntRange(0, 65535))
def serve(zone: Path, faults: Path | None, address: str, port: int) -> None:
    """Répondre en UDP et TCP. / Answer on UDP and TCP."""
    if not address.startswith("127."):
        raise UserError(f"{address!r}: this sandbox listens on 127.0.0.0/8 only")
    resolver = Resolver(load_zone(zone))
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
@_zone_option
def hosts(zone: Path) -> None:
    """Écrire les lignes d'un fichier hosts. / Print the lines of a hosts file."""
    for line in hosts_lines(load_zone(zone).hosts):
        click.echo(line)
