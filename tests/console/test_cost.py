"""What faults are predicted to cost, from the description of a space alone."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.console.cost import Act, CostTally, costs, kinds, predicted
from sandbox.space.designs import Endpoint
from sandbox.space.methods import Method
from sandbox.space.places import Place

CPS, ECPS, CERTIFICATE = Method.CPS, Method.ECPS, Method.CERTIFICATE
EXPIRED = {
    "service": "mail", "fault": "certificate-expired", "protocol": "imap", "method": "cps",
}  # fmt: skip
DOWN = {"service": "psc", "fault": "down"}
CUT = {"service": "mail", "fault": "cut", "command": "CONNECT", "probability": 0.1}


def place(design: str, name: str, methods: tuple[Method, ...], port: int, shared: str) -> Place:
    endpoint = Endpoint(
        name=name, protocol="imap", methods=methods, host=f"{name}.test", address=name, port=port,
        certificate=shared, tls="implicit", client_certificate="optional",
    )  # fmt: skip
    return Place(
        operator="op001", design=design, endpoint=endpoint, host=f"{name}.test",
        address="127.1.1.1", port=port,
    )  # fmt: skip


PLACES = (
    place("one", "imap", (CPS, CERTIFICATE, ECPS), 993, "imap"),
    place("many", "imap.cps", (CPS,), 1001, "imap.cps"),
    place("many", "imap.cert", (CERTIFICATE,), 1002, "imap.cert"),
    place("many", "imap.ecps", (ECPS,), 1003, "imap.ecps"),
    place("ports", "imap.cps", (CPS,), 2001, "imap"),
    place("ports", "imap.cert", (CERTIFICATE,), 2002, "imap"),
)


def act(design: str, method: Method, protocol: str = "imap", *, known: bool = False) -> Act:
    return Act(operator="op001", design=design, protocol=protocol, method=method, known=known)


@pytest.mark.parametrize(
    ("rule", "done", "share"),
    [
        (EXPIRED, act("one", CERTIFICATE), 1.0),  # one certificate for all
        (EXPIRED, act("many", CERTIFICATE), 0.0),
        (EXPIRED, act("many", CPS), 1.0),
        (EXPIRED, act("ports", CERTIFICATE), 1.0),  # other ports, the same certificate
        (EXPIRED, act("one", CPS, "smtp"), 0.0),
        ({**EXPIRED, "fault": "certificate-revoked"}, act("one", CPS), 0.0),
        ({"service": "mail", "fault": "port-closed", "design": "ports"}, act("ports", CPS), 1.0),
        ({"service": "mail", "fault": "port-closed", "design": "ports"}, act("one", CPS), 0.0),
        ({"service": "mail", "fault": "operator-stopped", "operator": "op002"},
         act("one", CPS), 0.0),
        ({"service": "mail", "fault": "full-disk"}, act("one", CPS, "smtp"), 1.0),
        ({"service": "mail", "fault": "full-disk"}, act("one", CPS), 0.0),
        ({"service": "mail", "fault": "slow", "seconds": 1}, act("one", CPS), 0.0),
        (CUT, act("one", CPS), 0.1),
        ({**CUT, "design": "many"}, act("one", CPS), 0.0),
        ({**CUT, "command": "FETCH"}, act("one", CPS), None),
        ({**CUT, "nth": 3}, act("one", CPS), None),
        (DOWN, act("one", ECPS), 1.0),
        (DOWN, act("one", ECPS, known=True), 0.0),
        (DOWN, act("one", CPS), 0.0),
        ({"service": "dns", "fault": "servfail"}, act("one", CPS), None),
    ],
)  # fmt: skip
def test_an_act_fails_as_often_as_the_plan_says(
    rule: dict[str, Any], done: Act, share: float | None
) -> None:
    assert predicted([rule], PLACES, done) == pytest.approx(share)


def test_faults_together_strike_as_independent_ones() -> None:
    assert predicted([CUT, CUT], PLACES, act("one", CPS)) == pytest.approx(0.19)


def test_a_prediction_outside_the_interval_of_what_was_measured_is_told() -> None:
    tallies = {act("one", CPS): CostTally(40, 40), act("many", CPS): CostTally(40, 0)}
    one, many, none = costs([EXPIRED], PLACES, ["one", "many", "ports"], tallies)
    assert (one.predicted, one.agrees) == (1.0, True)
    assert (many.predicted, many.agrees) == (1.0, False)
    assert (none.done, none.predicted, none.agrees) == (0, None, None)


def test_a_fault_is_an_example_of_an_incident_of_the_scenario() -> None:
    assert kinds([DOWN, EXPIRED, EXPIRED, CUT]) == ["psc", "certificate"]
