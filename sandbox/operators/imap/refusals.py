"""Why IMAP says NO or BAD, besides logins: what the journal gets of each, by response code."""

from __future__ import annotations

from sandbox.observations.schema import Reason, Words
from sandbox.operators.imap.responses import Completion

__all__ = ["reason_of"]


def _row(
    name: str, clause: str, what: tuple[str, str], remedy: tuple[str, str]
) -> Reason:  # fmt: skip
    return Reason(f"imap-{name}", clause, Words(*what), Words(*remedy))


# fmt: off
_SYNTAX = _row(
    "syntax", "RFC 9051 §9, §6",
    ("La commande est mal écrite, inconnue, ou impossible dans cet état.",
     "The command is malformed, not known, or not possible in this state."),
    ("Corriger le logiciel ; la réponse dit ce qui ne va pas.",
     "Correct the software; the reply says what is wrong."),
)
_OTHER = _row(
    "not-now", "RFC 9051 §7.1.2",
    ("La commande ne peut pas être faite sur cette boîte en ce moment.",
     "The command cannot be done on this mailbox now."),
    ("Ouvrir le dossier par SELECT, en lecture et écriture.",
     "Open the folder with SELECT, for reading and writing."),
)
_MISSING = _row(
    "missing", "RFC 5530 §3 (NONEXISTENT, TRYCREATE)",
    ("Ce dossier n'existe pas.", "This folder does not exist."),
    ("Lire les dossiers par LIST, ou créer celui-ci.", "Read the folders with LIST, or create it."),
)
_CANNOT = _row(
    "cannot", "RFC 5530 §3 (CANNOT, ALREADYEXISTS), RFC 9051 §6.3 (HASCHILDREN), RFC 6154 §5.2",
    ("Ce dossier existe déjà, en contient d'autres, ou ne peut pas être ainsi.",
     "This folder exists already, holds others, or cannot be like that."),
    ("Choisir un autre nom ; supprimer d'abord les dossiers contenus.",
     "Choose another name; delete the folders within first."),
)
_LIMIT = _row(
    "limit", "RFC 5530 §3 (LIMIT), RFC 7889 §3 (TOOBIG)",
    ("Une limite de l'opérateur est dépassée : taille du message, mots-clés, dossiers.",
     "A limit of the operator is passed: size of the message, number of keywords or folders."),
    ("Envoyer moins à la fois.", "Send less at once."),
)
_GONE = _row(
    "gone", "RFC 9051 §7.1 (EXPUNGEISSUED)",
    ("Des messages demandés ont été supprimés par une autre session.",
     "Messages that were asked for were removed by another session."),
    ("Envoyer NOOP pour l'apprendre, puis recommencer.", "Send NOOP to be told, then try again."),
)
_UNREADABLE = _row(
    "encoding", "RFC 9051 §7.1 (BADCHARSET, UNKNOWN-CTE)",
    ("Ce jeu de caractères, ou ce codage du contenu, n'est pas connu ici.",
     "This charset, or this transfer encoding, is not known here."),
    ("Chercher en UTF-8 ; lire la partie par BODY plutôt que BINARY.",
     "Search in UTF-8; read the part with BODY instead of BINARY."),
)
_UNAVAILABLE = _row(
    "storage", "RFC 5530 §3 (UNAVAILABLE)",
    ("Le magasin de messages ne répond pas ou n'a plus de place ; rien n'a été changé.",
     "The mail store does not answer or has no room; nothing was changed."),
    ("Réessayer ; supprimer des messages fait de la place.",
     "Try again; removing messages makes room."),
)
_BUG = _row(
    "server-bug", "RFC 5530 §3 (SERVERBUG)",
    ("Le serveur s'est trompé ; la commande n'a pas été faite.",
     "The server made a mistake; the command was not done."),
    ("Signaler la ligne du journal technique ; la session continue.",
     "Report the line of the technical log; the session goes on."),
)
# fmt: on

_BY_CODE = {
    "NONEXISTENT": _MISSING, "TRYCREATE": _MISSING, "CANNOT": _CANNOT, "ALREADYEXISTS": _CANNOT,
    "HASCHILDREN": _CANNOT, "USEATTR": _CANNOT, "LIMIT": _LIMIT, "TOOBIG": _LIMIT,
    "EXPUNGEISSUED": _GONE, "BADCHARSET": _UNREADABLE, "UNKNOWN-CTE": _UNREADABLE,
    "UNAVAILABLE": _UNAVAILABLE, "SERVERBUG": _BUG,
}  # fmt: skip


def reason_of(reply: Completion) -> Reason | None:
    """Return why a command was refused, None when it was not, or the journal knows already."""
    if reply.kind == "OK" or reply.told:
        return None
    if reply.kind == "BAD":
        return _SYNTAX
    return _BY_CODE.get(reply.code.partition(" ")[0], _OTHER)
