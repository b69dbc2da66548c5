"""A session: the gates stand before an operator, one step comes after the other, all is kept."""

from __future__ import annotations

import contextlib
import itertools
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sandbox.conformance.bench import Codes
from sandbox.conformance.client import letters
from sandbox.conformance.client.drivers import SoftwareDriver
from sandbox.conformance.client.gate import Gate, Stance
from sandbox.conformance.client.name_server import NameServer
from sandbox.conformance.client.record import PlayedAction, RecordedConnection, SessionRecord
from sandbox.conformance.client.steps import (
    STEPS,
    SoftwareAction,
    SoftwareProfile,
    SoftwareStep,
    applies,
)
from sandbox.conformance.client.world import RunningSpace
from sandbox.conformance.ours import account_of, door_of, serving
from sandbox.conformance.subject import (
    CERTIFICATE_METHODS,
    RINGS,
    CheckedDoor,
    CheckedMailbox,
    Means,
    Pair,
)
from sandbox.messages.ins import PATIENT_LABEL, patient_address
from sandbox.space.errors import UserError
from sandbox.space.laws import ecps_answer, sms_answer, sourced_methods
from sandbox.space.methods import Method
from sandbox.trust import Organisation, TestCA, make_bad
from sandbox.trust.design_zone import LABELS
from sandbox.trust.profiles import ProfileName
from sandbox.trust.zone import Host, MailDomain, SrvRecord, ZoneSpec

__all__ = ["PATIENCE", "SoftwareSession", "played"]

Tree = dict[str, Any]
PATIENCE = 90.0  # s that a script may take for an action
BIG = 8 * 1024 * 1024  # octets of the big file; base64 makes 11 MB of it
SLOW_QUANTILE = 0.9  # nine people in ten answer their telephone sooner
_AGAIN = 0.1  # s between two hang-ups
SETTLE_SECONDS = 5.0  # for connections to end after an action
CODE_SECONDS = 95.0
TOKENS = ("XOAUTH2", "OAUTHBEARER")
_JUDGED = Organisation(name="OPERATEUR DU CONTROLE", department="Paris (75)", finess="119999993")


def slow_answer(method: str) -> float:
    """Return how long the telephone takes where a person takes her time, s."""
    sourced = sourced_methods()
    law = sms_answer(sourced.sms) if method == Method.SMS else ecps_answer(sourced.ecps)
    return round(law.wait.quantile(SLOW_QUANTILE), 1)


@dataclass(frozen=True)
class _Cast:
    """Who plays: the software's account and a colleague."""

    account: CheckedMailbox
    way: Means
    colleague: str
    doors: Mapping[str, CheckedDoor]
    operator: Tree


def _cast(sheet: Tree, operator: str, design: str, method: str) -> _Cast:
    own = serving(sheet, operator, (design,) if design else ())
    name, chosen = own["name"], design or next(iter(own["designs"]))
    accounts = [each for each in sheet["accounts"] if each["operator"] == name]
    found = [account_of(each) for each in accounts if len(each["holders"]) == 1]
    able = [(each, way) for each in found if (way := each.way(method)) is not None]
    if not able:
        raise UserError("aucun compte n'a cette méthode", "no account has this method",
                        where=f"{name}: {method}")  # fmt: skip
    account, way = able[0]
    writes = [each.address for each in found if each.way("cps") and each.address != account.address]
    doors: dict[str, CheckedDoor] = {}
    for each in own["designs"][chosen]:
        if method in each["methods"]:
            doors.setdefault(each["protocol"], door_of(chosen, each))
    return _Cast(account, way, writes[0], doors, own)


