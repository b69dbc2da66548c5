"""What came of an attempt is written, then told: store first, journal and observer after."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.operators.journal import Journal
from sandbox.operators.post import PostOffice
from sandbox.operators.relay.connection import PeerConnection
from sandbox.operators.relay.settlement import Settled, Settlement
from sandbox.operators.store import MailStore

__all__ = ["DeliveryAttempt", "SettlementRegister"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttempt:
    """One attempt: its end (seconds since 1970), its length (seconds), its connection if any."""

    at: float
    seconds: float
    connection: PeerConnection | None


class SettlementRegister:
    """Records settlements.

    Args:
        store: where rows leave or wait and notifications enter, in one transaction.
        post: says where notifications go, and tells of those put into mailboxes here.
        journal: told of every recipient's fate.
    """

    def __init__(self, store: MailStore, *, post: PostOffice, journal: Journal) -> None:
        self._store = store
        self._post = post
        self._journal = journal

    async def record(self, decided: Settlement, attempt: DeliveryAttempt) -> None:
        """Write a settlement and tell it.

        Raises:
            StoreError: it could not be written; nothing was.
        """
        notices = [to for each in decided.notices if (to := self._post.addressed(*each))]
        await self._store.settle(
            done=decided.done, deferred=decided.deferred, notify=notices, failed=decided.failed
        )
        for decision in decided.decisions:
            self._tell(decision, attempt)
        for notice in notices:
            self._post.delivered(notice.local, len(notice.content))

    def _tell(self, decision: Settled, attempt: DeliveryAttempt) -> None:
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
            details |= trouble.reason.journaled()
            details |= {"status": trouble.status, "reply": trouble.reply}
        if decision.next_attempt is not None:
            details["next_attempt"] = round(decision.next_attempt, 3)
        self._journal.note(decision.event, None, **details)
