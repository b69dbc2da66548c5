"""CIBA per second: our provider, npm oidc-provider, Keycloak; same machine, same work, one run.

One unit of work is four HTTP calls over loopback, without TLS, through `--parallel` connections:
authentication request, a poll that is pending, the approval, and after the interval of 1 s the
poll that gives tokens; `--flows` people are in flight, so that waiting costs nothing.
Approvals use each provider's own door: our control API, a route around oidc-provider's
`backchannelResult`, Keycloak's channel callback (Keycloak also calls a device stub: its protocol).
Providers are measured in turn, `--rounds` times, interleaved, after a warm-up; the figure is the
median round. The client shares the two cores.
Run: python benchmarks/bench_psc.py (peers: .ci/peers-psc).
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[1]
OURS = str(ROOT / "benchmarks" / "psc_ours.py")
sys.path.insert(0, str(ROOT))

from tests.psc.conftest import CIBA, SECRET  # noqa: E402
from tests.psc.peers import PEERS  # noqa: E402
from tests.psc.questions import realm  # noqa: E402
from tests.psc.test_keycloak_differential import CHANNEL, free_port  # noqa: E402

BASIC = "Basic " + base64.b64encode(f"basic:{SECRET}".encode()).decode()
REALM = "/auth/realms/esante-wallet/protocol/openid-connect"


class Connection:
    """A minimal HTTP/1.1 keep-alive client: the client must not be what is measured."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def post(self, path: str, body: bytes, media: str, authorization: str = "") -> Any:
        """POST and return (status, JSON or None)."""
        if self.reader is None or self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Type: {media}\r\n"
            f"Content-Length: {len(body)}\r\nAuthorization: {authorization}\r\n\r\n"
        )
        self.writer.write(head.encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        status = int(answer[9:12])
        fields = answer.lower()
        content = b""
        if b"transfer-encoding: chunked" in fields:
            while True:
                size = int((await self.reader.readline()).split(b";")[0], 16)
                content += (await self.reader.readexactly(size + 2))[:-2]
                if size == 0:
                    break
        elif b"content-length:" in fields:
            length = int(fields.split(b"content-length:")[1].split(b"\r\n")[0])
            content = await self.reader.readexactly(length)
        return status, json.loads(content) if content[:1] == b"{" else None

    async def form(self, path: str, **form: str) -> Any:
        """POST a form as the client."""
        media = "application/x-www-form-urlencoded"
        return await self.post(path, urlencode(form).encode(), media, BASIC)


Approve = Callable[[Connection, str, str], Awaitable[None]]
SERIAL = itertools.count()
PEOPLE = [f"8997{number:08d}" for number in range(200)]
# Every provider has interval 1 (Keycloak 26.7 answers 500 to a poll when its interval is 0).
WAIT = 1.1


@dataclass(frozen=True)
class Side:
    """One provider: where it is, and how its device approves."""

    port: int
    start: str
    token: str
    approve: Approve
    pid: int

    def processor_seconds(self) -> float:
        """Return the processor time that the server has taken, all threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def unit(pool: asyncio.Queue[Connection], side: Side) -> bool:
    """Do one whole CIBA flow, with the wait that the standard asks for between two polls.

    Return whether the last poll gave tokens: Keycloak answers 500 to some when flows of one
    person race for the same consent.
    """
    number = next(SERIAL)
    message = f"m{number}"
    connection = await pool.get()
    status, body = await connection.form(
        side.start, scope="openid", login_hint=PEOPLE[number % len(PEOPLE)], binding_message=message
    )
    assert status == 200, body
    auth_req_id = body["auth_req_id"]
    status, body = await connection.form(side.token, grant_type=CIBA, auth_req_id=auth_req_id)
    assert (status, body["error"]) == (400, "authorization_pending"), body
    await side.approve(connection, auth_req_id, message)
    pool.put_nowait(connection)
    await asyncio.sleep(WAIT)
    connection = await pool.get()
    status, body = await connection.form(side.token, grant_type=CIBA, auth_req_id=auth_req_id)
    pool.put_nowait(connection)
    return status == 200 and "id_token" in body


async def rate(side: Side, parallel: int, flows: int, seconds: float) -> tuple[float, int, float]:
    """Return units per second once the first flows are through, and how many units failed.

    The third figure is the server's processor time for one unit, in ms, the first units included.
    """
    pool: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(parallel):
        pool.put_nowait(Connection(side.port))
    opens = time.perf_counter() + 2 * WAIT
    end = opens + seconds
    done = failed = units = 0
    spent = side.processor_seconds()

    async def work() -> None:
        nonlocal done, failed, units
        while time.perf_counter() < end:
            good = await unit(pool, side)
            failed += not good
            units += 1
            if good and opens <= time.perf_counter() < end:
                done += 1

    await asyncio.gather(*(work() for _ in range(flows)))
    while not pool.empty():
        connection = pool.get_nowait()
        if connection.writer:
            connection.writer.close()
    per_unit = 1000 * (side.processor_seconds() - spent) / units
    return done / seconds, failed, per_unit


async def approve_ours(connection: Connection, auth_req_id: str, message: str) -> None:
    """Press the button of that request."""
    del message
    from sandbox.psc.requests import ticket_of

    path = f"/sandbox/requests/{ticket_of(auth_req_id)}/approve"
    status, body = await connection.post(path, b"{}", "application/json", f"Bearer {SECRET}")
    assert status == 200, body


async def approve_npm(connection: Connection, auth_req_id: str, message: str) -> None:
    """Call the route around backchannelResult."""
    del message
    status, _ = await connection.post(f"/approve/{auth_req_id}", b"", "text/plain", "")
    assert status == 204


class DeviceStub:
    """Keycloak's authentication device: 201, and the bearer kept for the callback, by message."""

    def __init__(self) -> None:
        self.bearers: dict[str, str] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer Keycloak's posts."""
        gone = (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError)
        with contextlib.suppress(*gone):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                fields = dict(
                    line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line
                )
                fields = {name.lower(): value for name, value in fields.items()}
                body = json.loads(await reader.readexactly(int(fields["content-length"])))
                self.bearers[body["binding_message"]] = fields["authorization"]
                writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")


@contextlib.contextmanager
def process(words: list[str], port: int, **env: str) -> Iterator[int]:
    """Run a server until its port answers, give its process id, and end it."""
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(words, stdout=log, stderr=log, env={**os.environ, **env}, cwd=ROOT)
        try:
            for _ in range(900):
                if child.poll() is not None:
                    log.seek(0)
                    raise SystemExit(f"{words[0]}: {log.read().decode(errors='replace')}")
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port), 0.2).close()
                    break
                time.sleep(0.1)
            yield child.pid
        finally:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()


