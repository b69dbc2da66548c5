"""From what became of recipients to what is written: rows that leave, rows that wait, notices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from sandbox.operators.mail import Action, Envelope, Outcome, Queued
from sandbox.operators.post.dsn import Reporter, is_due, notification
from sandbox.operators.relay import troubles
from sandbox.operators.relay.backoff import Backoff
from sandbox.operators.relay.troubles import Trouble

__all__ = ["RowFate", "Settled", "Settlement", "bundles", "settlement"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFate:
    """What an attempt did for one row of the queue.

    Attributes:
        item: the row, as it was read before the attempt.
        trouble: None when the other side took it over.
        remote: host that was talked to, empty when none was.
        reports: the other side reports success itself (it offers DSN).
    """

    item: Queued
    trouble: Trouble | None = None
    remote: str = ""
    reports: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What is made of a fate: delivered, deferred until `next_attempt`, or failed."""

    fate: RowFate
    event: str
    next_attempt: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What one transaction of the store records.

    Attributes:
        decisions: one a fate.
        notices: notifications that are due.
    """

    decisions: tuple[Settled, ...]
    notices: tuple[tuple[Envelope, bytes], ...]

    @property
    def done(self) -> list[int]:
        """Rows that leave the queue."""
        return [each.fate.item.id for each in self.decisions if each.next_attempt is None]

    @property
    def failed(self) -> frozenset[int]:
        """Of those, the ones that were given up."""
        return frozenset(
            each.fate.item.id for each in self.decisions if each.event == "relay-failed"
        )

    @property
    def deferred(self) -> list[tuple[int, float]]:
        """Rows that wait: when to try again."""
        return [
            (each.fate.item.id, each.next_attempt)
            for each in self.decisions
            if each.next_attempt is not None
        ]


def bundles(items: Sequence[Queued], most: int) -> list[list[Queued]]:
    """Group rows of one domain that one transaction can carry: same content, same MAIL.

    A repetition after a crash or a lost reply has to be the same transaction, for the receiver to
    know it. Hence the order of addresses, and hence the instant: rows that were deferred together
    have the same, and stay together.
    """
    groups: dict[tuple[int, float, Envelope], list[Queued]] = {}
    for item in items:
        mail = replace(item.envelope, recipients=())
        groups.setdefault((item.message, item.next_attempt, mail), []).append(item)
    found = []
    for group in groups.values():
        group.sort(key=lambda item: (item.recipient.address, item.id))
        found += [group[i : i + most] for i in range(0, len(group), most)]
    return found


def settlement(
    fates: Sequence[RowFate],
    content: Callable[[], bytes],
    *,
    backoff: Backoff,
    reporter: Reporter,
    now: float,
) -> Settlement:
    """Decide about the rows of one bundle.

    Args:
        fates: of one bundle, hence of one message.
        content: reads the message, which a notification alone needs.
        backoff: the schedule.
        reporter: who reports.
        now: seconds since 1970.
    """
    decisions: list[Settled] = []
    outcomes: dict[Action, list[Outcome]] = {}
    for fate in fates:
        decision, outcome = _decide(fate, backoff, now)
        decisions.append(decision)
        if outcome is not None:
            outcomes.setdefault(outcome.action, []).append(outcome)
    item = fates[0].item
    notices = []
    for each in outcomes.values():
        if any(is_due(item.envelope, one.recipient, one.action) for one in each):
            notices.append(
                notification(
                    item.envelope,
                    content(),
                    each,
                    reporter=reporter,
                    queue_id=item.queue_id,
                    accepted_at=item.accepted_at,
                    now=now,
                )
            )
    return Settlement(decisions=tuple(decisions), notices=tuple(notices))


def _decide(fate: RowFate, backoff: Backoff, now: float) -> tuple[Settled, Outcome | None]:
    item, trouble = fate.item, fate.trouble
    if trouble is None:
        passed = Settled(fate=fate, event="relay-delivered")
        # RFC 3461 §5.2.2: who hands over to a server without DSN says that nothing will follow.
        return passed, None if fate.reports else _outcome(fate, Action.RELAYED, now)
    if trouble.is_permanent:
        return Settled(fate=fate, event="relay-failed"), _outcome(fate, Action.FAILED, now)
    verdict = backoff.verdict(item, now)
    if verdict.next_attempt is None:
        failed = _outcome(fate, Action.FAILED, now)
        expired = troubles.EXPIRED
        return Settled(fate=fate, event="relay-failed"), replace(
            failed,
            status=expired.status,
            french=f"{expired.reason.what.french} {failed.french}",
            english=f"{expired.reason.what.english} {failed.english}",
        )
    waiting = Settled(fate=fate, event="relay-deferred", next_attempt=verdict.next_attempt)
    if not verdict.warn:
        return waiting, None
    until = item.accepted_at + backoff.lifetime
    return waiting, replace(_outcome(fate, Action.DELAYED, now), retry_until=until)


def _outcome(fate: RowFate, action: Action, now: float) -> Outcome:
    trouble = fate.trouble
    return Outcome(
        recipient=fate.item.recipient,
        action=action,
        status=trouble.status if trouble else "2.0.0",
        french=trouble.reason.what.french if trouble else "",
        english=trouble.reason.what.english if trouble else "",
        reply=trouble.reply if trouble else "",
        remote=fate.remote,
        at=now,
    )
