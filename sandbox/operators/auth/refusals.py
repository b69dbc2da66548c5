"""Why a login is refused: one constant each."""

from __future__ import annotations

from dataclasses import replace

from sandbox.observations.schema import Cause, Reason, Words
from sandbox.operators.refusals import LoginAnswer, LoginRefusal, login_refusal

# fmt: off
# Passwords and codes.

WRONG_PASSWORD = login_refusal(
    "wrong-password", LoginAnswer.CREDENTIALS, Cause.CREDENTIALS, "RFC 4616 §2",
    ("Le mot de passe est faux.", "The password is wrong."),
    ("Recopier le mot de passe de la fiche de connexion.",
     "Copy the password from the connection sheet."),
)
NO_PASSWORD = login_refusal(
    "no-password", LoginAnswer.CREDENTIALS, Cause.CREDENTIALS, "RFC 4616 §2",
    ("Ce titulaire n'a pas de mot de passe pour cette BAL.",
     "This holder has no password for this mailbox."),
    ("Demander un mot de passe à l'opérateur, ou utiliser la carte.",
     "Ask the operator for a password, or use the card."),
)
CODE_MISSING = login_refusal(
    "code-missing", LoginAnswer.CREDENTIALS, Cause.CODE_MISTYPED, "RFC 6238 §4",
    ("Le mot de passe est juste, mais les six chiffres du code manquent.",
     "The password is right, but the six digits of the code are missing."),
    ("Saisir le mot de passe suivi des six chiffres, sans espace.",
     "Type the password followed by the six digits, without a space."),
)
CODE_WRONG = login_refusal(
    "code-wrong", LoginAnswer.CREDENTIALS, Cause.CODE_MISTYPED, "RFC 6238 §4",
    ("Le mot de passe est juste, le code est faux.", "The password is right, the code is wrong."),
    ("Relire le code que l'application affiche pour cette BAL.",
     "Read again the code that the app shows for this mailbox."),
)
CODE_OUT_OF_TIME = login_refusal(
    "code-out-of-time", LoginAnswer.CREDENTIALS, Cause.CODE_MISTYPED, "RFC 6238 §5.2, §6",
    ("Le code est celui d'un autre moment que maintenant.",
     "The code is that of another moment than now."),
    ("Régler l'heure du téléphone, ou saisir le code avant qu'il change.",
     "Set the clock of the telephone, or type the code before it changes."),
)
CODE_REUSED = login_refusal(
    "code-reused", LoginAnswer.CREDENTIALS, Cause.CODE_REUSED, "RFC 6238 §5.2",
    ("Ce code a déjà servi.", "This code was already used."),
    (("Attendre le code suivant (30 s), ou un opérateur qui laisse les connexions d'un même "
      "logiciel partager un code."),
     ("Wait for the next code (30 s), or an operator that lets the connections of one client "
      "share a code.")),
)
CODE_NOT_ENROLLED = login_refusal(
    "code-not-enrolled", LoginAnswer.CREDENTIALS, Cause.CODE_MISTYPED, "RFC 6238 §5.1",
    ("Aucune application de codes n'est enrôlée pour cette BAL.",
     "No code app is enrolled for this mailbox."),
    ("Enrôler un téléphone sur la page d'enrôlement, puis confirmer un code.",
     "Enrol a telephone at the enrolment page, then confirm a code."),
)
CODE_NOT_HERE = login_refusal(
    "code-not-here", LoginAnswer.CREDENTIALS, Cause.CREDENTIALS, "RFC 4616 §2",
    ("Le mot de passe est suivi d'un code, que ce point d'accès ne prend pas.",
     "The password is followed by a code, which this endpoint does not take."),
    ("Saisir le mot de passe seul, ou utiliser le point d'accès de l'OTP.",
     "Type the password alone, or use the endpoint of one-time codes."),
)

# Whose mailbox.

