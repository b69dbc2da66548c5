"""`mss-sandbox directory card | certificate`: certificates for who is in the directory."""

from __future__ import annotations

from pathlib import Path

import click

from sandbox.directory.directory import Directory
from sandbox.directory.identities import application_of, card_holder, employee_of
from sandbox.space.errors import UserError
from sandbox.space.options import EXISTING_FILE, FOLDER
from sandbox.trust.authority import TestCA
from sandbox.trust.cli_pki import folder_option

__all__ = ["card", "certificate"]

_DATABASE = click.option(
    "--database", "-d",
    type=EXISTING_FILE,
    default="annuaire.db",
    help="Annuaire. / Directory."
)  # fmt: skip
_OUT = click.option(
    "--out",
    type=FOLDER,
    help="Dossier à écrire ; défaut : l'identifiant. / Folder to write; default: the identifier.",
)


def _authority(folder: Path) -> TestCA:
    if not (folder / "ca.json").exists():
        raise UserError(
            "aucune autorité ici ; la fonder avec",
            "no authority there; found one with",
            where=folder,
            then="mss-sandbox pki init",
        )
    return TestCA.open(folder)


@click.command()
@click.argument("national_id")
@_DATABASE
@folder_option
@click.option("--pin", default="1234", help="Code de la carte. / Card PIN.")
@_OUT
def card(national_id: str, database: Path, folder: Path, pin: str, out: Path | None) -> None:
    """Émet la carte d'une personne (CPS ou CPE). / Issues a person's card (CPS or CPE)."""
    authority = _authority(folder)
    with Directory(database) as directory:
        person = directory.person(national_id)
        if person is None:
            raise UserError(
                "personne n'a cet identifiant dans cet annuaire",
                "nobody in this directory has this identifier",
                where=f"{database}: {national_id}",
            )
        target = out or Path(person.national_id.replace("/", "-"))
        if "/" in person.national_id:
            files = authority.cpe(employee_of(directory, person)).save(target, pin=pin)
        else:
            files = authority.cps(card_holder(person), pin=pin).save(target)
    for file in files:
        click.echo(file)


@click.command()
@click.argument("address")
@_DATABASE
@folder_option
@_OUT
def certificate(address: str, database: Path, folder: Path, out: Path | None) -> None:
    """Émet le certificat d'une BAL applicative. / Issues an application mailbox's certificate."""
    authority = _authority(folder)
    with Directory(database) as directory:
        organisation = application_of(directory, address)
    for file in authority.org_client(organisation, address).save(out or Path(address)):
        click.echo(file)
