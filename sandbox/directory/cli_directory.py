"""`mss-sandbox directory build|serve|search|export|stats`."""

from __future__ import annotations

import json
import secrets
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import click

from sandbox.directory.build import search_file
from sandbox.directory.directory import Directory
from sandbox.directory.extractions import correspondence, libre_acces
from sandbox.directory.fhir import FhirOptions
from sandbox.directory.fhir.export import write_ndjson
from sandbox.directory.ldap import BASE_DN, LdapLimits
from sandbox.directory.ldap.slapd import Slapd, export_ldif
from sandbox.directory.lookup import look_up
from sandbox.directory.population import NATIONAL, DomainShare, PopulationSpec
from sandbox.directory.server import DirectoryServer, ServerOptions
from sandbox.directory.views import ViewLags
from sandbox.serve import serve_until_interrupted, server_context
from sandbox.space.errors import UserError
from sandbox.space.options import FOLDER, PLACE, json_option, port_option
from sandbox.trust.identity import Organisation
from sandbox.trust.server_files import server_files

__all__ = ["directory"]

_DATABASE = click.argument("database", type=PLACE, default="annuaire.db")
# Fictitious: department 11 with a number that no structure has, its Luhn key right.
_ORGANISATION = Organisation(
    name="AGENCE DU NUMERIQUE EN SANTE DE TEST", department="Paris (75)", finess="119999993"
)
_NAMES = ("annuaire.mssante.test", "localhost")


@click.group()
def directory() -> None:
    """Annuaire santé fictif : LDAP, extractions, FHIR. / Fictitious health directory."""


def _share(text: str) -> DomainShare:
    """Read NAME[=WEIGHT][@OPERATOR]."""
    rest, _, operator = text.partition("@")
    name, _, weight = rest.partition("=")
    if weight and not (weight.isascii() and weight.isdigit() and len(weight) < 8):
        raise UserError(
            f"le poids {weight!r} n'est pas un nombre entier",
            f"weight {weight!r} is not a whole number",
            where=f"--domain {text!r}",
        )
    return DomainShare(name.lower(), int(weight or 1), operator)


