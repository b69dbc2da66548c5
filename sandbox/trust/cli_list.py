"""`mss-sandbox list`: verify a list of authorised domains, keep one, serve it."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from sandbox.serve import HttpServer, check_loopback, serve_until_interrupted
from sandbox.serve.plain import plain_app
from sandbox.space.errors import UserError
from sandbox.space.options import EXISTING_FILE, FILE, port_option
from sandbox.trust.authority import TestCA
from sandbox.trust.checking import load_bundle
from sandbox.trust.cli_pki import folder_option, organisation_from, organisation_options
from sandbox.trust.dn import DN, parse_dn
from sandbox.trust.domain_list import DomainLedger
from sandbox.trust.list_verify import SIGNERS, ListPolicy, read_unverified, verify_list
from sandbox.trust.list_xml import MAX_BYTES, ListError, ListPublisher
from sandbox.trust.service import LIST_PATH, PkiFaults, list_handler
from sandbox.trust.topology import topology

__all__ = [
    "UNVERIFIED",
    "ca_option",
    "list_",
    "list_policy",
    "partial_option",
    "read_list",
    "unverified_option",
    "warn_unverified",
]

_HOST = "espacedeconfiance.mssante.test"

_history_option = click.option(
    "--history",
    "history_file",
    type=FILE,
    default=Path("out/list/history.jsonl"),
    help="Fichier d'historique. / History file.",
)


@click.group("list")
def list_() -> None:
    """Liste des domaines autorisés. / List of authorised domains (liste blanche)."""


def read_list(path: Path) -> bytes:
    """Return the bytes of a list file, one more than the limit at most."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


ca_option = click.option(
    "--ca",
    type=EXISTING_FILE,
    help="Racines et intermédiaires, PEM, DER ou .p7b. / Roots and intermediates.",
)
partial_option = click.option(
    "--partial-chain",
    is_flag=True,
    help="Croire ce que donne --ca, même sans racine : un intermédiaire, le signataire."
    " / Trust what --ca holds, even without a root: an intermediate, the signer.",
)
unverified_option = click.option(
    "--unverified",
    is_flag=True,
    help="Lire sans vérifier qui a signé : la topologie, et rien d'autre."
    " / Read without verifying who signed: for the topology and nothing else.",
)
UNVERIFIED = (
    "LISTE NON VÉRIFIÉE : rien ne dit d'où elle vient / LIST NOT VERIFIED: nobody vouches for it"
)


def warn_unverified(path: Path, ca: Path | None, *, partial: bool) -> None:
    """Say loudly that a list is read as it is.

    Raises:
        UserError: verification was asked for too.
    """
    if ca is not None or partial:
        raise UserError(
            "donner soit --unverified, soit --ca pour vérifier la liste",
            "give either --unverified, or --ca to verify the list",
        )
    click.secho(f"{path}: {UNVERIFIED}", err=True, bold=True)


def list_policy(
    ca: Path | None,
    folder: Path,
    signers: tuple[str, ...] = (),
    max_age: float | None = None,
    *,
    partial: bool = False,
) -> ListPolicy:
    """Return what a list must satisfy: roots of `ca`, else of the authority in `folder`.

    Args:
        ca: PEM, DER or PKCS#7.
        folder: of an authority of ours.
        signers: addresses; the list's own by default.
        max_age: hours.
        partial: `ca` need hold no root.

    Raises:
        UserError: neither is there, or `ca` has no root and nobody said that this is meant.
    """
    is_revoked = None
    if partial and ca is None:
        raise UserError(
            "donner le certificat de confiance avec --ca",
            "give the certificate to trust with --ca",
            where="--partial-chain",
        )
    if ca is not None:
        bundle = load_bundle(ca.read_bytes())
        if not partial and all(each.subject != each.issuer for each in bundle):
            raise UserError(
                "aucune racine (certificat autosigné) ; l'ajouter, ou --partial-chain "
                "pour faire confiance à ce qui y est",
                "holds no root (a certificate that signs itself); add it, or say "
                "--partial-chain to trust what is there",
                where=ca,
            )
    elif (folder / "ca.json").exists():
        authority = TestCA.open(folder)
        bundle, is_revoked = load_bundle(authority.bundle_pem()), authority.is_revoked
    else:
        raise UserError(
            "aucune autorité ici ; donner racines et intermédiaires avec --ca",
            "no authority there; give roots and intermediates with --ca",
            where=folder,
        )
    return ListPolicy(
        bundle=bundle,
        partial=partial,
        signers=frozenset(each.lower() for each in signers) or SIGNERS,
        is_revoked=is_revoked,
        max_age=None if max_age is None else timedelta(hours=max_age),
    )


