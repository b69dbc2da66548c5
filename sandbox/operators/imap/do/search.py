"""SEARCH and UID SEARCH (RFC 9051 §6.4.4, RFC 4731, RFC 5182, RFC 7162)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from sandbox.operators.imap import arguments
from sandbox.operators.imap.grammar import Malformed
from sandbox.operators.imap.responses import Completion
from sandbox.operators.imap.search import SearchCandidate, Test, compile_key, reads_content
from sandbox.operators.imap.sequence import compact
from sandbox.operators.imap.session import ImapSession, Outcome
from sandbox.operators.imap.view import FolderView
from sandbox.operators.mail import MessageRow
from sandbox.operators.store import StoreError

__all__ = ["search"]

# Between two turns of the others: bytes read, and what looking at one message counts for.
_TURN = 262_144
_LOOK = 64


def search(session: ImapSession, command: arguments.Search) -> Outcome:
    """SEARCH."""
    view = session.selected(command)
    if command.charset and "UTF8=ACCEPT" in session.enabled:
        raise Malformed("CHARSET is not possible after ENABLE UTF8=ACCEPT")  # RFC 6855 §3
    if command.by_modseq:
        session.use_condstore()
    test = compile_key(command.key, view.resolve)
    reads = reads_content(command.key)
    if reads or len(view.rows) * _LOOK > _TURN:
        return partial(_in_turns, session, view, command, test, reads=reads)
    found = [candidate.row for candidate in _candidates(session, view) if test(candidate)]
    return _tell(session, view, command, found)


async def _in_turns(
    session: ImapSession, view: FolderView, command: arguments.Search, test: Test, *, reads: bool
) -> Completion:
    found = []
    done = 0
    for candidate in _candidates(session, view):
        try:
            if test(candidate):
                found.append(candidate.row)
        except StoreError:  # gone between two commits
            continue
        done += _LOOK + (candidate.row.size if reads else 0)
        if done >= _TURN:
            done = 0
            await session.drain()
    return _tell(session, view, command, found)


def _candidates(session: ImapSession, view: FolderView) -> Iterator[SearchCandidate]:
    service = session.service
    for index, row in enumerate(view.rows):
        if row.uid not in view.gone:
            yield SearchCandidate(
                row,
                index,
                recent=view.is_recent(row),
                content=service.store.content,
                parsed=service.parsed,
            )


def _tell(
    session: ImapSession, view: FolderView, command: arguments.Search, found: Sequence[MessageRow]
) -> Completion:
    uids = [row.uid for row in found]
    numbers = uids if command.uid else [(view.index(uid) or 0) + 1 for uid in uids]
    if command.returned is None and not session.rev2:
        told = "".join(f" {number}" for number in numbers)
        if command.by_modseq and found:
            told += f" (MODSEQ {max(row.modseq for row in found)})"
        session.tell(f"SEARCH{told}")
    else:
        _extended(session, view, command, found, numbers)
    return Completion("OK", "SEARCH completed")


def _extended(
    session: ImapSession,
    view: FolderView,
    command: arguments.Search,
    found: Sequence[MessageRow],
    numbers: Sequence[int],
) -> None:
    asked = command.returned or frozenset(("ALL",))
    # RFC 5182 §2.4: with MIN or MAX alone, those are what is saved; MODSEQ is likewise of those.
    ends = found
    if asked & {"MIN", "MAX"} and not asked & {"ALL", "COUNT"} and found:
        ends = [found[0]] if "MIN" in asked else []
        if "MAX" in asked and (found[-1] not in ends):
            ends = [*ends, found[-1]]
    if "SAVE" in asked:
        view.saved = tuple(row.uid for row in ends)
        if asked == {"SAVE"}:
            return
    told = [f'ESEARCH (TAG "{command.tag}")']
    if command.uid:
        told.append("UID")
    if numbers and "MIN" in asked:
        told.append(f"MIN {numbers[0]}")
    if numbers and "MAX" in asked:
        told.append(f"MAX {numbers[-1]}")
    if numbers and "ALL" in asked:
        told.append(f"ALL {compact(numbers)}")
    if "COUNT" in asked:
        told.append(f"COUNT {len(numbers)}")
    if command.by_modseq and ends:
        told.append(f"MODSEQ {max(row.modseq for row in ends)}")
    session.tell(" ".join(told))
