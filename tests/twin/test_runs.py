"""What both executions say of connections is counted from the same spans in one way."""

from __future__ import annotations

import numpy as np

from sandbox.twin.runs import Connections


def test_one_that_ends_as_another_begins_is_not_beside_it() -> None:
    spans = np.array([[0.0, 2.0], [1.0, 3.0], [2.0, 4.0]])
    assert Connections.of(spans, until=10.0) == Connections(most=2, mean=0.6)


def test_what_is_after_the_cut_counts_for_nothing() -> None:
    spans = np.array([[1.0, 30.0], [12.0, 13.0]])
    assert Connections.of(spans, until=10.0) == Connections(most=1, mean=0.9)


def test_none_are_none() -> None:
    assert Connections.of(np.zeros((0, 2)), until=10.0) == Connections(most=0, mean=0.0)
