"""Why a login is refused: one table, for the journal in plain words, for the wire as a code."""

from __future__ import annotations

from dataclasses import replace

from sandbox.observations.schema import Cause
from sandbox.operators.rules import Refusal, Rule

__all__ = ["RULES", "unproved"]


def _rule(
    name: str,
    refusal: Refusal,
    cause: Cause,
    clause: str,
    what: tuple[str, str],
    remedy: tuple[str, str],
) -> Rule:
    return Rule(
        name=name,
        refusal=refusal,
        cause=cause,
        french=what[0],
        english=what[1],
        clause=clause,
        remedy_french=remedy[0],
        remedy_english=remedy[1],
    )


_WORDS = (
    _rule(
        "wrong-password", Refusal.CREDENTIALS, Cause.CREDENTIALS, "RFC 4616 §2",
        ("Le mot de passe est faux.", "The password is wrong."),
        ("Recopier le mot de passe de la fiche de connexion.",
         "Copy the password from the connection sheet."),
    ),
    _rule(
        "no-password", Refusal.CREDENTIALS, Cause.CREDENTIALS, "RFC 4616 §2",
        ("Ce titulaire n'a pas de mot de passe pour cette BAL.",
         "This holder has no password for this mailbox."),
        ("Demander un mot de passe à l'opérateur, ou utiliser la carte.",
         "Ask the operator for a password, or use the card."),
    ),
    _rule(
        "code-missing", Refusal.CREDENTIALS, Cause.CODE_MISTYPED, "RFC 6238 §4",
        ("Le mot de passe est juste, mais les six chiffres du code manquent.",
         "The password is right, but the six digits of the code are missing."),
        ("Saisir le mot de passe suivi des six chiffres, sans espace.",
         "Type the password followed by the six digits, without a space."),
    ),
    _rule(
        "code-wrong", Refusal.CREDENTIALS, Cause.CODE_MISTYPED, "RFC 6238 §4",
        ("Le mot de passe est juste, le code est faux.",
         "The password is right, the code is wrong."),
        ("Relire le code que l'application affiche pour cette BAL.",
         "Read again the code that the app shows for this mailbox."),
    ),
    _rule(
        "code-out-of-time", Refusal.CREDENTIALS, Cause.CODE_MISTYPED, "RFC 6238 §5.2, §6",
        ("Le code est celui d'un autre moment que maintenant.",
         "The code is that of another moment than now."),
        ("Régler l'heure du téléphone, ou saisir le code avant qu'il change.",
         "Set the clock of the telephone, or type the code before it changes."),
    ),
    _rule(
        "code-reused", Refusal.CREDENTIALS, Cause.CODE_REUSED, "RFC 6238 §5.2",
        ("Ce code a déjà servi.", "This code was already used."),
        (("Attendre le code suivant (30 s), ou un opérateur qui laisse les connexions d'un même"
         " logiciel partager un code."),
         ("Wait for the next code (30 s), or an operator that lets the connections of one client"
         " share a code.")),
    ),
    _rule(
        "code-not-enrolled", Refusal.CREDENTIALS, Cause.CODE_MISTYPED, "RFC 6238 §5.1",
        ("Aucune application de codes n'est enrôlée pour cette BAL.",
         "No code app is enrolled for this mailbox."),
        ("Enrôler un téléphone sur la page d'enrôlement, puis confirmer un code.",
         "Enrol a telephone at the enrolment page, then confirm a code."),
    ),
    _rule(
        "code-not-here", Refusal.CREDENTIALS, Cause.CREDENTIALS, "RFC 4616 §2",
        ("Le mot de passe est suivi d'un code, que ce point d'accès ne prend pas.",
         "The password is followed by a code, which this endpoint does not take."),
        ("Saisir le mot de passe seul, ou utiliser le point d'accès de l'OTP.",
         "Type the password alone, or use the endpoint of one-time codes."),
    ),
)  # fmt: skip

