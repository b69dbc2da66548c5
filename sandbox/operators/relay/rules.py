"""Why an operator does not exchange mail with another: one row for each reason.

The same rows serve both directions: a relay that connects to us, and one that we connect to. What
time or a renewal mends is answered 4xx, so that mail waits in the sender's queue; what is wrong by
nature is answered 5xx, so that the sender knows at once.
"""

from __future__ import annotations

from sandbox.observations.schema import Cause
from sandbox.operators.rules import Refusal, Rule
from sandbox.trust.checking import Finding

__all__ = ["BY_FINDING", "RULES"]

_PKI = "RFC 5280 §6; API MSS-IO : certificats IGC-Santé"
_LIST = "API MSS-IO : liste des domaines autorisés, DNCertificatOperateur"


def _certificate(
    name: str,
    french: str,
    english: str,
    remedy_french: str,
    remedy_english: str,
    *,
    clause: str = _PKI,
    refusal: Refusal = Refusal.RELAY_DENIED,
    cause: Cause = Cause.CERTIFICATE_REFUSED,
) -> Rule:
    return Rule(
        name=f"relay-certificate-{name}", refusal=refusal, cause=cause, french=french,
        english=english, clause=clause, remedy_french=remedy_french, remedy_english=remedy_english,
    )  # fmt: skip


_OPERATOR_CERTIFICATE = (
    "Présenter un certificat serveur d'opérateur, de l'AC Élémentaire Organisations.",
    "Present an operator's server certificate, from the Élémentaire Organisations authority.",
)
_RENEW = ("Renouveler le certificat.", "Renew the certificate.")

BY_FINDING: dict[Finding, Rule] = {
    Finding.UNREADABLE: _certificate(
        "unreadable",
        "Le certificat de l'autre relais est illisible.",
        "The other relay's certificate cannot be read.",
        *_OPERATOR_CERTIFICATE,
    ),
    Finding.EXPIRED: _certificate(
        "expired",
        "Le certificat de l'autre relais a expiré.",
        "The other relay's certificate has expired.",
        *_RENEW,
        refusal=Refusal.RELAY_LATER,
    ),
    Finding.NOT_YET_VALID: _certificate(
        "not-yet-valid",
        "Le certificat de l'autre relais n'est pas encore valable.",
        "The other relay's certificate is not valid yet.",
        "Attendre sa date de début, ou mettre à l'heure les horloges.",
        "Wait for its first day, or set the clocks right.",
        refusal=Refusal.RELAY_LATER,
    ),
    Finding.UNTRUSTED: _certificate(
        "untrusted",
        "Le certificat de l'autre relais ne remonte à aucune autorité connue.",
        "The other relay's certificate chains to no known authority.",
        *_OPERATOR_CERTIFICATE,
    ),
    Finding.WRONG_HIERARCHY: _certificate(
        "wrong-hierarchy",
        "Le certificat de l'autre relais vient d'une autorité qui n'en délivre pas aux opérateurs.",
        "The other relay's certificate is from an authority that issues none to operators.",
        *_OPERATOR_CERTIFICATE,
    ),
    Finding.WRONG_USAGE: _certificate(
        "wrong-usage",
        "Le certificat de l'autre relais n'est pas fait pour un relais.",
        "The other relay's certificate is not made for a relay.",
        "Présenter un certificat dont l'usage est serveur et client TLS.",
        "Present a certificate whose usage is TLS server and client.",
    ),
    Finding.WRONG_NAME: _certificate(
        "wrong-name",
        "Le certificat de l'autre relais ne porte pas le nom d'hôte du MX.",
        "The other relay's certificate does not bear the host name of the MX.",
        "Mettre le nom du MX dans le SAN du certificat, ou corriger le MX.",
        "Put the name of the MX in the certificate's SAN, or correct the MX.",
        clause="RFC 9525 §6; RFC 5321 §5.1",
        refusal=Refusal.RELAY_LATER,
    ),
    Finding.WRONG_ENTITY: _certificate(
        "wrong-entity",
        "Le certificat de l'autre relais est au nom d'une autre structure.",
        "The other relay's certificate is that of another structure.",
        *_OPERATOR_CERTIFICATE,
    ),
    Finding.UNKNOWN_ENTITY: _certificate(
        "unknown-entity",
        "La structure du certificat de l'autre relais est inconnue.",
        "The structure of the other relay's certificate is unknown.",
        *_OPERATOR_CERTIFICATE,
    ),
    Finding.WRONG_ENVIRONMENT: _certificate(
        "wrong-environment",
        "Le certificat de l'autre relais vient d'un autre environnement (test ou production).",
        "The other relay's certificate is from another environment (test or production).",
        "Présenter un certificat du même environnement.",
        "Present a certificate of the same environment.",
    ),
    Finding.WEAK_KEY: _certificate(
        "weak-key",
        "La clé de l'autre relais est trop faible.",
        "The other relay's key is too weak.",
        "Une clé RSA d'au moins 2048 bits, ou EC d'au moins 256.",
        "An RSA key of 2048 bits or more, or EC of 256 or more.",
    ),
    Finding.REVOKED: _certificate(
        "revoked",
        "Le certificat de l'autre relais est révoqué.",
        "The other relay's certificate is revoked.",
        *_RENEW,
    ),
    Finding.REVOCATION_UNKNOWN: _certificate(
        "revocation-unknown",
        "Ni OCSP ni CRL ne disent si le certificat de l'autre relais est révoqué.",
        "Neither OCSP nor a CRL tells whether the other relay's certificate is revoked.",
        "Rétablir l'accès à OCSP ou à la CRL.",
        "Restore access to OCSP or to the CRL.",
        refusal=Refusal.RELAY_LATER,
        cause=Cause.BACKEND_DOWN,
    ),
}

