"""A load driver for any mail operator: raw IMAP and SMTP over TLS, the same for ours and theirs.

It says as little as a client may, checks every answer, and keeps no message: the client must not be
what is measured. Every connection is a full TLS handshake.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import re
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

__all__ = ["Account", "Imap", "Operator", "Smtp", "chain", "idle", "message", "rate"]

LITERAL = re.compile(rb"\{(\d+)\}\r\n$")
MARK = re.compile(rb"X-Bench: (\d+)\r\n")


@dataclass(frozen=True, slots=True)
class Account:
    """A mailbox and how it logs in: with `secret()`, or by the certificate of `tls` (EXTERNAL)."""

    address: str
    user: str
    secret: Callable[[], str] | None
    tls: ssl.SSLContext


@dataclass(frozen=True, slots=True)
class Operator:
    """Where an operator answers, and who has a mailbox there; places are (address, port, name)."""

    imap: tuple[str, int, str]
    submission: tuple[str, int, str]
    accounts: tuple[Account, ...]


class Connection(asyncio.Protocol):
    """Bytes in, lines and literals out."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._waiting: asyncio.Future[None] | None = None
        self._closed = False
        self.transport: asyncio.Transport

    @classmethod
    async def open(cls, place: tuple[str, int, str], tls: ssl.SSLContext) -> Connection:
        """Connect and do the handshake."""
        address, port, name = place
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            cls, address, port, ssl=tls, server_hostname=name, ssl_handshake_timeout=60
        )
        return connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._data += data
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def _more(self) -> None:
        if self._closed:
            raise ConnectionError(f"the server closed the connection: {bytes(self._data)!r}")
        self._waiting = asyncio.get_running_loop().create_future()
        await self._waiting

    async def line(self) -> bytes:
        """Return the next line, with its end."""
        start = 0
        while (end := self._data.find(b"\n", start)) < 0:
            start = len(self._data)
            await self._more()
        line = bytes(self._data[: end + 1])
        del self._data[: end + 1]
        return line

    async def exactly(self, size: int) -> bytes:
        """Return that many bytes."""
        while len(self._data) < size:
            await self._more()
        data = bytes(self._data[:size])
        del self._data[:size]
        return data


class Imap:
    """One IMAP session."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tags = itertools.count()

    @classmethod
    async def login(cls, operator: Operator, account: Account) -> Imap:
        """Connect and log in."""
        self = cls(await Connection.open(operator.imap, account.tls))
        greeting = await self._connection.line()
        assert greeting.startswith(b"* OK"), greeting
        if account.secret is None:
            name = base64.b64encode(account.user.encode()).decode() or "="
            await self.command(f"AUTHENTICATE EXTERNAL {name}")
        else:
            await self.command(f'LOGIN "{account.user}" "{account.secret()}"')
        return self

    async def command(self, text: str) -> list[bytes]:
        """Send a command; return untagged answers, literals as answers of their own."""
        tag = f"a{next(self._tags)} ".encode()
        self._connection.transport.write(tag + text.encode() + b"\r\n")
        answers: list[bytes] = []
        while True:
            line = await self._connection.line()
            if line.startswith(tag):
                assert line.startswith(tag + b"OK"), (text, line)
                return answers
            answers.append(line)
            if found := LITERAL.search(line):
                answers.append(await self._connection.exactly(int(found[1])))

    async def logout(self) -> None:
        """Log out and close."""
        await self.command("LOGOUT")
        self.close()

    def close(self) -> None:
        """Cut the connection."""
        self._connection.transport.abort()

    async def fetch_new(self, after: int) -> tuple[int, list[bytes], bool]:
        """Return (last UID, contents, whether yet more was announced) of what is above a UID."""
        contents: list[bytes] = []
        last = after
        answers = await self.command(f"UID FETCH {after + 1}:* (UID BODY.PEEK[])")
        for answer in answers:
            if answer.startswith(b"* ") and (found := re.search(rb"UID (\d+)", answer)):
                uid = int(found[1])
                if uid <= after:  # `n:*` gives the last message even when it is older
                    continue
                last = max(last, uid)
            elif MARK.search(answer) and last > after:
                contents.append(answer)
        return last, contents, announced(answers)


def announced(answers: list[bytes]) -> bool:
    """Tell whether new messages were announced."""
    return any(answer.endswith(b"EXISTS\r\n") for answer in answers)


class Smtp:
    """One submission session."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    async def login(cls, operator: Operator, account: Account) -> Smtp:
        """Connect and log in."""
        self = cls(await Connection.open(operator.submission, account.tls))
        await self.replies(b"220")
        await self.command("EHLO client.mssante.test", b"250")
        if account.secret is None:
            name = base64.b64encode(account.user.encode()).decode() or "="
            await self.command(f"AUTH EXTERNAL {name}", b"235")
        else:
            plain = f"\0{account.user}\0{account.secret()}".encode()
            await self.command(f"AUTH PLAIN {base64.b64encode(plain).decode()}", b"235")
        return self

    async def command(self, text: str, *codes: bytes) -> None:
        """Send a line (or several, pipelined) and check the codes of the replies."""
        self._connection.transport.write(text.encode() + b"\r\n")
        await self.replies(*codes)

    async def replies(self, *codes: bytes) -> None:
        """Read replies, each of one or more lines."""
        for code in codes:
            line = await self._connection.line()
            while line[3:4] == b"-":
                line = await self._connection.line()
            if not line.startswith(code):
                raise ConnectionError(f"expected {code!r}, got {line!r}")

    async def send(self, sender: str, recipient: str, content: bytes) -> None:
        """Submit one message; MAIL, RCPT and DATA in one go (RFC 2920)."""
        await self.command(
            f"MAIL FROM:<{sender}>\r\nRCPT TO:<{recipient}>\r\nDATA", b"250", b"250", b"354"
        )
        self._connection.transport.write(content + b".\r\n")
        await self.replies(b"250")

    async def quit(self) -> None:
        """Say goodbye and close."""
        await self.command("QUIT", b"221")
        self._connection.transport.abort()


