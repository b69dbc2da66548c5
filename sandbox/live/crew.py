"""Some operators on one event loop, with their web and their copy of the list of domains.

A space has one crew on a loop of its own process, or several, each in a process of its own
(`crew_process`): who asks a crew for something does not see which.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sandbox.directory import Directory
from sandbox.live.assembly import Assembly, Fate
from sandbox.live.cast import CastAccount
from sandbox.live.folder import SpaceFolder
from sandbox.live.fronts import Fronts
from sandbox.live.keys import Keys
from sandbox.live.mailboxes import empty, fill
from sandbox.live.plan import SpacePlan
from sandbox.live.room import Room
from sandbox.live.services import ListReader, list_url
from sandbox.live.starting import STOP_SECONDS, started
from sandbox.live.wire import WireSettings
from sandbox.operators.auth.accounts import Grant
from sandbox.operators.fault_rules import MailFaults, MailRule
from sandbox.operators.operator import Operator
from sandbox.operators.recorder import Recorder, Seen
from sandbox.operators.store import PackedMailbox
from sandbox.psc import Clock
from sandbox.serve import Loop
from sandbox.space.errors import UserError

__all__ = ["CrewPlan", "Crewed", "OperatorCrew"]

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CrewPlan:
    """What a crew is made of; plain data.

    Attributes:
        plan: of the space, with the operators of this crew alone.
        wire: how servers are set.
        accounts: who may log in.
        folder: of the space.
        issuer: of Pro Santé Connect.
        own_issuers: of each operator's own CIBA.
        list_file: where its copy of the list of domains is kept.
        rules, faults_seed: mail faults in force.
        clock: setting of the space's clock.
        start: instant that minutes of observations are counted from.
        operators: of the whole space, for the share of descriptors.
        gone: those of its operators that have left: they listen no more.
    """

    plan: SpacePlan
    wire: WireSettings
    accounts: tuple[CastAccount, ...]
    folder: Path
    issuer: str
    own_issuers: dict[str, str]
    list_file: str
    rules: tuple[MailRule, ...]
    faults_seed: int
    clock: tuple[float, float | None]
    start: float
    operators: int
    gone: tuple[str, ...] = ()


class Crewed(Protocol):
    """What a space asks of a crew."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Its operators."""

    @property
    def pid(self) -> int:
        """The process that they are in."""

    def do(
        self, act: Callable[Concatenate[OperatorCrew, P], T], *args: P.args, **more: P.kwargs
    ) -> T:
        """Do what a method of `OperatorCrew` does: `do(OperatorCrew.empty, label, address)`.

        Raises:
            UserError: its process is down; or what the method raises.
        """

    def offer(
        self, act: Callable[Concatenate[OperatorCrew, P], None], *args: P.args, **more: P.kwargs
    ) -> None:
        """As `do`; one that is down does without: it takes what is in force when it starts."""

    def set_clock(self, setting: tuple[float, float | None]) -> None:
        """Follow the space's clock."""

    def seen(self) -> Seen | None:
        """Return what its servers saw; None when its process is down."""

    def kill(self) -> None:
        """End its process at once, as `kill -9` does.

        Raises:
            UserError: it has none of its own.
        """


