"""Processor time of each call of CIBA at a real Keycloak, and of password hashes at an operator.

The rows `backends.psc.*` and `processor.password` of data/inputs.csv come from here. A batch of
flows goes through one call at a time (authentication request, pending poll, approval, token,
refresh, introspection), after a warm-up, and the processor time of the Java process is read around
each. No password is in it: the person proves herself on her telephone.
Run: python benchmarks/bench_ciba_cost.py (needs .ci/peers-psc; hashes: perl's crypt of the libc,
and argon2id where argon2-cffi is installed, which nothing else here needs).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bench_psc import (
    PEERS,
    PEOPLE,
    REALM,
    WAIT,
    Connection,
    DeviceStub,
    free_port,
    keycloak_words,
    process,
)
from machine import keep
from processes import cpu_seconds, descendants

CALLS = ("request", "poll", "approval", "token", "refresh", "introspection")
CIBA = "urn:openid:params:grant-type:ciba"
EXPIRES = '"cibaExpiresIn": "120"'
SETTINGS = {
    "SHA-512 crypt, 5 000 rounds": "$6$saltsaltsalt$",
    "bcrypt, cost 5 (Dovecot's default)": "$2b$05$abcdefghijklmnopqrstuu",
    "bcrypt, cost 10": "$2b$10$abcdefghijklmnopqrstuu",
    "bcrypt, cost 12": "$2b$12$abcdefghijklmnopqrstuu",
    "yescrypt, cost 5 (Debian's default)": "$y$j9T$saltsaltsaltsalt$",
}
# Passes, KiB, lanes: what OWASP asks at least; the second choice of RFC 9106.
ARGON2 = {
    "argon2id, 19 MiB, 2 passes": (2, 19_456, 1),
    "argon2id, 64 MiB, 3 passes": (3, 65_536, 4),
}
HASH = (
    'my $n = 0; my @b = times; while ((times)[0] - $b[0] < 1) { crypt("secret", $ARGV[0]); $n++ } \
        printf "%.9f %s\\n", ((times)[0] - $b[0]) / $n, substr(crypt("secret", $ARGV[0]), 0, 4)'
)


def hash_costs() -> dict[str, float]:
    """Return processor seconds of one verification by scheme, those that this libc knows."""
    found = {}
    for name, setting in SETTINGS.items():
        run = subprocess.run(
            ["perl", "-e", HASH, setting], capture_output=True, text=True, check=True
        )
        seconds, start = run.stdout.split()
        if setting.startswith(start[:3]):
            found[name] = float(seconds)
    return found | argon2_costs()


def argon2_costs() -> dict[str, float]:
    """Return processor seconds of one verification by argon2id, all lanes together."""
    try:
        from argon2.low_level import Type, hash_secret, verify_secret
    except ImportError:
        print("argon2id: argon2-cffi is not installed")
        return {}
    found = {}
    for name, (passes, kibibytes, lanes) in ARGON2.items():
        made = hash_secret(b"secret", b"saltsaltsalt", passes, kibibytes, lanes, 32, Type.ID)
        count, begun = 0, time.process_time()
        while time.process_time() - begun < 1:
            verify_secret(made, b"secret", Type.ID)
            count += 1
        found[name] = (time.process_time() - begun) / count
    return found


def java_of(port: int) -> int:
    """Return the Java process that we started on a port."""
    for pid in descendants(os.getpid()):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if words[0].endswith(b"java") and f"--http-port={port}".encode() in words:
            return pid
    raise SystemExit(f"bench: no Java of ours on {port}")


async def listening(port: int) -> None:
    """Wait until Keycloak answers, minutes on a busy machine."""
    for _ in range(600):
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(1)
    raise SystemExit("bench: Keycloak does not listen after ten minutes")


async def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flows", type=int, default=100, help="flows of one batch")
    parser.add_argument("--batches", type=int, default=12, help="that count, after as many")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    homes = sorted(PEERS.glob("keycloak-*"))
    if not homes:
        raise SystemExit("bench: no Keycloak; run .ci/peers-psc")
    stub = DeviceStub()
    device = await asyncio.start_server(stub.serve, "127.0.0.1", 0)
    channel, port = device.sockets[0].getsockname()[1], free_port()
    costs: dict[str, list[float]] = {name: [] for name in CALLS}
    serial = itertools.count()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        words = keycloak_words(Path(folder) / "kc", homes[-1], port, channel)
        settings = Path(folder) / "kc" / "data" / "import" / "realm.json"
        # A batch may take minutes on a busy machine.
        settings.write_text(settings.read_text().replace(EXPIRES, EXPIRES.replace("120", "3600")))
        stack.enter_context(process(words, port, JAVA_OPTS_APPEND="-Xmx1g"))
        await listening(port)
        java, connection = java_of(port), Connection(port)

        async def timed(name: str, calls: list[Callable[[], Awaitable[Any]]]) -> list[Any]:
            before = cpu_seconds(java)
            answers = [await call() for call in calls]
            costs[name].append((cpu_seconds(java) - before) / len(calls))
            return answers

        def form(path: str, **fields: str) -> Callable[[], Awaitable[Any]]:
            return lambda: connection.form(f"{REALM}/{path}", **fields)

        def approval(message: str) -> Callable[[], Awaitable[Any]]:
            return lambda: connection.post(
                f"{REALM}/ext/ciba/auth/callback", b'{"status":"SUCCEED"}', "application/json",
                stub.bearers.pop(message),
            )  # fmt: skip

        for _ in range(2 * options.batches):
            numbers = [next(serial) for _ in range(options.flows)]
            asked = await timed("request", [
                form("ext/ciba/auth", scope="openid", login_hint=PEOPLE[n % len(PEOPLE)],
                     binding_message=f"m{n}")
                for n in numbers
            ])  # fmt: skip
            tickets = [body["auth_req_id"] for _, body in asked]
            redeem = [form("token", grant_type=CIBA, auth_req_id=ticket) for ticket in tickets]
            pending = await timed("poll", redeem)
            assert all(body["error"] == "authorization_pending" for _, body in pending), pending[0]
            answers = await timed("approval", [approval(f"m{n}") for n in numbers])
            assert all(status == 200 for status, _ in answers)
            await asyncio.sleep(WAIT)
            answers = await timed("token", redeem)
            granted = [body for status, body in answers if status == 200]
            refused = [body for status, body in answers if status != 200]
            assert len(refused) < options.flows / 10, refused[:3]
            fresh = await timed("refresh", [
                form("token", grant_type="refresh_token", refresh_token=body["refresh_token"])
                for body in granted
            ])  # fmt: skip
            await timed("introspection", [
                form("token/introspect", token=body["access_token"]) for _, body in fresh
            ])  # fmt: skip
    device.close()
    medians = {name: statistics.median(values[options.batches :]) for name, values in costs.items()}
    cycle = medians["request"] + medians["approval"] + medians["token"]
    hashes = hash_costs()
    print(f"{homes[-1].name}, processor time a call, median of {options.batches} batches")
    for name, seconds in medians.items():
        print(f"{name:14} {1000 * seconds:7.2f} ms")
    print(f"cycle          {1000 * cycle:7.2f} ms  (request, approval, token)")
    for name, seconds in hashes.items():
        print(f"{name:36} {1000 * seconds:8.2f} ms")
    keep(options.out, {
        "benchmark": "ciba cost", "keycloak": homes[-1].name, "seconds": medians, "cycle": cycle,
        "batches": costs, "hash_seconds": hashes, "when": time.time(),
    })  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main())