def message(sender: str, recipient: str, number: int, size: int = 10_000) -> bytes:
    """Return a message of about `size` bytes that carries its number; no line starts with a dot."""
    head = (
        f"From: <{sender}>\r\nTo: <{recipient}>\r\nSubject: bench\r\nX-Bench: {number}\r\n"
        f"Date: Tue, 24 Nov 2026 10:00:00 +0100\r\nMessage-ID: <{number}.{time.time_ns()}@bench>"
        "\r\n\r\n"
    ).encode()
    return head + (b"x" * 76 + b"\r\n") * ((size - len(head)) // 78)


async def rate(
    act: Callable[[int], Awaitable[None]], parallel: int, seconds: float
) -> tuple[float, int]:
    """Repeat an act in `parallel` tasks for a while; return (acts a second, acts)."""
    start = time.perf_counter()
    done = 0

    async def work(worker: int) -> None:
        nonlocal done
        while time.perf_counter() - start < seconds:
            await act(worker)
            done += 1

    async with asyncio.TaskGroup() as group:
        for worker in range(parallel):
            group.create_task(work(worker))
    return done / (time.perf_counter() - start), done


@dataclass(slots=True)
class Chain:
    """What came of a chain run: `latencies` from before MAIL to after FETCH, in seconds."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)


@asynccontextmanager
async def _readers(
    operator: Operator, accounts: Sequence[Account], poll: float, take: Callable[[bytes], None]
) -> AsyncIterator[None]:
    """Fetch what comes into the mailboxes, asking each every `poll` seconds."""
    sessions = [await Imap.login(operator, account) for account in accounts]

    async def read(session: Imap) -> None:
        await session.command("SELECT INBOX")
        last, _, more = await session.fetch_new(0)
        started.release()
        while True:
            # Only what was announced may be fetched; any answer may announce.
            more = more or announced(await session.command("NOOP"))
            while more:
                last, contents, more = await session.fetch_new(last)
                for content in contents:
                    take(content)
            await asyncio.sleep(poll)

    started = asyncio.Semaphore(0)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(read(session)) for session in sessions]
        for _ in tasks:
            await started.acquire()
        yield
        for task in tasks:
            task.cancel()
    for session in sessions:
        await session.logout()


async def chain(
    sender: Operator,
    receiver: Operator,
    *,
    messages: int,
    parallel: int,
    per_second: float | None = None,
    poll: float = 0.02,
    patience: float = 120.0,
) -> Chain:
    """Submit at one operator, fetch at the other.

    Args:
        sender, receiver: the operators.
        messages: how many.
        parallel: kept submission connections; their mailboxes, and those read, may be fewer.
        per_second: open loop at that rate; None: each worker submits as fast as it can.
        poll: seconds between two looks into a mailbox.
        patience: seconds without any message after which the run fails.

    Raises:
        TimeoutError: messages did not arrive.
        AssertionError: one arrived twice.
    """
    run = Chain()
    sent: dict[int, float] = {}
    last = time.perf_counter()

    def take(content: bytes) -> None:
        nonlocal last
        found = MARK.search(content)
        assert found, content[:500]
        number = int(found[1])
        assert number not in run.seen, f"message {number} came twice"
        if number in sent:
            run.seen.add(number)
            last = time.perf_counter()
            run.latencies.append(last - sent[number])

    targets = receiver.accounts[:parallel]
    sources = [sender.accounts[number % len(sender.accounts)] for number in range(parallel)]
    sessions = [await Smtp.login(sender, account) for account in sources]
    async with _readers(receiver, targets, poll, take):
        start = last = time.perf_counter()
        numbers = iter(range(messages))

        async def submit(worker: int) -> None:
            source, target = sources[worker].address, targets[worker % len(targets)].address
            for number in numbers:
                if per_second is not None:
                    due = start + number / per_second
                    await asyncio.sleep(max(0.0, due - time.perf_counter()))
                content = message(source, target, number)
                sent[number] = time.perf_counter()
                await sessions[worker].send(source, target, content)

        await asyncio.gather(*(submit(worker) for worker in range(parallel)))
        while len(run.seen) < messages:
            if time.perf_counter() - last > patience:
                raise TimeoutError(f"{messages - len(run.seen)} of {messages} did not arrive")
            await asyncio.sleep(0.005)
        run.seconds = last - start
    for session in sessions:
        await session.quit()
    return run


async def idle(operator: Operator, count: int, parallel: int = 32) -> list[Imap]:
    """Open sessions that stay idle on INBOX."""
    sessions: list[Imap] = []
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            account = operator.accounts[number % len(operator.accounts)]
            session = await Imap.login(operator, account)
            await session.command("SELECT INBOX")
            sessions.append(session)

    async with asyncio.TaskGroup() as group:
        for _ in range(parallel):
            group.create_task(work())
    return sessions
