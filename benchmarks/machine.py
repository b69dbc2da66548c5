"""What every benchmark says of the machine, and how it prints and keeps its figures."""

from __future__ import annotations

import argparse
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sandbox.twin.calibration import machine_of

__all__ = ["arguments", "describe", "keep", "scenario_model"]


def describe() -> dict[str, Any]:
    """Return processor, load and versions."""
    return machine_of() | {name: version(name) for name in ("numba", "numpy", "simpy")}


def arguments(description: str, **defaults: float | str) -> argparse.Namespace:
    """Parse the options that a benchmark has, each with its default, and --out."""
    parser = argparse.ArgumentParser(description=description)
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=type(value), default=value, help=f"default: {value}")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    return parser.parse_args()


def keep(out: Path | None, figures: dict[str, Any]) -> None:
    """Print the machine, and write everything when a file was asked for."""
    machine = describe()
    print("  ".join(f"{name}: {value}" for name, value in machine.items()))
    if out is not None:
        out.write_text(json.dumps({"machine": machine, **figures}, indent=2) + "\n")


def scenario_model(scenario: str, design: str, scale: float) -> Any:
    """Return the model of a shipped scenario under a built-in design."""
    from sandbox.simulation.build import build_model
    from sandbox.space.designs import BUILT_IN
    from sandbox.space.loader import load_scenario
    from sandbox.space.population import build_space

    return build_model(build_space(load_scenario(scenario), scale=scale), BUILT_IN[design])
