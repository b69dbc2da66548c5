"""Why logins that ask a telephone, and access tokens, are refused."""

from __future__ import annotations

from sandbox.observations.schema import Cause
from sandbox.operators.refusals import LoginAnswer, login_refusal

# fmt: off
# What an operator can blame on Pro Santé Connect, or on its own registration there.

PSC_UNREACHABLE = login_refusal(
    "psc-unreachable", LoginAnswer.UNAVAILABLE, Cause.BACKEND_DOWN,
    "RFC 4954 §6 ; RFC 9110 §15.6.4",
    ("Pro Santé Connect ne répond pas.", "Pro Santé Connect does not answer."),
    ("Réessayer plus tard ; vérifier que le service tourne et que l'on admet sa chaîne.",
     "Try again later; check that the service runs and that the trust bundle covers it."),
)
PSC_MISBEHAVES = login_refusal(
    "psc-misbehaves", LoginAnswer.UNAVAILABLE, Cause.BACKEND_DOWN,
    "CIBA Core §7.3 et §11 ; OpenID Connect Discovery §4.3",
    ("Pro Santé Connect a donné une réponse qu'un client doit refuser.",
     "Pro Santé Connect gave an answer that a client has to refuse."),
    ("Une réponse conforme : membres obligatoires présents, émetteur exact, JSON.",
     "An answer as the standard asks: required members, exact issuer, JSON."),
)
PSC_REGISTRATION = login_refusal(
    "psc-registration", LoginAnswer.UNAVAILABLE, Cause.BACKEND_DOWN,
    "RFC 6749 §5.2 ; CIBA Core §13",
    ("Pro Santé Connect refuse la demande de l'opérateur lui-même.",
     "Pro Santé Connect refuses the operator's own request."),
    ("Corriger l'enregistrement de l'opérateur : client_id, secret, CIBA permis, scopes.",
     "Correct the operator's registration: client_id, secret, CIBA allowed, scopes."),
)

# What the person did, or did not.

CIBA_REFUSED = login_refusal(
    "ciba-refused", LoginAnswer.CREDENTIALS, Cause.REFUSED, "CIBA Core §11 (access_denied)",
    ("La personne a refusé sur son téléphone.", "The person refused on the telephone."),
    ("Approuver, si c'est bien soi qui se connecte ; sinon changer le mot de passe.",
     "Approve, if it is oneself who logs in; if not, change the password."),
)
CIBA_NO_ANSWER = login_refusal(
    "ciba-no-answer", LoginAnswer.CREDENTIALS, Cause.NO_ANSWER, "CIBA Core §11 (expired_token)",
    ("Personne n'a répondu sur le téléphone avant la fin de la demande.",
     "Nobody answered on the telephone before the request expired."),
    ("Répondre dans le délai de la demande, téléphone allumé et joignable.",
     "Answer before the request expires, with the telephone on and reachable."),
)
CIBA_HELD_TOO_LONG = login_refusal(
    "ciba-held-too-long", LoginAnswer.CREDENTIALS, Cause.CLIENT_TIMEOUT,
    "RFC 9051 §5.4 ; RFC 5321 §4.5.3.2 ; policies.prelogin_timeout",
    ("L'opérateur ne retient pas une connexion plus longtemps sans réponse.",
     "The operator does not hold a login any longer without an answer."),
    ("Répondre plus vite, ou un délai avant connexion plus long chez l'opérateur.",
     "Answer sooner, or a longer time before login at the operator."),
)
CIBA_TOO_MANY = login_refusal(
    "ciba-too-many", LoginAnswer.LIMITED, Cause.LIMITED, "CIBA Core §14 ; RFC 5530 (LIMIT)",
    ("Trop de demandes attendent déjà une réponse.",
     "Too many requests already wait for an answer."),
    ("Répondre aux demandes en cours, ou attendre leur expiration.",
     "Answer the requests that wait, or wait until they expire."),
)
CIBA_UNKNOWN_PERSON = login_refusal(
    "ciba-unknown-person", LoginAnswer.CREDENTIALS, Cause.NOT_AUTHORIZED,
    "CIBA Core §13 (unknown_user_id)",
    ("Pro Santé Connect ne connaît pas ce titulaire, ou l'a désactivé.",
     "Pro Santé Connect does not know this holder, or has disabled the person."),
    ("Une e-CPS active pour l'identifiant national du titulaire.",
     "An active e-CPS for the national identifier of the holder."),
)
CIBA_POLICY = login_refusal(
    "ciba-policy", LoginAnswer.CREDENTIALS, Cause.REFUSED, "CIBA Core §13 (access_denied)",
    ("Le fournisseur d'identité refuse cette personne avant tout appel du téléphone.",
     "The identity provider refuses this person before any telephone rings."),
    ("Lever le blocage de la personne chez le fournisseur d'identité.",
     "Have the identity provider unblock the person."),
)
CIBA_ID_TOKEN = login_refusal(
    "ciba-id-token", LoginAnswer.CREDENTIALS, Cause.TOKEN_REFUSED,
    "OpenID Connect Core §3.1.3.7 ; CIBA Core §10.3.1",
    ("Le jeton d'identité reçu après l'approbation n'est pas recevable.",
     "The ID token received after the approval cannot be accepted."),
    ("Un jeton en cours, signé d'une clé publiée, pour cet opérateur et cette personne.",
     "A current token, signed with a published key, for this operator and this person."),
)
SMS_LOST = login_refusal(
    "sms-lost", LoginAnswer.CREDENTIALS, Cause.SMS_LOST, "RFC 4954 §6",
    ("Le SMS n'a pas été remis ; personne ne pouvait répondre.",
     "The SMS was not delivered; nobody could answer."),
    ("Se connecter de nouveau pour un autre SMS ; vérifier le numéro enregistré.",
     "Log in again for another SMS; check the number on record."),
)

