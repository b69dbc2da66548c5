"""Misbehaviour of mail on demand, as a table: what a client must survive. Each row has its effect.

Docs and tests read the table; which rule strikes when is `fault_rules`' affair.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sandbox.observations.schema import Reason, Words

__all__ = ["ASKED", "CONNECT", "FAULTS", "MESSAGE", "POINTS", "Lasting", "MailFault"]

# Where a fault strikes besides commands: a new connection, the end of a message. A rule that
# means one of these says so.
CONNECT, MESSAGE = "CONNECT", "MESSAGE"
_SMTP = (
    "EHLO", "HELO", "STARTTLS", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT", "VRFY", "EXPN",
    "ETRN", "HELP",
)  # fmt: skip
_IMAP = (
    "APPEND", "AUTHENTICATE", "CAPABILITY", "CHECK", "CLOSE", "COPY", "CREATE", "DELETE", "ENABLE",
    "EXAMINE", "EXPUNGE", "FETCH", "ID", "IDLE", "LIST", "LOGIN", "LOGOUT", "LSUB", "MOVE",
    "NAMESPACE", "NOOP", "RENAME", "SEARCH", "SELECT", "STARTTLS", "STATUS", "STORE", "SUBSCRIBE",
    "UNSELECT", "UNSUBSCRIBE",
)  # fmt: skip
# Protocol -> where a fault can strike. `UID FETCH` counts as FETCH.
POINTS: dict[str, tuple[str, ...]] = {
    "imap": (CONNECT, *_IMAP),
    "smtp": (CONNECT, *_SMTP, "AUTH", MESSAGE),
    "relay": (CONNECT, *_SMTP, MESSAGE),
}

ASKED = Reason(
    "fault-asked",
    "RFC 5321 §4.2, RFC 9051 §7.1",
    Words(
        "Ce défaut a été demandé à l'espace ; rien d'autre ne manque.",
        "This fault was asked of the space; nothing else is wrong.",
    ),
    Words("mss-sandbox fault clear l'enlève.", "mss-sandbox fault clear takes it away."),
)


class Lasting(StrEnum):
    """What a fault makes of something that lasts, whoever comes: no command is struck."""

    NOTHING = ""
    DISK = "disk"  # the store takes only what makes room
    CLOSED = "closed"  # nothing listens; who is in stays
    STOPPED = "stopped"  # nothing listens, and who is in is cut
    EXPIRED = "expired"  # servers show a certificate that expired yesterday
    REVOKED = "revoked"  # servers show a certificate that is revoked


@dataclass(frozen=True, slots=True, kw_only=True)
class MailFault:
    """One way for a mail server to misbehave.

    Attributes:
        text: what it does, French / English.
        protocols: where it can be.
        points: where it strikes unless a rule says otherwise; none is any command.
        smtp: code, enhanced status and text of the reply in place of the command's; code 0 for
            none.
        imap: kind, response code and text of the completion in place of the command's.
        closes: the connection ends after that.
        cuts: the connection ends without a word.
        delays: the command waits for the rule's seconds first.
        once: strikes each sender, recipient and client the first time only.
        lasting: a state of the store or of listening sockets, not of a command.
    """

    text: str
    protocols: tuple[str, ...]
    points: tuple[str, ...] = ()
    smtp: tuple[int, str, str] = (0, "", "")
    imap: tuple[str, str, str] = ("", "", "")
    closes: bool = False
    cuts: bool = False
    delays: bool = False
    once: bool = False
    lasting: Lasting = Lasting.NOTHING


_ALL = ("imap", "smtp", "relay")
_TEXT = "A fault was asked for"

FAULTS: dict[str, MailFault] = {
    "reply": MailFault(
        text="une réponse SMTP, 451 ou `code`, au lieu de celle de la commande"
        " / an SMTP reply, 451 or `code`, in place of the command's",
        protocols=("smtp", "relay"),
        smtp=(451, "4.3.0", _TEXT),
    ),
    "no": MailFault(
        text="NO [UNAVAILABLE] à une commande IMAP / to an IMAP command (RFC 5530)",
        protocols=("imap",),
        imap=("NO", "UNAVAILABLE", _TEXT),
    ),
    "bad": MailFault(
        text="BAD à une commande IMAP / to an IMAP command (RFC 9051 §7.1.3)",
        protocols=("imap",),
        imap=("BAD", "", _TEXT),
    ),
    "closing": MailFault(
        text="421 ou BYE, puis fermeture / 421 or BYE, then the connection closes",
        protocols=_ALL,
        smtp=(421, "4.3.2", "Shutting down: a fault was asked for"),
        imap=("BYE", "", "Shutting down: a fault was asked for"),
        closes=True,
    ),
    "cut": MailFault(
        text="la connexion finit sans un mot / the connection ends without a word",
        protocols=_ALL,
        cuts=True,
    ),
    "slow": MailFault(
        text="la commande attend `seconds` / the command waits `seconds`",
        protocols=_ALL,
        delays=True,
    ),
    "quota": MailFault(
        text="boîte pleine : 452 4.2.2, ou NO [OVERQUOTA] / the mailbox is full (RFC 9208)",
        protocols=_ALL,
        points=("RCPT", "APPEND", "COPY", "MOVE"),
        smtp=(452, "4.2.2", "Mailbox full"),
        imap=("NO", "OVERQUOTA", "Mailbox full"),
    ),
    "greylisting": MailFault(
        text="450 4.7.1 la première fois pour un client, un expéditeur et un destinataire"
        " / the first time for a client, a sender and a recipient (RFC 6647)",
        protocols=("smtp", "relay"),
        points=("RCPT",),
        smtp=(450, "4.7.1", "Greylisted, try again later"),
        once=True,
    ),
    "relay-down": MailFault(
        text="le relais raccroche aussitôt / the relay hangs up at once",
        protocols=("relay",),
        points=(CONNECT,),
        cuts=True,
    ),
    "full-disk": MailFault(
        text="le magasin n'accepte que ce qui fait de la place : 451 4.3.0, NO [UNAVAILABLE]"
        " / the store takes only what makes room",
        protocols=_ALL,
        lasting=Lasting.DISK,
    ),
    "port-closed": MailFault(
        text="connexion refusée, comme derrière un pare-feu ; qui est là reste"
        " / connections are refused, as by a firewall; who is in stays",
        protocols=_ALL,
        lasting=Lasting.CLOSED,
    ),
    "operator-stopped": MailFault(
        text="l'opérateur n'écoute plus et coupe tout le monde"
        " / the operator listens no more and cuts everybody",
        protocols=_ALL,
        lasting=Lasting.STOPPED,
    ),
    "certificate-expired": MailFault(
        text="le serveur montre un certificat expiré hier"
        " / the server shows a certificate that expired yesterday",
        protocols=_ALL,
        lasting=Lasting.EXPIRED,
    ),
    "certificate-revoked": MailFault(
        text="le serveur montre un certificat révoqué : seul qui le vérifie s'en va"
        " / the server shows a revoked certificate: only who checks that leaves",
        protocols=_ALL,
        lasting=Lasting.REVOKED,
    ),
}
