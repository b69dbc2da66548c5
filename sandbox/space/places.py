"""An endpoint of a design where it stands at one operator: one value from zone to listener."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.space.designs import Endpoint
from sandbox.space.methods import Method

__all__ = ["Place"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an endpoint stands.

    Attributes:
        operator: its label.
        design: name of the design; empty for the relay, which belongs to none.
        endpoint: what stands there.
        host: FQDN.
        address: loopback address.
        port: TCP port, offset included; 0 for any free one.
        slots: connections at once; 0 where nothing bounds them but the door.
    """

    operator: str
    design: str
    endpoint: Endpoint
    host: str
    address: str
    port: int
    slots: int = 0

    @property
    def name(self) -> str:
        """The endpoint's name within its design."""
        return self.endpoint.name

    @property
    def protocol(self) -> str:
        """Of the endpoint: imap, smtp or relay."""
        return self.endpoint.protocol

    @property
    def methods(self) -> tuple[Method, ...]:
        """What can be proved there."""
        return self.endpoint.methods

    @property
    def tls(self) -> str:
        """Of the endpoint: implicit, or starttls."""
        return self.endpoint.tls

    @property
    def client_certificate(self) -> str:
        """Of the endpoint: none, optional or required."""
        return self.endpoint.client_certificate

    @property
    def certificate(self) -> str:
        """Path of the certificate under the folder of certificates."""
        parts = (self.operator, self.design, self.endpoint.certificate)
        return "/".join(part for part in parts if part)