@list_.command()
@click.argument("file", type=EXISTING_FILE)
@ca_option
@partial_option
@unverified_option
@folder_option
@click.option(
    "--signer",
    "signers",
    multiple=True,
    help="Adresse du signataire admis (répétable). / Address of an accepted signer.",
)
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    help="Vérifier à cette date, UTC. / Verify at this date, UTC.",
)
@click.option("--max-age", type=click.FloatRange(0), help="Âge maximal, heures. / Hours.")
@click.option("--json", "as_json", is_flag=True, help="Résumé en JSON. / Summary as JSON.")
@click.option("--entries", is_flag=True, help="Les entrées, JSON par ligne. / Entries, JSON lines.")
@click.pass_context
def verify(
    ctx: click.Context,
    file: Path,
    ca: Path | None,
    partial_chain: bool,
    unverified: bool,
    folder: Path,
    signers: tuple[str, ...],
    at: datetime | None,
    max_age: float | None,
    as_json: bool,
    entries: bool,
) -> None:
    """Vérifier une liste et la résumer. / Verify a list and sum it up.

    Sans --ca, l'autorité de --folder fait foi. / Without --ca, the authority of --folder is used.
    Code 1 : liste refusée. / Exit code 1: the list is refused.
    """
    if unverified:
        warn_unverified(file, ca, partial=partial_chain)
    else:
        policy = list_policy(ca, folder, signers, max_age, partial=partial_chain)
    now = at.replace(tzinfo=UTC) if at else datetime.now(UTC)
    signer = ""
    try:
        if unverified:
            domains = read_unverified(read_list(file))
        else:
            verified = verify_list(read_list(file), policy, now)
            domains, signer = verified.domains, verified.signer_name
    except ListError as error:
        if as_json:
            click.echo(json.dumps({"verdict": "refused", "code": error.code, "why": str(error)}))
        else:
            click.echo(f"refusée / refused: {error.code}: {error}")
        ctx.exit(1)
    if entries:
        for entry in domains.entries:
            values = {
                **{f.name: getattr(entry, f.name) for f in fields(entry)},
                "certificate": str(entry.certificate),
                "updated": entry.updated.isoformat() if entry.updated else None,
            }
            click.echo(json.dumps(values, ensure_ascii=False))
        return
    summary: dict[str, Any] = {
        "verdict": "unverified" if unverified else "good",
        "signer": signer,
        "generated": domains.generated.isoformat(),
        "entries": len(domains.entries),
        "domains": len(domains.domains),
        "certificates": len(domains.certificates),
        "organisations": len(domains.organisations),
        "identifiers": len(domains.units),
    }
    rows = topology(domains)
    if as_json:
        summary["operators"] = [vars(row) for row in rows]
        click.echo(json.dumps(summary, ensure_ascii=False))
        return
    click.echo(
        "signature      NON VÉRIFIÉE / NOT VERIFIED"
        if unverified
        else f"signature      bonne / good, {signer}"
    )
    for name in ("generated", "entries", "domains", "certificates", "organisations", "identifiers"):
        click.echo(f"{name:14} {summary[name]}")
    for row in rows[:10]:
        click.echo(
            f"  {len(row.domains):5} domains  {len(row.certificates):3} certificates  "
            f"{row.identifier_kind} {row.identifier}  {row.name}"
        )
    if len(rows) > 10:
        click.echo(f"  ... {len(rows) - 10} operators more (--json)")


