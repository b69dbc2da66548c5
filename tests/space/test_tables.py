"""Every figure has a source, a range that holds it, and a place in a scenario."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from sandbox.space.loader import load_scenario
from sandbox.space.tables import defaults, inputs, operator_classes, operator_rows, week

KNOWLEDGE = {"measured", "published", "expert guess", "placeholder"}
# What a scenario holds beside inputs: what it is about, not how the world is.
WITHOUT_INPUT = {
    "name", "title", "title_en", "period", "compare", "designs", "outages", "sweep", "operators",
    "plan", "calibration",
}  # fmt: skip
ROWS = list(inputs().values())


def leaves(model: BaseModel, prefix: str = "") -> set[str]:
    """Return the dotted keys of all values of a scenario that an input could set."""
    found: set[str] = set()
    for name, value in model:
        key = prefix + name
        if key in WITHOUT_INPUT:
            continue
        if isinstance(value, BaseModel):
            found |= leaves(value, f"{key}.")
        elif isinstance(value, dict):
            for child, section in value.items():
                found |= leaves(section, f"{key}.{child}.")
        else:
            found.add(key)
    return found


def test_an_input_lies_within_its_range_and_says_what_is_known() -> None:
    for row in ROWS:
        if isinstance(row.value, str):
            assert (row.low, row.high) == (None, None), row.key
        elif row.knowledge == "measured" and (row.low, row.high) == (None, None):
            assert row.value in {0, 1}, row.key  # tried: it can or it cannot
        else:
            assert row.low is not None, row.key
            assert row.high is not None, row.key
            assert row.low <= row.value <= row.high, row.key
        assert row.knowledge in KNOWLEDGE, row.key
        assert row.unit, row.key


def test_what_is_measured_or_published_names_its_source() -> None:
    for row in ROWS:
        if row.knowledge in {"measured", "published"}:
            assert row.source.key != "none", row.key
            assert row.source.title, row.key


def test_inputs_are_exactly_the_values_of_a_scenario() -> None:
    assert leaves(load_scenario("aout-2021")) == set(inputs())


def test_the_default_scenario_uses_the_defaults() -> None:
    dumped = load_scenario("aout-2021").model_dump(mode="json")

    def differences(base: dict[str, Any], over: dict[str, Any]) -> list[str]:
        return [
            key
            for key, value in base.items()
            if (differences(value, over[key]) if isinstance(value, dict) else value != over[key])
        ]

    assert differences(defaults(), dumped) == []


def test_operators_follow_the_list_of_authorised_domains() -> None:
    """domain.md §7.2: 343 identifiers; the first holds half of the domains, ten hold 87 %."""
    domains = np.array([row.domains for row in operator_rows()])
    assert len(domains) == 343
    assert list(domains) == sorted(domains, reverse=True)
    assert domains[0] / domains.sum() == pytest.approx(0.51, abs=0.06)
    assert domains[:10].sum() / domains.sum() == pytest.approx(0.87, abs=0.02)


def test_the_classes_of_operators_share_out_every_kind_of_mailbox() -> None:
    kinds = {row.kind for row in operator_rows()}
    totals: dict[str, float] = {}
    for share in operator_classes():
        assert share.kind in kinds
        assert share.low <= share.share <= share.high
        assert share.knowledge in KNOWLEDGE
        totals[share.mailboxes] = totals.get(share.mailboxes, 0.0) + share.share
    assert totals == pytest.approx(dict.fromkeys(totals, 1.0))
    assert {"liberal", "hospital", "laboratory", "ehpad"} <= set(totals)


@pytest.mark.parametrize("population", ["liberal", "hospital", "laboratory", "ehpad"])
def test_a_week_has_no_negative_rate_and_quieter_sundays(population: str) -> None:
    shape = week()[population]
    assert shape.shape == (3, 24)
    assert (shape >= 0).all()
    assert shape[0].sum() > shape[1].sum() > shape[2].sum()
