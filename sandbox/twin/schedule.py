"""From the simulation's sessions to a plan for clients: one source of instants and draws.

Everything that a person or a device does is drawn as the engines draw it, by the same keys and
purposes; so a session that the simulation starts at 08:47:03.2, whose person answers 9.1 s later,
starts then on the wire and is answered then.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.clients.plan import (
    ClientAccount,
    ClientBehaviour,
    Intent,
    LoadPlan,
    PlannedMessage,
    Round,
    Rules,
    ServerSettings,
)
from sandbox.live.cast import CastSize
from sandbox.messages.ins import patient_address
from sandbox.messages.receipts import ERROR_CODES, receipt_figures
from sandbox.messages.stock import DocumentChoice
from sandbox.simulation.build import build_model
from sandbox.simulation.draws import (
    NANOSECONDS,
    Law,
    exponential,
    lognormal,
    mix,
    sample,
    uniform,
)
from sandbox.simulation.model import Model, SessionKind
from sandbox.simulation.steps import ROUNDS, Purpose
from sandbox.simulation.window import windowed
from sandbox.space.candidates import Candidate
from sandbox.space.compatibility import MECHANISMS, can_connect, mechanisms_used
from sandbox.space.errors import UserError
from sandbox.space.laws import WaitLaw, ecps_answer, sms_answer, sms_delivery
from sandbox.space.methods import Feature, Mechanism, Method
from sandbox.space.population import ROBOT, SOFTWARE, Accesses, Space, build_space
from sandbox.space.scenario import Scenario
from sandbox.space.years import share_to_citizens
from sandbox.twin.foreign import PASSWORD

__all__ = ["Schedule", "Window", "schedule_of"]

KINDS = {
    SessionKind.OPEN: "open",
    SessionKind.POLL: "poll",
    SessionKind.SEND: "send",
    SessionKind.ALONE: "alone",
    SessionKind.RECEIPT: "receipt",
}
ALL_METHODS = tuple(Method)
# How a program's Spawn derives keys: what it is for, then the number of the session.
EXTRA, RELAYED, NEXT, FURTHER = 1, 2, 3, 4
KINDS_OF_ACCOUNT = (str(Method.CERTIFICATE), str(Method.SMS), str(Method.ECPS))  # first it has
MOST_RECIPIENTS = 20  # of one message


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which minutes: `begin` from the start of the period and `seconds`, how many times faster."""

    begin: float
    seconds: float
    speed: float = 1.0

    @property
    def lasts(self) -> float:
        """Seconds within which sessions start."""
        return self.seconds / self.speed


