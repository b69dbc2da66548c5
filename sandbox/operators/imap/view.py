"""A selected folder as one session sees it: message numbers that move only when it is told so.

RFC 9051 §7.5.1: EXPUNGE is not sent while FETCH, STORE or SEARCH by number runs. Until then what is
gone keeps its number here.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from sandbox.operators.imap.responses import flag_list
from sandbox.operators.imap.sequence import SequenceSet
from sandbox.operators.mail import Folder, MessageRow

__all__ = ["FolderView"]

RECENT = "\\Recent"


class FolderView:
    r"""Numbers, and what the client has been told.

    Args:
        folder: as it was when selected.
        rows: its messages by rising UID.
        read_only: EXAMINE.
        recent: UIDs that are \Recent in this session.
    """

    __slots__ = (
        "dirty",
        "folder",
        "gone",
        "keywords",
        "read_only",
        "recent",
        "rows",
        "saved",
        "uids",
    )

    def __init__(
        self, folder: Folder, rows: Sequence[MessageRow], *, read_only: bool, recent: Iterable[int]
    ) -> None:
        self.folder = folder
        self.read_only = read_only
        self.recent = set(recent)
        self.rows = list(rows)
        self.uids = [row.uid for row in rows]
        self.gone: set[int] = set()  # UIDs that are no more, not yet told
        self.saved: tuple[int, ...] = ()  # UIDs of `$`
        self.dirty = False
        self.keywords: set[str] = set()
        self.learn(rows)

    def resolve(self, numbers: SequenceSet, uid: bool) -> list[int]:
        """Return the indexes of a sequence set, of UIDs or of numbers; rising.

        Raises:
            Malformed: a number that no message has.
        """
        if numbers.saved:
            found = (self.index(each) for each in self.saved)
            return [index for index in found if index is not None]
        if uid:
            return numbers.among_uids(self.uids)
        return numbers.among_numbers(len(self.rows))

    def index(self, uid: int) -> int | None:
        """Return the index of a UID, None when it is not here."""
        at = bisect_left(self.uids, uid)
        return at if at < len(self.uids) and self.uids[at] == uid else None

    def is_recent(self, row: MessageRow) -> bool:
        r"""Tell whether a message is \Recent in this session."""
        return row.uid in self.recent

    def learn(self, rows: Iterable[MessageRow]) -> bool:
        """Take note of keywords; tell whether one is new (FLAGS is sent again then)."""
        before = len(self.keywords)
        for flags in {row.flags for row in rows}:
            self.keywords.update(flag for flag in flags if not flag.startswith("\\"))
        return len(self.keywords) > before

    def put(self, rows: Iterable[MessageRow]) -> list[MessageRow]:
        """Take messages as they are now; return those that differ from what was known."""
        changed = []
        for row in rows:
            index = self.index(row.uid)
            if index is not None and self.rows[index].modseq != row.modseq:
                self.rows[index] = row
                changed.append(row)
        return changed

    def refresh(self, rows: Sequence[MessageRow]) -> tuple[list[MessageRow], list[int]]:
        """Take the folder as it is now.

        Returns:
            The messages whose flags changed, and the UIDs of those that came.
        """
        now = {row.uid: row for row in rows}
        changed = []
        for index, row in enumerate(self.rows):
            latest = now.get(row.uid)
            if latest is None:
                self.gone.add(row.uid)
            elif latest.modseq != row.modseq:
                self.rows[index] = latest
                changed.append(latest)
        last = self.uids[-1] if self.uids else 0
        new = [row for row in rows if row.uid > last]
        self.rows += new
        came = [row.uid for row in new]
        self.uids += came
        return changed, came

    def expunge(self) -> list[int]:
        """Forget what is gone; return the numbers to tell, each counted after those before it."""
        if not self.gone:
            return []
        indexes = [index for index, uid in enumerate(self.uids) if uid in self.gone]
        self.rows = [row for row in self.rows if row.uid not in self.gone]
        self.uids = [row.uid for row in self.rows]
        self.recent -= self.gone
        self.saved = tuple(uid for uid in self.saved if uid not in self.gone)
        self.gone.clear()
        return [index + 1 - before for before, index in enumerate(indexes)]

    def flags(self, row: MessageRow, *, with_recent: bool) -> bytes:
        r"""Write a message's flags, with \Recent where the client knows it."""
        if with_recent and row.uid in self.recent:
            return flag_list((*row.flags, RECENT))
        return flag_list(row.flags)
