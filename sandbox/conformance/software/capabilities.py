"""What foreign mail software can do, tried on the wire: makes data/capabilities.csv.

Each client tries each mechanism of each protocol at a running space. What it can do is what came of
it: it said that it worked *and* the operator's journal has the login by that mechanism. Where it
failed, the journal tells whose failure it was: a login that our operator refused measures nothing,
and is said so.
"""

from __future__ import annotations

import csv
import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sandbox.conformance.ours import running_space
from sandbox.conformance.software.attempts import MailClient
from sandbox.conformance.software.tap import Hello
from sandbox.conformance.software.trials import TrialRecord, usual
from sandbox.conformance.software.trials import tried as seen_of
from sandbox.conformance.software.world import ClientLogin, Tree, World
from sandbox.space.errors import UserError

__all__ = ["COLUMNS", "TRIALS", "CapabilityRow", "Tried", "measure", "read", "tried", "write"]

Tell = Callable[[str], None]
COLUMNS = ("software", "version", "protocol", "capability", "value", "how")
ANSWER = 110.0  # s after which the telephone answers; a request lives for 120 s
ABREAST = 3  # clients that try at a time: they mostly wait
HELD = (30, 60, 100)
NEAREST = 5  # s, that are told: a busy machine tells the same
PEOPLE = 2.5  # with a telephone of their own, by operator: some work at two
DESIGNS = ("single-endpoint", "multi-endpoint")


@dataclass(frozen=True)
class Trial:
    """A way in to try: which mechanism, carrying which method, at which endpoint."""

    mechanism: str
    method: str
    design: str
    endpoint: str  # "{}" is the protocol


# Where certificates log in alone there is another space.
TRIALS = {
    "plain": Trial("PLAIN", "ecps", "multi-endpoint", "{}.ciba"),
    "asked": Trial("PLAIN", "ecps", "single-endpoint", "{}"),
    "external": Trial("EXTERNAL", "cps", "single-endpoint", "{}"),
    "xoauth2": Trial("XOAUTH2", "ecps", "single-endpoint", "{}"),
    "oauthbearer": Trial("OAUTHBEARER", "ecps", "single-endpoint", "{}"),
    "alone": Trial("NONE", "cps", "single-endpoint", "{}"),
}


@dataclass(frozen=True)
class CapabilityRow:
    """One line of the table; `value` is 1, 0, or nothing where it could not be tried."""

    software: str
    version: str
    protocol: str
    capability: str
    value: str
    how: str


@dataclass(frozen=True)
class Tried:
    """What came of one trial.

    Attributes:
        value: 1, 0, or nothing where the attempt measured nothing.
        how: one line.
        hellos: what it offered in TLS.
        held: seconds that its longest connection lasted.
    """

    value: str
    how: str
    hellos: tuple[Hello, ...] = ()
    held: float = 0.0


def tried(
    world: World,
    client: MailClient,
    protocol: str,
    trial: Trial,
    login: ClientLogin,
    folder: Path,
    times: int = 1,
    operator: str = "",
) -> Tried:
    """Have a client try one way in; at the first operator by default."""
    at = world.endpoint(trial.design, trial.endpoint.format(protocol), operator)
    seen = seen_of(
        world, client, at, trial.mechanism, login, folder, operator=operator, times=times
    )
    value, how = _judged(trial, seen)
    return Tried(value, how, seen.hellos, seen.held)


def _judged(trial: Trial, seen: TrialRecord) -> tuple[str, str]:
    """Return value and how: whose failure it was is the journal's to say."""
    meant = usual(trial.mechanism)
    if seen.good and seen.logins & meant:
        return "1", ""
    if seen.logins - meant:
        other = ", ".join(sorted(seen.logins - meant))
        return "", f"offered both, it logs in by {other}: not tried alone"
    if seen.refusals:
        return "", f"our operator refused: {seen.refusals[-1]['reason']}; {seen.said}"
    return "0", seen.said


