"""`mss-sandbox send | inbox | watch | code`: a quick try of a running space from a terminal."""

from __future__ import annotations

import imaplib
import json
import smtplib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pyotp

from sandbox.live.journals import why
from sandbox.live.mailer import MailError, Way, choose, open_imap, open_smtp
from sandbox.live.sheet_file import read_sheet
from sandbox.live.writing import write_letter
from sandbox.operators.imap.header import decoded, first, parse_fields
from sandbox.space.errors import UserError
from sandbox.space.methods import Method
from sandbox.space.options import (
    EXISTING_FILE,
    Decorator,
    json_option,
    options,
    space_folder_option,
)

__all__ = [
    "answers",
    "code",
    "harmless",
    "inbox",
    "mail_options",
    "send",
    "shown",
    "watch",
]

_SHOWN = ("date", "from", "to", "subject")
_FIELDS = 100  # of those, which the server sends alone
_CLOSED = "le serveur a fermé la connexion / the server closed the connection"
_IDLE_SECONDS = 29 * 60.0  # RFC 2177: a server may end what is silent for 30 minutes


# The options that choose space, method and design.
mail_options: Decorator = options(
    space_folder_option,
    click.option(
        "--method",
        type=click.Choice([each.value for each in Method]),
        default=None,
        help="Méthode d'authentification. / Authentication method.",
    ),
    click.option("--design", default="", help="Architecture. / Design."),
    click.option("--holder", default="", help="Identifiant du titulaire. / Holder (ORG)."),
)


def _tell(text: str) -> None:
    click.echo(text, err=True)


@contextmanager
def answers(what: Way) -> Iterator[None]:
    """Turn the server's no, and its silence, into one line."""
    place = f"{what.endpoint['host']} ({what.endpoint['address']}:{what.endpoint['port']})"
    journals = what.journals()
    try:
        yield
    except (MailError, imaplib.IMAP4.error, smtplib.SMTPException) as error:
        # The wire says no more than a stranger may know; who runs the space may know why.
        own = [each for each in journals.more() if each.get("protocol") == what.protocol]
        click.echo(f"mss-sandbox: {place}: {why(own) or error}", err=True)
        raise SystemExit(1) from None
    except OSError as error:
        raise UserError.because(
            "le serveur ne répond pas", "the server does not answer", place, error.strerror or error
        ) from None


@click.command()
@click.argument("address")
@click.option("--holder", default="", help="Identifiant du titulaire. / Holder (ORG).")
@space_folder_option
@json_option
def code(address: str, holder: str, folder: Path, as_json: bool) -> None:
    """Donner le code à usage unique d'ADDRESS. / Print the one-time code of ADDRESS.

    Ce qu'afficherait son téléphone. / What its telephone would show.
    """
    way = choose(read_sheet(folder), address, "imap", method=Method.TOTP.value, holder=holder)
    now = time.time()
    period = int(way.secrets["period"])
    shown = {
        "code": pyotp.TOTP(way.secrets["secret"], interval=period).at(int(now)),
        "seconds": round(period - now % period, 1),
        "username": way.secrets["username"],
    }
    if as_json:
        click.echo(json.dumps(shown))
        return
    click.echo(shown["code"])
    click.echo(f"encore / left: {shown['seconds']:.0f} s", err=True)


@click.command()
@click.argument("sender")
@click.argument("recipients", nargs=-1, required=True)
@click.option("--subject", "-s", default="", help="Objet. / Subject.")
@click.option("--body", "-b", default="", help="Texte ; - : entrée standard. / Text; - for stdin.")
@click.option(
    "--attach",
    "-a",
    "attachments",
    multiple=True,
    type=EXISTING_FILE,
    help="Pièce jointe (répétable). / Attachment (repeatable).",
)
@click.option("--document", default="", help="Joindre un CDA fictif de ce type. / Carry a CDA.")
@click.option(
    "--patient",
    "number",
    type=click.IntRange(0),
    default=1,
    help="Patient fictif du CDA. / Fictitious patient of the CDA.",
)
@click.option("--receipt", is_flag=True, help="Demander un accusé. / Ask for a receipt.")
@click.option("--end", is_flag=True, help="X-MSS-MES : FIN. / X-MSS-MES: FIN.")
@mail_options
def send(
    sender: str, recipients: tuple[str, ...], subject: str, body: str,
    attachments: tuple[Path, ...], document: str, number: int, receipt: bool, end: bool,
    folder: Path, method: str | None, design: str, holder: str,
) -> None:  # fmt: skip
    """Envoyer un message de SENDER à RECIPIENTS. / Send a message from SENDER to RECIPIENTS.

    Un destinataire « patient » est la BAL du patient du CDA. / A recipient `patient` is the mailbox
    of the document's patient.
    """
    sheet = read_sheet(folder)
    way = choose(sheet, sender, "smtp", method=method or "", design=design, holder=holder)
    letter, content = write_letter(
        sheet, way.address, recipients, subject=subject,
        body=sys.stdin.read() if body == "-" else body,
        attachments=[(path.name, path.read_bytes()) for path in attachments],
        document=document, number=number, receipt=receipt, end=end,
    )  # fmt: skip
    with answers(way), open_smtp(way, _tell) as smtp:
        refused = smtp.sendmail(way.address, list(letter.recipients), content)
    for address, (code, text) in refused.items():
        click.echo(f"{address}: {code} {text.decode('utf-8', 'replace')}", err=True)
    click.echo(f"{letter.message_id}  {way.method}  {way.endpoint['host']}")
    if refused:
        raise SystemExit(1)


