"""Software that we did not write, judged: each failure is one, with the clause that it is against.

Driven by the scripts of `clients/`, which an editor may begin with.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox.conformance.client import session
from sandbox.conformance.client.drivers import Script, SoftwareDriver
from sandbox.conformance.client.judge import judged
from sandbox.conformance.client.session import played
from sandbox.conformance.client.steps import SoftwareProfile
from sandbox.conformance.findings import CheckResult, Report
from sandbox.conformance.software.clients import FOREIGN, JARS, PEERS
from sandbox.live.space import LiveSpace
from tests.conformance.mutants import found
from tests.conformance.thunderbird import ThunderbirdDriver
from tests.live.clients.programs import names_of, needed

SCRIPTS = Path(__file__).with_name("clients")
NODE = PEERS / "mail-node"
CLIENTS = {
    "python": (sys.executable, SCRIPTS / "mail_python.py", ()),
    "curl": (sys.executable, SCRIPTS / "mail_curl.py", ("curl",)),
    "mbsync and msmtp": (sys.executable, SCRIPTS / "mail_unix.py", ("mbsync", "msmtp")),
    "imapflow and nodemailer": ("node", SCRIPTS / "mail_node.mjs", ("node",)),
    "Jakarta Mail": (sys.executable, SCRIPTS / "mail_jakarta.py", ("java", "javac", "jar")),
}


def compiled(folder: Path) -> str:
    if not (JARS / "complete").exists():
        pytest.skip("Jakarta Mail is not installed (.ci/peers-operators)")
    classes, quick = folder / "classes", ("-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC")
    source = str(FOREIGN / "Mail.java")
    for words in (
        ["javac", *quick, "-cp", f"{JARS}/*", "-d", str(classes), source],
        ["jar", *quick, "--create", "--file", str(classes / "mail.jar"), "-C", str(classes), "."],
    ):
        subprocess.run(words, check=True, timeout=120)
    return str(classes)


@contextlib.contextmanager
def driver(folder: Path, name: str) -> Iterator[SoftwareDriver]:
    """Drive software by its script; Thunderbird stays open from step to step."""
    if name == "Thunderbird":
        needed("thunderbird", "certutil", "pk12util")
        names_of(folder / "hosts")
        with contextlib.closing(ThunderbirdDriver(folder)) as driven:
            yield driven
        return
    program, script, programs = CLIENTS[name]
    needed(*programs)
    if program == "node" and not (NODE / "complete").exists():
        pytest.skip("imapflow and nodemailer are not installed (.ci/peers-operators)")
    environment = {"NODE_FOLDER": str(NODE)}
    if name == "Jakarta Mail":
        environment |= {"CLASSES": compiled(folder), "JARS": str(JARS)}
    names = " ".join(f"{key}={value}" for key, value in
                     {**names_of(folder / "hosts"), **environment}.items())  # fmt: skip
    yield Script(f"env {names} {shutil.which(program)} {script}", 60.0)


def judge(space: LiveSpace, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Report:
    monkeypatch.setattr(session, "slow_answer", lambda _: 1.0)
    monkeypatch.setattr(session, "BIG", 1_000_000)
    with driver(folder, name) as driven:
        record = played(
            space.sheet, folder, driven, profile=SoftwareProfile.MAIL_CLIENT, method="ecps"
        )
    return judged(record, name, datetime.now(UTC))


# What fails, as the dialogue of the report shows, and why it is a failure.
EVERYBODY = {
    # The bundle of roots and intermediates is what is trusted, so any authority below the roots is
    # good (ECO.1.1.10), and nobody reads a CRL (ECO.1.1.6).
    "client-authority", "client-server-revoked",
    # A connection that is cut is an error, told, and no more (ECO.1.2.7).
    "client-reopens",
}  # fmt: skip
FAILS: dict[str, set[str]] = {
    # smtplib's send_message sends a text in 8 bits as it is, and says BODY=8BITMIME only where an
    # address is not ASCII (RFC 6152 §2).
    "python": EVERYBODY | {"client-eight-bit"},
    "curl": EVERYBODY,
    # msmtp, by GnuTLS, takes TLS 1.1 (RFC 8996 §5). mbsync takes a certificate by its common name
    # though it has names of its own (RFC 9525 §2).
    "mbsync and msmtp": EVERYBODY | {"tls-old-versions", "client-server-name"},
    "Jakarta Mail": EVERYBODY,
    "Thunderbird": EVERYBODY - {"client-reopens"},
    # nodemailer closes the connection once the message was taken (RFC 5321 §4.1.1.10).
    "imapflow and nodemailer": EVERYBODY | {"client-quit"},
}
# No script finds its servers by itself; curl has no option for a notification.
UNSURE: dict[str, set[str]] = {name: {"client-discovery"} for name in FAILS} | {
    "curl": {"client-discovery", "client-dsn"},
    # Cut, it comes again when it next looks for mail, every ten minutes: nobody waits for that.
    "Thunderbird": {"client-discovery", "client-reopens"},
}


@pytest.mark.parametrize("name", FAILS)
def test_nothing_fails_but_what_is_against_a_clause(
    space: LiveSpace, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = judge(space, tmp_path, name, monkeypatch)
    assert found(report, CheckResult.FAIL) == FAILS[name]
    assert found(report, CheckResult.INCONCLUSIVE) == UNSURE[name]
    passed = found(report, CheckResult.PASS)
    assert passed >= {"client-receives", "client-sends", "client-big", "client-server-validity"}
