"""A live space: everything started in order, stopped in time, found again at the next start."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias, TypeVar

from sandbox.directory import Directory
from sandbox.live.assembly import grants_of
from sandbox.live.cast import CastAccount, add_account, cast_of
from sandbox.live.certificates import wanted_by_people
from sandbox.live.citizens import Citizens
from sandbox.live.control import control_application
from sandbox.live.crew import CrewPlan, OperatorCrew
from sandbox.live.crew_process import CrewProcess
from sandbox.live.crews import Crews
from sandbox.live.faults import SpaceFaults
from sandbox.live.founding import found
from sandbox.live.fronts import bad_certificates
from sandbox.live.keys import Keys
from sandbox.live.launch import LiveOptions, scenario_begin
from sandbox.live.lifecycle import LifeCycle
from sandbox.live.plan import OperatorPlan, SpacePlan
from sandbox.live.providers import national_clients, national_provider, own_providers
from sandbox.live.room import Room, open_files, share_out
from sandbox.live.scenario_time import windows_of
from sandbox.live.services import (
    DirectoryService,
    enrol_domains,
    server_context_of,
    tls_files,
    trust_services,
)
from sandbox.live.sheet import account_entry, build_sheet
from sandbox.live.sheet_file import write_sheet
from sandbox.live.starting import started
from sandbox.live.wire import WireSettings
from sandbox.operators.auth.ciba_operator import sms_fate
from sandbox.operators.auth.psc_client import CibaRequest
from sandbox.operators.auth.revocation import Revocation
from sandbox.operators.operator import Operator
from sandbox.operators.recorder import Recorder, Seen
from sandbox.operators.refusals import LoginRefusal
from sandbox.psc import Clock, Running
from sandbox.psc.from_directory import DirectoryPeople
from sandbox.psc.provider import Provider
from sandbox.serve import HttpServer, Loop
from sandbox.space.errors import UserError
from sandbox.space.files import write_private
from sandbox.space.scenario import Scenario
from sandbox.trust import DomainLedger, load_bundle
from sandbox.trust.authority import TestCA
from sandbox.trust.resolver import Resolver
from sandbox.trust.zone import Host, ZoneSpec, hosts_lines

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from sandbox.observations.observations import Observations

__all__ = ["Console", "ConsoleMaker", "LiveSpace"]

T = TypeVar("T")
# From a space that is up and the secret of its control API; closed when the space stops.
ConsoleMaker: TypeAlias = Callable[["LiveSpace", str], "Console"]


class Console(Protocol):
    """A console: what answers, and what it keeps busy meanwhile."""

    @property
    def app(self) -> ASGIApp:
        """What answers HTTP."""

    def close(self) -> None:
        """Let go of what it holds."""


class LiveSpace:
    """A space on sockets while its `with` block lasts.

    Args:
        options: what to bring up.
        tell: told what takes long.
        console: makes what is served at the console's address; None serves nothing there.

    Attributes:
        sheet: the content of `space.json`.
        source: name or file of its scenario.
        scenario: what it was made from.
        plan: names, addresses, ports.
        wire: how servers are set.
        accounts: who may log in.
        keys: the authority and its certificates.
        directory: people, structures, mailboxes.
        citizens: the operator of Mon espace santé.
        console: what its maker gave, None for none.
        faults: of mail, CRL and OCSP, changed at will.
        resolver: answers DNS, with faults of its own.
        ledger: history of the list of domains.
        clock: by which requests and tokens live, at Pro Santé Connect and at operators.
        life: of its domains and mailboxes.
    """

    life: LifeCycle
    sheet: dict[str, Any]
    source: str
    scenario: Scenario
    plan: SpacePlan
    wire: WireSettings
    accounts: tuple[CastAccount, ...]
    keys: Keys
    directory: Directory
    citizens: Citizens
    resolver: Resolver
    ledger: DomainLedger

    def __init__(
        self,
        options: LiveOptions | None = None,
        tell: Callable[[str], None] = lambda _: None,
        *,
        console: ConsoleMaker | None = None,
    ) -> None:
        self._options = options or LiveOptions()
        self._tell = tell
        self._console = console
        self.console: Console | None = None
        self._stack = contextlib.ExitStack()
        self.faults = SpaceFaults(self._try_relays, self._spread_faults)
        self._adding = threading.Lock()
        self._crews = Crews()
        self.sheet = {}
        self.clock = Clock()
        self.clock.moved = self._crews.set_clock

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def psc(self) -> Running:
        """Pro Santé Connect, to decide for people and to move its clock."""
        return self._psc.running

    @property
    def operators(self) -> dict[str, Operator]:
        """Those of this process, by label: none where they have processes of their own."""
        return self._crews.operators

    def ciba(self, operator: str) -> Running:
        """Return an operator's own CIBA."""
        return self._own[operator].running

    @property
    def ca(self) -> TestCA:
        """The test authority."""
        return self.keys.ca

    @property
    def issued(self) -> Path:
        """Folder of the certificates that people have had issued, with their keys."""
        return self.keys.folder / "issued"

    def providers(self) -> dict[str, Provider]:
        """Return Pro Santé Connect under the empty name, each operator's own CIBA under its own."""
        own = {
            label: each.running.provider for label, each in self._own.items()
            if label not in self.life.changes.leavers()
        }  # fmt: skip
        return {"": self._psc.running.provider, **own}

    def run(self, work: Coroutine[Any, Any, T], timeout: float | None = 30.0) -> T:
        """Run a coroutine on the loop of the operators of this process; return what it gives.

        Raises:
            UserError: they have processes of their own.
        """
        return self._crews.run(work, timeout)

    def observations(self, design: str) -> Observations:
        """Return what operators saw of a design until now, in the tables of a simulated run.

        Where operators have processes of their own, the most connections of a minute at an endpoint
        of all operators is the sum of each process's most; a process that is down says nothing.

        Raises:
            KeyError: the design is not up.
            UserError: every process is down.
        """
        # pandas and pyarrow would double the time that a space needs to come up.
        from sandbox.operators.recorder_tables import observations_of

        return observations_of(self.seen(), design, scenario=self.plan.scenario, replication=0)

    def seen(self) -> Seen:
        """Return what operators saw until now, as they count it.

        Raises:
            UserError: every process is down.
        """
        return self._crews.seen()

    def add_account(self, address: str) -> dict[str, Any]:
        """Open a mailbox for one more person; return its entry in the sheet.

        Its holder has a card, a telephone for codes and one at Pro Santé Connect. It is kept.

        Args:
            address: in an operator's domain.

        Raises:
            UserError: it cannot be, or nobody is left without an account.
        """
        address = address.lower()
        plan = self._operator_of(address)
        with self._adding:
            account = add_account(self.directory, plan, address, self._seed, self._options.cast)
            self.keys.ensure(wanted_by_people(self.directory, (account,)))
            self._crews.of(plan.label).do(OperatorCrew.grant, plan.label, grants_of(account))
            period = self.wire.operator.access.totp.step_seconds
            entry = account_entry(account, self.keys.folder, period)
            self.accounts = (*self.accounts, account)
            self._say(accounts=[*self.sheet["accounts"], entry])
        return entry

    def fill_mailbox(self, address: str, count: int, *, documents: bool = False) -> int:
        """Put `count` messages into an INBOX; return how many it has then. See `mailboxes.fill`."""
        label = self._operator_of(address).label
        return self._crews.of(label).do(OperatorCrew.fill, label, address.lower(), count, documents)

    def empty_mailbox(self, address: str) -> int:
        """Remove all messages of all folders; return how many there were."""
        label = self._operator_of(address).label
        return self._crews.of(label).do(OperatorCrew.empty, label, address.lower())

    def _try_relays(self) -> None:
        self._crews.flush()
        self.citizens.flush()

    def kill(self, operator: str) -> None:
        """Kill the process that an operator is in, as `kill -9` does; it is started again.

        Raises:
            UserError: no such operator, or it has no process of its own.
        """
        pids = self._crews.pids
        if operator not in pids:
            raise UserError.among("opérateur inconnu", "unknown operator", operator[:40], pids)
        self._crews.of(operator).kill()

    def _spread_faults(self) -> None:
        self.keys.ensure(bad_certificates(self.faults.mail.rules, self.plan.operators, self.keys))
        self._crews.set_faults(self.faults.mail.rules, self.faults.mail.seed)

    def _operator_of(self, address: str) -> OperatorPlan:
        return self.life.domains.serving(address.lower().rpartition("@")[2])

    def refresh_list(self) -> None:
        """Have the operators read the list of domains now."""
        self._crews.refresh_list()
        self.citizens.refresh_list()

    def _start(self, stack: contextlib.ExitStack) -> None:
        founded = found(stack, self._options, self._tell)
        self.folder, self.source = founded.folder, founded.founding.scenario
        self.scenario, self.plan, self.wire = founded.scenario, founded.plan, founded.wire
        self.directory, self.accounts, self.keys = founded.directory, founded.accounts, founded.keys
        self._seed, self._count = founded.founding.seed, founded.processes
        self._serve(stack)

    def _serve(self, stack: contextlib.ExitStack) -> None:
        plan, folder = self.plan, self.folder
        known = (*plan.zone.hosts, Host(plan.dns.host, (plan.dns.address,)))
        hosts = "".join(f"{line}\n" for line in hosts_lines(known))
        write_private(folder.path / "hosts", hosts.encode())
        (folder.path / "list").mkdir(exist_ok=True, mode=0o700)
        (folder.path / "psc").mkdir(exist_ok=True, mode=0o700)
        ledger = self.ledger = DomainLedger(folder.path / "list" / "history.jsonl")
        enrol_domains(ledger, (*plan.operators, plan.citizens, *plan.joined), self.keys)
        shared_loop = Loop("space")
        stack.callback(shared_loop.close)
        clients = national_clients(plan, self.wire, folder)
        self.life = LifeCycle(
            plan, self.directory, ledger, self.keys, self._crews,
            folder.path / "lifecycle.jsonl",
            zoned=self._publish_zone, ended=self._forget_closed, tell=self._tell,
            gone=lambda label: shared_loop.run(self._own[label].stop()),
        )  # fmt: skip
        self.resolver = Resolver(replace(self.life.domains.zone(), ttl=self.wire.dns_ttl))
        people = DirectoryPeople(self.directory)
        outages = windows_of(
            self.scenario, scenario_begin(self._options, self.scenario), self.clock.now()
        )
        room = share_out(open_files(), len(plan.operators))
        if room.warning:
            self._tell(room.warning)
        policy = self.wire.operator.access.revocation
        revocation = Revocation(load_bundle(tls_files(self.keys, "psc").ca.read_bytes()), policy)
        stack.callback(lambda: shared_loop.run(revocation.close()))
        self._psc = national_provider(
            plan, self.wire, self.keys, folder, people,
            clients=clients, revocation=revocation, outages=outages,
            seed=self._seed, clock=self.clock, pool=room.shared,
        )  # fmt: skip
        annuaire = DirectoryService(self.directory, plan, self.keys, room.directory)
        self._own = own_providers(
            plan, self.wire, self.keys, folder, people,
            seed=self._seed, clock=self.clock, pool=room.shared,
        )  # fmt: skip
        shared = [
            *trust_services(
                plan, self.keys, ledger, self.faults.pki, resolver=self.resolver, pool=room.shared
            ),
            self._psc,
            *self._own.values(),
            annuaire,
        ]
        started(stack, shared_loop, shared)
        self._man(stack, room)
        self.citizens = Citizens(
            plan, self.wire, self.keys, folder,
            pool=room.mail, faults=self.faults.mail, tell=self._tell,
        )  # fmt: skip
        stack.enter_context(self.citizens)
        self.life.resume()
        control = HttpServer(
            app=control_application(self, folder.secret("control")),
            host=plan.control.address,
            port=plan.control.port,
            context=server_context_of(self.keys, "control"),
            pool=room.shared,
        )
        started(stack, shared_loop, [control])
        self.sheet = build_sheet(
            plan,
            self.wire,
            self.accounts,
            folder,
            self.keys,
            most=room.mail.most,
            issuer=self._psc.running.issuer,
            outages=outages,
            clients=[each for each in clients if each.client_secret],
            fhir=annuaire.server.fhir_url,
            extractions=annuaire.server.extraction_url,
            processes=self._crews.pids,
            console=self._console is not None,
        )
        if self._console is not None:
            self._show(stack, self._console)
        write_sheet(folder, self.sheet)
        stack.callback(folder.sheet.unlink, missing_ok=True)

    def _show(self, stack: contextlib.ExitStack, make: ConsoleMaker) -> None:
        """Serve the console on a loop of its own: what people look at delays nobody's mail."""
        console = self.console = make(self, self.folder.secret("control"))
        stack.callback(console.close)
        loop = Loop("console")
        stack.callback(loop.close)
        at = self.plan.console
        started(stack, loop, [HttpServer(app=console.app, host=at.address, port=at.port)])

    def _man(self, stack: contextlib.ExitStack, room: Room) -> None:
        """Start the operators: here, or shared out to processes, the largest first in turn."""
        plans, count = self.plan.operators, self._count
        start = time.time()
        if not count:
            crew = OperatorCrew(
                self._crew_plan(plans, "current.xml", start),
                pid=os.getpid(), directory=self.directory, keys=self.keys, room=room,
                fate=self._fate, tell=self._tell, clock=self.clock, faults=self.faults.mail,
                recorder=Recorder(start),
            )  # fmt: skip
            self._crews.enter_here(stack, crew)
            return
        self._crews.enter_apart(stack, [
            CrewProcess(
                tuple(each.label for each in plans[number::count]),
                partial(self._crew_plan, plans[number::count], f"current-{number}.xml", start),
                fate=self._fate, tell=self._tell, changed=self._rewrite_sheet,
            )
            for number in range(count)
        ])  # fmt: skip

    def _crew_plan(
        self, operators: tuple[OperatorPlan, ...], list_file: str, start: float
    ) -> CrewPlan:
        return CrewPlan(
            plan=replace(self.plan, operators=operators),
            wire=self.wire,
            accounts=self.accounts,
            folder=self.folder.path,
            issuer=self._psc.running.issuer,
            own_issuers={label: each.running.issuer for label, each in self._own.items()},
            list_file=list_file,
            rules=self.faults.mail.rules,
            faults_seed=self.faults.mail.seed,
            clock=self.clock.setting,
            start=start,
            operators=len(self.plan.operators),
            gone=tuple(each.label for each in operators if each.label in self.life.changes.left()),
        )

    async def _fate(self, operator: str, request: CibaRequest) -> LoginRefusal | None:
        return await sms_fate(self._own[operator].running.provider)(request)

    def _publish_zone(self, zone: ZoneSpec) -> None:
        # Who asks for records again before their time must see a change: the serial says so.
        serial = self.resolver.zone.serial + 1
        self.resolver.zone = replace(zone, ttl=self.wire.dns_ttl, serial=serial)

    def _forget_closed(self) -> None:
        """Say in the sheet what accounts there are now, and where."""
        with self._adding:
            self.accounts = cast_of(self.directory, self.plan, self._seed, self._options.cast)
            for plan in self.plan.operators:
                grants = [
                    grant for account in self.accounts if account.operator == plan.label
                    for grant in grants_of(account)
                ]  # fmt: skip
                self._crews.of(plan.label).do(OperatorCrew.grant, plan.label, grants)
            period = self.wire.operator.access.totp.step_seconds
            self._say(
                accounts=[account_entry(each, self.keys.folder, period) for each in self.accounts]
            )

    def _rewrite_sheet(self) -> None:
        """Say in the sheet which processes run the operators now."""
        pids = self._crews.pids
        with self._adding:
            known = self.sheet.get("operators", ())
            self._say(operators=[{**each, "pid": pids[each["name"]]} for each in known])

    def _say(self, **members: Any) -> None:
        """Change members of the sheet, if everything has started and there is one."""
        if self.sheet:
            self.sheet = {**self.sheet, **members}
            write_sheet(self.folder, self.sheet)
