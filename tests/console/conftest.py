"""One space with its console for each module: what its tests leave changes no other's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.console.console import SpaceConsole
from sandbox.live.launch import LiveOptions
from sandbox.live.space import LiveSpace

CHROMIUM = Path("/usr/bin/chromium")
AXE = (
    Path(os.environ.get("MSS_PEERS", Path.home() / ".cache/mssante-sandbox/peers"))
    / "node_modules/axe-core/axe.min.js"
)


DEMO = Path(__file__).parents[2] / "scenarios" / "demo.toml"


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSpace]:
    """Two operators under two designs; nobody answers a telephone but the tests.

    Operators leave no telephone in peace: what one test has refused is no answer to the next.
    """
    scenario = tmp_path_factory.mktemp("scenario") / DEMO.name
    scenario.write_text(DEMO.read_text("utf-8") + "\n[policies]\npeace_seconds = 0\n", "utf-8")
    options = LiveOptions(
        scenario=str(scenario),
        designs=("single-endpoint", "multi-endpoint"), operators=2, totp_share=3_600.0,
        revocation_cache=0.0,
    )  # fmt: skip
    with LiveSpace(options, console=SpaceConsole) as running:
        yield running


@pytest.fixture(scope="module")
def api(space: LiveSpace) -> Iterator[httpx.Client]:
    """The API, with the secret."""
    headers = {"Authorization": f"Bearer {space.sheet['control']['secret']}"}
    with httpx.Client(
        base_url=space.sheet["console_api"], headers=headers, trust_env=False, timeout=60.0
    ) as client:
        yield client


def account(space: LiveSpace, method: str, operator: str = "") -> dict[str, Any]:
    """Return the first account that logs in by a method."""
    return next(
        each
        for each in space.sheet["accounts"]
        if method in each["holders"][0]["methods"] and operator in ("", each["operator"])
    )
