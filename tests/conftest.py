"""What every test file shares."""

from __future__ import annotations

import fcntl
import gc
import os
import subprocess
import sys
import tempfile
from importlib.util import cache_from_source, find_spec
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

ROOT = Path(__file__).parents[1]

# Nothing that is collected is garbage: looking for some among millions of objects, and again at the
# end of the run, takes seconds in each process.
gc.disable()

os.environ["MPLBACKEND"] = "agg"
# The first call of a compiled function compiles it: no time limit on single examples.
# Examples are the same at each run, so that a run can be repeated; --hypothesis-seed draws others.
settings.register_profile("sandbox", deadline=None, derandomize=True)
settings.load_profile("sandbox")

FIRST = pytest.StashKey[int]()  # in the process that compiles modules: what it has locked
COMPILING = "MSS_TESTS_COMPILING"  # names the file that is locked while the kernel is compiled
KERNEL = (
    "tests/analysis/", "tests/decision/", "tests/simulation/", "tests/test_cli.py",
    "tests/test_notebooks.py", "tests/twin/", "tests/workers/",
)  # fmt: skip

# Files that take a minute or so begin first, so that no process is left alone with one at the end:
# by turns one that waits and one that computes, so that the cores are never idle nor fought over.
# Those that need the kernel come after some that do not: it is being compiled meanwhile.
LONG = (
    "tests/live/test_processes.py",
    "tests/test_quality.py",
    "tests/conformance/test_postfix_dovecot.py",
    "tests/psc/test_keycloak_differential.py",
    "tests/test_notebooks.py",
    "tests/live/test_kill.py",
    "tests/live/clients/test_thunderbird.py",
    "tests/console/test_browser.py",
    "tests/twin/test_replay.py",
    "tests/test_cli.py",
    "tests/live/test_strangers.py",
    "tests/simulation/test_engines_agree.py",
    "tests/conformance/test_client_real.py",
    "tests/analysis/test_report.py",
    "tests/twin/test_ends.py",
    "tests/decision/test_study.py",
    "tests/serve/test_strangers.py",
    "tests/analysis/test_comparison.py",
    "tests/twin/test_foreign.py",
    "tests/workers/test_cluster.py",
    "tests/conformance/test_client_mutants.py",
    "tests/analysis/test_validation.py",
    "tests/conformance/test_mutants.py",
    "tests/live/test_wire.py",
    "tests/simulation/test_queues.py",
    "tests/live/test_job.py",
    "tests/analysis/test_coverage.py",
    "tests/operators/store/test_kill.py",
    "tests/twin/test_plan.py",
    "tests/conformance/test_ours.py",
    "tests/directory/test_fhir_validator.py",
    "tests/simulation/test_random_programs.py",
)

# Files that begin with the same long work: one process does it for all.
TOGETHER = {
    "tests/analysis/test_decision.py": "tests/analysis/test_report.py",
    "tests/analysis/test_plots.py": "tests/analysis/test_report.py",
}


class Scheduling(LoadFileScheduling):
    """A file, or files that share their work, is run by one process."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return TOGETHER.get(file, file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Hand out files as `Scheduling` has it, unless another way is asked for."""
    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of long files first, in their order; the others keep theirs."""
    place = {file: number for number, file in enumerate(LONG)}
    items.sort(key=lambda item: place.get(item.nodeid.partition("::")[0], len(LONG)))


def pytest_configure(config: pytest.Config) -> None:
    """Compile what the tests import, and the engine's kernel, once instead of in each process."""
    if hasattr(config, "workerinput"):
        _take_turns(config)
    elif config.getoption("numprocesses", None):
        lock, os.environ[COMPILING] = tempfile.mkstemp(prefix="kernel-")
        fcntl.flock(lock, fcntl.LOCK_EX)  # until the process that has it ends
        compiling = subprocess.Popen(
            [sys.executable, "-m", "tests.compiled"], cwd=ROOT, pass_fds=[lock]
        )
        os.close(lock)
        config.add_cleanup(lambda: _end(compiling))
        large = find_spec("pandas")
        assert large is not None
        if not (sys.dont_write_bytecode or Path(cache_from_source(str(large.origin))).exists()):
            _turns().touch()


def _turns() -> Path:
    """Return the file that is there where byte code is not."""
    return Path(os.environ[COMPILING] + "-modules")


def _take_turns(config: pytest.Config) -> None:
    """Let one process collect first where there is no byte code: the others find its."""
    if not _turns().exists():
        return
    lock = os.open(_turns(), os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    if os.fstat(lock).st_size:
        os.close(lock)
    else:
        config.stash[FIRST] = lock


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the other processes collect, and keep what there is now out of the search for garbage."""
    if lock := session.config.stash.get(FIRST, None):
        os.write(lock, b"collected")
        os.close(lock)
    gc.freeze()
    gc.enable()


def _end(compiling: subprocess.Popen[bytes]) -> None:
    compiling.wait()
    _turns().unlink(missing_ok=True)
    Path(os.environ.pop(COMPILING)).unlink()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let what needs the kernel wait until it is there."""
    if item.nodeid.startswith(KERNEL) and COMPILING in os.environ:
        with Path(os.environ[COMPILING]).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)


def pytest_xdist_auto_num_workers() -> int:
    """Return five processes for two cores: tests of servers wait more than half of the time."""
    return 5 * (os.cpu_count() or 1) // 2
