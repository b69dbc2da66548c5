"""`mss-sandbox domain | person`: the life of domains and of those who hold mailboxes."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import click

from sandbox.live.cli_control import ask
from sandbox.space.options import json_option, space_folder_option

__all__ = ["domain", "person"]


@click.group()
def domain() -> None:
    """Ouvrir, déplacer, suspendre, retirer un domaine. / The life of domains."""


@domain.command("list")
@json_option
@space_folder_option
def list_(as_json: bool, folder: Path) -> None:
    """Dire les domaines de l'espace. / Show the domains of the space."""
    found = ask(folder, "GET", "/domains")["domains"]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for each in found:
        listed = "sur la liste / listed" if each["listed"] else "hors liste / not listed"
        state = listed if each["in_force"] else "retiré / withdrawn"
        click.echo(f"{each['domain']}  {each['operator']}  {each['mailboxes']} BAL  {state}")


@domain.command()
@click.argument("name")
@click.option("--operator", required=True, help="Qui le sert. / Who serves it.")
@space_folder_option
def add(name: str, operator: str, folder: Path) -> None:
    """Ouvrir NAME, hors liste encore. / Open NAME, not listed yet.

    L'inscrire après contrôle : mss-sandbox controls admit. / To list it, once it is controlled.
    """
    ask(folder, "POST", "/domains", {"domain": name, "operator": operator})
    click.echo(f"{name}  {operator}")


@domain.command()
@click.argument("name")
@space_folder_option
def suspend(name: str, folder: Path) -> None:
    """Ôter NAME de la liste ; ses BAL restent. / Take NAME off the list; mailboxes stay."""
    said = ask(folder, "DELETE", f"/domains/{quote(name)}/listing")
    click.echo(f"{name} {'suspendu / suspended' if said['changed'] else '='}")


@domain.command()
@click.argument("name")
@space_folder_option
def restore(name: str, folder: Path) -> None:
    """Remettre NAME sur la liste. / Put NAME back on the list."""
    said = ask(folder, "PUT", f"/domains/{quote(name)}/listing")
    click.echo(f"{name} {'inscrit / listed' if said['changed'] else '='}")


@domain.command()
@click.argument("name")
@click.option("--to", "operator", required=True, help="Le nouvel opérateur. / The new operator.")
@space_folder_option
def move(name: str, operator: str, folder: Path) -> None:
    """Donner NAME, courrier compris, à un autre. / Give NAME, with its mail, to another."""
    ask(folder, "PUT", f"/domains/{quote(name)}/operator", {"operator": operator})
    click.echo(f"{name}  {operator}")


@domain.command()
@click.argument("name")
@space_folder_option
def remove(name: str, folder: Path) -> None:
    """Retirer NAME avec ses BAL et leur courrier. / Remove NAME, its mailboxes, their mail."""
    ask(folder, "DELETE", f"/domains/{quote(name)}")
    click.echo(f"{name} retiré / removed")


@domain.command()
@click.argument("operator")
@click.option("--to", default="", help="Qui reprend ; sinon, retirés. / Who takes them over.")
@space_folder_option
def leave(operator: str, to: str, folder: Path) -> None:
    """OPERATOR quitte l'espace. / OPERATOR leaves the space.

    Ses domaines sont repris par --to, courrier compris, ou retirés ; les expéditeurs de ce qui
    ne part plus sont prévenus ; ses certificats sont révoqués.
    / Its domains go to --to, mail and all, or are removed; senders of what cannot leave any more
    are told; its certificates are revoked.
    """
    ask(folder, "PUT", f"/operators/{quote(operator)}/departure", {"to": to})
    click.echo(f"{operator} parti / has left")


@click.group()
def person() -> None:
    """Dire qui n'exerce plus. / Say who exercises no more."""


@person.command()
@click.argument("identity")
@click.option(
    "--reason",
    type=click.Choice(["deceased", "struck-off"]),
    required=True,
    help="Décès ou radiation. / Deceased or struck off.",
)
@space_folder_option
def depart(identity: str, reason: str, folder: Path) -> None:
    """L'annuaire dit IDENTITY décédé ou radié. / The directory says IDENTITY gone."""
    said = ask(folder, "PUT", f"/people/{quote(identity)}/departure", {"reason": reason})
    click.echo(f"{identity}: {', '.join(said['mailboxes']) or '-'}")


@person.command("return")
@click.argument("identity")
@space_folder_option
def return_(identity: str, folder: Path) -> None:
    """IDENTITY exerce à nouveau. / IDENTITY exercises again."""
    said = ask(folder, "DELETE", f"/people/{quote(identity)}/departure")
    click.echo(f"{identity}: {', '.join(said['mailboxes']) or '-'}")