def _ledger(path: Path) -> DomainLedger:
    path.parent.mkdir(parents=True, exist_ok=True)
    return DomainLedger(path)


def _names(texts: tuple[str, ...]) -> list[DN]:
    try:
        return [parse_dn(text) for text in texts]
    except ValueError as error:
        raise UserError(
            "donner un DN comme",
            "give a name such as",
            where=error,
            then="CN=...,OU=...,O=...,ST=...,C=FR",
        ) from None


_dn_option = click.option(
    "--dn", "names", multiple=True, required=True, help="DN du certificat (répétable). / Name."
)


@list_.command()
@click.argument("domain")
@_dn_option
@click.option(
    "--description", default="", help="Description de l'opérateur. / Description of the operator."
)
@click.option("--responsible", default="", help="Contact responsable. / Person in charge.")
@click.option("--support", default="", help="Contact du support. / Support contact.")
@_history_option
def add(
    domain: str,
    names: tuple[str, ...],
    description: str,
    responsible: str,
    support: str,
    history_file: Path,
) -> None:
    """Autoriser un domaine. / Authorise a domain."""
    _ledger(history_file).add(
        domain,
        _names(names),
        datetime.now(UTC),
        description=description,
        responsible=responsible,
        support=support,
    )


@list_.command()
@click.argument("domain")
@_history_option
def remove(domain: str, history_file: Path) -> None:
    """Retirer un domaine. / Withdraw a domain."""
    _ledger(history_file).remove(domain, datetime.now(UTC))


@list_.command()
@click.argument("domain")
@_dn_option
@_history_option
def migrate(domain: str, names: tuple[str, ...], history_file: Path) -> None:
    """Changer l'opérateur d'un domaine. / Give a domain to another operator."""
    _ledger(history_file).migrate(domain, _names(names), datetime.now(UTC))


@list_.command()
@click.argument("domain", default="")
@_history_option
@click.option("--json", "as_json", is_flag=True, help="JSON, une ligne. / JSON, one line each.")
def history(domain: str, history_file: Path, as_json: bool) -> None:
    """Montrer l'historique. / Show the history."""
    for event in _ledger(history_file).history(domain):
        if as_json:
            click.echo(json.dumps(event, ensure_ascii=False))
        else:
            names = " ; ".join(event["certificates"])
            click.echo(f"{event['when']}  {event['event']:8} {event['domain']}  {names}".rstrip())


def _publisher(folder: Path, history_file: Path, values: dict[str, Any]) -> ListPublisher:
    ca = TestCA.open(folder)
    signer = ca.list_signing(organisation_from(values), "alb.mssante.test", "alb@mssante.test")
    return ListPublisher(_ledger(history_file), signer, ca.clock)


@list_.command()
@organisation_options
@folder_option
@_history_option
@click.option("--out", type=click.File("wb"), default="-", help="Fichier ; - : sortie. / File.")
def sign(folder: Path, history_file: Path, out: Any, **values: Any) -> None:
    """Écrire la liste signée. / Write the signed list."""
    out.write(_publisher(folder, history_file, values).current())


@list_.command()
@organisation_options
@folder_option
@_history_option
@click.option(
    "--address", default="127.0.0.1", help="Adresse d'écoute, 127.x.y.z. / Address to listen on."
)
@port_option("--port", 8443, "HTTPS")
def serve(folder: Path, history_file: Path, address: str, port: int, **values: Any) -> None:
    """Servir la liste signée en HTTPS. / Serve the signed list over HTTPS."""
    check_loopback(address)
    publisher = _publisher(folder, history_file, values)
    pair = TestCA.open(folder).endpoint_server(organisation_from(values), [_HOST], [address])
    server = HttpServer(
        app=plain_app(list_handler(publisher.current, PkiFaults())),
        host=address,
        port=port,
        context=pair.server_context(),
    )
    serve_until_interrupted(
        (server,), lambda: click.echo(f"https://{address}:{server.port}{LIST_PATH}  (Ctrl-C)")
    )
