"""`mss-sandbox scenario from-list`: a scenario whose operators are those of a verified list."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import click

from sandbox.space.errors import UserError
from sandbox.space.files import write_whole
from sandbox.space.loader import load_scenario
from sandbox.space.options import EXISTING_FILE, FILE
from sandbox.trust.cli_list import (
    UNVERIFIED,
    ca_option,
    list_policy,
    partial_option,
    read_list,
    unverified_option,
    warn_unverified,
)
from sandbox.trust.cli_pki import folder_option
from sandbox.trust.list_verify import read_unverified, verify_list
from sandbox.trust.list_xml import ListError
from sandbox.trust.topology import ListedOperator, topology

__all__ = ["from_list", "scenario_text"]

LONGEST_LABEL = 40


def _labels(rows: Sequence[ListedOperator]) -> list[str]:
    """Return a DNS label for each operator, unique, from its name."""
    seen: dict[str, int] = {}
    labels = []
    for row in rows:
        plain = unicodedata.normalize("NFKD", row.name).encode("ascii", "ignore").decode().lower()
        label = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_LABEL].strip("-") or "op"
        seen[label] = seen.get(label, 0) + 1
        labels.append(label if seen[label] == 1 else f"{label}-{seen[label]}")
    return labels


def scenario_text(
    rows: Sequence[ListedOperator], *, generated: date, base: str, verified: bool = True
) -> str:
    """Return the TOML of a scenario: mailboxes follow the domains of each operator.

    Args:
        rows: the operators of a list.
        generated: day of the list.
        base: shipped scenario or file whose period, messages and designs are kept.
        verified: somebody vouches for the list; else the scenario and its title say that nobody
            does.
    """
    model = load_scenario(base)
    kept = [(row, label) for row, label in zip(rows, _labels(rows), strict=True) if row.domains]
    lines = [
        f"# Operators and domains of the list of authorised domains of {generated}.",
        *([] if verified else [f"# {UNVERIFIED}."]),
        f'title = "Topologie de la liste{"" if verified else " NON VÉRIFIÉE"} du {generated}"',
        f'title_en = "Topology of the {"" if verified else "UNVERIFIED "}list of {generated}"',
        f"compare = [{', '.join(f'{name!r}' for name in model.compare)}]".replace("'", '"'),
        "",
        "[period]",
        f"start = {model.period.start}",
        f"days = {model.period.days}",
        "",
        "[traffic]",
        f"messages = {model.traffic.messages:.0f}",
        "",
        "[operators]",
        f"mailboxes = {[len(row.domains) for row, _ in kept]}",
        f"certificates = {[len(row.certificates) for row, _ in kept]}",
        "names = [" + ", ".join(f'"{label}"' for _, label in kept) + "]",
    ]
    return "\n".join(lines) + "\n"


@click.command("from-list")
@click.argument("file", type=EXISTING_FILE)
@ca_option
@partial_option
@unverified_option
@folder_option
@click.option(
    "--base",
    default="aout-2021",
    help="Scénario d'où viennent période et messages. / Gives period, messages.",
)
@click.option(
    "--out",
    type=FILE,
    help="Fichier à écrire ; défaut : la sortie. / File to write; default: output.",
)
def from_list(
    file: Path, ca: Path | None, partial_chain: bool, unverified: bool, folder: Path, base: str,
    out: Path | None,
) -> None:  # fmt: skip
    """Fait un scénario des opérateurs d'une liste. / Makes a scenario of a list's operators."""
    try:
        if unverified:
            warn_unverified(file, ca, partial=partial_chain)
            domains = read_unverified(read_list(file))
        else:
            policy = list_policy(ca, folder, partial=partial_chain)
            domains = verify_list(read_list(file), policy, datetime.now(UTC)).domains
    except ListError as error:
        raise UserError.because(
            "liste refusée", "list refused", file, f"{error.code}: {error}"
        ) from None
    rows = topology(domains)
    if not any(row.domains for row in rows):
        raise UserError(
            "liste sans domaine ; un scénario veut au moins un opérateur",
            "the list has no domain; a scenario needs an operator",
            where=file,
        )
    generated = domains.generated.date()
    text = scenario_text(rows, generated=generated, base=base, verified=not unverified)
    if out is None:
        click.echo(text, nl=False)
        return
    click.echo(f"{write_whole(out, text)}")
