"""Rules of the token endpoint, of tokens in use, and of the browser flow."""

from __future__ import annotations

from sandbox.psc.refusals import refusal

PENDING = (
    "The authorization request is still pending as the end-user hasn't yet been authenticated."
)
RFC6749 = "RFC 6749 5.2"

# fmt: off
GRANT_MISSING = refusal(
    "grant-missing", "T6", RFC6749,
    (400, "invalid_request", "grant_type is required"),
    ("grant_type manque.", "grant_type is missing."),
    ("Envoyer grant_type.", "Send grant_type."),
    psc=(400, "invalid_request", "Missing form parameter: grant_type"),
)
GRANT_UNSUPPORTED = refusal(
    "grant-unsupported", "T7", RFC6749,
    (400, "unsupported_grant_type", "this grant_type is not supported"),
    ("Ce grant_type n'existe pas ici.", "This grant_type does not exist here."),
    ("Voir grant_types_supported dans la découverte.", "See grant_types_supported."),
    psc=(400, "unsupported_grant_type", "Unsupported grant_type"),
)
GRANT_NOT_CIBA = refusal(
    "grant-not-ciba", "T7", "CIBA Core 11",
    (400, "unauthorized_client", "the client may not use CIBA"),
    ("Le client n'a pas le droit à CIBA.", "The client may not use CIBA."),
    ("Enregistrer un mode de livraison pour ce client.", "Register a delivery mode."),
    psc=(400, "invalid_grant", "Client not allowed OIDC CIBA Grant"),
)
GRANT_PUSH = refusal(
    "grant-push", "T7 P4", "CIBA Core 11",
    (400, "unauthorized_client", "a push client must not poll"),
    ("Un client push reçoit ses jetons, il ne les demande pas.", "A push client never polls."),
    ("Attendre la notification.", "Wait for the notification."),
)
ID_MISSING = refusal(
    "id-missing", "T6", "CIBA Core 10.1",
    (400, "invalid_request", "auth_req_id is required"),
    ("auth_req_id manque.", "auth_req_id is missing."),
    ("Envoyer l'auth_req_id reçu.", "Send the auth_req_id received."),
    psc=(400, "invalid_request", "Missing parameter: auth_req_id"),
)
ID_UNKNOWN = refusal(
    "id-unknown", "T6", "CIBA Core 11",
    (400, "invalid_grant", "the auth_req_id is not valid"),
    ("auth_req_id inconnu, ou oublié depuis longtemps.", "auth_req_id unknown or long gone."),
    ("Recommencer une demande.", "Start a new request."),
    psc=(400, "invalid_grant", "Invalid Auth Req ID"),
)
ID_FOREIGN = refusal(
    "id-foreign", "T6", "CIBA Core 11",
    (400, "invalid_grant", "the auth_req_id is not valid"),
    ("auth_req_id émis pour un autre client.", "auth_req_id issued to another client."),
    ("Utiliser l'auth_req_id reçu par ce client.", "Use the id this client received."),
    psc=(400, "invalid_grant", "unauthorized client"),
)
ID_REDEEMED = refusal(
    "id-redeemed", "T6 T10", "CIBA Core 11",
    (400, "invalid_grant", "the auth_req_id is not valid"),
    ("auth_req_id déjà échangé contre des jetons.", "auth_req_id already redeemed."),
    ("Garder les jetons reçus, ou les rafraîchir.", "Keep or refresh the tokens."),
    psc=(400, "invalid_grant", "Invalid auth_req_id"),
)
POLL_PENDING = refusal(
    "pending", "T1", "CIBA Core 11",
    (400, "authorization_pending", "the user has not decided yet"),
    ("La personne n'a pas encore répondu.", "The person has not answered yet."),
    ("Attendre interval secondes, puis redemander.", "Wait interval seconds, ask again."),
    psc=(400, "authorization_pending", PENDING),
)
SLOW_DOWN = refusal(
    "slow-down", "T2 T11 T12 T13", "CIBA Core 11",
    (400, "slow_down", "polling is too fast"),
    ("Le client interroge trop vite.", "The client polls too fast."),
    ("Attendre au moins 5 s de plus, pour ce tour et les suivants.",
     "Wait at least 5 s more, this time and later."),
    psc=(400, "slow_down", "too early to access"),
)
ABUSIVE = refusal(
    "abusive", "T3", "CIBA Core 11",
    (400, "invalid_request", "polling went on too fast and this auth_req_id is closed"),
    ("Trop d'appels trop rapides : demande close.", "Too many fast polls: request closed."),
    ("Respecter interval et slow_down ; recommencer.", "Respect interval; start again."),
)
DENIED = refusal(
    "denied", "T4 P4", "CIBA Core 11, 12",
    (400, "access_denied", "the user refused"),
    ("La personne a refusé, ou s'est trompée trois fois.", "The person refused."),
    ("Demander à la personne ce qu'elle veut.", "Ask the person."),
    psc=(400, "access_denied", "not authorized"),
)
EXPIRED = refusal(
    "expired", "T5 P4", "CIBA Core 11, 12",
    (400, "expired_token", "the auth_req_id has expired"),
    ("Personne n'a répondu à temps.", "Nobody answered in time."),
    ("Recommencer une demande.", "Start a new request."),
    psc=(400, "expired_token", "authentication timed out"),
)
TRANSACTION_FAILED = refusal(
    "transaction-failed", "P4", "CIBA Core 12",
    (400, "transaction_failed", "the transaction failed"),
    ("L'opération a échoué après la réponse.", "The transaction failed."),
    ("Recommencer une demande.", "Start a new request."),
)
OVERLOAD = refusal(
    "overload", "T9", "RFC 9110 15.6.4",
    (503, "temporarily_unavailable", "the server is overloaded"),
    ("Trop de demandes en attente.", "Too many pending requests."),
    ("Attendre Retry-After secondes.", "Wait Retry-After seconds."),
)
CERTIFICATE_MISSING = refusal(
    "certificate-missing", "F8", "FAPI-CIBA 5.2.2; RFC 8705 3",
    (400, "invalid_grant", "a client certificate is required to bind the tokens"),
    ("Jetons liés : pas de certificat client.", "Bound tokens need a client certificate."),
    ("Appeler l'alias mTLS avec un certificat.", "Call the mTLS alias with a certificate."),
)
CODE_MISSING = refusal(
    "code-missing", "T6", RFC6749,
    (400, "invalid_request", "code is required"),
    ("code manque.", "code is missing."),
    ("Envoyer le code reçu.", "Send the code received."),
    psc=(400, "invalid_request", "Missing parameter: code"),
)
CODE_INVALID = refusal(
    "code-invalid", "T6", RFC6749,
    (400, "invalid_grant", "the code is not valid"),
    ("code inconnu, expiré, déjà utilisé ou d'un autre client.", "The code is not usable."),
    ("Recommencer l'authentification.", "Start the flow again."),
    psc=(400, "invalid_grant", "Code not valid"),
)
REDIRECT_MISMATCH = refusal(
    "redirect-mismatch", "T6", "RFC 6749 4.1.3",
    (400, "invalid_grant", "redirect_uri differs from the authorization request"),
    ("redirect_uri diffère de la première demande.", "redirect_uri differs."),
    ("Renvoyer le même redirect_uri.", "Send the same redirect_uri."),
    psc=(400, "invalid_grant", "Incorrect redirect_uri"),
)
PKCE = refusal(
    "pkce", "T6", "RFC 7636 4.6",
    (400, "invalid_grant", "code_verifier does not match code_challenge"),
    ("code_verifier absent ou faux.", "code_verifier is missing or wrong."),
    ("Envoyer le code_verifier du code_challenge.", "Send the matching code_verifier."),
    psc=(400, "invalid_grant", "PKCE verification failed: Code mismatch"),
)
REFRESH_MISSING = refusal(
    "refresh-missing", "T6", RFC6749,
    (400, "invalid_request", "refresh_token is required"),
    ("refresh_token manque.", "refresh_token is missing."),
    ("Envoyer le refresh_token reçu.", "Send the refresh_token received."),
    psc=(400, "invalid_request", "No refresh token"),
)
REFRESH_INVALID = refusal(
    "refresh-invalid", "T6", RFC6749,
    (400, "invalid_grant", "the refresh token is not valid"),
    ("refresh_token inconnu, expiré ou révoqué.", "The refresh token is no longer valid."),
    ("Recommencer l'authentification.", "Authenticate again."),
    psc=(400, "invalid_grant", "Invalid refresh token"),
)
REFRESH_FOREIGN = refusal(
    "refresh-foreign", "T6", RFC6749,
    (400, "invalid_grant", "the refresh token is not valid"),
    ("refresh_token d'un autre client.", "The refresh token belongs to another client."),
    ("Utiliser le refresh_token de ce client.", "Use this client's refresh token."),
    psc=(400, "invalid_grant",
         "Invalid refresh token. Token client and authorized client don't match"),
)
SCOPE_WIDER = refusal(
    "scope-wider", "T6", "RFC 6749 6",
    (400, "invalid_scope", "the scope exceeds what was granted"),
    ("La portée dépasse ce qui a été accordé.", "The scope exceeds the grant."),
    ("Demander une partie de la portée accordée.", "Ask a subset."),
)
TOKEN_MISSING = refusal(
    "token-missing", "T6", "RFC 7662 2.1",
    (400, "invalid_request", "token is required"),
    ("token manque.", "token is missing."),
    ("Envoyer token.", "Send token."),
    psc=(400, "invalid_request", "Token not provided."),
)
REVOKE_MISSING = refusal(
    "revoke-missing", "T6", "RFC 7009 2.1",
    (400, "invalid_request", "token is required"),
    ("token manque.", "token is missing."),
    ("Envoyer token.", "Send token."),
    psc=(400, "invalid_request", "Token not provided"),
)
BEARER_MISSING = refusal(
    "bearer-missing", "T8", "RFC 6750 3",
    (401, "", ""),
    ("Pas de jeton d'accès.", "No access token."),
    ("Authorization: Bearer <jeton>.", "Authorization: Bearer <token>."),
)
BEARER_INVALID = refusal(
    "bearer-invalid", "T8 F8", "RFC 6750 3.1; RFC 8705 3",
    (401, "invalid_token", "the access token is not valid"),
    ("Jeton inconnu, expiré, révoqué, ou lié à un autre certificat.", "Token not usable."),
    ("Rafraîchir le jeton ; présenter son certificat.", "Refresh it; show its certificate."),
    psc=(401, "invalid_token", "Token verification failed"),
)
REDIRECT_INVALID = refusal(
    "redirect-invalid", "M6", "RFC 6749 3.1.2.4",
    (400, "invalid_request", "redirect_uri is not registered"),
    ("redirect_uri n'est pas enregistré.", "redirect_uri is not registered."),
    ("L'écrire exactement comme à l'enregistrement.", "Write it as registered."),
    psc=(400, "invalid_request", "Invalid parameter: redirect_uri"),
)
RESPONSE_TYPE = refusal(
    "response-type", "M6", "RFC 6749 4.1.2.1",
    (400, "unsupported_response_type", "response_type must be code"),
    ("response_type n'est pas code.", "response_type is not code."),
    ("Envoyer response_type=code.", "Send response_type=code."),
)
CHALLENGE_INVALID = refusal(
    "challenge-invalid", "M6", "RFC 7636 4.4.1",
    (400, "invalid_request", "a S256 code_challenge is required"),
    ("code_challenge S256 absent ou mal formé.", "The S256 code_challenge is missing."),
    ("Envoyer code_challenge et code_challenge_method=S256.", "Send a S256 challenge."),
)
LOGIN_REQUIRED = refusal(
    "login-required", "M6", "OpenID Connect Core 3.1.2.6",
    (400, "login_required", "the user must authenticate"),
    ("prompt=none sans session.", "prompt=none without a session."),
    ("Retirer prompt=none.", "Leave prompt=none out."),
)
REQUEST_URI_INVALID = refusal(
    "request-uri-invalid", "M6", "RFC 9126 2.1, 4",
    (400, "invalid_request", "request_uri is unknown, used or expired"),
    ("request_uri inconnu, utilisé ou expiré.", "request_uri is not usable."),
    ("Déposer une nouvelle demande par PAR.", "Push a new request."),
)
PAR_REQUEST_URI = refusal(
    "par-request-uri", "M6", "RFC 9126 2.1",
    (400, "invalid_request", "request_uri is not allowed in a pushed request"),
    ("request_uri dans une demande déposée.", "request_uri in a pushed request."),
    ("Le retirer.", "Leave it out."),
    psc=(400, "invalid_request", "It is not allowed to include request_uri to PAR."),
)
BROWSER_DENIED = refusal(
    "browser-denied", "T4", "RFC 6749 4.1.2.1",
    (400, "access_denied", "the user refused or did not answer"),
    ("La personne a refusé ou n'a pas répondu.", "The person refused or did not answer."),
    ("Recommencer.", "Start again."),
)
BEARER_TWICE = refusal(
    "bearer-twice", "T8", "RFC 6750 2, 3.1",
    (400, "invalid_request", "more than one way to send the access token"),
    ("Le jeton est envoyé de deux façons.", "The token is sent in two ways."),
    ("Un seul de Authorization et access_token.", "Only one of Authorization and access_token."),
)
REQUEST_OBJECT = refusal(
    "request-object", "M6", "OpenID Connect Core 3.1.2.6, 6.1",
    (400, "request_not_supported", "the request parameter is not supported"),
    ("Le paramètre request n'est pas pris en charge.", "The request parameter is not supported."),
    ("Envoyer les paramètres en clair, ou les déposer (PAR).", "Send parameters, or push them."),
)
REQUEST_URI_ELSEWHERE = refusal(
    "request-uri-elsewhere", "M6", "OpenID Connect Core 3.1.2.6, 6.2",
    (400, "request_uri_not_supported", "only a request_uri of this provider is supported"),
    ("request_uri n'est pas une demande déposée ici.", "request_uri is no request pushed here."),
    ("Déposer la demande par PAR.", "Push the request (PAR)."),
)
RESPONSE_MODE = refusal(
    "response-mode", "M6", "OAuth 2.0 Multiple Response Types 2.1",
    (400, "invalid_request", "response_mode must be query, fragment or form_post"),
    ("Ce response_mode n'existe pas ici.", "This response_mode does not exist here."),
    ("query, fragment ou form_post.", "query, fragment or form_post."),
)
PROMPT_INVALID = refusal(
    "prompt-invalid", "M6", "OpenID Connect Core 3.1.2.1",
    (400, "invalid_request", "prompt is not acceptable"),
    ("prompt=none ne va avec aucune autre valeur.", "prompt=none goes with no other value."),
    ("Envoyer none seul, ou login.", "Send none alone, or login."),
)
MAX_AGE_INVALID = refusal(
    "max-age-invalid", "M6", "OpenID Connect Core 3.1.2.1",
    (400, "invalid_request", "max_age must be a number of seconds"),
    ("max_age n'est pas un nombre de secondes.", "max_age is not a number of seconds."),
    ("Envoyer un entier.", "Send an integer."),
)
LOGOUT_CLIENT = refusal(
    "logout-client", "M6", "RP-Initiated Logout 1.0, 2",
    (400, "invalid_request", "client_id is not the client of id_token_hint"),
    ("client_id n'est pas celui de id_token_hint.", "client_id is not that of id_token_hint."),
    ("Envoyer le client_id du jeton, ou rien.", "Send the token's client_id, or nothing."),
)
LOGOUT_REDIRECT = refusal(
    "logout-redirect", "M6", "RP-Initiated Logout 1.0, 2 and 3",
    (400, "invalid_request", "post_logout_redirect_uri is not registered"),
    ("post_logout_redirect_uri n'est pas enregistré pour ce client.",
     "post_logout_redirect_uri is not registered for this client."),
    ("L'enregistrer ; joindre id_token_hint ou client_id.", "Register it; add id_token_hint."),
    psc=(400, "invalid_request", "Invalid redirect uri"),
)