@directory.command()
@click.option(
    "--out",
    type=PLACE,
    default="annuaire.db",
    help="Fichier ou dossier à écrire. / File or folder to write.",
)
@click.option("--seed", type=int, default=1, help="Graine. / Seed.")
@click.option("--people", type=int, help="Personnes. / People (3000).")
@click.option("--mailboxes", type=int, help="BAL. / Mailboxes (1,78 par personne / a person).")
@click.option(
    "--national",
    is_flag=True,
    help="300 000 personnes, 535 357 BAL. / 300,000 people, 535,357 mailboxes.",
)
@click.option("--day", default="2026-08-25", help="Jour du cliché. / Day, or today.")
@click.option(
    "--domain",
    "domains",
    multiple=True,
    metavar="NAME[=WEIGHT][@OPERATOR]",
    help="Domaines à peupler. / Domains to fill.",
)
@click.option(
    "--suffix", default="mssante.test", help="Suffixe des domaines. / Suffix of the domains."
)
@click.option("--force", is_flag=True, help="Remplace le fichier. / Replace the file.")
@json_option
def build(
    out: Path,
    seed: int,
    people: int | None,
    mailboxes: int | None,
    national: bool,
    day: str,
    domains: tuple[str, ...],
    suffix: str,
    force: bool,
    as_json: bool,
) -> None:
    """Construit une population. / Build a population."""
    if national and (people is not None or mailboxes is not None):
        raise UserError(
            "fixe les tailles ; ôter --people et --mailboxes",
            "fixes the sizes; leave --people and --mailboxes out",
            where="--national",
        )
    count = people if people is not None else NATIONAL.people if national else 3_000
    proportional = max(count, count * NATIONAL.mailboxes // NATIONAL.people)
    try:
        photograph = date.today() if day == "today" else date.fromisoformat(day)  # noqa: DTZ011
    except ValueError as error:
        raise UserError(
            "une date attendue, comme 2026-08-25, ou today",
            "a date such as 2026-08-25, or today",
            where=f"--day {day!r}",
        ) from error
    spec = PopulationSpec(
        seed=seed,
        people=count,
        mailboxes=mailboxes if mailboxes is not None else proportional,
        day=photograph,
        suffix=suffix,
        domains=tuple(_share(text) for text in domains),
    )
    if force:
        _remove(out)
    with Directory.build(spec, out) as made:
        _show(made.stats(), as_json=as_json)


def _remove(path: Path) -> None:
    """Remove a database and what stands beside it, if it is one of ours."""
    if path.exists():
        Directory(path).close() if path.stat().st_size else None
    for file in (
        path,
        search_file(path),
        *(path.with_name(path.name + t) for t in ("-wal", "-shm")),
    ):
        file.unlink(missing_ok=True)


def _show(values: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(values, ensure_ascii=False, indent=2))
        return
    for name, value in values.items():
        shown = (
            ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        )
        click.echo(f"{name:20} {shown}")


@directory.command()
@_DATABASE
@json_option
def stats(database: Path, as_json: bool) -> None:
    """Décrit une population. / Describe a population."""
    with Directory(database) as opened:
        _show(opened.stats(), as_json=as_json)


@directory.command()
@_DATABASE
@click.argument("query")
@click.option(
    "--filter", "as_filter", is_flag=True, help="QUERY est un filtre LDAP. / is a filter."
)
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, help="Réponses au plus. / Answers at most."
)
@json_option
def search(database: Path, query: str, as_filter: bool, limit: int, as_json: bool) -> None:
    """Cherche une BAL ou une structure. / Look a mailbox or a structure up.

    QUERY : adresse, RPPS, FINESS, nom, ou filtre LDAP (--filter).
    / an address, an RPPS, a FINESS, a name, or an LDAP filter.
    """
    with Directory(database) as opened:
        page = look_up(opened, query, limit, as_filter=as_filter)
    if as_json:
        entries = [{"dn": entry.dn, **dict(entry.attributes)} for entry in page.entries]
        click.echo(json.dumps(entries, ensure_ascii=False, indent=2))
    else:
        for entry in page.entries:
            values = {name: ", ".join(found) for name, found in entry.attributes}
            name = values.get("cn") or values.get("o", "")
            who = values.get("mssIdNatPP") or values.get("mssIdNatStruct", "")
            click.echo("  ".join((values.get("mail", "-"), name, who)).rstrip())
        if page.exceeded or page.gave_up:
            click.echo("... (plus de résultats : --limit / more: --limit)", err=True)
    if not page.entries:
        click.echo("aucun résultat / nothing found", err=True)
        raise SystemExit(1)


@directory.command()
@_DATABASE
@click.argument("form", type=click.Choice(["ldif", "correspondance", "libre-acces", "fhir"]))
@click.option(
    "--out",
    type=FOLDER,
    default=".",
    help="Fichier ou dossier à écrire. / File or folder to write.",
)
@click.option(
    "--lag", "lags", multiple=True, metavar="VIEW=DURATION", help="Retard d'une vue. / Lag."
)
@json_option
def export(database: Path, form: str, out: Path, lags: tuple[str, ...], as_json: bool) -> None:
    """Exporte une vue dans un dossier. / Export a view to a folder."""
    out.mkdir(parents=True, exist_ok=True)
    with Directory(database, lags=ViewLags.parse(lags)) as opened:
        if form == "ldif":
            path = out / "annuaire.ldif"
            export_ldif(opened, path)
        elif form == "fhir":
            path = out / "annuaire.ndjson"
            with path.open("w", encoding="utf-8") as file:
                write_ndjson(opened, file)
        else:
            make = correspondence if form == "correspondance" else libre_acces
            archive = make(opened)
            path = out / archive.filename
            with path.open("wb") as binary:
                for chunk in archive.chunks():
                    binary.write(chunk)
    size = path.stat().st_size
    _show({"file": str(path), "bytes": size}, as_json=as_json)