UNREADABLE_NAME = login_refusal(
    "unreadable-name", LoginAnswer.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "RFC 5321 §4.1.2",
    ("L'identifiant n'est ni une adresse, ni un identifiant national, ni BAL*titulaire.",
     "The user name is no address, no national identifier, no mailbox*holder."),
    ("Utiliser l'adresse de la BAL, ou BAL*identifiant-national.",
     "Use the address of the mailbox, or mailbox*national-identifier."),
)
NO_SUCH_MAILBOX = login_refusal(
    "no-such-mailbox", LoginAnswer.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "RFC 4422 §3.6",
    ("Cette BAL n'existe pas, ou n'existe plus.", "This mailbox does not exist, or no more."),
    ("Vérifier l'adresse dans l'annuaire.", "Look the address up in the directory."),
)
OTHER_OPERATOR = login_refusal(
    "other-operator", LoginAnswer.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "RFC 4422 §3.6",
    ("Cette BAL est chez un autre opérateur.", "This mailbox is at another operator."),
    ("Se connecter à l'opérateur du domaine de la BAL.",
     "Connect to the operator of the mailbox's domain."),
)
UNKNOWN_PERSON = login_refusal(
    "unknown-person", LoginAnswer.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "RFC 4422 §3.6",
    ("L'annuaire ne connaît pas cette personne.", "The directory does not know this person."),
    ("Utiliser l'identifiant national complet (8 et le RPPS).",
     "Use the whole national identifier (8 and the RPPS)."),
)
NO_MAILBOX_HERE = login_refusal(
    "no-mailbox-here", LoginAnswer.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "RFC 4422 §3.6",
    ("Cette personne n'a pas de BAL personnelle chez cet opérateur.",
     "This person has no personal mailbox at this operator."),
    ("Nommer en authzid la BAL organisationnelle à ouvrir, ou changer d'opérateur.",
     "Name the organisational mailbox to open as authzid, or use another operator."),
)
NOT_A_HOLDER = login_refusal(
    "not-a-holder", LoginAnswer.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "RFC 4422 §3.6",
    ("Cette personne n'est pas titulaire de cette BAL.",
     "This person is no holder of this mailbox."),
    ("Ouvrir sa propre BAL, ou se faire inscrire comme titulaire.",
     "Open one's own mailbox, or be registered as a holder."),
)
HOLDER_NOT_NAMED = login_refusal(
    "holder-not-named", LoginAnswer.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "RFC 4616 §2",
    ("Cette BAL a plusieurs titulaires : chacun s'authentifie en son nom.",
     "This mailbox has several holders: each logs in as himself."),
    ("Identifiant BAL*identifiant-national, ou authzid la BAL et authcid le titulaire.",
     ("User name mailbox*national-identifier, or the mailbox as authzid and the holder as "
      "authcid.")),
)
APPLICATION_MAILBOX = login_refusal(
    "application-mailbox", LoginAnswer.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "atelier 1, BAL APP",
    ("Une BAL applicative ne s'ouvre qu'avec le certificat de sa personne morale.",
     "An application mailbox opens with the certificate of its legal person only."),
    ("Présenter un certificat IGC-Santé ORG AUTH_CLI.",
     "Present an IGC-Santé ORG AUTH_CLI certificate."),
)
NOT_AN_APPLICATION = login_refusal(
    "not-an-application", LoginAnswer.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "atelier 1, BAL APP",
    ("Le certificat d'une personne morale n'ouvre que des BAL applicatives.",
     "The certificate of a legal person opens application mailboxes only."),
    ("Ouvrir cette BAL en personne : carte, code ou e-CPS.",
     "Open this mailbox in person: card, code or e-CPS."),
)
OTHER_STRUCTURE = login_refusal(
    "other-structure", LoginAnswer.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "atelier 1, BAL APP",
    ("La personne morale du certificat (OU) n'est ni celle de la BAL, ni son entité juridique.",
     ("The legal person of the certificate (OU) is neither the mailbox's nor its juridical "
      "entity.")),
    ("Utiliser le certificat de la structure à laquelle l'annuaire rattache la BAL.",
     "Use the certificate of the structure that the directory attaches the mailbox to."),
)
MAILBOX_NOT_NAMED = login_refusal(
    "mailbox-not-named", LoginAnswer.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "RFC 4422 appendix A",
    ("Ce certificat n'ouvre pas ici une BAL et une seule : laquelle ouvrir ?",
     "This certificate does not open one single mailbox here: which to open?"),
    ("Nommer la BAL en authzid d'EXTERNAL, ou à l'envoi dans MAIL FROM.",
     "Name the mailbox as the authzid of EXTERNAL, or to send in MAIL FROM."),
)

