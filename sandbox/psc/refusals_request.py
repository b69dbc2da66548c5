"""Rules of the request: form, client authentication, CIBA authentication request."""

from __future__ import annotations

from sandbox.psc.refusals import refusal

CREDENTIALS = "Invalid client or Invalid client credentials"
BINDING = (
    "the binding_message value has to be max 50 characters in length and must contain only "
    "basic plain-text characters without spaces"
)

# fmt: off
FORM_TYPE = refusal(
    "form-type", "R1", "CIBA Core 7.1; RFC 6749 3.2",
    (400, "invalid_request", "Content-Type must be application/x-www-form-urlencoded"),
    ("Le corps n'est pas un formulaire.", "The body is not a form."),
    ("Envoyer Content-Type: application/x-www-form-urlencoded.",
     "Send Content-Type: application/x-www-form-urlencoded."),
)
FORM_SYNTAX = refusal(
    "form-syntax", "R1", "RFC 6749 appendix B",
    (400, "invalid_request", "the form is not valid UTF-8"),
    ("Le formulaire n'est pas de l'UTF-8 valide.", "The form is not valid UTF-8."),
    ("Encoder chaque valeur en UTF-8 puis en pourcent.", "Percent-encode UTF-8 values."),
)
FORM_SIZE = refusal(
    "form-size", "R1", "RFC 9110 15.5.14",
    (413, "invalid_request", "the request body is too large"),
    ("Le corps dépasse la limite.", "The body is over the limit."),
    ("Rester sous 64 Kio et 64 paramètres.", "Stay under 64 KiB and 64 parameters."),
)
FORM_REPEATED = refusal(
    "form-repeated", "R11", "CIBA Core 13; RFC 6749 3.2",
    (400, "invalid_request", "a parameter is repeated"),
    ("Un paramètre est répété.", "A parameter is repeated."),
    ("Envoyer chaque paramètre une seule fois.", "Send each parameter once."),
)
CLIENT_MISSING = refusal(
    "client-missing", "R2 T8", "CIBA Core 7.1, 13; RFC 6749 5.2",
    (401, "invalid_client", "client authentication is missing"),
    ("Le client ne s'est pas authentifié.", "The client did not authenticate."),
    ("Joindre la méthode d'authentification enregistrée du client.",
     "Use the authentication method registered for the client."),
    psc=(401, "invalid_client", CREDENTIALS),
)
CLIENT_UNKNOWN = refusal(
    "client-unknown", "R2 T8", "CIBA Core 13; RFC 6749 5.2",
    (401, "invalid_client", "client authentication failed"),
    ("Ce client_id n'est pas enregistré.", "This client_id is not registered."),
    ("Enregistrer le client, ou corriger client_id.", "Register it, or mend client_id."),
    psc=(401, "invalid_client", CREDENTIALS),
)
CLIENT_SECRET = refusal(
    "client-secret", "R2 T8", "CIBA Core 13; RFC 6749 5.2",
    (401, "invalid_client", "client authentication failed"),
    ("Le secret du client est faux.", "The client secret is wrong."),
    ("Vérifier le secret du client.", "Check the client secret."),
    psc=(401, "unauthorized_client", CREDENTIALS),
)
CLIENT_ASSERTION = refusal(
    "client-assertion", "R2 T8 F5 F7", "RFC 7523 3; OpenID Connect Core 9",
    (401, "invalid_client", "the client assertion is not acceptable"),
    ("L'assertion du client est refusée.", "The client assertion is refused."),
    (("Signer avec la clé et l'algorithme enregistrés : iss = sub = client_id, aud = "
      "l'émetteur, exp proche, jti neuf."),
     ("Sign with the registered key and algorithm: iss = sub = client_id, aud = the issuer, a "
      "near exp, a fresh jti.")),
    psc=(401, "invalid_client", "Client authentication with signed JWT failed"),
)
CLIENT_METHOD = refusal(
    "client-method", "R2 T8", "OpenID Connect Registration 2 (token_endpoint_auth_method)",
    (401, "invalid_client", "the client is registered for another authentication method"),
    ("Le client est enregistré pour une autre méthode d'authentification.",
     "The client is registered for another authentication method."),
    ("Utiliser la méthode enregistrée.", "Use the registered method."),
    psc=(401, "invalid_client", CREDENTIALS),
)
CLIENT_TWICE = refusal(
    "client-twice", "R2", "RFC 6749 2.3",
    (400, "invalid_request", "more than one client authentication method was used"),
    ("Deux méthodes d'authentification à la fois.", "Two authentication methods at once."),
    ("N'en garder qu'une.", "Keep one."),
)
CLIENT_CERTIFICATE = refusal(
    "client-certificate", "R2 T8", "RFC 8705 2.1",
    (401, "invalid_client", "the client certificate is missing or is not the registered one"),
    ("Certificat client absent, ou sujet différent de l'enregistrement.",
     "No client certificate, or its subject differs from the registration."),
    ("Appeler l'alias mTLS avec le certificat du sujet enregistré.",
     "Call the mTLS alias with the certificate of the registered subject."),
    psc=(401, "invalid_client", CREDENTIALS),
)
NOT_CIBA = refusal(
    "not-ciba", "R6", "CIBA Core 13",
    (400, "unauthorized_client", "the client may not use CIBA"),
    ("Le client n'a pas le droit à CIBA.", "The client may not use CIBA."),
    ("Enregistrer un mode de livraison (poll, ping ou push) pour ce client.",
     "Register a delivery mode (poll, ping or push) for the client."),
    psc=(401, "invalid_grant", "Client not allowed OIDC CIBA Grant"),
)
PUSH_IN_FAPI = refusal(
    "push-in-fapi", "F1", "FAPI-CIBA 5.2.2",
    (400, "unauthorized_client", "push mode is not allowed"),
    ("FAPI-CIBA interdit le mode push.", "FAPI-CIBA forbids push mode."),
    ("Enregistrer le client en poll ou en ping.", "Register the client for poll or ping."),
)
FAPI_CLIENT = refusal(
    "fapi-client", "F1 F5", "FAPI-CIBA 5.2.2",
    (401, "invalid_client", "this client authentication method is not allowed"),
    ("FAPI-CIBA exige private_key_jwt ou tls_client_auth.",
     "FAPI-CIBA requires private_key_jwt or tls_client_auth."),
    ("Changer de méthode d'authentification.", "Change the authentication method."),
)
HINT_MISSING = refusal(
    "hint-missing", "R4", "CIBA Core 7.1",
    (400, "invalid_request", "exactly one hint is required"),
    ("La personne n'est pas désignée.", "No hint says who the person is."),
    ("Joindre login_hint (identifiant national), login_hint_token ou id_token_hint.",
     "Send login_hint (national id), login_hint_token or id_token_hint."),
    psc=(400, "invalid_request", "missing parameter : login_hint"),
)
HINT_MANY = refusal(
    "hint-many", "R4", "CIBA Core 7.1",
    (400, "invalid_request", "exactly one hint is required"),
    ("Plusieurs indices désignent la personne.", "Several hints designate the person."),
    ("N'en garder qu'un.", "Keep one."),
)
HINT_INVALID = refusal(
    "hint-invalid", "R5", "CIBA Core 7.1.2, 7.2",
    (400, "invalid_request", "the hint is not acceptable"),
    ("Le jeton d'indice est illisible ou mal signé.", "The hint token cannot be trusted."),
    ("Envoyer un id_token de cet émetteur, ou un login_hint_token signé par le client.",
     "Send an id_token of this issuer, or a login_hint_token signed by the client."),
)
HINT_EXPIRED = refusal(
    "hint-expired", "R5", "CIBA Core 13",
    (400, "expired_login_hint_token", "the login_hint_token has expired"),
    ("Le login_hint_token est expiré.", "The login_hint_token has expired."),
    ("En demander un neuf.", "Get a fresh one."),
)
UNKNOWN_USER = refusal(
    "unknown-user", "R5", "CIBA Core 13",
    (400, "unknown_user_id", "the hint designates no known user"),
    ("Cette personne est inconnue ou désactivée.", "This person is unknown or disabled."),
    ("Utiliser un identifiant national de la population (mss-sandbox psc people).",
     "Use a national id of the population (mss-sandbox psc people)."),
    psc=(400, "invalid_request", "invalid_user"),
)
POLICY_REFUSED = refusal(
    "policy-refused", "R13", "CIBA Core 13",
    (403, "access_denied", "the request is refused by policy"),
    ("La politique refuse cette personne à ce client.", "Policy refuses this person."),
    ("Choisir une autre personne.", "Choose another person."),
)
DEVICE_UNAVAILABLE = refusal(
    "device-unavailable", "R13", "Keycloak issue 14650",
    (503, "server_error", "the authentication device cannot be reached"),
    ("Aucun appareil joignable pour cette personne.", "No device can be reached."),
    ("Rendre un téléphone ou un lecteur à la personne.", "Give the person a device."),
    psc=(503, "server_error", "Failed to send authentication request"),
)
SCOPE_MISSING = refusal(
    "scope-missing", "R3", "CIBA Core 7.1",
    (400, "invalid_request", "scope is required"),
    ("scope manque.", "scope is missing."),
    ("Envoyer scope=openid scope_all.", "Send scope=openid scope_all."),
    psc=(400, "invalid_request", "missing parameter : scope"),
)
SCOPE_OPENID = refusal(
    "scope-openid", "R3", "CIBA Core 7.1",
    (400, "invalid_scope", "scope must contain openid"),
    ("scope ne contient pas openid.", "scope lacks openid."),
    ("Ajouter openid.", "Add openid."),
)
SCOPE_INVALID = refusal(
    "scope-invalid", "R3", "CIBA Core 13",
    (400, "invalid_scope", "an unknown scope is requested"),
    ("Une portée demandée est inconnue.", "A requested scope is unknown."),
    ("Se limiter à scopes_supported de la découverte.", "Keep to scopes_supported."),
    psc=(400, "invalid_scope", "Invalid scopes"),
)
BINDING_MESSAGE = refusal(
    "binding-message", "R8", "CIBA Core 7.1, 13",
    (400, "invalid_binding_message", "the binding_message cannot be displayed"),
    ("Ce binding_message ne peut pas être affiché.", "This binding_message cannot be shown."),
    (("Profil psc : 1 à 50 caractères A-Z a-z 0-9 - . _ + / ! ? # sans espace. Profil core : 1 "
      "à 64 caractères imprimables."),
     ("psc profile: 1 to 50 of A-Z a-z 0-9 - . _ + / ! ? # and no space. core profile: 1 to 64 "
      "printable characters.")),
    psc=(400, "invalid_binding_message", BINDING),
)
BINDING_REQUIRED = refusal(
    "binding-required", "F2", "FAPI-CIBA 5.2.2",
    (400, "invalid_request", "binding_message is required"),
    ("FAPI-CIBA exige ici un binding_message.", "FAPI-CIBA requires a binding_message."),
    ("Montrer à la personne un binding_message et l'envoyer.", "Show and send one."),
)
NOTIFICATION_MISSING = refusal(
    "notification-missing", "R7", "CIBA Core 7.1",
    (400, "invalid_request", "client_notification_token is required in ping and push modes"),
    ("client_notification_token manque.", "client_notification_token is missing."),
    ("En envoyer un, aléatoire, de 160 bits.", "Send a random one of 160 bits."),
    psc=(400, "invalid_request",
         "Client Notification token needs to be provided with the ping mode"),
)
NOTIFICATION_REFUSED = refusal(
    "notification-refused", "R7", "Keycloak, BackchannelAuthenticationEndpoint",
    (400, "invalid_request", "client_notification_token is not for poll mode"),
    ("Keycloak refuse client_notification_token en mode poll.",
     "Keycloak refuses client_notification_token in poll mode."),
    ("Ne pas l'envoyer en mode poll.", "Leave it out in poll mode."),
    psc=(400, "invalid_request", "Client Notification token supported only for the ping mode"),
)
NOTIFICATION_LONG = refusal(
    "notification-long", "R7", "CIBA Core 7.1",
    (400, "invalid_request", "client_notification_token is limited to 1024 characters"),
    ("client_notification_token trop long.", "client_notification_token is too long."),
    ("Rester sous 1024 caractères.", "Stay within 1024 characters."),
    psc=(400, "invalid_request", "Client Notification token length is limited to 1024 characters"),
)
NOTIFICATION_WEAK = refusal(
    "notification-weak", "R7", "CIBA Core 7.1; RFC 6750 2.1",
    (400, "invalid_request", "client_notification_token is not a Bearer token of 128 bits"),
    ("client_notification_token n'a pas la syntaxe Bearer ou pas 128 bits d'aléa.",
     "client_notification_token lacks Bearer syntax or 128 bits of entropy."),
    ("Utiliser au moins 22 caractères base64url aléatoires.", "Use 22 random characters."),
)
USER_CODE_MISSING = refusal(
    "user-code-missing", "R9", "CIBA Core 13",
    (400, "missing_user_code", "user_code is required"),
    ("Le code de la personne manque.", "The person's user code is missing."),
    ("Demander son code à la personne et l'envoyer.", "Ask the person for it and send it."),
)
USER_CODE_WRONG = refusal(
    "user-code-wrong", "R9", "CIBA Core 13",
    (400, "invalid_user_code", "user_code is wrong"),
    ("Le code de la personne est faux.", "The person's user code is wrong."),
    ("Ressaisir le code.", "Enter the code again."),
)
USER_CODE_REFUSED = refusal(
    "user-code-refused", "R9", "Keycloak, BackchannelAuthenticationEndpoint",
    (400, "invalid_request", "user_code is not supported for this client"),
    ("user_code n'est pas pris en charge ici.", "user_code is not supported here."),
    ("Ne pas envoyer user_code.", "Leave user_code out."),
    psc=(400, "invalid_request", "User code not supported"),
)
EXPIRY_INVALID = refusal(
    "expiry-invalid", "R10", "CIBA Core 7.1",
    (400, "invalid_request", "requested_expiry must be a positive integer"),
    ("requested_expiry n'est pas un entier positif.", "requested_expiry is not positive."),
    ("Envoyer un nombre de secondes, par exemple 120.", "Send seconds, as 120."),
)
CHANNEL_INVALID = refusal(
    "channel-invalid", "R13", "domain.md 4.2 (ANS)",
    (400, "invalid_request", "channel must be CARD or MOBILE"),
    ("channel vaut autre chose que CARD ou MOBILE.", "channel is neither CARD nor MOBILE."),
    ("Envoyer channel=CARD, channel=MOBILE, ou rien.", "Send CARD, MOBILE, or nothing."),
)
SIGNED_REQUIRED = refusal(
    "signed-required", "R12 F3", "FAPI-CIBA 5.2.2",
    (400, "invalid_request", "a signed authentication request is required"),
    ("La requête doit être signée.", "The request must be signed."),
    ("Mettre tous les paramètres dans un JWT signé, paramètre request.", "Send a JWT."),
)
SIGNED_REFUSED = refusal(
    "signed-refused", "R12", "CIBA Core 7.1.1",
    (400, "invalid_request", "signed authentication requests are not accepted"),
    ("Les requêtes signées ne sont pas acceptées.", "Signed requests are not accepted."),
    ("Envoyer les paramètres en clair dans le formulaire.", "Send form parameters."),
)
SIGNED_OUTSIDE = refusal(
    "signed-outside", "R12", "CIBA Core 7.1.1",
    (400, "invalid_request", "request parameters must not be outside of the signed request"),
    ("Un paramètre est resté hors du JWT.", "A parameter was left outside the JWT."),
    ("Tout mettre dans le JWT, hors authentification du client.", "Put all in the JWT."),
)
SIGNED_INVALID = refusal(
    "signed-invalid", "R12 F4 F5", "CIBA Core 7.1.1; FAPI-CIBA 5.2.2",
    (400, "invalid_request", "the signed authentication request is not acceptable"),
    ("Le JWT de la requête est refusé.", "The request JWT is refused."),
    (("iss = client_id, aud contient l'émetteur, exp, iat, nbf, jti ; algorithme et clé "
      "enregistrés ; 60 minutes au plus entre nbf et exp en FAPI."),
     ("iss = client_id, aud contains the issuer, exp, iat, nbf, jti; registered algorithm and "
      "key; 60 minutes at most from nbf to exp in FAPI.")),
)
