"""What can go wrong on the way to another operator, in words for the sender and the journal.

A `Trouble` is a fact about one attempt: a row of the table, a rule of the space of trust, or what
the other side replied. Its status (RFC 3463) says whether waiting may help.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.operators.refusals import MailRefusal

__all__ = ["TROUBLES", "Trouble", "of_refusal", "of_reply"]

_STATUS = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})(?=\s|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a recipient was not reached.

    Attributes:
        name: kebab-case, the journal's key.
        status: enhanced status code; class 4 is worth another attempt, class 5 is not.
        french, english: what happened, in a plain sentence.
        clause: where it is written.
        reply: what the other side said (`550 5.1.1 ...`), empty when it said nothing.
    """

    name: str
    status: str
    french: str
    english: str
    clause: str = ""
    reply: str = ""

    @property
    def is_permanent(self) -> bool:
        """Whether another attempt would be in vain."""
        return self.status.startswith("5")

    @property
    def said(self) -> str:
        """One line for the queue: the reply, or our own words."""
        return self.reply or f"{self.status} {self.english}"


TROUBLES: dict[str, Trouble] = {
    trouble.name: trouble
    for trouble in (
        Trouble(
            name="dns-unavailable",
            status="4.4.3",
            french="Le DNS ne répond pas pour ce domaine.",
            english="DNS does not answer for this domain.",
            clause="RFC 5321 §5.1",
        ),
        Trouble(
            name="domain-unknown",
            status="5.1.2",
            french="Ce domaine n'existe pas, ou ne reçoit pas de courrier.",
            english="This domain does not exist, or takes no mail.",
            clause="RFC 5321 §5.1",
        ),
        Trouble(
            name="null-mx",
            status="5.1.10",
            french="Ce domaine déclare ne pas recevoir de courrier.",
            english="This domain declares that it takes no mail.",
            clause="RFC 7505 §3",
        ),
        Trouble(
            name="no-usable-mx",
            status="5.4.4",
            french="Aucun des MX de ce domaine n'a d'adresse.",
            english="None of this domain's MX hosts has an address.",
            clause="RFC 5321 §5.1",
        ),
        Trouble(
            name="outside",
            status="5.4.4",
            french="Le bac à sable n'envoie rien hors de son domaine ni de la machine.",
            english="The sandbox sends nothing outside its domain or the machine.",
        ),
        Trouble(
            name="loop",
            status="5.4.6",
            french="Le message reviendrait ici : le MX du domaine est ce relais.",
            english="The message would come back here: the domain's MX is this relay.",
            clause="RFC 5321 §5.1",
        ),
        Trouble(
            name="unreachable",
            status="4.4.1",
            french="Le relais du destinataire est injoignable.",
            english="The recipient's relay cannot be reached.",
            clause="RFC 5321 §4.5.4.1",
        ),
        Trouble(
            name="connection-lost",
            status="4.4.2",
            french="La connexion s'est rompue pendant l'échange.",
            english="The connection was lost during the exchange.",
            clause="RFC 5321 §4.5.4.1",
        ),
        Trouble(
            name="timeout",
            status="4.4.2",
            french="Le relais du destinataire n'a pas répondu à temps.",
            english="The recipient's relay did not reply in time.",
            clause="RFC 5321 §4.5.3.2",
        ),
        Trouble(
            name="expired",
            status="4.4.7",
            french="Le délai de remise est écoulé ; le dernier essai a donné ceci :",
            english="The time for delivery is over; the last attempt gave this:",
            clause="RFC 5321 §4.5.4.1",
        ),
        Trouble(
            name="garbled",
            status="4.5.0",
            french="Le relais du destinataire ne parle pas SMTP comme il faut.",
            english="The recipient's relay does not speak SMTP properly.",
            clause="RFC 5321 §4.2",
        ),
        Trouble(
            name="starttls-missing",
            status="4.7.4",
            french="Le relais du destinataire n'offre pas STARTTLS.",
            english="The recipient's relay does not offer STARTTLS.",
            clause="RFC 3207 ; API MSS-IO",
        ),
        Trouble(
            name="tls-failed",
            status="4.7.5",
            french="La connexion TLS avec le relais du destinataire a échoué.",
            english="The TLS connection with the recipient's relay failed.",
            clause="RFC 3207 §4.1",
        ),
        Trouble(
            name="smtputf8-missing",
            status="5.6.7",
            french="Le relais du destinataire ignore les adresses internationales (SMTPUTF8).",
            english="The recipient's relay takes no international addresses (SMTPUTF8).",
            clause="RFC 6531 §3.7",
        ),
        Trouble(
            name="8bit-missing",
            status="5.6.3",
            french="Le relais du destinataire n'accepte pas les messages en 8 bits.",
            english="The recipient's relay takes no 8-bit messages.",
            clause="RFC 6152 §3",
        ),
        Trouble(
            name="too-big",
            status="5.3.4",
            french="Le message dépasse la taille que le relais du destinataire accepte.",
            english="The message is larger than the recipient's relay accepts.",
            clause="RFC 1870 §6.1",
        ),
    )
}


def of_refusal(refusal: MailRefusal) -> Trouble:
    """Return a refusal by the space of trust as a trouble."""
    return Trouble(
        name=refusal.name,
        status=refusal.status,
        french=refusal.reason.what.french,
        english=refusal.reason.what.english,
        clause=refusal.reason.clause,
    )


def of_reply(code: int, text: str) -> Trouble:
    """Return a refusal by the other side; the code decides, a status that contradicts it is lost.

    Args:
        code: 400 to 599.
        text: of the reply, its lines joined by a blank.
    """
    family = str(code)[0]
    found = _STATUS.match(text)
    status = found[1] if found and found[1][0] == family else f"{family}.0.0"
    later = family == "4"
    return Trouble(
        name="reply-temporary" if later else "reply-permanent",
        status=status,
        french="Le relais du destinataire demande d'attendre."
        if later
        else "Le relais du destinataire a refusé le message.",
        english="The recipient's relay asks to wait."
        if later
        else "The recipient's relay refused the message.",
        clause="RFC 5321 §4.2.1",
        reply=f"{code} {text}".strip(),
    )
