"""What can fail at an operator or above it, and which endpoints a failure takes with it. Pure.

From a design follows what its endpoints have in common: a certificate, a name, an address, a host.
Each such thing fails at its own rate, so that eight certificates expire more often than two, and
each takes fewer people with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from sandbox.space.designs import Design, Endpoint
from sandbox.space.methods import Method

__all__ = ["NATIONAL_INCIDENTS", "STRIKES", "Incident", "Thing", "things_that_fail"]

STRIKES = 10  # o'clock on a working day


class Incident(StrEnum):
    """Kinds of incident; the value is the key of its rate and duration in a scenario."""

    ENDPOINT = "endpoint"  # one listener down
    HOST = "host"  # one front host down
    CERTIFICATE = "certificate"  # a server certificate expired
    NAME = "name"  # a name gone from the DNS
    ATTACK = "attack"  # an address attacked
    DEPLOYMENT = "deployment"  # a bad deployment of one method
    PSC = "psc"  # Pro Santé Connect down
    SMS = "sms"  # the SMS gateways down
    DIRECTORY = "directory"  # the annuaire santé down


NATIONAL_INCIDENTS = {
    Incident.PSC: "psc", Incident.SMS: "sms", Incident.DIRECTORY: "directory",
}  # fmt: skip
COMMON: dict[Incident, Callable[[Endpoint], str]] = {
    Incident.ENDPOINT: lambda endpoint: endpoint.name,
    Incident.CERTIFICATE: lambda endpoint: endpoint.certificate,
    Incident.NAME: lambda endpoint: endpoint.host,
    Incident.ATTACK: lambda endpoint: endpoint.address,
}


@dataclass(frozen=True, slots=True)
class Thing:
    """Something of an operator that can fail.

    Attributes:
        endpoints: those that it takes down.
        methods: those that are surely lost there; others may go with them.
    """

    endpoints: tuple[Endpoint, ...]
    methods: frozenset[Method]


def things_that_fail(design: Design, incident: Incident, *, one_host: bool) -> tuple[Thing, ...]:
    """Return what such an incident of an operator can hit, one incident each.

    Args:
        one_host: the operator's endpoints share a front; else each has a host of its own.
    """
    if incident is Incident.DEPLOYMENT:
        return tuple(
            Thing(tuple(e for e in design.endpoints if method in e.methods), frozenset({method}))
            for method in Method
        )
    things: dict[str, list[Endpoint]] = {}
    for endpoint in design.endpoints:
        common = "" if one_host else endpoint.name
        name = common if incident is Incident.HOST else COMMON[incident](endpoint)
        things.setdefault(name, []).append(endpoint)
    return tuple(
        Thing(tuple(thing), frozenset(m for e in thing for m in e.methods))
        for thing in things.values()
    )