def keycloak_words(folder: Path, home: Path, port: int, channel: int) -> list[str]:
    """Lay a Keycloak out and return its command."""
    data = realm()
    data["users"] = [{"username": name, "enabled": True} for name in PEOPLE]
    for name in ("bin", "conf", "providers", "themes"):
        shutil.copytree(home / name, folder / name)
    shutil.copytree(home / "lib", folder / "lib", copy_function=os.link)
    (folder / "data" / "import").mkdir(parents=True)
    (folder / "data" / "import" / "realm.json").write_text(json.dumps(data), "utf-8")
    return [
        str(folder / "bin" / "kc.sh"),
        "start",
        "--optimized",
        "--http-enabled=true",
        "--hostname-strict=false",
        "--http-host=127.0.0.1",
        f"--http-port={port}",
        "--import-realm",
        f"{CHANNEL}=http://127.0.0.1:{channel}/channel",
    ]


async def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parallel", type=int, default=8)
    parser.add_argument("--flows", type=int, default=1_000)
    parser.add_argument("--without-keycloak", action="store_true")
    options = parser.parse_args()
    homes = [] if options.without_keycloak else sorted(PEERS.glob("keycloak-*"))
    stack = contextlib.ExitStack()
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    stub = DeviceStub()
    device = await asyncio.start_server(stub.serve, "127.0.0.1", 0)
    channel = device.sockets[0].getsockname()[1]
    core = ("/backchannel-authentication", "/token")
    psc = (f"{REALM}/ext/ciba/auth", f"{REALM}/token")
    sides: dict[str, Side] = {}

    async def approve_keycloak(connection: Connection, auth_req_id: str, message: str) -> None:
        del auth_req_id
        bearer = stub.bearers.pop(message)
        status, body = await connection.post(
            f"{REALM}/ext/ciba/auth/callback", b'{"status":"SUCCEED"}', "application/json", bearer
        )
        assert status == 200, body

    with stack:
        for name, profile, state in (
            ("ours, psc profile", "psc", ""),
            ("ours, core profile", "core", ""),
            ("ours, psc profile, state on disk", "psc", str(folder / "state.db")),
        ):
            port = free_port()
            words = [sys.executable, OURS, str(port), profile, state]
            pid = stack.enter_context(process(words, port))
            sides[name] = Side(port, *(psc if profile == "psc" else core), approve_ours, pid)
        if (PEERS / "node_modules" / "oidc-provider").is_dir():
            port = free_port()
            (folder / "node_modules").symlink_to(PEERS / "node_modules")
            shutil.copy(ROOT / "benchmarks" / "oidc_provider_peer.mjs", folder)
            script = str(folder / "oidc_provider_peer.mjs")
            pid = stack.enter_context(process(["node", script, str(port), SECRET], port))
            sides["npm oidc-provider"] = Side(port, "/backchannel", "/token", approve_npm, pid)
        if homes:
            port = free_port()
            (folder / "kc").mkdir()
            words = keycloak_words(folder / "kc", homes[-1], port, channel)
            pid = stack.enter_context(process(words, port, JAVA_OPTS_APPEND="-Xmx1g"))
            sides[homes[-1].name] = Side(port, *psc, approve_keycloak, pid)
        figures: dict[str, list[float]] = {name: [] for name in sides}
        costs: dict[str, list[float]] = {name: [] for name in sides}
        failures = dict.fromkeys(sides, 0)
        for turn in range(options.rounds + 1):
            for name, side in sides.items():
                seconds = options.seconds if turn else 2.0
                got, bad, cost = await rate(side, options.parallel, options.flows, seconds)
                print(
                    f"{name}: {got:.0f}/s, {cost:.2f} ms, {bad} failed", file=sys.stderr, flush=True
                )
                if turn:  # the first turn warms up (JIT compilers, caches)
                    figures[name].append(got)
                    costs[name].append(cost)
                    failures[name] += bad
    device.close()
    medians = {name: round(statistics.median(values), 1) for name, values in figures.items()}
    base = medians["ours, psc profile"]
    print(
        json.dumps(
            {
                "units_per_second": medians,
                "rounds": {n: [round(v, 1) for v in vs] for n, vs in figures.items()},
                "ratio_of_ours_psc": {n: round(base / v, 2) for n, v in medians.items()},
                "processor_ms_per_unit": {
                    n: round(statistics.median(vs), 3) for n, vs in costs.items()
                },
                "failed_units": failures,
                "load_average": os.getloadavg()[0],
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
