"""The post office of an operator: what happens to a message that a server has taken."""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

from sandbox.messages.citizens import BOUNCE_SUBJECT, Bounce
from sandbox.messages.facts import facts_of
from sandbox.operators.journal import Journal
from sandbox.operators.mail import About, Action, Addressed, Envelope, Outcome, Recipient
from sandbox.operators.model import Actor, Channel
from sandbox.operators.observing import DeliveryObserved, Nobody, Observer
from sandbox.operators.post.addresses import domain_of
from sandbox.operators.post.dsn import Reporter, is_due, notification
from sandbox.operators.post.headers import Message
from sandbox.operators.post.told import told_of
from sandbox.operators.post.trace import (
    arrived,
    first_instant,
    received,
    return_path,
    without_return_path,
)
from sandbox.operators.store import MailStore, StoreError
from sandbox.operators.store.outgoing import new_queue_id
from sandbox.trust.dn import DN

__all__ = ["PostError", "PostOffice"]

LOG = logging.getLogger(__name__)


class PostError(Exception):
    """A message was not taken; nothing of it is kept."""


class PostOffice:
    """One per operator.

    Args:
        store: where messages are kept.
        operator: label of the operator.
        domains: served here; a callable where they change.
        home: domain that reports; the first one served by default.
        host: name of this server in trace fields and notifications.
        observer: told of deliveries.
        journal: told of messages.
        closed: whether a mailbox that the store still holds takes no more mail.
        bounce: of an operator that takes mail for any address and sends back what it cannot deliver
            (Mon espace santé): why, by address and size; None where it can.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        store: MailStore,
        *,
        operator: str,
        domains: frozenset[str] | Callable[[], frozenset[str]],
        home: Callable[[], str] | None = None,
        host: str,
        journal: Journal,
        observer: Observer | None = None,
        closed: Callable[[str], bool] = lambda _: False,
        bounce: Callable[[str, int], Bounce | None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._closed = closed
        self._bounce = bounce
        self._operator = operator
        self._domains = domains if callable(domains) else lambda: domains
        self._home = home or (lambda: min(self._domains(), default=host))
        self._host = host
        self._observer = observer or Nobody()
        self._journal = journal
        self._clock = clock

    # Here or elsewhere ---------------------------------------------------------------------------

    def serves(self, domain: str) -> bool:
        """Tell whether mail of a domain (lower case) ends here."""
        return domain in self._domains()

    def knows(self, address: str) -> bool | None:
        """Tell whether a recipient is here; None when its domain is not of this operator.

        `postmaster` without a domain is of this operator (RFC 5321 §4.5.1).
        """
        domain = domain_of(address)
        if domain and not self.serves(domain):
            return None
        if self._bounce is not None:
            return True
        mailbox = self._mailbox(address)
        return self._store.has_mailbox(mailbox) and not self._closed(mailbox)

    def _sort(
        self, recipients: Sequence[Recipient]
    ) -> tuple[dict[str, Recipient], list[Recipient]]:
        """Return recipients here by mailbox, and those elsewhere, each once."""
        local: dict[str, Recipient] = {}
        remote: dict[str, Recipient] = {}
        for each in recipients:
            domain = domain_of(each.address)
            if not domain or self.serves(domain):
                local.setdefault(self._mailbox(each.address), each)
            else:
                remote.setdefault(each.address, each)
        return local, list(remote.values())

    def _mailbox(self, address: str) -> str:
        if "@" not in address:
            return f"{address}@{min(self._domains(), default='')}".lower()
        return address.lower()

    # Messages ------------------------------------------------------------------------------------

    async def submit(
        self, envelope: Envelope, message: Message, actor: Actor, channel: Channel, client: str
    ) -> str:
        """Take a message of a user of this operator; it is durable when this returns.

        A `Date` and a `Message-ID` are added where they are missing (RFC 6409 §8).

        Args:
            envelope: what MAIL and RCPT said.
            message: as it came.
            actor: who sends; the trace shows his mailbox, which the message shows anyway.
            channel: how it came.
            client: name that EHLO gave.

        Returns:
            The queue id.

        Raises:
            PostError: it could not be stored.
        """
        now, token = self._clock(), new_queue_id()
        missing = b""
        if not message.header.has("Date"):
            missing += _date(now)
        if not message.header.has("Message-ID"):
            missing += f"Message-ID: <{token}@{self._host}>\r\n".encode()
        comment = f"{channel.tls}, authenticated as {actor.mailbox}"
        protocol = "UTF8SMTPSA" if envelope.smtputf8 else "ESMTPSA"
        head = self._trace(envelope, channel, client, protocol, comment, token, now) + missing
        return await self._accept(
            envelope,
            head,
            message,
            channel,
            token,
            mailbox=actor.mailbox,
            identity=actor.identity,
            method=str(actor.method),
        )

    async def receive(
        self, envelope: Envelope, message: Message, channel: Channel, peer: DN, client: str
    ) -> str:
        """Take a message that another operator relays; it is durable when this returns.

        A relay that missed our 250 sends the same again: it is told 250, and nothing is added.

        Args:
            envelope, message, channel, client: as for `submit`.
            peer: name that the relay's certificate proved.

        Returns:
            The queue id; that of the first time for a repetition.

        Raises:
            PostError: it could not be stored.
        """
        now, token = self._clock(), new_queue_id()
        protocol = "UTF8SMTPS" if envelope.smtputf8 else "ESMTPS"
        comment = f"{channel.tls}, certificate of {_printable(peer.get('CN'))}"
        head = self._trace(envelope, channel, client, protocol, comment, token, now)
        born = first_instant(message.header)
        return await self._accept(
            envelope,
            head,
            message,
            channel,
            token,
            key=_key(envelope.reverse_path, message.content, peer),
            age=0.0 if born is None else max(0.0, now - born),
            peer=str(peer),
        )

    def _trace(
        self, envelope: Envelope, channel: Channel, client: str, protocol: str, comment: str,
        token: str, now: float,
    ) -> bytes:  # fmt: skip
        recipients = envelope.recipients
        return received(
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
        head: bytes,
        message: Message,
        channel: Channel,
        token: str,
        *,
        key: str = "",
        age: float = 0.0,
        **details: str,
    ) -> str:
        local, remote = self._sort(envelope.recipients)

        def ours(server: str) -> bool:
            names = {self._host, channel.host, *self._domains()}
            return server in names or any(server.endswith(f".{each}") for each in self._domains())

        # Final delivery tells the reverse-path (RFC 5321 §4.4); the relay takes it off again.
        path = return_path(envelope.reverse_path) if local else b""
        content = b"".join((path, head, *arrived(message, ours)))
        facts = facts_of(message.content[: message.header.end])
        # For the indicators; what cannot be believed counts as absent.
        about = About(document=",".join(facts.codes), ins=facts.ins, software=facts.nil)
        bounced = self._bounced(local, len(message.content))
        for mailbox in bounced:
            del local[mailbox]
        try:
            queue_id = token
            if bounced:  # first: what is kept neither here nor there has its notification
                await self._send_back(envelope, content, list(bounced.values()), key, token)
            if local or remote:
                queue_id = await self._store.accept(
                    envelope, content, local=list(local), remote=remote, key=key, queue_id=token,
                    about=about, submitted=not key,
                )  # fmt: skip
        except StoreError as error:
            raise PostError(str(error)) from error
        try:
            repeated = queue_id != token
            self._journal.note(
                "repeated" if repeated else "accepted",
                channel,
                queue_id=queue_id,
                reverse_path=envelope.reverse_path,
                recipients=[each.address for each in envelope.recipients],
                size=len(content),
                **told_of(message, facts),
                **details,
            )
            for mailbox, outcome in bounced.items():
                self._journal.note(
                    "returned", channel, queue_id=queue_id, to=mailbox, status=outcome.status,
                    fr=outcome.french, en=outcome.english,
                )  # fmt: skip
            if not repeated:
                self.delivered(local, len(content), age=age, relayed=bool(key))
                await self._confirm(envelope, content, local, queue_id)
        except Exception:  # accepted means kept: an error now would have it sent again
            LOG.exception("post: %s is kept, but was not told to all", queue_id)
        return queue_id

    def _bounced(self, local: dict[str, Recipient], size: int) -> dict[str, Outcome]:
        """Return what becomes of the recipients here that get nothing, by mailbox."""
        if self._bounce is None:
            return {}
        now = self._clock()
        return {
            mailbox: Outcome(
                recipient=recipient, action=Action.FAILED, status=why.status, french=why.french,
                english=why.english, at=now,
            )
            for mailbox, recipient in local.items()
            if (why := self._bounce(mailbox, size)) is not None
        }  # fmt: skip

    async def _send_back(
        self, envelope: Envelope, content: bytes, outcomes: list[Outcome], key: str, token: str
    ) -> None:
        due = [each for each in outcomes if is_due(envelope, each.recipient, each.action)]
        if not due:
            return  # of a notification, say: nothing answers it
        now = self._clock()
        answer, report = notification(
            envelope, without_return_path(content), due,
            reporter=self.reporter, queue_id=token, accepted_at=now, now=now,
        )  # fmt: skip
        notice = self.addressed(answer, report)
        if notice is not None:
            await self._store.accept(
                notice.envelope, notice.content, local=notice.local, remote=notice.remote,
                key=key and f"{key} returned",
            )  # fmt: skip

    def delivered(
        self, mailboxes: Iterable[str], size: int, *, age: float = 0.0, relayed: bool = False
    ) -> None:
        """Tell the observer what was put into mailboxes here.

        Args:
            mailboxes: addresses.
            size: octets.
            age: seconds since the first operator took the message.
            relayed: whether another operator brought it.
        """
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

    # Notifications -------------------------------------------------------------------------------

    @property
    def reporter(self) -> Reporter:
        """Who signs notifications."""
        failure = BOUNCE_SUBJECT if self._bounce is not None else ""
        address = f"mailer-daemon@{self._home()}"
        return Reporter(self._host, address, failure)

    def addressed(self, envelope: Envelope, content: bytes) -> Addressed | None:
        """Say where a notification of ours goes; None, and a line in the journal, when nowhere."""
        local, remote = self._sort(envelope.recipients)
        lost = [mailbox for mailbox in local if not self._store.has_mailbox(mailbox)]
        if lost:
            self._journal.note("notice-lost", to=lost[0])
            return None
        if local:
            content = return_path(envelope.reverse_path) + content
        return Addressed(envelope, content, list(local), remote)

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
        answer, report = notification(
            envelope,
            without_return_path(content),
            outcomes,
            reporter=self.reporter,
            queue_id=queue_id,
            accepted_at=now,
            now=now,
        )
        notice = self.addressed(answer, report)
        if notice is None:
            return
        try:
            await self._store.accept(
                notice.envelope, notice.content, local=notice.local, remote=notice.remote
            )
        except StoreError as error:
            self._journal.note("notice-lost", to=envelope.reverse_path, detail=str(error))
            return
        self.delivered(notice.local, len(notice.content))


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