@dataclass(frozen=True)
class Schedule:
    """The sessions of some minutes under one design.

    Attributes:
        scenario: whose operators are those of the live space.
        space: its people.
        candidate: design and login policy.
        window: which minutes.
        model: those minutes, ready to be simulated.
    """

    scenario: Scenario
    space: Space
    candidate: Candidate
    window: Window
    model: Model

    # ------------------------------------------------------------------ who

    @cached_property
    def accesses(self) -> Accesses:
        """The accesses in the order of the model."""
        place = {int(each): row for row, each in enumerate(self.space.accesses.identity)}
        rows = [place[int(each)] for each in self.model.inputs.access_identity]
        whole = self.space.accesses
        return Accesses(*(getattr(whole, name)[rows] for name in Accesses.__slots__))

    @cached_property
    def active(self) -> list[int]:
        """Numbers of the accesses that have sessions."""
        return sorted({int(row[0]) for row in self.model.inputs.listed})

    @cached_property
    def mechanisms(self) -> Mapping[str, NDArray[Any]]:
        """Which of MECHANISMS each access uses, in the order of the model, by protocol."""
        used = mechanisms_used(self.space, self.candidate.design, self.candidate.policy)
        place = {int(each): row for row, each in enumerate(self.space.accesses.identity)}
        rows = [place[int(each)] for each in self.model.inputs.access_identity]
        return {"imap": used[0, rows], "smtp": used[1, rows]}

    def method(self, access: int) -> Method:
        """Return how an access logs in."""
        return ALL_METHODS[int(self.accesses.method[access])]

    @property
    def cast(self) -> CastSize:
        """How many accounts a live space needs at each operator."""
        people: Counter[tuple[int, bool]] = Counter()
        for access in self.active:
            method = self.method(access)
            if method is not Method.CERTIFICATE:
                people[int(self.accesses.operator[access]), method is Method.SMS] += 1
        most = [max((n for (_, by), n in people.items() if by is sms), default=1)
                for sms in (False, True)]  # fmt: skip
        return CastSize(people=max(4, sum(most)), by_sms=most[1])

    # ------------------------------------------------------------------ what

    def plan(self, sheet: Mapping[str, Any], run: str) -> LoadPlan:
        """Return the plan for a space that is up.

        Args:
            sheet: its `space.json`.
            run: told apart from other runs in the messages.

        Raises:
            UserError: the space has not the accounts, operators or design.
        """
        accounts = _Accounts(self, sheet).accounts
        draws = _Draws(self, accounts, sheet)
        listed = self.model.inputs.listed
        intents = tuple(draws.intent(number, row) for number, row in enumerate(listed))
        policies, cps = self.scenario.policies, self.scenario.methods.cps
        psc = sheet["psc"]
        client = next(each for each in psc["clients"] if each["client_id"] == "lps-poll")
        return LoadPlan(
            run=run,
            seconds=self.window.lasts,
            accounts=tuple(accounts.values()),
            intents=intents,
            rules=Rules(
                session=policies.session_seconds,
                pin=cps.pin_seconds,
                step=int(policies.totp_step),
                ticket=policies.ticket_seconds,
                interval=policies.ciba_interval,
                expiry=policies.ciba_expiry,
            ),
            authorities=sheet["ca"]["bundle"],
            psc={"discovery": psc["discovery"], **client},
            control=psc["control_secret"],
        )


def schedule_of(
    scenario: Scenario, candidate: Candidate, among: Sequence[Candidate], window: Window, *,
    seed: int = 1, scale: float = 1.0, replication: int = 0,
) -> Schedule:  # fmt: skip
    """Return the sessions of some minutes: those of who can connect under all candidates.

    Raises:
        UserError: nobody starts a session then.
    """
    space = build_space(scenario, seed=seed, scale=scale, replication=replication)
    only = can_connect(space, [(each.design, each.policy) for each in among])
    whole = build_model(space, candidate.design, candidate.policy, only=only)
    model = windowed(whole, window.begin, window.seconds, speed=window.speed)
    if not len(model.inputs.listed):
        raise UserError(
            "aucune session ne commence alors ; donner une autre heure, plus de temps "
            "ou un plus grand --scale",
            "no session starts then; give another hour, more time or a larger --scale",
            where=f"scenario {scenario.name}",
        )
    return Schedule(scenario, space, candidate, window, model)


