"""Each planted violation is found by its control, and by no other."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from sandbox.controls.ladder import Severity
from sandbox.controls.rules import CONTROLS, DUE_DAY, examine
from sandbox.controls.view import View
from sandbox.controls.year_space import BEGIN, PLANTED, Size, Year, YearSpace, short_of
from sandbox.indicators.month import Month

DAY = 86_400.0
NOW = BEGIN.begin + 40 * DAY
OF = {control.name: control.of for control in CONTROLS}
SEVERITY = {control.name: control.severity for control in CONTROLS}


@pytest.fixture(scope="module")
def space() -> YearSpace:
    return YearSpace(Size(domains=(2, 1, 1, 1), mailboxes=(5, 5, 5, 5)), Year(planted=0))


@pytest.fixture
def view(space: YearSpace) -> View:
    return space.view(NOW, set())


def places(view: View, kind: str) -> dict[str, Any]:
    return dict(getattr(view, f"{kind}s" if kind != "mailbox" else "mailboxes"))


def test_a_space_in_order_has_no_finding(view: View) -> None:
    assert examine(view) == []


@pytest.mark.parametrize("control", PLANTED)
def test_a_planted_violation_is_found_by_its_control_alone(view: View, control: str) -> None:
    kind = OF[control]
    subjects = places(view, kind)
    name = next(iter(subjects))
    subjects[name] = PLANTED[control](subjects[name], NOW)
    broken = replace(view, **{f"{kind}s" if kind != "mailbox" else "mailboxes": subjects})
    (found,) = examine(broken)
    assert (found.control, found.subject) == (control, name)
    assert found.evidence
    assert found.deadline > NOW


def test_every_control_is_tried() -> None:
    elsewhere = {"indicators-sent", "indicators-true", "indicators-agree", "domain-expiry"}
    assert set(PLANTED) | elsewhere == set(OF)


def test_a_certificate_that_expires_soon_is_found(view: View) -> None:
    name, seen = next(iter(view.domains.items()))
    certificate = seen.relays[0].certificate
    assert certificate is not None
    soon = replace(certificate, not_after=NOW + 10 * DAY)
    relay = replace(seen.relays[0], certificate=soon)
    (found,) = examine(replace(view, domains={name: replace(seen, relays=(relay,))}))
    assert found.control == "domain-expiry"


def test_indicators_are_due_on_the_tenth(space: YearSpace) -> None:
    due = Month.at(NOW).before
    early = due.end + (DUE_DAY - 1) * DAY - 1
    for now, found in ((early, []), (early + 1, ["indicators-sent"])):
        view = space.view(now, set())
        deposits = {month: dict(files) for month, files in view.deposits.items()}
        deposits[due].pop("op001")
        late = replace(view, deposits={**view.deposits, due: deposits[due]})
        assert [each.control for each in examine(late)] == found


def test_a_file_that_cannot_be_read_was_not_sent(view: View) -> None:
    month = Month.at(NOW).before
    broken = {**view.deposits[month], "op001": "op1.json: illisible / unreadable"}
    (found,) = examine(replace(view, deposits={**view.deposits, month: broken}))
    assert (found.control, found.subject) == ("indicators-sent", "op001")


def test_who_under_reports_by_a_tenth_is_found(space: YearSpace, view: View) -> None:
    month = Month.at(NOW).before
    false = {**view.deposits[month], "op001": short_of(space.files(month)["op001"])}
    (found,) = examine(replace(view, deposits={**view.deposits, month: false}))
    assert (found.control, found.subject) == ("indicators-true", "op001")


def test_of_two_that_contradict_each_other_alone_nobody_is_accused(
    space: YearSpace, view: View
) -> None:
    month = Month.at(NOW).before
    ours, theirs = short_of(space.files(month)["op001"]), space.files(month)["op002"]
    pair = {name: view.operators[name] for name in ("op001", "op002")}
    alone = replace(view, operators=pair, deposits={
        each: {"op001": ours, "op002": theirs} for each in (month, month.before)
    })  # fmt: skip
    found = examine(alone)
    assert {(each.control, each.subject) for each in found} == {
        ("indicators-agree", "op001"), ("indicators-agree", "op002"),
    }  # fmt: skip
    assert SEVERITY["indicators-agree"] is Severity.MINOR  # never beyond a formal notice


def test_a_new_operator_owes_no_file_of_before_it_came(view: View) -> None:
    new = {name: replace(each, since=NOW) for name, each in view.operators.items()}
    assert examine(replace(view, operators=new, deposits={})) == []


def test_a_finding_has_the_form_that_is_promised(view: View) -> None:
    name, seen = next(iter(view.domains.items()))
    (found,) = examine(replace(view, domains={name: replace(seen, relays=())}))
    tree = json.loads(json.dumps(found.as_json()))
    assert set(tree) == {"control", "subject", "finding", "evidence", "deadline"}
    assert " / " in tree["finding"]
    assert date.fromisoformat(tree["deadline"]) > date(2027, 2, 1)
