"""The command line: one verb per job, each loaded only when it is called."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from sandbox.space.errors import EXIT_INTERRUPTED, EXIT_USER_ERROR, UserError

__all__ = ["main"]

# verb -> (module, attribute). A package that offers verbs keeps them in modules named `cli_...`,
# and adds its lines here.
VERBS: dict[str, tuple[str, str]] = {
    "up": ("sandbox.live.cli_up", "up"),
    "send": ("sandbox.live.cli_mail", "send"),
    "inbox": ("sandbox.live.cli_mail", "inbox"),
    "watch": ("sandbox.live.cli_mail", "watch"),
    "compare": ("sandbox.analysis.cli_compare", "compare"),
    "scenario": ("sandbox.space.cli_scenario", "scenario"),
    "validate": ("sandbox.analysis.cli_validate", "validate"),
    "pki": ("sandbox.trust.cli_pki", "pki"),
    "list": ("sandbox.trust.cli_list", "list_"),
    "dns": ("sandbox.trust.cli_dns", "dns"),
    "hosts": ("sandbox.trust.cli_dns", "hosts"),
    "directory": ("sandbox.directory.cli_directory", "directory"),
    "psc": ("sandbox.psc.cli_psc", "psc"),
}

# verb, verb within it -> (module, attribute): for a verb that a later package adds to a group.
SUBVERBS: dict[tuple[str, str], tuple[str, str]] = {
    ("scenario", "from-list"): ("sandbox.trust.cli_from_list", "from_list"),
    ("directory", "card"): ("sandbox.directory.cli_card", "card"),
    ("directory", "certificate"): ("sandbox.directory.cli_card", "certificate"),
}


def _load(module: str, attribute: str) -> click.Command:
    command = getattr(import_module(module), attribute)
    assert isinstance(command, click.Command)
    return command


class LazyGroup(click.Group):
    """A group whose verbs are imported on demand, so that `--help` and each verb start quickly."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order in which a newcomer meets them."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one verb, or None when there is no such verb."""
        del ctx
        if cmd_name not in VERBS:
            return None
        command = _load(*VERBS[cmd_name])
        for (verb, name), place in SUBVERBS.items():
            if verb == cmd_name and isinstance(command, click.Group):
                command.add_command(_load(*place), name)
        return command


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mssante-sandbox")
def cli() -> None:
    """L'espace de confiance MSSanté sur un poste. / The MSSanté mail space on one laptop."""


def main() -> None:
    """Run the command line; no traceback reaches a user.

    Exit codes: 0 done, 1 the answer is no (a control failed), 2 bad input, 3 interrupted.
    """
    try:
        code = cli(standalone_mode=False)
    except click.exceptions.Abort:
        code = EXIT_INTERRUPTED
    except click.ClickException as error:
        click.echo(f"mss-sandbox: {error.format_message()}", err=True)
        code = EXIT_USER_ERROR
    except UserError as error:
        click.echo(f"mss-sandbox: {error}", err=True)
        code = EXIT_USER_ERROR
    except OSError as error:
        # A full disk, a folder that cannot be written: the system's own words and the path.
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"mss-sandbox: {where}{error.strerror or error}", err=True)
        code = EXIT_USER_ERROR
    except KeyboardInterrupt:
        click.echo("mss-sandbox: interrompu / interrupted", err=True)
        code = EXIT_INTERRUPTED
    sys.exit(code or 0)
