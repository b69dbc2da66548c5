"""`up --exec`: a command beside a space, and the examples of docs/ci.md run by it."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

from sandbox.conformance.software.clients import PEERS
from sandbox.conformance.software.names import resolves
from sandbox.live.job import environment, execute
from sandbox.live.space import LiveSpace
from tests.live.test_cli import UP, run, start

PAGE = Path(__file__).parents[2] / "docs" / "ci.md"
OTHER_BLOCK = ("--loopback", "214")


def blocks(language: str) -> list[str]:
    """The page's fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)


def block(language: str) -> str:
    """The only one."""
    (found,) = blocks(language)
    return found


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


# The examples for forges, as a runner has them: a Python, and an editor's project.


def shell(command: str, folder: Path, env: dict[str, str]) -> None:
    """Run a step as both forges do: by bash, which stops at the first error."""
    done = subprocess.run(
        ["bash", "-e", "-c", command], cwd=folder, env=env, text=True, capture_output=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a step: `pip` installs this project into a Python of its own.

    What it depends on is found among our packages, so that nothing is downloaded.
    """
    folder = tmp_path_factory.mktemp("runner")
    venv.create(folder / "python", symlinks=True, with_pip=True)
    programs = folder / "python" / "bin"
    (site,) = (folder / "python" / "lib").glob("python*/site-packages")
    (site / "ours.pth").write_text(sysconfig.get_path("purelib"))
    (programs / "pytest").write_text(f'#!/bin/sh\nexec {programs}/python -m pytest "$@"\n')
    (programs / "pytest").chmod(0o755)
    subprocess.run(
        [programs / "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", folder, PAGE.parents[1]],
        check=True,
    )  # fmt: skip
    (wheel,) = folder.glob("*.whl")
    return {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "MSS_SANDBOX": str(wheel),
        "RUNNER_TEMP": str(folder),
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PYTEST_ADDOPTS": "-p no:cacheprovider",
    }


def test_the_github_example_passes(runner: dict[str, str], tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed (.ci/peers-operators)")
    (tmp_path / "package.json").write_text('{"scripts": {"test": "node greeting.mjs"}}', "utf-8")
    (tmp_path / "greeting.mjs").write_text(block("js"), "utf-8")
    workflow, _ = blocks("yaml")
    (job,) = yaml.safe_load(workflow)["jobs"].values()
    assert set(job["env"]) == {"MSS_SANDBOX"}
    for step in job["steps"]:
        if "run" in step:
            alone = step["run"].replace("sandbox up", "sandbox up --loopback 215 --operators 1")
            shell(alone, tmp_path, runner)
    assert not (Path(runner["RUNNER_TEMP"]) / "space" / "space.json").exists()


def test_the_gitlab_example_passes_and_reports(runner: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_mail.py").write_text(block("python"), "utf-8")
    _, pipeline = blocks("yaml")
    (job,) = yaml.safe_load(pipeline).values()
    for line in job["script"]:
        shell(line, tmp_path, runner)
    report = ET.parse(tmp_path / job["artifacts"]["reports"]["junit"])
    (suite,) = report.iter("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "0", "0")


# The examples for an editor who asks whether his software complies, by a program that drives it.

DRIVE = """#!/bin/sh
hosts=$(python -c 'import json, os; print(json.loads(os.environ["MSS_STEP"])["hosts"])')
export LD_PRELOAD=libnss_wrapper.so NSS_WRAPPER_MAX_HOSTENTS=9999 NSS_WRAPPER_HOSTS="$hosts"
exec python {script} "$@"
"""


@pytest.mark.parametrize("forge", ["GitHub", "GitLab"])
def test_the_example_of_conformity_passes_and_reports(
    runner: dict[str, str], mss_space: LiveSpace, tmp_path: Path, forge: str
) -> None:
    if not resolves():
        pytest.skip("libnss_wrapper is not installed (.ci/peers-operators)")
    drive = tmp_path / "drive-it"
    script = PAGE.parents[1] / "tests" / "conformance" / "clients" / "mail_python.py"
    drive.write_text(DRIVE.format(script=script), "utf-8")
    drive.chmod(0o755)
    page = PAGE.with_name("conformance.md").read_text("utf-8")
    step, job = (
        yaml.safe_load(each) for each in re.findall(r"^```yaml\n(.*?)^```", page, re.M | re.S)
    )
    if forge == "GitHub":
        commands = ['pip install "$MSS_SANDBOX"', *(each["run"] for each in step)]
        files = ["report.xml", "report.html", "badge.svg", "attestation.html"]
    else:
        commands = job["conformity"]["script"]
        files = [job["conformity"]["artifacts"]["reports"]["junit"]]
    for command in commands:
        # In a space that runs, and of some twenty steps two, which this software passes.
        few = f"check client --space {mss_space.folder.path} --only client-sni --only client-quit"
        few = command.replace("check client", few)
        shell(few, tmp_path, {**runner, "GITHUB_SHA": "0123abcd"})
    assert all((tmp_path / each).stat().st_size for each in files)
    cases = [each.get("name") for each in ET.parse(tmp_path / "report.xml").iter("testcase")]
    assert cases == ["client-sni", "client-quit"]


JUNIT = PEERS / "junit" / "junit.jar"


def test_the_junit_example_passes(mss_space: LiveSpace, tmp_path: Path) -> None:
    if shutil.which("javac") is None or not JUNIT.is_file():
        pytest.skip("JUnit is not installed (.ci/peers-operators)")
    (tmp_path / "MailTest.java").write_text(block("java"), "utf-8")
    jar, classes = shlex.quote(str(JUNIT)), shlex.quote(str(tmp_path / "classes"))
    code = execute(
        "export JAVA_TOOL_OPTIONS='-XX:TieredStopAtLevel=1 -XX:+UseSerialGC' && "
        f"javac -cp {jar} -d {classes} {shlex.quote(str(tmp_path / 'MailTest.java'))} && "
        f"java -jar {jar} execute -cp {classes} --scan-classpath --details=summary "
        "--fail-if-no-tests",
        mss_space.sheet, lambda _: None,
    )  # fmt: skip
    assert code == 0


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
