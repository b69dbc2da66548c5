"""Pro Santé Connect on one laptop: OpenID Connect, CIBA that behaves and misbehaves, the phones.

Theory of operation. A request comes in as a form and credentials (`forms`, `client_auth`), is
checked in the order of the profile (`backchannel`), and becomes an `AuthRequest` whose whole life
is the pure table of `ciba`. `Provider` holds store, clock, phones and faults, and answers with
values (`replies`); `grants`, `browser` and `logout` are its other endpoints, `behaviour` what
people do on their `devices`. `web`, `control` and `server` are the only modules that know HTTP,
and `server` the only one that opens doors. Every refusal is a row of `refusals_request`,
`refusals_token` or `refusals_certificate`: the wire answer of both profiles, the sentence of the
event log.
It never asks a name server, never leaves 127.0.0.0/8 and `mssante.test`, and never logs a secret.
People come through the `People` protocol and certificates are files of the test authority; the
directory is fitted to it at one place (`from_directory`), the authority too
(`client_certificates`).
Operators, clients, live, conformance and the console may import it.
"""

from sandbox.psc.behaviour import Behaviour
from sandbox.psc.clients import Client
from sandbox.psc.clock import Clock
from sandbox.psc.fault_rules import FaultRule
from sandbox.psc.faults import FAULTS
from sandbox.psc.people import BuiltInPeople, EndUser, People
from sandbox.psc.provider import Provider, ProviderOptions
from sandbox.psc.server import Running, running
from sandbox.psc.settings import Settings, settings_for

__all__ = [
    "FAULTS",
    "Behaviour",
    "BuiltInPeople",
    "Client",
    "Clock",
    "EndUser",
    "FaultRule",
    "People",
    "Provider",
    "ProviderOptions",
    "Running",
    "Settings",
    "running",
    "settings_for",
]
