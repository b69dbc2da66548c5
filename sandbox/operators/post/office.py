"""The post office of an operator: what happens to a message that a server has taken."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

from sandbox.operators.journal import Journal
from sandbox.operators.mail import Envelope, Recipient
from sandbox.operators.model import Actor, Channel
from sandbox.operators.observing import DeliveryObserved, Nobody, Observer
from sandbox.operators.post.addresses import domain_of
from sandbox.operators.post.dsn import Reporter, is_due, notification
from sandbox.operators.post.headers import Header, first_instant, read_header, trace
from sandbox.operators.post.outcome import Action, Outcome
from sandbox.operators.relay.client import without_return_path
from sandbox.operators.store import MailStore, StoreError
from sandbox.trust.dn import DN

__all__ = ["PostError", "PostOffice"]

_RETURN_PATH = re.compile(rb"^Return-Path[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*", re.I | re.M)


class PostError(Exception):
    """A message was not taken; nothing of it is kept."""


class PostOffice:
    """One per operator.

    Args:
        store: where messages are kept.
        operator: label of the operator.
        domains: served here; a callable where they change.
        host: name of this server in trace fields.
        observer: told of deliveries.
        journal: told of messages.
        closed: whether a mailbox that the store still holds takes no more mail.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        store: MailStore,
        *,
        operator: str,
        domains: frozenset[str] | Callable[[], frozenset[str]],
        host: str,
        journal: Journal,
        observer: Observer | None = None,
        closed: Callable[[str], bool] = lambda _: False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._closed = closed
        self._operator = operator
        self._domains = domains if callable(domains) else lambda: domains
        self._host = host
        self._observer = observer or Nobody()
        self._journal = journal
        self._clock = clock

    def knows(self, address: str) -> bool | None:
        """Tell whether a recipient is here; None when its domain is not of this operator.

        `postmaster` without a domain is of this operator (RFC 5321 §4.5.1).
        """
        domain = domain_of(address)
        if domain and domain not in self._domains():
            return None
        mailbox = self._mailbox(address)
        return self._store.has_mailbox(mailbox) and not self._closed(mailbox)

    async def submit(
        self, envelope: Envelope, content: bytes, actor: Actor, channel: Channel, client: str
    ) -> str:
        """Take a message of a user of this operator; it is durable when this returns.

        A `Date` and a `Message-ID` are added where they are missing (RFC 6409 §8).

        Args:
            envelope: what MAIL and RCPT said.
            content: the message, every line ended by CRLF.
            actor: who sends; the trace shows his mailbox, which the message shows anyway.
            channel: how it came.
            client: name that EHLO gave.

        Returns:
            The queue id.

        Raises:
            PostError: it could not be stored.
        """
        header = read_header(content)
        now, token = self._clock(), _token()
        missing = b""
        if not header.values("Date"):
            missing += _date(now)
        if not header.values("Message-ID"):
            missing += f"Message-ID: <{token}@{self._host}>\r\n".encode()
        comment = f"{channel.tls}, authenticated as {actor.mailbox}"
        protocol = "UTF8SMTPSA" if envelope.smtputf8 else "ESMTPSA"
        head = self._trace(envelope, channel, client, protocol, comment, token, now) + missing
        return await self._accept(
            envelope,
            (head, *_without_return_path(content, header)),
            channel,
            token,
            mailbox=actor.mailbox,
            identity=actor.identity,
            method=str(actor.method),
        )

    async def receive(
        self, envelope: Envelope, content: bytes, channel: Channel, peer: DN, client: str
    ) -> str:
        """Take a message that another operator relays; it is durable when this returns.

        A relay that missed our 250 sends the same again: it is told 250, and nothing is added.

        Args:
            envelope, content, channel, client: as for `submit`.
            peer: name that the relay's certificate proved.

        Returns:
            The queue id; that of the first time for a repetition.

        Raises:
            PostError: it could not be stored.
        """
        header = read_header(content)
        now, token = self._clock(), _token()
        protocol = "UTF8SMTPS" if envelope.smtputf8 else "ESMTPS"
        comment = f"{channel.tls}, certificate of {_printable(peer.get('CN'))}"
        head = self._trace(envelope, channel, client, protocol, comment, token, now)
        born = first_instant(header)
        return await self._accept(
            envelope,
            (head, *_without_return_path(content, header)),
            channel,
            token,
            key=_key(envelope.reverse_path, content, peer),
            age=0.0 if born is None else max(0.0, now - born),
            peer=str(peer),
        )

    def _trace(
        self, envelope: Envelope, channel: Channel, client: str, protocol: str, comment: str,
        token: str, now: float,
    ) -> bytes:  # fmt: skip
        recipients = envelope.recipients
        return trace(
            client=client,
            address=channel.client,
            server=channel.host or self._host,
            protocol=protocol,
            comment=comment,
            token=token,
            recipient=recipients[0].address if len(recipients) == 1 else "",
            now=now,
        )

    async def _accept(
        self,
        envelope: Envelope,
        parts: tuple[bytes, ...],
        channel: Channel,
        token: str,
        *,
        key: str = "",
        age: float = 0.0,
        **details: str,
    ) -> str:
        local, remote = self._split(envelope.recipients)
        # Final delivery tells the reverse-path (RFC 5321 §4.4); the relay takes it off again.
        path = f"Return-Path: <{envelope.reverse_path}>\r\n".encode() if local else b""
        content = b"".join((path, *parts))
        try:
            queue_id = await self._store.accept(
                envelope, content, local=list(local), remote=remote, key=key, queue_id=token
            )
        except StoreError as error:
            raise PostError(str(error)) from error
        repeated = queue_id != token
        self._journal.note(
            "repeated" if repeated else "accepted",
            channel,
            queue_id=queue_id,
            reverse_path=envelope.reverse_path,
            recipients=[each.address for each in envelope.recipients],
            size=len(content),
            **details,
        )
        if not repeated:
            self._observe(local, age, len(content), relayed=bool(key))
            await self._confirm(envelope, content, local, queue_id)
        return queue_id

    def _observe(self, mailboxes: Iterable[str], age: float, size: int, *, relayed: bool) -> None:
        at = self._clock()
        for mailbox in mailboxes:
            self._observer.delivery(
                DeliveryObserved(
                    operator=self._operator,
                    mailbox=mailbox,
                    at=at,
                    age=age,
                    size=size,
                    relayed=relayed,
                )
            )

    async def _confirm(
        self, envelope: Envelope, content: bytes, local: dict[str, Recipient], queue_id: str
    ) -> None:
        """Tell the sender of deliveries here, where NOTIFY=SUCCESS asks for it (RFC 3461 §5.2.3).

        The message is durable: that a confirmation cannot be stored is a matter for the journal.
        """
        now = self._clock()
        outcomes = [
            Outcome(recipient=each, action=Action.DELIVERED, status="2.1.5", at=now)
            for each in local.values()
            if is_due(envelope, each, Action.DELIVERED)
        ]
        if not outcomes:
            return
        reporter = Reporter(self._host, f"mailer-daemon@{min(self._domains())}")
        answer, report = notification(
            envelope,
            without_return_path(content),
            outcomes,
            reporter=reporter,
            queue_id=queue_id,
            accepted_at=now,
            now=now,
        )
        here, elsewhere = self._split(answer.recipients)
        if here:
            report = b"Return-Path: <>\r\n" + report
        try:
            await self._store.accept(answer, report, local=list(here), remote=elsewhere)
        except StoreError as error:
            self._journal.note("confirmation-lost", queue_id=queue_id, detail=str(error))
            return
        self._observe(here, 0.0, len(report), relayed=False)

    def _split(
        self, recipients: Sequence[Recipient]
    ) -> tuple[dict[str, Recipient], list[Recipient]]:
        """Return recipients here by mailbox, and those elsewhere, each once."""
        local: dict[str, Recipient] = {}
        remote: dict[str, Recipient] = {}
        domains = self._domains()
        for each in recipients:
            domain = domain_of(each.address)
            if not domain or domain in domains:
                local.setdefault(self._mailbox(each.address), each)
            else:
                remote.setdefault(each.address, each)
        return local, list(remote.values())

    def _mailbox(self, address: str) -> str:
        if "@" not in address:
            return f"{address}@{min(self._domains(), default='')}".lower()
        return address.lower()


def _token() -> str:
    """Return a new queue id: 60 random bits."""
    return base64.b32encode(secrets.token_bytes(8))[:12].decode()


def _key(reverse_path: str, content: bytes, peer: DN) -> str:
    """Return what tells a repetition: who relays what; the store keeps it by recipient.

    Two messages are never alike by chance: each has the trace of its own submission.
    """
    digest = hashlib.sha256(content)
    for each in (reverse_path, str(peer)):
        digest.update(b"\0" + each.encode())
    return digest.hexdigest()


def _date(now: float) -> bytes:
    return f"Date: {format_datetime(datetime.fromtimestamp(int(now), UTC))}\r\n".encode()


def _printable(name: str) -> str:
    """Return what a comment may hold of a certificate's name."""
    return re.sub(r"[^A-Za-z0-9 .@_-]", "?", name)


def _without_return_path(content: bytes, header: Header) -> tuple[bytes, ...]:
    """Return parts of a message without the `Return-Path` of others (RFC 5321 §4.4)."""
    if not header.values("Return-Path"):
        return (content,)
    return _RETURN_PATH.sub(b"", content[: header.end]), content[header.end :]
