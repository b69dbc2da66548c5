"""`mss-sandbox fault | mailbox`: what tests change in a running space, through its control API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import httpx

from sandbox.live.sheet_file import read_sheet
from sandbox.serve import client_context
from sandbox.space.errors import UserError
from sandbox.space.options import Decorator, json_option, options, space_folder_option

__all__ = ["ask", "fault", "mailbox"]

Tree = dict[str, Any]
_SECONDS = 600.0  # a mailbox of many messages, or a domain with its mailboxes, takes its time


def ask(folder: Path, method: str, path: str, body: Tree | None = None) -> Tree:
    """Ask a running space something.

    Raises:
        UserError: it does not run, or refuses.
    """
    sheet = read_sheet(folder)
    control = sheet["control"]
    try:
        answer = httpx.request(
            method,
            control["url"] + path,
            headers={"Authorization": f"Bearer {control['secret']}"},
            json=body,
            verify=client_context(Path(sheet["ca"]["bundle"])),
            trust_env=False,
            timeout=_SECONDS,
        )
        said: Tree = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise UserError.because(
            "l'espace ne répond pas",
            "the space does not answer",
            control["url"],
            error or type(error).__name__,
        ) from None
    if answer.is_error:
        raise UserError(
            "refusé par l'espace", "refused by the space", then=f"({said.get('error', said)})"
        )
    return said


@click.group()
def fault() -> None:
    """Défauts du courrier et de l'IGC. / Faults of mail, CRL and OCSP.

    Ceux de Pro Santé Connect : docs/psc.md. / Pro Santé Connect has its own: docs/psc.md.
    """


def _show(said: Tree, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(said, ensure_ascii=False))
        return
    click.echo(f"graine / seed {said['seed']}")
    for rule in said["rules"]:
        members = " ".join(f"{name}={value}" for name, value in rule.items() if name != "fault")
        click.echo(f"{rule['fault']}  {members}")
    if not said["rules"]:
        click.echo("aucun défaut / no fault")


@fault.command("list")
@click.option("--known", is_flag=True, help="Ceux qui existent. / Those that there are.")
@json_option
@space_folder_option
def list_(known: bool, as_json: bool, folder: Path) -> None:
    """Dire les défauts en cours. / Show the faults in force."""
    if known:
        from sandbox.live.faults import KNOWN

        width = max(map(len, KNOWN))
        for name, text in KNOWN.items():
            click.echo(json.dumps({name: text}) if as_json else f"{name:{width}}  {text}")
        return
    _show(ask(folder, "GET", "/faults"), as_json=as_json)


# What a fault is narrowed by, and when it strikes.
_rule_options: Decorator = options(
    click.option("--operator", help="Opérateur ; défaut : tous. / Operator; default: all."),
    click.option("--design", help="Architecture. / Design."),
    click.option("--endpoint", help="Point d'accès. / Endpoint."),
    click.option(
        "--protocol",
        type=click.Choice(["imap", "smtp", "relay"]),
        help="Ce protocole seulement. / Only this protocol.",
    ),
    click.option("--command", help="Commande, CONNECT ou MESSAGE. / Command."),
    click.option("--client", help="Adresse IP du client. / IP address of the client."),
    click.option("--method", help="Méthode prouvée, cps, totp… / Method that was proved."),
    click.option("--person", help="Identifiant de qui est connecté. / Identity logged in."),
    click.option("--mailbox", help="BAL du destinataire, ou ouverte. / Recipient's, or open."),
    click.option("--nth", type=int, help="La Nième fois seulement. / Only the Nth time."),
    click.option(
        "--per",
        type=click.Choice(["space", "session"]),
        help="Ce que compte --nth. / What --nth counts.",
    ),
    click.option("--probability", type=float, help="De 0 à 1, tirée. / 0 to 1, drawn."),
    click.option("--seconds", type=float, help="Durée de slow, 3. / Length of slow, 3."),
    click.option("--code", type=int, help="De reply, 400 à 599. / Of reply, 400 to 599."),
    click.option("--seed", type=int, help="Des tirages ; recommence tout. / Restarts counts."),
)


@fault.command("set")
@click.argument("name")
@_rule_options
@json_option
@space_folder_option
def set_(name: str, seed: int | None, as_json: bool, folder: Path, **members: Any) -> None:
    """Mettre le défaut NAME, avec ceux qui sont là. / Add the fault NAME.

    Les noms : mss-sandbox fault list --known. / Their names: the same.
    """
    rule = {"fault": name, **{key: value for key, value in members.items() if value is not None}}
    if seed is None:
        said = ask(folder, "POST", "/faults", rule)
    else:
        present = ask(folder, "GET", "/faults")["rules"]
        said = ask(folder, "PUT", "/faults", {"seed": seed, "rules": [*present, rule]})
    _show(said, as_json=as_json)


@fault.command()
@json_option
@space_folder_option
def clear(as_json: bool, folder: Path) -> None:
    """Enlever tous les défauts. / Take all faults away."""
    _show(ask(folder, "DELETE", "/faults"), as_json=as_json)


@click.group()
def mailbox() -> None:
    """Ajouter, remplir ou vider une BAL. / Add, fill or empty a mailbox."""


@mailbox.command()
@click.argument("address")
@json_option
@space_folder_option
def add(address: str, as_json: bool, folder: Path) -> None:
    """Ouvrir la BAL ADDRESS pour une personne de plus. / Open ADDRESS for one more person.

    Carte, code, eCPS : dans space.json. / Card, code, eCPS: in space.json.
    """
    entry = ask(folder, "POST", "/mailboxes", {"address": address})
    if as_json:
        click.echo(json.dumps(entry, ensure_ascii=False))
        return
    holder = entry["holders"][0]
    click.echo(f"{entry['address']}  {holder['name']}  {', '.join(holder['methods'])}")


def _messages(address: str) -> str:
    return f"/mailboxes/{quote(address, safe='@')}/messages"


@mailbox.command("fill")
@click.argument("address")
@click.argument("count", type=int)
@click.option(
    "--documents",
    is_flag=True,
    help="Messages de santé, tailles de data/. / Health messages, sizes of data/.",
)
@space_folder_option
def fill_(address: str, count: int, documents: bool, folder: Path) -> None:
    """Ajouter COUNT messages à l'INBOX d'ADDRESS. / Add COUNT messages to its INBOX."""
    said = ask(folder, "POST", _messages(address), {"count": count, "documents": documents})
    click.echo(f"{said['messages']} messages")


@mailbox.command("empty")
@click.argument("address")
@space_folder_option
def empty_(address: str, folder: Path) -> None:
    """Vider tous les dossiers d'ADDRESS. / Remove all messages of ADDRESS."""
    said = ask(folder, "DELETE", _messages(address))
    click.echo(f"{said['removed']} messages enlevés / removed")


@mailbox.command("close")
@click.argument("address")
@space_folder_option
def close_(address: str, folder: Path) -> None:
    """Fermer ADDRESS ; ce qu'elle contient disparaît. / Close ADDRESS; what it holds goes."""
    ask(folder, "DELETE", f"/mailboxes/{quote(address, safe='@')}")
    click.echo(f"{address} fermée / closed")


@mailbox.command("holders")
@click.argument("address")
@click.argument("identity", nargs=-1, required=True)
@space_folder_option
def holders_(address: str, identity: tuple[str, ...], folder: Path) -> None:
    """Nommer les titulaires d'une BAL ORG. / Name the holders of an ORG mailbox.

    IDENTITY : identifiant national (8 + RPPS). / National identifier (8 + RPPS).
    """
    path = f"/mailboxes/{quote(address, safe='@')}/holders"
    said = ask(folder, "PUT", path, {"holders": list(identity)})
    click.echo(f"{address}: {', '.join(said['holders'])}")
