"""Files of a month confronted: who says less than his peers saw is found, and nobody else."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.indicators.anomalies import EDGE, confront
from sandbox.indicators.counting import Fact, Indicators, Volume, count
from sandbox.indicators.month import Month

MONTH = Month(2026, 11)
NAMES = ("op1", "op2", "op3", "op4")
Traffic = dict[tuple[str, str], int]

TRAFFIC = st.fixed_dictionaries(
    {(a, b): st.integers(30, 500) for a in NAMES for b in NAMES if a != b}
)


def domain(name: str) -> str:
    return f"{name}.mssante.test"


def files(traffic: Traffic) -> dict[str, Indicators]:
    said = {}
    for name in NAMES:
        facts = [
            Fact("relayed", f"a@{domain(name)}", domain(to), times=n)
            for (by, to), n in traffic.items() if by == name
        ] + [
            Fact("received", f"a@{domain(name)}", domain(by), times=n)
            for (by, to), n in traffic.items() if to == name
        ]  # fmt: skip
        # Notifications have no sender, and count on neither side.
        facts.append(Fact("received", f"a@{domain(name)}", "", times=7))
        said[name] = count(name, MONTH, [domain(name)], [], facts, [])
    return said


def short(said: Indicators, event: str, share: float) -> Indicators:
    kept = {
        key: Volume(round(v.number * (1 - share)), v.octets) if key.event == event else v
        for key, v in said.messages.items()
    }
    return replace(said, messages=kept)


@given(TRAFFIC)
def test_files_that_agree_have_no_anomaly(traffic: Traffic) -> None:
    assert confront(files(traffic).values()) == []


@given(TRAFFIC)
def test_a_domain_that_changed_hands_in_the_month_is_nobody_s_anomaly(traffic: Traffic) -> None:
    """The first operator keeps its counts, the second has the domain, and mail of its own."""
    said = files(traffic)
    said["op1"] = replace(said["op1"], domains=())
    said["op2"] = replace(said["op2"], domains=(domain("op2"), domain("op1")))
    assert confront(said.values()) == []
    said["op3"] = short(said["op3"], "relayed", 0.5)
    assert [each.operator for each in confront(said.values())] == [("op3",)]


@given(TRAFFIC, st.sampled_from(NAMES), st.sampled_from(["relayed", "received"]),
       st.sampled_from([0.1, 0.5, -0.1]))  # fmt: skip
def test_an_operator_that_is_off_by_a_tenth_is_found_and_nobody_else(
    traffic: Traffic, liar: str, event: str, share: float
) -> None:
    said = files(traffic)
    said[liar] = short(said[liar], event, share)
    (found,) = confront(said.values())
    assert found.operator == (liar,)
    assert found.claim == ("sent" if event == "relayed" else "received",)
    assert found.share == pytest.approx(share, abs=0.02)
    assert set(found.peers) == set(NAMES) - {liar}


def test_two_liars_are_found_together() -> None:
    said = files({(a, b): 100 for a in NAMES for b in NAMES if a != b})
    said["op1"] = short(said["op1"], "relayed", 0.1)
    said["op2"] = short(said["op2"], "received", 0.2)
    found = {each.operator + each.claim for each in confront(said.values())}
    assert found == {("op1", "sent"), ("op2", "received")}


def test_between_two_alone_both_are_named() -> None:
    said = files({(a, b): 100 for a in NAMES for b in NAMES if a != b})
    said["op1"] = short(said["op1"], "relayed", 0.1)
    (found,) = confront([said["op1"], said["op2"]])
    assert found.operator == ("op1", "op2")
    assert found.claim == ("sent", "received")
    assert not found.is_certain


def test_what_two_accounts_explain_alike_accuses_nobody() -> None:
    """Either both senders said too little, or both receivers too much."""
    traffic = {(a, b): 100 for a in NAMES for b in NAMES if a != b}
    said = files(traffic)
    more = files({**traffic, **{(a, b): 120 for a in ("op1", "op2") for b in ("op3", "op4")}})
    (found,) = confront([said["op1"], said["op2"], more["op3"], more["op4"]])
    assert set(zip(found.operator, found.claim, strict=True)) == {
        ("op1", "sent"), ("op2", "sent"), ("op3", "received"), ("op4", "received"),
    }  # fmt: skip
    assert (found.said, found.seen) == (400, 480)


SENDERS, RECEIVERS = ("op1", "op2", "op3"), ("op4", "op5", "op6", "op7")


@settings(max_examples=50)
@given(st.sets(st.tuples(st.sampled_from(SENDERS), st.sampled_from(RECEIVERS)), min_size=1))
def test_who_is_accused_is_in_every_least_set_that_explains_all(
    wrong: set[tuple[str, str]],
) -> None:
    claims = [*((name, "sent") for name in SENDERS), *((name, "received") for name in RECEIVERS)]
    covers = [
        set(chosen) for size in range(len(claims) + 1) for chosen in combinations(claims, size)
        if all((a, "sent") in chosen or (b, "received") in chosen for a, b in wrong)
    ]  # fmt: skip
    least = min(len(cover) for cover in covers)
    always = set.intersection(*(cover for cover in covers if len(cover) == least))
    said = [
        count(name, MONTH, [domain(name)], [], [
            Fact("relayed", f"a@{domain(name)}", domain(to), times=9)
            for to in RECEIVERS if name in SENDERS
        ] + [
            Fact("received", f"a@{domain(name)}", domain(by), times=9 + 90 * ((by, name) in wrong))
            for by in SENDERS if name in RECEIVERS
        ], [])
        for name in (*SENDERS, *RECEIVERS)
    ]  # fmt: skip
    found = confront(said)
    assert {(e.operator[0], e.claim[0]) for e in found if e.is_certain} == always


def test_a_few_at_the_edge_of_the_month_are_none() -> None:
    traffic = {(a, b): 100 for a in NAMES for b in NAMES if a != b}
    said = files(traffic)
    late = files({**traffic, ("op1", "op2"): 100 + EDGE})
    assert confront([said["op1"], late["op2"], said["op3"], said["op4"]]) == []


def test_files_of_several_months_are_not_confronted() -> None:
    said = files({(a, b): 1 for a in NAMES for b in NAMES if a != b})
    other = replace(said["op2"], month=Month(2026, 10))
    with pytest.raises(ValueError, match="several months"):
        confront([said["op1"], other])
