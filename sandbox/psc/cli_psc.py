"""`mss-sandbox psc …`: serve, the AD brick; `cli_phones` has what is asked of one that runs."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from sandbox.directory.directory import Directory
from sandbox.psc.ad_brick import AdBrick
from sandbox.psc.behaviour import KINDS, Behaviour
from sandbox.psc.cli_phones import SHEET, VERBS, home_option
from sandbox.psc.client_certificates import psc_files, registered
from sandbox.psc.clients import BUILT_IN_CLIENTS, load_clients
from sandbox.psc.fault_rules import load_faults
from sandbox.psc.from_directory import DirectoryPeople
from sandbox.psc.people import BUILT_IN, BuiltInPeople
from sandbox.psc.provider import ProviderOptions
from sandbox.psc.server import ProviderServer, Running
from sandbox.psc.settings import settings_for
from sandbox.psc.sms import SmsLaw
from sandbox.serve import HttpServer, bind, serve_until_interrupted
from sandbox.space.errors import UserError
from sandbox.space.files import write_private
from sandbox.space.laws import sms_delivery, sourced_methods
from sandbox.space.options import EXISTING_FILE, PLACE, json_option, port_option

__all__ = ["psc"]


@click.group()
def psc() -> None:
    """Émulateur Pro Santé Connect (OpenID, CIBA). / Pro Santé Connect emulator."""


for _verb in VERBS:
    psc.add_command(_verb)


def _sheet(running: Running) -> dict[str, Any]:
    provider = running.provider
    return {
        "issuer": running.issuer,
        "origin": running.origin,
        "mtls_origin": provider.mtls_origin,
        "discovery": f"{running.issuer}/.well-known/wallet-openid-configuration",
        "profile": provider.settings.profile,
        "ca": str(running.files.ca),
        "phones": running.phones,
        "events": f"{running.origin}/events",
        "control_secret": provider.control_secret,
        "clients": sorted(provider.clients),
        "pid": os.getpid(),
    }


@psc.command("serve")
@click.option(
    "--profile",
    type=click.Choice(["psc", "core"]),
    default="psc",
    help="Comme PSC, ou CIBA Core entier. / Like PSC, or the whole of CIBA Core.",
)
@click.option("--fapi", is_flag=True, help="FAPI-CIBA (profil core). / FAPI-CIBA (core profile).")
@click.option(
    "--device",
    type=click.Choice(["phone", "sms"]),
    default="phone",
    help="Téléphone avec l'application, ou SMS. / Telephone with the application, or SMS.",
)
@port_option("--port", 8443, "HTTPS")
@port_option("--mtls-port", 8444, "Port avec certificat client. / Port with client certificate.")
@port_option("--wallet-port", 8446, "Port des téléphones. / Port of the telephones.")
@click.option(
    "--access-life",
    "access_token_life",
    type=click.IntRange(1, 31_536_000),
    help="Vie du jeton d'accès, s. / Life of an access token, s.",
)
@click.option(
    "--acr",
    type=click.Choice(["eidas1", "eidas2", "eidas3"]),
    help="Niveau dit par les jetons. / Level that tokens say.",
)
@click.option(
    "--sso",
    "sso_session",
    type=click.IntRange(0, 604_800),
    help="Vie d'une session, s ; 0 : aucune. / Life of a session, s; 0: none.",
)
@click.option(
    "--audience",
    type=click.Choice(["issuer", "endpoints"]),
    help="Ce que vaut aud (RFC 7523). / What aud must be (RFC 7523).",
)
@click.option(
    "--host-name", default="localhost", help="Nom dans les adresses. / Name in addresses."
)
@click.option(
    "--interval",
    type=click.IntRange(0, 21600),
    help="Entre deux interrogations, s. / Between two polls, s.",
)
@click.option(
    "--expires-in",
    type=click.IntRange(1, 31_536_000),
    help="Vie d'une demande, s. / Life of a request, s.",
)
@click.option(
    "--behaviour",
    type=click.Choice(KINDS),
    default="manual",
    help="Ce que font les personnes. / What people do.",
)
@click.option(
    "--clients", "clients_file", type=PLACE, help="Clients, TOML ou JSON. / Clients, TOML or JSON."
)
@click.option("--faults", "faults_file", type=PLACE, help="Défauts, TOML. / Faults, TOML.")
@click.option(
    "--directory",
    "directory_file",
    type=EXISTING_FILE,
    help="Annuaire dont viennent les personnes. / Directory that people come from.",
)
@click.option(
    "--pki",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="IGC-Santé de test (pki init). / Test authority for TLS.",
)
@click.option("--seed", type=int, default=0, help="Graine des tirages. / Seed of draws.")
@click.option("--fresh", is_flag=True, help="Oublier l'état précédent. / Forget the state.")
@json_option
@home_option
def serve_command(
    *, profile: str, fapi: bool, host_name: str, behaviour: str, clients_file: Path | None,
    faults_file: Path | None, directory_file: Path | None, pki: Path | None, seed: int,
    fresh: bool, as_json: bool, home: Path, port: int, mtls_port: int, wallet_port: int,
    **given: Any,
) -> None:  # fmt: skip
    """Servir jusqu'à Ctrl-C. / Serve until Ctrl-C."""
    # The rest are settings, by their names.
    changes = {name: value for name, value in given.items() if value is not None}
    changes |= {"fapi": True} if fapi else {}
    if not (host_name == "localhost" or host_name.endswith(".mssante.test")):
        raise UserError.expected(f"--host-name {host_name}", "localhost, *.mssante.test")
    fault_seed, faults = load_faults(faults_file) if faults_file else (seed, ())
    clients = BUILT_IN_CLIENTS + (load_clients(clients_file) if clients_file else ())
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    state = home / f"state-{profile}.db"
    if fresh:
        for suffix in ("", "-wal", "-shm"):
            state.with_name(state.name + suffix).unlink(missing_ok=True)
    server = ProviderServer(
        settings_for(profile, **changes),
        ProviderOptions(
            clients=clients,
            people=DirectoryPeople(Directory(directory_file)) if directory_file else None,
            behaviour=Behaviour(kind=behaviour),
            faults=faults,
            seed=fault_seed,
        ),
        files=psc_files(home, host_name, pki, rsa=fapi),
        revocation=registered(home, pki),
        port=port,
        mtls_port=mtls_port,
        wallet_port=wallet_port,
        host_name=host_name,
        state=state,
    )

    def ready() -> None:
        sheet = _sheet(server.running)
        write_private(home / SHEET, json.dumps(sheet, indent=1).encode())
        if as_json:
            click.echo(json.dumps(sheet))
        else:
            click.echo(f"Émetteur / issuer : {sheet['issuer']}")
            click.echo(f"Téléphones / phones : {sheet['phones']}")
            click.echo(f"AC / CA : {sheet['ca']}")
            click.echo("Ctrl-C pour arrêter / to stop")

    try:
        serve_until_interrupted((server,), ready)
    finally:
        (home / SHEET).unlink(missing_ok=True)


