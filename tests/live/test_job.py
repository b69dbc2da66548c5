"""`up --exec`: a command beside a space, and the examples of docs/ci.md run by it."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.live.job import environment, execute
from sandbox.live.space import LiveSpace
from tests.live.test_cli import UP, run, start

PAGE = Path(__file__).parents[2] / "docs" / "ci.md"
OTHER_BLOCK = ("--loopback", "214")


def block(language: str) -> str:
    """A fenced block of the page."""
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    assert len(found) == 1, language
    return str(found[0])


def test_the_space_stops_with_the_exit_code_of_the_command(tmp_path: Path) -> None:
    folder = tmp_path / "space"
    script = (
        "import json, os, sys; sys.exit(json.load(open(os.environ['MSS_SPACE']))['format'] + 6)"
    )
    command = shlex.join([sys.executable, "-c", script])
    result = run(*UP[:-2], *OTHER_BLOCK, "--dir", str(folder), "--exec", command)
    assert result.returncode == 7, result.stderr
    assert not (folder / "space.json").exists()


def test_a_signal_ends_the_command_then_the_space(tmp_path: Path) -> None:
    folder, begun = tmp_path / "space", tmp_path / "begun"
    job = f"touch {shlex.quote(str(begun))}; sleep 600; true"
    process = start(*UP[:-2], *OTHER_BLOCK, "--dir", str(folder), "--exec", job)
    while not begun.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGTERM
    assert not (folder / "space.json").exists()


@pytest.mark.parametrize(("command", "code"), [("exit 3", 3), ("kill -9 $$", 137), ("true", 0)])
def test_a_command_s_code_is_given_back(mss_space: LiveSpace, command: str, code: int) -> None:
    assert execute(command, mss_space.sheet, lambda _: None) == code


def test_the_page_names_every_variable(mss_space: LiveSpace) -> None:
    text = PAGE.read_text("utf-8")
    for name in environment(mss_space.sheet):
        stem, _, last = name.rpartition("_")
        assert f"`{name}`" in text or f"`_{last}`" in text or f"`{stem}_…`" in text, name


def test_the_pytest_example_passes(mss_space: LiveSpace) -> None:
    names: dict[str, object] = {}
    exec(compile(block("python"), str(PAGE), "exec"), names)
    example = names["test_a_card_opens_its_mailbox"]
    assert callable(example)
    example(mss_space)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_node_example_passes(mss_space: LiveSpace, tmp_path: Path) -> None:
    script = tmp_path / "greeting.mjs"
    script.write_text(block("js"), "utf-8")
    assert execute(f"node {shlex.quote(str(script))}", mss_space.sheet, lambda _: None) == 0


@pytest.mark.skipif(shutil.which("keytool") is None, reason="no Java here")
def test_java_reads_the_truststore(mss_space: LiveSpace) -> None:
    ca = mss_space.sheet["ca"]
    listed = subprocess.run(
        ["keytool", "-list", "-keystore", ca["truststore"],
         "-storepass", ca["truststore_password"]],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    bundle = Path(ca["bundle"]).read_text("ascii")
    assert listed.count("trustedCertEntry") == bundle.count("BEGIN CERTIFICATE")


@pytest.mark.parametrize("name", ["faults", "own-design", "ci"])
def test_a_page_links_to_pages_that_exist(name: str) -> None:
    text = (PAGE.parent / f"{name}.md").read_text("utf-8")
    for target in re.findall(r"\]\(([\w./-]+\.(?:md|toml))", text):
        assert (PAGE.parent / target).is_file(), target


def test_the_page_of_faults_has_them_all() -> None:
    from sandbox.live.faults import KNOWN

    text = (PAGE.parent / "faults.md").read_text("utf-8")
    assert [name for name in KNOWN if f"| `{name}` |" not in text] == []
