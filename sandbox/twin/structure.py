"""The simulation of a live space on this machine: its service times, and what queues for what.

An event loop is one server for every operator, back end and store on it. What a step takes beyond
the servers' processor (the client's own work, the kernel) is waited for without queueing; it is
spread over the round trips of a login.
"""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import numpy as np

from sandbox.simulation.draws import LawKind, lognormal
from sandbox.simulation.model import PACE_BITS, Model
from sandbox.simulation.program import Column
from sandbox.simulation.steps import Op
from sandbox.space.loader import with_inputs
from sandbox.space.scenario import Scenario
from sandbox.twin.calibration import Calibration, Measured

__all__ = ["calibrated_model", "calibrated_scenario", "inputs_of"]

LEAST = 1e-6  # s; services may not take nothing
LOGIN_TRIPS = 5.0  # TCP, TLS, greeting, capabilities, AUTH
CIBA = {"authentication": 0.6, "token": 0.2, "poll": 0.2}  # how a held login's work is shared out

# A live space: every login reads the directory beside it, mail is relayed at once, nothing is far.
LOOPBACK = {
    "backends.directory.miss": 1.0, "backends.directory.rtt": 0.0, "backends.psc.rtt": 0.0,
    "relay.queue_mean": LEAST, "relay.rtt": 0.0, "network.dns_hit": 0.0, "network.dns_miss": 0.0,
}  # fmt: skip


def inputs_of(calibration: Calibration) -> dict[str, float]:
    """Return the inputs of a scenario that a calibration gives, by dotted key."""
    step = calibration.steps

    def cost(name: str, *less: str) -> float:
        return step[name].processor - sum(step[each].processor for each in less)

    # A login is common to all methods; what each takes more is its own back end's.
    own = {
        "totp": cost("login_totp", "tls_full"),
        "certificate": cost("login_certificate", "tls_mutual"),
        "ecps": cost("login_ecps", "tls_full"),
    }
    login = max(LEAST, min(own.values()))
    ciba = max(LEAST, own["ecps"] - login)
    found = {
        "processor.tls_full": cost("tls_full"),
        "processor.tls_resumed": cost("tls_resumed"),
        "processor.tls_client_certificate": cost("tls_mutual"),
        "processor.login": login,
        "processor.password": own["totp"] - login,
        "processor.imap_session": cost("read", "login_totp"),
        "processor.submission": cost("submit", "login_totp"),
        # The relay's own handshake is counted beside it.
        "processor.relay": cost("relay", "submit", "tls_mutual"),
        "backends.directory.lookup": own["certificate"] - login,
        "backends.sms.send": ciba,
        "backends.psc.introspection": CIBA["poll"] * ciba,
        **{f"backends.psc.{name}": share * ciba for name, share in CIBA.items()},
    }
    return {key: max(LEAST, value) for key, value in found.items()}


def calibrated_scenario(scenario: Scenario, calibration: Calibration) -> Scenario:
    """Return a scenario whose servers take what was measured, on loopback."""
    return with_inputs(scenario, inputs_of(calibration) | LOOPBACK)


def beyond_servers(step: Measured) -> float:
    """Return what a client waits for in a step beside the servers' processor, s."""
    return max(0.0, step.wall - step.processor)


def calibrated_model(model: Model, calibration: Calibration) -> Model:
    """Return a model of a calibrated scenario with the structure that was measured.

    All stations draw on the same servers; services vary as they were seen to.
    """
    inputs = model.inputs
    stations = len(inputs.servers)
    login = calibration.steps["login_totp"]
    trip = round(beyond_servers(login) / LOGIN_TRIPS * 1e9)
    laws, table = inputs.laws.copy(), inputs.code.copy()
    served = {int(row) for row in table[table[:, Column.OP] == Op.SERVE, Column.LAW] if row >= 0}
    for row in served:
        kind, mean = int(laws[row, 0]), float(laws[row, 1])
        if kind == LawKind.EXPONENTIAL:
            law = lognormal(mean, max(0.05, login.variation))
            laws[row, :4] = law.kind, law.a, law.b, law.c
    inputs = inputs._replace(
        laws=laws,
        servers=np.full(stations, calibration.servers, dtype=np.int64),
        server_offset=np.zeros(stations, dtype=np.int64),
        server_time=np.full(stations, 1 << PACE_BITS, dtype=np.int64),
        access_rtt=np.full(len(inputs.access_rtt), trip, dtype=np.int64),
    )
    return replace(model, inputs=inputs, code=dataclasses.replace(model.code, laws=laws))
