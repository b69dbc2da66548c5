"""Who makes the software do things: a person who reads, or a program."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from typing import Any, Protocol

import click

from sandbox.conformance.client.record import Done
from sandbox.conformance.client.steps import SoftwareAction, SoftwareStep
from sandbox.space.errors import UserError

__all__ = ["SKIP", "PersonDriver", "Script", "SoftwareDriver"]

Tree = Mapping[str, Any]
SKIP = 77  # exit code of a script for what the software cannot do, as automake has it
_LINES = 3  # of what a script said, as evidence
_LEFT_OUT = {"step", "action", "text", "expect", "profile", "method"}


class SoftwareDriver(Protocol):
    """Makes the software do one thing."""

    alone: bool  # nobody is there: telephones answer by themselves, connections end with the action

    def perform(self, step: SoftwareStep, action: SoftwareAction, needs: Tree) -> Done:
        """Have it done; return what was said of it."""


class Script:
    """A program, run for each action: the action as its argument, the needs in `MSS_STEP`, JSON.

    Exit code 0: the software said that it worked; 77: it cannot do that; any other: it said that it
    failed.

    Args:
        command: words of it, as a shell reads them.
        patience: seconds that one action may take.

    Raises:
        UserError: it is no program.
    """

    alone = True

    def __init__(self, command: str, patience: float) -> None:
        self._words = shlex.split(command)
        self._patience = patience
        if not self._words:
            raise UserError("donner un programme", "give a program", where="--script")

    def perform(self, step: SoftwareStep, action: SoftwareAction, needs: Tree) -> Done:
        """As `SoftwareDriver`.

        Raises:
            UserError: it cannot be run.
        """
        del step
        env = {**os.environ, "MSS_STEP": json.dumps(needs, ensure_ascii=False)}
        with tempfile.TemporaryFile() as output:
            try:
                process = subprocess.Popen(  # noqa: S603 - what the user named
                    [*self._words, action.value], env=env, stdin=subprocess.DEVNULL,
                    stdout=output, stderr=output, start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                raise UserError(
                    "ne se lance pas", "cannot be run",
                    where=f"--script {self._words[0]}", then=f"({error.strerror})",
                ) from None  # fmt: skip
            hung = False
            try:
                code = process.wait(self._patience)
            except subprocess.TimeoutExpired:
                hung, code = True, 1
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            output.seek(0)
            text = output.read(1 << 20).decode("utf-8", "replace")
        said = tuple([each for each in text.splitlines() if each.strip()][-_LINES:])
        if code == SKIP:
            return Done(skipped=True, said=said)
        return Done(worked=None if hung else code == 0, said=said)


class PersonDriver:
    """Somebody at a terminal."""

    alone = False

    def perform(self, step: SoftwareStep, action: SoftwareAction, needs: Tree) -> Done:
        """As `SoftwareDriver`: say what to do, wait for the answer.

        Raises:
            KeyboardInterrupt: by the person, or the terminal has gone.
        """
        title = f"\n== {step.id} ({action.value})"
        click.echo("\n".join([title, step.text.french, step.text.english]), err=True)
        for name, value in needs.items():
            if name not in _LEFT_OUT and value not in ("", None, {}, []):
                click.echo(f"  {name}: {_readable(value)}", err=True)
        try:
            answer = click.prompt(
                "[f] fait / done   [e] le logiciel dit un échec / it says that it failed"
                "   [p] passer / skip",
                type=click.Choice(["f", "e", "p"]), show_choices=False, err=True,
            )  # fmt: skip
        except click.Abort:
            raise KeyboardInterrupt from None
        return Done(skipped=True) if answer == "p" else Done(worked=answer == "f")


def _readable(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_readable(each)}" for key, each in value.items() if each)
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
