"""What the pages show, made of values written here."""

from __future__ import annotations

import re
from typing import Any

from sandbox.console.live_view import pulse
from sandbox.console.prometheus import exposition
from sandbox.console.space_map import space_map
from sandbox.operators.recorder import DesignTally, Durations, Minutes, Seen

SHEET: dict[str, Any] = {
    "operators": [
        {
            "name": name,
            "domain": f"{name}.mssante.test",
            "designs": {
                "single-endpoint": [{"name": "imap", "methods": ["cps", "totp"]}],
                "multi-port": [{"name": "imap.cps", "methods": ["cps"]}],
            },
        }
        for name in ("op001", "op002")
    ]
}


def seen(wall: float, logins: int, seconds: float, failures: int = 0) -> Seen:
    key = ("op001", "imap", "cps", "machine")
    record = DesignTally(logins={key: Durations(logins, seconds)}, load={"imap": Minutes(now=3)})
    record.failures["imap", "cps", "refused"] = failures
    return Seen(
        wall=wall, records={"single-endpoint": record}, endpoints={}, deliveries=Durations(logins)
    )


def test_a_pulse_has_the_rates_between_two_counts() -> None:
    moment = pulse(seen(10.0, 5, 1.0), seen(12.0, 9, 3.0, failures=1), 99.0, {"": 2})
    assert moment.logins == {"cps": 2.0}
    assert moment.latency == {"cps": 0.5}
    assert moment.failures == 0.5
    assert moment.deliveries == 2.0
    assert moment.connections == {"single-endpoint": 3}
    assert moment.waiting == 2


def test_the_first_pulse_has_no_rate_yet() -> None:
    moment = pulse(None, seen(10.0, 5, 1.0), 99.0, {})
    assert moment.logins == {"cps": 0.0}
    assert moment.latency == {}


def test_the_map_has_every_design_and_operator_inside_its_frame() -> None:
    drawn = space_map(SHEET)
    keys = {node.key for node in drawn.nodes}
    assert {"design:single-endpoint", "design:multi-port", "operator:op001", "relay"} <= keys
    for node in drawn.nodes:
        assert 0 <= node.x <= drawn.width - node.width, node.key
        assert 0 <= node.y <= drawn.height - 62, node.key
    assert len([arrow for arrow in drawn.arrows if arrow.kind == "to"]) == 4


def test_a_label_of_the_metrics_cannot_end_its_own_quotes() -> None:
    given = seen(10.0, 1, 0.5)
    given.records['a"b\nc'] = given.records.pop("single-endpoint")
    lines = exposition(given, {}, 0).splitlines()
    shape = re.compile(r'[a-z_]+(\{([a-z]+="([^"\\]|\\.)*",?)*\})? [0-9.e+-]+')
    assert all(shape.fullmatch(line) for line in lines if not line.startswith("#"))
