"""How a proved identity becomes a login: the other half of what a design leaves open.

A design says where (names, addresses, ports, certificates, who is asked for a certificate), a
login policy says by which SASL mechanisms; every policy can be crossed with every design. One
comparison applies one policy to all of its designs, so that they differ by where alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.space.designs import PROTOCOLS, Design, Endpoint
from sandbox.space.errors import UserError
from sandbox.space.methods import METHODS, Mechanism, Method

__all__ = ["BUILT_IN_POLICIES", "LoginPolicy"]

Offers = Mapping[Method, tuple[Mechanism, ...]]


@dataclass(frozen=True, slots=True)
class LoginPolicy:
    """One rule for logging in, the same at every endpoint of every design.

    Attributes:
        name: unique.
        label, english: one line for reports.
        mechanisms: protocol -> method -> SASL mechanisms, preferred first; NONE is the
            certificate alone (PREAUTH over IMAP, MAIL without AUTH over SMTP).
    """

    name: str
    label: str
    english: str
    mechanisms: Mapping[str, Offers]

    def __post_init__(self) -> None:
        """Check that each method has mechanisms that can carry it.

        Raises:
            UserError: a method has none, or one that cannot say who it is.
        """
        for protocol in PROTOCOLS:
            for method in Method:
                offered = self.mechanisms.get(protocol, {}).get(method, ())
                able = METHODS[method].mechanisms
                wrong = [each for each in offered if each not in able]
                if wrong or not offered:
                    french, english = "aucun mécanisme", "no mechanism"
                    if wrong:
                        french, english = (
                            f"{wrong[0]} ne la porte pas",
                            f"{wrong[0]} cannot carry it",
                        )
                    raise UserError(
                        f"{french} ; en donner parmi",
                        f"{english}; give one or more of",
                        where=f"login_policies.{self.name}.{protocol}.{method}",
                        then=", ".join(able),
                    )

    def ways(self, endpoint: Endpoint, method: Method) -> tuple[Mechanism, ...]:
        """Return the mechanisms by which a method can log in at an endpoint, preferred first.

        Over IMAP the certificate alone is greeted with PREAUTH (RFC 9051 section 7.1.4), which
        leaves no choice to the client, and which STARTTLS excludes: the greeting comes first.
        """
        offered = self.mechanisms[endpoint.protocol][method]
        if endpoint.protocol == "imap" and Mechanism.NONE in offered:
            if endpoint.tls == "implicit":
                return (Mechanism.NONE,)
            return tuple(each for each in offered if each is not Mechanism.NONE)
        return offered

    def offered(self, endpoint: Endpoint) -> tuple[Mechanism, ...]:
        """Return all that an endpoint offers, for the methods that it serves."""
        return tuple(
            dict.fromkeys(m for each in endpoint.methods for m in self.ways(endpoint, each))
        )

    def check(self, design: Design) -> None:
        """Check that every method can log in under a design.

        Raises:
            UserError: the policy leaves a method without mechanism at an endpoint.
        """
        for endpoint in design.endpoints:
            for method in endpoint.methods:
                if not self.ways(endpoint, method):
                    raise UserError(
                        f"NONE seul la laisse sans mécanisme à l'endpoint {endpoint.name} de "
                        f"l'architecture {design.name}, en STARTTLS ; ajouter EXTERNAL",
                        f"NONE alone leaves it without mechanism at endpoint {endpoint.name} of "
                        f"design {design.name}, which uses STARTTLS; add EXTERNAL",
                        where=f"login_policies.{self.name}.{endpoint.protocol}.{method}",
                    )


def _policy(
    name: str, label: str, english: str, *,
    certificate: tuple[Mechanism, ...], telephone: tuple[Mechanism, ...],
) -> LoginPolicy:  # fmt: skip
    offers = {
        Method.CPS: certificate,
        Method.TOTP: (Mechanism.PLAIN,),
        Method.ECPS: telephone,
        Method.SMS: (Mechanism.PLAIN,),
        Method.CERTIFICATE: certificate,
    }
    return LoginPolicy(name, label, english, dict.fromkeys(PROTOCOLS, offers))


_EXTERNAL = (Mechanism.EXTERNAL,)
_HELD = (Mechanism.PLAIN, Mechanism.XOAUTH2)  # the deck's CIBA proxy holds the login
BUILT_IN_POLICIES: dict[str, LoginPolicy] = {
    policy.name: policy
    for policy in (
        _policy(
            "external", "SASL partout : EXTERNAL pour un certificat",
            "SASL everywhere: EXTERNAL for a certificate",
            certificate=_EXTERNAL, telephone=_HELD,
        ),
        _policy(
            "certificate-alone", "Le certificat seul connecte (PREAUTH, MAIL sans AUTH)",
            "The certificate alone logs in (PREAUTH, MAIL without AUTH)",
            certificate=(Mechanism.NONE, Mechanism.EXTERNAL), telephone=_HELD,
        ),
        # ECO.1.2.1 of the référentiel clients: SASL XOAUTH2 with the PSC access token.
        _policy(
            "xoauth2", "SASL partout : jeton PSC (XOAUTH2) pour l'eCPS, EXTERNAL sinon",
            "SASL everywhere: PSC token (XOAUTH2) for the eCPS, EXTERNAL else",
            certificate=_EXTERNAL, telephone=(Mechanism.XOAUTH2,),
        ),
    )
}  # fmt: skip
