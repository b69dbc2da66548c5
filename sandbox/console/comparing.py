"""A small comparison of the designs beside the live space, in a process of its own.

What is asked is three choices that a room argues about; what comes back is a few figures for each
design, from the same `compare` as the command line's. The process needs the scientific libraries;
the console does not.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from sandbox.space.errors import UserError
from sandbox.space.scenario import Scenario

__all__ = ["Choices", "Comparing", "ComparisonState", "asked_of"]

MESSAGES = 3_000  # that the comparison replays, about: seconds, not minutes
_SECONDS = 600.0
_MOST_SERVERS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The choices.

    Attributes:
        policy: login policy of all designs; empty for the scenario's own.
        blocked: share of practices whose firewall blocks non-standard ports, None for its own.
        servers: capacity of Pro Santé Connect, in requests served at once, None for its own.
    """

    policy: str = ""
    blocked: float | None = None
    servers: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonState:
    """Where the comparison stands: idle, running, done or failed."""

    word: str
    asked: Choices = Choices()
    designs: dict[str, dict[str, Any]] | None = None
    error: str = ""
    version: int = 0


def asked_of(data: dict[str, Any], scenario: Scenario) -> Choices:
    """Return what a request asks.

    Raises:
        UserError: a choice that there is not.
    """
    policy, blocked, servers = (data.get(name) for name in ("policy", "blocked", "servers"))
    if policy and (not isinstance(policy, str) or policy not in scenario.policies_known):
        raise UserError("attendu", "expected", where="policy",
                        then=", ".join(scenario.policies_known))  # fmt: skip
    if blocked is not None and not _within(blocked, 0, 1):
        raise UserError("attendu", "expected", where="blocked", then="0 … 1")
    if servers is not None and not (
        isinstance(servers, int) and _within(servers, 1, _MOST_SERVERS)
    ):
        raise UserError("attendu", "expected", where="servers", then=f"1 … {_MOST_SERVERS}")
    return Choices(policy=policy or "", blocked=blocked, servers=servers)


def _within(value: object, low: float, high: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and low <= value <= high


class Comparing:
    """Runs one comparison at a time; a new question ends the one before.

    Args:
        scenario: name or file of the space's own.
        designs: that are compared.
        policy: login policy of the space.
        changed: told when the state has changed.
    """

    def __init__(
        self, scenario: str, designs: tuple[str, ...], policy: str,
        changed: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self.state = ComparisonState(word="idle")
        self._scenario, self._designs, self._policy = scenario, designs, policy
        self._changed = changed
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def start(self, asked: Choices) -> ComparisonState:
        """Begin a comparison; return at once."""
        with self._lock:
            self._stop()
            order = {
                "scenario": self._scenario,
                "designs": self._designs,
                **asdict(asked),
                "policy": asked.policy or self._policy,
            }
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-P", "-m", "sandbox.console.comparing", json.dumps(order)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            self._process = process
            self._tell(ComparisonState(word="running", asked=asked, version=self.state.version + 1))
            thread = threading.Thread(
                target=self._wait, args=(process, asked), name="console-compare", daemon=True
            )
            thread.start()
            return self.state

    def close(self) -> None:
        """End what runs."""
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()

    def _wait(self, process: subprocess.Popen[str], asked: Choices) -> None:
        try:
            output, errors = process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            output, errors = process.communicate()
        with self._lock:
            if process is not self._process:
                return  # another question was asked meanwhile
            self._process = None
            version = self.state.version + 1
            if process.returncode == 0:
                designs = json.loads(output.splitlines()[-1])
                self._tell(
                    ComparisonState(word="done", asked=asked, designs=designs, version=version)
                )
            else:
                last = errors.strip().splitlines()[-1:] or [f"code {process.returncode}"]
                self._tell(
                    ComparisonState(
                        word="failed", asked=asked, error=last[0][:300], version=version
                    )
                )

    def _tell(self, state: ComparisonState) -> None:
        self.state = state
        self._changed()


def _compare(order: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Compare, and return the figures of each design."""
    from sandbox.analysis.result import compare
    from sandbox.space.loader import load_scenario, with_inputs

    scenario = load_scenario(order["scenario"])
    changes: dict[str, float | str] = {}
    if order["blocked"] is not None:
        changes["populations.liberal.port_blocked"] = order["blocked"]
    if order["servers"] is not None:
        changes["backends.psc.servers"] = order["servers"]
    if changes:
        scenario = with_inputs(scenario, changes)
    scale = min(1.0, MESSAGES / scenario.traffic.messages)
    result = compare(
        scenario, designs=tuple(order["designs"]), login_policy=order["policy"], replications=2,
        scale=scale, workers=1, decision=False,
    )  # fmt: skip
    return {
        name: {
            "cannot_connect": result.compatibility[name].whole.cannot_connect,
            **{
                metric: {"mean": found.mean, "half": found.half_width}
                for metric in ("failure_share", "person_wait", "machine_latency", "psc_peak")
                for found in (result.estimate(name, metric),)
            },
        }
        for name in result.designs
    }


if __name__ == "__main__":
    try:
        print(json.dumps(_compare(json.loads(sys.argv[1]))))
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except ModuleNotFoundError as error:
        where = f"{error.name}: bibliothèque manquante / library is missing"
        print(f"{where}; pip install 'mssante-sandbox[compare]'", file=sys.stderr)
        sys.exit(2)
