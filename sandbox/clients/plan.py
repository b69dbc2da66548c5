"""What clients are told to do, and what came of it: plain data, to be kept, compared and split.

Seconds everywhere, from the start of the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sandbox.messages.stock import DocumentChoice
from sandbox.observations.schema import Cause, Phase
from sandbox.space.methods import Mechanism, Method

__all__ = [
    "ClientAccount",
    "ClientBehaviour",
    "Intent",
    "LoadPlan",
    "PlannedMessage",
    "Round",
    "Rules",
    "ServerSettings",
    "SessionOutcome",
]

Tree = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """Where one protocol is spoken, how TLS begins there, and the mechanism used."""

    endpoint: str
    host: str
    address: str
    port: int
    tls: str
    mechanism: Mechanism

    @classmethod
    def of(cls, tree: Tree) -> ServerSettings:
        """Build it from plain data."""
        return cls(**{**tree, "mechanism": Mechanism(tree["mechanism"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientBehaviour:
    """How an account's software behaves.

    Attributes:
        name: lps, mail_client, webmail or robot.
        timeout: of its sockets.
        rings: mechanisms that it tries in turn when it is refused.
        keeps: whether it keeps its IMAP connections.
        resumes: TLS sessions.
        tls13: beside TLS 1.2.
    """

    name: str
    timeout: float
    rings: int
    keeps: bool
    resumes: bool
    tls13: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAccount:
    """Who logs in, where, and what with.

    Attributes:
        number: of the access in the space.
        operator: label.
        address: mailbox.
        method: that is used; a password alone, of an operator that is not ours, counts as TOTP.
        secrets: what `space.json` gives for it.
        identity: of the holder, by whom telephones know each other.
        card: certificate and key of the holder, for checking what arrived; for CPS also the login.
        telephone: behaviour URL of who rings it, empty where nobody does.
        software: behaves so.
        imap, smtp: where.
    """

    number: int
    operator: str
    address: str
    method: Method
    secrets: Tree
    identity: str
    telephone: str
    software: ClientBehaviour
    imap: ServerSettings
    smtp: ServerSettings

    @classmethod
    def of(cls, tree: Tree) -> ClientAccount:
        """Build it from plain data."""
        return cls(
            **{
                **tree,
                "method": Method(tree["method"]),
                "software": ClientBehaviour(**tree["software"]),
                "imap": ServerSettings.of(tree["imap"]),
                "smtp": ServerSettings.of(tree["smtp"]),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a person and her devices do at one attempt of a session.

    Attributes:
        typing: a code, before the connection.
        mistyped: it will be a wrong one.
        pin: typing it, when the card is locked.
        sign: the card's computation.
        answer: of the telephone, from the request; None: never.
        refused: the answer is a refusal.
        pause: before the next attempt.
    """

    typing: float = 0.0
    mistyped: bool = False
    pin: float = 0.0
    sign: float = 0.0
    answer: float | None = 0.0
    refused: bool = False
    pause: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMessage:
    """One message to send.

    Attributes:
        number: in the run.
        recipients: one or more mailboxes.
        document: that it carries; of a receipt, that of the message which was read.
        receipt: asks for one.
        answers: it is a receipt, for the message of that number; 0: for one of before the run.
        integration: of an application's: code of what kept the document out, empty: it is filed.
    """

    number: int
    recipients: tuple[str, ...]
    document: DocumentChoice
    receipt: bool = False
    answers: int | None = None
    integration: str | None = None

    @classmethod
    def of(cls, tree: Tree) -> PlannedMessage:
        """Build it from plain data."""
        return cls(
            **{
                **tree,
                "recipients": tuple(tree["recipients"]),
                "document": DocumentChoice(**tree["document"]),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One session that will be.

    Attributes:
        number: in the plan.
        at: when it starts.
        account: number of the access.
        kind: open, poll, send, alone or receipt.
        until: when software that keeps its connections closes them.
        rounds: its attempts, one or more: the further ones by a person who waits, or by software
            that is refused.
        tries: how many attempts are made.
        attended: whether a person waits for it.
        letter: what is sent.
        extras: further connections that its software opens once it is in, one round each.
        then: what is sent after it, in a session of its own.
    """

    number: int
    at: float
    account: int
    kind: str
    until: float
    rounds: tuple[Round, ...]
    tries: int = 1
    attended: bool = False
    letter: PlannedMessage | None = None
    extras: tuple[Round, ...] = ()
    then: Intent | None = None

    def chain(self) -> Iterator[Intent]:
        """Yield it, and what is sent after it."""
        each: Intent | None = self
        while each is not None:
            yield each
            each = each.then

    @property
    def protocol(self) -> str:
        """Smtp where something is sent, else imap."""
        return "smtp" if self.kind in ("send", "receipt") else "imap"

    @classmethod
    def of(cls, tree: Tree) -> Intent:
        """Build it from plain data."""
        letter, then = tree["letter"], tree["then"]
        return cls(
            **{
                **tree,
                "rounds": tuple(Round(**each) for each in tree["rounds"]),
                "extras": tuple(Round(**each) for each in tree["extras"]),
                "letter": letter and PlannedMessage.of(letter),
                "then": then and cls.of(then),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What clients know of the policies of operators and of Pro Santé Connect, s.

    Attributes:
        session: an operator honours a login again without the person.
        pin: a card stays unlocked.
        step: of one-time codes.
        ticket: a TLS session may be resumed; 0: never.
        interval: between two polls of a token.
        expiry: of a request to a telephone.
    """

    session: float
    pin: float
    step: int
    ticket: float
    interval: float
    expiry: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """A run, or one process's part of it.

    Attributes:
        run: told apart from other runs in the messages.
        seconds: within which sessions start.
        accounts: who.
        intents: what, by instant.
        rules: of the space.
        authorities: file of PEM that servers chain to.
        psc: of Pro Santé Connect: discovery, client_id, client_secret.
        control: secret of those who drive telephones.
        patience: seconds after those in which sessions start, at which all that is open is cut;
            None: everything ends by itself.
    """

    run: str
    seconds: float
    accounts: tuple[ClientAccount, ...]
    intents: tuple[Intent, ...]
    rules: Rules
    authorities: str
    psc: Tree
    control: str
    patience: float | None = None

    @classmethod
    def of(cls, tree: Tree) -> LoadPlan:
        """Build it from plain data."""
        return cls(
            **{
                **tree,
                "accounts": tuple(ClientAccount.of(each) for each in tree["accounts"]),
                "intents": tuple(Intent.of(each) for each in tree["intents"]),
                "rules": Rules(**tree["rules"]),
            }
        )


@dataclass(slots=True, kw_only=True)
class SessionOutcome:
    """One session. Instants are seconds from the start of the run.

    Attributes:
        intent: number in the plan; -1 for what another session opened.
        account: number of the access.
        protocol: imap or smtp.
        attended: whether a person waited for it.
        intended, started: when it had to start, and did.
        login: when it was in; None: never.
        ended: when all was over.
        phases: seconds by phase, until the login; of all attempts.
        failures: why attempts failed, in order.
        accepted: number of the message that the operator took.
        found: new messages that it fetched.
        bad: of those, spoiled or another's.
        resumed: whether TLS was.
        connections: begin (TCP is there) and end of each attempt's.
    """

    intent: int
    account: int
    protocol: str
    attended: bool
    intended: float
    started: float
    login: float | None = None
    ended: float = 0.0
    phases: dict[Phase, float] = field(default_factory=dict)
    failures: list[Cause] = field(default_factory=list)
    accepted: int | None = None
    found: int = 0
    bad: int = 0
    resumed: bool = False
    connections: list[list[float]] = field(default_factory=list)

    def spend(self, phase: Phase, seconds: float) -> None:
        """Book time."""
        self.phases[phase] = self.phases.get(phase, 0.0) + seconds

    @property
    def person(self) -> float:
        """Seconds of the person's own."""
        return self.phases.get(Phase.PERSON, 0.0)

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)

    @classmethod
    def of(cls, tree: dict[str, Any]) -> SessionOutcome:
        """Build it from JSON."""
        return cls(
            **{
                **tree,
                "phases": {Phase(int(key)): value for key, value in tree["phases"].items()},
                "failures": [Cause(each) for each in tree["failures"]],
            }
        )
