"""The command line speaks French and English: what it refuses, and its help."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator

import click
import pytest

from sandbox import cli
from sandbox.usage import system_error

WRONG: dict[str, tuple[list[str], str, str]] = {
    "a verb nobody knows": (["unknown-verb"], "verbe inconnu", "No such command"),
    "an option nobody knows": (["up", "--desing", "x"], "option inconnue", "No such option"),
    "a missing argument": (["send"], "valeur manquante", "Missing argument 'SENDER'"),
    "a missing choice": (["pki", "issue"], "valeur manquante", "Choose from: operator-server"),
    "a missing option": (["list", "add", "a.test"], "valeur manquante", "Missing option '--dn'"),
    "an option without value": (["up", "--dir"], "commande incorrecte", "requires an argument"),
    "a bad choice": (["up", "--keys", "dsa"], "choisir parmi rsa, p256", "is not one of"),
    "a number out of range": (["up", "--seed", "-1"], "entier, au moins 0", "in the range x>=0"),
    "no number": (["up", "--seed", "x"], "attendu un nombre entier", "not a valid integer"),
    "no file": (["dns", "serve", "--zone", "/nope.toml"], "'--zone': fichier", "does not exist"),
    "too much": (["scenario", "check", "demo", "x"], "commande incorrecte", "unexpected extra"),
}


@pytest.mark.parametrize(("words", "french", "english"), WRONG.values(), ids=WRONG)
def test_a_wrong_command_is_one_line_in_both_languages(
    words: list[str],
    french: str,
    english: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["mss-sandbox", *words])
    with pytest.raises(SystemExit) as end:
        cli.main()
    (line,) = capsys.readouterr().err.splitlines()
    assert end.value.code == 2
    assert line.index(french) < line.index(" / ") < line.index(english)


def test_no_verb_at_all_shows_the_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mss-sandbox"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("Usage:")


def test_what_the_system_refuses_is_said_in_both_languages() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "out/a")
    assert str(system_error(full)) == "out/a: disque plein / No space left on device"
    assert str(system_error(OSError("odd"))) == "refusé par le système / odd"


def commands(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            inner = command.get_command(context, each)
            assert inner is not None
            yield from commands(f"{name} {each}", inner)


def test_every_help_is_in_both_languages() -> None:
    for name, command in commands("mss-sandbox", cli.cli):
        assert " / " in (command.help or ""), name
        for each in command.params:
            # click's own --help and --version aside
            if isinstance(each, click.Option) and each.name not in ("help", "version"):
                assert " / " in (each.help or ""), f"{name} {each.opts[0]}"
    for verb, (_, text) in cli.VERBS.items():
        assert " / " in text, verb
