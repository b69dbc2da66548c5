"""Our operators as a side of the benchmark: a space of two, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyotp

from benchmarks.mail_load import Account, Operator
from benchmarks.mail_peers import Side, client_context
from sandbox.space.loader import find_scenario

__all__ = ["by_method", "our_space"]

ROOT = Path(__file__).resolve().parents[1]
DESIGN = "single-endpoint"
# A code is good for many logins here: thousands are made with one mailbox. Checking is the same.
SERVER = """
import sys
from pathlib import Path
from sandbox.live.launch import LiveOptions
from sandbox.live.space import LiveSpace
options = LiveOptions(
    scenario=sys.argv[3], designs=(sys.argv[2],), operators=2, folder=Path(sys.argv[1]),
    keys="p-256", behaviour="approve", processes=int(sys.argv[4]),
    block=int(sys.argv[5]) if sys.argv[5:] else None,
)
with LiveSpace(options) as space:
    print("ready", flush=True)
    sys.stdin.read()
"""
METHODS = ("cps", "certificat", "totp", "ecps")


def _account(address: str, way: dict[str, Any], bundle: bytes) -> Account:
    """Return an account that logs in by what the sheet says of one method."""
    context = client_context(bundle)
    if "certificate" in way:
        context.load_cert_chain(way["certificate"], way["key"])
        return Account(address, way["authzid"], None, context)
    if "secret" in way:
        code = pyotp.TOTP(way["secret"]).now
        return Account(address, way["username"], lambda: way["password"] + code(), context)
    return Account(address, way["username"], lambda: way["password"], context)


def by_method(sheet: dict[str, Any], operator: str, method: str) -> Operator:
    """Return an operator with those accounts of it that can log in by a method."""
    (found,) = (each for each in sheet["operators"] if each["name"] == operator)
    places = {
        each["protocol"]: (each["address"], each["port"], each["host"])
        for each in found["designs"][DESIGN]
    }
    bundle = Path(sheet["ca"]["bundle"]).read_bytes()
    accounts = tuple(
        _account(account["address"], account["holders"][0]["methods"][method], bundle)
        for account in sheet["accounts"]
        if account["operator"] == operator and method in account["holders"][0]["methods"]
    )
    return Operator(places["imap"], places["smtp"], accounts)


@contextlib.contextmanager
def our_space(
    processes: int = 0, *, prelude: str = "", block: int | None = None
) -> Iterator[tuple[Side, dict[str, Any]]]:
    """Run a space of two operators; give its side (logins by TOTP) and its sheet.

    `prelude` is Python that its process runs first, `block` its addresses where there are several.
    """
    with tempfile.TemporaryDirectory(prefix="mss-bench-") as folder:
        space, scenario = Path(folder) / "space", Path(folder) / "demo.toml"
        shipped = find_scenario("demo").read_text("utf-8")
        scenario.write_text(f"{shipped}\n[policies]\ntotp_once = false\n", "utf-8")
        child = subprocess.Popen(
            [sys.executable, "-c", prelude + SERVER, str(space), DESIGN, str(scenario),
             str(processes), *([] if block is None else [str(block)])],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert child.stdout is not None
            if child.stdout.readline() != "ready\n":
                raise RuntimeError("the space did not come up")
            sheet = json.loads((space / "space.json").read_bytes())
            first, second = (each["name"] for each in sheet["operators"])
            sender, receiver = (by_method(sheet, name, "totp") for name in (first, second))
            yield Side("ours", sender, receiver, (child.pid,)), sheet
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(30)
