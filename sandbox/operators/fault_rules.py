"""Which mail fault strikes when.

A rule says which fault, for which operator, design, method, protocol, command, client, person or
mailbox, and when: the `nth` time that it fits, or a seeded probability. The same seed and the same
commands give the same misbehaviours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sandbox.operators.faults import CONNECT, FAULTS, MESSAGE, POINTS, Lasting, MailFault
from sandbox.operators.model import Actor, Channel
from sandbox.space.chance import Tally, check_strike, uniform
from sandbox.space.errors import UserError
from sandbox.space.methods import Method
from sandbox.space.places import Place
from sandbox.space.reading import STRICT, read_as

__all__ = ["MailFaults", "MailRule", "Strike"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRule:
    """One rule. Empty members fit all; `nth` counts from 1, None with `probability` 1 is always.

    Attributes:
        fault: a key of `FAULTS`.
        operator: label.
        design, endpoint: names; a relay has none.
        protocol: imap, smtp or relay.
        command: verb, or CONNECT, MESSAGE.
        client: address of the client.
        mailbox: of the recipient (RCPT), or that is logged in to (IMAP).
        method: that was proved; before a login, the only one that can be proved there.
        person: identity of who has logged in.
        nth: of what fits.
        per: whether `nth` counts in the whole `space` or in each `session`.
        probability: of a strike.
        seconds: that `slow` waits.
        code: of `reply`, 400 to 599.
    """

    __pydantic_config__ = STRICT

    fault: str
    operator: str = ""
    design: str = ""
    endpoint: str = ""
    protocol: str = ""
    command: str = ""
    client: str = ""
    mailbox: str = ""
    method: str = ""
    person: str = ""
    nth: int | None = None
    per: Literal["space", "session"] = "space"
    probability: float = 1.0
    seconds: float = 3.0
    code: int | None = None

    def __post_init__(self) -> None:
        """Refuse a rule that could never strike.

        Raises:
            UserError: naming the member and what is allowed.
        """
        name = self.fault
        if name not in FAULTS:
            raise UserError.among("défaut inconnu", "unknown fault", f"fault {name!r}", FAULTS)
        check_strike(name, self.nth, self.probability, self.seconds)
        effect = self.effect
        if self.protocol and self.protocol not in effect.protocols:
            raise UserError.expected(f"{name}: protocol {self.protocol!r}", effect.protocols)
        object.__setattr__(self, "command", self.command.upper())
        points = dict.fromkeys(
            point
            for each in ((self.protocol,) if self.protocol else effect.protocols)
            for point in POINTS[each]
            if not effect.points or point in effect.points
        )
        if self.command and self.command not in points:
            raise UserError.expected(f"{name}: command {self.command!r}", points)
        if self.code is not None and name != "reply":
            raise UserError("avec reply seulement", "with reply only", where=f"{name}: code")
        if self.code is not None and not 400 <= self.code <= 599:
            raise UserError.expected(f"code = {self.code}", "400 … 599")
        if self.method and self.method not in set(Method):
            raise UserError.expected(f"{name}: method", Method)
        if effect.lasting:
            self._check_lasting()

    def _check_lasting(self) -> None:
        """Refuse what a state cannot be narrowed by."""
        struck = (self.command, self.client, self.mailbox, self.person, self.nth)
        placed = (self.design, self.endpoint, self.protocol, self.method)
        narrow = any(struck) or self.probability < 1
        if narrow or (any(placed) and not self.at_doors):
            allowed = "operator, design, endpoint, protocol, method"
            raise UserError(
                "un état dure et ne connaît pas de commande ; attendu",
                "a state lasts and knows no command; expected",
                where=self.fault,
                then=allowed if self.at_doors else "operator",
            )

    @property
    def effect(self) -> MailFault:
        """What the fault does."""
        return FAULTS[self.fault]

    @property
    def at_doors(self) -> bool:
        """Whether it is a state of some listening sockets: not of a whole operator or its disk."""
        return self.effect.lasting in {Lasting.CLOSED, Lasting.EXPIRED, Lasting.REVOKED}

    def touches(self, place: Place) -> bool:
        """Tell whether a state of listening sockets is one of what listens there."""
        if self.method and self.method not in place.methods:
            return False
        return all(
            getattr(self, name) in ("", value)
            for name, value in (
                ("operator", place.operator), ("design", place.design), ("endpoint", place.name),
                ("protocol", place.protocol),
            )
        )  # fmt: skip

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> MailRule:
        """Build from plain data.

        Raises:
            UserError: an unknown or ill-typed member.
        """
        return read_as(cls, data, "fault")

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, without what fits all."""
        return {k: v for k, v in asdict(self).items() if v not in ("", None)}

    def fits(self, channel: Channel, point: str, mailbox: str, actor: Actor | None) -> bool:
        """Tell whether something that happens is what the rule is about."""
        effect = self.effect
        if self.operator not in ("", channel.operator) or channel.protocol not in effect.protocols:
            return False
        for name in ("design", "endpoint", "protocol", "client"):
            if getattr(self, name) not in ("", getattr(channel, name)):
                return False
        if self.mailbox and self.mailbox.lower() != mailbox.lower():
            return False
        if self.person and (actor is None or actor.identity != self.person):
            return False
        proved = channel.methods if actor is None else (actor.method,)
        if self.method and (self.method,) != proved:
            return False
        if self.command:
            return self.command == point
        return point in effect.points if effect.points else point not in (CONNECT, MESSAGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """What befalls a command: it waits, then it is done, or `rule` says what happens instead."""

    seconds: float
    rule: MailRule | None

    @property
    def names(self) -> str:
        """The fault, for the journal."""
        return self.rule.fault if self.rule else "slow"

    @property
    def reply(self) -> tuple[int, str, str]:
        """Code, enhanced status and text of the SMTP reply."""
        assert self.rule is not None
        code, status, text = self.rule.effect.smtp
        if self.rule.code is None:
            return code, status, text
        return self.rule.code, f"{self.rule.code // 100}{status[1:]}", text


class MailFaults:
    """The rules in force and what they have counted.

    Args:
        seed: of the probabilities.
        rules: in force.
    """

    def __init__(self, seed: int = 0, rules: Sequence[MailRule] = ()) -> None:
        self.seed = seed
        self.rules = tuple(rules)
        self._seen = Tally()

    def replace(self, rules: Sequence[MailRule], seed: int | None = None) -> None:
        """Put other rules in force; counting starts again."""
        self._seen.clear()
        self.seed = self.seed if seed is None else seed
        self.rules = tuple(rules)

    def full(self, operator: str) -> bool:
        """Tell whether an operator's disk is to be taken for full."""
        return any(
            each.effect.lasting is Lasting.DISK and each.operator in ("", operator)
            for each in self.rules
        )

    def strike(
        self, channel: Channel, point: str, *, mailbox: str = "", parties: tuple[str, ...] = (),
        actor: Actor | None = None,
    ) -> Strike | None:  # fmt: skip
        """Count one event and return what befalls it.

        Args:
            channel: where.
            point: command, CONNECT or MESSAGE.
            mailbox: that it is about, as far as it is known.
            parties: sender and recipient, for greylisting.
            actor: who has logged in.
        """
        if not self.rules:
            return None
        seconds, ending = 0.0, None
        for index, rule in enumerate(self.rules):
            effect = rule.effect
            if effect.lasting or not rule.fits(channel, point, mailbox, actor):
                continue
            scope = channel.session if rule.per == "session" else ""
            count = self._seen.count(index, scope)
            if rule.nth is not None and rule.nth != count:
                continue
            if rule.probability < 1 and (
                uniform(self.seed, index, rule.fault, count) >= rule.probability
            ):
                continue
            if effect.once and self._seen.count(index, "once", channel.client, *parties) > 1:
                continue
            if effect.delays:
                seconds += rule.seconds
            else:
                ending = ending or rule
        return Strike(seconds=seconds, rule=ending) if seconds or ending else None
