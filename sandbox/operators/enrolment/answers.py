"""What enrolment says when it refuses, and what a page or a script asks of a request."""

from __future__ import annotations

from starlette.requests import Request

from sandbox.operators.enrolment.enrolment import MOST_TELEPHONES
from sandbox.operators.refusals import LoginAnswer, LoginRefusal

__all__ = [
    "CARD_REFUSED",
    "CONFIRMED",
    "ENOUGH",
    "FORGED",
    "MAX_BODY",
    "REVOKED",
    "SIGNED_OUT",
    "SIGN_IN_REFUSED",
    "WRONG_CODE",
    "Problem",
    "Told",
    "client_of",
    "number_of",
    "status_of",
    "told_of",
]

MAX_BODY = 4_096

Told = tuple[str, str]  # French, English

# What a person who enrols is told. The causes of a refused sign-in stay in the journal.
SIGN_IN_REFUSED = (
    "Identification refusée : vérifiez la BAL, le mot de passe et le code.",
    "Sign-in refused: check mailbox, password and code.",
)
CARD_REFUSED = (
    "Carte refusée, ou aucune carte présentée.",
    "The card was refused, or none was presented.",
)
LIMITED = ("Trop d'essais : attendez quelques minutes.", "Too many attempts: wait a few minutes.")
WRONG_CODE = (
    "Ce code n'est pas celui de cette application en ce moment.",
    "This code is not that of this app at this moment.",
)
SIGNED_OUT = (
    "Session terminée : identifiez-vous à nouveau.",
    "The session is over: sign in again.",
)
FORGED = ("Demande refusée : revenez à la page.", "Request refused: go back to the page.")
ENOUGH = (
    f"Déjà {MOST_TELEPHONES} téléphones : révoquez-en un d'abord.",
    f"{MOST_TELEPHONES} telephones already: revoke one first.",
)
CONFIRMED = (
    "Téléphone enrôlé. Ce code a servi : attendez le suivant pour vous connecter.",
    "Telephone enrolled. This code is used: wait for the next to log in.",
)
REVOKED = ("Téléphone révoqué.", "Telephone revoked.")


class Problem(Exception):  # noqa: N818 - an answer, not an accident
    """A request that is refused: status and words."""

    def __init__(self, status: int, told: Told) -> None:
        super().__init__(told[1])
        self.status = status
        self.told = told


def status_of(refusal: LoginRefusal) -> int:
    """Return the HTTP status of a refusal."""
    return 429 if refusal.answer is LoginAnswer.LIMITED else 403


def told_of(refusal: LoginRefusal, otherwise: Told) -> Told:
    """Return what is said of a refusal: that there were too many, or `otherwise`."""
    return LIMITED if refusal.answer is LoginAnswer.LIMITED else otherwise


def client_of(request: Request) -> str:
    """Return the address of the peer."""
    return request.client.host if request.client else ""


def number_of(text: str) -> int:
    """Return the number of a telephone; one that is none is nobody's."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1
