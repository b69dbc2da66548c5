"""Mail copied from one operator to another over IMAP, by mbsync, as who moves mailboxes does it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Protocol

from sandbox.conformance.findings import CheckResult
from sandbox.conformance.software.names import LIBRARY, names_of, resolves
from sandbox.conformance.software.trials import told
from sandbox.conformance.software.world import ClientLogin, Tree, World
from sandbox.space.files import write_private

__all__ = ["copied"]

_SECONDS = 600.0
_STORE = """
IMAPAccount {name}
Host {host}
Port {port}
SSLType {tls}
CertificateFile {bundle}
User {user}
AuthMechs {mechanism}
{secret}

IMAPStore {name}
Account {name}
"""
_CHANNEL = """
Channel move
Far :old:
Near :new:
Patterns *
Create Near
Sync Pull
CopyArrivalDate yes
SyncState {folder}/state/
"""


class _End(Protocol):
    """A mailbox at an operator."""

    @property
    def world(self) -> World: ...
    @property
    def ends(self) -> dict[str, Tree]: ...
    def mechanism(self, protocol: str) -> str: ...
    def login(self, protocol: str) -> ClientLogin: ...


def copied(old: _End, new: _End, folder: Path) -> tuple[CheckResult, str]:
    """Copy what is not there yet; say what came of it."""
    if shutil.which("mbsync") is None:
        return CheckResult.INCONCLUSIVE, "mbsync n'est pas installé / is not installed"
    if not resolves():
        return CheckResult.INCONCLUSIVE, f"{LIBRARY} n'est pas installé / is not installed"
    (folder / "state").mkdir(parents=True, exist_ok=True)
    hosts = "".join(f"{e.ends['imap']['address']} {e.ends['imap']['host']}\n" for e in (old, new))
    (folder / "hosts").write_text(hosts)
    settings = folder / "rc"
    text = _store("old", old, folder) + _store("new", new, folder) + _CHANNEL.format(folder=folder)
    write_private(settings, text.encode())
    done = subprocess.run(
        ["mbsync", "--config", str(settings), "move"], capture_output=True, text=True, check=False,
        timeout=_SECONDS, cwd=folder,
        env={**os.environ, "HOME": str(folder), **names_of(folder / "hosts")},
    )  # fmt: skip
    if done.returncode:
        return CheckResult.FAIL, f"mbsync : {told(done.stdout + done.stderr)}"
    return CheckResult.PASS, (
        "mbsync ; les UID sont ceux du nouvel opérateur, IMAP n'en impose aucun"
        " / UIDs are the new operator's, IMAP imposes none (RFC 9051 §6.3.12)"
    )


def _store(name: str, end: _End, folder: Path) -> str:
    at, login = end.ends["imap"], end.login("imap")
    if login.certificate:
        secret = f"ClientCertificate {login.certificate}\nClientKey {login.key}"
    else:
        file = folder / f"{name}.secret"
        write_private(file, f"{login.password}\n".encode())
        secret = f'PassCmd "cat {file}"'
    return _STORE.format(
        name=name, host=at["host"], port=at["port"], user=login.user, secret=secret,
        tls="IMAPS" if at["tls"] == "implicit" else "STARTTLS", bundle=end.world.bundle,
        mechanism=end.mechanism("imap"),
    )  # fmt: skip
