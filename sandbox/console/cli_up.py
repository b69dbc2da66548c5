"""`mss-sandbox up`: the whole space and its console, until Ctrl-C."""

from __future__ import annotations

import json
import webbrowser
from functools import partial
from pathlib import Path
from typing import Any, Literal

import click

from sandbox.console.console import SpaceConsole
from sandbox.console.stopping import stopped_by_signals
from sandbox.live.connection_sheet import connection_sheet
from sandbox.live.job import execute
from sandbox.live.joining import read_joining
from sandbox.live.launch import LiveOptions
from sandbox.live.space import LiveSpace
from sandbox.psc.behaviour import KINDS
from sandbox.space.errors import UserError
from sandbox.space.options import EXISTING_FILE, space_folder_option
from sandbox.trust.keys import KeyKind

__all__ = ["up"]

_KEYS = {"rsa": KeyKind.RSA_2048.value, "p256": KeyKind.P256.value}


def _processes(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> int | Literal["auto"]:
    if value is None:
        return 0
    if value == "auto":
        return "auto"
    if not value.isdecimal() or not int(value):
        raise UserError.expected(f"--processes {value[:20]}", "1 … N, auto")
    return int(value)


@click.command()
@click.argument("scenario", required=False)
@click.option(
    "--design",
    "designs",
    multiple=True,
    metavar="NAME|all",
    help="Architecture (répétable), la première a les noms courts ; défaut : celles du scénario."
    " / Design (repeatable), the first has the plain names; default: the scenario's.",
)
@click.option(
    "--login-policy",
    metavar="NAME",
    help="Règle de connexion ; défaut : du scénario. / Login policy; default: the scenario's.",
)
@click.option(
    "--operators",
    type=click.IntRange(1),
    help="Nombre d'opérateurs, 3 par défaut. / How many operators, 3 by default.",
)
@space_folder_option
@click.option("--reset", is_flag=True, help="Oublier ce qui est gardé. / Forget what is kept.")
@click.option(
    "--standard-ports", is_flag=True, help="Ports 25, 143, 993… / Same as --port-offset 0."
)
@click.option(
    "--port-offset",
    type=click.IntRange(0, 45_000),
    help="Ajouté aux ports, 10000 par défaut. / Added to ports, 10000 by default.",
)
@click.option(
    "--loopback",
    "block",
    type=click.IntRange(1, 254),
    help="Adresses 127.N.x.y, 1 par défaut. / Addresses 127.N.x.y, 1 by default.",
)
@click.option(
    "--keys",
    type=click.Choice(list(_KEYS)),
    help="Clés d'un espace nouveau : rsa, comme les vraies, ou p256. / Keys of a new space.",
)
@click.option(
    "--behaviour",
    type=click.Choice(KINDS),
    default="manual",
    help="Ce que font les téléphones. / What people do with telephones.",
)
@click.option(
    "--totp-share",
    type=click.FloatRange(0, 86_400),
    default=0.0,
    metavar="S",
    help="Durée où un client peut réutiliser un code ; 0 : jamais. / Seconds a code is shared.",
)
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]),
    metavar="DATE",
    help="Heure du scénario au démarrage, dont dépendent ses pannes. / Its time at the start.",
)
@click.option(
    "--outage-now",
    is_flag=True,
    help="Commencer par la première panne du scénario. / Start with its first outage.",
)
@click.option(
    "--revocation-cache",
    type=click.FloatRange(0, 3_600),
    metavar="S",
    help="Durée où un certificat bon n'est pas revu. / Seconds a good one is not asked about.",
)
@click.option(
    "--recheck",
    type=click.FloatRange(1, 86_400),
    metavar="S",
    help="Entre deux contrôles d'une session ouverte. / Between looks at an open session.",
)
@click.option(
    "--processes",
    metavar="N|auto",
    callback=_processes,
    help="Processus que les opérateurs se partagent ; auto : un par cœur."
    " / Processes that operators are shared out to; auto: one for each core.",
)
@click.option(
    "--join",
    "join",
    multiple=True,
    type=EXISTING_FILE,
    help="Opérateur étranger qui rejoint l'espace (TOML, répétable)."
    " / Foreign operator that joins the space (TOML, repeatable).",
)
@click.option("--seed", type=click.IntRange(0), help="De l'annuaire, 1 par défaut. / Of the cast.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Afficher toutes les architectures et tous les comptes. / Print every design and account.",
)
@click.option("--json", "as_json", is_flag=True, help="Écrire space.json. / Print space.json.")
@click.option(
    "--exec",
    "job",
    metavar="CMD",
    help="Lancer CMD avec les adresses dans son environnement, puis arrêter ; son code est rendu."
    " / Run CMD with the addresses in its environment, then stop; its code is given back.",
)
@click.option(
    "--open",
    "browse",
    is_flag=True,
    help="Ouvrir la console dans le navigateur. / Open the console in the browser.",
)
def up(
    folder: Path, standard_ports: bool, port_offset: int | None, keys: str | None,
    join: tuple[Path, ...], everything: bool, as_json: bool, job: str | None, browse: bool,
    **given: Any,
) -> None:  # fmt: skip
    """Démarrer l'espace de SCENARIO (demo). / Start the space of SCENARIO (demo).

    Les réglages d'un espace qui existe sont gardés. / A space that exists keeps its settings.
    """
    if standard_ports and port_offset not in (None, 0):
        raise UserError(
            "donner soit --standard-ports, soit --port-offset",
            "give either --standard-ports or --port-offset",
        )
    options = LiveOptions(
        folder=folder,
        port_offset=0 if standard_ports else port_offset,
        keys=_KEYS[keys] if keys else None,
        join=tuple(map(read_joining, join)),
        **given,
    )
    with stopped_by_signals() as wait:
        tell = partial(click.echo, err=True)
        with LiveSpace(options, tell, console=SpaceConsole) as space:
            if browse and not webbrowser.open(space.sheet["console"]):
                tell("aucun navigateur à ouvrir / no browser to open")
            if job is None:
                wait.listen()  # who reads the sheet may stop us at once
            if as_json:
                click.echo(json.dumps(space.sheet, ensure_ascii=False))
            elif job is None:
                click.echo(connection_sheet(space.sheet, space.folder.sheet, everything=everything))
            code = 0 if job is None else execute(job, space.sheet, wait.started)
            if job is None:
                wait.told()
        click.echo("arrêté / stopped", err=True)
    if code:
        raise SystemExit(code)
