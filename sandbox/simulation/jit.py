"""Numba behind a typed door: the one place that knows which compiler runs the inner loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numba
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

__all__ = ["bit_length", "force_inline", "jit"]

P = ParamSpec("P")
R = TypeVar("R")


def jit(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function` to machine code that holds no global lock; cached on disk."""
    compiled: Callable[P, R] = numba.njit(cache=True, nogil=True, error_model="numpy", _nrt=False)(function)
    return compiled


def force_inline(function: Callable[P, R]) -> Callable[P, R]:
    """Like `jit`, but copied into each caller: for the few lines on the hot path."""
    compiled: Callable[P, R] = numba.njit(
        cache=True, nogil=True, error_model="numpy", _nrt=False, forceinline=True
    )(function)
    return compiled


def _count_leading_zeros(_context: Any, value: Any) -> Any:  # noqa: ANN401 (numba's own types)
    def build(_ctx: Any, builder: Any, _signature: Any, args: Any) -> Any:  # noqa: ANN401
        return builder.ctlz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.int64), build


_leading_zeros = intrinsic(_count_leading_zeros)


@force_inline
def bit_length(value: int) -> int:
    """Return the number of bits that a non-negative 64-bit integer needs (0 for 0)."""
    zeros: int = _leading_zeros(value)
    return 64 - zeros