class _Accounts:
    """Gives each access an account of the live space."""

    def __init__(self, schedule: Schedule, sheet: Mapping[str, Any]) -> None:
        self._schedule = schedule
        self._operators = {each["name"]: each for each in sheet["operators"]}
        self._psc = f"{sheet['psc']['control']}/behaviour"
        self._free: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        self._shared: dict[tuple[str, str], Iterator[dict[str, Any]]] = {}
        if sheet.get("foreign"):
            by_way = defaultdict(list)
            for account in sheet["accounts"]:
                for way in account["holders"][0]["methods"]:
                    by_way[account["operator"], way].append(account)
            self._shared = {key: itertools.cycle(found) for key, found in by_way.items()}
            return
        for account in reversed(sheet["accounts"]):
            methods = account["holders"][0]["methods"]
            kind = next(name for name in KINDS_OF_ACCOUNT if name in methods)
            if account["type"] in ("PER", "APP"):
                self._free[account["operator"], kind].append(account)

    @property
    def accounts(self) -> dict[int, ClientAccount]:
        """By number of the access."""
        schedule = self._schedule
        return {access: self._account(access) for access in schedule.active}

    def _account(self, access: int) -> ClientAccount:
        schedule, accesses = self._schedule, self._schedule.accesses
        operator = schedule.space.operators[int(accesses.operator[access])]
        method = schedule.method(access)
        way, account = method.value, None
        if self._shared:
            way, account = self._lent(operator, method)
        else:
            account = self._taken(operator, method)
        holder = account["holders"][0]
        features = int(accesses.features[access])
        name = SOFTWARE[int(accesses.software[access])]
        software = schedule.scenario.software[name]
        own = f"{self._operators[operator]['ciba']}/sandbox/behaviour"
        return ClientAccount(
            number=access,
            operator=operator,
            address=account["address"],
            method=Method.TOTP if way == PASSWORD else method,
            secrets=holder["methods"][way],
            identity=holder["identity"],
            telephone=""
            if self._shared
            else {Method.ECPS: self._psc, Method.SMS: own}.get(method, ""),
            software=ClientBehaviour(
                name=name,
                timeout=software.timeout,
                rings=software.refusal_rings,
                keeps=bool(software.keeps_connection),
                resumes=bool(features & Feature.RESUMES),
                tls13=bool(features & Feature.TLS13),
            ),
            imap=self._door(operator, "imap", way, int(schedule.mechanisms["imap"][access])),
            smtp=self._door(operator, "smtp", way, int(schedule.mechanisms["smtp"][access])),
        )

    def _taken(self, operator: str, method: Method) -> dict[str, Any]:
        """Return an account that nobody else has; robots share their operator's one."""
        robot = method is Method.CERTIFICATE
        kind = str(method) if method in (Method.CERTIFICATE, Method.SMS) else str(Method.ECPS)
        free = self._free[operator, kind]
        if not free:
            raise UserError(
                f"pas assez de comptes qui se connectent par {kind}",
                f"not enough accounts that log in by {kind}",
                where=operator,
            )
        return free[-1] if robot else free.pop()

    def _lent(self, operator: str, method: Method) -> tuple[str, dict[str, Any]]:
        """Return how one logs in at an operator that is not ours, and the next such account."""
        for way in (method.value, PASSWORD):
            if (operator, way) in self._shared:
                return way, next(self._shared[operator, way])
        raise UserError(
            f"aucun compte qui se connecte par {method} ou {PASSWORD}",
            f"no account that logs in by {method} or {PASSWORD}",
            where=operator,
        )

    def _door(self, operator: str, protocol: str, way: str, mechanism: int) -> ServerSettings:
        design = self._schedule.candidate.design.name
        endpoint = next(
            (
                each
                for each in self._operators[operator]["designs"][design]
                if each["protocol"] == protocol and way in each["methods"]
            ),
            None,
        )
        if endpoint is None:
            raise UserError(
                f"aucun endpoint {protocol} qui serve {way}",
                f"no {protocol} endpoint that serves {way}",
                where=operator,
            )
        return ServerSettings(
            endpoint=endpoint["name"],
            mechanism=Mechanism.PLAIN if way == PASSWORD else MECHANISMS[mechanism],
            **{key: endpoint[key] for key in ("host", "address", "port", "tls")},
        )


