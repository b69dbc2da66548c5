"""The command line as a user meets it: exit codes, one line per error."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import click
import pytest

from sandbox.analysis import canvas, plots
from sandbox.cli import SUBVERBS, VERBS
from tests.command import PROGRAM, mss

SMALL = """
title = "petit"
title_en = "small"
compare = ["single-endpoint", "multi-endpoint"]
[period]
start = 2021-09-06
days = 1
[traffic]
messages = 300
[operators]
mailboxes = [3, 1]
certificates = []
[populations.liberal]
units = 60
[populations.hospital]
units = 2
[populations.laboratory]
units = 4
[populations.ehpad]
units = 4
"""


@pytest.fixture(autouse=True)
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw PNG figures small: nobody looks at them here."""
    monkeypatch.setattr(canvas, "DPI", 40)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scenario") / "petit.toml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def test_help_is_french_then_english() -> None:
    result = mss("--help")
    assert result.returncode == 0
    assert result.stdout.index("espace de confiance") < result.stdout.index("mail space")
    assert "compare" in result.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_help_says_of_a_verb_in_both_languages_what_it_does(verb: str) -> None:
    french, _, english = VERBS[verb][1].partition(" / ")
    assert french
    assert english
    assert f"{verb} " in mss_help()


@functools.cache
def mss_help() -> str:
    return mss("--help").stdout