class OperatorCrew:
    """A crew in this process, while its `with` block lasts.

    Args:
        made: what it is made of.
        pid: of this process.
        directory: people, structures, mailboxes.
        keys: certificates of the space.
        room: connections at once.
        fate: what the operators' SMS gateways know of a request.
        tell: told what goes wrong.
        clock, faults, recorder: of this process.

    Attributes:
        operators: by label.
        loop: that runs them.
    """

    operators: dict[str, Operator]
    _fronts: Fronts

    def __init__(
        self,
        made: CrewPlan,
        *,
        pid: int,
        directory: Directory,
        keys: Keys,
        room: Room,
        fate: Fate,
        tell: Callable[[str], None],
        clock: Clock,
        faults: MailFaults,
        recorder: Recorder,
    ) -> None:
        self.pid = pid
        self.loop = Loop("operators")
        self.recorder = recorder
        self._clock, self._faults, self._keys = clock, faults, keys
        self._stack = contextlib.ExitStack()
        self._made = made
        self._reader = ListReader(
            list_url(made.plan),
            keys.bundle,
            made.folder / "list" / made.list_file,
            keys.ca.is_revoked,
            tell,
        )
        self._assembly = Assembly(
            plan=made.plan, wire=made.wire, keys=keys, folder=SpaceFolder(made.folder),
            directory=directory, accounts=made.accounts, domains=self._reader.domains,
            observer=recorder, clock=clock, room=room, faults=faults, issuer=made.issuer,
            own_issuers=made.own_issuers, fate=fate,
        )  # fmt: skip

    @property
    def labels(self) -> tuple[str, ...]:
        """Its operators."""
        return tuple(each.label for each in self._made.plan.operators)

    def __enter__(self) -> OperatorCrew:
        with contextlib.ExitStack() as stack:
            stack.callback(self.loop.close)
            self.operators = self.loop.run(self._assembly.build())
            started(stack, self.loop, [self._reader])
            self._web = self._assembly.web(self.operators)
            web = [server for servers in self._web.values() for server in servers]
            started(stack, self.loop, [*self.operators.values(), *web])
            self._fronts = Fronts(self.operators, self._keys)
            self.loop.run(self._fronts.apply(self._faults.rules), 30.0)
            for label in self._made.gone:
                self.dismiss(label)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def do(
        self, act: Callable[Concatenate[OperatorCrew, P], T], *args: P.args, **more: P.kwargs
    ) -> T:
        """See `Crewed`."""
        return act(self, *args, **more)

    offer = do

    def grant(self, label: str, grants: Sequence[Grant]) -> None:
        """Open what the directory has new at an operator, and give accesses there."""
        operator = self.operators[label]
        operator.grant(grants)
        self.loop.run(operator.open_mailboxes(), 30.0)

    def fill(self, label: str, address: str, count: int, documents: bool) -> int:
        """See `mailboxes.fill`."""
        return self.loop.run(fill(self.operators[label].store, address, count, documents))

    def empty(self, label: str, address: str) -> int:
        """See `mailboxes.empty`."""
        return self.loop.run(empty(self.operators[label].store, address))

    def in_flight(self, domain: str) -> int:
        """Return how many recipients of its queues a domain sends to, or is sent mail of."""
        every = self.operators.values()
        return self.loop.call(lambda: sum(each.in_flight(domain) for each in every), 30.0)

    def remove(self, label: str, target: str) -> int:
        """Remove a mailbox, or all of a `@domain`; return how many there were."""
        return self.loop.run(self.operators[label].remove(target), None)

    def follow(self) -> None:
        """Take the domains that the directory gives now, with their mailboxes."""

        async def follow() -> None:
            for each in self.operators.values():
                each.follow()
                await each.open_mailboxes()
                each.recheck()

        self.loop.run(follow(), None)

    def addresses(self, label: str, domain: str) -> list[str]:
        """Return the mailboxes of a domain that an operator's store holds."""
        every = self.loop.call(self.operators[label].store.mailboxes, 30.0)
        return [each for each in every if each.endswith(f"@{domain}")]

    def pack(self, label: str, address: str) -> PackedMailbox:
        """See `MailStore.pack`."""
        return self.loop.run(self.operators[label].store.pack(address), None)

    def unpack(self, label: str, address: str, packed: PackedMailbox) -> int:
        """See `MailStore.unpack`."""
        return self.loop.run(self.operators[label].store.unpack(address, packed), None)

    def flush(self) -> None:
        """Try at once what waits for a relay."""
        for operator in self.operators.values():
            self.loop.call(operator.runner.flush, 30.0)

    def leave(self, label: str) -> None:
        """Have an operator give up what waits for its relay; senders are told."""
        self.loop.call(self.operators[label].runner.leave, 30.0)

    def dismiss(self, label: str) -> None:
        """Have an operator listen no more; who is in is told."""

        async def dismiss() -> None:
            await asyncio.gather(
                self.operators[label].dismiss(), *(each.stop() for each in self._web[label])
            )

        self.loop.run(dismiss(), None)

    def queued(self, label: str) -> int:
        """Return how many deliveries wait at an operator."""
        return len(self.loop.call(self.operators[label].store.queue, 30.0))

    def refresh_list(self) -> None:
        """Read the list of domains now."""
        self.loop.run(self._reader.refresh(), STOP_SECONDS)

    def set_faults(self, rules: Sequence[MailRule], seed: int) -> None:
        """Put mail faults in force in place of all others."""
        self._faults.replace(rules, seed)
        self.loop.run(self._fronts.apply(rules), 30.0)

    def set_clock(self, setting: tuple[float, float | None]) -> None:
        """See `Crewed`."""
        self._clock.follow(setting)

    def seen(self) -> Seen:
        """See `Crewed`."""
        return self.recorder.seen()

    def kill(self) -> None:
        """See `Crewed`."""
        raise UserError(
            "ses opérateurs sont dans le processus de l'espace ; démarrer avec --processes",
            "its operators are in the process of the space; start with --processes",
            where=", ".join(self.labels),
        )
