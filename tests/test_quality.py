"""The code itself: lint, format, types, and the direction of the arrows between packages."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Each package knows only those before it.
ORDER = [
    "space", "observations", "simulation", "serve", "trust", "directory", "psc", "operators",
    "clients", "live", "conformance", "analysis", "console",
]  # fmt: skip
MODULES = sorted((ROOT / "sandbox").rglob("*.py"))


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "command",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",)],
    ids=["lint", "format", "types"],
)
def test_the_code_passes(command: tuple[str, ...]) -> None:
    result = run(*command)
    assert result.returncode == 0, result.stdout[-4000:]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_packages_above_its_own(path: Path) -> None:
    package = path.relative_to(ROOT / "sandbox").parts[0]
    if package not in ORDER:
        return  # the doors: cli.py and __init__.py
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sandbox."):
            imported = (node.module or "").split(".")[1]
            assert ORDER.index(imported) <= ORDER.index(package), f"{path}: {node.module}"


def test_the_lock_names_no_address() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert text.count("--hash=sha256:") > 100


def test_every_shipped_file_is_in_the_wheel() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for folder in ("data", "scenarios"):
        assert f'{folder} = "sandbox/_shipped/{folder}"' in text
