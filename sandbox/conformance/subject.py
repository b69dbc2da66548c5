"""An operator as its clients and its neighbours see it: doors, accounts, certificates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = [
    "CERTIFICATE_METHODS",
    "METHODS",
    "CheckedDoor",
    "CheckedMailbox",
    "Means",
    "Neighbour",
    "Pair",
    "Subject",
]

CERTIFICATE_METHODS = ("cps", "certificat")
# The methods of the space; a password alone is none of them, and lets a foreign server be judged.
RINGS = ("ecps", "ciba-operateur")  # a telephone rings, and the login is held until it answers
METHODS = (*CERTIFICATE_METHODS, "totp", *RINGS, "password")


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with its intermediates, and its private key: PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedDoor:
    """Where a server listens.

    Attributes:
        name: unique.
        protocol: imap, smtp (submission) or relay (what other operators send to).
        host: name, in TLS.
        address: to connect to.
        port: TCP.
        tls: implicit, or starttls.
        client_certificate: none, optional or required.
        methods: served there.
        mechanisms: SASL, `NONE` where a certificate logs in by itself; over IMAP `LOGIN` is the
            command of that name.
    """

    name: str
    protocol: str
    host: str
    address: str
    port: int
    tls: str = "implicit"
    client_certificate: str = "none"
    methods: tuple[str, ...] = ()
    mechanisms: tuple[str, ...] = ("PLAIN",)

    @property
    def typed(self) -> str:
        """Mechanism by which passwords go: PLAIN, else LOGIN; empty where they do not."""
        return next((each for each in ("PLAIN", "LOGIN") if each in self.mechanisms), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What proves a holder by one method; what a method does not use is empty.

    Attributes:
        method: one of `METHODS`.
        username, password: as typed.
        secret: of one-time codes, base32; `period` their step, s; `digits` of a code.
        pair: client certificate.
        person: whose telephone Pro Santé Connect rings, for a token.
        token: an access token that is good now.
    """

    method: str
    username: str
    password: str = ""
    secret: str = ""
    period: int = 30
    digits: int = 6
    pair: Pair | None = None
    person: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedMailbox:
    """A mailbox and how its holder logs in."""

    address: str
    ways: tuple[Means, ...]

    def way(self, method: str) -> Means | None:
        """Return how a method opens it."""
        return next((each for each in self.ways if each.method == method), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """Another operator, to exchange mail with.

    Attributes:
        relay: its certificate, which the list names for its domain.
        account: one of its mailboxes; `doors` where that is read.
        strict: it refuses mail to mailboxes that it has not.
    """

    domain: str
    relay: Pair | None = None
    account: CheckedMailbox | None = None
    doors: tuple[CheckedDoor, ...] = ()
    strict: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An operator to judge.

    Attributes:
        name: in the report.
        domain: of its mailboxes.
        doors: for clients.
        accounts: at least one; two for what one may not do in another's name.
        roots: PEM of the authorities that are trusted, roots alone.
        relay: for other operators.
        neighbour: another operator.
        bad: by fault (expired, revoked, untrusted), a client certificate of the first account;
            with `relay-` before it, or `relay-unlisted`, one of an operator.
        dns: address and port to ask.
        crash, start: commands that kill the operator and start it again.
    """

    name: str
    domain: str
    doors: tuple[CheckedDoor, ...]
    accounts: tuple[CheckedMailbox, ...]
    roots: Path
    relay: CheckedDoor | None = None
    neighbour: Neighbour | None = None
    bad: Mapping[str, Pair] = field(default_factory=dict)
    dns: tuple[str, int] | None = None
    crash: tuple[str, ...] = ()
    start: tuple[str, ...] = ()

    def with_method(self, method: str) -> list[tuple[CheckedMailbox, Means]]:
        """Return who can log in by a method."""
        found = ((each, each.way(method)) for each in self.accounts)
        return [(account, way) for account, way in found if way is not None]
