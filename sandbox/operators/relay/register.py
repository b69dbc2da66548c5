"""What came of an attempt is written, then told: store first, journal and observer after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.operators.journal import Journal
from sandbox.operators.mail import Envelope, Recipient
from sandbox.operators.observing import DeliveryObserved, Observer
from sandbox.operators.relay.connection import Connection
from sandbox.operators.relay.settlement import Decision, Settlement
from sandbox.operators.relay.troubles import Trouble
from sandbox.operators.store import MailStore, StoreError

__all__ = ["Attempt", "Register"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt: its end (seconds since 1970), its length (seconds), its connection if any."""

    at: float
    seconds: float
    connection: Connection | None


class Register:
    """Records settlements.

    Args:
        store: where rows leave or wait and notifications enter, in one transaction.
        operator: label of the operator.
        local: its own domains.
        journal: told of every recipient's fate.
        observer: told of notifications put into mailboxes here.
    """

    def __init__(
        self,
        store: MailStore,
        *,
        operator: str,
        local: Callable[[], frozenset[str]],
        journal: Journal,
        observer: Observer,
    ) -> None:
        self._store = store
        self._operator = operator
        self._local = local
        self._journal = journal
        self._observer = observer

    async def record(self, decided: Settlement, attempt: Attempt) -> bool:
        """Write a settlement and tell it; False when the store could not."""
        notices = [accepted for each in decided.notices if (accepted := self._address(*each))]
        try:
            await self._store.settle(done=decided.done, deferred=decided.deferred, notify=notices)
        except StoreError as error:
            self._journal.note("relay-not-recorded", error=str(error))
            return False
        for decision in decided.decisions:
            self._tell(decision, attempt)
        for _, content, local, _ in notices:
            for mailbox in local:
                self._observer.delivery(
                    DeliveryObserved(
                        operator=self._operator,
                        mailbox=mailbox,
                        at=attempt.at,
                        age=0.0,
                        size=len(content),
                        relayed=False,
                    )
                )
        return True

    def _address(
        self, envelope: Envelope, content: bytes
    ) -> tuple[Envelope, bytes, list[str], list[Recipient]] | None:
        """Say where a notification goes: a mailbox here, or another operator."""
        recipient = envelope.recipients[0]
        if recipient.address.rpartition("@")[2].lower() not in self._local():
            return envelope, content, [], [recipient]
        if self._store.has_mailbox(recipient.address):
            # RFC 5321 §4.4: final delivery adds it.
            return envelope, b"Return-Path: <>\r\n" + content, [recipient.address], []
        self._journal.note("relay-notice-lost", to=recipient.address)
        return None

    def _tell(self, decision: Decision, attempt: Attempt) -> None:
        item, trouble = decision.fate.item, decision.fate.trouble
        details: dict[str, object] = {
            "queue_id": item.queue_id,
            "to": item.recipient.address,
            "host": decision.fate.remote,
            "attempt": item.attempts + 1,
            "seconds": round(attempt.seconds, 6),
            "age": round(attempt.at - item.accepted_at, 6),
        }
        if attempt.connection is not None:
            connection = attempt.connection
            details |= {"address": connection.peer.address, "dn": str(connection.dn)}
        if trouble is not None:
            details |= _words(trouble)
        if decision.next_attempt is not None:
            details["next_attempt"] = round(decision.next_attempt, 3)
        self._journal.note(decision.event, None, **details)


def _words(trouble: Trouble) -> dict[str, object]:
    return {
        "reason": trouble.name,
        "status": trouble.status,
        "fr": trouble.french,
        "en": trouble.english,
        "clause": trouble.clause,
        "reply": trouble.reply,
    }