# Cards and certificates.

CERTIFICATE_MISSING = login_refusal(
    "certificate-missing", LoginAnswer.CREDENTIALS, Cause.CERTIFICATE_REFUSED,
    "RFC 4422 appendix A",
    ("Aucun certificat client n'a été présenté.", "No client certificate was presented."),
    ("Configurer la carte ou le certificat dans le logiciel.",
     "Set the card or the certificate up in the software."),
)
CERTIFICATE_UNREADABLE = login_refusal(
    "certificate-unreadable", LoginAnswer.CREDENTIALS, Cause.CERTIFICATE_REFUSED, "RFC 5280 §4.1",
    ("Le certificat est illisible.", "The certificate cannot be read."),
    ("Utiliser un certificat émis par l'IGC-Santé.", "Use a certificate that IGC-Santé issued."),
)
CERTIFICATE_EXPIRED = login_refusal(
    "certificate-expired", LoginAnswer.EXPIRED, Cause.CERTIFICATE_REFUSED, "RFC 5280 §4.1.2.5",
    ("Le certificat est expiré.", "The certificate has expired."),
    ("Renouveler la carte ou le certificat.", "Renew the card or the certificate."),
)
CERTIFICATE_NOT_YET_VALID = login_refusal(
    "certificate-not-yet-valid", LoginAnswer.CREDENTIALS, Cause.CERTIFICATE_REFUSED,
    "RFC 5280 §4.1.2.5",
    ("Le certificat n'est pas encore valable.", "The certificate is not valid yet."),
    ("Attendre le début de sa validité, ou régler l'heure.",
     "Wait for its first day, or set the clock."),
)
CERTIFICATE_UNTRUSTED = login_refusal(
    "certificate-untrusted", LoginAnswer.CREDENTIALS, Cause.CERTIFICATE_REFUSED,
    "RFC 5280 §6; ECO.1.1.10",
    ("Le certificat ne remonte pas à une racine IGC-Santé.",
     "The certificate does not chain to an IGC-Santé root."),
    ("Utiliser un certificat émis par l'IGC-Santé, avec ses intermédiaires.",
     "Use a certificate that IGC-Santé issued, with its intermediates."),
)
CERTIFICATE_WRONG_HIERARCHY = login_refusal(
    "certificate-wrong-hierarchy", LoginAnswer.CREDENTIALS, Cause.CERTIFICATE_REFUSED,
    "IGC-Santé, politiques de certification",
    ("L'autorité qui a signé n'est pas celle de ce genre de certificat.",
     "The authority that signed is not that of this kind of certificate."),
    ("Carte : AC des personnes. Application : AC des organisations.",
     "A card: the authority of persons. An application: that of organisations."),
)
CERTIFICATE_WRONG_USAGE = login_refusal(
    "certificate-wrong-usage", LoginAnswer.CREDENTIALS, Cause.CERTIFICATE_REFUSED,
    "RFC 5280 §4.2.1.3, §4.2.1.12",
    ("Le certificat n'est pas fait pour authentifier un client.",
     "The certificate is not made to authenticate a client."),
    (("Utiliser le certificat d'authentification (CPS) ou ORG AUTH_CLI, pas celui de signature "
      "ni de serveur."),
     ("Use the authentication certificate (CPS) or ORG AUTH_CLI, not that of signature nor of a "
      "server.")),
)
CERTIFICATE_WRONG_ENVIRONMENT = login_refusal(
    "certificate-wrong-environment", LoginAnswer.CREDENTIALS, Cause.CERTIFICATE_REFUSED,
    "IGC-Santé, extension GIP-CPS .5",
    ("Le certificat est d'un autre environnement (test ou production).",
     "The certificate is of another environment (test or production)."),
    ("Ici, utiliser une carte ou un certificat de test.", "Here, use a test card or certificate."),
)
CERTIFICATE_WEAK_KEY = login_refusal(
    "certificate-weak-key", LoginAnswer.CREDENTIALS, Cause.CERTIFICATE_REFUSED, "RGS annexe B1",
    ("La clé du certificat est trop courte.", "The key of the certificate is too short."),
    ("RSA 2048 bits ou P-256 au moins.", "RSA of 2048 bits or P-256 at least."),
)
CERTIFICATE_UNKNOWN_STRUCTURE = login_refusal(
    "certificate-unknown-structure", LoginAnswer.CREDENTIALS, Cause.CERTIFICATE_REFUSED,
    "atelier 1, BAL APP",
    ("L'annuaire ne connaît pas la personne morale du certificat (OU).",
     "The directory does not know the legal person of the certificate (OU)."),
    ("Vérifier le FINESS ou le SIRET du certificat.",
     "Check the FINESS or SIRET of the certificate."),
)
CERTIFICATE_REVOKED = login_refusal(
    "certificate-revoked", LoginAnswer.CREDENTIALS, Cause.CERTIFICATE_REFUSED, "RFC 5280 §6.3",
    ("Le certificat est révoqué.", "The certificate is revoked."),
    ("Commander une nouvelle carte ou un nouveau certificat.", "Order a new card or certificate."),
)
REVOCATION_UNKNOWN = login_refusal(
    "revocation-unknown", LoginAnswer.UNAVAILABLE, Cause.CERTIFICATE_REFUSED, "RFC 6960 §2.2",
    ("Ni OCSP ni CRL ne disent si le certificat est révoqué.",
     "Neither OCSP nor CRL tells whether the certificate is revoked."),
    ("Essayer plus tard ; l'opérateur vérifie son accès au répondeur OCSP.",
     "Try again later; the operator checks its access to the OCSP responder."),
)
CARD_NOT_HERE = login_refusal(
    "card-not-here", LoginAnswer.CREDENTIALS, Cause.CERTIFICATE_REFUSED, "atelier 1, endpoints",
    ("Ce point d'accès ne prend pas les cartes.", "This endpoint takes no cards."),
    ("Utiliser le point d'accès CPS.", "Use the CPS endpoint."),
)
APPLICATION_NOT_HERE = login_refusal(
    "application-not-here", LoginAnswer.CREDENTIALS, Cause.CERTIFICATE_REFUSED,
    "atelier 1, endpoints",
    ("Ce point d'accès ne prend pas les certificats de personnes morales.",
     "This endpoint takes no certificates of legal persons."),
    ("Utiliser le point d'accès des BAL applicatives.",
     "Use the endpoint of application mailboxes."),
)

