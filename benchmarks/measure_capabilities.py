"""What foreign mail software can do, tried on the wire: writes data/capabilities.csv.

Each client tries each mechanism of each protocol at a running space, through a wire tap that reads
its ClientHello. What it can do is what came of it: it said that it worked *and* the operator's
journal has the login by that mechanism. Where it failed, the journal tells whose failure it was: a
login that our operator refused measures nothing, and is said so.
Run: python benchmarks/measure_capabilities.py [SOFTWARE ...]   (all that is installed by default)
"""

from __future__ import annotations

import csv
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from sandbox.psc import Behaviour  # noqa: E402
from tests.live.clients.attempts import CLIENTS as OTHERS  # noqa: E402
from tests.live.clients.attempts import Attempt, Client, Outcome  # noqa: E402
from tests.live.clients.programs import names_of  # noqa: E402
from tests.live.clients.tap import Hello, Tap  # noqa: E402
from tests.live.clients.thunderbird_attempts import THUNDERBIRD  # noqa: E402
from tests.live.clients.world import Login, World, running_world  # noqa: E402

__all__ = ["COLUMNS", "TABLE", "TRIALS", "Row", "Tried", "measure", "read", "write"]

WHY = re.compile(
    r"error|exception|fail|\bnot |unsupported|unknown|cannot|refus|illegal|wrong|denied|\bno ", re.I
)
TABLE = ROOT / "data" / "capabilities.csv"
COLUMNS = ("software", "version", "protocol", "capability", "value", "how")
ANSWER = 110.0  # s after which the telephone answers; a request lives for 120 s
ABREAST = 3  # clients that try at a time: they mostly wait
HELD = (30, 60, 100)
CLIENTS = (*OTHERS, THUNDERBIRD)


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
class Row:
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


def told(said: str) -> str:
    """Return the line of a client's output that says most of why it failed."""
    plain = re.sub(r"\x1b[\[(][0-9;?]*[A-Za-z]", " ", said)
    plain = re.sub(r"(?<!\S)[\w\[(]*(/[\w.+@-]+)+/", "", plain)  # folders of this machine
    lines = [" ".join(re.sub(r"[^\x20-\x7e]", " ", line).split()) for line in plain.splitlines()]
    lines = [line for line in lines if len(line) > 3]
    why = [line for line in lines if WHY.search(line)]
    return (why or lines or ["nothing said"])[0][:140]


def tried(world: World, client: Client, protocol: str, trial: Trial, login: Login, folder: Path,
          times: int = 1) -> Tried:  # fmt: skip
    """Have a client try one way in."""
    at = world.endpoint(trial.design, trial.endpoint.format(protocol))
    with Tap(at["address"], at["port"]) as tap:
        p12, pin = _pkcs12(world, login)
        folder.mkdir(parents=True, exist_ok=True)
        hosts = folder / "hosts"
        hosts.write_text(f"{tap.address} {at['host']}\n")
        attempt = Attempt(
            protocol=protocol, host=at["host"], address=tap.address, port=at["port"],
            mechanism=trial.mechanism, login=login, pkcs12=p12, pin=pin, bundle=world.bundle,
            names=names_of(hosts), folder=folder, times=times,
            recipient=world.login("cps", operator=world.second).address,
        )  # fmt: skip
        outcome = client.attempt(attempt)
        if isinstance(outcome, str):
            return Tried("0", outcome)
        if times > 1 and len(tap.hellos) < times:  # a program connects once a run
            client.attempt(attempt)
        return _judged(world, protocol, trial, outcome, tap)


def _judged(world: World, protocol: str, trial: Trial, outcome: Outcome, tap: Tap) -> Tried:
    ports = {hello.port for hello in tap.hellos}
    events = [
        event for event in world.space.operators[world.first].journal.since()
        if event.get("client_port") in ports
    ]  # fmt: skip
    logins = [e for e in events if e["event"] == "login" and e["protocol"] == protocol]
    by = {str(event["mechanism"]) for event in logins}
    usual = {trial.mechanism} | ({"LOGIN"} if trial.mechanism == "PLAIN" else set())
    refused = [
        str(event["reason"]) for event in events
        if event["event"] == "refused" and event.get("mechanism") in (None, *usual)
    ]  # fmt: skip
    hellos, held = tuple(tap.hellos), max(tap.lasted.values(), default=0.0)
    if outcome.good and by & usual:
        return Tried("1", "", hellos, held)
    if by - usual:
        other = ", ".join(sorted(by - usual))
        return Tried("", f"offered both, it logs in by {other}: not tried alone", hellos, held)
    ours = [reason for reason in refused if reason != "client-gave-up"]
    if ours:
        said = f"our operator refused: {ours[-1]}; {told(outcome.said)}"
        return Tried("", said, hellos, held)
    return Tried("0", told(outcome.said), hellos, held)


def _pkcs12(world: World, login: Login) -> tuple[str, str]:
    for account in world.sheet["accounts"]:
        for holder in account["holders"]:
            for way in holder["methods"].values():
                if login.certificate and way.get("certificate") == login.certificate:
                    return way["pkcs12"], way["pin"]
    return "", ""


