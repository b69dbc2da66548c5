"""Software that we did not write, judged: each failure is one, with the clause that it is against.

Driven by the scripts of `clients/`, which an editor may begin with.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import sandbox
from sandbox.conformance.client import session
from sandbox.conformance.client.drivers import Script
from sandbox.conformance.client.judge import judged
from sandbox.conformance.client.session import played
from sandbox.conformance.client.steps import Profile
from sandbox.conformance.findings import Report, Result
from sandbox.live.space import LiveSpace
from tests.conformance.mutants import found
from tests.live.clients.attempts import PEERS
from tests.live.clients.programs import names_of, needed
from tests.live.clients.world import asking_each_second

SCRIPTS = Path(__file__).with_name("clients")
NODE = PEERS / "mail-node"
CLIENTS = {
    "python": (sys.executable, SCRIPTS / "mail_python.py", ()),
    "curl": (sys.executable, SCRIPTS / "mail_curl.py", ("curl",)),
    "mbsync and msmtp": (sys.executable, SCRIPTS / "mail_unix.py", ("mbsync", "msmtp")),
    "imapflow and nodemailer": ("node", SCRIPTS / "mail_node.mjs", ("node",)),
}


@pytest.fixture(scope="module")
def space() -> Iterator[LiveSpace]:
    with (
        asking_each_second() as scenario,
        sandbox.live(scenario, designs=("single-endpoint",), operators=1) as running,
    ):
        yield running


def judge(space: LiveSpace, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Report:
    program, script, programs = CLIENTS[name]
    needed(*programs)
    if program == "node" and not (NODE / "complete").exists():
        pytest.skip("imapflow and nodemailer are not installed (.ci/peers-operators)")
    names = " ".join(f"{key}={value}" for key, value in names_of(folder / "hosts").items())
    monkeypatch.setattr(session, "slow_answer", lambda: 1.0)
    command = f"env {names} NODE_FOLDER={NODE} {shutil.which(program)} {script}"
    record = played(
        space.sheet, folder, Script(command, 60.0), profile=Profile.MAIL_CLIENT, method="ecps"
    )
    return judged(record, name, datetime.now(UTC))


# What fails, as the dialogue of the report shows, and why it is a failure.
EVERYBODY = {
    # With OpenSSL's or Node's trust store of roots and intermediates, any authority below the roots
    # is good, and nobody reads a CRL: ECO.1.1.10, ECO.1.1.6.
    "client-authority", "client-server-revoked",
}  # fmt: skip
FAILS: dict[str, set[str]] = {name: set(EVERYBODY) for name in CLIENTS}
UNSURE: dict[str, set[str]] = {name: {"client-discovery"} for name in CLIENTS}


@pytest.mark.parametrize("name", CLIENTS)
def test_nothing_fails_but_what_is_against_a_clause(
    space: LiveSpace, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = judge(space, tmp_path, name, monkeypatch)
    assert found(report, Result.FAIL) == FAILS[name]
    assert found(report, Result.INCONCLUSIVE) == UNSURE[name]
    passed = found(report, Result.PASS)
    assert passed >= {"client-receives", "client-sends", "client-big", "client-server-validity"}
