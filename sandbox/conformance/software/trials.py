"""A trial: a client tries one way in at one endpoint, and the operator's journal tells the rest."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.conformance.software.attempts import (
    PATIENCE,
    AttemptOutcome,
    LoginAttempt,
    MailClient,
)
from sandbox.conformance.software.names import names_of
from sandbox.conformance.software.tap import Hello, Tap
from sandbox.conformance.software.world import ClientLogin, World
from sandbox.live.journals import Journals

__all__ = ["TrialRecord", "told", "tried", "usual"]

Tree = dict[str, Any]
# What says why, the plainer words first; what programs say of themselves says nothing.
_WHY = (
    re.compile(
        r"error|exception|fail|unsupported|unknown|cannot|refus|illegal|wrong|denied|too big", re.I
    ),
    re.compile(r"\bnot |\bno ", re.I),
)
_ITSELF = re.compile(r"licen[cs]ed|^===", re.I)
_LINE = 140
_TOLD = ("login", "refused")
_LATE, _LOOK = 4.0, 0.05  # s


@dataclass(frozen=True)
class TrialRecord:
    """What was seen of a trial.

    Attributes:
        good: the client says that it worked.
        said: the line of it that says most of why it did not.
        logins: mechanisms by which it logged in, by the journal.
        refusals: of the operator, by its journal: of the mechanism tried, or before any.
        hellos: what it offered in TLS.
        held: seconds that its longest connection lasted.
    """

    good: bool
    said: str
    logins: frozenset[str] = frozenset()
    refusals: tuple[Tree, ...] = ()
    hellos: tuple[Hello, ...] = ()
    held: float = 0.0


def told(said: str) -> str:
    """Return the line of a client's output that says most of why it failed."""
    plain = re.sub(r"\x1b(?:[\[(][0-9;?]*[A-Za-z]|[=>])", " ", said)
    plain = re.sub(r"(?<!\S)[\w\[(]*(/[\w.+@-]+)+/", "", plain)  # folders of this machine
    lines = [" ".join(re.sub(r"[^\x20-\x7e]", " ", line).split()) for line in plain.splitlines()]
    lines = [line for line in lines if len(line) > 3]
    lines = [line for line in lines if not _ITSELF.search(line)]
    why = [line for words in _WHY for line in lines if words.search(line)]
    return (why or lines or ["nothing said"])[0][:_LINE]


def usual(mechanism: str) -> set[str]:
    """Return the mechanisms that are as good as one: clients choose between PLAIN and LOGIN."""
    return {mechanism} | ({"LOGIN"} if mechanism == "PLAIN" else set())


def tried(
    world: World, client: MailClient, at: Tree, mechanism: str, login: ClientLogin, folder: Path, *,
    operator: str = "", times: int = 1, recipient: str = "", bundle: str = "",
    patience: float = PATIENCE,
) -> TrialRecord:  # fmt: skip
    """Have a client try one way in.

    Args:
        world: the space.
        client: installed.
        at: endpoint of the sheet.
        mechanism: SASL, or NONE for a certificate alone.
        login: who.
        folder: the client's own.
        operator: whose endpoint; the first by default.
        times: how often it connects.
        recipient: to whom it writes; somebody at another operator by default.
        bundle: authorities that it trusts; those of the space by default.
        patience: seconds after which it is ended.
    """
    operator = operator or world.first
    other = world.second if operator != world.second else world.first
    journal = world.journal(operator)
    with Tap(at["address"], at["port"], tls=at["tls"]) as tap:
        folder.mkdir(parents=True, exist_ok=True)
        hosts = folder / "hosts"
        hosts.write_text(f"{tap.address} {at['host']}\n")
        attempt = LoginAttempt(
            protocol=at["protocol"], host=at["host"], address=tap.address, port=at["port"],
            tls=at["tls"], mechanism=mechanism, login=login, bundle=bundle or world.bundle,
            names=names_of(hosts) if client.resolver else {}, folder=folder, times=times,
            recipient=recipient or world.recipient(other), patience=patience,
        )  # fmt: skip
        outcome = client.attempt(attempt)
        if isinstance(outcome, str):
            return TrialRecord(good=False, said=outcome)
        if times > 1 and len(tap.hellos) < times:  # a program connects once a run
            client.attempt(attempt)
        tap.settled(_LATE)
        wait = _LATE if outcome.good else _LATE / 4
        entries = _entries(journal, tap, wait) if world.tells(operator) else []
        return _seen(attempt, outcome, tap, entries)


def _entries(journal: Journals, tap: Tap, wait: float) -> list[Tree]:
    """Return what the journal has of the connections; its last lines may come after the client."""
    found: list[Tree] = []
    end = time.monotonic() + wait
    while tap.ports:
        found += [each for each in journal.more() if each.get("client_port") in tap.ports]
        if time.monotonic() > end or any(each["event"] in _TOLD for each in found):
            break
        time.sleep(_LOOK)
    return found


def _seen(
    attempt: LoginAttempt, outcome: AttemptOutcome, tap: Tap, entries: list[Tree]
) -> TrialRecord:
    mechanisms = (None, *usual(attempt.mechanism))
    logins = [e for e in entries if e["event"] == "login" and e["protocol"] == attempt.protocol]
    refusals = [
        each for each in entries
        if each["event"] == "refused" and each.get("mechanism") in mechanisms
        and each["reason"] != "client-gave-up"
    ]  # fmt: skip
    said = outcome.said.replace(attempt.secret, "***") if attempt.secret else outcome.said
    return TrialRecord(
        good=outcome.good, said=told(said), hellos=tuple(tap.hellos), refusals=tuple(refusals),
        logins=frozenset(str(each["mechanism"]) for each in logins),
        held=max(tap.lasted.values(), default=0.0),
    )  # fmt: skip
