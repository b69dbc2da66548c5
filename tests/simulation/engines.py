"""Both engines on one model, session by session."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sandbox.simulation import fast, reference
from sandbox.simulation.model import Model, Record
from sandbox.simulation.state import TRACE_FIELDS

__all__ = ["assert_engines_agree", "run_traced"]


def run_traced(engine: object, model: Model) -> tuple[Record, NDArray[np.int64]]:
    """Return the record and the ended sessions, in an order that no engine decides."""
    blocks: list[NDArray[np.int64]] = [np.zeros((0, TRACE_FIELDS), dtype=np.int64)]
    record = engine.run(model, trace=blocks.append)  # type: ignore[attr-defined]
    rows = np.concatenate(blocks)
    return record, rows[np.lexsort(rows.T[::-1])]


def assert_engines_agree(model: Model) -> tuple[Record, NDArray[np.int64]]:
    """Run `model` on both; every session and every cell of the record must be the same."""
    fast_record, fast_rows = run_traced(fast, model)
    reference_record, reference_rows = run_traced(reference, model)
    np.testing.assert_array_equal(fast_rows, reference_rows)
    for name in Record._fields:
        np.testing.assert_array_equal(
            getattr(fast_record, name), getattr(reference_record, name), err_msg=name
        )
    return fast_record, fast_rows
