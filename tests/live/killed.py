"""A space in a process of its own that is killed, and the clients that it is killed under.

Clients never send a message twice: after an answer that did not come they begin with another.
On a slow disk a kill seldom misses what is being written.
"""

from __future__ import annotations

import asyncio
import base64
import multiprocessing
import os
import re
import sqlite3
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from resource import RLIMIT_NOFILE, setrlimit
from typing import Any

from sandbox.cli import main
from sandbox.live.mailer import Way, choose
from sandbox.live.sheet_file import read_sheet
from sandbox.operators.store.writer import Writer
from sandbox.space.errors import UserError

ROOT = Path(__file__).parents[2]
COMMIT_SECONDS = 0.01  # on a slow disk
Tree = dict[str, Any]
# What a connection to a killed process ends with.
ENDED = (ConnectionError, asyncio.IncompleteReadError, OSError)
# Processes come of one that has imported what they run: what is killed is the space at work.
PREPARED = multiprocessing.get_context("forkserver")
PREPARED.set_forkserver_preload(["sandbox.console.cli_up", "sandbox.live.space", __name__])
_SUBJECT = re.compile(rb"UID (\d+) [^\r\n]*\{\d+\}\r\nSubject: ([^\r\n]+)\r\n", re.IGNORECASE)


class Process:
    """`mss-sandbox up`, until it is killed: the process alone, as the kernel's OOM killer would.

    Args:
        folder: where the space lives.
        options: of the command line.
        slow: on a slow disk.
        files: descriptors that it may have, and no more if it asks; None as this process.
    """

    def __init__(
        self, folder: Path, *options: str, slow: bool = False, files: int | None = None
    ) -> None:
        self.folder = folder
        words = ("up", *options, "--dir", str(folder))
        self._process = PREPARED.Process(target=_up, args=(words, self._log, slow, files))
        self._process.start()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def _log(self) -> Path:
        return self.folder.parent / "up.log"

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    def sheet(self) -> Tree | None:
        """The sheet of this process, not the one that its predecessor left; None for now."""
        assert self.is_alive, self._log.read_text()
        try:
            sheet = read_sheet(self.folder)
        except UserError:
            return None
        return sheet if sheet["pid"] == self.pid else None

    def ready(self) -> Tree:
        while (sheet := self.sheet()) is None:
            time.sleep(0.02)
        return sheet

    def kill(self) -> None:
        self._process.kill()
        self._process.join()


def _up(words: tuple[str, ...], log: Path, slow: bool, files: int | None) -> None:
    """Be the command line with those words."""
    os.chdir(ROOT)
    with log.open("ab") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    if files:
        setrlimit(RLIMIT_NOFILE, (files, files))
    if slow:
        slow_disk()
    sys.argv = ["mss-sandbox", *words]
    main()


