"""From the simulation's sessions to a plan for clients: one source of instants and draws.

Everything that a person or a device does is drawn as the engines draw it, by the same keys and
purposes; so a session that the simulation starts at 08:47:03.2, whose person answers 9.1 s later,
starts then on the wire and is answered then.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from sandbox.clients.plan import (
    ClientAccount,
    Intent,
    LoadPlan,
    PlannedMessage,
    Round,
    Rules,
)
from sandbox.messages.ins import patient_address
from sandbox.messages.receipts import ERROR_CODES, receipt_figures
from sandbox.messages.stock import DocumentChoice
from sandbox.simulation.draws import (
    NANOSECONDS,
    Law,
    exponential,
    lognormal,
    mix,
    sample,
    uniform,
)
from sandbox.simulation.model import SessionKind
from sandbox.simulation.steps import ROUNDS, Purpose
from sandbox.space.laws import WaitLaw, ecps_answer, sms_answer, sms_delivery
from sandbox.space.methods import Method
from sandbox.space.population import ROBOT, SOFTWARE
from sandbox.space.years import share_to_citizens
from sandbox.twin.accounts import accounts_of
from sandbox.twin.schedule import Schedule

__all__ = ["plan_of"]

KINDS = {
    SessionKind.OPEN: "open",
    SessionKind.POLL: "poll",
    SessionKind.SEND: "send",
    SessionKind.ALONE: "alone",
    SessionKind.RECEIPT: "receipt",
}
# How a program's Spawn derives keys: what it is for, then the number of the session.
EXTRA, RELAYED, NEXT, FURTHER = 1, 2, 3, 4
MOST_RECIPIENTS = 20  # of one message


def plan_of(schedule: Schedule, sheet: Mapping[str, Any], run: str) -> LoadPlan:
    """Return the plan of a schedule's sessions for a space that is up.

    Args:
        schedule: the sessions.
        sheet: the `space.json` of the space.
        run: told apart from other runs in the messages.

    Raises:
        UserError: the space has not the accounts, operators or design.
    """
    accounts = accounts_of(schedule, sheet)
    draws = _Draws(schedule, accounts, sheet)
    policies, cps = schedule.scenario.policies, schedule.scenario.methods.cps
    psc = sheet["psc"]
    client = next(each for each in psc["clients"] if each["client_id"] == "lps-poll")
    return LoadPlan(
        run=run,
        seconds=schedule.window.lasts,
        accounts=tuple(accounts.values()),
        intents=tuple(
            draws.intent(number, row) for number, row in enumerate(schedule.model.inputs.listed)
        ),
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
