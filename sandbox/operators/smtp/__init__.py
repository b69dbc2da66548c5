"""SMTP servers of an operator: submission (API LPS) and inbound relay (API MSS-IO).

Theory of operation. `intake` cuts what comes into lines and messages, where only CRLF ends a line.
`conversation` works through them in order and keeps the bounds; `dialogue` adds the commands, and
is `submission` or `relay_in` by who may send what (`transaction`: MAIL and RCPT, and what RFC 3461
writes in them, read strictly). None of them knows sockets, tasks or clocks: bytes in, replies and
questions (`events`) out. `connection` is the shell around them, `servers` what a `Door` is given. A
question is a login (`auth`), a certificate (`relay.policy`, by way of `operator`), or a message for
the `post` office; only when it is kept 250 is said. Every refusal is a row of `refusals`.
"""

from sandbox.operators.smtp.conversation import SmtpLimits
from sandbox.operators.smtp.servers import RelayServer, SubmissionServer

__all__ = ["RelayServer", "SmtpLimits", "SubmissionServer"]