@dataclass(slots=True)
class Ledger:
    """What clients were promised; messages by their subject, with their recipients."""

    answered: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unanswered: dict[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class Seen:
    """What a reader was told of an INBOX, over all lives.

    Attributes:
        validity: UIDVALIDITY at each SELECT.
        subjects: by UID.
        asked, flagged: UIDs for which \\Flagged was asked, and granted.
    """

    validity: set[int] = field(default_factory=set)
    subjects: dict[int, str] = field(default_factory=dict)
    asked: set[int] = field(default_factory=set)
    flagged: set[int] = field(default_factory=set)


async def connect(way: Way) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(
        way.endpoint["address"], way.endpoint["port"],
        ssl=way.context, server_hostname=way.endpoint["host"],
    )  # fmt: skip


def login(way: Way) -> str:
    """What EXTERNAL says: nothing but whose mailbox it is."""
    return base64.b64encode(way.secrets["authzid"].encode()).decode()


async def replies(reader: asyncio.StreamReader, count: int) -> list[bytes]:
    """Read so many SMTP replies; the last lines of them."""
    found = []
    while len(found) < count:
        line = await reader.readuntil(b"\n")
        if line[3:4] == b" ":
            found.append(line)
    return found


@dataclass(slots=True)
class Sender:
    """One mail program: one connection in each life, one message under way.

    Args:
        name: begins its subjects.
        address: whose mailbox it sends from.
        routes: recipients of message n: number n modulo their count.
        ledger: what it was promised.
    """

    name: str
    address: str
    routes: tuple[tuple[str, ...], ...]
    ledger: Ledger
    number: int = 0

    async def live(self, sheet: Tree) -> None:
        """Send until the connection ends."""
        way = choose(sheet, self.address, "smtp")
        try:
            reader, writer = await connect(way)
        except ENDED:
            return
        try:
            await self._send(way, reader, writer)
        except ENDED:
            pass
        finally:
            writer.transport.abort()

    async def _send(
        self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"EHLO poste.mssante.test\r\n")
        await replies(reader, 2)
        answer = b"454"
        while answer.startswith(b"454"):  # a busy machine: the revocation service is slow to answer
            writer.write(f"AUTH EXTERNAL {login(way)}\r\n".encode())
            (answer,) = await replies(reader, 1)
        assert answer.startswith(b"235"), answer
        while True:
            subject = f"{self.name}-{self.number}"
            recipients = self.routes[self.number % len(self.routes)]
            self.number += 1
            asked = "".join(f"RCPT TO:<{each}>\r\n" for each in recipients)
            writer.write(f"MAIL FROM:<{self.address}>\r\n{asked}DATA\r\n".encode())
            answers = await replies(reader, 2 + len(recipients))
            assert answers[-1].startswith(b"354"), answers
            self.ledger.unanswered[subject] = recipients
            writer.write(self._message(subject, recipients))
            (answer,) = await replies(reader, 1)
            assert answer.startswith(b"250"), answer
            self.ledger.answered[subject] = self.ledger.unanswered.pop(subject)

    def _message(self, subject: str, recipients: tuple[str, ...]) -> bytes:
        head = f"From: <{self.address}>\r\nTo: {', '.join(recipients)}\r\nSubject: {subject}\r\n"
        return f"{head}\r\n".encode() + b"Bonjour\r\n" * 100 + b".\r\n"


async def read(sheet: Tree, address: str, seen: Seen) -> None:
    """Follow an INBOX and flag the newest message over and over, until the connection ends."""
    way = choose(sheet, address, "imap")
    try:
        reader, writer = await connect(way)
    except ENDED:
        return
    number = 0

    async def ask(command: str) -> bytes:
        nonlocal number
        number += 1
        tag = f"t{number}".encode()
        writer.write(tag + b" " + command.encode() + b"\r\n")
        said = b""
        while not (line := await reader.readuntil(b"\n")).startswith(tag + b" "):
            said += line
        if line.startswith(tag + b" NO [UNAVAILABLE]"):  # a busy machine, as in `Sender`
            return await ask(command)
        assert line.startswith(tag + b" OK"), line
        return said

    try:
        await ask(f"AUTHENTICATE EXTERNAL {login(way)}")
        found = re.search(rb"UIDVALIDITY (\d+)", await ask("SELECT INBOX"))
        assert found is not None
        seen.validity.add(int(found[1]))
        while True:
            said = await ask(
                f"UID FETCH {max(seen.subjects, default=0) + 1}:*"
                " (BODY.PEEK[HEADER.FIELDS (SUBJECT)])"
            )
            for uid, subject in _SUBJECT.findall(said):
                # A UID that is known names the message that it named.
                assert seen.subjects.setdefault(int(uid), subject.decode()) == subject.decode()
            if seen.subjects:
                newest = max(seen.subjects)
                seen.asked.add(newest)
                await ask(f"UID STORE {newest} +FLAGS.SILENT (\\Flagged)")
                seen.flagged.add(newest)
            await asyncio.sleep(0.02)
    except ENDED:
        pass
    finally:
        writer.transport.abort()


def fetched(lines: list[Any]) -> Iterator[tuple[int, bool, str]]:
    """UID, whether it is flagged, subject, of what imaplib gives for a FETCH of all three."""
    for part in lines:
        if isinstance(part, tuple):
            uid = re.search(rb"UID (\d+)", part[0])
            assert uid is not None
            yield int(uid[1]), rb"\Flagged" in part[0], part[1].decode().split(": ")[1].strip()


def slow_disk() -> None:
    """Make every commit of a mail store take long before anything of it is written."""
    make = Writer.__init__

    def wait(statement: str) -> None:
        if statement == "COMMIT":
            time.sleep(COMMIT_SECONDS)

    def made(writer: Writer, connection: sqlite3.Connection, *others: Any) -> None:
        connection.set_trace_callback(wait)
        make(writer, connection, *others)

    Writer.__init__ = made  # type: ignore[method-assign]