# Access tokens.

TOKEN_UNREADABLE = login_refusal(
    "token-unreadable", LoginAnswer.CREDENTIALS, Cause.TOKEN_REFUSED,
    "RFC 7519 §7.2 ; RFC 8725 §3.1",
    ("Le jeton n'est pas un JWT signé d'une clé publiée, avec un algorithme permis.",
     "The token is no JWT signed with a published key and an allowed algorithm."),
    ("Un jeton d'accès récent de Pro Santé Connect, obtenu ou rafraîchi par le logiciel.",
     "A recent access token of Pro Santé Connect, obtained or refreshed by the software."),
)
TOKEN_INACTIVE = login_refusal(
    "token-inactive", LoginAnswer.CREDENTIALS, Cause.TOKEN_REFUSED, "RFC 7662 §2.2",
    ("Pro Santé Connect dit le jeton inactif : inconnu, expiré ou révoqué.",
     "Pro Santé Connect says the token is inactive: unknown, expired or revoked."),
    ("Un jeton d'accès récent de Pro Santé Connect, obtenu ou rafraîchi par le logiciel.",
     "A recent access token of Pro Santé Connect, obtained or refreshed by the software."),
)
TOKEN_EXPIRED = login_refusal(
    "token-expired", LoginAnswer.CREDENTIALS, Cause.TOKEN_REFUSED, "RFC 7519 §4.1.4 et §4.1.5",
    ("Le jeton n'est plus, ou pas encore, valable.", "The token is no longer, or not yet, good."),
    ("Un jeton d'accès récent de Pro Santé Connect, obtenu ou rafraîchi par le logiciel.",
     "A recent access token of Pro Santé Connect, obtained or refreshed by the software."),
)
TOKEN_ISSUER = login_refusal(
    "token-issuer", LoginAnswer.CREDENTIALS, Cause.TOKEN_REFUSED, "RFC 7519 §4.1.1",
    ("Le jeton vient d'un autre émetteur.", "The token comes from another issuer."),
    ("Un jeton d'accès récent de Pro Santé Connect, obtenu ou rafraîchi par le logiciel.",
     "A recent access token of Pro Santé Connect, obtained or refreshed by the software."),
)
TOKEN_AUDIENCE = login_refusal(
    "token-audience", LoginAnswer.CREDENTIALS, Cause.TOKEN_REFUSED, "RFC 7519 §4.1.3 ; RFC 9068 §4",
    ("Le jeton n'est pas destiné à cet opérateur, ou vient d'un client qu'il n'admet pas.",
     "The token is not meant for this operator, or comes from a client it does not admit."),
    ("Un jeton dont aud ou azp est un client admis par l'opérateur.",
     "A token whose aud or azp is a client that the operator admits."),
)
TOKEN_TYPE = login_refusal(
    "token-type", LoginAnswer.CREDENTIALS, Cause.TOKEN_REFUSED, "RFC 8725 §3.11 et §3.12",
    ("Ce n'est pas un jeton d'accès (jeton d'identité ou de rafraîchissement ?).",
     "This is no access token (an ID token, or a refresh token?)."),
    ("Présenter le jeton access_token.", "Present the access_token."),
)
TOKEN_ACR = login_refusal(
    "token-acr", LoginAnswer.CREDENTIALS, Cause.TOKEN_REFUSED,
    "OpenID Connect Core §2 (acr) ; eIDAS",
    ("Le niveau d'authentification (acr) n'est pas eidas1.",
     "The level of authentication (acr) is not eidas1."),
    ("Demander acr_values=eidas1.", "Ask for acr_values=eidas1."),
)
TOKEN_BINDING = login_refusal(
    "token-binding", LoginAnswer.CREDENTIALS, Cause.TOKEN_REFUSED, "RFC 8705 §3",
    ("Le jeton est lié à un certificat que cette connexion n'a pas présenté.",
     "The token is bound to a certificate that this connection did not present."),
    ("Présenter ce certificat en TLS, ou un jeton non lié.",
     "Present that certificate in TLS, or a token without binding."),
)
TOKEN_IDENTITY = login_refusal(
    "token-identity", LoginAnswer.CREDENTIALS, Cause.TOKEN_REFUSED,
    "Pro Santé Connect (SubjectNameID, preferred_username, sub)",
    ("Le jeton ne dit pas, ou dit de deux façons, de qui il est.",
     "The token does not say whose it is, or says it in two ways."),
    ("Un jeton d'accès récent de Pro Santé Connect, obtenu ou rafraîchi par le logiciel.",
     "A recent access token of Pro Santé Connect, obtained or refreshed by the software."),
)
# fmt: on
