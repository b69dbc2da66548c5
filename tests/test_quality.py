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
    "space", "messages", "workers", "observations", "simulation", "decision", "serve", "trust",
    "directory", "psc", "operators", "clients", "live", "indicators", "conformance", "controls",
    "analysis", "twin", "console",
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


def test_a_module_imports_only_packages_above_its_own() -> None:
    wrong = []
    for path in MODULES:
        package = path.relative_to(ROOT / "sandbox").parts[0]
        if package not in ORDER:
            continue  # the doors: cli.py and __init__.py
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sandbox."):
                imported = (node.module or "").split(".")[1]
                if ORDER.index(imported) > ORDER.index(package):
                    wrong.append(f"{path.relative_to(ROOT)}: {node.module}")
    assert wrong == []


# Rooms of the operators, and which others each may know.
ROOMS = {
    "auth": set(),
    "store": set(),
    "post": {"store"},
    "smtp": {"auth", "post"},
    "relay": {"post", "store"},
    "imap": {"auth", "store"},
    "enrolment": {"auth"},
}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_of_the_operators_knows_only_rooms_below_it(room: str) -> None:
    for path in (ROOT / "sandbox/operators" / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            words = (getattr(node, "module", None) or "").split(".")
            if words[:2] == ["sandbox", "operators"] and words[2] in ROOMS:
                assert words[2] in ROOMS[room] | {room}, f"{path}: {'.'.join(words)}"


def test_no_child_imports_from_the_folder_that_the_user_stands_in() -> None:
    """`-P`: a file of his own, `dns.py` say, is not one of ours."""
    started = [
        [getattr(each, "value", None) for each in node.elts[1:2]]
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.List)
        and node.elts
        and ast.unparse(node.elts[0]) == "sys.executable"
    ]
    assert len(started) >= 7
    assert all(each == ["-P"] for each in started)


def test_a_class_has_a_name_that_no_other_package_uses_for_something_else() -> None:
    found: dict[str, set[str]] = {}
    for path in MODULES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, set()).add(str(path.relative_to(ROOT)))
    # NOT of two grammars: filters of LDAP (RFC 4511), search keys of IMAP (RFC 9051).
    assert [each for each in found.items() if len(each[1]) > 1 and each[0] != "Not"] == []


@pytest.mark.parametrize("path", sorted((ROOT / "locks").glob("*.txt")), ids=lambda path: path.name)
def test_a_lock_holds_hashes_and_no_address(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "://" not in text
    assert text.count("--hash=sha256:") >= text.count("==") > 0


def test_the_smaller_locks_hold_the_versions_that_the_tests_passed_with() -> None:
    tested = set(_pins("test"))
    for name in ("compare", "live"):
        assert set(_pins(name)) <= tested


def _pins(name: str) -> list[str]:
    text = (ROOT / "locks" / f"{name}.txt").read_text(encoding="utf-8")
    return [line.partition(" ")[0] for line in text.splitlines() if "==" in line]


def test_every_shipped_file_is_in_the_wheel() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for folder in ("data", "scenarios"):
        assert f'{folder} = "sandbox/_shipped/{folder}"' in text