def test_help_loads_no_scientific_library() -> None:
    script = (
        "import sys; from sandbox.cli import cli;"
        "cli(['--help'], standalone_mode=False);"
        "print(sorted({'numpy', 'pandas', 'numba', 'scipy'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert result.stdout.endswith("[]\n")


SLOW_TO_IMPORT = ("SALib", "distributed", "scipy.optimize", "scipy.stats", "sklearn")


def test_what_takes_seconds_to_import_waits_until_it_is_used() -> None:
    script = (
        "import sys; from sandbox.cli import cli\n"
        "for verb in sys.argv[1:]: cli([verb, '--help'], standalone_mode=False)\n"
        f"print(sorted(set({SLOW_TO_IMPORT}) & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, *sorted(SIMULATING)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert result.stdout.endswith("[]\n")


# What `pip install mssante-sandbox[compare]` brings and the light installation lacks.
SIMULATING = {"calibrate", "compare", "decide", "replay", "twin", "validate"}  # verbs that need it
SCIENTIFIC = (
    "joblib", "matplotlib", "numba", "pandas", "pyarrow", "SALib", "scipy", "simpy", "sklearn"
)  # fmt: skip
WITHOUT_SCIENCE = (
    f"import sys; sys.modules.update(dict.fromkeys({SCIENTIFIC}))\n"
    "from sandbox.cli import main; main()"
)


def test_a_verb_that_needs_the_scientific_libraries_says_what_to_install() -> None:
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_SCIENCE, "compare", "demo"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "mssante-sandbox[compare]" in result.stderr


def test_the_live_space_needs_no_scientific_library() -> None:
    script = (
        WITHOUT_SCIENCE.replace("main()", "")
        + """
for verb in sys.argv[1:]:
    sys.argv = ["mss-sandbox", verb, "--help"]
    try:
        main()
    except SystemExit as end:
        assert end.code == 0, verb
"""
    )
    result = subprocess.run(
        [sys.executable, "-c", script, *sorted(set(VERBS) - SIMULATING)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["compare", "nulle-part"], "no such file"),
        (["compare", "demo", "--design", "inconnu"], "not known"),
        (["compare", "demo", "--replications", "0"], "must be 1 to 1000"),
        (["compare", "demo", "--replications", "x"], "whole number or auto"),
        (["compare", "demo", "--backend", "dask"], "needs --scheduler"),
        (["compare", "demo", "--scheduler", "tcp://127.0.0.1:1"], "goes with --backend dask only"),
        (
            ["compare", "demo", "--backend", "dask", "--scheduler", "x", "--workers", "2"],
            "is for this machine only",
        ),
        (["compare", "demo", "--scale", "-1"], "range"),
        (["compare", "demo", "--seed", "-1"], "range"),
        (["compare", "demo", "--engine", "quantum"], "not one of"),
        (["scenario", "check", "nulle-part"], "no such file"),
        (["unknown-verb"], "No such command"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    arguments: list[str], expected: str, tmp_path: Path
) -> None:
    result = mss(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    lines = [line for line in result.stderr.splitlines() if line.startswith("mss-sandbox:")]
    assert len(lines) == 1
    assert expected in lines[0]
    assert "Traceback" not in result.stderr


def test_compare_writes_what_the_readme_says(small: Path, tmp_path: Path) -> None:
    result = mss(
        "compare", str(small), "--replications", "2", "--out", str(tmp_path), "--no-decision",
        "--trace",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "multi-endpoint" in result.stdout
    assert max(len(line) for line in result.stdout.splitlines()) <= 100
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert set(summary["designs"]) == {"single-endpoint", "multi-endpoint"}
    assert summary["designs"]["single-endpoint"]["certificates"] == 2
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert list((tmp_path / "figures").glob("*.png"))
    assert list((tmp_path / "figures").glob("*.svg"))
    assert (tmp_path / "observations" / "multi-endpoint.external-r001" / "logins.parquet").is_file()
    assert list((tmp_path / "observations").glob("*-trace.parquet"))


@pytest.fixture
def blank(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty figures, where they are not what is looked at: most of the time of a comparison."""
    monkeypatch.setattr(plots, "render", lambda *_: b"")


@pytest.mark.usefixtures("blank")
def test_both_engines_write_the_same_summary(small: Path, tmp_path: Path) -> None:
    for engine in ("fast", "simpy"):
        result = mss(
            "compare", str(small), "--engine", engine, "--replications", "1", "--workers", "1",
            "--out", str(tmp_path / engine), "--no-decision",
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
    fast, simpy = (
        json.loads((tmp_path / engine / "summary.json").read_text(encoding="utf-8"))
        for engine in ("fast", "simpy")
    )
    for summary in (fast, simpy):
        for key in ("engine", "wall_seconds", "peak_rss_bytes"):
            del summary[key]
    assert fast == simpy


@pytest.mark.usefixtures("blank")
def test_an_interrupted_comparison_exits_3_and_the_same_command_resumes(
    small: Path, tmp_path: Path
) -> None:
    command = [*PROGRAM, "compare", str(small), "--replications", "400", "--no-decision",
               "--workers", "1", "--out", str(tmp_path)]  # fmt: skip
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    finished = tmp_path / "observations"
    limit = time.monotonic() + 120
    while time.monotonic() < limit and len(list(finished.glob("*-r*/about.json"))) < 2:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 3, errors
    assert "interrompu" in errors
    assert not (tmp_path / "summary.json").exists()
    kept = {path: path.stat().st_mtime_ns for path in finished.glob("*-r000/about.json")}
    assert kept
    result = mss("compare", str(small), "--replications", "1", "--no-decision",
                 "--workers", "1", "--out", str(tmp_path))  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in kept.items())


def test_a_folder_that_cannot_be_written_is_one_line(small: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    result = mss("compare", str(small), "--out", str(tmp_path / "taken" / "out"),
                 "--no-decision")  # fmt: skip
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_a_full_disk_leaves_no_half_written_run(small: Path, tmp_path: Path) -> None:
    """A file-size limit stands for a full disk: the system refuses to write any further."""
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000));"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "from sandbox.cli import main; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, "compare", str(small), "--workers", "1", "--replications",
         "1", "--no-decision", "--out", str(tmp_path)],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    assert not list((tmp_path / "observations").glob("*-r000/about.json"))
    assert not (tmp_path / "summary.json").exists()


def test_scenario_check_and_schema(small: Path) -> None:
    facts = json.loads(mss("scenario", "check", str(small), "--json").stdout)
    assert facts["operators"] == 2
    assert "populations.liberal.units" in facts["keys_given"]
    assert set(facts["keys"]) == {"both", "simulated", "live", "refused"}
    assert "policies.ciba_interval" in facts["keys"]["both"]
    assert facts["keys"]["simulated"]["costs.day_rate"]
    schema = json.loads(mss("scenario", "schema").stdout)
    assert schema["x-inputs"]["policies.ciba_interval"]["default"] == 5
    assert "aout-2021" in mss("scenario", "list").stdout


def test_a_verb_is_found_in_a_module_of_its_name() -> None:
    places = [place for place, _ in VERBS.values()]
    modules = {f"sandbox.{place.partition(':')[0]}" for place in (*places, *SUBVERBS.values())}
    for module, _, attribute in (place.partition(":") for place in places):
        group = getattr(import_module(f"sandbox.{module}"), attribute)
        for below in group.commands.values() if isinstance(group, click.Group) else ():
            modules.add(below.callback.__module__)
    assert all(module.rpartition(".")[2].startswith("cli_") for module in modules), modules
    written = {
        f"sandbox.{path.parent.name}.{path.stem}"
        for path in (Path(__file__).parents[1] / "sandbox").glob("*/cli_*.py")
    }
    assert written == modules


@pytest.mark.parametrize("verb", ["replay", "twin"])
def test_sockets_have_one_login_policy_at_a_time(verb: str) -> None:
    result = mss(verb, "demo", "--login-policy", "all")
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert "give one" in result.stderr