class _Draws:
    """Writes intents: each draw by the key and purpose that the engines draw it by."""

    def __init__(
        self, schedule: Schedule, accounts: Mapping[int, ClientAccount], sheet: Mapping[str, Any]
    ) -> None:
        self._schedule, self._accounts = schedule, accounts
        self._inputs = schedule.model.inputs
        scenario = schedule.scenario
        methods = scenario.methods
        self._tries = 1 + int(scenario.policies.retry_limit)
        self._typing = lognormal(methods.totp.typing_mean, methods.totp.typing_cv)
        self._pin = lognormal(methods.cps.pin_mean, methods.cps.pin_cv)
        self._sign = lognormal(methods.cps.sign_mean, methods.cps.sign_cv, methods.cps.sign_shift)
        self._ecps = ecps_answer(methods.ecps)
        self._sms = _law(sms_delivery(methods.sms).then(sms_answer(methods.sms).wait))
        self._by_operator: dict[tuple[int, bool], list[ClientAccount]] = defaultdict(list)
        for number, account in accounts.items():
            operator = int(schedule.accesses.operator[number])
            self._by_operator[operator, account.method is Method.CERTIFICATE].append(account)
        self._applications = {
            each.address for each in accounts.values() if each.method is Method.CERTIFICATE
        }
        self._populations = schedule.space.populations
        # Operators that are not ours have no citizens' operator beside them.
        foreign = bool(sheet.get("foreign"))
        self._to_citizens = 0.0 if foreign else share_to_citizens(scenario)
        self._suffix = str(sheet.get("suffix", ""))
        self._unread: dict[str, list[tuple[int, PlannedMessage]]] = defaultdict(list)
        self._letters = 0

    def intent(self, number: int, row: np.ndarray[Any, Any]) -> Intent:
        """Return what one listed session will be."""
        access, kind, key, until, peer, at = (int(each) for each in row)
        return self._intent(
            number, access, SessionKind(kind), key, until / NANOSECONDS, peer, at / NANOSECONDS
        )

    def _intent(
        self, number: int, access: int, kind: SessionKind, key: int, until: float, peer: int,
        at: float,
    ) -> Intent:  # fmt: skip
        software = self._accounts[access].software
        robot = software.name == SOFTWARE[ROBOT]
        waits = not robot and kind in (SessionKind.OPEN, SessionKind.SEND)
        tries = self._tries if waits else 1
        count = tries + software.rings - 1
        connections = int(self._schedule.scenario.software[software.name].imap_connections)  # type: ignore[index]  # a Kind
        extras = connections - 1 if kind is SessionKind.OPEN else 0
        letter, then = None, None
        if kind is SessionKind.SEND:
            letter = self._letter(access, key)
            last = uniform(key, Purpose.BATCH) < 1.0 / self._schedule.scenario.traffic.batch
            if robot and not last:
                then = self._intent(number, access, kind, mix(key, NEXT << 8), until, peer, at)
        elif kind is SessionKind.RECEIPT:
            letter = self._receipt(access, key, peer)
        return Intent(
            number=number,
            at=at,
            account=access,
            kind=KINDS[kind],
            until=until,
            rounds=tuple(
                self._round(access, key, each, away=kind is SessionKind.ALONE)
                for each in range(count)
            ),
            tries=tries,
            attended=waits,
            letter=letter,
            extras=tuple(
                self._round(access, mix(key, (EXTRA << 8) + each), 0, away=False)
                for each in range(extras)
            ),
            then=then,
        )

    def _round(self, access: int, key: int, number: int, *, away: bool) -> Round:
        scenario = self._schedule.scenario
        method = self._accounts[access].method

        def drawn(law: Law, purpose: Purpose) -> float:
            step = int(purpose) + ROUNDS * number
            return float(sample(int(law.kind), law.a, law.b, law.c, key, step)) / NANOSECONDS

        def chance(purpose: Purpose) -> float:
            return float(uniform(key, int(purpose) + ROUNDS * number))

        values: dict[str, Any] = {
            "pause": drawn(exponential(scenario.policies.retry_pause), Purpose.BACK_OFF)
        }
        if method is Method.TOTP:
            values["typing"] = drawn(self._typing, Purpose.TYPE_CODE)
            values["mistyped"] = chance(Purpose.MISTYPE) < scenario.methods.totp.mistyped
        elif method is Method.CPS:
            values["pin"] = drawn(self._pin, Purpose.CARD_PIN)
            values["sign"] = drawn(self._sign, Purpose.CARD_SIGN)
        elif method is Method.ECPS:
            never = away or chance(Purpose.NEVER) < self._ecps.never or self._forgotten(access)
            values["answer"] = None if never else drawn(_law(self._ecps.wait), Purpose.APPROVAL)
            values["refused"] = chance(Purpose.REFUSAL) < self._ecps.refused
        elif method is Method.SMS:
            never = away or chance(Purpose.SMS_LOST) < scenario.methods.sms.lost
            values["answer"] = None if never else drawn(self._sms, Purpose.SMS_CLICK)
        return Round(**values)

    def _forgotten(self, access: int) -> bool:
        identity = int(self._inputs.access_identity[access])
        key = mix(mix(int(self._inputs.run_key[0]), identity), 0)  # the window is its first day
        return (
            float(uniform(key, Purpose.FORGOTTEN)) < self._schedule.scenario.methods.ecps.forgotten
        )

    def _letter(self, access: int, key: int) -> PlannedMessage:
        """Return the message that a session sends: the relays that the simulation spawns."""
        document, traffic = self._document(access, key), self._schedule.scenario.traffic
        relay = mix(key, RELAYED << 8)
        boxes = [self._citizen(relay, document) or self._mailbox(key)]
        while (
            uniform(relay, Purpose.RECIPIENTS) >= 1.0 / traffic.recipients
            and len(boxes) < MOST_RECIPIENTS
        ):
            relay = mix(relay, FURTHER << 8)
            boxes.append(self._citizen(relay, document) or self._mailbox(relay))
        self._letters += 1
        filed = boxes[0] in self._applications
        asked = traffic.acknowledged if filed else traffic.receipts_asked
        letter = PlannedMessage(
            number=self._letters,
            recipients=tuple(dict.fromkeys(boxes)),
            document=document,
            receipt=uniform(key, Purpose.RECEIPT) < asked,
        )
        if letter.receipt:
            for box in letter.recipients:
                self._unread[box].append((access, letter))
        return letter

    def _receipt(self, access: int, key: int, peer: int) -> PlannedMessage:
        """Return a receipt: for what this mailbox had from that operator, else from before."""
        waiting = self._unread[self._accounts[access].address]
        operators = self._inputs.access_operator
        found = next((each for each in waiting if operators[each[0]] == peer), None)
        self._letters += 1
        if found is not None:
            waiting.remove(found)
            sender, read = found
            document, answers = read.document, read.number
        else:
            there = [n for n in self._accounts if operators[n] == peer] or list(self._accounts)
            sender = there[int(uniform(key, Purpose.SENDER) * len(there))]
            document, answers = self._document(sender, key), 0
        return PlannedMessage(
            number=self._letters, recipients=(self._accounts[sender].address,), document=document,
            answers=answers, integration=self._integration(access, key),
        )  # fmt: skip

    def _integration(self, access: int, key: int) -> str | None:
        """Return what an application says of a document; None: a person read it."""
        if self._accounts[access].address not in self._applications:
            return None
        drawn, refused = float(uniform(key, Purpose.INTEGRATION)), receipt_figures()["refused"]
        codes = list(ERROR_CODES)
        return codes[int(drawn / refused * len(codes))] if drawn < refused else ""

    def _document(self, access: int, key: int) -> DocumentChoice:
        population = self._populations[int(self._inputs.access_population[access])]
        return DocumentChoice.drawn(
            population, uniform(key, Purpose.DOCUMENT), uniform(key, Purpose.SIZE)
        )

    def _citizen(self, relay: int, document: DocumentChoice) -> str:
        """Return the mailbox of a document's patient where a relay goes there, else nothing."""
        if uniform(relay, Purpose.CITIZEN) >= self._to_citizens:
            return ""
        return patient_address(document.patient.matricule, self._suffix)

    def _mailbox(self, key: int) -> str:
        """Return whose mailbox a key draws: one that is there, at the operator that it draws."""
        people = self._inputs.recipients
        other = int(people[int(uniform(key, Purpose.RECIPIENT) * len(people))])
        if other in self._accounts:
            return self._accounts[other].address
        operator = int(self._inputs.access_operator[other])
        application = self._schedule.method(other) is Method.CERTIFICATE
        there = (
            self._by_operator[operator, application]
            or self._by_operator[operator, not application]
            or list(self._accounts.values())
        )
        return there[other % len(there)].address


def _law(wait: WaitLaw) -> Law:
    return lognormal(wait.mean, wait.variation, wait.shift)