# Conditions of any login.

TOO_MANY_ATTEMPTS = login_refusal(
    "too-many-attempts", LoginAnswer.LIMITED, Cause.LIMITED, "RFC 4954 §6; NIST SP 800-63B §5.2.2",
    ("Trop d'échecs de cette adresse, ou de cette adresse pour cette BAL.",
     "Too many failures of this address, or of this address for this mailbox."),
    ("Attendre quelques minutes, puis saisir les bons secrets.",
     "Wait a few minutes, then give the right secrets."),
)
TOO_MANY_SECOND_FACTORS = login_refusal(
    "too-many-second-factors", LoginAnswer.LIMITED, Cause.LIMITED, "NIST SP 800-63B §5.2.2",
    ("Trop d'échecs du second facteur pour ce titulaire, avec le bon mot de passe.",
     "Too many failures of this holder's second factor, with the right password."),
    ("Attendre quelques minutes ; si ce n'était pas vous, changer le mot de passe.",
     "Wait a few minutes; if it was not you, change the password."),
)
MECHANISM_NOT_HERE = login_refusal(
    "mechanism-not-here", LoginAnswer.MECHANISM, Cause.MECHANISM, "RFC 4954 §4; RFC 9051 §6.2.2",
    ("Ce point d'accès n'offre pas ce mécanisme ni ses méthodes.",
     "This endpoint offers neither this mechanism nor its methods."),
    ("Lire AUTH dans les capacités, ou utiliser le point d'accès de la méthode.",
     "Read AUTH in the capabilities, or use the endpoint of the method."),
)
METHOD_NOT_INSTALLED = login_refusal(
    "method-not-installed", LoginAnswer.UNAVAILABLE, Cause.BACKEND_DOWN, "RFC 4954 §6",
    ("L'opérateur annonce cette méthode mais ne l'a pas mise en service.",
     "The operator announces this method but has not put it into service."),
    ("L'opérateur met la méthode en service, ou la retire de la conception.",
     "The operator puts the method into service, or takes it out of the design."),
)
TLS_NEEDED = login_refusal(
    "tls-needed", LoginAnswer.TLS_NEEDED, Cause.MECHANISM, "RFC 8314 §3; ECO.1.1.1",
    ("Des secrets ont été présentés sans TLS.", "Secrets were presented without TLS."),
    ("Ouvrir TLS d'abord (STARTTLS, ou le port à TLS implicite).",
     "Start TLS first (STARTTLS, or the port with implicit TLS)."),
)
LOGIN_UNAVAILABLE = login_refusal(
    "login-unavailable", LoginAnswer.UNAVAILABLE, Cause.BACKEND_DOWN, "RFC 4954 §6; RFC 5530 §3",
    ("L'opérateur n'a pas pu examiner cette authentification (disque plein, panne interne).",
     "The operator could not examine this login (full disk, failure within)."),
    ("Réessayer plus tard ; l'opérateur lit la cause dans ses propres traces.",
     "Try again later; the operator reads the cause in its own log."),
)
SASL_MALFORMED = login_refusal(
    "sasl-malformed", LoginAnswer.MALFORMED, Cause.CREDENTIALS, "RFC 4422 §3.7, §4",
    ("La réponse SASL du client n'a pas la forme que le mécanisme demande.",
     "The client's SASL response has not the form that the mechanism asks for."),
    ("Envoyer la réponse en base64, dans la forme du mécanisme.",
     "Send the response in base64, in the mechanism's form."),
)
CLIENT_CANCELLED = login_refusal(
    "client-cancelled", LoginAnswer.CANCELLED, Cause.CLIENT_TIMEOUT, "RFC 4422 §3.5",
    ("Le client a annulé l'authentification au lieu de répondre.",
     "The client cancelled the login instead of answering."),
    ("Vérifier que le logiciel a de quoi répondre : mot de passe, jeton ou certificat.",
     "Check that the software has what it takes to answer: password, token or certificate."),
)
CLIENT_GAVE_UP = login_refusal(
    "client-gave-up", LoginAnswer.UNAVAILABLE, Cause.CLIENT_TIMEOUT,
    "RFC 9051 §5.4; CIBA Core §10.1",
    ("Le client a fermé la connexion pendant que sa demande attendait une réponse.",
     "The client closed the connection while its login waited for an answer."),
    ("Laisser au logiciel plus de temps que la personne n'en met à répondre (120 s).",
     "Give the software a longer time-out than the person takes to answer (120 s)."),
)

# Why a session ends that was let in, beside the reasons above.

TOKEN_ENDED = Reason(
    "token-ended", "ECO.1.2.6",
    Words("La session a duré autant que le jeton qui l'a ouverte.",
          "The session has lasted as long as the token that opened it."),
    Words("Se reconnecter avec un nouveau jeton.", "Connect again with a new token."),
)
# fmt: on


def unproved(refusal: LoginRefusal) -> LoginRefusal:
    """Return the refusal as a client that has proved nothing meets it: like a wrong password."""
    return replace(refusal, answer=LoginAnswer.CREDENTIALS, cause=Cause.CREDENTIALS)
