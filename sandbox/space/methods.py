"""The authentication methods, and what each needs on the wire. Terms are in docs/glossary.md."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

__all__ = ["METHODS", "Feature", "Mechanism", "Method", "MethodFacts"]


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

    EXTERNAL = 1
    XOAUTH2 = 2
    PORT_SETTING = 4
    METHOD_URL = 8
    REQUEST_FAILS = 16
    REQUEST_PROMPTS = 32
    TLS13 = 64
    PORT_BLOCKED = 128  # of the site, not of the software
    ALONE_IMAP = 256  # goes on when greeted with PREAUTH
    ALONE_SMTP = 512  # sends MAIL without AUTH
    RESUMES = 1024  # TLS sessions


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