@psc.command("ad-brick")
@click.option(
    "--callback",
    required=True,
    help="Keycloak : …/protocol/openid-connect/ext/ciba/auth/callback. / The same of Keycloak.",
)
@port_option("--port", 8445, "HTTPS")
@click.option("--sms-mean", type=float, help="Délai moyen d'un SMS, s. / Mean delay of an SMS, s.")
@click.option("--sms-loss", type=float, help="Part des SMS perdus. / Share of SMS lost.")
@click.option("--seed", type=int, default=0, help="Graine des tirages. / Seed of draws.")
@json_option
def ad_brick(
    *, callback: str, port: int, sms_mean: float | None, sms_loss: float | None, seed: int,
    as_json: bool,
) -> None:  # fmt: skip
    """La brique AD seule, pour un vrai Keycloak. / The AD brick alone, for a real Keycloak."""
    sourced = sourced_methods().sms
    wait = sms_delivery(sourced)
    if sms_mean is not None:
        wait = replace(wait, mean=sms_mean)
    law = SmsLaw(
        wait=wait if sms_mean != 0 else None,
        loss=sourced.lost if sms_loss is None else sms_loss,
    )
    bound = bind("127.0.0.1", port)
    origin = f"http://127.0.0.1:{bound.getsockname()[1]}"
    try:
        brick = AdBrick(origin, callback, BuiltInPeople(BUILT_IN), law, seed=seed)
    except UserError:
        bound.close()
        raise
    sheet = {
        "channel": f"{origin}/channel",
        "sms": f"{origin}/sms?secret={brick.access.secret}",
        "control_secret": brick.access.secret,
        "callback": callback,
    }

    def ready() -> None:
        if as_json:
            click.echo(json.dumps(sheet))
        else:
            for name, value in sheet.items():
                click.echo(f"{name} : {value}")

    serve_until_interrupted((HttpServer(app=brick.application, bound=bound),), ready)
