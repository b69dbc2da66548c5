"""What follows from a calibration: inputs of a scenario, and the model of a live space."""

from __future__ import annotations

from sandbox.simulation.model import Model
from sandbox.space.loader import with_inputs
from sandbox.space.scenario import Scenario
from sandbox.twin.calibration import Calibration
from sandbox.twin.exchanges import Exchanges, by_exchanges
from sandbox.twin.pace import Paces

__all__ = ["calibrated_model", "calibrated_scenario", "inputs_of"]

LEAST = 1e-6  # s; services may not take nothing

# A live space: every login reads the directory beside it, mail is relayed at once, nothing is far.
LOOPBACK = {
    "backends.directory.miss": 1.0, "backends.directory.rtt": 0.0, "backends.psc.rtt": 0.0,
    "relay.queue_mean": LEAST, "relay.rtt": 0.0, "network.dns_hit": 0.0, "network.dns_miss": 0.0,
}  # fmt: skip


def inputs_of(calibration: Calibration) -> dict[str, float]:
    """Return the inputs of a scenario that a calibration gives, by dotted key.

    Those of steps that were not measured (a foreign operator has no card) are not given.
    """
    step = {name: each.processor for name, each in calibration.steps.items()}
    # A login is common to all methods; what each takes more is its own back end's.
    again = [step[name] for name in ("login_totp_again", "login_certificate_again") if name in step]
    login = max(LEAST, min(again))
    found = {
        "processor.tls_full": step["tls_full"],
        "processor.tls_resumed": step["tls_resumed"],
        "processor.login": login,
        "processor.password": step["login_totp"] - login,
        "processor.imap_session": step["look"] + step["goodbye"],
        "processor.submission": step["submit"] + step["goodbye"],
    }
    if "tls_mutual" in step:
        found["processor.tls_client_certificate"] = step["tls_mutual"]
    if "login_certificate" in step:
        found["backends.directory.lookup"] = step["login_certificate"] - login
    if "relay" in step:  # the relay's own handshake is counted beside it
        own = step["relay"] - step["submit"]
        found["processor.relay"] = own - step.get("tls_mutual", 0.0)
    if "ciba_request" in step:
        found |= {
            "backends.psc.authentication": step["ciba_request"] - login,
            "backends.psc.poll": step["ciba_poll"],
            "backends.psc.token": step["ciba_answer"],
            "backends.psc.introspection": step["ciba_poll"],
            "backends.sms.send": step["ciba_request"] - login,
        }
    return {key: max(LEAST, value) for key, value in found.items()}


def calibrated_scenario(scenario: Scenario, calibration: Calibration) -> Scenario:
    """Return a scenario whose servers take what was measured, on loopback."""
    return with_inputs(scenario, inputs_of(calibration) | LOOPBACK)


def calibrated_model(
    model: Model, calibration: Calibration, scenario: Scenario, *, clients: int = 1,
    paces: Paces | None = None,
) -> Exchanges:  # fmt: skip
    """Return a model of a calibrated scenario as a live space runs it; see `exchanges`."""
    return by_exchanges(model, calibration, scenario, clients=clients, paces=paces)
