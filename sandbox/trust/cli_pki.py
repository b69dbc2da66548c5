"""`mss-sandbox pki`: issue, revoke, show, bundle, bad, serve."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click

from sandbox.serve import HttpServer, serve_until_interrupted
from sandbox.serve.plain import Handler, plain_app
from sandbox.space.errors import UserError
from sandbox.space.options import FOLDER, PLACE, Decorator, options
from sandbox.trust.authority import Card, TestCA
from sandbox.trust.bad import FAULTS, make_bad
from sandbox.trust.hierarchy import Urls
from sandbox.trust.identity import Employee, Organisation, Professional
from sandbox.trust.issuing import Issued, LeafPlan, subject_text
from sandbox.trust.keys import KeyKind
from sandbox.trust.ocsp import OCSP_FAULTS
from sandbox.trust.profiles import PROFILES, Marker, ProfileName
from sandbox.trust.revocation import REASONS
from sandbox.trust.service import CRL_FAULTS, SLOW, PkiFaults, files_handler, ocsp_handler
from sandbox.trust.token import make_token

__all__ = ["folder_option", "organisation_from", "pki"]

# Fictitious: department 11 with a number that no structure has, its Luhn key right.
_FINESS = "119999993"
_PERSON = "899999999990"

folder_option = click.option(
    "--folder",
    type=FOLDER,
    default=Path("out/pki"),
    help="Dossier de l'autorité. / Folder of the authority.",
)


_key_option = click.option(
    "--key",
    type=click.Choice([KeyKind.RSA_2048.value, KeyKind.P256.value]),
    default=KeyKind.RSA_2048.value,
    help="Clés d'une autorité nouvelle. / Keys of a new authority.",
)


def organisation_from(values: dict[str, Any]) -> Organisation:
    """Return the organisation that command options describe."""
    return Organisation(
        name=values["org"],
        department=values["department"],
        finess="" if values["siret"] else values["finess"],
        siret=values["siret"],
    )


# The options that describe a legal person.
organisation_options: Decorator = options(
    click.option(
        "--org", default="CH DE DEMONSTRATION", help="Raison sociale. / Organisation name."
    ),
    click.option("--department", default="Aude (11)", help="Département. / Department."),
    click.option("--finess", default=_FINESS, help="FINESS, 9 caractères. / FINESS, 9 characters."),
    click.option("--siret", default="", help="SIRET, 14 (au lieu du / instead of FINESS)."),
)


# The options that describe any subject.
subject_options: Decorator = options(
    organisation_options,
    click.argument("profile", type=click.Choice([each.value for each in ProfileName])),
    click.option(
        "--host", "hosts", multiple=True, help="Nom d'hôte (répétable). / Host name (repeatable)."
    ),
    click.option(
        "--address",
        "addresses",
        multiple=True,
        help="Adresse IP ajoutée au SAN. / IP address added to the SAN.",
    ),
    click.option("--label", default="demo", help="CN d'une organisation. / CN."),
    click.option("--mail", default="", help="Adresse du SAN. / Address of the SAN."),
    click.option(
        "--id",
        "national_id",
        default=_PERSON,
        help="CPS : 8 et RPPS, ou 0 et ADELI. / CPS: 8 and RPPS, or 0 and ADELI.",
    ),
    click.option(
        "--profession", default="Médecin", help="Profession ou fonction. / Profession or function."
    ),
    click.option(
        "--profession-code",
        default=10,
        type=click.IntRange(0, 9999),
        help="Code de la profession. / Code of the profession.",
    ),
    click.option("--surname", default="DEMO", help="Nom. / Surname."),
    click.option("--given-name", default="Camille", help="Prénom. / First name."),
    click.option(
        "--internal-id",
        default="0001",
        help="CPE : identifiant interne. / CPE: internal identifier.",
    ),
)


def _plans(ca: TestCA, profile: ProfileName, values: dict[str, Any]) -> tuple[LeafPlan, ...]:
    """Return the plans of a profile; both certificates of a card for either CPS profile."""
    if profile in {ProfileName.CPS_AUTH, ProfileName.CPS_SIGN}:
        person = Professional(
            national_id=values["national_id"],
            profession=values["profession"],
            profession_code=values["profession_code"],
            surname=values["surname"],
            given_name=values["given_name"],
            mail=values["mail"],
        )
        return ca.plans.cps(person)
    organisation = organisation_from(values)
    if profile is ProfileName.CPE_AUTH:
        employee = Employee(
            structure=organisation,
            internal_id=values["internal_id"],
            function=values["profession"],
            surname=values["surname"],
            given_name=values["given_name"],
        )
        return (ca.plans.cpe(employee),)
    if profile is ProfileName.ORG_CLIENT:
        return (ca.plans.org_client(organisation, values["label"]),)
    if profile is ProfileName.ORG_SEAL:
        return (ca.plans.org_seal(organisation, values["label"], values["mail"]),)
    if profile is ProfileName.LIST_SIGNING:
        mail = values["mail"] or "alb@mssante.test"
        return (ca.plans.list_signing(organisation, "alb.mssante.test", mail),)
    hosts = values["hosts"] or ("mx1.demo.mssante.test",)
    return (ca.plans.server(profile, organisation, hosts, values["addresses"]),)


def _tell(issued: Issued, files: list[Path], *, as_json: bool) -> None:
    record = {
        "serial": f"{issued.serial:x}",
        "profile": issued.profile.name.value,
        "issuer": issued.issuer.value,
        "subject": subject_text(issued.certificate),
        "not_after": issued.certificate.not_valid_after_utc.isoformat(),
        "fault": issued.fault,
        "files": [str(each) for each in files],
    }
    if as_json:
        click.echo(json.dumps(record, ensure_ascii=False))
        return
    click.echo(f"{record['serial']}  {record['profile']}  {record['subject']}")
    for each in files:
        click.echo(f"  {each}")


def _out(folder: Path, issued: Issued, chosen: Path | None) -> Path:
    return chosen or folder / "certificates" / f"{issued.profile.name}-{issued.serial:x}"


@click.group()
def pki() -> None:
    """IGC-Santé de test : émettre, révoquer, publier. / Test PKI: issue, revoke, publish."""


@pki.command()
@folder_option
@_key_option
@click.option(
    "--files-url",
    default=Urls().files,
    help="Où sont CRL et certificats. / Where CRL and certificates are.",
)
@click.option("--ocsp-url", default=Urls().ocsp, help="Où répond OCSP. / Where OCSP answers.")
@click.option(
    "--marker",
    type=click.Choice([each.name.lower() for each in Marker]),
    default=Marker.TEST.name.lower(),
    help="Environnement que les certificats déclarent. / Environment that certificates declare.",
)
def init(folder: Path, key: str, files_url: str, ocsp_url: str, marker: str) -> None:
    """Fonder une autorité avec ses réglages. / Found an authority with settings of its own."""
    if (folder / "ca.json").exists():
        raise UserError(
            "une autorité est déjà là ; donner un autre dossier",
            "an authority is there already; give another folder",
            where=folder,
        )
    for url in (files_url, ocsp_url):
        _address(url)
    urls = Urls(files=files_url.rstrip("/"), ocsp=ocsp_url.rstrip("/"))
    ca = TestCA.open(folder, urls=urls, key_kind=KeyKind(key), marker=Marker[marker.upper()])
    ca.authorities.prepare()
    click.echo(f"{folder}  {urls.files}  {urls.ocsp}")


@pki.command()
@subject_options
@folder_option
@click.option("--out", type=PLACE, help="Dossier des fichiers. / Folder of the files.")
@click.option(
    "--pin", default="", envvar="MSS_PIN", help="Écrit aussi un PKCS#12. / Writes PKCS#12 too."
)
@click.option(
    "--card", is_flag=True, help="CPS entière : deux certificats. / Whole CPS: two certificates."
)
@click.option(
    "--token", is_flag=True, help="CPS sur jeton PKCS#11 (SoftHSM2). / CPS on a PKCS#11 token."
)
@_key_option
@click.option("--json", "as_json", is_flag=True, help="JSON, une ligne. / JSON, one line each.")
def issue(
    profile: str,
    folder: Path,
    out: Path | None,
    pin: str,
    card: bool,
    token: bool,
    key: str,
    as_json: bool,
    **values: Any,
) -> None:
    """Émettre un certificat du PROFIL. / Issue a certificate of PROFILE."""
    ca = TestCA.open(folder, key_kind=KeyKind(key))
    name = ProfileName(profile)
    plans = _plans(ca, name, values)
    if (card or token) and len(plans) != 2:
        raise UserError(
            "pour les profils cps-auth et cps-sign seulement",
            "for profiles cps-auth and cps-sign only",
            where="--card, --token",
        )
    if not (card or token):
        plans = tuple(plan for plan in plans if plan.profile.name is name)
    made = [ca.issue(plan) for plan in plans]
    for each in made:
        target = _out(folder, each, out / each.profile.name if out and len(made) > 1 else out)
        _tell(each, each.save(target, pin=pin), as_json=as_json)
    if token:
        where = (out or folder / "certificates") / f"token-{made[0].serial:x}"
        kept = make_token(Card(made[0], made[1], pin or "1234"), where)
        click.echo(f"SOFTHSM2_CONF={kept.config}", err=as_json)
        click.echo(f"module {kept.module}, token {kept.label!r}", err=as_json)


@pki.command()
@click.argument("serial")
@folder_option
@click.option(
    "--reason",
    type=click.Choice(list(REASONS)),
    default="unspecified",
    help="Motif (RFC 5280). / Reason (RFC 5280).",
)
@click.option(
    "--release", is_flag=True, help="Lever une suspension. / Release from certificate-hold."
)
def revoke(serial: str, folder: Path, reason: str, release: bool) -> None:
    """Révoquer le numéro de série (hexadécimal). / Revoke a serial number (hexadecimal)."""
    try:
        number = int(serial.replace(":", ""), 16)
    except ValueError:
        raise UserError(
            "ce n'est pas un numéro de série hexadécimal ; voir `pki show`",
            "not a hexadecimal serial number; see `pki show`",
            where=f"{serial!r}",
        ) from None
    ca = _existing(folder)
    change = ca.release(number) if release else ca.revoke(number, reason)
    click.echo(f"{number:x}  {change.issuer}  {change.reason or 'released'}  {change.when:%FT%TZ}")


@pki.command()
@folder_option
@click.option("--json", "as_json", is_flag=True, help="JSON, une ligne. / JSON, one line each.")
def show(folder: Path, as_json: bool) -> None:
    """Lister ce qui a été émis et son état. / List what was issued and its status."""
    ca = _existing(folder)
    for record in ca.register.issued():
        issuer = ca.register.issuer_of(int(record["serial"], 16))
        revoked = ca.register.status(issuer, int(record["serial"], 16)).revoked
        status = f"revoked:{revoked.reason}" if revoked else "good"
        if as_json:
            click.echo(json.dumps({**record, "status": status}, ensure_ascii=False))
        else:
            fault = f"  [{record['fault']}]" if record["fault"] else ""
            click.echo(
                f"{record['serial']}  {record['profile']:16} {status:22} {record['subject']}{fault}"
            )


@pki.command()
@folder_option
@click.option("--roots", is_flag=True, help="Les racines seules. / Roots only.")
def bundle(folder: Path, roots: bool) -> None:
    """Écrire la chaîne de confiance, PEM. / Print the trust chain, PEM."""
    ca = TestCA.open(folder)
    click.echo((ca.roots_pem() if roots else ca.bundle_pem()).decode(), nl=False)


def _list_faults(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        for fault in FAULTS.values():
            click.echo(f"{fault.name:18} {fault.label}")
        ctx.exit(0)


@pki.command()
@click.option(
    "--list",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_faults,
    help="Lister les défauts. / List the faults.",
)
@click.argument("fault", type=click.Choice(list(FAULTS)))
@subject_options
@folder_option
@click.option("--out", type=PLACE, help="Dossier des fichiers. / Folder of the files.")
@click.option("--json", "as_json", is_flag=True, help="JSON, une ligne. / JSON, one line.")
def bad(
    fault: str, profile: str, folder: Path, out: Path | None, as_json: bool, **values: Any
) -> None:
    """Émettre un mauvais certificat. / Issue a bad certificate."""
    ca = TestCA.open(folder)
    name = ProfileName(profile)
    plan = next(p for p in _plans(ca, name, values) if p.profile.name is name)
    issued = make_bad(ca, fault, plan)
    _tell(issued, issued.save(_out(folder, issued, out)), as_json=as_json)


@pki.command()
def profiles() -> None:
    """Lister les profils. / List the profiles."""
    for profile in PROFILES.values():
        click.echo(f"{profile.name:16} {profile.issuer:16} {profile.label}")


@pki.command()
@folder_option
@click.option(
    "--ocsp-fault", type=click.Choice(list(OCSP_FAULTS)), default=None, help="Défaut OCSP. / Fault."
)
@click.option(
    "--crl-fault", type=click.Choice(list(CRL_FAULTS)), default=None, help="Défaut CRL. / Fault."
)
@click.option(
    "--delay",
    type=click.FloatRange(0, 3600),
    default=SLOW,
    help="Retard du défaut slow, s. / Delay of fault slow, s.",
)
def serve(folder: Path, ocsp_fault: str | None, crl_fault: str | None, delay: float) -> None:
    """Servir CRL, certificats et OCSP. / Serve CRL, certificates and OCSP."""
    ca = TestCA.open(folder)
    faults = PkiFaults(ocsp=ocsp_fault or "", crl=crl_fault or "", delay=delay)
    files = _server(ca.urls.files, files_handler(ca, faults))
    ocsp = _server(ca.urls.ocsp, ocsp_handler(ca, faults))
    serve_until_interrupted(
        (files, ocsp), lambda: click.echo(f"{ca.urls.files}/CRL/  {ca.urls.ocsp}/  (Ctrl-C)")
    )


def _server(url: str, handler: Handler) -> HttpServer:
    """Return a server at the address and port that certificates say."""
    host, port = _address(url)
    return HttpServer(app=plain_app(handler), host=host, port=port)


def _address(url: str) -> tuple[str, int]:
    found = re.fullmatch(r"http://(127\.\d{1,3}\.\d{1,3}\.\d{1,3}):(\d{1,5})/?", url)
    if found is None or int(found[2]) > 65535:
        raise UserError(
            "le bac à sable ne sert que http://127.x.y.z:port",
            "this sandbox serves http://127.x.y.z:port only",
            where=f"{url!r}",
        )
    return found[1], int(found[2])


def _existing(folder: Path) -> TestCA:
    if not (folder / "ca.json").exists():
        raise UserError(
            "aucune autorité ici ; `pki issue` en crée une, --folder la désigne",
            "no authority there; `pki issue` makes one, --folder names it",
            where=folder,
        )
    return TestCA.open(folder)
