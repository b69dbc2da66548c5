"""Where the peers are (installed by .ci/peers-psc), and why a test is skipped without them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

__all__ = ["PEERS", "keycloak_home", "node_modules"]

PEERS = Path(os.environ.get("MSS_PEERS", Path.home() / ".cache/mssante-sandbox/peers"))


def keycloak_home() -> Path:
    """Return the newest unpacked Keycloak, or skip."""
    found = sorted(PEERS.glob("keycloak-*/bin/kc.sh"))
    if not found:
        pytest.skip("no Keycloak: run .ci/peers-psc")
    if shutil.which("java") is None:
        pytest.skip("no Java: run .ci/peers-psc")
    return found[-1].parent.parent


def node_modules(*packages: str) -> Path:
    """Return the folder where node finds packages, or skip."""
    if shutil.which("node") is None:
        pytest.skip("no node: run .ci/peers-psc")
    missing = [name for name in packages if not (PEERS / "node_modules" / name).is_dir()]
    if missing:
        pytest.skip(f"no {', '.join(missing)}: run .ci/peers-psc")
    return PEERS / "node_modules"
