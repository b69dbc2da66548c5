"""What software is asked to do, in order: a few actions, under many conditions.

An action is what a person does (`receive`, `send`), so a script has two things to know how to do.
A condition is what the space is meanwhile. All is data: `session` makes it so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sandbox.conformance.subject import RINGS
from sandbox.observations.schema import Words
from sandbox.space.methods import METHODS, Method

__all__ = ["STEPS", "SoftwareAction", "SoftwareProfile", "SoftwareStep", "applies"]


class SoftwareAction(StrEnum):
    """What software does."""

    RECEIVE = "receive"
    SEND = "send"


class SoftwareProfile(StrEnum):
    """What kind of software it is."""

    LPS = "lps"
    MAIL_CLIENT = "mail-client"
    ROBOT = "robot"
    WEBMAIL = "webmail"


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftwareStep:
    """One thing to do.

    Attributes:
        id: stable.
        actions: what to do, one after the other.
        text: what a person reads.
        fails: the software cannot succeed, and should say so.
        server: fault of the gate's certificate (`sandbox.trust.bad`); empty for a good one.
        old, strips, asks, cuts: of the gate.
        wrong: what is given to log in with is wrong.
        phone: what the telephone does: `refuse`, `wait`; `down` is Pro Santé Connect's silence.
        message: what is particular of the message to send.
        only: profiles that are asked; all by default.
        methods: with which it makes sense; all by default.
        starttls: it makes sense where TLS begins so.
    """

    id: str
    text: Words
    actions: tuple[SoftwareAction, ...] = (SoftwareAction.RECEIVE,)
    fails: bool = False
    server: str = ""
    old: bool = False
    strips: bool = False
    asks: bool = False
    cuts: int = 0
    phone: str = ""
    wrong: bool = False
    message: str = ""
    only: tuple[SoftwareProfile, ...] = tuple(SoftwareProfile)
    methods: tuple[str, ...] = tuple(Method)
    starttls: bool = False


_PEOPLE = (SoftwareProfile.LPS, SoftwareProfile.MAIL_CLIENT, SoftwareProfile.WEBMAIL)
_BOTH = (SoftwareAction.RECEIVE, SoftwareAction.SEND)
_PASSWORD = tuple(each for each in Method if not METHODS[each].client_certificate)


def _bad(id_: str, fault: str, french: str, english: str) -> SoftwareStep:
    return SoftwareStep(
        id=id_, server=fault, actions=_BOTH, fails=True,
        text=Words(
            f"Le serveur présente un certificat {french}. Relever puis envoyer, après avoir fermé"
            " et rouvert le logiciel ; n'accepter aucune exception.",
            f"The server shows a certificate {english}. Receive, then send, after the software was"
            " closed and opened again; accept no exception.",
        ),
    )  # fmt: skip


STEPS: tuple[SoftwareStep, ...] = (
    SoftwareStep(
        id="receive",
        text=Words(
            "Configurer le compte, relever le courrier, ouvrir le message dont l'objet est donné.",
            "Set up the account, receive, open the message whose subject is given.",
        ),
    ),
    SoftwareStep(
        id="send",
        actions=(SoftwareAction.SEND,),
        text=Words(
            "Écrire au destinataire un nouveau message avec l'objet et le texte donnés.",
            "Write to the recipient a new message with the subject and the text given.",
        ),
    ),
    SoftwareStep(
        id="reply",
        actions=(SoftwareAction.SEND,),
        message="reply",
        only=_PEOPLE,
        text=Words(
            "Répondre au message relevé à la première étape.",
            "Answer the message that was received in the first step.",
        ),
    ),
    SoftwareStep(
        id="notify",
        actions=(SoftwareAction.SEND,),
        message="notify",
        text=Words(
            "Envoyer en demandant un avis de remise (DSN).",
            "Send and ask for a notification of delivery (DSN).",
        ),
    ),
    SoftwareStep(
        id="document",
        actions=(SoftwareAction.SEND,),
        message="document",
        only=(SoftwareProfile.LPS, SoftwareProfile.ROBOT),
        text=Words(
            "Envoyer à un professionnel le document de santé donné (CDA), pour le patient donné,"
            " INS qualifiée, comme le logiciel envoie ses comptes rendus.",
            "Send a professional the health document given (CDA), for the patient given, with a"
            " qualified INS, as the software sends its reports.",
        ),
    ),
    SoftwareStep(
        id="patient",
        actions=(SoftwareAction.SEND,),
        message="patient",
        only=_PEOPLE,
        text=Words(
            "Écrire au patient donné, d'INS qualifiée, et marquer la fin de l'échange.",
            "Write to the patient given, whose INS is qualified, and mark the end of the exchange.",
        ),
    ),
    SoftwareStep(
        id="big",
        actions=(SoftwareAction.SEND,),
        message="big",
        text=Words("Envoyer le gros fichier donné.", "Send the big file given."),
    ),
    SoftwareStep(
        id="elsewhere",
        actions=(SoftwareAction.SEND,),
        message="elsewhere",
        fails=True,
        text=Words(
            "Envoyer à l'adresse donnée, hors de la liste des domaines : elle est refusée.",
            "Send to the address given, outside of the list of domains: it is refused.",
        ),
    ),
    SoftwareStep(
        id="busy",
        actions=(SoftwareAction.SEND,),
        message="busy",
        text=Words(
            "Envoyer : l'opérateur est occupé et remet le premier essai à plus tard (451).",
            "Send: the operator is busy and puts the first attempt off (451).",
        ),
    ),
    SoftwareStep(
        id="wrong-secret",
        wrong=True,
        fails=True,
        methods=_PASSWORD,
        text=Words(
            "Relever avec un mot de passe, un code ou un jeton faux, donné à cette étape.",
            "Receive with a wrong password, code or token, given in this step.",
        ),
    ),
    SoftwareStep(
        id="phone-waits",
        phone="wait",
        methods=RINGS,
        only=_PEOPLE,
        text=Words(
            "Relever : la personne met du temps à répondre sur son téléphone.",
            "Receive: the person takes her time to answer the telephone.",
        ),
    ),
    SoftwareStep(
        id="phone-refuses",
        phone="refuse",
        fails=True,
        methods=RINGS,
        only=_PEOPLE,
        text=Words(
            "Relever : la personne refuse sur son téléphone.",
            "Receive: the person refuses on the telephone.",
        ),
    ),
    SoftwareStep(
        id="psc-down",
        phone="down",
        fails=True,
        methods=RINGS,
        only=_PEOPLE,
        text=Words(
            "Relever : Pro Santé Connect est en panne, ou le CIBA de l'opérateur.",
            "Receive: Pro Santé Connect is down, or the operator's own CIBA.",
        ),
    ),
    SoftwareStep(
        id="cut",
        cuts=1,
        methods=RINGS,
        only=_PEOPLE,
        text=Words(
            "Relever : la connexion est coupée une fois. Ne rien faire d'autre qu'attendre.",
            "Receive: the connection is cut once. Do nothing but wait.",
        ),
    ),
    SoftwareStep(
        id="asks-certificate",
        asks=True,
        actions=_BOTH,
        methods=_PASSWORD,
        text=Words(
            "Relever puis envoyer : le serveur demande un certificat client, sans l'exiger.",
            "Receive, then send: the server asks for a client certificate and requires none.",
        ),
    ),
    SoftwareStep(
        id="strips",
        strips=True,
        actions=_BOTH,
        fails=True,
        starttls=True,
        text=Words(
            "Relever puis envoyer : quelqu'un sur le chemin a ôté STARTTLS de ce que le serveur"
            " annonce.",
            "Receive, then send: somebody on the way took STARTTLS out of what the server offers.",
        ),
    ),
    SoftwareStep(
        id="old-tls",
        old=True,
        actions=_BOTH,
        fails=True,
        text=Words(
            "Relever puis envoyer : le serveur ne connaît que TLS 1.0 et 1.1.",
            "Receive, then send: the server knows TLS 1.0 and 1.1 alone.",
        ),
    ),
    _bad("expired", "expired", "expiré", "that has expired"),
    _bad("other-name", "wrong-name", "d'un autre nom", "of another name"),
    _bad("untrusted", "impostor", "d'une autre IGC", "of another PKI"),
    _bad("other-authority", "wrong-hierarchy", "d'une autre autorité de l'IGC-Santé",
         "of another authority of IGC-Santé"),
    _bad("revoked", "revoked", "révoqué", "that was revoked"),
    SoftwareStep(
        id="discover",
        message="discover",
        text=Words(
            "Ôter le compte, puis le configurer avec sa seule adresse, le DNS donné étant celui du"
            " poste, et relever.",
            "Remove the account, then set it up from its address alone, with the DNS given as the"
            " machine's, and receive.",
        ),
    ),
)  # fmt: skip


def applies(step: SoftwareStep, profile: SoftwareProfile, method: str, *, starttls: bool) -> bool:
    """Tell whether a step is asked of a kind of software, by a method."""
    return profile in step.only and method in step.methods and (starttls or not step.starttls)