_RIGHTS = (
    _rule(
        "unreadable-name", Refusal.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "RFC 5321 §4.1.2",
        ("L'identifiant n'est ni une adresse, ni un identifiant national, ni BAL*titulaire.",
         "The user name is no address, no national identifier, no mailbox*holder."),
        ("Utiliser l'adresse de la BAL, ou BAL*identifiant-national.",
         "Use the address of the mailbox, or mailbox*national-identifier."),
    ),
    _rule(
        "no-such-mailbox", Refusal.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "RFC 4422 §3.6",
        ("Cette BAL n'existe pas, ou n'existe plus.", "This mailbox does not exist, or no more."),
        ("Vérifier l'adresse dans l'annuaire.", "Look the address up in the directory."),
    ),
    _rule(
        "other-operator", Refusal.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "RFC 4422 §3.6",
        ("Cette BAL est chez un autre opérateur.", "This mailbox is at another operator."),
        ("Se connecter à l'opérateur du domaine de la BAL.",
         "Connect to the operator of the mailbox's domain."),
    ),
    _rule(
        "unknown-person", Refusal.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "RFC 4422 §3.6",
        ("L'annuaire ne connaît pas cette personne.", "The directory does not know this person."),
        ("Utiliser l'identifiant national complet (8 et le RPPS).",
         "Use the whole national identifier (8 and the RPPS)."),
    ),
    _rule(
        "no-mailbox-here", Refusal.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "RFC 4422 §3.6",
        ("Cette personne n'a pas de BAL personnelle chez cet opérateur.",
         "This person has no personal mailbox at this operator."),
        ("Nommer en authzid la BAL organisationnelle à ouvrir, ou changer d'opérateur.",
         "Name the organisational mailbox to open as authzid, or use another operator."),
    ),
    _rule(
        "not-a-holder", Refusal.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "RFC 4422 §3.6",
        ("Cette personne n'est pas titulaire de cette BAL.",
         "This person is no holder of this mailbox."),
        ("Ouvrir sa propre BAL, ou se faire inscrire comme titulaire.",
         "Open one's own mailbox, or be registered as a holder."),
    ),
    _rule(
        "holder-not-named", Refusal.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "RFC 4616 §2",
        ("Cette BAL a plusieurs titulaires : chacun s'authentifie en son nom.",
         "This mailbox has several holders: each logs in as himself."),
        ("Identifiant BAL*identifiant-national, ou authzid la BAL et authcid le titulaire.",
         ("User name mailbox*national-identifier, or the mailbox as authzid and the holder as"
         " authcid.")),
    ),
    _rule(
        "application-mailbox", Refusal.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "atelier 1, BAL APP",
        ("Une BAL applicative ne s'ouvre qu'avec le certificat de sa personne morale.",
         "An application mailbox opens with the certificate of its legal person only."),
        ("Présenter un certificat IGC-Santé ORG AUTH_CLI.",
         "Present an IGC-Santé ORG AUTH_CLI certificate."),
    ),
    _rule(
        "not-an-application", Refusal.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "atelier 1, BAL APP",
        ("Le certificat d'une personne morale n'ouvre que des BAL applicatives.",
         "The certificate of a legal person opens application mailboxes only."),
        ("Ouvrir cette BAL en personne : carte, code ou e-CPS.",
         "Open this mailbox in person: card, code or e-CPS."),
    ),
    _rule(
        "other-structure", Refusal.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "atelier 1, BAL APP",
        ("La personne morale du certificat (OU) n'est ni celle de la BAL, ni son entité juridique.",
         ("The legal person of the certificate (OU) is neither the mailbox's nor its juridical"
         " entity.")),
        ("Utiliser le certificat de la structure à laquelle l'annuaire rattache la BAL.",
         "Use the certificate of the structure that the directory attaches the mailbox to."),
    ),
    _rule(
        "mailbox-not-named", Refusal.NOT_AUTHORIZED, Cause.NOT_AUTHORIZED, "RFC 4422 appendix A",
        ("Cette personne morale n'a pas une seule BAL applicative ici : laquelle ouvrir ?",
         "This legal person does not have one single application mailbox here: which to open?"),
        ("Nommer la BAL en authzid d'EXTERNAL.", "Name the mailbox as the authzid of EXTERNAL."),
    ),
)  # fmt: skip


