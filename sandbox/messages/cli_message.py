"""`mss-sandbox message make | check`: a health message written to a file, or judged."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from lxml import etree

from sandbox.messages.check import MOST_BYTES, MessageFinding, check_cda, check_message
from sandbox.messages.compose import NIL, compose, health_letter
from sandbox.messages.documents import DocumentType, document_types, size_of
from sandbox.messages.ins import patient_address
from sandbox.messages.patients import patient
from sandbox.space.chance import uniform
from sandbox.space.errors import UserError
from sandbox.space.options import EXISTING_FILE, FILE, json_option

__all__ = ["message", "named_type"]

_LARGEST_FILE = 2 * MOST_BYTES + 1
_SMALLEST, _LARGEST = 20_000, 15_000_000  # bytes of a document that is made


@click.group()
def message() -> None:
    """Messages de santé : écrire, contrôler. / Health messages: make, check."""


def named_type(code: str) -> DocumentType:
    """Return a type of document.

    Raises:
        UserError: no such code.
    """
    found = document_types().get(code)
    if found is None:
        raise UserError.among("type inconnu", "unknown type", f"--type {code}", document_types())
    return found


@message.command()
@click.option("--from", "sender", default="labo@exemple.mssante.test", help="Expéditeur. / Sender.")
@click.option(
    "--to",
    "recipients",
    multiple=True,
    help="Destinataire, répétable ; patient : sa BAL. / Recipient, repeatable.",
)
@click.option("--type", "code", default="11502-2", help="Code du document. / Code of the document.")
@click.option(
    "--patient",
    "number",
    type=click.IntRange(0),
    default=1,
    help="Numéro du patient fictif. / Number of the fictitious patient.",
)
@click.option(
    "--size",
    type=click.IntRange(_SMALLEST, _LARGEST),
    help="Octets du CDA ; tirés de data/ par défaut. / Bytes of the CDA.",
)
@click.option("--receipt", is_flag=True, help="Demander un accusé. / Ask for a receipt.")
@click.option("--end", is_flag=True, help="X-MSS-MES: FIN. / A citizen may no longer answer.")
@click.option("--nil", default=NIL, help="X-MSS-NIL, sa valeur / its value.")
@click.option("--seed", type=click.IntRange(0), default=1, help="Graine. / Seed.")
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]),
    help="Date ; maintenant par défaut. / Date; now by default.",
)
@click.option(
    "--out", type=FILE, help="Fichier .eml ; sortie standard par défaut. / File; stdout by default."
)
def make(
    sender: str, recipients: tuple[str, ...], code: str, number: int, size: int | None,
    receipt: bool, end: bool, nil: str, seed: int, at: datetime | None, out: Path | None,
) -> None:  # fmt: skip
    """Écrire un message avec un CDA fictif. / Write a message with a fictitious CDA.

    Avec --at, les mêmes options donnent les mêmes octets. / With --at, the same bytes.
    """
    when = at.replace(tzinfo=UTC) if at else datetime.now(UTC).replace(microsecond=0)
    identity = patient(seed, number)
    domain = sender.rpartition("@")[2]
    suffix = domain.partition(".")[2]
    to = [
        patient_address(identity.matricule, suffix) if each == "patient" else each
        for each in recipients or ("dest@exemple.mssante.test",)
    ]
    draw = uniform(seed, "document", number)
    try:
        content = compose(
            health_letter(
                sender=sender, recipients=to, patient=identity, kind=named_type(code),
                number=number, at=when, size=size or size_of(draw),
                message_id=f"<{seed}.{number}.{int(when.timestamp())}@{domain}>",
                receipt=receipt, end=end, nil=nil,
            )
        )  # fmt: skip
    except ValueError as error:
        raise UserError(
            "adresse impossible dans un en-tête", "an address that no header can have",
            then=f"({error})",
        ) from None  # fmt: skip
    if out is None:
        sys.stdout.buffer.write(content)
        return
    out.write_bytes(content)
    click.echo(f"{out}: {len(content)} octets / bytes", err=True)


@message.command()
@click.argument("file", type=EXISTING_FILE)
@json_option
@click.option(
    "--schema",
    type=EXISTING_FILE,
    help="Schéma CDA.xsd à tenir aussi. / CDA schema to hold documents to as well.",
)
def check(file: Path, as_json: bool, schema: Path | None) -> None:
    """Contrôler FILE : un message (.eml), un accusé, un CDA (.xml). / Check a file.

    Code 0 : conforme, 1 : une règle n'est pas tenue. / Exit code 0: it complies, 1: it does not.
    """
    with file.open("rb") as opened:
        content = opened.read(_LARGEST_FILE)
    held_to = _schema(schema) if schema else None
    alone = content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    report = (check_cda if alone else check_message)(content, held_to)
    if as_json:
        click.echo(json.dumps(report.tree(), ensure_ascii=False))
    else:
        for finding in report.findings:
            click.echo(_in_words(finding))
        words = "conforme / complies" if report.verdict == "pass" else "non conforme / refused"
        click.echo(f"{file}: {words}", err=True)
    if report.verdict == "fail":
        raise SystemExit(1)


def _schema(path: Path) -> etree.XMLSchema:
    try:
        return etree.XMLSchema(etree.parse(str(path)))
    except (etree.XMLSyntaxError, etree.XMLSchemaParseError, OSError) as error:
        raise UserError(
            "schéma illisible", "a schema that cannot be read", where=path, then=f"({error})"
        ) from None


def _in_words(finding: MessageFinding) -> str:
    rule = finding.rule
    seen = f" [{finding.seen}]" if finding.seen else ""
    return (
        f"{rule.severity}  {rule.id}  {finding.where}{seen}\n"
        f"  {rule.french} {rule.remedy_french} ({rule.clause})\n"
        f"  {rule.english} {rule.remedy_english}"
    )
