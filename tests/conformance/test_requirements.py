"""Every requirement has one check, or one reason why it has none."""

from __future__ import annotations

import pytest

from sandbox.conformance.checks import CHECKS
from sandbox.conformance.requirements import BINDS, KNOWLEDGE, Requirement, requirements

ROWS = requirements()


def test_ids_are_unique() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)


def test_every_requirement_has_one_check_or_one_reason() -> None:
    """A check that is registered twice for one requirement is refused when it registers."""
    assert {row.id for row in ROWS if not row.unchecked} == set(CHECKS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_requirement_says_all_of_itself(row: Requirement) -> None:
    assert row.binds in BINDS
    assert row.knowledge in KNOWLEDGE
    assert all((row.id, row.clause, row.source, row.text.french, row.text.english))
    assert not row.unchecked or " / " in row.unchecked  # in both languages
