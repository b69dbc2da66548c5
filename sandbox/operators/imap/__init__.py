"""IMAP4rev1 and IMAP4rev2 (RFC 3501, RFC 9051), as mail software logs in to it.

Theory of operation. Bytes go through `framing` (lines, literals, their bounds). `commands` has one
row a command: how it is read (`parse`, which gives it as a value of `arguments`), what does it
(`do`), where it is possible, whether message numbers may move. `core` runs it against a `session`.
What only reads is done at once; what writes, or asks who this is, is a coroutine; until it ends no
further command is looked at. A `view` holds the numbers of a selected folder as this client knows
them. Messages are what strangers sent: `mime`, `header` and `messages` find something sane in every
byte string, and answer with the very bytes. Nothing of this knows sockets; `server` puts it behind
a `Door`: flow control, time-outs, the login that is held while a telephone rings.
"""

from sandbox.operators.imap.server import ImapProtocol, serve
from sandbox.operators.imap.service import ImapService, ImapSettings

__all__ = ["ImapProtocol", "ImapService", "ImapSettings", "serve"]
