"""The indicators of a live space, read from its folder: it may run, or not, or have been killed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sandbox.directory import Directory
from sandbox.indicators.counting import CountedLogin, CountedMailbox, Fact, Indicators, count
from sandbox.indicators.month import Month
from sandbox.operators.store import ForgottenError, read_traffic
from sandbox.space.errors import UserError

__all__ = ["facts_of", "from_space", "logins_of", "operators_of"]


def operators_of(folder: Path) -> tuple[str, ...]:
    """Return the operators that have mail in a space's folder.

    Raises:
        UserError: there is none.
    """
    found = tuple(sorted(path.parent.name for path in folder.glob("operators/*/mail.db")))
    if not found or not (folder / "annuaire.db").is_file():
        raise UserError(
            "aucun espace ici ; en démarrer un avec", "no space there; start one with",
            where=folder, then=f"mss-sandbox up --dir {folder}",
        )  # fmt: skip
    return found


def from_space(folder: Path, month: Month, operator: str) -> Indicators:
    """Count a month of an operator.

    Raises:
        UserError: no space there, or its files are of another version.
    """
    own = folder / "operators" / operator
    if operator not in operators_of(folder):
        raise UserError.among(
            "aucun opérateur de ce nom", "no such operator", operator[:80], operators_of(folder)
        )
    with Directory(folder / "annuaire.db") as directory:
        domains = [
            each.name for each in directory.domains()
            if each.operator == operator and (not each.removed or each.removed >= month.begin)
        ]  # fmt: skip
        try:
            return count(
                operator, month, domains, _boxes(directory, operator),
                facts_of(own / "mail.db", month), logins_of(own / "journal.jsonl", month),
            )  # fmt: skip
        except ForgottenError as error:
            raise UserError(
                "ce mois n'est plus gardé ; son fichier déposé fait foi ; le premier gardé",
                "that month is no longer kept; its deposited file stands; the first one kept",
                where=f"{operator} {month}", then=str(Month.at(error.before)),
            ) from None  # fmt: skip
        except sqlite3.DatabaseError as error:
            raise UserError.because(
                "ce courrier ne peut être lu",
                "this mail store cannot be read",
                own / "mail.db",
                error,
            ) from None


def facts_of(store: Path, month: Month) -> Iterator[Fact]:
    """Yield what a mail store noted in a month."""
    for row in read_traffic(store, month.begin, month.end):
        yield Fact(
            row.event, row.mailbox, row.peer, row.document, row.ins, row.software, row.octets
        )


def logins_of(journal: Path, month: Month) -> Iterator[CountedLogin]:
    """Yield the logins that a journal holds of a month; a line cut by a crash is passed."""
    if not journal.exists():
        return
    with journal.open("rb") as lines:
        for line in lines:
            if b'"mechanism"' not in line:  # logins have one, accepted or refused
                continue
            try:
                entry = json.loads(line)
                at = float(entry["at"])
            except (ValueError, KeyError, TypeError):
                continue
            if not month.begin <= at < month.end or entry.get("event") not in {"login", "refused"}:
                continue
            yield CountedLogin(
                str(entry.get("mailbox", "")),
                str(entry.get("protocol", "")),
                str(entry.get("method") or ""),
                str(entry.get("reason", "")),
            )


def _boxes(directory: Directory, operator: str) -> Iterator[CountedMailbox]:
    for box in directory.mailboxes("d.operator = ?", (operator,), deleted=True):
        yield CountedMailbox(
            address=box.address,
            type=box.type.value,
            profession=str(box.person.profession_code) if box.person else "",
            finess=box.structure.finess if box.structure else "",
            created=box.created,
            deleted=box.deleted,
        )
