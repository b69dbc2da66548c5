"""A command that runs beside a space, which it finds in its environment: `up --exec`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable
from typing import Any

__all__ = ["environment", "execute"]

_SIGNALLED = 128  # as shells say it: 128 + the signal


def environment(sheet: dict[str, Any]) -> dict[str, str]:
    """Return what a command is given of a space: `MSS_…`; docs/ci.md lists them.

    Addresses are those of the first operator under the first design, the account its first.
    """
    operator = sheet["operators"][0]
    endpoints = next(iter(operator["designs"].values()))
    account = next(each for each in sheet["accounts"] if each["operator"] == operator["name"])
    methods = account["holders"][0]["methods"]
    ca, psc, control = sheet["ca"], sheet["psc"], sheet["control"]
    found = {
        "SPACE": f"{sheet['folder']}/space.json",
        "CA": ca["bundle"],
        "TRUSTSTORE": ca["truststore"],
        "TRUSTSTORE_PASSWORD": ca["truststore_password"],
        "DNS": f"{sheet['dns']['address']}:{sheet['dns']['port']}",
        "PSC_ISSUER": psc["issuer"],
        "PSC_CONTROL": psc["control"],
        "PSC_CONTROL_SECRET": psc["control_secret"],
        "CONTROL": control["url"],
        "CONTROL_SECRET": control["secret"],
        "LDAPS": sheet["directory"]["ldaps"],
        "FHIR": sheet["directory"]["fhir"],
        "ADDRESS": account["address"],
    }
    for endpoint in endpoints:
        name = endpoint["protocol"].upper()
        if f"{name}_HOST" not in found:
            found[f"{name}_HOST"] = endpoint["address"]
            found[f"{name}_NAME"] = endpoint["host"]
            found[f"{name}_PORT"] = str(endpoint["port"])
    if "cps" in methods:
        for name, member in (("CERTIFICATE", "certificate"), ("KEY", "key"), ("P12", "pkcs12")):
            found[name] = methods["cps"][member]
        found["PIN"] = methods["cps"]["pin"]
    return {f"MSS_{name}": value for name, value in found.items()}


def execute(
    command: str, sheet: dict[str, Any], started: Callable[[Callable[[int], None]], None]
) -> int:
    """Run a shell command and return its exit code, 128 + N where signal N ended it.

    Args:
        command: for `sh -c`, in the present folder; it has our output and our input.
        sheet: of the space.
        started: given, before the command is started, what passes a signal on to it and to all
            that it starts.
    """
    # At a terminal the command stays in its foreground group, which Ctrl-C reaches as a whole.
    apart = not os.isatty(0)
    job: subprocess.Popen[bytes] | None = None
    early: list[int] = []  # signals that came while the command was being started

    def end(signal_number: int) -> None:
        if job is None:
            early.append(signal_number)
            return
        with contextlib.suppress(ProcessLookupError):
            if apart:
                os.killpg(job.pid, signal_number)
            elif signal_number != signal.SIGINT:
                job.send_signal(signal_number)

    started(end)
    job = subprocess.Popen(  # noqa: S602 - the user's own command line
        command,
        shell=True,
        env={**os.environ, **environment(sheet)},
        process_group=0 if apart else None,
    )
    try:
        for signal_number in early:
            end(signal_number)
        code = job.wait()
    finally:
        if job.poll() is None:
            end(signal.SIGTERM)
    return code if code >= 0 else _SIGNALLED - code
