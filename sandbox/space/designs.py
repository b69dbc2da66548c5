"""Designs as data: which endpoint serves which protocol and method, and what follows from it.

A design says where; how one logs in there is a login policy (`login_policies.py`).
From one `Design` follow the listeners, the DNS records, the certificates, the stations of the
simulation and the costs. Adding a design is one value here, or one table in a scenario.
The operator's own CIBA is the deck's second OTP option: it shares the endpoint of the OTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

from sandbox.space.errors import UserError
from sandbox.space.methods import METHODS, Method

__all__ = ["BUILT_IN", "PROTOCOLS", "Design", "Endpoint"]

PROTOCOLS = ("imap", "smtp")
IMPLICIT = {"imap": (993,), "smtp": (465,)}
STARTTLS = {"imap": (143,), "smtp": (587,)}
ALL = tuple(Method)
OTP = (Method.TOTP, Method.SMS)
CLASSES: dict[str, tuple[Method, ...]] = {
    "cps": (Method.CPS,),
    "otp": OTP,
    "ciba": (Method.ECPS,),
    "certificat": (Method.CERTIFICATE,),
}
TYPED_OR_PROVED = {
    "otp-ciba": (*OTP, Method.ECPS),
    "cps": CLASSES["cps"],
    "certificat": CLASSES["certificat"],
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One listener of an operator.

    Attributes:
        name: unique within the design.
        protocol: imap or smtp.
        methods: what can be proved here.
        host: FQDN, `{operator}` stands for the operator's label under the suffix.
        address: label of the public address it answers on.
        port: TCP port.
        certificate: label of the certificate it presents.
        tls: implicit, or starttls.
        client_certificate: none, optional (every client is asked) or required.
    """

    name: str
    protocol: str
    methods: tuple[Method, ...]
    host: str
    address: str
    port: int
    certificate: str
    tls: str
    client_certificate: str

    @property
    def standard_port(self) -> bool:
        """Whether firewalls know the port as this protocol's."""
        return self.port in IMPLICIT[self.protocol] + STARTTLS[self.protocol]

    def check_client_certificate(self) -> None:
        """Check that who has a certificate is asked for it, and who has none can do without.

        Raises:
            UserError: a method cannot pass the TLS handshake of this endpoint.
        """
        refused = {"none": True, "required": False}.get(self.client_certificate)
        for method in self.methods:
            if METHODS[method].client_certificate is refused:
                raise UserError(
                    f"{method} ne peut se connecter là où client_certificate vaut "
                    f"{self.client_certificate} ; mettre optional",
                    f"{method} cannot log in where client_certificate is "
                    f"{self.client_certificate}; make it optional",
                    where=f"designs: endpoint {self.name}",
                )


@dataclass(frozen=True, slots=True)
class Design:
    """One way to offer the methods.

    Attributes:
        name: unique.
        label, english: one line for reports.
        endpoints: the listeners of one operator.
        discovery: how software finds its endpoint: srv, or urls held by the editor.
        shared_front: all endpoints stand behind one proxy, whatever the placement.
    """

    name: str
    label: str
    english: str
    endpoints: tuple[Endpoint, ...]
    discovery: str = "urls"
    shared_front: bool = False

    def __post_init__(self) -> None:
        """Check that every method is served once by each protocol.

        Raises:
            UserError: a method has no endpoint, or more than one.
        """
        for protocol in PROTOCOLS:
            for method in Method:
                serving = [e for e in self.endpoints
                           if e.protocol == protocol and method in e.methods]  # fmt: skip
                if len(serving) != 1:
                    found = ", ".join(e.name for e in serving) or "aucun / none"
                    raise UserError(
                        "exactement un endpoint doit servir cette méthode, et non",
                        "exactly one endpoint must serve this method, not",
                        where=f"designs: {self.name}: {protocol}, {method}",
                        then=found,
                    )
        names = [e.name for e in self.endpoints]
        if len(set(names)) != len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise UserError(
                "deux endpoints portent le nom",
                "two endpoints have the name",
                where=f"designs: {self.name}",
                then=twice,
            )
        for endpoint in self.endpoints:
            endpoint.check_client_certificate()
        places = [(e.address, e.port, e.host if self.shared_front else "") for e in self.endpoints]
        if len(set(places)) != len(places):
            raise UserError(
                "deux endpoints partagent une adresse et un port",
                "two endpoints share one address and port",
                where=f"designs: {self.name}",
            )

    def endpoint(self, protocol: str, method: Method) -> Endpoint:
        """Return the endpoint that serves a method."""
        return next(e for e in self.endpoints if e.protocol == protocol and method in e.methods)

    @property
    def certificates(self) -> int:
        """Server certificates that an operator keeps."""
        return len({e.certificate for e in self.endpoints})

    @property
    def dns_records(self) -> int:
        """Names that an operator registers."""
        return len({e.host for e in self.endpoints})

    @property
    def public_addresses(self) -> int:
        """Public addresses that an operator needs."""
        return len({e.address for e in self.endpoints})

    @property
    def firewall_openings(self) -> int:
        """Non-standard ports that a client site must open."""
        return len({(e.address, e.port) for e in self.endpoints if not e.standard_port})

    @property
    def editor_urls(self) -> int:
        """Places (host and port) that an editor must hold for each operator; 0 with discovery."""
        return 0 if self.discovery == "srv" else len({(e.host, e.port) for e in self.endpoints})


