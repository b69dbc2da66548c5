"""The part of a notification that a person reads: French, then English."""

from __future__ import annotations

import quopri
from collections.abc import Sequence
from email.header import Header
from email.utils import formatdate

from sandbox.operators.mail import Action, Outcome

__all__ = ["human_part", "subject"]

# For each action: subject, opening and end of the letter, French and English.
_TEXTS: dict[str, tuple[tuple[str, str], tuple[str, str], tuple[str, str]]] = {
    "failed": (
        ("Message non remis", "Undelivered mail"),
        (
            "Votre message n'a pas pu être remis à :",
            "Your message could not be delivered to:",
        ),
        (
            "Aucun autre essai ne sera fait. Corrigez ce qui est indiqué, puis envoyez à nouveau.",
            "No further attempt will be made. Mend what is said above, then send again.",
        ),
    ),
    "delayed": (
        ("Message retardé", "Delayed mail"),
        (
            "Votre message attend encore d'être remis à :",
            "Your message is still waiting to be delivered to:",
        ),
        (
            "Vous n'avez rien à faire : les essais continuent.",
            "You need not do anything: the attempts go on.",
        ),
    ),
    "delivered": (
        ("Message remis", "Delivered mail"),
        (
            "Votre message a été déposé dans la boîte de :",
            "Your message was put into the mailbox of:",
        ),
        (
            "Ceci ne dit pas qu'il a été lu.",
            "This does not say that it has been read.",
        ),
    ),
    "relayed": (
        ("Message transmis", "Relayed mail"),
        (
            "Votre message a été transmis à un relais qui n'annonce pas la remise, pour :",
            "Your message was passed to a relay that does not report delivery, for:",
        ),
        (
            "Aucun autre avis ne suivra, sauf échec.",
            "No further notice will follow, unless it fails.",
        ),
    ),
}


def subject(action: Action) -> str:
    """Return the subject, encoded for a header."""
    french, english = _TEXTS[action][0]
    return Header(f"{french} / {english}", "utf-8", maxlinelen=60, header_name="Subject").encode(
        linesep="\r\n"
    )


def human_part(outcomes: Sequence[Outcome], action: Action, *, host: str) -> bytes:
    """Return the letter with its MIME headers."""
    _, opening, ending = _TEXTS[action]
    lines: list[str] = []
    for language in (0, 1):
        lines += [opening[language], ""]
        for each in outcomes:
            lines += [f"  {each.recipient.address}", *_details(each, language), ""]
        lines += [ending[language], "", f"-- {host}", ""]
    text = quopri.encodestring("\n".join(lines).encode()).replace(b"\n", b"\r\n")
    head = (
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    return head.encode() + text


def _details(each: Outcome, language: int) -> list[str]:
    reason = (each.french, each.english)[language]
    lines = [f"    {reason}"] if reason else []
    if each.reply:
        said = ("a répondu :", "said:")[language]
        lines.append(f"    {each.remote or '?'} {said} {' '.join(each.reply.split())[:900]}")
    if each.retry_until is not None:
        until = ("Essais jusqu'au", "Attempts until")[language]
        lines.append(f"    {until} {formatdate(each.retry_until)}")
    return lines
