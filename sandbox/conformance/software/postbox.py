"""What a mailbox holds, read by ourselves, to be compared with what it held before."""

from __future__ import annotations

import contextlib
import email
import email.policy
import imaplib
import re
import socket
import ssl
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox.conformance.software.world import ClientLogin
from sandbox.live.mailer import ImapOver

__all__ = ["Held", "copy_of", "held_in", "kept_by_software", "marked", "opened"]

Tree = dict[str, Any]
Held = Counter[tuple[str, str, str]]  # folder, Message-ID, flags
_SECONDS = 60.0
_FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")
_LIST = re.compile(rb'\(([^)]*)\) (?:"[^"]*"|NIL) (.*)')
_ID = re.compile(rb"^message-id:\s*(\S+)", re.I | re.M)


@contextlib.contextmanager
def opened(at: Tree, login: ClientLogin, bundle: str) -> Iterator[imaplib.IMAP4]:
    """Log in to a mailbox for the length of a `with` block.

    Args:
        at: endpoint of a sheet.
        login: who.
        bundle: certificates of the authorities.

    Raises:
        OSError, imaplib.IMAP4.error: no connection, or it is refused.
    """
    context = ssl.create_default_context(cafile=bundle)
    if login.certificate:
        context.load_cert_chain(login.certificate, login.key)

    def connect() -> socket.socket:
        plain = socket.create_connection((at["address"], at["port"]), _SECONDS)
        if at["tls"] != "implicit":
            return plain
        return context.wrap_socket(plain, server_hostname=at["host"])

    with ImapOver(at, connect) as imap:
        if at["tls"] == "starttls":
            imap.starttls(context)
        if imap.state != "AUTH":  # else the certificate has logged in
            if login.certificate:
                imap.authenticate("EXTERNAL", lambda _: login.user.encode())
            elif login.token:
                bearer = f"user={login.user}\x01auth=Bearer {login.token}\x01\x01"
                imap.authenticate("XOAUTH2", lambda _: bearer.encode())
            else:
                imap.login(f'"{login.user}"', login.password)
        yield imap


def held_in(imap: imaplib.IMAP4) -> Held:
    """Return what a mailbox holds: each message with its folder and its flags."""
    found: Held = Counter()
    for folder in _folders(imap):
        kind, counted = imap.select(f'"{folder}"', readonly=True)
        if kind != "OK" or counted == [b"0"]:
            continue
        _, parts = imap.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
        for number, part in enumerate(parts):
            if not isinstance(part, tuple):
                continue
            after = parts[number + 1] if number + 1 < len(parts) else b""
            told = part[0] + (after if isinstance(after, bytes) else b"")
            flags, id_ = _FLAGS.search(told), _ID.search(part[1])
            kept = set() if flags is None else set(flags[1].decode().split()) - {"\\Recent"}
            name = "" if id_ is None else id_[1].decode()
            found[folder, name, " ".join(sorted(kept))] += 1
    return found


def _folders(imap: imaplib.IMAP4) -> list[str]:
    found = []
    for line in imap.list()[1]:
        told = _LIST.fullmatch(line) if isinstance(line, bytes) else None
        if told is not None and rb"\noselect" not in told[1].lower():
            found.append(told[2].decode().strip('"'))
    return found


def marked(imap: imaplib.IMAP4) -> None:
    """Make a mailbox more than an INBOX of unread mail: a folder, an answer, something flagged."""
    imap.create("Archives")
    imap.append(
        "Archives",
        "(\\Flagged \\Seen)",
        imaplib.Time2Internaldate(0.0),
        b"Message-ID: <archive@poste.mssante.test>\r\nSubject: archive\r\n\r\nBonjour.\r\n",
    )
    imap.select("INBOX")
    imap.store("1", "+FLAGS.SILENT", "(\\Seen \\Answered)")


def copy_of(folder: Path) -> dict[str, str]:
    """Return the files of software's own Maildir of its INBOX, and the Message-ID of each."""
    found: dict[str, str] = {}
    for part in ("cur", "new"):
        for file in (folder / "mail" / "INBOX" / part).glob("*"):
            message = email.message_from_bytes(file.read_bytes(), policy=email.policy.compat32)
            found[file.name.partition(":")[0]] = str(message["Message-ID"]).strip()
    return found


def kept_by_software(folder: Path) -> Counter[str] | None:
    """Return the messages of software's own copy of its INBOX; None where it keeps none."""
    if not (folder / "mail" / "INBOX").is_dir():
        return None
    return Counter(copy_of(folder).values())
