"""What can go wrong on the way to another operator, in words for the sender and the journal.

A `Trouble` is a fact about one attempt: a constant here, a refusal by the space of trust, or what
the other side replied. Its status (RFC 3463) says whether waiting may help.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.observations.schema import Reason, Words
from sandbox.operators.refusals import MailRefusal

_STATUS = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a recipient was not reached.

    Attributes:
        reason: in words.
        status: enhanced status code; class 4 is worth another attempt, class 5 is not.
        reply: what the other side said (`550 5.1.1 ...`), empty when it said nothing.
    """

    reason: Reason
    status: str
    reply: str = ""

    @property
    def is_permanent(self) -> bool:
        """Whether another attempt would be in vain."""
        return self.status.startswith("5")

    @property
    def said(self) -> str:
        """One line for the queue: the reply, or our own words."""
        return self.reply or f"{self.status} {self.reason.what.english}"


def _row(
    name: str, status: str, clause: str, what: tuple[str, str], remedy: tuple[str, str]
) -> Trouble:
    return Trouble(Reason(name, clause, Words(*what), Words(*remedy)), status)


# fmt: off
_LATER = ("Attendre : le message reste en file et repart de lui-même.",
          "Wait: the message stays in the queue and leaves by itself.")
_ADDRESS = ("Vérifier l'adresse dans l'annuaire.", "Look the address up in the directory.")
_THEIRS = ("L'opérateur du destinataire corrige son serveur.",
           "The recipient's operator corrects its server.")

