"""`mss-sandbox journal`: what the operators of a space did, and why they refused."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sandbox.live.journals import Journals, concerns, in_words
from sandbox.space.options import space_folder_option

__all__ = ["journal"]


@click.command()
@click.option("--follow", "-f", is_flag=True, help="Attendre la suite. / Wait for more.")
@click.option(
    "--client",
    "address",
    default="",
    metavar="ADDRESS",
    help="Celles d'un client (IP, IP:port) ou d'une BAL. / Of one client or one mailbox.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON, une ligne. / JSON, one line each.")
@space_folder_option
def journal(follow: bool, address: str, as_json: bool, folder: Path) -> None:
    """Lire les journaux des opérateurs. / Read the operators' journals."""
    journals = Journals.of(folder)
    for entry in journals.follow() if follow else journals.more():
        if not address or concerns(entry, address):
            click.echo(json.dumps(entry, ensure_ascii=False) if as_json else in_words(entry))
