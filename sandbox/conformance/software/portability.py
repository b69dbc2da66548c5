"""Portability: a holder changes operator keeping the software, or software, and loses nothing.

Theory of operation. A walk is a list of steps, each with who has to do something, whether it worked
and how long it took. It is made in a running space with a mailbox of its own, into which a
colleague writes all the while; afterwards every message that was accepted has to be there once, in
its folder, with its flags. Within the space a domain moves and addresses stay; to a foreign
operator mail is copied by mbsync, the address changes, and the old one is closed. What software is
told anew is counted setting by setting; what a person takes to type it is nobody's measurement.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dns.exception
import dns.resolver

from sandbox.conformance.findings import CheckResult
from sandbox.conformance.software.attempts import MailClient
from sandbox.conformance.software.colleague import Colleague
from sandbox.conformance.software.matrix import MatrixPlace, entered
from sandbox.conformance.software.moving import copied
from sandbox.conformance.software.postbox import (
    Held,
    copy_of,
    held_in,
    kept_by_software,
    marked,
    opened,
)
from sandbox.conformance.software.world import ClientLogin, World, carries
from sandbox.live.cli_control import ask
from sandbox.live.mailer import MailError
from sandbox.live.sheet_file import read_sheet
from sandbox.space.errors import UserError

__all__ = ["MailboxHome", "Walk", "WalkStep"]

Tree = dict[str, Any]
Tell = Callable[[str], None]
MESSAGES = 20  # in the mailbox before
PATIENCE = 30.0  # s that a message, or a change in DNS, may take
_LOOK = 0.2  # s between two looks
HOLDER = "titulaire / holder"
OPERATORS = "opérateurs / operators"
SOFTWARE = "logiciel / software"
COLLEAGUE = "correspondant / colleague"


@dataclass(frozen=True, slots=True)
class WalkStep:
    """One step of a walk.

    Attributes:
        id: stable.
        who: does it.
        result: what came of it.
        why: what was seen, French / English.
        seconds: that it took.
        settings: that were changed, by name.
    """

    id: str
    who: str
    result: CheckResult
    why: str
    seconds: float
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class MailboxHome:
    """Where a mailbox is.

    Attributes:
        world: whose operator it is.
        operator, design: their names.
        method: by which its holder logs in.
        address: of the mailbox.
    """

    world: World
    operator: str
    design: str
    method: str
    address: str

    @property
    def ends(self) -> dict[str, Tree]:
        """Endpoint by protocol.

        Raises:
            UserError: one has none for the method.
        """
        found: dict[str, Tree] = {}
        for at in self.world.operator(self.operator)["designs"][self.design]:
            if self.method in at["methods"]:
                found.setdefault(at["protocol"], at)
        for protocol in ("imap", "smtp"):
            if protocol not in found:
                raise UserError("aucun endpoint pour cette méthode", "no endpoint for this method",
                                where=f"{self.operator}: {protocol}, {self.method}")  # fmt: skip
        return found

    def mechanism(self, protocol: str) -> str:
        """Return the first mechanism that carries the method, a token last: it goes stale."""
        offered = [m for m in self.ends[protocol]["mechanisms"] if carries(m, self.method)]
        last = ("LOGIN", "XOAUTH2", "OAUTHBEARER")
        return str(next((each for each in offered if each not in last), offered[0]))

    def login(self, protocol: str) -> ClientLogin:
        """Return what logs in; a code in it is good once."""
        return self.world.login(
            self.method, self.mechanism(protocol), self.operator, address=self.address
        )

    def held(self) -> Held:
        """Return what the mailbox holds, read by ourselves."""
        with opened(self.ends["imap"], self.login("imap"), self.world.bundle) as imap:
            return held_in(imap)

    def settings(self) -> Tree:
        """Return what software is told of it, setting by setting; a one-time code is none."""
        login = self.login("imap")
        told: Tree = {"address": login.address, "user": login.user}
        if self.method == "totp":
            login = replace(login, password="-")  # noqa: S106 - a code is no setting
        for name in ("password", "certificate"):
            if value := getattr(login, name):
                told[name] = value
        for protocol, at in self.ends.items():
            told |= {f"{protocol} {name}": at[name] for name in ("host", "port", "tls")}
            told[f"{protocol} mechanism"] = self.mechanism(protocol)
        return told


class Walk:
    """A walk, step by step; what is known is in `steps` at any instant.

    Args:
        space: folder of a running space; its telephones answer by themselves.
        before, after: the software and what comes after it, the same or another: the first of each
            protocol is used.
        folder: for the software's own files.
        tell: told of each step.
    """

    def __init__(
        self, space: Path, before: Sequence[MailClient], after: Sequence[MailClient], folder: Path,
        tell: Tell,
    ) -> None:  # fmt: skip
        self._space, self._folder, self._tell = space, folder, tell
        self._before, self._after = before, after
        self.steps: list[WalkStep] = []

    def settle(self, operator: str, design: str, method: str) -> MailboxHome:
        """Open a domain with one mailbox and something in it; it is there for this walk."""
        run = secrets.token_hex(3)
        suffix = read_sheet(self._space)["suffix"]
        domain = f"cabinet-{run}.{suffix}"
        address = f"dr.essai@{domain}"
        ask(self._space, "POST", "/domains", {"domain": domain, "operator": operator})
        ask(self._space, "PUT", f"/domains/{domain}/listing")
        ask(self._space, "POST", "/mailboxes", {"address": address})
        ask(self._space, "POST", f"/mailboxes/{address}/messages", {"count": MESSAGES})
        home = MailboxHome(World(read_sheet(self._space)), operator, design, method, address)
        with opened(home.ends["imap"], home.login("imap"), home.world.bundle) as imap:
            marked(imap)
        return home

    def leave(self, home: MailboxHome) -> None:
        """Remove the domain of a walk."""
        ask(self._space, "DELETE", f"/domains/{home.address.partition('@')[2]}")

    def change_software(self, home: MailboxHome) -> None:
        """The same mailbox, other software."""
        colleague = Colleague.of(home.world.sheet, home.operator, home.address)
        self._first(home, colleague)
        held = home.held()
        began = time.monotonic()
        told = [name for name, value in home.settings().items() if value]
        self._did("settings", HOLDER, began, (CheckResult.PASS, ", ".join(told)), told)
        self._then(home, colleague, held)

    def move(self, home: MailboxHome, operator: str, design: str) -> MailboxHome:
        """Another operator of the space takes the domain: addresses stay."""
        colleague = Colleague.of(home.world.sheet, home.operator, home.address)
        self._first(home, colleague)
        held, domain = home.held(), home.address.partition("@")[2]
        with colleague.writing():
            colleague.wrote()
            began = time.monotonic()
            ask(self._space, "PUT", f"/domains/{domain}/operator", {"operator": operator})
            self._did("move", OPERATORS, began, (CheckResult.PASS, f"{home.operator} > {operator}"))
            new = replace(home, world=World(read_sheet(self._space)), operator=operator,
                          design=design)  # fmt: skip
            self._did("register", OPERATORS, began, self._registered(domain, operator))
            self._did("dns", OPERATORS, began, _resolved(new, domain))
            colleague.wrote()
        self._old(home)
        self._settings(home, new)
        self._then(new, colleague, held)
        return new

    def leave_for(self, home: MailboxHome, new: MailboxHome) -> None:
        """A foreign operator: mail is copied, the address changes, the old one is closed."""
        colleague = Colleague.of(home.world.sheet, home.operator, home.address)
        self._first(home, colleague)
        held, began = home.held(), time.monotonic()
        with colleague.writing():
            colleague.wrote()
            self._did("copy", OPERATORS, began, copied(home, new, self._folder / "copy"))
            colleague.wrote()
        began = time.monotonic()
        self._await(home, colleague.accepted)
        self._did("copy-again", OPERATORS, began, copied(home, new, self._folder / "copy"))
        began = time.monotonic()
        ask(self._space, "DELETE", f"/mailboxes/{home.address}")
        self._did("close", OPERATORS, began, (CheckResult.PASS, home.address))
        self._old(home)
        began = time.monotonic()
        self._did("told", COLLEAGUE, began, colleague.told(home.address))
        self._settings(home, new)
        self._then(new, replace(colleague, to=new.address), held)

    def broke(self, error: Exception) -> None:
        """Note what cut the walk short."""
        why = f"{type(error).__name__} : {error}"[:200]
        self._did("cut-short", OPERATORS, time.monotonic(), (CheckResult.INCONCLUSIVE, why))

    # Parts ----------------------------------------------------------------------------------------

    def _did(
        self, id_: str, who: str, began: float, found: tuple[CheckResult, str],
        settings: Sequence[str] = (),
    ) -> None:  # fmt: skip
        step = WalkStep(id_, who, *found, round(time.monotonic() - began, 2), tuple(settings))
        self.steps.append(step)
        self._tell(f"{step.result.value:15}{step.id:12}{step.seconds:8.2f} s  {step.why}"[:200])

    def _first(self, home: MailboxHome, colleague: Colleague) -> None:
        for protocol in ("imap", "smtp"):
            began = time.monotonic()
            found = self._comes_in(home, self._before, protocol, colleague.own)
            self._did(f"before-{protocol}", SOFTWARE, began, found)

    def _comes_in(
        self, home: MailboxHome, clients: Sequence[MailClient], protocol: str, recipient: str
    ) -> tuple[CheckResult, str]:
        """Have software read or send with the settings of a home."""
        client = next(each for each in clients if protocol in each.protocols)
        place = MatrixPlace(
            home.world, home.operator, home.design, home.method, home.ends[protocol]
        )
        try:
            login = home.login(protocol)
        except (IndexError, MailError, TimeoutError) as error:
            return CheckResult.INCONCLUSIVE, str(error)
        result, why = entered(client, place, home.mechanism(protocol), login,
                              self._folder / client.software, recipient=recipient)  # fmt: skip
        return result, f"{client.software} : {why}"

    def _old(self, home: MailboxHome) -> None:
        """The old settings open nothing any more."""
        began = time.monotonic()
        result, why = self._comes_in(home, self._before, "imap", home.address)
        if result is not CheckResult.INCONCLUSIVE:
            result = CheckResult.PASS if result is CheckResult.FAIL else CheckResult.FAIL
        self._did("old-closed", SOFTWARE, began, (result, why))

    def _settings(self, old: MailboxHome, new: MailboxHome) -> None:
        """Those that differ; all of them where the software is another."""
        began = time.monotonic()
        before, after = old.settings(), new.settings()
        if self._before is not self._after:
            before = {}
        told = [name for name, value in after.items() if before.get(name) != value]
        self._did("settings", HOLDER, began, (CheckResult.PASS, ", ".join(told)), told)

    def _then(self, home: MailboxHome, colleague: Colleague, held: Held) -> None:
        began = time.monotonic()
        self._await(home, colleague.accepted)
        now = home.held()
        self._did("kept", OPERATORS, began, _kept(held, now, colleague))
        self._reads(home, colleague, now)
        began = time.monotonic()
        seen = colleague.count(home.address)
        result, why = self._comes_in(home, self._after, "smtp", colleague.own)
        if result is CheckResult.PASS and not colleague.received(home.address, seen):
            result, why = CheckResult.FAIL, "accepté, jamais remis / taken, never delivered"
        self._did("sends", SOFTWARE, began, (result, why))
        began = time.monotonic()
        written = colleague.write(home.address)
        came = self._await(home, [written])
        self._did("receives", COLLEAGUE, began, (
            (CheckResult.PASS, home.address) if came
            else (CheckResult.FAIL, "accepté, jamais remis / taken, never delivered")
        ))  # fmt: skip

    def _reads(self, home: MailboxHome, colleague: Colleague, held: Held) -> None:
        """Read; software whose copy does not follow begins another, which is one setting more."""
        began = time.monotonic()
        client = next(each for each in self._after if "imap" in each.protocols)
        folder = self._folder / client.software
        before = copy_of(folder)
        result, why = self._comes_in(home, self._after, "imap", colleague.own)
        if result is CheckResult.FAIL and kept_by_software(folder) is not None:
            self._did("copy-anew", HOLDER, began, (CheckResult.PASS, why), ("copy",))
            began = time.monotonic()
            folder.rename(folder.with_name(f"{client.software} before"))
            result, why = self._comes_in(home, self._after, "imap", colleague.own)
        if result is CheckResult.PASS:
            result, why = _own_copy(folder, held, before, why)
        self._did("reads", SOFTWARE, began, (result, why))

    def _await(self, home: MailboxHome, wanted: Sequence[str]) -> bool:
        """Wait until messages are there, a while at most; tell whether they are."""
        end = time.monotonic() + PATIENCE
        while True:
            there = {id_ for _, id_, _ in home.held()}
            if set(wanted) <= there or time.monotonic() > end:
                return set(wanted) <= there
            time.sleep(_LOOK)

    def _registered(self, domain: str, operator: str) -> tuple[CheckResult, str]:
        """Look whether directory and list have the domain under its new operator."""
        known = ask(self._space, "GET", "/domains")["domains"]
        found = next(each for each in known if each["domain"] == domain)
        good = found["operator"] == operator and found["listed"]
        listed = "sur la liste / listed" if found["listed"] else "hors liste / not listed"
        return (CheckResult.PASS if good else CheckResult.FAIL), f"{found['operator']}, {listed}"


def _resolved(home: MailboxHome, domain: str) -> tuple[CheckResult, str]:
    """Wait until DNS names the relay of the new operator."""
    sheet, wanted = home.world.sheet, home.world.operator(home.operator)["mx"]["host"]
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [sheet["dns"]["address"]], sheet["dns"]["port"]
    end, said = time.monotonic() + PATIENCE, ""
    while time.monotonic() < end:
        try:
            answer = resolver.resolve(domain, "MX")
        except dns.exception.DNSException as error:
            said = type(error).__name__
        else:
            host, ttl = (
                answer[0].exchange.to_text(omit_final_dot=True),
                answer.response.answer[0].ttl,
            )
            said = f"{host}, TTL {ttl} s"
            if host == wanted:
                return CheckResult.PASS, said
        time.sleep(_LOOK)
    return CheckResult.FAIL, said


def _kept(before: Held, now: Held, colleague: Colleague) -> tuple[CheckResult, str]:
    """Compare: all that was there, with folder and flags, and all that was accepted, each once."""
    lost = before - now
    times = Counter(id_ for _, id_, _ in now.elements())
    missing = [each for each in colleague.accepted if not times[each]]
    twice = [each for each, count in times.items() if each and count > 1]
    if lost or missing or twice:
        return CheckResult.FAIL, (
            f"{lost.total()} perdus ou changés, {len(missing)} acceptés et perdus,"
            f" {len(twice)} en double / {lost.total()} lost or changed, {len(missing)} accepted"
            f" and lost, {len(twice)} twice"
        )
    late = f"{len(colleague.accepted)} arrivés pendant / came meanwhile"
    if colleague.refused:
        late += f", {len(colleague.refused)} refusés / refused ({colleague.refused[0]})"
    return CheckResult.PASS, f"{before.total()} messages, {late}"


def _own_copy(
    folder: Path, now: Held, before: Mapping[str, str], why: str
) -> tuple[CheckResult, str]:
    """Compare the copy of software that keeps one with the INBOX; count what it had before."""
    copy = kept_by_software(folder)
    if copy is None:
        return CheckResult.PASS, why
    inbox = Counter(id_ for name, id_, _ in now.elements() if name == "INBOX")
    if copy != inbox:
        return CheckResult.FAIL, (
            f"{why} ; sa copie : {(inbox - copy).total()} manquent, {(copy - inbox).total()} de"
            f" trop / its copy: {(inbox - copy).total()} missing, {(copy - inbox).total()} too many"
        )
    had = set(before.values())
    again = sum(id_ in had for name, id_ in copy_of(folder).items() if name not in before)
    return CheckResult.PASS, (
        f"{why} ; sa copie est exacte ({copy.total()}), {again} relevés de nouveau"
        f" / its copy is exact ({copy.total()}), {again} fetched again"
    )
