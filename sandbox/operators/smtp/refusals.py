"""Why a server of mail refuses, besides logins (`auth`) and the list (`relay`): one row a reason.

A row has what the client reads, in words that help whoever connects a client, and what the journal
keeps. What a message may learn of others (is this mailbox there?) is said after a login only.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.observations.schema import Cause
from sandbox.operators.rules import Refusal, Rule
from sandbox.operators.smtp.replies import Reply

__all__ = ["BY_CODE", "REFUSALS", "MailRefusal"]


@dataclass(frozen=True, slots=True)
class MailRefusal:
    """What the wire says, and what the journal keeps."""

    reply: Reply
    rule: Rule


def _row(
    name: str,
    reply: Reply,
    french: str,
    english: str,
    clause: str,
    remedy_french: str,
    remedy_english: str,
) -> MailRefusal:
    limited = reply.code in {421, 452, 552}
    return MailRefusal(
        reply,
        Rule(
            name=f"smtp-{name}",
            refusal=Refusal.LIMITED if limited else Refusal.RELAY_DENIED,
            cause=Cause.LIMITED if limited else Cause.NOT_AUTHORIZED,
            french=french, english=english, clause=clause,
            remedy_french=remedy_french, remedy_english=remedy_english,
        ),
    )  # fmt: skip


_CRLF = "RFC 5321 §2.3.8, §4.1.1.4"
_ENDINGS = (
    "Terminer chaque ligne par CR LF, et n'envoyer ni CR ni LF seul.",
    "End each line with CR LF, and send no CR or LF alone.",
)
_SENDER = "API LPS : l'émetteur est le titulaire authentifié ; RFC 6409 §6.1"
_OWN_ADDRESS = (
    "Envoyer depuis l'adresse de la BAL authentifiée, ou s'authentifier sur l'autre.",
    "Send from the address of the mailbox that logged in, or log in to the other one.",
)
_FEWER = ("Envoyer en plusieurs fois.", "Send in several parts.")

_ROWS = (
    _row(
        "syntax",
        Reply(501, "5.5.4", "Syntax error"),
        "La commande est mal écrite.",
        "The command is malformed.",
        "RFC 5321 §4.1.1, RFC 3461 §4, RFC 6531 §3.4",
        "Corriger la commande ; la réponse dit ce qui ne va pas.",
        "Correct the command; the reply says what is wrong.",
    ),
    _row(
        "order",
        Reply(503, "5.5.1", "Bad sequence of commands"),
        "La commande est arrivée hors de son ordre.",
        "The command came out of order.",
        "RFC 5321 §4.1.4, RFC 4954 §4",
        "Envoyer EHLO, AUTH, MAIL, RCPT puis DATA, dans cet ordre.",
        "Send EHLO, AUTH, MAIL, RCPT, then DATA, in this order.",
    ),
    _row(
        "not-served",
        Reply(502, "5.5.1", "Not served here"),
        "La commande, le paramètre ou le mécanisme n'est pas offert ici.",
        "The command, parameter or mechanism is not offered here.",
        "RFC 5321 §4.2.4, §4.1.1.11 ; RFC 4954 §4",
        "S'en tenir à ce qu'annonce la réponse à EHLO.",
        "Keep to what the reply to EHLO offers.",
    ),
    _row(
        "bare-line-ending",
        Reply(521, "5.5.2", "Bare CR or LF received; lines end with CRLF", close=True),
        "Un CR ou un LF seul a été reçu ; deux serveurs pourraient lire deux messages différents.",
        "A CR or LF alone was received; two servers might read two different messages.",
        _CRLF, *_ENDINGS,
    ),
    _row(
        "nul",
        Reply(554, "5.6.0", "Message has a NUL octet"),
        "Le message contient un octet nul.",
        "The message holds a NUL octet.",
        "RFC 5322 §3.5, §4.5.2 (obs-NO-WS-CTL)",
        "Coder le contenu binaire en base64.",
        "Encode binary content in base64.",
    ),
    _row(
        "line-length",
        Reply(554, "5.6.0", "Message has a line over 998 octets; fold it or use base64"),
        "Une ligne du message dépasse 998 octets.",
        "A line of the message is over 998 octets.",
        "RFC 5321 §4.5.3.1.6, RFC 5322 §2.1.1",
        "Replier les en-têtes ; coder le corps en base64 ou quoted-printable.",
        "Fold header fields; encode the body in base64 or quoted-printable.",
    ),
    _row(
        "size",
        Reply(552, "5.3.4", "Message over the size limit that EHLO tells"),
        "Le message dépasse la taille admise.",
        "The message is over the size limit.",
        "RFC 1870 §6 ; Mon espace santé : 25 Mo par message",
        "Envoyer des pièces jointes moins lourdes.",
        "Send smaller attachments.",
    ),
    _row(
        "room",
        Reply(452, "4.3.1", "Too many messages being received, try again later"),
        "Le serveur reçoit déjà autant d'octets de messages qu'il en garde en mémoire.",
        "The server is already receiving as many octets of messages as it keeps in memory.",
        "RFC 5321 §4.5.3.1.10",
        "Réessayer plus tard.",
        "Try again later.",
    ),
    _row(
        "pipelining",
        Reply(554, "5.5.0", "Improper use of SMTP command pipelining", close=True),
        "Des commandes sont arrivées avant la réponse qu'il fallait attendre.",
        "Commands came before the reply that had to be waited for.",
        "RFC 2920 §3.1",
        "Attendre la réponse à EHLO, AUTH, STARTTLS et DATA avant d'envoyer la suite.",
        "Wait for the reply to EHLO, AUTH, STARTTLS and DATA before sending more.",
    ),
    _row(
        "not-smtp",
        Reply(521, "5.5.1", "This is a mail server", close=True),
        "Le client parle un autre protocole.",
        "The client speaks another protocol.",
        "RFC 5321 §4.1.1",
        "Se connecter au port de ce service.",
        "Connect to the port of that service.",
    ),
    _row(
        "errors",
        Reply(421, "4.7.0", "Too many errors", close=True),
        "Trop de commandes ont été refusées sur cette connexion.",
        "Too many commands were refused on this connection.",
        "RFC 5321 §4.3.2",
        "Corriger les commandes ; voir les refus précédents du journal.",
        "Correct the commands; see the refusals above in the journal.",
    ),
    _row(
        "tls-needed",
        Reply(530, "5.7.0", "Must issue a STARTTLS command first"),
        "La commande est arrivée avant STARTTLS.",
        "The command came before STARTTLS.",
        "ECO.1.0.1, ECO.1.1.1 ; RFC 3207 §4",
        "Choisir STARTTLS dans la configuration du client.",
        "Choose STARTTLS in the client's settings.",
    ),
    _row(
        "login-needed",
        Reply(530, "5.7.0", "Authentication required"),
        "Un message est arrivé avant toute authentification.",
        "A message came before any login.",
        "RFC 4954 §6, RFC 6409 §4.3",
        "Activer l'authentification du serveur sortant dans le client.",
        "Turn on authentication of the outgoing server in the client.",
    ),
    _row(
        "certificate-needed",
        Reply(554, "5.7.0", "A client certificate is required here"),
        "Ce point d'accès demande un certificat, et le client n'en a présenté aucun.",
        "This endpoint asks for a certificate, and the client gave none.",
        "API LPS : authentification par certificat ; RFC 3207 §4.1",
        "Choisir le certificat (CPS ou personne morale) dans le client.",
        "Choose the certificate (CPS or legal person) in the client.",
    ),
    _row(
        "session-ended",
        Reply(421, "4.7.0", "Authentication expired, log in again", close=True),
        "La session a duré autant que le jeton qui l'a ouverte.",
        "The session has lasted as long as the token that opened it.",
        "ECO.1.2.6",
        "Se reconnecter avec un nouveau jeton.",
        "Connect again with a new token.",
    ),
    _row(
        "sender-not-owner",
        Reply(553, "5.7.1", "Sender is not the mailbox that logged in"),
        "L'adresse d'enveloppe (MAIL FROM) n'est pas la BAL authentifiée.",
        "The envelope's sender (MAIL FROM) is not the mailbox that logged in.",
        _SENDER, *_OWN_ADDRESS,
    ),
    _row(
        "from-not-owner",
        Reply(550, "5.7.1", "From, Sender and Resent fields must be the mailbox that logged in"),
        "L'en-tête From (ou Sender, Resent) n'est pas la BAL authentifiée.",
        "The From field (or Sender, Resent) is not the mailbox that logged in.",
        _SENDER, *_OWN_ADDRESS,
    ),
    _row(
        "from-not-listed",
        Reply(550, "5.7.1", "Domain of From not authorized for your certificate"),
        "Le domaine de l'en-tête From n'est pas de ceux du certificat du relais.",
        "The domain of the From field is not one of the relay's certificate.",
        "API MSS-IO : liste des domaines autorisés",
        "Émettre depuis un domaine listé pour ce certificat.",
        "Send from a domain that is listed for this certificate.",
    ),
    _row(
        "header",
        Reply(550, "5.6.0", "Header is malformed: exactly one From, with addresses, is needed"),
        "Les en-têtes sont mal formés, ou From manque ou se répète.",
        "The header is malformed, or From is missing or comes twice.",
        "RFC 5322 §3.6",
        "Mettre un seul From, avec une adresse, et une ligne vide après les en-têtes.",
        "Put one From, with an address, and an empty line after the header.",
    ),
    _row(
        "name-misleads",
        Reply(550, "5.7.1", "Name in From shows an address that is not the sender's"),
        "Le nom affiché dans From montre une autre adresse, ou inverse le sens du texte.",
        "The name shown in From holds another address, or turns the direction of the text.",
        "RFC 5322 §3.4 ; UAX #9 §2",
        "Mettre dans le nom affiché le nom de la personne, sans adresse.",
        "Put the person's name into the display name, and no address.",
    ),
    _row(
        "header-utf8",
        Reply(550, "5.6.7", "Header has non-ASCII octets without SMTPUTF8"),
        "Les en-têtes contiennent des octets non ASCII sans SMTPUTF8.",
        "The header has non-ASCII octets, and SMTPUTF8 was not asked for.",
        "RFC 6532 §3, RFC 6531 §3.2",
        "Coder les en-têtes selon la RFC 2047, ou demander SMTPUTF8.",
        "Encode header fields as RFC 2047 says, or ask for SMTPUTF8.",
    ),
    _row(
        "null-sender",
        Reply(550, "5.7.1", "Null sender is for notifications: multipart/report to one recipient"),
        "L'adresse d'enveloppe est vide, et le message n'est pas un accusé.",
        "The envelope's sender is empty, and the message is not a notification.",
        "RFC 5321 §4.5.5, RFC 8098 §2.1",
        "N'utiliser MAIL FROM:<> que pour un MDN ou un DSN, à un destinataire.",
        "Use MAIL FROM:<> for an MDN or a DSN only, to one recipient.",
    ),
    _row(
        "recipient-unknown",
        Reply(550, "5.1.1", "No such mailbox here"),
        "Cette BAL n'existe pas chez cet opérateur.",
        "This operator has no such mailbox.",
        "RFC 5321 §3.3",
        "Chercher l'adresse dans l'annuaire.",
        "Look the address up in the directory.",
    ),
    _row(
        "recipient-not-ours",
        Reply(550, "5.7.1", "Not a domain of this operator; relaying denied"),
        "Le destinataire n'est pas d'un domaine de cet opérateur.",
        "The recipient is not of a domain of this operator.",
        "RFC 5321 §3.6.2",
        "Remettre le message à l'opérateur du domaine (enregistrement MX).",
        "Give the message to the operator of the domain (MX record).",
    ),
    _row(
        "recipients",
        Reply(452, "4.5.3", "Too many recipients"),
        "Le message a trop de destinataires.",
        "The message has too many recipients.",
        "RFC 5321 §4.5.3.1.10", *_FEWER,
    ),
    _row(
        "messages",
        Reply(421, "4.7.0", "Too many messages on this connection", close=True),
        "Trop de messages ont été envoyés sur cette connexion.",
        "Too many messages were sent on this connection.",
        "RFC 5321 §3.9",
        "Ouvrir une nouvelle connexion.",
        "Open a new connection.",
    ),
    _row(
        "loop",
        Reply(554, "5.4.6", "Too many hops: mail loop"),
        "Le message est passé par trop de relais.",
        "The message has passed through too many relays.",
        "RFC 5321 §6.3",
        "Corriger les enregistrements MX qui se renvoient le message.",
        "Correct the MX records that send it in a circle.",
    ),
    _row(
        "timeout",
        Reply(421, "4.4.2", "Timeout", close=True),
        "Le client n'a rien envoyé pendant trop longtemps.",
        "The client sent nothing for too long.",
        "RFC 5321 §4.5.3.2",
        "Vérifier le réseau, ou fermer la connexion par QUIT.",
        "Check the network, or close the connection with QUIT.",
    ),
    _row(
        "storage",
        Reply(451, "4.3.0", "Message could not be stored, try again later"),
        "Le message n'a pas pu être enregistré ; rien n'a été gardé.",
        "The message could not be stored; nothing of it was kept.",
        "RFC 5321 §4.2.5",
        "Réessayer ; voir le journal du serveur.",
        "Try again; see the server's log.",
    ),
)  # fmt: skip
REFUSALS = {row.rule.name.removeprefix("smtp-"): row for row in _ROWS}
# Replies that are put together where the command is read: the row that the journal gets.
BY_CODE = {
    500: REFUSALS["syntax"],
    501: REFUSALS["syntax"],
    502: REFUSALS["not-served"],
    503: REFUSALS["order"],
    504: REFUSALS["not-served"],
    538: REFUSALS["tls-needed"],
    553: REFUSALS["syntax"],
    555: REFUSALS["not-served"],
}
