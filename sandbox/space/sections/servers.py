"""What operators and national services run and allow, and what fails."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sandbox.space.errors import BadValueError
from sandbox.space.sections.base import Positive, Seconds, Section, Share

__all__ = [
    "Backends",
    "DirectoryBackend",
    "IncidentTable",
    "Incidents",
    "Network",
    "Outage",
    "Processor",
    "Psc",
    "Relay",
    "Resources",
    "Servers",
    "ServiceLevel",
    "SizeClass",
    "SmsGateway",
]


class Network(Section):
    """Names and paths."""

    dns_ttl: Seconds
    dns_hit: Seconds
    dns_miss: Seconds
    dns_users: Positive
    tls13_server: bool


class Processor(Section):
    """Processor seconds of one core."""

    tls_full: Positive
    tls_client_certificate: Positive
    tls_resumed: Positive
    login: Positive
    password: Positive
    imap_session: Positive
    submission: Positive
    relay: Positive


class Servers(Section):
    """The servers of an operator.

    Attributes:
        front_cores, store_cores: where logins are made, where mail is kept.
        imap_connections, smtp_connections: served at once.
    """

    front_cores: Annotated[int, Field(ge=1, le=1024)]
    store_cores: Annotated[int, Field(ge=1, le=1024)]
    imap_connections: Annotated[int, Field(ge=1, le=10_000_000)]
    smtp_connections: Annotated[int, Field(ge=1, le=10_000_000)]


class SizeClass(Servers):
    """The servers of an operator that has at most `mailboxes`."""

    mailboxes: Positive


class Resources(Section):
    """What operators run, by size class, how endpoints share it, what one client may take."""

    placement: Literal["dedicated", "shared"]
    misjudged: Share
    user_connections: Annotated[int, Field(ge=1, le=1_000_000)]
    address_imap_connections: Annotated[int, Field(ge=1, le=1_000_000)]
    address_smtp_connections: Annotated[int, Field(ge=1, le=1_000_000)]
    small: SizeClass
    medium: SizeClass
    large: SizeClass
    national: Servers

    @model_validator(mode="after")
    def classes_grow(self) -> Self:
        """An operator belongs to one class."""
        if not self.small.mailboxes < self.medium.mailboxes < self.large.mailboxes:
            raise BadValueError(
                "il faut", "needed:", then="small.mailboxes < medium.mailboxes < large.mailboxes"
            )
        return self


class ServiceLevel(Section):
    """What makes a design break, for its headroom."""

    added_latency: Positive
    refused: Annotated[float, Field(gt=0, le=1)]


class Psc(Section):
    """Pro Santé Connect, national."""

    servers: Annotated[int, Field(ge=1, le=10_000)]
    authentication: Positive
    token: Positive
    poll: Positive
    introspection: Positive
    rtt: Seconds
    timeout: Annotated[float, Field(gt=0, le=600)]


class SmsGateway(Section):
    """The SMS gateways, national."""

    servers: Annotated[int, Field(ge=1, le=10_000)]
    send: Positive


class DirectoryBackend(Section):
    """The annuaire santé, national."""

    servers: Annotated[int, Field(ge=1, le=10_000)]
    lookup: Positive
    rtt: Seconds
    miss: Share


class CitizensBackend(Section):
    """The relay of Mon espace santé, national."""

    servers: Annotated[int, Field(ge=1, le=10_000)]


class Backends(Section):
    """What all operators share."""

    psc: Psc
    sms: SmsGateway
    directory: DirectoryBackend
    citizens: CitizensBackend


class Relay(Section):
    """Between operators (API MSS-IO)."""

    queue_mean: Positive
    rtt: Seconds


class Outage(Section):
    """A back end that does not answer for a while."""

    backend: Literal["psc"]
    start: datetime
    minutes: Annotated[float, Field(gt=0, le=366 * 1440)]


class IncidentTable(Section):
    """How often something fails, and for how long."""

    per_year: Annotated[float, Field(ge=0, le=365)]
    minutes: Annotated[float, Field(gt=0, le=7 * 1440)]


class Incidents(Section):
    """What fails: by kind, how often each thing does; how connections come back."""

    endpoint: IncidentTable
    host: IncidentTable
    certificate: IncidentTable
    name: IncidentTable
    attack: IncidentTable
    deployment: IncidentTable
    psc: IncidentTable
    sms: IncidentTable
    directory: IncidentTable
    spreads: Share
    back_off: Positive
