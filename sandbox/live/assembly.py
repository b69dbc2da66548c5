"""From the plan to operators: listeners with their TLS, accounts, their web."""

from __future__ import annotations

import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from starlette.types import ASGIApp

from sandbox.directory import Directory
from sandbox.live.autoconfig import Discovery, autoconfig_handler
from sandbox.live.cast import CastAccount
from sandbox.live.folder import SpaceFolder
from sandbox.live.keys import Keys
from sandbox.live.plan import CitizensPlan, OperatorPlan, SpacePlan
from sandbox.live.providers import OWN_CLIENT, client_of, own_secret
from sandbox.live.room import Room
from sandbox.live.services import server_context_of, server_files
from sandbox.live.wire import WireSettings
from sandbox.operators.auth.accounts import Grant
from sandbox.operators.auth.ciba_operator import own_registration
from sandbox.operators.auth.ciba_ping import with_pings
from sandbox.operators.auth.psc_client import CibaRequest, Registration, Timing
from sandbox.operators.enrolment import Enrolment, application
from sandbox.operators.fault_rules import MailFaults
from sandbox.operators.listener import Listener, endpoint_context
from sandbox.operators.mail_host import OperatorSettings
from sandbox.operators.observing import Observer
from sandbox.operators.operator import Operator, Providers
from sandbox.operators.refusals import LoginRefusal
from sandbox.psc import Clock
from sandbox.psc.settings import PATHS
from sandbox.serve import HttpServer, Service
from sandbox.serve.plain import plain_app
from sandbox.space.methods import Method
from sandbox.space.places import Place
from sandbox.trust import DomainList

__all__ = ["Assembly", "Fate", "grants_of", "settings_of"]

# What an operator's SMS gateway knows of a request that nobody answered.
Fate = Callable[[str, CibaRequest], Awaitable[LoginRefusal | None]]


def grants_of(account: CastAccount) -> list[Grant]:
    """Return what an operator gives the holders of an account, but for applications."""
    return [
        Grant(
            mailbox=account.address,
            identity=holder.identity,
            password=holder.password,
            totp=holder.totp,
            held=Method.SMS if Method.SMS in holder.methods else Method.ECPS,
        )
        for holder in account.holders
        if holder.password
    ]


def settings_of(
    own: OperatorPlan | CitizensPlan, plan: SpacePlan, keys: Keys, folder: SpaceFolder,
    relay: Listener, listeners: tuple[Listener, ...] = (),
) -> OperatorSettings:  # fmt: skip
    """Return what an operator of a space is."""
    chain, key = server_files(keys, f"{own.label}/relay")
    return OperatorSettings(
        label=own.label,
        domains=frozenset({own.domain}),
        folder=folder.path / "operators" / own.label,
        listeners=listeners,
        relay=relay,
        chain=chain,
        key=key,
        bundle=keys.bundle,
        name_server=(plan.dns.address, plan.dns.port),
        suffix=plan.suffix,
        relay_port=own.relay.port,
    )


@dataclass(kw_only=True)
class Assembly:
    """Everything that operators are made of.

    Attributes:
        plan, wire, keys, folder, directory, accounts: of the space.
        domains: the list in force.
        observer: told of logins, sessions, deliveries.
        clock: by which tokens live.
        room: connections at once.
        faults: of mail, that were asked for.
        issuer: of Pro Santé Connect.
        own_issuers: of each operator's own CIBA.
        fate: by operator, what its SMS gateway knows.
    """

    plan: SpacePlan
    wire: WireSettings
    keys: Keys
    folder: SpaceFolder
    directory: Directory
    accounts: tuple[CastAccount, ...]
    domains: Callable[[], DomainList]
    observer: Observer
    clock: Clock
    room: Room
    faults: MailFaults
    issuer: str
    own_issuers: Mapping[str, str]
    fate: Fate
    _bundle: str = field(default="", init=False)

    async def build(self) -> dict[str, Operator]:
        """Return the operators, not started, on the loop that will run them."""
        self._bundle = self.keys.bundle.read_text("ascii")
        made: dict[str, Operator] = {}
        try:
            for each in self.plan.operators:
                made[each.label] = self._operator(each)
        except BaseException:
            for operator in made.values():
                await operator.stop()
            raise
        return made

    def web(self, operators: Mapping[str, Operator]) -> dict[str, Sequence[Service]]:
        """Return each operator's web: autoconfiguration (HTTPS and HTTP), enrolment (HTTPS)."""
        servers: dict[str, Sequence[Service]] = {}
        for plan in self.plan.operators:
            plain = plain_app(autoconfig_handler(self._discovery(plan)))
            at, pages = plan.autoconfig, plan.accounts
            context = server_context_of(self.keys, f"{plan.label}/autoconfig")
            enrolment = Enrolment(
                operators[plan.label].access,
                operator=plan.label,
                host=pages.host,
                port=pages.port,
            )
            servers[plan.label] = [
                self._http(plain, at.address, at.port, context),
                self._http(plain, at.address, plan.autoconfig_http),
                self._http(
                    with_pings(application(enrolment), operators[plan.label].pings),
                    pages.address,
                    pages.port,
                    self._context(f"{plan.label}/accounts", "optional"),
                ),
            ]
        return servers

    def _http(
        self, app: ASGIApp, host: str, port: int, context: ssl.SSLContext | None = None
    ) -> HttpServer:
        return HttpServer(app=app, host=host, port=port, context=context, pool=self.room.web)

    def _discovery(self, operator: OperatorPlan) -> dict[str, Discovery]:
        paths = PATHS["psc"]
        origin = self.plan.psc.url()
        return {
            base: Discovery(
                domain=base,
                name=operator.organisation.name,
                endpoints=tuple(e for e in operator.endpoints if e.design == design),
                policy=self.plan.policy,
                issuer=origin + paths["issuer"],
                authorization=origin + paths["authorization"],
                token=origin + paths["token"],
            )
            for base, design in operator.discovery
        }

    def _operator(self, plan: OperatorPlan) -> Operator:
        settings = settings_of(
            plan, self.plan, self.keys, self.folder, self._listener(plan.relay),
            tuple(self._listener(each) for each in plan.endpoints),
        )  # fmt: skip
        operator = Operator(
            settings,
            policy=self.wire.operator,
            directory=self.directory,
            listed=self.domains,
            providers=Providers(
                psc=Registration(
                    issuer=self.issuer,
                    client_id=client_of(plan.label),
                    client_secret=self.folder.secret(plan.label),
                ),
                own=own_registration(
                    self.own_issuers[plan.label], OWN_CLIENT, own_secret(self.folder, plan.label)
                ),
                unanswered=partial(self.fate, plan.label),
                timing=Timing(now=self.clock.now, ahead=lambda: self.clock.now() - time.time()),
            ),
            observer=self.observer,
            pool=self.room.mail,
            faults=self.faults,
        )
        for account in self.accounts:
            if account.operator == plan.label:
                operator.grant(grants_of(account))
        return operator

    def _listener(self, place: Place) -> Listener:
        return Listener(
            place=place,
            mechanisms=self.plan.mechanisms(place) if place.methods else (),
            context=self._context(place.certificate, place.client_certificate),
        )

    def _context(self, certificate: str, client_certificate: str) -> ssl.SSLContext:
        return endpoint_context(
            *server_files(self.keys, certificate),
            self._bundle,
            client_certificate=client_certificate,
            tls13=self.wire.tls13,
            tickets=self.wire.tickets,
        )
