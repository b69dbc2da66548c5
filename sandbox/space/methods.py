"""The authentication methods, and what each needs on the wire. Terms are in docs/glossary.md."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

__all__ = ["CAPABILITIES", "METHODS", "Feature", "Mechanism", "Method", "MethodFacts"]


class Method(StrEnum):
    """How a person or an application proves who it is."""

    CPS = "cps"  # health professional's card, checked by the operator
    TOTP = "totp"  # one-time code, RFC 6238
    ECPS = "ecps"  # telephone app through Pro Santé Connect
    SMS = "ciba-operateur"  # the operator's own CIBA: a link in an SMS
    CERTIFICATE = "certificat"  # IGC-Santé certificate of a legal person


class Mechanism(StrEnum):
    """SASL mechanisms; NONE is a client certificate alone."""

    PLAIN = "PLAIN"
    EXTERNAL = "EXTERNAL"
    XOAUTH2 = "XOAUTH2"
    NONE = "NONE"


class Feature(IntEnum):
    """What mail software can do or suffers from: bits of an access."""

    IMAP_PLAIN = 1 << 0
    SMTP_PLAIN = 1 << 1
    IMAP_EXTERNAL = 1 << 2
    SMTP_EXTERNAL = 1 << 3
    IMAP_ALONE = 1 << 4  # goes on when greeted with PREAUTH
    SMTP_ALONE = 1 << 5  # sends MAIL without AUTH
    IMAP_XOAUTH2 = 1 << 6
    SMTP_XOAUTH2 = 1 << 7
    PORT_SETTING = 1 << 8
    HOST_SETTING = 1 << 9  # another host than the operator's usual one can be set
    SNI = 1 << 10  # names the host in the TLS handshake
    REQUEST_FAILS = 1 << 11  # fails when asked for a certificate that it does not need
    REQUEST_PROMPTS = 1 << 12  # shows a dialogue instead
    TLS13 = 1 << 13
    RESUMES = 1 << 14  # TLS sessions
    PORT_BLOCKED = 1 << 15  # of the site, not of the software
    HAS_OWN = 1 << 16  # a shared mailbox, whose holder has one of her own: a card opens that


# Names of the columns of data/products.csv and of the rows of data/capabilities.csv.
CAPABILITIES: dict[str, Feature] = {
    "imap_plain": Feature.IMAP_PLAIN,
    "smtp_plain": Feature.SMTP_PLAIN,
    "imap_external": Feature.IMAP_EXTERNAL,
    "smtp_external": Feature.SMTP_EXTERNAL,
    "imap_alone": Feature.IMAP_ALONE,
    "smtp_alone": Feature.SMTP_ALONE,
    "imap_xoauth2": Feature.IMAP_XOAUTH2,
    "smtp_xoauth2": Feature.SMTP_XOAUTH2,
    "port_setting": Feature.PORT_SETTING,
    "host_setting": Feature.HOST_SETTING,
    "sni": Feature.SNI,
    "certificate_request_fails": Feature.REQUEST_FAILS,
    "certificate_request_prompts": Feature.REQUEST_PROMPTS,
    "tls13": Feature.TLS13,
    "resumes": Feature.RESUMES,
}


@dataclass(frozen=True, slots=True)
class MethodFacts:
    """What a method needs.

    Attributes:
        label: French name for reports; english: English name.
        client_certificate: the TLS handshake carries the identity.
        mechanisms: SASL mechanisms that can carry it.
    """

    label: str
    english: str
    client_certificate: bool
    mechanisms: tuple[Mechanism, ...]


METHODS: dict[Method, MethodFacts] = {
    Method.CPS: MethodFacts(
        "CPS via opérateur",
        "CPS card at the operator",
        client_certificate=True,
        mechanisms=(Mechanism.NONE, Mechanism.EXTERNAL),
    ),
    Method.TOTP: MethodFacts(
        "OTP (TOTP)",
        "One-time code (TOTP)",
        client_certificate=False,
        mechanisms=(Mechanism.PLAIN,),
    ),
    Method.ECPS: MethodFacts(
        "eCPS via PSC CIBA",
        "eCPS through PSC CIBA",
        client_certificate=False,
        mechanisms=(Mechanism.XOAUTH2, Mechanism.PLAIN),
    ),
    Method.SMS: MethodFacts(
        "CIBA opérateur (SMS)",
        "Operator's CIBA (SMS)",
        client_certificate=False,
        mechanisms=(Mechanism.PLAIN,),
    ),
    Method.CERTIFICATE: MethodFacts(
        "Certificat IGC-Santé",
        "IGC-Santé certificate",
        client_certificate=True,
        mechanisms=(Mechanism.NONE, Mechanism.EXTERNAL),
    ),
}
