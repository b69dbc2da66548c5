"""The methods as dialogues: what passes between software, endpoint, back ends and person.

Each dialogue is assembled from fragments (name look-up, connection, TLS, SASL, method) for one kind
of software, one method and mechanism, one design. What decides between designs and policies stands
here and nowhere else: whether a login that waits for a person holds a connection slot, which caches
are shared, how many round trips a mechanism takes, who is asked for a certificate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from sandbox.observations.schema import Cause, Phase, Protocol
from sandbox.simulation.authentication import Authentication, Items
from sandbox.simulation.draws import exponential, lognormal
from sandbox.simulation.program import Program
from sandbox.simulation.steps import (
    Acquire,
    Branch,
    Clear,
    Deadline,
    Delay,
    Deliver,
    End,
    Enter,
    Exit,
    Fail,
    Fresh,
    Goto,
    Has,
    Hold,
    Mark,
    Purpose,
    Release,
    Retry,
    Scope,
    Serve,
    Spawn,
    Stamp,
)
from sandbox.space.designs import Design, Endpoint
from sandbox.space.login_policies import LoginPolicy
from sandbox.space.methods import METHODS, Feature, Mechanism, Method
from sandbox.space.scenario import Scenario
from sandbox.space.sections.people import Software
from sandbox.space.years import share_to_citizens

__all__ = ["RELAY_GROUP", "RELAY_TRIPS", "Dialogues", "group_of"]

METHOD_LIST = tuple(Method)
NUMBER_OF = {method: number for number, method in enumerate(METHOD_LIST)}
RELAY_GROUP = len(Protocol) * len(METHOD_LIST)
PROMPT = lognormal(4.0, 0.6, 1.0)  # a person dismisses a certificate dialogue
RELAY_ATTEMPTS, RELAY_PAUSE = 8, 300.0
AFTER_LOGIN_TRIPS = {"imap": 3.0, "smtp": 3.0}  # select, search, logout; MAIL+RCPT+DATA, body, quit
# Round trips of the mail protocol from the end of TLS to the end of AUTH, by mechanism: greeting,
# capabilities (EHLO), authentication; XOAUTH2 is sent without initial response by LPS software.
SASL_TRIPS = {
    Mechanism.NONE: 2.0,
    Mechanism.PLAIN: 3.0,
    Mechanism.EXTERNAL: 3.0,
    Mechanism.XOAUTH2: 4.0,
}
PASSWORD = (Method.TOTP, Method.SMS)  # methods that are a second factor beside a password
STARTTLS_TRIPS = 2.0  # greeting and STARTTLS before the handshake
RELAY_TRIPS = 7.0  # TCP, greeting, EHLO, STARTTLS, TLS, EHLO, envelope


def group_of(protocol: Protocol, method: Method) -> int:
    """Return the row of the login histograms for a protocol and method."""
    return int(protocol) * len(METHOD_LIST) + NUMBER_OF[method]


@dataclass(frozen=True, slots=True)
class Dialogues:
    """Writes the programs of one scenario under one design and login policy.

    Attributes:
        dns_miss: by endpoint name, the probability that the provider's resolver must ask.

    A fragment that stands in many programs is written once: its steps are the same objects.
    """

    scenario: Scenario
    design: Design
    policy: LoginPolicy
    dns_miss: Mapping[str, float]
    _written: dict[tuple[object, ...], Items] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def _once(self, key: tuple[object, ...], write: Callable[[], Items]) -> Items:
        """Return a fragment, written at its first use."""
        found = self._written.get(key)
        if found is None:
            found = self._written[key] = write()
        return found

    # ------------------------------------------------------------------ whole programs

    def programs(self) -> Iterator[Program]:
        """Yield every program that somebody may start: of each software and method, the relay's."""
        for name, software in self.scenario.software.items():
            for method in METHOD_LIST:
                if (name == "robot") == (method is Method.CERTIFICATE):
                    yield from self._of(name, software, method)
        yield self._relay()
        if self._receipts():
            yield Program("relay.receipt", RELAY_GROUP, tuple(self._to_operator()))

    def _receipts(self) -> bool:
        """Whether anybody ever sends a receipt."""
        return self.scenario.traffic.receipts_asked + self.scenario.traffic.acknowledged > 0

    def _of(self, name: str, software: Software, method: Method) -> Iterator[Program]:
        """The programs of one kind of software, for each mechanism by which it may log in."""
        attended = name != "robot"
        imap, smtp = group_of(Protocol.IMAP, method), group_of(Protocol.SMTP, method)
        extra = software.imap_connections - 1
        keep: Items = [Hold()] if software.keeps_connection else []
        for mechanism in self.policy.ways(self.design.endpoint("imap", method), method):
            prefix = f"{name}.{method}.{mechanism}"
            after: Items = [Spawn(f"{prefix}.extra", extra)] if extra else []
            session = partial(self._session, "imap", software, method, mechanism)
            yield Program(f"{prefix}.open", imap, tuple(
                session(present=attended, waits=attended, work=after + keep)
            ))  # fmt: skip
            if software.poll_share > 0:
                yield Program(f"{prefix}.poll", imap, tuple(session(present=attended, work=[])))
            if extra:
                yield Program(f"{prefix}.extra", imap, tuple(session(present=False, work=keep)))
            if attended and software.poll_share > 0:
                yield Program(f"{prefix}.alone", imap, tuple(
                    session(present=False, away=True, work=[])
                ))  # fmt: skip
        for mechanism in self.policy.ways(self.design.endpoint("smtp", method), method):
            session = partial(self._session, "smtp", software, method, mechanism)
            send = f"{name}.{method}.{mechanism}.send"
            yield Program(send, smtp, tuple(
                session(present=attended, waits=attended, work=[Spawn("relay", salt=2)],
                        after=[] if attended else self._next_of_batch(send))
            ))  # fmt: skip
            if self._receipts():
                told = session(present=attended, work=[Spawn("relay.receipt", salt=2)])
                yield Program(f"{name}.{method}.{mechanism}.receipt", smtp, tuple(told))

    def _next_of_batch(self, send: str) -> Items:
        """A robot sends what it has in a row, one session after the other, to many people."""
        return [
            Branch(1.0 / self.scenario.traffic.batch, Purpose.BATCH, "last of batch"),
            Spawn(send, salt=3, recipient=True),
            "last of batch",
        ]

    def _relay(self) -> Program:
        """API MSS-IO: from the sending operator's queue to each recipient's mailbox."""
        citizens = share_to_citizens(self.scenario)
        body: Items = [
            Branch(1.0 / self.scenario.traffic.recipients, Purpose.RECIPIENTS, "last recipient"),
            Spawn("relay", salt=4, recipient=True),
            "last recipient",
        ]
        if citizens:
            body += [Branch(citizens, Purpose.CITIZEN, "citizen"), *self._to_operator(), "citizen",
                     *self._to_citizens()]  # fmt: skip
        else:
            body += self._to_operator()
        return Program("relay", RELAY_GROUP, tuple(body))

    def _to_citizens(self) -> Items:
        """To Mon espace santé, which is exempt from the editors' interface and not from this."""
        relay, processor = self.scenario.relay, self.scenario.processor
        return [
            Delay(None, law=exponential(relay.queue_mean), purpose=Purpose.RELAY_QUEUE),
            Delay(None, RELAY_TRIPS * relay.rtt),
            Serve("citizens", None, processor.tls_client_certificate, exponential(processor.relay),
                  Purpose.RELAY_LINK, Scope.NATIONAL),
            Delay(None, relay.rtt),
            Deliver(),
            End(),
        ]  # fmt: skip

    def _to_operator(self) -> Items:
        relay, processor = self.scenario.relay, self.scenario.processor
        return [
            Delay(None, law=exponential(relay.queue_mean), purpose=Purpose.RELAY_QUEUE),
            "again",
            Acquire("mx", "busy", Scope.PEER),
            Delay(None, RELAY_TRIPS * relay.rtt),
            Serve("mx", None, processor.tls_client_certificate, exponential(processor.relay),
                  Purpose.RELAY_LINK, Scope.PEER),
            Delay(None, relay.rtt),
            Deliver(),
            Release("mx", Scope.PEER),
            End(),
            "busy",
            Delay(None, RELAY_PAUSE),
            Retry(RELAY_ATTEMPTS, "again"),
            Fail(Cause.SLOTS_EXHAUSTED),
            End(),
        ]  # fmt: skip

    # ------------------------------------------------------------------ one session

    def _session(
        self, protocol: str, software: Software, method: Method, mechanism: Mechanism, *,
        present: bool, work: Items, waits: bool = False, away: bool = False,
        after: Items | None = None,
    ) -> Items:  # fmt: skip
        """A session from start to end: login with its retries, then the mail work.

        `present`: a person can be asked; `waits`: she waits for the login, and tries again;
        `away`: her telephone rings and nobody hears it; `after`: what follows, however it ended.
        """
        endpoint = self.design.endpoint(protocol, method)
        policies, processor = self.scenario.policies, self.scenario.processor
        cpu = processor.imap_session if protocol == "imap" else processor.submission
        purpose = Purpose.STORE if protocol == "imap" else Purpose.SUBMIT
        methods, timeout = Authentication(self.scenario), software.timeout
        before = self._once(
            ("before", method, mechanism, present, away),
            lambda: methods.before(method, mechanism, present=present, away=away),
        )
        waiting = self._once(
            ("waiting", endpoint.name, timeout),
            lambda: [
                Deadline(timeout, "no slot"),
                *self._once(("look up", endpoint.name), lambda: self._look_up(endpoint)),
                Acquire(endpoint.name, "refused"),
                Deadline(timeout, "timed out"),
                Enter(f"address.{protocol}", "address full"),
            ],
        )
        connect = self._once(
            ("connect", endpoint.name, method, mechanism, present),
            lambda: self._connect(endpoint, method, mechanism, present=present),
        )
        holds = methods.holds(method, mechanism)
        patience = (protocol, timeout, software.refusal_rings) if holds else ()
        inside = self._once(
            ("inside", method, mechanism, present, away, *patience),
            lambda: methods.inside(
                protocol, method, mechanism, software, present=present, away=away
            ),
        )
        mail = self._once(
            ("mail", protocol, waits),
            lambda: [
                Clear(),
                *([Enter("user", "user full")] if protocol == "imap" else []),
                Mark(attended=waits),
                Serve("store", None, law=exponential(cpu), purpose=purpose),
                Delay(None, round_trips=AFTER_LOGIN_TRIPS[protocol]),
            ],
        )
        ends = self._once(("ends", endpoint.name), lambda: self._ends(endpoint))
        again = self._once(("again",), self._again) if waits and policies.retry_limit else []
        return [
            "again", *before, *waiting, *connect, *inside, *mail, *work, *ends, *again, "over",
            *(after or []), End(),
        ]  # fmt: skip

    def _ends(self, endpoint: Endpoint) -> Items:
        """How a session leaves: after its work, or at each thing that stopped it."""
        protocol = endpoint.protocol
        leave: Items = [Exit(f"address.{protocol}"), Release(endpoint.name)]
        # Other connections of the same software work: nobody tries this one again.
        user_full: Items = ["user full", Fail(Cause.USER_LIMIT), *leave, Goto("over")]
        return [
            *([Exit("user")] if protocol == "imap" else []),
            *leave,
            Goto("over"),
            "no slot",
            Fail(Cause.SLOT_TIMEOUT),
            Goto("pause"),
            "refused",
            Clear(),
            Fail(Cause.SLOTS_EXHAUSTED),
            Goto("pause"),
            "address full",
            Clear(),
            Fail(Cause.ADDRESS_LIMIT),
            Release(endpoint.name),
            Goto("pause"),
            *(user_full if protocol == "imap" else []),
            "timed out",
            Fail(Cause.CLIENT_TIMEOUT),
            "close",
            *leave,
            "pause",
        ]

    def _again(self) -> Items:
        """A person tries again after a while."""
        policies = self.scenario.policies
        pause = exponential(policies.retry_pause)
        return [
            Clear(),
            Delay(Phase.PERSON, law=pause, purpose=Purpose.BACK_OFF),
            Retry(policies.retry_limit, "again"),
        ]

    def _look_up(self, endpoint: Endpoint) -> Items:
        """Resolve the host name: own cache, provider's resolver, operator's server."""
        network, register = self.scenario.network, self._name_register(endpoint)
        miss = self.dns_miss[endpoint.name]
        return [
            Fresh(register, network.dns_ttl, "resolved"),
            Stamp(register),
            Delay(Phase.NETWORK, network.dns_hit, round_trips=1),
            Branch(1.0 - miss, Purpose.RESOLVER, "resolved"),
            Delay(Phase.NETWORK, network.dns_miss),
            "resolved",
        ]

    def _name_register(self, endpoint: Endpoint) -> str:
        """A client resolves a host once, whatever protocols it serves."""
        hosts = {e.host for e in self.design.endpoints if set(e.methods) & set(endpoint.methods)}
        return "name" if len(hosts) == 1 else f"name.{endpoint.protocol}"

    def _connect(
        self, endpoint: Endpoint, method: Method, mechanism: Mechanism, *, present: bool
    ) -> Items:
        """TCP, STARTTLS where the design wants it, TLS full or resumed, round trips of SASL.

        Round trips are taken before the one service of the endpoint's processor: TLS and login
        work are booked together, in the TLS phase.
        """
        policies, processor, cps = (
            self.scenario.policies, self.scenario.processor, self.scenario.methods.cps,
        )  # fmt: skip
        certified = METHODS[method].client_certificate
        ticket = f"ticket.{endpoint.protocol}"
        starttls: Items = (
            [Delay(Phase.SASL, round_trips=STARTTLS_TRIPS)] if endpoint.tls == "starttls" else []
        )
        nobody: Items = [Fail(Cause.PERSON_NEEDED), Clear(), Goto("close")]
        card: Items = []
        if method is Method.CPS:
            signature = lognormal(cps.sign_mean, cps.sign_cv, cps.sign_shift)
            pin = lognormal(cps.pin_mean, cps.pin_cv)
            unlock: Items = [
                Delay(Phase.PERSON, law=pin, purpose=Purpose.CARD_PIN),
                Stamp("pin"),
            ]
            card = [
                Fresh("pin", cps.pin_seconds, "unlocked"),
                *(unlock if present else nobody),
                "unlocked",
                Delay(Phase.TLS, law=signature, purpose=Purpose.CARD_SIGN),
            ]
        prompt: Items = []
        if present and not certified and endpoint.client_certificate == "optional":
            prompt = [
                Has(Feature.REQUEST_PROMPTS, "prompt"),
                Goto("asked"),
                "prompt",
                Delay(Phase.PERSON, law=PROMPT, purpose=Purpose.PROMPT),
                "asked",
            ]
        full = processor.tls_client_certificate if certified else processor.tls_full
        # The operator checks its own password again at each login; nobody has one for the others.
        work = processor.login + (processor.password if method in PASSWORD else 0.0)
        return [
            Delay(Phase.NETWORK, round_trips=1),
            *starttls,
            Has(Feature.RESUMES, "has tickets"),
            Goto("no ticket"),
            "has tickets",
            Fresh(ticket, policies.ticket_seconds, "resumed"),
            Stamp(ticket),
            "no ticket",
            *card,
            *prompt,
            Delay(Phase.TLS, round_trips=1),
            Has(Feature.TLS13, "full"),
            Delay(Phase.TLS, round_trips=1),
            "full",
            Serve(f"front.{endpoint.name}", Phase.TLS, full + work),
            Goto("secured"),
            "resumed",
            Delay(Phase.TLS, round_trips=1),
            Serve(f"front.{endpoint.name}", Phase.TLS, processor.tls_resumed + work),
            "secured",
            Delay(Phase.SASL, round_trips=SASL_TRIPS[mechanism]),
        ]
