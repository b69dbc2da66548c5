"""What click and the system say of a wrong command, in both languages and in one line."""

from __future__ import annotations

import errno

import click
from click.exceptions import MissingParameter, NoSuchCommand, NoSuchOption

from sandbox.space.errors import UserError

__all__ = ["missing_library", "system_error", "usage_error"]

# The system's own words are in its language; these are the errors that a user can cause.
_SYSTEM: dict[int, str] = {
    errno.EACCES: "accès refusé",
    errno.EADDRINUSE: "adresse et port déjà pris",
    errno.ECONNREFUSED: "connexion refusée",
    errno.EEXIST: "existe déjà",
    errno.EFBIG: "fichier trop grand",
    errno.EISDIR: "c'est un dossier",
    errno.EMFILE: "trop de fichiers ouverts",
    errno.ENAMETOOLONG: "nom trop long",
    errno.ENOENT: "fichier ou dossier introuvable",
    errno.ENOSPC: "disque plein",
    errno.ENOTDIR: "ce n'est pas un dossier",
    errno.ENOTEMPTY: "dossier non vide",
    errno.EPERM: "opération interdite",
    errno.EROFS: "disque en lecture seule",
}


def missing_library(error: ModuleNotFoundError) -> UserError:
    """Return what to install, where a verb needs a library that is not there."""
    return UserError(
        "bibliothèque manquante ; installer avec",
        "library is missing; install it with",
        where=error.name or "",
        then="make compare, pip install 'mssante-sandbox[compare]'",
    )


def system_error(error: OSError) -> UserError:
    """Return an error of the system with the path that it speaks of."""
    french = _SYSTEM.get(error.errno or 0, "refusé par le système")
    return UserError(french, error.strerror or str(error), where=error.filename or "")


def usage_error(error: click.ClickException) -> UserError:
    """Return an error of click; its English is click's own."""
    if isinstance(error, MissingParameter):
        return UserError("valeur manquante", error.format_message())
    if isinstance(error, click.BadParameter):
        where = error.param.get_error_hint(error.ctx) if error.param else ""
        return UserError(_french_value(error.param), error.message, where=where or "")
    if isinstance(error, NoSuchOption):
        return UserError("option inconnue", error.format_message())
    if isinstance(error, NoSuchCommand):
        return UserError("verbe inconnu, voir --help", error.format_message())
    if isinstance(error, click.FileError):
        return UserError("fichier impossible à ouvrir", error.message, where=error.ui_filename)
    return UserError("commande incorrecte, voir --help", error.format_message())


def _french_value(parameter: click.Parameter | None) -> str:
    """Return what a parameter expects."""
    kind = parameter.type if parameter else None
    if isinstance(kind, click.Choice):
        return f"choisir parmi {', '.join(map(str, kind.choices))}"
    if isinstance(kind, click.IntRange | click.FloatRange):
        number = "un nombre entier" if isinstance(kind, click.IntRange) else "un nombre"
        bounds = (("au moins", kind.min), ("au plus", kind.max))
        limits = [f"{word} {bound:g}" for word, bound in bounds if bound is not None]
        return f"attendu {number}, {', '.join(limits)}"
    if isinstance(kind, click.Path | click.File):
        return "fichier ou dossier introuvable, ou inutilisable"
    if isinstance(kind, click.DateTime):
        return f"attendu une date, {', '.join(kind.formats)}"
    name = kind.name if kind else ""
    return {"integer": "attendu un nombre entier", "float": "attendu un nombre"}.get(
        name, "valeur refusée"
    )
