"""`mss-sandbox receive | trace`: software that answers messages, and what became of one."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from sandbox.live.cli_mail import answers, mail_options
from sandbox.live.journals import Journals
from sandbox.live.mailer import Way, choose, open_imap, open_smtp
from sandbox.live.receiving import Answered, receive_all
from sandbox.live.sheet_file import read_sheet
from sandbox.messages.trace import RecipientFate, Trace, trace_of
from sandbox.space.errors import UserError
from sandbox.space.options import json_option, space_folder_option

__all__ = ["receive", "trace"]


def _tell(text: str) -> None:
    click.echo(text, err=True)


@click.command()
@click.argument("address")
@click.option("--manual", is_flag=True, help="Le titulaire accepte l'accusé. / The holder agrees.")
@click.option(
    "--unknown",
    "unknown",
    multiple=True,
    type=click.IntRange(0),
    help="Patient que l'application ne connaît pas. / Patient unknown to it.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=1, help="Graine des patients. / Seed of the patients."
)
@click.option("--json", "as_json", is_flag=True, help="JSON, une ligne. / JSON, one line each.")
@mail_options
def receive(
    address: str, manual: bool, unknown: tuple[int, ...], seed: int, as_json: bool, folder: Path,
    method: str | None, design: str, holder: str,
) -> None:  # fmt: skip
    """Lire les nouveaux messages comme un logiciel. / Read what is new as software does.

    Une BAL PER ou ORG accuse lecture, une BAL APP accuse intégration. / Read receipts for PER and
    ORG mailboxes, acknowledgements of integration for APP.
    """
    sheet = read_sheet(folder)
    ways = [
        choose(sheet, address, each, method=method or "", design=design, holder=holder)
        for each in ("imap", "smtp")
    ]
    kind = next(each["type"] for each in sheet["accounts"] if each["address"] == ways[0].address)
    for answer in _received(ways[0], ways[1], kind, manual=manual, unknown=unknown, seed=seed):
        _show(answer, as_json=as_json)


def _received(
    reads: Way, sends: Way, kind: str, *, manual: bool, unknown: tuple[int, ...], seed: int
) -> list[Answered]:
    def post(content: bytes, to: str) -> None:
        with answers(sends), open_smtp(sends, _tell) as smtp:
            options = ["BODY=8BITMIME"] if smtp.has_extn("8bitmime") else []
            # The null reverse-path: nothing may answer a receipt (RFC 8098 §3).
            smtp.sendmail("", [to], content, options)

    with answers(reads), open_imap(reads, _tell) as imap:
        imap.select("INBOX")
        return receive_all(
            imap, post, mailbox=reads.address, integrates=kind == "APP", manual=manual,
            at=datetime.now(UTC).replace(microsecond=0), unknown=unknown, seed=seed,
        )  # fmt: skip


def _show(answer: Answered, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(answer.tree(), ensure_ascii=False))
        return
    told = " ".join(filter(None, (answer.code, answer.reason)))
    click.echo(f"{answer.uid:>5}  {answer.message_id}  {answer.sent or 'no receipt'}  {told}")


@click.command()
@click.argument("message_id")
@json_option
@space_folder_option
def trace(message_id: str, as_json: bool, folder: Path) -> None:
    """Suivre un message de bout en bout. / Follow a message from end to end.

    D'après les journaux des opérateurs, que l'espace tourne ou non. / By the operators' journals,
    whether the space runs or not.
    """
    wanted = f"<{message_id.strip().strip('<>')}>"
    found = trace_of(wanted, Journals.of(folder).more())
    if found is None:
        raise UserError(
            "aucun opérateur de cet espace n'a pris ce message",
            "no operator of this space took this message",
            where=wanted,
        )
    if as_json:
        click.echo(json.dumps(found.tree(), ensure_ascii=False))
        return
    for line in _in_words(found):
        click.echo("".join(x if x.isprintable() else "\ufffd" for x in line))


_WORDS = {
    "under-way": "en route / under way",
    "delivered": "remis / delivered",
    "read": "lu / read",
    "integrated": "intégré / integrated",
    "refused": "refusé / refused",
    "silent": "sans accusé depuis / silent since",
}


def _in_words(found: Trace) -> list[str]:
    documents = ", ".join(found.documents) or "aucun document / no document"
    asked = "accusé demandé / receipt asked" if found.asked else ""
    head = "  ".join(filter(None, (_when(found.at), found.sender, documents, asked)))
    rows = [f"  {_fate(each)}" for each in found.fates]
    return [head, *rows, *(f"  écarté / put aside: {each}" for each in found.put_aside)]


def _fate(fate: RecipientFate) -> str:
    parts = (fate.recipient, _WORDS[fate.state], _when(fate.since), fate.reason)
    return "  ".join(filter(None, parts))


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
