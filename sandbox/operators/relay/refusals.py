"""Why an operator does not exchange mail with another: one constant for each reason.

The same serve both directions: a relay that connects to us, and one that we connect to. What
time or a renewal mends is answered 4xx, so that mail waits in the sender's queue; what is wrong by
nature is answered 5xx, so that the sender knows at once.
"""

from __future__ import annotations

from sandbox.operators.refusals import MailRefusal, mail_refusal
from sandbox.trust.checking import CertificateFinding

_PKI = "RFC 5280 §6; API MSS-IO : certificats IGC-Santé"
_LIST = "API MSS-IO : liste des domaines autorisés, DNCertificatOperateur"
_DENIED = (550, "5.7.1", "Relaying not authorized")
_LATER = (451, "4.7.1", "Relaying not possible now, try again later")
_OURS = (
    "Présenter un certificat serveur d'opérateur, de l'AC Élémentaire Organisations.",
    "Present an operator's server certificate, from the Élémentaire Organisations authority.",
)

# fmt: off
CERTIFICATE_UNREADABLE = mail_refusal(
    "relay-certificate-unreadable", _DENIED, _PKI,
    ("Le certificat de l'autre relais est illisible.",
     "The other relay's certificate cannot be read."),
    _OURS,
)
CERTIFICATE_EXPIRED = mail_refusal(
    "relay-certificate-expired", _LATER, _PKI,
    ("Le certificat de l'autre relais a expiré.", "The other relay's certificate has expired."),
    ("Renouveler le certificat.", "Renew the certificate."),
)
CERTIFICATE_NOT_YET_VALID = mail_refusal(
    "relay-certificate-not-yet-valid", _LATER, _PKI,
    ("Le certificat de l'autre relais n'est pas encore valable.",
     "The other relay's certificate is not valid yet."),
    ("Attendre sa date de début, ou mettre à l'heure les horloges.",
     "Wait for its first day, or set the clocks right."),
)
CERTIFICATE_UNTRUSTED = mail_refusal(
    "relay-certificate-untrusted", _DENIED, _PKI,
    ("Le certificat de l'autre relais ne remonte à aucune autorité connue.",
     "The other relay's certificate chains to no known authority."),
    _OURS,
)
CERTIFICATE_WRONG_HIERARCHY = mail_refusal(
    "relay-certificate-wrong-hierarchy", _DENIED, _PKI,
    ("Le certificat de l'autre relais vient d'une autorité qui n'en délivre pas aux opérateurs.",
     "The other relay's certificate is from an authority that issues none to operators."),
    _OURS,
)
CERTIFICATE_WRONG_USAGE = mail_refusal(
    "relay-certificate-wrong-usage", _DENIED, _PKI,
    ("Le certificat de l'autre relais n'est pas fait pour un relais.",
     "The other relay's certificate is not made for a relay."),
    ("Présenter un certificat dont l'usage est serveur et client TLS.",
     "Present a certificate whose usage is TLS server and client."),
)
CERTIFICATE_WRONG_NAME = mail_refusal(
    "relay-certificate-wrong-name", _LATER, "RFC 9525 §6; RFC 5321 §5.1",
    ("Le certificat de l'autre relais ne porte pas le nom d'hôte du MX.",
     "The other relay's certificate does not bear the host name of the MX."),
    ("Mettre le nom du MX dans le SAN du certificat, ou corriger le MX.",
     "Put the name of the MX in the certificate's SAN, or correct the MX."),
)
CERTIFICATE_WRONG_ENTITY = mail_refusal(
    "relay-certificate-wrong-entity", _DENIED, _PKI,
    ("Le certificat de l'autre relais est au nom d'une autre structure.",
     "The other relay's certificate is that of another structure."),
    _OURS,
)
CERTIFICATE_UNKNOWN_ENTITY = mail_refusal(
    "relay-certificate-unknown-entity", _DENIED, _PKI,
    ("La structure du certificat de l'autre relais est inconnue.",
     "The structure of the other relay's certificate is unknown."),
    _OURS,
)
CERTIFICATE_WRONG_ENVIRONMENT = mail_refusal(
    "relay-certificate-wrong-environment", _DENIED, _PKI,
    ("Le certificat de l'autre relais vient d'un autre environnement (test ou production).",
     "The other relay's certificate is from another environment (test or production)."),
    ("Présenter un certificat du même environnement.",
     "Present a certificate of the same environment."),
)
CERTIFICATE_WEAK_KEY = mail_refusal(
    "relay-certificate-weak-key", _DENIED, _PKI,
    ("La clé de l'autre relais est trop faible.", "The other relay's key is too weak."),
    ("Une clé RSA d'au moins 2048 bits, ou EC d'au moins 256.",
     "An RSA key of 2048 bits or more, or EC of 256 or more."),
)
CERTIFICATE_REVOKED = mail_refusal(
    "relay-certificate-revoked", _DENIED, _PKI,
    ("Le certificat de l'autre relais est révoqué.", "The other relay's certificate is revoked."),
    ("Renouveler le certificat.", "Renew the certificate."),
)
CERTIFICATE_REVOCATION_UNKNOWN = mail_refusal(
    "relay-certificate-revocation-unknown", _LATER, _PKI,
    ("Ni OCSP ni CRL ne disent si le certificat de l'autre relais est révoqué.",
     "Neither OCSP nor a CRL tells whether the other relay's certificate is revoked."),
    ("Rétablir l'accès à OCSP ou à la CRL.", "Restore access to OCSP or to the CRL."),
)
CERTIFICATE_MISSING = mail_refusal(
    "relay-certificate-missing", _DENIED, _PKI,
    ("L'autre relais n'a pas présenté de certificat.", "The other relay presented no certificate."),
    _OURS,
)
DN_UNLISTED = mail_refusal(
    "relay-dn-unlisted", _DENIED, _LIST,
    ("Le certificat de l'autre relais n'est celui d'aucun opérateur de la liste.",
     "The other relay's certificate is that of no operator on the list."),
    ("Inscrire le DN du certificat sur la liste pour au moins un domaine.",
     "Put the certificate's DN on the list for at least one domain."),
)
SENDER_DOMAIN = mail_refusal(
    "relay-sender-domain", _DENIED, _LIST,
    ("Le certificat de l'autre relais n'est pas autorisé à émettre pour ce domaine.",
     "The other relay's certificate may not send mail of this domain."),
    ("Émettre par l'opérateur du domaine, ou inscrire son DN pour ce domaine.",
     "Send through the domain's operator, or list its DN for this domain."),
)
DOMAIN_UNLISTED = mail_refusal(
    "relay-domain-unlisted", _DENIED, _LIST,
    ("Ce domaine n'est pas sur la liste des domaines autorisés.",
     "This domain is not on the list of authorised domains."),
    ("Écrire à une adresse MSSanté, ou faire inscrire le domaine.",
     "Write to an MSSanté address, or have the domain listed."),
)
RECIPIENT_DOMAIN = mail_refusal(
    "relay-recipient-domain", _LATER, _LIST,
    ("Le certificat du serveur n'est pas de ceux que la liste donne au domaine.",
     "The server's certificate is not among those that the list gives the domain."),
    ("Accorder le MX du domaine et le DN inscrit sur la liste.",
     "Make the domain's MX and the DN on the list agree."),
)
# fmt: on

