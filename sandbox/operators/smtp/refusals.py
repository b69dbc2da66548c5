"""Why a server of mail refuses, besides logins (`auth`) and the list (`relay`): one constant each.

The reply helps whoever connects a client. What a message may learn of others (is this mailbox
there?) is said after a login only.
"""

from __future__ import annotations

from sandbox.operators.refusals import mail_refusal

# fmt: off
SYNTAX = mail_refusal(
    "smtp-syntax", (501, "5.5.4", "Syntax error"),
    "RFC 5321 §4.1.1, RFC 3461 §4, RFC 6531 §3.4",
    ("La commande est mal écrite.", "The command is malformed."),
    ("Corriger la commande ; la réponse dit ce qui ne va pas.",
     "Correct the command; the reply says what is wrong."),
)
ORDER = mail_refusal(
    "smtp-order", (503, "5.5.1", "Bad sequence of commands"),
    "RFC 5321 §4.1.4, RFC 4954 §4",
    ("La commande est arrivée hors de son ordre.", "The command came out of order."),
    ("Envoyer EHLO, AUTH, MAIL, RCPT puis DATA, dans cet ordre.",
     "Send EHLO, AUTH, MAIL, RCPT, then DATA, in this order."),
)
NOT_SERVED = mail_refusal(
    "smtp-not-served", (502, "5.5.1", "Not served here"),
    "RFC 5321 §4.2.4, §4.1.1.11 ; RFC 4954 §4",
    ("La commande, le paramètre ou le mécanisme n'est pas offert ici.",
     "The command, parameter or mechanism is not offered here."),
    ("S'en tenir à ce qu'annonce la réponse à EHLO.", "Keep to what the reply to EHLO offers."),
)
BARE_LINE_ENDING = mail_refusal(
    "smtp-bare-line-ending", (521, "5.5.2", "Bare CR or LF received; lines end with CRLF"),
    "RFC 5321 §2.3.8, §4.1.1.4",
    ("Un CR ou un LF seul a été reçu ; deux serveurs pourraient lire deux messages différents.",
     "A CR or LF alone was received; two servers might read two different messages."),
    ("Terminer chaque ligne par CR LF, et n'envoyer ni CR ni LF seul.",
     "End each line with CR LF, and send no CR or LF alone."),
    close=True,
)
NUL = mail_refusal(
    "smtp-nul", (554, "5.6.0", "Message has a NUL octet"),
    "RFC 5322 §3.5, §4.5.2 (obs-NO-WS-CTL)",
    ("Le message contient un octet nul.", "The message holds a NUL octet."),
    ("Coder le contenu binaire en base64.", "Encode binary content in base64."),
)
LINE_LENGTH = mail_refusal(
    "smtp-line-length", (554, "5.6.0", "Message has a line over 998 octets; fold it or use base64"),
    "RFC 5321 §4.5.3.1.6, RFC 5322 §2.1.1",
    ("Une ligne du message dépasse 998 octets.", "A line of the message is over 998 octets."),
    ("Replier les en-têtes ; coder le corps en base64 ou quoted-printable.",
     "Fold header fields; encode the body in base64 or quoted-printable."),
)
SIZE = mail_refusal(
    "smtp-size", (552, "5.3.4", "Message over the size limit that EHLO tells"),
    "RFC 1870 §6 ; Mon espace santé : 25 Mo par message",
    ("Le message dépasse la taille admise.", "The message is over the size limit."),
    ("Envoyer des pièces jointes moins lourdes.", "Send smaller attachments."),
)
ROOM = mail_refusal(
    "smtp-room", (452, "4.3.1", "Too many messages being received, try again later"),
    "RFC 5321 §4.5.3.1.10",
    ("Le serveur reçoit déjà autant d'octets de messages qu'il en garde en mémoire.",
     "The server is already receiving as many octets of messages as it keeps in memory."),
    ("Réessayer plus tard.", "Try again later."),
)
PIPELINING = mail_refusal(
    "smtp-pipelining", (554, "5.5.0", "Improper use of SMTP command pipelining"),
    "RFC 2920 §3.1",
    ("Des commandes sont arrivées avant la réponse qu'il fallait attendre.",
     "Commands came before the reply that had to be waited for."),
    ("Attendre la réponse à EHLO, AUTH, STARTTLS et DATA avant d'envoyer la suite.",
     "Wait for the reply to EHLO, AUTH, STARTTLS and DATA before sending more."),
    close=True,
)
NOT_SMTP = mail_refusal(
    "smtp-not-smtp", (521, "5.5.1", "This is a mail server"),
    "RFC 5321 §4.1.1",
    ("Le client parle un autre protocole.", "The client speaks another protocol."),
    ("Se connecter au port de ce service.", "Connect to the port of that service."),
    close=True,
)
ERRORS = mail_refusal(
    "smtp-errors", (421, "4.7.0", "Too many errors"),
    "RFC 5321 §4.3.2",
    ("Trop de commandes ont été refusées sur cette connexion.",
     "Too many commands were refused on this connection."),
    ("Corriger les commandes ; voir les refus précédents du journal.",
     "Correct the commands; see the refusals above in the journal."),
    close=True,
)
TLS_NEEDED = mail_refusal(
    "smtp-tls-needed", (530, "5.7.0", "Must issue a STARTTLS command first"),
    "ECO.1.0.1, ECO.1.1.1 ; RFC 3207 §4",
    ("La commande est arrivée avant STARTTLS.", "The command came before STARTTLS."),
    ("Choisir STARTTLS dans la configuration du client.",
     "Choose STARTTLS in the client's settings."),
)
LOGIN_NEEDED = mail_refusal(
    "smtp-login-needed", (530, "5.7.0", "Authentication required"),
    "RFC 4954 §6, RFC 6409 §4.3",
    ("Un message est arrivé avant toute authentification.", "A message came before any login."),
    ("Activer l'authentification du serveur sortant dans le client.",
     "Turn on authentication of the outgoing server in the client."),
)
CERTIFICATE_NEEDED = mail_refusal(
    "smtp-certificate-needed", (554, "5.7.0", "A client certificate is required here"),
    "API LPS : authentification par certificat ; RFC 3207 §4.1",
    ("Ce point d'accès demande un certificat, et le client n'en a présenté aucun.",
     "This endpoint asks for a certificate, and the client gave none."),
    ("Choisir le certificat (CPS ou personne morale) dans le client.",
     "Choose the certificate (CPS or legal person) in the client."),
)
SENDER_NOT_OWNER = mail_refusal(
    "smtp-sender-not-owner", (553, "5.7.1", "Sender is not the mailbox that logged in"),
    "API LPS : l'émetteur est le titulaire authentifié ; RFC 6409 §6.1",
    ("L'adresse d'enveloppe (MAIL FROM) n'est pas la BAL authentifiée.",
     "The envelope's sender (MAIL FROM) is not the mailbox that logged in."),
    ("Envoyer depuis l'adresse de la BAL authentifiée, ou s'authentifier sur l'autre.",
     "Send from the address of the mailbox that logged in, or log in to the other one."),
)
FROM_NOT_OWNER = mail_refusal(
    "smtp-from-not-owner",
    (550, "5.7.1", "From, Sender and Resent fields must be the mailbox that logged in"),
    "API LPS : l'émetteur est le titulaire authentifié ; RFC 6409 §6.1",
    ("L'en-tête From (ou Sender, Resent) n'est pas la BAL authentifiée.",
     "The From field (or Sender, Resent) is not the mailbox that logged in."),
    ("Envoyer depuis l'adresse de la BAL authentifiée, ou s'authentifier sur l'autre.",
     "Send from the address of the mailbox that logged in, or log in to the other one."),
)
FROM_NOT_LISTED = mail_refusal(
    "smtp-from-not-listed", (550, "5.7.1", "Domain of From not authorized for your certificate"),
    "API MSS-IO : liste des domaines autorisés",
    ("Le domaine de l'en-tête From n'est pas de ceux du certificat du relais.",
     "The domain of the From field is not one of the relay's certificate."),
    ("Émettre depuis un domaine listé pour ce certificat.",
     "Send from a domain that is listed for this certificate."),
)
HEADER = mail_refusal(
    "smtp-header",
    (550, "5.6.0", "Header is malformed: exactly one From, with addresses, is needed"),
    "RFC 5322 §3.6",
    ("Les en-têtes sont mal formés, ou From manque ou se répète.",
     "The header is malformed, or From is missing or comes twice."),
    ("Mettre un seul From, avec une adresse, et une ligne vide après les en-têtes.",
     "Put one From, with an address, and an empty line after the header."),
)
NAME_MISLEADS = mail_refusal(
    "smtp-name-misleads",
    (550, "5.7.1", "Name in From shows an address that is not the sender's"),
    "RFC 5322 §3.4 ; UAX #9 §2",
    ("Le nom affiché dans From montre une autre adresse, ou inverse le sens du texte.",
     "The name shown in From holds another address, or turns the direction of the text."),
    ("Mettre dans le nom affiché le nom de la personne, sans adresse.",
     "Put the person's name into the display name, and no address."),
)
HEADER_UTF8 = mail_refusal(
    "smtp-header-utf8", (550, "5.6.7", "Header has non-ASCII octets without SMTPUTF8"),
    "RFC 6532 §3, RFC 6531 §3.2",
    ("Les en-têtes contiennent des octets non ASCII sans SMTPUTF8.",
     "The header has non-ASCII octets, and SMTPUTF8 was not asked for."),
    ("Coder les en-têtes selon la RFC 2047, ou demander SMTPUTF8.",
     "Encode header fields as RFC 2047 says, or ask for SMTPUTF8."),
)
NULL_SENDER = mail_refusal(
    "smtp-null-sender",
    (550, "5.7.1", "Null sender is for notifications: multipart/report to one recipient"),
    "RFC 5321 §4.5.5, RFC 8098 §2.1",
    ("L'adresse d'enveloppe est vide, et le message n'est pas un accusé.",
     "The envelope's sender is empty, and the message is not a notification."),
    ("N'utiliser MAIL FROM:<> que pour un MDN ou un DSN, à un destinataire.",
     "Use MAIL FROM:<> for an MDN or a DSN only, to one recipient."),
)
RECIPIENT_UNKNOWN = mail_refusal(
    "smtp-recipient-unknown", (550, "5.1.1", "No such mailbox here"),
    "RFC 5321 §3.3",
    ("Cette BAL n'existe pas chez cet opérateur.", "This operator has no such mailbox."),
    ("Chercher l'adresse dans l'annuaire.", "Look the address up in the directory."),
)
RECIPIENT_NOT_OURS = mail_refusal(
    "smtp-recipient-not-ours", (550, "5.7.1", "Not a domain of this operator; relaying denied"),
    "RFC 5321 §3.6.2",
    ("Le destinataire n'est pas d'un domaine de cet opérateur.",
     "The recipient is not of a domain of this operator."),
    ("Remettre le message à l'opérateur du domaine (enregistrement MX).",
     "Give the message to the operator of the domain (MX record)."),
)
RECIPIENTS = mail_refusal(
    "smtp-recipients", (452, "4.5.3", "Too many recipients"),
    "RFC 5321 §4.5.3.1.10",
    ("Le message a trop de destinataires.", "The message has too many recipients."),
    ("Envoyer en plusieurs fois.", "Send in several parts."),
)
MESSAGES = mail_refusal(
    "smtp-messages", (421, "4.7.0", "Too many messages on this connection"),
    "RFC 5321 §3.9",
    ("Trop de messages ont été envoyés sur cette connexion.",
     "Too many messages were sent on this connection."),
    ("Ouvrir une nouvelle connexion.", "Open a new connection."),
    close=True,
)
LOOP = mail_refusal(
    "smtp-loop", (554, "5.4.6", "Too many hops: mail loop"),
    "RFC 5321 §6.3",
    ("Le message est passé par trop de relais.", "The message has passed through too many relays."),
    ("Corriger les enregistrements MX qui se renvoient le message.",
     "Correct the MX records that send it in a circle."),
)
TIMEOUT = mail_refusal(
    "smtp-timeout", (421, "4.4.2", "Timeout"),
    "RFC 5321 §4.5.3.2",
    ("Le client n'a rien envoyé pendant trop longtemps.", "The client sent nothing for too long."),
    ("Vérifier le réseau, ou fermer la connexion par QUIT.",
     "Check the network, or close the connection with QUIT."),
    close=True,
)
STORAGE = mail_refusal(
    "smtp-storage", (451, "4.3.0", "Message could not be stored, try again later"),
    "RFC 5321 §4.2.5",
    ("Le message n'a pas pu être enregistré ; rien n'a été gardé.",
     "The message could not be stored; nothing of it was kept."),
    ("Réessayer ; voir le journal du serveur.", "Try again; see the server's log."),
)
# fmt: on

# Replies that are put together where the command is read: what the journal gets of them.
BY_CODE = {
    500: SYNTAX, 501: SYNTAX, 502: NOT_SERVED, 503: ORDER, 504: NOT_SERVED, 538: TLS_NEEDED,
    553: SYNTAX, 555: NOT_SERVED,
}  # fmt: skip
