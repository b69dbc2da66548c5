"""One operator assembled: its files, its logins, its servers, its relay; started and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from sandbox.directory import Directory
from sandbox.operators.auth.access_control import AccessControl
from sandbox.operators.auth.accounts import Grant
from sandbox.operators.auth.ciba_ping import Pings
from sandbox.operators.auth.ecps_proxy import CibaProxy, Unanswered
from sandbox.operators.auth.ecps_token import TokenLogin
from sandbox.operators.auth.psc_client import PscClient, Registration, Timing
from sandbox.operators.auth.verifier import HeldVerifier
from sandbox.operators.fault_rules import MailFaults
from sandbox.operators.imap import ImapService, ImapSettings, serve
from sandbox.operators.listener import Inbound, Listener
from sandbox.operators.login import Alarm, Logins
from sandbox.operators.mail_host import MailHost, OperatorSettings
from sandbox.operators.observing import Observer
from sandbox.operators.policy import OperatorPolicy
from sandbox.operators.post import PostOffice
from sandbox.operators.relay.policy import is_listed
from sandbox.operators.smtp import SmtpLimits, SubmissionServer
from sandbox.serve import Pool, client_context
from sandbox.space.methods import Method
from sandbox.trust import DomainList

__all__ = ["Operator", "Providers"]

FAREWELL_SECONDS = 10.0  # that who is in has to be done, when the operator leaves
FOLLOW_SECONDS = 1.0  # between two looks at the directory
_POSTMASTER = "postmaster"


@dataclass(frozen=True, slots=True, kw_only=True)
class Providers:
    """Where people answer.

    Attributes:
        psc: the operator as client of Pro Santé Connect.
        own: the operator as client of its own CIBA, from `own_registration`.
        unanswered: what its SMS gateway knows of a request that nobody answered.
        timing: the clock of both, which is the space's.
    """

    psc: Registration
    own: Registration
    unanswered: Unanswered
    timing: Timing = field(default_factory=Timing)


class Operator(MailHost):
    """One operator.

    Args:
        settings: what it is.
        directory: people, structures, mailboxes.
        listed: the list of domains in force.
        providers: Pro Santé Connect and its own CIBA.
        policy: what it asks and allows.
        observer: told of logins, sessions, deliveries.
        pool: further bounds on connections, which mail of all operators shares.
        faults: misbehaviours that were asked for.

    Attributes:
        domains: that it serves: its own, but those that moved away, and those that came.
        access: accounts, holdings, authenticator.
        pings: what Pro Santé Connect tells it of requests, where it is pinged.
    """

    def __init__(
        self,
        settings: OperatorSettings,
        *,
        policy: OperatorPolicy,
        directory: Directory,
        listed: Callable[[], DomainList],
        providers: Providers,
        observer: Observer | None = None,
        pool: Pool | None = None,
        faults: MailFaults | None = None,
    ) -> None:
        super().__init__(
            settings,
            listed=listed,
            revocation=policy.access.revocation,
            traffic_months=policy.traffic_months,
            faults=faults,
            observer=observer,
            pool=pool,
        )
        self._directory = directory
        self._policy = policy
        self._alarm = Alarm()
        self.domains = settings.domains
        self.follow()
        trust = client_context(settings.bundle)
        self.pings = Pings()
        psc, own = (
            PscClient(each, trust, timeout=policy.psc_timeout, timing=providers.timing, pings=pings)
            for each, pings in (
                (providers.psc, self.pings if policy.pinged else None),
                (providers.own, None),
            )
        )
        proxies = (
            CibaProxy(psc, policy.hold, self.journal),
            CibaProxy(
                own, policy.hold, self.journal, method=Method.SMS,
                unanswered=providers.unanswered,
            ),
        )  # fmt: skip
        held: dict[Method, HeldVerifier] = {
            Method.ECPS: proxies[0],
            Method.SMS: proxies[1],
        }
        bundle = settings.bundle.read_bytes()
        self.access = AccessControl(
            settings.folder,
            directory=directory,
            domains=lambda: self.domains,
            bundle=bundle,
            journal=self.journal,
            policy=policy.access,
            held=held,
            tokens=TokenLogin(psc, policy.tokens, self.journal, timing=providers.timing),
        )
        for each in (self.access, psc, own, *proxies):
            self._stack.push_async_callback(each.close)

    def grant(self, grants: Iterable[Grant]) -> None:
        """Give accesses to holders that have none yet."""
        accounts = self.access.accounts
        accounts.put(
            [each for each in grants if accounts.access(each.mailbox, each.identity) is None]
        )

    async def start(self) -> None:
        """Open the mailboxes that the directory knows here, then listen and relay.

        Raises:
            OSError: an address or port cannot be had.
        """
        settings = self.settings
        await self._open_store(full=lambda: self._faults.full(settings.label))
        await self.open_mailboxes()
        self._beside(self._follow_directory())
        post = PostOffice(
            self.store,
            operator=settings.label,
            domains=lambda: self.domains,
            home=self._home,
            host=settings.relay.place.host,
            journal=self.journal,
            observer=self._observer,
            closed=self._closed,
        )
        logins = Logins(
            judge=self.access.authenticator,
            journal=self.journal,
            observer=self._observer,
            recheck_seconds=self.access.policy.recheck_seconds,
            alarm=self._alarm,
        )
        submission = SubmissionServer(
            post,
            logins,
            may_receive=lambda domain: is_listed(self._listed(), domain),
            limits=SmtpLimits(login_seconds=self._policy.login_seconds),
            faults=self._faults,
        )
        relay = await self._start_relay(post)
        imap = ImapService(
            self.store,
            logins,
            settings=ImapSettings(
                login_seconds=self._policy.login_seconds,
                keepalive_seconds=self._policy.keepalive,
            ),
            faults=self._faults,
        )
        protocols = {
            "imap": serve(imap), "smtp": submission.protocol, "relay": relay.protocol
        }  # fmt: skip

        def factory(arrival: Inbound) -> asyncio.Protocol:
            return protocols[arrival.listener.place.protocol](arrival)

        self._stack.push_async_callback(submission.settled)
        for listeners in _shared((*settings.listeners, settings.relay)):
            await self._listen(listeners, factory, self._policy.bounds(listeners))

    async def dismiss(self) -> None:
        """Listen no more, say goodbye to who is in; what waits for its relay goes on."""
        await asyncio.gather(*(each.dismiss(FAREWELL_SECONDS) for each in self.doors))
        self.doors.clear()

    def follow(self) -> None:
        """Take the domains that the directory gives this operator."""
        fed = {each.name: each.operator for each in self._directory.domains()}
        away = {name for name, operator in fed.items() if operator != self.settings.label}
        self.domains = frozenset((self.settings.domains - away) | (fed.keys() - away))

    def _home(self) -> str:
        """Return the domain that reports: one in force, else that of the plan.

        Notifications from a domain that is off the list are taken by nobody.
        """
        in_force = {each.name for each in self._directory.domains() if not each.removed}
        return min(self.domains & in_force, default=min(self.settings.domains))

    def recheck(self) -> None:
        """Have open sessions looked at now: what they stand on changed."""
        self._alarm.ring()

    async def open_mailboxes(self) -> None:
        """Open the mailboxes that the directory has here, those that are new."""
        withdrawn = {each.name for each in self._directory.domains() if each.removed}
        for domain in self.domains - withdrawn:
            boxes = self._directory.mailboxes("d.name = ?", (domain,))
            # Every domain has one who answers for it (RFC 5321 §4.5.1).
            addresses = [f"{_POSTMASTER}@{domain}", *(box.address for box in boxes)]
            new = [each for each in addresses if not self.store.has_mailbox(each)]
            if new:
                await self.store.provision(new)

    def in_flight(self, domain: str) -> int:
        """Return how many recipients of the queue a domain sends to, or is sent mail of."""
        ending = f"@{domain}"
        return sum(
            each.recipient.address.endswith(ending) or each.envelope.reverse_path.endswith(ending)
            for each in self.store.queue()
        )

    async def remove(self, target: str) -> int:
        """End the sessions of a mailbox, or of all of a `@domain`, and remove what they hold.

        The directory has them no more: nobody may come back. Returns how many there were.
        """
        whole = target.startswith("@")
        mine = [
            each for each in self.store.mailboxes()
            if (each.endswith(target) if whole else each == target)
        ]  # fmt: skip
        self.recheck()
        await self.store.remove(mine)
        return len(mine)

    def _closed(self, address: str) -> bool:
        """Tell whether a mailbox that was opened here is no more in the directory."""
        if address.partition("@")[0] == _POSTMASTER:
            return False
        return self._directory.mailbox(address) is None

    async def _follow_directory(self) -> None:
        """Open what is fed to the directory while we run."""
        seen = self._directory_version()
        while True:
            await asyncio.sleep(FOLLOW_SECONDS)
            version = self._directory_version()
            if version != seen:
                seen = version
                self.follow()
                await self.open_mailboxes()
                self.recheck()

    def _directory_version(self) -> int:
        """Return a number that another connection's commit changes (SQLite's data_version)."""
        row = self._directory.connection().execute("PRAGMA data_version").fetchone()
        return int(row[0])


def _shared(listeners: Sequence[Listener]) -> list[list[Listener]]:
    """Group the listeners that one socket serves, told apart by SNI."""
    found: dict[tuple[str, int], list[Listener]] = {}
    for listener in listeners:
        found.setdefault((listener.place.address, listener.place.port), []).append(listener)
    return list(found.values())
