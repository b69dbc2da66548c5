"""Who connects, how, and as whom: the plain values that protocols and methods share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sandbox.operators.refusals import LoginRefusal
from sandbox.space.methods import Mechanism, Method

__all__ = [
    "ON_THE_WIRE",
    "Accepted",
    "Actor",
    "CertificateCredentials",
    "Channel",
    "Credentials",
    "PasswordCredentials",
    "Rejected",
    "SaslName",
    "TokenCredentials",
]


class SaslName(StrEnum):
    """SASL mechanisms on the wire, and NONE: the client certificate logs in alone (`login`).

    Where NONE is, EXTERNAL is taken too: from who has to name a mailbox, or was refused.
    """

    PLAIN = "PLAIN"
    LOGIN = "LOGIN"
    EXTERNAL = "EXTERNAL"
    XOAUTH2 = "XOAUTH2"
    OAUTHBEARER = "OAUTHBEARER"
    NONE = "NONE"


# What a mechanism of a login policy is on the wire.
ON_THE_WIRE: dict[Mechanism, tuple[SaslName, ...]] = {
    Mechanism.PLAIN: (SaslName.PLAIN, SaslName.LOGIN),
    Mechanism.EXTERNAL: (SaslName.EXTERNAL,),
    Mechanism.XOAUTH2: (SaslName.XOAUTH2, SaslName.OAUTHBEARER),
    Mechanism.NONE: (SaslName.NONE,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One connection, as far as authentication has to know it.

    Attributes:
        operator: label of the operator.
        design: name of the design; empty for the relay.
        endpoint: name within the design.
        host: FQDN of the endpoint.
        port: TCP port that it listens on.
        protocol: imap, smtp or relay.
        methods: what can be proved here.
        mechanisms: what is offered here once TLS protects the connection.
        client: address of the peer.
        client_port: its port, 0 where there is no connection of its own.
        session: names the connection in the journal.
        tls: protocol version (`TLSv1.3`), empty before TLS.
        resumed: whether the TLS session was resumed.
        certificate: the peer's certificate (DER) that TLS verified against the bundle, or None.
        connected: when TCP accepted, seconds since 1970; 0 where there is no connection.
        tls_seconds: length of the handshake; 0 before TLS.
    """

    operator: str
    design: str
    endpoint: str
    host: str
    port: int
    protocol: str
    methods: tuple[Method, ...]
    mechanisms: tuple[SaslName, ...]
    client: str
    client_port: int = 0
    session: str = ""
    tls: str = ""
    resumed: bool = False
    certificate: bytes | None = None
    connected: float = 0.0
    tls_seconds: float = 0.0

    def takes(self, mechanism: SaslName) -> bool:
        """Tell whether a mechanism logs in here."""
        also = SaslName.NONE if mechanism is SaslName.EXTERNAL else mechanism
        return mechanism in self.mechanisms or also in self.mechanisms


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordCredentials:
    """PLAIN (RFC 4616), LOGIN, or IMAP's LOGIN command. Never printed: `repr` hides the secret."""

    mechanism: SaslName
    authcid: str
    password: str
    authzid: str = ""

    def __repr__(self) -> str:
        return f"PasswordCredentials({self.mechanism}, {self.authcid!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCredentials:
    """XOAUTH2, or OAUTHBEARER (RFC 7628): a PSC access token for a mailbox."""

    mechanism: SaslName
    user: str
    token: str

    def __repr__(self) -> str:
        return f"TokenCredentials({self.mechanism}, {self.user!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateCredentials:
    """EXTERNAL (RFC 4422 appendix A) or the certificate alone; `authzid` is a mailbox or empty."""

    mechanism: SaslName
    authzid: str = ""


Credentials = PasswordCredentials | TokenCredentials | CertificateCredentials


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts on which mailbox: a holder of an ORG mailbox acts under his own identity.

    Attributes:
        mailbox: address, lower case.
        identity: national identifier of the person, or OU of the legal person (`1`+FINESS...).
        name: as the journal shows it.
        method: what was proved.
        expires_at: seconds since 1970 when the session has to end (life of the token), or None.
    """

    mailbox: str
    identity: str
    name: str
    method: Method
    expires_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The login is good.

    `backend` and `person` are the seconds of it that were spent on back ends (Pro Santé Connect,
    directory, OCSP, SMS gateway) and on the person's own gesture.
    """

    actor: Actor
    backend: float = 0.0
    person: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The login is refused, and the journal has been told why.

    Attributes:
        refusal: why, and what the wire says.
        method: the method that was tried, where that can be told.
        challenge: what XOAUTH2 and OAUTHBEARER send before the refusal (RFC 7628 §3.2.2), else b"".
        backend: as in `Accepted`.
        person: as in `Accepted`.
    """

    refusal: LoginRefusal
    method: Method | None = None
    challenge: bytes = b""
    backend: float = 0.0
    person: float = 0.0