def _logging_in(
    world: World, clients: Sequence[MailClient], folder: Path, tell: Tell
) -> Iterator[CapabilityRow]:
    """Try all ways in where SASL logs in."""
    with ThreadPoolExecutor(ABREAST) as pool:
        for rows in pool.map(lambda client: list(_usual(world, client, folder, tell)), clients):
            yield from rows


def _usual(world: World, client: MailClient, folder: Path, tell: Tell) -> Iterator[CapabilityRow]:
    version, found = client.version(), dict[str, dict[str, Tried]]()
    for protocol in client.protocols:
        for name, trial in TRIALS.items():
            if name == "alone":
                continue
            times = 2 if name == "plain" else 1
            login = world.login(trial.method, trial.mechanism)
            place = folder / client.software / f"{protocol}-{name}"
            result = tried(world, client, protocol, trial, login, place, times)
            found.setdefault(name, {})[protocol] = result
            _tell(tell, client, protocol, name, result)
            if name != "asked":
                how = result.how or f"logged in with {trial.mechanism}, by the journal"
                yield CapabilityRow(client.software, version, protocol, f"{protocol}_{name}",
                          result.value, how)  # fmt: skip
    yield from _tls(client, version, found)


def _tls(
    client: MailClient, version: str, found: dict[str, dict[str, Tried]]
) -> Iterator[CapabilityRow]:
    """What the trials say about TLS and ports, for both protocols at once."""
    protocols = " ".join(client.protocols)
    hellos = [hello for each in found["plain"].values() for hello in each.hellos]
    again = [hello for each in found["plain"].values() for hello in each.hellos[1:]]
    asked, calm = found["asked"], found["plain"]
    good = [p for p in calm if calm[p].value == "1"]

    def row(capability: str, value: bool | None, how: str) -> CapabilityRow:
        word = "" if value is None else str(int(value))
        return CapabilityRow(client.software, version, protocols, capability, word, how)

    named = None if not hellos else all(hello.name for hello in hellos)
    yield row("sni", named, "server name in its ClientHello")
    yield row("tls13", None if not hellos else all(hello.tls13 for hello in hellos),
              "TLS 1.3 among the versions of its ClientHello")  # fmt: skip
    yield row("resumes", None if not again else any(hello.resumes for hello in again),
              "comes back with the ticket of its first connection: in one process if a library, "
              "in a second run if a program")  # fmt: skip
    yield row(
        "port_setting", None if not good else True, "logged in at a port that is not the protocol's"
    )
    yield row("host_setting", None if not good else True, "logged in at two hosts")
    fails = None if not good else any(asked[p].value != "1" for p in good)
    yield row("certificate_request_fails", fails,
              "logs in with a password where a certificate is asked for")  # fmt: skip


def _alone_all(
    world: World, clients: Sequence[MailClient], folder: Path, tell: Tell
) -> Iterator[CapabilityRow]:
    """Try certificates that log in alone."""
    with ThreadPoolExecutor(ABREAST) as pool:
        for rows in pool.map(lambda client: list(_alone(world, client, folder, tell)), clients):
            yield from rows


def _alone(world: World, client: MailClient, folder: Path, tell: Tell) -> Iterator[CapabilityRow]:
    trial = TRIALS["alone"]
    for protocol in client.protocols:
        login = world.login(trial.method, trial.mechanism)
        place = folder / client.software / f"{protocol}-alone"
        result = tried(world, client, protocol, trial, login, place)
        _tell(tell, client, protocol, "alone", result)
        word = "greeted PREAUTH, it goes on" if protocol == "imap" else "MAIL without AUTH"
        yield CapabilityRow(client.software, client.version(), protocol, f"{protocol}_alone",
                  result.value, result.how or word)  # fmt: skip