def usual(world: World, clients: Sequence[Client], folder: Path) -> Iterator[Row]:
    """Try all ways in where SASL logs in."""
    with ThreadPoolExecutor(ABREAST) as pool:
        for rows in pool.map(lambda client: list(_usual(world, client, folder)), clients):
            yield from rows


def _usual(world: World, client: Client, folder: Path) -> Iterator[Row]:
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
            tell(client, protocol, name, result)
            if name != "asked":
                how = result.how or f"logged in with {trial.mechanism}, by the journal"
                yield Row(client.software, version, protocol, f"{protocol}_{name}",
                          result.value, how)  # fmt: skip
    yield from tls(client, version, found)


def tls(client: Client, version: str, found: dict[str, dict[str, Tried]]) -> Iterator[Row]:
    """What the trials say about TLS and ports, for both protocols at once."""
    protocols = " ".join(client.protocols)
    hellos = [hello for each in found["plain"].values() for hello in each.hellos]
    again = [hello for each in found["plain"].values() for hello in each.hellos[1:]]
    asked, calm = found["asked"], found["plain"]
    good = [p for p in calm if calm[p].value == "1"]

    def row(capability: str, value: bool | None, how: str) -> Row:
        told = "" if value is None else str(int(value))
        return Row(client.software, version, protocols, capability, told, how)

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


def alone(world: World, clients: Sequence[Client], folder: Path) -> Iterator[Row]:
    """Try certificates that log in alone."""
    with ThreadPoolExecutor(ABREAST) as pool:
        for rows in pool.map(lambda client: list(_alone(world, client, folder)), clients):
            yield from rows


def _alone(world: World, client: Client, folder: Path) -> Iterator[Row]:
    trial = TRIALS["alone"]
    for protocol in client.protocols:
        login = world.login(trial.method, trial.mechanism)
        place = folder / client.software / f"{protocol}-alone"
        result = tried(world, client, protocol, trial, login, place)
        tell(client, protocol, "alone", result)
        word = "greeted PREAUTH, it goes on" if protocol == "imap" else "MAIL without AUTH"
        yield Row(client.software, client.version(), protocol, f"{protocol}_alone",
                  result.value, result.how or word)  # fmt: skip


def held(world: World, clients: Sequence[Client], folder: Path) -> Iterator[Row]:
    """Have all try at once a login that waits for a telephone."""
    world.space.psc.provider.behave(Behaviour(kind="approve", delay=ANSWER))
    trial = TRIALS["asked"]
    pairs = [(client, protocol) for client in clients for protocol in client.protocols]
    accounts = [each for each in world.accounts(world.first, "ecps")
                if "*" not in each[1]["username"]]  # fmt: skip

    def one(number: int) -> Tried:
        (client, protocol), (account, way) = pairs[number], accounts[number % len(accounts)]
        login = Login(account["address"], way["username"], way["password"])
        place = folder / client.software / f"{protocol}-held"
        return tried(world, client, protocol, trial, login, place)

    with ThreadPoolExecutor(len(pairs)) as pool:
        results = list(pool.map(one, range(len(pairs))))
    for (client, protocol), result in zip(pairs, results, strict=True):
        tell(client, protocol, f"held {result.held:.0f} s", result)
        for seconds in HELD:
            waits = "" if not result.value else str(
                int(result.value == "1" or result.held > seconds))  # fmt: skip
            how = f"waited {ANSWER:.0f} s for the telephone" if result.value == "1" else (
                f"closed after {result.held:.0f} s: {result.how}")  # fmt: skip
            yield Row(client.software, client.version(), protocol,
                      f"{protocol}_holds_{seconds}", waits, how)  # fmt: skip


def tell(client: Client, protocol: str, name: str, result: Tried) -> None:
    """Show progress."""
    print(f"{client.software:14}{protocol:6}{name:14}{result.value or '?':3}{result.how}",
          flush=True)  # fmt: skip


def measure(clients: Sequence[Client]) -> list[Row]:
    """Bring up one space after the other and have all clients try."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="capabilities-") as place:
        options: dict[str, Any] = {"designs": ("single-endpoint", "multi-endpoint")}
        with running_world(**options) as world:
            rows += usual(world, clients, Path(place))
        with running_world(**options, login_policy="certificate-alone") as world:
            rows += alone(world, clients, Path(place))
            rows += held(world, clients, Path(place))
    return rows


def read() -> list[Row]:
    """Return the table."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return [Row(**row) for row in csv.DictReader(file)]


def write(rows: Sequence[Row]) -> None:
    """Write the table; software keeps its order, and so do its capabilities."""
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(tuple(getattr(row, name) for name in COLUMNS) for row in rows)


def main() -> None:
    """Measure the software named, or all that is here; keep the rows of the rest."""
    wanted = sys.argv[1:] or [client.software for client in CLIENTS]
    clients = [c for c in CLIENTS if c.software in wanted and not c.absent]
    for client in CLIENTS:
        if client.software in wanted and client.absent:
            print(f"{client.software}: {client.absent} is not installed; its rows are kept")
    names = {client.software for client in clients}
    found = measure(clients)
    kept = [row for row in (read() if TABLE.exists() else []) if row.software not in names]
    write(sorted([*kept, *found], key=lambda row: row.software.lower()))


if __name__ == "__main__":
    main()
