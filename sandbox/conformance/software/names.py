"""Names that resolve as a hosts file says, for programs of others and without any right."""

from __future__ import annotations

import socket
import subprocess
from functools import cache
from pathlib import Path

__all__ = ["LIBRARY", "free_port", "names_of", "resolves"]

LIBRARY = "libnss_wrapper"


@cache
def resolves() -> bool:
    """Tell whether the library is there that `names_of` needs."""
    try:
        found = subprocess.run(
            ["ldconfig", "-p"], capture_output=True, text=True, check=False,
            env={"PATH": "/usr/sbin:/sbin"},
        )  # fmt: skip
    except OSError:
        return False
    return f"{LIBRARY}.so" in found.stdout


def names_of(hosts: str | Path) -> dict[str, str]:
    """Return the environment in which names resolve as a hosts file says."""
    return {
        "LD_PRELOAD": f"{LIBRARY}.so",
        "NSS_WRAPPER_HOSTS": str(hosts),
        "NSS_WRAPPER_MAX_HOSTENTS": "9999",
    }


def free_port() -> int:
    """Return a port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