def _certificate(
    name: str,
    clause: str,
    what: tuple[str, str],
    remedy: tuple[str, str],
    refusal: Refusal = Refusal.CREDENTIALS,
) -> Rule:
    return _rule(name, refusal, Cause.CERTIFICATE_REFUSED, clause, what, remedy)


_CERTIFICATES = (
    _certificate(
        "certificate-missing", "RFC 4422 appendix A",
        ("Aucun certificat client n'a été présenté.", "No client certificate was presented."),
        ("Configurer la carte ou le certificat dans le logiciel.",
         "Set the card or the certificate up in the software."),
    ),
    _certificate(
        "certificate-unreadable", "RFC 5280 §4.1",
        ("Le certificat est illisible.", "The certificate cannot be read."),
        ("Utiliser un certificat émis par l'IGC-Santé.",
         "Use a certificate that IGC-Santé issued."),
    ),
    _certificate(
        "certificate-expired", "RFC 5280 §4.1.2.5",
        ("Le certificat est expiré.", "The certificate has expired."),
        ("Renouveler la carte ou le certificat.", "Renew the card or the certificate."),
        Refusal.EXPIRED,
    ),
    _certificate(
        "certificate-not-yet-valid", "RFC 5280 §4.1.2.5",
        ("Le certificat n'est pas encore valable.", "The certificate is not valid yet."),
        ("Attendre le début de sa validité, ou régler l'heure.",
         "Wait for its first day, or set the clock."),
    ),
    _certificate(
        "certificate-untrusted", "RFC 5280 §6; ECO.1.1.10",
        ("Le certificat ne remonte pas à une racine IGC-Santé.",
         "The certificate does not chain to an IGC-Santé root."),
        ("Utiliser un certificat émis par l'IGC-Santé, avec ses intermédiaires.",
         "Use a certificate that IGC-Santé issued, with its intermediates."),
    ),
    _certificate(
        "certificate-wrong-hierarchy", "IGC-Santé, politiques de certification",
        ("L'autorité qui a signé n'est pas celle de ce genre de certificat.",
         "The authority that signed is not that of this kind of certificate."),
        ("Carte : AC des personnes. Application : AC des organisations.",
         "A card: the authority of persons. An application: that of organisations."),
    ),
    _certificate(
        "certificate-wrong-usage", "RFC 5280 §4.2.1.3, §4.2.1.12",
        ("Le certificat n'est pas fait pour authentifier un client.",
         "The certificate is not made to authenticate a client."),
        (("Utiliser le certificat d'authentification (CPS) ou ORG AUTH_CLI, pas celui de signature"
         " ni de serveur."),
         ("Use the authentication certificate (CPS) or ORG AUTH_CLI, not that of signature nor of"
         " a server.")),
    ),
    _certificate(
        "certificate-wrong-environment", "IGC-Santé, extension GIP-CPS .5",
        ("Le certificat est d'un autre environnement (test ou production).",
         "The certificate is of another environment (test or production)."),
        ("Ici, utiliser une carte ou un certificat de test.",
         "Here, use a test card or certificate."),
    ),
    _certificate(
        "certificate-weak-key", "RGS annexe B1",
        ("La clé du certificat est trop courte.", "The key of the certificate is too short."),
        ("RSA 2048 bits ou P-256 au moins.", "RSA of 2048 bits or P-256 at least."),
    ),
    _certificate(
        "certificate-unknown-structure", "atelier 1, BAL APP",
        ("L'annuaire ne connaît pas la personne morale du certificat (OU).",
         "The directory does not know the legal person of the certificate (OU)."),
        ("Vérifier le FINESS ou le SIRET du certificat.",
         "Check the FINESS or SIRET of the certificate."),
    ),
    _certificate(
        "certificate-revoked", "RFC 5280 §6.3",
        ("Le certificat est révoqué.", "The certificate is revoked."),
        ("Commander une nouvelle carte ou un nouveau certificat.",
         "Order a new card or certificate."),
    ),
    _certificate(
        "revocation-unknown", "RFC 6960 §2.2",
        ("Ni OCSP ni CRL ne disent si le certificat est révoqué.",
         "Neither OCSP nor CRL tells whether the certificate is revoked."),
        ("Essayer plus tard ; l'opérateur vérifie son accès au répondeur OCSP.",
         "Try again later; the operator checks its access to the OCSP responder."),
        Refusal.UNAVAILABLE,
    ),
    _certificate(
        "card-not-here", "atelier 1, endpoints",
        ("Ce point d'accès ne prend pas les cartes.", "This endpoint takes no cards."),
        ("Utiliser le point d'accès CPS.", "Use the CPS endpoint."),
    ),
    _certificate(
        "application-not-here", "atelier 1, endpoints",
        ("Ce point d'accès ne prend pas les certificats de personnes morales.",
         "This endpoint takes no certificates of legal persons."),
        ("Utiliser le point d'accès des BAL applicatives.",
         "Use the endpoint of application mailboxes."),
    ),
)  # fmt: skip

