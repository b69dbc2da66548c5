"""`mss-sandbox citizen`: what citizens do in Mon espace santé, of a running space."""

from __future__ import annotations

import json
from pathlib import Path

import click

from sandbox.live.cli_control import ask
from sandbox.space.options import json_option, space_folder_option

__all__ = ["citizen"]


@click.group()
def citizen() -> None:
    """Usagers de Mon espace santé. / Citizens of Mon espace santé.

    Exemptés de l'interface des éditeurs : ni IMAP ni envoi SMTP. / Exempt from the editors'
    interface: neither IMAP nor submission.
    """


@citizen.command("list")
@space_folder_option
@json_option
def list_(folder: Path, as_json: bool) -> None:
    """Lister les profils. / List the profiles."""
    for each in ask(folder, "GET", "/citizens")["citizens"]:
        if as_json:
            click.echo(json.dumps(each, ensure_ascii=False))
        else:
            minor = "mineur / minor" if each["minor"] else ""
            click.echo(f"{each['address']}  {each['state']:6}  {each['name']}  {minor}".rstrip())


@citizen.command("open")
@click.argument("patient", type=click.IntRange(0))
@space_folder_option
def open_(patient: int, folder: Path) -> None:
    """Ouvrir le profil du patient fictif PATIENT. / Open a fictitious patient's profile."""
    click.echo(ask(folder, "POST", "/citizens", {"patient": patient})["address"])


@citizen.command()
@click.argument("matricule")
@space_folder_option
def close(matricule: str, folder: Path) -> None:
    """Fermer un profil : ses messages reviennent. / Close a profile: mail for it bounces."""
    ask(folder, "DELETE", f"/citizens/{_local(matricule)}")


@citizen.command()
@click.argument("matricule")
@space_folder_option
@json_option
def inbox(matricule: str, folder: Path, as_json: bool) -> None:
    """Montrer ce qu'un usager a reçu. / Show what a citizen has received."""
    for each in ask(folder, "GET", f"/citizens/{_local(matricule)}/messages")["messages"]:
        if as_json:
            click.echo(json.dumps(each, ensure_ascii=False))
        else:
            may = "réponse possible / may answer" if each["may_answer"] else ""
            line = f"{each['message_id']}  {each['from']}  {each['subject']}  {may}"
            click.echo("".join(x if x.isprintable() else "\ufffd" for x in line).rstrip())


@citizen.command()
@click.argument("matricule")
@click.argument("to")
@click.argument("text")
@space_folder_option
def answer(matricule: str, to: str, text: str, folder: Path) -> None:
    """Répondre à un professionnel qui a écrit. / Answer a professional who wrote first."""
    body = {"to": to, "text": text}
    said = ask(folder, "POST", f"/citizens/{_local(matricule)}/messages", body)
    click.echo(said["message_id"])


def _local(matricule: str) -> str:
    """Return a matricule, which may be given as its address."""
    return "".join(x for x in matricule.partition("@")[0].upper() if x.isalnum())