class SoftwareSession:
    """One session with software.

    Args:
        sheet: of a running space.
        folder: for certificates and files.
        driver: makes the software do things.
        profile: what kind of software it is.
        method: by which it logs in.
        operator, design: whose doors; the first by default.
        codes: one-time codes that were given already; in a space that runs for longer than a code
            is good, the present one by default.
        tell: told of each step.

    Raises:
        UserError: no such operator, design, or account for the method.
    """

    def __init__(
        self,
        sheet: Tree,
        folder: Path,
        driver: SoftwareDriver,
        *,
        profile: SoftwareProfile,
        method: str,
        operator: str = "",
        design: str = "",
        codes: Codes | None = None,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._sheet, self._folder, self._driver, self._tell = sheet, folder, driver, tell
        self._cast = _cast(sheet, operator, design, method)
        self._codes, self._last_code = codes or Codes(), ""
        if codes is None and self._cast.way.secret and _ran(sheet, self._cast.way.period):
            self._codes.spend(self._cast.way, time.time())
        self._run, self._count = secrets.token_hex(3), itertools.count(1)
        self._block = secrets.randbelow(254) + 1
        self._bundle = Path(sheet["ca"]["bundle"])
        self._ca = TestCA.open(Path(sheet["ca"]["authority"]))
        self._shown: dict[tuple[str, str], Pair] = {}
        self.record = SessionRecord(
            profile, method, any(each.tls == "starttls" for each in self._cast.doors.values())
        )
        self._gates: dict[str, Gate] = {}

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Have the gates stand, the name server answer, the telephone be ours."""
        pairs = _pairs(self._sheet)
        with contextlib.ExitStack() as stack:
            for protocol, door in self._cast.doors.items():
                self._gates[protocol] = gate = Gate(door, self._bundle, pairs)
                stack.callback(gate.close)
            self._dns = NameServer(self._zone(), next(iter(self._gates.values())).address)
            stack.callback(self._dns.close)
            method = self.record.method
            person = self._cast.way.person if method in RINGS else ""
            own = self._cast.operator["ciba"] if method == Method.SMS else ""
            self._world = RunningSpace(self._sheet, person, own)
            stack.callback(self._world.close)
            self._hosts = self._folder / "hosts"
            self._hosts.write_text(self._hosts_lines(), encoding="utf-8")
            for gate in self._gates.values():
                gate.start()
            yield

    # What the software sees -----------------------------------------------------------------------

    def _zone(self) -> ZoneSpec:
        domain, doors = self._cast.operator["domain"], self._cast.doors
        services = tuple(
            SrvRecord(label=LABELS[protocol, door.tls], target=door.host, port=door.port)
            for protocol, door in doors.items()
        )
        hosts: dict[str, list[str]] = {}
        for gate in self._gates.values():
            hosts.setdefault(gate.door.host, []).append(gate.address)
        return ZoneSpec(
            suffix=self._sheet["suffix"], domains=(MailDomain(name=domain, services=services),),
            hosts=tuple(Host(name, tuple(addresses)) for name, addresses in hosts.items()),
        )  # fmt: skip

    def _hosts_lines(self) -> str:
        ours = {gate.door.host: gate.address for gate in self._gates.values()}
        lines = [f"{address}\t{host}" for host, address in ours.items()]
        for line in Path(self._sheet["hosts_file"]).read_text(encoding="utf-8").splitlines():
            words = line.split()
            if not words or words[0].startswith("#") or not set(words[1:]) & set(ours):
                lines.append(line)
        return "\n".join(lines) + "\n"

    def _certificate(self, gate: Gate, fault: str) -> Pair:
        key = (gate.door.protocol, fault)
        if key not in self._shown:
            plan = self._ca.plans.server(
                ProfileName.ENDPOINT_SERVER, _JUDGED, [gate.door.host], [gate.address]
            )
            issued = make_bad(self._ca, fault, plan) if fault else self._ca.issue(plan)
            place = self._folder / "-".join(filter(None, ("gate", *key)))
            issued.save(place)
            self._shown[key] = Pair(place / "chain.pem", place / "key.pem")
        return self._shown[key]

    def _stance(self, step: SoftwareStep, gate: Gate) -> Stance:
        door, method = gate.door, self.record.method
        cards = method in CERTIFICATE_METHODS and door.client_certificate != "none"
        alias = (f"{PATIENT_LABEL}.{self._sheet['suffix']}", self._cast.colleague)
        return Stance(
            pair=self._certificate(gate, step.server), asks=step.asks or cards, old=step.old,
            strips=step.strips, cuts=step.cuts if door.protocol == "imap" else 0,
            source=self._source, alias=alias if step.message == "patient" else ("", ""),
        )  # fmt: skip

    # Steps ----------------------------------------------------------------------------------------

    def play(self, only: Collection[str] = ()) -> SessionRecord:
        """Go through the steps, all or some. Ctrl-C ends it: what was played stays.

        Raises:
            KeyboardInterrupt: before a step was played.
        """
        record = self.record
        with self.open():
            try:
                for step in STEPS:
                    if not only or step.id in only:
                        self._play(step)
            except KeyboardInterrupt:
                record.whole = False
                if not record.played:
                    raise
        return record

    def _play(self, step: SoftwareStep) -> None:
        record = self.record
        if not applies(step, record.profile, record.method, starttls=record.starttls):
            return
        if step.phone and self._by_token:
            return  # it gets its token by itself: its login rings no telephone
        record.steps[step.id] = step
        record.played[step.id] = [self._act(step, each) for each in step.actions]

    @property
    def _by_token(self) -> bool:
        used = [login for each in self.record.played.get("receive", ()) for _, login in each.logins]
        return any(login.mechanism in TOKENS for login in used)

    def _act(self, step: SoftwareStep, action: SoftwareAction) -> PlayedAction:
        number = next(self._count)
        # Another address is another client to the operator: its telephone rings again, and what it
        # failed is not held against the rest.
        apart = bool(step.phone) or step.wrong or step.message == "busy"
        self._source = f"127.233.{self._block}.{number % 253 + 2 if apart else 1}"
        mark = f"controle-{self._run}-{number}"
        needs = self._needs(step, action, mark)
        with self._condition(step):
            for gate in self._gates.values():
                gate.hang_up()
                gate.take(self._stance(step, gate))
            asked = len(self._dns.queries)
            self._tell(f"{step.id} ({action.value})")
            done = self._driver.perform(step, action, needs)
            self._settle()
        wires = [wire for gate in self._gates.values() for wire in gate.wires]
        visits = tuple(RecordedConnection(wire) for wire in sorted(wires, key=lambda each: each.at))
        return PlayedAction(action, needs, done, visits, tuple(self._dns.queries[asked:]))

    def _settle(self) -> None:
        """Let connections that are ending end; hang up on the rest."""
        end = time.monotonic() + (1.0 if self._driver.alone else 0.0)
        gates = tuple(self._gates.values())
        for gate in gates:
            gate.idle(end - time.monotonic())
        end = time.monotonic() + SETTLE_SECONDS
        # Again and again: software that was cut off may have come back at once. All in turn: one
        # that never gives up must not leave the others' connections to the next step.
        while time.monotonic() < end and not all(gate.idle(0.0) for gate in gates):
            for gate in gates:
                gate.hang_up()
            for gate in gates:
                gate.idle(_AGAIN / len(gates))

    @contextlib.contextmanager
    def _condition(self, step: SoftwareStep) -> Iterator[None]:
        """Have the space be what a step asks for, for as long as it lasts."""
        world = self._world
        with contextlib.ExitStack() as stack:
            if step.message == "busy":
                stack.callback(world.mail_as, world.put_off(self._source))
            if step.phone == "down":
                stack.callback(world.psc_as, world.psc_down())
            if self.record.method in RINGS and (step.phone or self._driver.alone):
                stack.callback(world.telephone_as_before)
                delay = slow_answer(self.record.method) if step.phone == "wait" else 0.0
                world.telephone("refuse" if step.phone == "refuse" else "approve", delay)
            yield

    # What it is given -----------------------------------------------------------------------------

    def _needs(self, step: SoftwareStep, action: SoftwareAction, mark: str) -> Tree:
        """Return what an action takes, as a script gets it."""
        record, way = self.record, self._cast.way
        reaches = not (step.server or step.old or step.strips)
        account = {
            "address": self._cast.account.address, "username": way.username,
            **self._proof(step, reaches=reaches),
        }  # fmt: skip
        needs: Tree = {
            "step": step.id, "action": action.value,
            "text": {"fr": step.text.french, "en": step.text.english},
            "expect": "failure" if step.fails else "success",
            "profile": record.profile.value, "method": record.method, "account": account,
            "trust": str(self._bundle), "hosts": str(self._hosts),
            "dns": {"address": self._dns.address, "port": self._dns.port},
        }  # fmt: skip
        if step.message != "discover":
            needs |= {protocol: self._place(gate) for protocol, gate in self._gates.items()}
        if action is SoftwareAction.SEND:
            needs["message"] = self._message(step, mark)
        elif step.id == "receive":
            needs["message"] = self._to_read(mark)
        return needs

    def _place(self, gate: Gate) -> Tree:
        door = gate.door
        return {"host": door.host, "address": gate.address, "port": door.port, "tls": door.tls,
                "mechanisms": list(door.mechanisms)}  # fmt: skip

    def _proof(self, step: SoftwareStep, *, reaches: bool) -> Tree:
        way, wrong = self._cast.way, step.wrong
        if way.pair is not None:
            pkcs12 = way.pair.key.with_name("bundle.p12")
            return {"certificate": str(way.pair.certificate), "key": str(way.pair.key),
                    "pkcs12": str(pkcs12), "pin": self._pin()}  # fmt: skip
        proof: Tree = {"password": way.password + ("-faux" if wrong else "")}
        if way.secret:
            if reaches and not wrong:
                self._last_code = self._code(way)
            code = self._last_code or "000000"
            proof = {"password": way.password + code[:-1] + str((int(code[-1]) + wrong) % 10)}
        elif record_token := self._access_token(step):
            proof["token"] = record_token[:-8] + "AAAAAAAA" if wrong else record_token
        self.record.secrets.update(each for each in (*proof.values(), way.password) if each)
        return proof

    def _pin(self) -> str:
        for account in self._sheet["accounts"]:
            for way in account["holders"][0]["methods"].values():
                if "pin" in way:
                    return str(way["pin"])
        return ""

    def _code(self, way: Means) -> str:
        """Return a code that was not given yet; waits for the next."""
        end = time.monotonic() + CODE_SECONDS
        while time.monotonic() < end:
            code = self._codes.give(way, time.time())
            if code is not None:
                return code
            time.sleep(0.2)
        raise UserError("plus de code à usage unique", "no one-time code is left")

    def _access_token(self, step: SoftwareStep) -> str:
        """Return a token for software that shows one itself; none while telephones misbehave."""
        offered = {each for door in self._cast.doors.values() for each in door.mechanisms}
        alone = self._driver.alone  # else who acts gets his own, by his own software
        if self.record.method != "ecps" or step.phone or not (alone and offered & set(TOKENS)):
            return ""
        self._world.telephone("approve")
        return self._world.token()

    def _to_read(self, mark: str) -> Tree:
        given = {"from": self._cast.colleague, "subject": letters.subject_of(mark),
                 "id": f"<{mark}@{self._cast.operator['domain']}>"}  # fmt: skip
        self._world.write(given["from"], self._cast.account.address, given["subject"],
                          f"{letters.TEXT}{mark}\n", given["id"])  # fmt: skip
        self.record.given["read"] = given | {"mark": mark}
        return given

    def _message(self, step: SoftwareStep, mark: str) -> Tree:
        message: Tree = {
            "from": self._cast.account.address, "to": self._cast.colleague,
            "subject": letters.subject_of(mark), "text": letters.TEXT,
        }  # fmt: skip
        match step.message:
            case "reply":
                read = self.record.given.get("read", {})
                message |= {"in_reply_to": read.get("id", ""),
                            "subject": f"Re: {read.get('subject', '')}"}  # fmt: skip
            case "notify":
                message["notify"] = True
            case "elsewhere":
                message["to"] = f"quelqu-un@{mark}.example"
            case "big":
                path = self._folder / "gros.bin"
                if not path.exists():
                    path.write_bytes(secrets.token_bytes(BIG))
                message["attachment"] = str(path)
            case "patient":
                address = patient_address(letters.PATIENT.matricule, self._sheet["suffix"])
                message |= {"to": address, "patient": letters.as_needs(letters.PATIENT),
                            "end_of_exchange": True}  # fmt: skip
            case "document":
                path = self._folder / "document.xml"
                path.write_bytes(letters.cda(message["from"], 1))
                message |= {"document": str(path), "patient": letters.as_needs(letters.PATIENT)}
            case _:
                pass
        return message


def _ran(sheet: Tree, seconds: float) -> bool:
    """Tell whether a space has accepted connections for so long."""
    ready = datetime.fromisoformat(sheet["ready"])
    return (datetime.now(UTC) - ready).total_seconds() > seconds


def _pairs(sheet: Tree) -> dict[bytes, Pair]:
    """Return the certificates of all accounts by their DER."""
    found: dict[bytes, Pair] = {}
    for each in sheet["accounts"]:
        for way in account_of(each).ways:
            if way.pair is not None:
                certificate = x509.load_pem_x509_certificate(way.pair.certificate.read_bytes())
                found[certificate.public_bytes(Encoding.DER)] = way.pair
    return found


def played(
    sheet: Tree, folder: Path, driver: SoftwareDriver, *, profile: SoftwareProfile, method: str,
    operator: str = "", design: str = "", codes: Codes | None = None, only: Collection[str] = (),
    tell: Callable[[str], None] = lambda _: None,
) -> SessionRecord:  # fmt: skip
    """Hold a session; see `SoftwareSession`."""
    session = SoftwareSession(
        sheet, folder, driver, profile=profile, method=method, operator=operator, design=design,
        codes=codes, tell=tell,
    )  # fmt: skip
    return session.play(only)
