"""Every requirement has one check, or one reason why it has none."""

from __future__ import annotations

import pytest

from sandbox.conformance.checks import CHECKS
from sandbox.conformance.client.judge import OF_SOFTWARE
from sandbox.conformance.client.steps import STEPS
from sandbox.conformance.requirements import Requirement, requirements

ROWS = requirements()


def test_ids_are_unique() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_every_requirement_has_one_check_or_one_reason() -> None:
    """A check that is registered twice for one requirement is refused when it registers."""
    checked = [row for row in ROWS if not row.unchecked]
    assert {row.id for row in checked if row.binds != "software"} == set(CHECKS)
    assert {row.id for row in checked if row.binds != "operator"} == set(OF_SOFTWARE)


def test_a_check_of_software_looks_at_steps_that_there_are() -> None:
    steps = {step.id for step in STEPS}
    assert {step for each in OF_SOFTWARE.values() for step in each.steps} == steps


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_requirement_says_all_of_itself(row: Requirement) -> None:
    assert row.binds in ("software", "operator", "both")
    assert row.knowledge in ("published", "second-hand", "inferred")
    assert all((row.id, row.clause, row.source, row.text.french, row.text.english))
    assert not row.unchecked or " / " in row.unchecked  # in both languages