@directory.command()
@_DATABASE
@click.option("--host", default="127.0.0.1", help="Adresse d'écoute. / Address to listen on.")
@port_option("--ldap-port", 10389, "LDAP")
@port_option("--ldaps-port", 10636, "LDAPS")
@port_option("--http-port", 10443, "HTTPS")
@click.option(
    "--ldap",
    type=click.Choice(["embedded", "slapd"]),
    default="embedded",
    help="Serveur LDAP. / LDAP server.",
)
@click.option(
    "--cert",
    type=PLACE,
    help="Certificat PEM (sinon AC de test). / PEM (else of the test authority).",
)
@click.option("--key", type=PLACE, help="Sa clé. / Its key.")
@click.option("--plain-http", is_flag=True, help="HTTP sans TLS. / HTTP without TLS.")
@click.option(
    "--size-limit",
    type=click.IntRange(1, 10_000),
    default=500,
    help="Réponses LDAP au plus. / LDAP answers at most.",
)
@click.option(
    "--lag",
    "lags",
    multiple=True,
    metavar="VIEW=DURATION",
    help="Retard d'une vue (extraction=1d…). / Lag of a view.",
)
@click.option("--api-key", "keys", multiple=True, help="Clé de lecture FHIR. / Reading key.")
@click.option(
    "--feed-key",
    "feeders",
    multiple=True,
    metavar="OPERATOR=KEY",
    help="Clé d'alimentation (PATCH). / Feeding key (PATCH).",
)
@click.option("--mailbox-type", is_flag=True, help="Sert mailbox-mss-type, annoncé. / announced.")
@json_option
def serve(
    database: Path,
    host: str,
    ldap_port: int,
    ldaps_port: int,
    http_port: int,
    ldap: str,
    cert: Path | None,
    key: Path | None,
    plain_http: bool,
    size_limit: int,
    lags: tuple[str, ...],
    keys: tuple[str, ...],
    feeders: tuple[str, ...],
    mailbox_type: bool,
    as_json: bool,
) -> None:
    """Sert l'annuaire jusqu'à Ctrl-C. / Serve the directory until Ctrl-C."""
    if (cert is None) != (key is None):
        raise UserError("--cert et --key vont ensemble", "--cert and --key go together")
    trusted = cert
    feeding = dict(_feeder(text) for text in feeders)
    # Without a key given, one is made: the service is never open by accident.
    reading = keys or (secrets.token_urlsafe(24),)
    with ExitStack() as stack:
        opened = stack.enter_context(Directory(database, lags=ViewLags.parse(lags)))
        if cert is None or key is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="annuaire-tls-"))
            made = server_files(Path(folder), _ORGANISATION, _NAMES, (host,))
            cert, key, trusted = made.chain, made.key, made.ca
        context = server_context(cert, key)
        embedded = ldap == "embedded"
        options = partial(
            ServerOptions, host=host, limits=LdapLimits(size=size_limit),
            fhir=FhirOptions(frozenset(reading), feeding, mailbox_type=mailbox_type),
        )  # fmt: skip
        servers = []
        if plain_http:
            servers.append(DirectoryServer(opened, options(ldap_port=None, http_port=http_port)))
        main = options(
            ldap_port=ldap_port if embedded else None,
            ldaps_port=ldaps_port if embedded else None,
            http_port=None if plain_http else http_port,
            context=context,
        )
        servers.append(DirectoryServer(opened, main))
        ports: dict[str, int] = {}
        if not embedded:
            port = ldap_port or _free_port(host)
            stack.enter_context(Slapd(opened, port, host, cert, key, size_limit))
            ports["ldap"] = port

        def announce() -> None:
            for server in servers:
                ports.update(server.ports)
            sheet = dict(_sheet(host, ports, plain=plain_http))
            sheet |= {"base_dn": BASE_DN, "certificate": str(trusted)}
            sheet |= {"api_key": reading[0]} if not keys else {}
            _show(sheet, as_json=as_json)
            sys.stdout.flush()

        serve_until_interrupted(servers, announce)


def _feeder(text: str) -> tuple[str, str]:
    operator, equals, key = text.partition("=")
    if not equals or len(key) < 8:
        raise UserError(
            "OPERATOR=KEY attendu, avec une clé de 8 caractères ou plus",
            "say OPERATOR=KEY, with a key of 8 characters or more",
            where="--feed-key",
        )
    return key, operator


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _sheet(host: str, ports: dict[str, int], *, plain: bool) -> Iterator[tuple[str, str]]:
    schemes = {"ldap": "ldap", "ldaps": "ldaps", "http": "http" if plain else "https"}
    paths = {
        "http": {
            "fhir": "/fhir/v2",
            "extractions": "/annuaire-sante-webservices/V300/services/extraction",
        }
    }
    for name, port in ports.items():
        for label, path in paths.get(name, {name: ""}).items():
            yield label, f"{schemes[name]}://{host}:{port}{path}"