BY_FINDING: dict[CertificateFinding, MailRefusal] = {
    CertificateFinding.UNREADABLE: CERTIFICATE_UNREADABLE,
    CertificateFinding.EXPIRED: CERTIFICATE_EXPIRED,
    CertificateFinding.NOT_YET_VALID: CERTIFICATE_NOT_YET_VALID,
    CertificateFinding.UNTRUSTED: CERTIFICATE_UNTRUSTED,
    CertificateFinding.WRONG_HIERARCHY: CERTIFICATE_WRONG_HIERARCHY,
    CertificateFinding.WRONG_USAGE: CERTIFICATE_WRONG_USAGE,
    CertificateFinding.WRONG_NAME: CERTIFICATE_WRONG_NAME,
    CertificateFinding.WRONG_ENTITY: CERTIFICATE_WRONG_ENTITY,
    CertificateFinding.UNKNOWN_ENTITY: CERTIFICATE_UNKNOWN_ENTITY,
    CertificateFinding.WRONG_ENVIRONMENT: CERTIFICATE_WRONG_ENVIRONMENT,
    CertificateFinding.WEAK_KEY: CERTIFICATE_WEAK_KEY,
    CertificateFinding.REVOKED: CERTIFICATE_REVOKED,
    CertificateFinding.REVOCATION_UNKNOWN: CERTIFICATE_REVOCATION_UNKNOWN,
}