def shown(header: bytes) -> dict[str, str]:
    """Return what is shown of a message's header; a stranger wrote it.

    No character moves the cursor, ends the line or turns the text round, whatever it was coded in.
    """
    fields = parse_fields(header, _FIELDS)
    texts = {name: decoded(first(fields, name.encode()) or b"") for name in _SHOWN}
    return {
        name: "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
        for name, text in texts.items()
    }


def harmless(content: bytes) -> str:
    """Return a message as a terminal may have it: its lines, and no character that is obeyed."""
    text = content.decode("utf-8", "replace").replace("\r\n", "\n")
    return "".join(x if x.isprintable() or x in "\n\t" else "\ufffd" for x in text)


def _rows(imap: imaplib.IMAP4, criterion: str) -> Iterator[dict[str, Any]]:
    """Yield uid, flags and headers of messages, oldest first."""
    _, found = imap.uid("SEARCH", criterion)
    uids = (found[0] or b"").decode().replace(" ", ",")
    if not uids:
        return
    fields = "(FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (DATE FROM TO SUBJECT)])"
    _, parts = imap.uid("FETCH", uids, fields)
    for part in parts:
        if not isinstance(part, tuple):
            continue
        head = part[0].decode()
        values = head[head.index("(") + 1 :].split()
        flags = [each.decode() for each in imaplib.ParseFlags(part[0])]
        yield {
            "uid": int(values[values.index("UID") + 1]),
            "size": int(values[values.index("RFC822.SIZE") + 1]),
            "flags": sorted(flags),
            **shown(part[1]),
        }


def _show(row: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(row, ensure_ascii=False))
    else:
        new = " " if "\\Seen" in row["flags"] else "*"
        click.echo(f"{row['uid']:>5} {new} {row['date'][:25]:25}  {row['from']}  {row['subject']}")


def _folder_of(imap: imaplib.IMAP4, name: str, *, readonly: bool) -> None:
    status, answer = imap.select(f'"{name}"', readonly)
    if status != "OK":
        raise MailError((answer[0] or b"").decode())


@click.command()
@click.argument("address")
@click.option("--folder", "box", default="INBOX", help="Dossier. / Mail folder.")
@click.option("--read", type=click.IntRange(1), help="Lire le message UID. / Read message UID.")
@click.option("--json", "as_json", is_flag=True, help="JSON, une ligne. / JSON, one line each.")
@mail_options
def inbox(
    address: str, box: str, read: int | None, as_json: bool, folder: Path, method: str | None,
    design: str, holder: str,
) -> None:  # fmt: skip
    """Lister ou lire une boîte par IMAP. / List or read a mailbox through IMAP."""
    way = choose(
        read_sheet(folder), address, "imap", method=method or "", design=design, holder=holder
    )
    with answers(way), open_imap(way, _tell) as imap:
        _folder_of(imap, box, readonly=read is None)
        if read is None:
            for row in _rows(imap, "ALL"):
                _show(row, as_json=as_json)
            return
        _, parts = imap.uid("FETCH", str(read), "(BODY[])")
        found = next((part for part in parts if isinstance(part, tuple)), None)
        if found is None:
            raise UserError(
                f"aucun message {read} dans {box}", f"no message {read} in {box}", where=address
            )
        content: bytes = found[1]
        if sys.stdout.isatty():
            click.echo(harmless(content), nl=False)
        else:
            sys.stdout.buffer.write(content)


@click.command()
@click.argument("address")
@click.option("--json", "as_json", is_flag=True, help="JSON, une ligne. / JSON, one line each.")
@click.option("--count", type=click.IntRange(1), help="Arrêter après N. / Stop after N.")
@mail_options
def watch(
    address: str, as_json: bool, count: int | None, folder: Path, method: str | None, design: str,
    holder: str,
) -> None:  # fmt: skip
    """Montrer ce qui arrive, par IMAP IDLE. / Show what arrives, through IMAP IDLE."""
    way = choose(
        read_sheet(folder), address, "imap", method=method or "", design=design, holder=holder
    )
    with answers(way), open_imap(way, _tell) as imap:
        _folder_of(imap, "INBOX", readonly=True)
        next_uid = int((imap.response("UIDNEXT")[1][0] or b"1").decode())
        _tell("… (Ctrl-C)")
        seen = 0
        while True:
            # A range whose start is beyond the last UID still means the last message.
            for row in _rows(imap, f"UID {next_uid}:*"):
                if row["uid"] >= next_uid:
                    next_uid = row["uid"] + 1
                    seen += 1
                    _show(row, as_json=as_json)
            if count is not None and seen >= count:
                return
            # What came while we were reading was said between the lines of the answer.
            if imap.response("EXISTS")[1] == [None]:
                _idle(imap)


def _idle(imap: imaplib.IMAP4) -> None:
    """Wait until the server says that something came, or for as long as it may be silent."""
    tag = b"IDLE1"
    imap.send(tag + b" IDLE\r\n")
    imap.sock.settimeout(_IDLE_SECONDS)
    line = b""
    try:
        while not line.upper().endswith(b" EXISTS\r\n"):
            line = imap.readline()
            if not line:
                raise MailError(_CLOSED)
    except TimeoutError:
        pass
    imap.send(b"DONE\r\n")
    while not line.startswith(tag):
        line = imap.readline()
        if not line:
            raise MailError(_CLOSED)