def _held(
    world: World, clients: Sequence[MailClient], folder: Path, tell: Tell
) -> Iterator[CapabilityRow]:
    """Have all try at once a login that waits for a telephone."""
    world.telephones("approve", ANSWER)
    trial = TRIALS["asked"]
    pairs = _pairs(clients)

    def one(pair: tuple[MailClient, str], of: tuple[str, Tree, Tree]) -> Tried:
        (client, protocol), (operator, account, way) = pair, of
        login = ClientLogin(account["address"], way["username"], way["password"])
        place = folder / client.software / f"{protocol}-held"
        return tried(world, client, protocol, trial, login, place, operator=operator)

    with ThreadPoolExecutor(len(pairs)) as pool:
        results = list(pool.map(one, pairs, _telephones(world, len(pairs))))
    for (client, protocol), result in zip(pairs, results, strict=True):
        _tell(tell, client, protocol, f"held {result.held:.0f} s", result)
        for seconds in HELD:
            yield CapabilityRow(client.software, client.version(), protocol,
                      f"{protocol}_holds_{seconds}", *_waits(result, seconds))  # fmt: skip


def _pairs(clients: Sequence[MailClient]) -> list[tuple[MailClient, str]]:
    return [(client, protocol) for client in clients for protocol in client.protocols]


def _telephones(world: World, number: int) -> list[tuple[str, Tree, Tree]]:
    """Return so many (operator, account, way in), no two of whom share a telephone.

    Who joins a telephone that rings already waits less.

    Raises:
        UserError: there are not so many.
    """
    found: dict[str, tuple[str, Tree, Tree]] = {}
    for operator in world.operators:
        for account, way in world.accounts(operator, "ecps"):
            if "*" not in way["username"]:
                found.setdefault(way["login_hint"], (operator, account, way))
    if len(found) < number:
        raise UserError(
            f"{len(found)} téléphones pour {number} essais",
            f"{len(found)} telephones for {number} trials",
        )
    return list(found.values())[:number]


def _waits(result: Tried, seconds: int) -> tuple[str, str]:
    """Return whether a client waits so long, and how that is known."""
    known = result.value and (result.value == "0" or result.held > seconds)
    value = str(int(result.held > seconds)) if known else ""
    if result.value == "1" and result.held > HELD[-1]:
        return value, f"waited {ANSWER:.0f} s for the telephone"
    ended = "let in" if result.value == "1" else "closed"
    about = NEAREST * round(result.held / NEAREST)
    return value, f"{ended} after {about} s: {result.how}".removesuffix(": ")


def _tell(tell: Tell, client: MailClient, protocol: str, name: str, result: Tried) -> None:
    tell(f"{client.software:14}{protocol:6}{name:14}{result.value or '?':3}{result.how}")


def measure(clients: Sequence[MailClient], tell: Tell) -> list[CapabilityRow]:
    """Bring up one space after the other and have all clients try.

    Raises:
        UserError: no space starts.
    """
    rows: list[CapabilityRow] = []
    with tempfile.TemporaryDirectory(prefix="mssante-capabilities-") as place:
        folder = Path(place)
        with running_space(DESIGNS, tell) as sheet:
            rows += _logging_in(World(sheet), clients, folder, tell)
        operators = max(2, math.ceil(len(_pairs(clients)) / PEOPLE))
        alone_options = ("--login-policy", "certificate-alone", "--operators", str(operators))
        with running_space(DESIGNS, tell, alone_options) as sheet:
            world = World(sheet)
            rows += _alone_all(world, clients, folder, tell)
            rows += _held(world, clients, folder, tell)
    return rows


def read(table: Path) -> list[CapabilityRow]:
    """Return a table."""
    with table.open(encoding="utf-8", newline="") as file:
        return [CapabilityRow(**row) for row in csv.DictReader(file)]


def write(table: Path, rows: Sequence[CapabilityRow]) -> None:
    """Write the rows measured; those of other software stay, each keeps the order of its own."""
    measured = {row.software for row in rows}
    kept = [row for row in (read(table) if table.exists() else []) if row.software not in measured]
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in sorted([*kept, *rows], key=lambda row: row.software.lower()):
            writer.writerow(tuple(getattr(row, name) for name in COLUMNS))
