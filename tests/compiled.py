"""As a program: has the engine's kernel compiled, and kept where every process finds it."""

from __future__ import annotations

from tests.simulation.small import run

if __name__ == "__main__":
    run()
