"""Judging, as Python and the verbs ask for it: `check_operator(…)`, `check_client(…)`."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from sandbox.conformance.client.drivers import Script, SoftwareDriver
from sandbox.conformance.client.judge import judged, steps_of
from sandbox.conformance.client.session import PATIENCE as CLIENT_PATIENCE
from sandbox.conformance.client.session import played
from sandbox.conformance.client.steps import SoftwareProfile
from sandbox.conformance.findings import Report
from sandbox.conformance.foreign import from_file
from sandbox.conformance.judge import PATIENCE, judge_operator
from sandbox.conformance.lab import Sockets
from sandbox.conformance.ours import DESIGNS, from_sheet, running_space
from sandbox.conformance.subject import Subject
from sandbox.live.sheet_file import read_sheet
from sandbox.space.errors import UserError

__all__ = ["check_client", "check_operator"]

Tell = Callable[[str], None]


def _nobody(_: str) -> None:
    """Tell nobody."""


def check_operator(
    space: Path | str | None = None, *, operator: str = "", designs: Sequence[str] = (),
    only: Collection[str] = (), patience: float = PATIENCE, rate: float = 0.0, kill: bool = False,
    tell: Tell = _nobody,
) -> Report:  # fmt: skip
    """Judge an operator, ours or another.

    Args:
        space: folder of a running space, its space.json, or the TOML file of a foreign operator;
            without it a space is started.
        operator: which of the space; the first by default.
        designs: whose endpoints.
        only: requirements to judge by, all of them when empty.
        patience: seconds that a message may take.
        rate: messages a second to send for a few seconds; 0 for no such check.
        kill: kill the operator's process, to see what it keeps.
        tell: told of what is done.

    Raises:
        UserError: what was given is wrong, or no space starts.
    """
    path = None if space is None else Path(space)
    with _subject(path, operator, designs, kill=kill, tell=tell) as (subject, lab):
        return judge_operator(subject, lab, patience=patience, rate=rate, only=only, tell=tell)


@contextlib.contextmanager
def _subject(
    space: Path | None, name: str, designs: Sequence[str], *, kill: bool, tell: Tell
) -> Iterator[tuple[Subject, Sockets]]:
    """Yield who is judged and the way to it."""
    if space is not None and space.suffix == ".toml":
        if name or designs:
            raise UserError(
                "un fichier TOML ne décrit qu'un opérateur : sans --operator ni --design",
                "a TOML file describes one operator: without --operator and --design",
                where=space,
            )
        subject = from_file(space)
        yield subject, Sockets(subject)
        return
    with tempfile.TemporaryDirectory(prefix="mssante-check-") as folder:
        if space is not None:
            sheet = read_sheet(space if space.is_dir() else space.parent)
            yield from_sheet(sheet, Path(folder), operator=name, designs=designs, kill=kill)
            return
        chosen = tuple(designs) or DESIGNS
        with running_space(chosen, tell) as sheet:
            yield from_sheet(sheet, Path(folder), operator=name, designs=chosen, kill=True)


def check_client(
    script: str | SoftwareDriver,
    space: Path | str | None = None,
    *,
    name: str = "",
    profile: str = SoftwareProfile.MAIL_CLIENT,
    method: str = "ecps",
    operator: str = "",
    design: str = "",
    only: Collection[str] = (),
    patience: float = CLIENT_PATIENCE,
    tell: Tell = _nobody,
) -> Report:
    """Judge mail software, step by step.

    Args:
        script: program that is run for each action, or what else makes the software act.
        space: folder of a running space, or its space.json; without it a space is started.
        name: of the software, in the report.
        profile: kind of software: lps, mail-client, robot, webmail.
        method: by which it logs in: cps, totp, ecps, ciba-operateur, certificat.
        operator, design: whose endpoints; the first by default.
        only: requirements to judge by, all of them when empty.
        patience: seconds that one action of a script may take.
        tell: told of each step.

    Raises:
        UserError: what was given is wrong, or no space starts.
    """
    driver = Script(script, patience) if isinstance(script, str) else script
    at = datetime.now(UTC)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mssante-check-")))
        if space is None:
            sheet = stack.enter_context(running_space((design,) if design else DESIGNS[:1], tell))
        else:
            path = Path(space)
            sheet = read_sheet(path if path.is_dir() else path.parent)
        record = played(
            sheet,
            folder,
            driver,
            profile=SoftwareProfile(profile),
            method=method,
            operator=operator,
            design=design,
            only=steps_of(only),
            tell=tell,
        )
        told = name or (script if isinstance(script, str) else profile)
        return judged(record, told, at, only)
