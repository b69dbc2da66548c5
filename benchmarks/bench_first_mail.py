"""A stopwatch on a newcomer: fresh clone, installation, space up, a first mail sent and read.

The commands are those of README.md ("A first mail"), as they stand. Run twice in one go: with an
empty package cache, which downloads, and with the cache of the first, which is what remains after
the download. With `--pip`, the peer: pip, from the same lock with hashes.

Run: python benchmarks/bench_first_mail.py [--source REPOSITORY] [--loopback 240] [--pip]
Needs git, make and what README.md asks for; nothing of the project need be installed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^## A first mail\n(?:(?!##|```).*\n)*```sh\n((?:(?!```).*\n)+)", re.M)
GOAL = 60.0  # s, from the clone to the mail that is read, when nothing has to be downloaded
PATIENCE = 1_800.0  # s, for a slow line


def quick_start(readme: str) -> list[str]:
    """Return the commands of the quick start, without their comments.

    Raises:
        ValueError: README.md has no such block.
    """
    found = BLOCK.search(readme)
    if not found:
        raise ValueError('README.md has no block under "A first mail"')
    words = (shlex.split(line, comments=True) for line in found[1].splitlines())
    return [shlex.join(each) for each in words if each]


class Stopwatch:
    """Seconds of each step, printed as they come."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step."""
        begin = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - begin
        print(f"  {name:44} {self.seconds[name]:7.1f} s", flush=True)

    @property
    def total(self) -> float:
        """All steps together."""
        return sum(self.seconds.values())


def run(command: str, folder: Path, env: dict[str, str]) -> None:
    """Run a command of the quick start.

    Raises:
        subprocess.CalledProcessError: it failed; what it said is on the screen.
    """
    subprocess.run(
        ["sh", "-c", command], cwd=folder, env=env, check=True, timeout=PATIENCE,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until the space says that it accepts connections.

    Raises:
        RuntimeError: it ended before.
    """
    while not path.exists():
        if process.poll() is not None:
            raise RuntimeError(f"`up` ended with {process.returncode}")
        time.sleep(0.02)


@contextlib.contextmanager
def running(command: str, folder: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command beside us, with all that it starts, until the block ends."""
    process = subprocess.Popen(
        ["sh", "-c", command], cwd=folder, env=env, stdout=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


def until_read(read: str, folder: Path, env: dict[str, str]) -> None:
    """Ask for the message until it has been relayed and is there.

    Raises:
        TimeoutError: it does not come.
    """
    end = time.monotonic() + GOAL
    words = ["sh", "-c", read]
    while subprocess.run(words, cwd=folder, env=env, check=False, capture_output=True).returncode:
        if time.monotonic() > end:
            raise TimeoutError(f"nothing to read: {read}")


def first_mail(source: str, folder: Path, env: dict[str, str], loopback: int) -> Stopwatch:
    """Do what a newcomer does, from the clone to the code."""
    watch, clone = Stopwatch(), folder / "clone"
    with watch.step("git clone"):
        run(shlex.join(["git", "clone", "--quiet", "--depth=1", source, str(clone)]), folder, env)
    up, send, read, *rest = quick_start((clone / "README.md").read_text("utf-8"))
    up = up.replace("--design", f"--loopback {loopback} --design", 1)
    with watch.step("installation"):  # the first half of `make up`
        run("make .venv/live.installed", clone, env)
    with contextlib.ExitStack() as until_done:
        with watch.step(up):
            process = until_done.enter_context(running(up, clone, env))
            wait_for(clone / "out" / "space" / "space.json", process)
        with watch.step(send):
            run(send, clone, env)
        with watch.step(read):
            until_read(read, clone, env)
        print(f"  {'total, to a first mail':44} {watch.total:7.1f} s")
        for command in rest:
            run(command, clone, env)
    return watch


def by_pip(clone: Path, env: dict[str, str]) -> None:
    """Time the peer: pip with the same lock, in an environment of its own, its cache full."""
    for name in ("pip, downloads", "pip, after the download"):
        run("python3 -m venv --clear .venv-pip", clone, env)
        with Stopwatch().step(name):
            run(".venv-pip/bin/pip -q install --require-hashes -r locks/live.txt", clone, env)


def main() -> None:
    """Measure with an empty cache, then with a full one."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--source", default=f"file://{ROOT}", help="repository; default: this one")
    parser.add_argument("--loopback", type=int, default=240, help="block of addresses, 240")
    parser.add_argument("--pip", action="store_true", help="also time pip, with the same lock")
    chosen = parser.parse_args()
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} cores, load average {load}")
    with tempfile.TemporaryDirectory(prefix="first-mail-") as place:
        caches = {"UV_CACHE_DIR": f"{place}/uv", "PIP_CACHE_DIR": f"{place}/pip"}
        env = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"} | caches
        for name in ("with empty caches", "after the download"):
            print(name)
            folder = Path(place) / name.replace(" ", "-")
            folder.mkdir()
            total = first_mail(chosen.source, folder, env, chosen.loopback).total
        if chosen.pip:
            by_pip(folder / "clone", env)
    word = "met" if total <= GOAL else "MISSED"
    print(f"{total:.1f} s after the download, goal {GOAL:.0f} s: {word}")


if __name__ == "__main__":
    main()