def _client_certificate(methods: tuple[Method, ...]) -> str:
    needing = [METHODS[m].client_certificate for m in methods]
    return "required" if all(needing) else "optional" if any(needing) else "none"


def _endpoints(
    classes: Mapping[str, tuple[Method, ...]],
    host: str,
    place: str,
    ports: Mapping[str, Sequence[int]],
    tls: str = "implicit",
) -> tuple[Endpoint, ...]:
    """One endpoint for each protocol and class of methods.

    Args:
        classes: by label, what is proved there; the label "" adds nothing to the name.
        host, place: FQDN, and label of address and certificate; `{p}` stands for the protocol and
            `{c}` for the class.
        ports: of each protocol: one for every class, or one that all share.
        tls: implicit, or starttls.
    """
    return tuple(
        Endpoint(
            name=f"{protocol}.{label}".rstrip("."), protocol=protocol, methods=methods,
            host=host.format(p=protocol, c=label) + ".{operator}",
            address=place.format(p=protocol, c=label), port=port,
            certificate=place.format(p=protocol, c=label), tls=tls,
            client_certificate=_client_certificate(methods),
        )
        for protocol in PROTOCOLS
        for (label, methods), port in zip(classes.items(), cycle(ports[protocol]))
    )  # fmt: skip


BUILT_IN: dict[str, Design] = {
    design.name: design
    for design in (
        Design(
            "single-endpoint",
            "Un seul endpoint, SASL",
            "One endpoint, SASL",
            _endpoints({"": ALL}, "{p}", "{p}", IMPLICIT),
        ),
        Design(
            "multi-endpoint",
            "Un FQDN par méthode",
            "One FQDN per method",
            _endpoints(CLASSES, "front{p}.{c}", "{p}.{c}", IMPLICIT),
        ),
        Design(
            "multi-port",
            "Un port par méthode",
            "One port per method",
            _endpoints(
                CLASSES, "{p}", "{p}", {"imap": range(10143, 10147), "smtp": range(10587, 10591)}
            ),
        ),
        Design(
            "multi-endpoint-sni",
            "Un FQDN par méthode, une adresse, un certificat (SNI)",
            "One FQDN per method, one address, one certificate (SNI)",
            _endpoints(CLASSES, "front{p}.{c}", "front", IMPLICIT),
            shared_front=True,
        ),
        Design(
            "api-lps-2023",
            "API LPS 2023 : un nom par méthode, STARTTLS, SRV",
            "API LPS 2023: one name per method, STARTTLS, SRV",
            _endpoints(CLASSES, "mail-{c}", "{c}", STARTTLS, "starttls"),
            discovery="srv",
        ),
        Design(
            "multi-port-codes",
            "OTP et eCPS sur 993/465, certificats sur d'autres ports",
            "OTP and eCPS on 993/465, certificates on other ports",
            _endpoints(
                TYPED_OR_PROVED,
                "{p}",
                "{p}",
                {"imap": (993, 10143, 10146), "smtp": (465, 10587, 10590)},
            ),
        ),
    )
}