DNS_UNAVAILABLE = _row(
    "dns-unavailable", "4.4.3", "RFC 5321 §5.1",
    ("Le DNS ne répond pas pour ce domaine.", "DNS does not answer for this domain."), _LATER,
)
DOMAIN_UNKNOWN = _row(
    "domain-unknown", "5.1.2", "RFC 5321 §5.1",
    ("Ce domaine n'existe pas, ou ne reçoit pas de courrier.",
     "This domain does not exist, or takes no mail."), _ADDRESS,
)
NULL_MX = _row(
    "null-mx", "5.1.10", "RFC 7505 §3",
    ("Ce domaine déclare ne pas recevoir de courrier.",
     "This domain declares that it takes no mail."), _ADDRESS,
)
NO_USABLE_MX = _row(
    "no-usable-mx", "5.4.4", "RFC 5321 §5.1",
    ("Aucun des MX de ce domaine n'a d'adresse.",
     "None of this domain's MX hosts has an address."),
    ("L'opérateur du destinataire corrige ses enregistrements MX.",
     "The recipient's operator corrects its MX records."),
)
OUTSIDE = _row(
    "outside", "5.4.4", "mssante-sandbox : rien ne sort de la machine",
    ("Le bac à sable n'envoie rien hors de son domaine ni de la machine.",
     "The sandbox sends nothing outside its domain or the machine."),
    ("Écrire à une adresse de l'espace d'essai.", "Write to an address of the test space."),
)
LOOP = _row(
    "loop", "5.4.6", "RFC 5321 §5.1",
    ("Le message reviendrait ici : le MX du domaine est ce relais.",
     "The message would come back here: the domain's MX is this relay."),
    ("Corriger le MX du domaine, ou servir le domaine ici.",
     "Correct the domain's MX, or serve the domain here."),
)
OPERATOR_LEFT = _row(
    "operator-left", "5.3.2", "mssante-sandbox : départ d'un opérateur",
    ("L'opérateur de l'expéditeur quitte l'espace ; il ne relaie plus ce message.",
     "The sender's operator leaves the space; it relays this message no more."),
    ("Envoyer de nouveau, par le nouvel opérateur.", "Send again, through the new operator."),
)
UNREACHABLE = _row(
    "unreachable", "4.4.1", "RFC 5321 §4.5.4.1",
    ("Le relais du destinataire est injoignable.", "The recipient's relay cannot be reached."),
    _LATER,
)
CONNECTION_LOST = _row(
    "connection-lost", "4.4.2", "RFC 5321 §4.5.4.1",
    ("La connexion s'est rompue pendant l'échange.",
     "The connection was lost during the exchange."), _LATER,
)
TIMEOUT = _row(
    "timeout", "4.4.2", "RFC 5321 §4.5.3.2",
    ("Le relais du destinataire n'a pas répondu à temps.",
     "The recipient's relay did not reply in time."), _LATER,
)
EXPIRED = _row(
    "expired", "4.4.7", "RFC 5321 §4.5.4.1",
    ("Le délai de remise est écoulé ; le dernier essai a donné ceci :",
     "The time for delivery is over; the last attempt gave this:"),
    ("Envoyer de nouveau, ou joindre le destinataire autrement.",
     "Send again, or reach the recipient by other means."),
)
GARBLED = _row(
    "garbled", "4.5.0", "RFC 5321 §4.2",
    ("Le relais du destinataire ne parle pas SMTP comme il faut.",
     "The recipient's relay does not speak SMTP properly."), _THEIRS,
)
STARTTLS_MISSING = _row(
    "starttls-missing", "4.7.4", "RFC 3207 ; API MSS-IO",
    ("Le relais du destinataire n'offre pas STARTTLS.",
     "The recipient's relay does not offer STARTTLS."), _THEIRS,
)
TLS_FAILED = _row(
    "tls-failed", "4.7.5", "RFC 3207 §4.1",
    ("La connexion TLS avec le relais du destinataire a échoué.",
     "The TLS connection with the recipient's relay failed."), _THEIRS,
)
SMTPUTF8_MISSING = _row(
    "smtputf8-missing", "5.6.7", "RFC 6531 §3.7",
    ("Le relais du destinataire ignore les adresses internationales (SMTPUTF8).",
     "The recipient's relay takes no international addresses (SMTPUTF8)."),
    ("Écrire à une adresse en ASCII.", "Write to an address in ASCII."),
)
EIGHT_BIT_MISSING = _row(
    "8bit-missing", "5.6.3", "RFC 6152 §3",
    ("Le relais du destinataire n'accepte pas les messages en 8 bits.",
     "The recipient's relay takes no 8-bit messages."),
    ("Coder le message en quoted-printable ou en base64.",
     "Encode the message in quoted-printable or base64."),
)
TOO_BIG = _row(
    "too-big", "5.3.4", "RFC 1870 §6.1",
    ("Le message dépasse la taille que le relais du destinataire accepte.",
     "The message is larger than the recipient's relay accepts."),
    ("Envoyer des pièces jointes moins lourdes.", "Send smaller attachments."),
)
_ASKED_TO_WAIT = _row(
    "reply-temporary", "4.0.0", "RFC 5321 §4.2.1",
    ("Le relais du destinataire demande d'attendre.", "The recipient's relay asks to wait."),
    _LATER,
)
_REFUSED = _row(
    "reply-permanent", "5.0.0", "RFC 5321 §4.2.1",
    ("Le relais du destinataire a refusé le message.",
     "The recipient's relay refused the message."),
    ("Corriger ce que dit la réponse.", "Correct what the reply says."),
)
# fmt: on


def of_refusal(refusal: MailRefusal) -> Trouble:
    """Return a refusal by the space of trust as a trouble."""
    return Trouble(refusal.reason, refusal.status)


def of_reply(code: int, text: str) -> Trouble:
    """Return a refusal by the other side; the code decides, a status that contradicts it is lost.

    Args:
        code: 400 to 599.
        text: of the reply, its lines joined by a blank.
    """
    family = str(code)[0]
    found = _STATUS.match(text)
    usual = _ASKED_TO_WAIT if family == "4" else _REFUSED
    status = found[1] if found and found[1][0] == family else usual.status
    return Trouble(usual.reason, status, f"{code} {text}".strip())
