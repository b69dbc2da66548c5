"""What all IMAP sessions of one operator share."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sandbox.operators.fault_rules import MailFaults
from sandbox.operators.imap.framing import FramingLimits
from sandbox.operators.imap.messages import ParsedMessages
from sandbox.operators.login import Logins
from sandbox.operators.room import ByteRoom
from sandbox.operators.store import MailStore

__all__ = ["ImapService", "ImapSettings", "LargeContents", "RecentMessages"]

_KEPT = 32 * 2**20  # bytes of large messages


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapSettings:
    """Bounds and times of sessions.

    Attributes:
        message_limit: bytes of a message (APPENDLIMIT, RFC 7889).
        login_seconds: until a login has begun, and between its lines.
        idle_seconds: without a word from a client that logged in (RFC 9051 §5.4: 30 minutes).
        stalled_seconds: that a client may take nothing of what it was sent, or send nothing more
            of a command that it began.
        keepalive_seconds: between lines that keep a held login's connection alive.
        failed_logins: refused on one connection before it is closed.
        bad_commands: not understood on one connection before it is closed.
    """

    message_limit: int = 25 * 2**20
    login_seconds: float = 60.0
    idle_seconds: float = 1_800.0
    stalled_seconds: float = 120.0
    keepalive_seconds: float = 15.0
    failed_logins: int = 3
    bad_commands: int = 20


class LargeContents:
    """The large messages read last: clients fetch them slice by slice.

    Args:
        read: gives a message's bytes by its key in the store.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._size = 0

    def get(self, key: int) -> bytes:
        """Return a message's bytes.

        Raises:
            StoreError: `missing`.
        """
        content = self._kept.pop(key, None)
        if content is None:
            content = self._read(key)
            self._size += len(content)
        self._kept[key] = content
        while self._size > _KEPT and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._size -= len(oldest)
        return content


class RecentMessages:
    r"""Which messages a session was told of as \Recent: a message is so in one session alone.

    The store keeps what was so at a SELECT; this, what came to folders that were open.
    """

    def __init__(self) -> None:
        self._next: dict[int, int] = {}  # by folder, the lowest UID that nobody has been told of

    def claim(self, folder: int, uids: Iterable[int], *, keep: bool) -> set[int]:
        """Return those that no session has had; `keep` says that this one has them now."""
        found = {uid for uid in uids if uid >= self._next.get(folder, 0)}
        if keep and found:
            self._next[folder] = max(found) + 1
        return found


class ImapService:
    """What a session needs of its operator.

    Args:
        store: mailboxes.
        logins: who logs in; its journal and its observer are told of the rest too.
        settings: bounds and times.
        faults: misbehaviours that were asked for.
    """

    def __init__(
        self,
        store: MailStore,
        logins: Logins,
        *,
        settings: ImapSettings | None = None,
        faults: MailFaults | None = None,
    ) -> None:
        self.store = store
        self.logins = logins
        self.observer = logins.observer
        self.journal = logins.journal
        self.settings = settings or ImapSettings()
        self.room = ByteRoom()  # for commands and messages that come in
        self.faults = faults or MailFaults()
        self.clock = logins.clock
        # What a client may send before its login (a token fits in a line, and so does an ID of 30
        # pairs with all their quotes escaped, RFC 2971 §3.3), and after it.
        self.stranger = FramingLimits(line=65_536, literal=65_536, unasked=4_096, message=0)
        self.holder = FramingLimits(
            line=65_536,
            literal=65_536,
            unasked=262_144,
            message=self.settings.message_limit,
        )
        self.parsed = ParsedMessages(store.content)
        self.recent = RecentMessages()
        self.large = LargeContents(store.content)
