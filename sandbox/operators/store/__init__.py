r"""What an operator keeps: mailboxes, folders, messages, the queue, in one SQLite file.

Theory of operation. The file is in WAL mode with `synchronous=FULL`: a commit is on the disk when
it returns, and a process killed at any instant leaves the last commit, whole, and nothing of the
next. Writes are coroutines. Each hands an operation (a function of a transaction) to the one
`Writer`, which applies all that wait in one transaction, each in a savepoint of its own, commits
once, then resolves their futures: sixty-four sessions share one flush of the disk instead of
waiting for sixty-four. What is answered to a client after `await` is durable, and what a commit
could not write is answered to nobody. Reads are plain calls on a second connection, owned by the
event loop's thread; they see every write that has been resolved. Listings of folders are kept in
memory and brought up to date by modification sequence.
A message's content is one row, however many folders and recipients refer to it; the transaction
that removes the last reference removes it. A folder counts its UIDs and its modification sequence
(RFC 7162) in its own row, so that neither is ever used twice. An INBOX keeps its row for life, but
where its mailbox comes from another store (`moving`); a mailbox that is removed takes all with it.
Each acceptance and each settlement notes in the same transaction what the indicators count
(`traffic`).
The store knows addresses, not people: who may open which mailbox is for `auth`, who did what for
the journal. It knows no protocol and is imported by `imap`, `smtp` and `relay`.
"""

from sandbox.operators.store.moving import PackedMailbox
from sandbox.operators.store.schema import StoreError
from sandbox.operators.store.store import MailStore
from sandbox.operators.store.traffic import ForgottenError, TrafficRow, last_uses, read_traffic

__all__ = [
    "ForgottenError",
    "MailStore",
    "PackedMailbox",
    "StoreError",
    "TrafficRow",
    "last_uses",
    "read_traffic",
]
