"""Refusals of the certificate that a client shows, whatever it asks (RFC 8705; FAPI 1.0)."""

from __future__ import annotations

from sandbox.psc.refusals import Refusal, refusal

# fmt: off
CERTIFICATE_ABSENT = refusal(
    "certificate-absent", "F8", "RFC 8705 2; FAPI 1.0 part 2, 5.2.2 (6)",
    (401, "invalid_client", "a client certificate is required here"),
    ("Le client n'a présenté aucun certificat sur le port qui en demande un.",
     "The client presented no certificate on the port that asks for one."),
    ("Présenter un certificat des autorités de l'espace, ou appeler l'adresse principale.",
     "Present a certificate of the space's authorities, or call the main address."),
)


def _shown(
    name: str, clause: str, what: tuple[str, str], remedy: tuple[str, str] | None = None
) -> Refusal:
    """Write the row of a certificate that is shown and refused: on the wire, all are alike."""
    return refusal(
        name,
        "F8",
        f"{clause}; FAPI 1.0 part 2, 5.2.2 (6)",
        (401, "invalid_client", "the client certificate is not accepted"),
        what,
        remedy
        or (
            "Présenter un certificat des autorités de l'espace (`ca` de psc.json, pki issue).",
            "Present a certificate of the space's authorities (`ca` of psc.json, pki issue).",
        ),
    )


CERTIFICATE_UNREADABLE = _shown(
    "certificate-unreadable", "RFC 5280 4.1",
    ("Le certificat du client est illisible.", "The client's certificate cannot be read."),
)
CERTIFICATE_WEAK_KEY = _shown(
    "certificate-weak-key", "RFC 8705 2; BCP 195",
    ("La clé du certificat du client est trop faible.",
     "The key of the client's certificate is too weak."),
)
CERTIFICATE_UNTRUSTED = _shown(
    "certificate-untrusted", "RFC 5280 6",
    ("Aucune autorité de l'espace n'a signé le certificat du client.",
     "No authority of the space signed the client's certificate."),
)
CERTIFICATE_EXPIRED = _shown(
    "certificate-expired", "RFC 5280 4.1.2.5",
    ("Le certificat du client est hors de ses dates.",
     "The client's certificate is outside of its dates."),
    ("Le renouveler (pki issue), ou régler l'horloge.", "Renew it (pki issue), or set the clock."),
)
CERTIFICATE_WRONG_USAGE = _shown(
    "certificate-wrong-usage", "RFC 5280 4.2.1.3, 4.2.1.12",
    ("Le certificat du client n'est pas fait pour s'authentifier.",
     "The client's certificate is not made to authenticate a client."),
    ("Un certificat avec digitalSignature et clientAuth (ORG AUTH_CLI).",
     "A certificate with digitalSignature and clientAuth (ORG AUTH_CLI)."),
)
CERTIFICATE_REVOKED = _shown(
    "certificate-revoked", "RFC 5280 5; RFC 6960",
    ("Le certificat du client est révoqué.", "The client's certificate is revoked."),
    ("En demander un autre (pki issue).", "Ask for another (pki issue)."),
)
REVOCATION_UNKNOWN = _shown(
    "certificate-revocation-unknown", "RFC 6960 2.2",
    ("Ni OCSP ni CRL ne disent si le certificat du client est révoqué.",
     "Neither OCSP nor CRL says whether the client's certificate is revoked."),
    ("Rétablir l'un ou l'autre, puis réessayer.", "Restore either, then try again."),
)
