"""From one operator to another (API MSS-IO, outbound): queue, MX, mutual TLS, SMTP, notifications.

Theory of operation. `Runner` takes from the store what is due, one lane a domain, and gives it to
the first MX host of the domain (`pool`; `names`: the sandbox's DNS alone) that proves over mutual
TLS to be the domain's (`policy`: chain, name, revocation, DN on the list). `client` is the SMTP
client without sockets, `connection` its shell. Each transaction ends in a `settlement`, which
`register` writes at once: what was delivered leaves the queue, what failed for now waits
(`backoff`), what failed for good leaves it together with the notification that its sender gets
(`post`), so that a crash at any instant loses nothing; a crash between the other side's 250 and our
record sends the same again, and the receiver knows it by its digest. A disk that is full or a fault
of ours holds rows back for a while, never until a restart.
`policy` and `refusals` also serve the inbound side.
"""

from sandbox.operators.relay.policy import check_peer, is_listed, may_receive, may_send

__all__ = ["check_peer", "is_listed", "may_receive", "may_send"]
