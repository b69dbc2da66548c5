"""How an IMAP login ends without the authenticator's verdict, beside what `auth.rules` says."""

from __future__ import annotations

from sandbox.observations.schema import Cause
from sandbox.operators.rules import Refusal, Rule

__all__ = [
    "CERTIFICATE_MISSING",
    "CLIENT_GAVE_UP",
    "SASL_MALFORMED",
]

SASL_MALFORMED = Rule(
    name="imap-sasl-malformed",
    refusal=Refusal.CREDENTIALS,
    cause=Cause.CREDENTIALS,
    french="La réponse SASL du client n’a pas la forme que le mécanisme demande.",
    english="The client's SASL response has not the form that the mechanism asks for.",
    clause="RFC 9051 §6.2.2; RFC 4422 §3",
    remedy_french="Envoyer la réponse en base64, dans la forme du mécanisme.",
    remedy_english="Send the response in base64, in the mechanism's form.",
)
CERTIFICATE_MISSING = Rule(
    name="imap-certificate-missing",
    refusal=Refusal.CREDENTIALS,
    cause=Cause.CERTIFICATE_REFUSED,
    french="Ce point d’accès exige un certificat client et le client n’en a pas présenté.",
    english="This endpoint requires a client certificate and the client presented none.",
    clause="RFC 8446 §4.4.2.4",
    remedy_french="Présenter une carte CPS ou un certificat ORG AUTH_CLI de l’IGC-Santé.",
    remedy_english="Present a CPS card or an ORG AUTH_CLI certificate of the IGC-Santé.",
)
CLIENT_GAVE_UP = Rule(
    name="imap-client-gave-up",
    refusal=Refusal.UNAVAILABLE,
    cause=Cause.CLIENT_TIMEOUT,
    french="Le client a coupé alors que sa connexion attendait une réponse.",
    english="The client hung up while its login was waiting for an answer.",
    clause="RFC 9051 §5.4",
    remedy_french="Laisser au client plus de temps que la personne n’en met à répondre.",
    remedy_english="Give the client a longer time-out than the person takes to answer.",
)
