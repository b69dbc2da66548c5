"""The command line: one verb per job, each loaded only when it is called."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from sandbox.space.errors import EXIT_INTERRUPTED, EXIT_USER_ERROR, UserError
from sandbox.usage import missing_library, system_error, usage_error

__all__ = ["main"]

# A package that offers verbs keeps them in modules named `cli_...`, and adds its lines here:
# where the verb is, first line of its help.
VERBS: dict[str, tuple[str, str]] = {
    "up": ("console.cli_up:up", "Démarrer l'espace. / Start the space."),
    "demo": ("console.cli_demo:demo", "La question en dix étapes. / The question in ten steps."),
    "send": ("live.cli_mail:send", "Envoyer un message. / Send a message."),
    "inbox": ("live.cli_mail:inbox", "Lister ou lire une boîte. / List or read a mailbox."),
    "watch": ("live.cli_mail:watch", "Montrer ce qui arrive. / Show what arrives."),
    "receive": ("live.cli_trace:receive", "Lire et accuser réception. / Read and send receipts."),
    "citizen": ("live.cli_citizen:citizen", "Usagers de Mon espace santé. / Citizens' mailboxes."),
    "trace": ("live.cli_trace:trace", "Suivre un message. / Follow a message."),
    "message": (
        "messages.cli_message:message",
        "Écrire, contrôler un message. / Make, check a message.",
    ),
    "journal": ("live.cli_journal:journal", "Lire les journaux. / Read the journals."),
    "fault": ("live.cli_control:fault", "Défauts à la demande. / Faults on demand."),
    "mailbox": ("live.cli_control:mailbox", "Ajouter, remplir, vider une BAL. / Fill a mailbox."),
    "domain": (
        "live.cli_domain:domain",
        "Ouvrir, déplacer, retirer un domaine. / The life of domains.",
    ),
    "person": ("live.cli_domain:person", "Dire qui n'exerce plus. / Say who exercises no more."),
    "code": ("live.cli_mail:code", "Donner un code à usage unique. / Give a one-time code."),
    "check": (
        "conformance.cli_check:check",
        "Juger un opérateur ou un logiciel. / Judge an operator or software.",
    ),
    "matrix": (
        "conformance.cli_matrix:matrix",
        "Quel logiciel marche avec qui. / Which software works with whom.",
    ),
    "compare": (
        "analysis.cli_compare:compare",
        "Comparer les architectures. / Compare the designs.",
    ),
    "decide": (
        "analysis.cli_decide:decide",
        "Que choisir, que mesurer d'abord. / What to choose and measure.",
    ),
    "replay": (
        "twin.cli_replay:replay",
        "Rejouer sur de vraies sockets. / Replay on real sockets.",
    ),
    "calibrate": ("twin.cli_calibrate:calibrate", "Mesurer cette machine. / Measure this machine."),
    "twin": (
        "twin.cli_twin:twin",
        "Confronter simulation et sockets. / Simulation against sockets.",
    ),
    "controls": (
        "controls.cli_controls:controls",
        "Contrôler l'espace, sanctionner. / Control the space, sanction.",
    ),
    "indicators": (
        "indicators.cli_indicators:indicators",
        "Compter le mois des opérateurs. / Count the operators' month.",
    ),
    "scenario": ("space.cli_scenario:scenario", "Vérifier les scénarios. / Check scenarios."),
    "fit": ("analysis.cli_fit:fit", "Confronter aux chiffres publiés. / Fit published figures."),
    "validate": (
        "analysis.cli_validate:validate",
        "Confronter à la théorie. / Check against theory.",
    ),
    "pki": ("trust.cli_pki:pki", "IGC-Santé de test. / Test certificates."),
    "list": ("trust.cli_list:list_", "Liste des domaines autorisés. / List of domains."),
    "dns": ("trust.cli_dns:dns", "DNS de l'espace, avec défauts. / DNS, with faults."),
    "hosts": ("trust.cli_dns:hosts", "Écrire un fichier hosts. / Write a hosts file."),
    "directory": (
        "directory.cli_directory:directory",
        "Annuaire santé fictif. / Fictitious directory.",
    ),
    "psc": ("psc.cli_psc:psc", "Émulateur Pro Santé Connect. / Its emulator."),
}

# verb, verb within it -> where it is: for a verb that a later package adds to a group.
SUBVERBS: dict[tuple[str, str], str] = {
    ("controls", "year"): "controls.cli_year:year",
    ("scenario", "from-list"): "trust.cli_from_list:from_list",
    ("directory", "card"): "directory.cli_card:card",
    ("directory", "certificate"): "directory.cli_card:certificate",
}


def _load(place: str) -> click.Command:
    """Import a verb."""
    module, _, attribute = place.partition(":")
    command = getattr(import_module(f"sandbox.{module}"), attribute)
    assert isinstance(command, click.Command)
    _hide_empty_defaults(command)
    return command


def _hide_empty_defaults(command: click.Command) -> None:
    for option in command.params:
        if isinstance(option, click.Option) and option.default == "":
            option.show_default = False
    for below in getattr(command, "commands", {}).values():
        _hide_empty_defaults(below)


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
        command = _load(VERBS[cmd_name][0])
        for (verb, name), place in SUBVERBS.items():
            if verb == cmd_name and isinstance(command, click.Group):
                command.add_command(_load(place), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs without importing any: their libraries take seconds."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(verb, text) for verb, (_, text) in VERBS.items()])


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.version_option(package_name="mssante-sandbox")
def cli() -> None:
    """L'espace de confiance MSSanté sur un poste. / The MSSanté mail space on one laptop."""


def _refuse(error: UserError) -> int:
    click.echo(f"mss-sandbox: {error}", err=True)
    return EXIT_USER_ERROR


def main() -> None:
    """Run the command line; no traceback reaches a user.

    Exit codes: 0 done, 1 the answer is no (a control failed), 2 bad input, 3 interrupted.
    """
    try:
        code = cli(standalone_mode=False)
    except click.exceptions.Abort:
        code = EXIT_INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()  # the help is not an error, though nothing was done
        code = EXIT_USER_ERROR
    except click.ClickException as error:
        code = _refuse(usage_error(error))
    except UserError as error:
        code = _refuse(error)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "sandbox":
            raise
        code = _refuse(missing_library(error))  # the light installation leaves some out
    except OSError as error:
        code = _refuse(system_error(error))  # a full disk, a folder that cannot be written
    except KeyboardInterrupt:
        click.echo("mss-sandbox: interrompu / interrupted", err=True)
        code = EXIT_INTERRUPTED
    sys.exit(code or 0)
