"""A space that is replayed in seconds: quick people, two operators, every method."""

from __future__ import annotations

from pathlib import Path

from sandbox.space.candidates import Candidate, candidates
from sandbox.space.loader import load_scenario
from sandbox.twin.minutes import instant_of
from sandbox.twin.schedule import Schedule, Window, schedule_of
from sandbox.twin.subset import largest_operators

DESIGNS = (
    "single-endpoint", "multi-endpoint", "multi-port", "multi-endpoint-sni", "api-lps-2023",
)  # fmt: skip
SCENARIO = """
title = "Petit"
title_en = "Small"
compare = ["single-endpoint", "multi-endpoint", "multi-port", "multi-endpoint-sni", "api-lps-2023"]
[period]
start = 2022-09-04
days = 2
[traffic]
messages = 1500
batch = 3
receipts_asked = 0.5
receipts_lost = 0.0
application_share = 0.3
acknowledged = 1.0
acknowledgements_lost = 0.0
citizen_factor = 20.0
[operators]
mailboxes = [3.0, 2.0, 1.0]
[populations.liberal]
units = 90
[populations.hospital]
units = 2
personal_mailboxes = 6
[populations.laboratory]
units = 6
[populations.ehpad]
units = 4
[methods.ecps]
push_mean = 0.1
approval_mean = 0.4
approval_shift = 0.1
never = 0.0
forgotten = 0.0
refused = 0.0
[methods.totp]
typing_mean = 0.4
mistyped = 0.0
[methods.cps]
pin_mean = 0.4
sign_mean = 0.2
sign_shift = 0.05
[methods.sms]
delivery_mean = 0.2
click_mean = 0.2
lost = 0.0
[policies]
ciba_interval = 1
retry_pause = 1
[backends.psc]
servers = 1
[backends.sms]
servers = 1
"""


def write_scenario(folder: Path) -> Path:
    path = folder / "petit.toml"
    path.write_text(SCENARIO, encoding="utf-8")
    return path


def schedules(path: Path, *, speed: float = 300.0, seed: int = 1) -> dict[str, Schedule]:
    """Return half an hour of a Monday morning under each design."""
    scenario = largest_operators(load_scenario(path), 2)
    window = Window(begin=instant_of("lundi 08:40", scenario), seconds=1800, speed=speed)
    weighed: dict[str, Candidate] = candidates(scenario, DESIGNS)
    return {
        name: schedule_of(scenario, each, list(weighed.values()), window, seed=seed)
        for name, each in weighed.items()
    }