_CONDITIONS = (
    _rule(
        "too-many-attempts", Refusal.LIMITED, Cause.LIMITED, "RFC 4954 §6; NIST SP 800-63B §5.2.2",
        ("Trop d'échecs de cette adresse, ou de cette adresse pour cette BAL.",
         "Too many failures of this address, or of this address for this mailbox."),
        ("Attendre quelques minutes, puis saisir les bons secrets.",
         "Wait a few minutes, then give the right secrets."),
    ),
    _rule(
        "too-many-second-factors", Refusal.LIMITED, Cause.LIMITED, "NIST SP 800-63B §5.2.2",
        ("Trop d'échecs du second facteur pour ce titulaire, avec le bon mot de passe.",
         "Too many failures of this holder's second factor, with the right password."),
        ("Attendre quelques minutes ; si ce n'était pas vous, changer le mot de passe.",
         "Wait a few minutes; if it was not you, change the password."),
    ),
    _rule(
        "mechanism-not-here", Refusal.MECHANISM, Cause.MECHANISM, "RFC 4954 §4; RFC 9051 §6.2.2",
        ("Ce point d'accès n'offre pas ce mécanisme ni ses méthodes.",
         "This endpoint offers neither this mechanism nor its methods."),
        ("Lire AUTH dans les capacités, ou utiliser le point d'accès de la méthode.",
         "Read AUTH in the capabilities, or use the endpoint of the method."),
    ),
    _rule(
        "method-not-installed", Refusal.UNAVAILABLE, Cause.BACKEND_DOWN, "RFC 4954 §6",
        ("L'opérateur annonce cette méthode mais ne l'a pas mise en service.",
         "The operator announces this method but has not put it into service."),
        ("L'opérateur met la méthode en service, ou la retire de la conception.",
         "The operator puts the method into service, or takes it out of the design."),
    ),
    _rule(
        "tls-needed", Refusal.TLS_NEEDED, Cause.MECHANISM, "RFC 8314 §3; ECO.1.1.1",
        ("Des secrets ont été présentés sans TLS.", "Secrets were presented without TLS."),
        ("Ouvrir TLS d'abord (STARTTLS, ou le port à TLS implicite).",
         "Start TLS first (STARTTLS, or the port with implicit TLS)."),
    ),
)  # fmt: skip

RULES: dict[str, Rule] = {
    rule.name: rule for rule in (*_WORDS, *_RIGHTS, *_CERTIFICATES, *_CONDITIONS)
}


def unproved(rule: Rule) -> Rule:
    """Return the rule as a client that has proved nothing meets it: like a wrong password."""
    return replace(rule, refusal=Refusal.CREDENTIALS, cause=Cause.CREDENTIALS)