_OTHERS = (
    _certificate(
        "missing",
        "L'autre relais n'a pas présenté de certificat.",
        "The other relay presented no certificate.",
        *_OPERATOR_CERTIFICATE,
    ),
    Rule(
        name="relay-dn-unlisted",
        refusal=Refusal.RELAY_DENIED,
        cause=Cause.NOT_AUTHORIZED,
        french="Le certificat de l'autre relais n'est celui d'aucun opérateur de la liste.",
        english="The other relay's certificate is that of no operator on the list.",
        clause=_LIST,
        remedy_french="Inscrire le DN du certificat sur la liste pour au moins un domaine.",
        remedy_english="Put the certificate's DN on the list for at least one domain.",
    ),
    Rule(
        name="relay-sender-domain",
        refusal=Refusal.RELAY_DENIED,
        cause=Cause.NOT_AUTHORIZED,
        french="Le certificat de l'autre relais n'est pas autorisé à émettre pour ce domaine.",
        english="The other relay's certificate may not send mail of this domain.",
        clause=_LIST,
        remedy_french="Émettre par l'opérateur du domaine, ou inscrire son DN pour ce domaine.",
        remedy_english="Send through the domain's operator, or list its DN for this domain.",
    ),
    Rule(
        name="relay-domain-unlisted",
        refusal=Refusal.RELAY_DENIED,
        cause=Cause.NOT_AUTHORIZED,
        french="Ce domaine n'est pas sur la liste des domaines autorisés.",
        english="This domain is not on the list of authorised domains.",
        clause=_LIST,
        remedy_french="Écrire à une adresse MSSanté, ou faire inscrire le domaine.",
        remedy_english="Write to an MSSanté address, or have the domain listed.",
    ),
    Rule(
        name="relay-recipient-domain",
        # A migration reaches DNS and list at different times: mail waits for them to agree.
        refusal=Refusal.RELAY_LATER,
        cause=Cause.NOT_AUTHORIZED,
        french="Le certificat du serveur n'est pas de ceux que la liste donne au domaine.",
        english="The server's certificate is not among those that the list gives the domain.",
        clause=_LIST,
        remedy_french="Accorder le MX du domaine et le DN inscrit sur la liste.",
        remedy_english="Make the domain's MX and the DN on the list agree.",
    ),
)

RULES: dict[str, Rule] = {rule.name: rule for rule in (*BY_FINDING.values(), *_OTHERS)}
