"""Numba behind a typed door: the one place that knows which compiler runs the inner loops."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numba
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numba.np import arrayobj

__all__ = ["bit_length", "force_inline", "inner", "jit", "prefetch"]

P = ParamSpec("P")
R = TypeVar("R")

# The kernel allocates nothing, so its arrays need no reference counts: counting them at every use
# made it twenty times slower. Without it a compiled function may not create or return arrays.
# Nobody calls from C: an entry for it would be a tenth of the time that compiling takes.
OPTIONS: dict[str, Any] = {
    "cache": True, "nogil": True, "error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True,
}  # fmt: skip

# An index below zero counts from the end, and numba tests each for it: a sixth of the kernel's
# time. No index of this package is ever negative, so its functions (and no others) are compiled
# without the tests. numba has no option for it; a numba without this function only loses the gain.
OURS = "sandbox10simulation"  # how the names of this package are mangled
ARRAY: Any = arrayobj.make_array
FIX_INDEX: Any = getattr(arrayobj, "fix_integer_index", None)


def _fix_index(context: Any, builder: Any, kind: Any, index: Any, size: Any) -> Any:
    if OURS in builder.function.name:
        return context.cast(builder, index, kind, types.intp if kind.signed else types.uintp)
    return FIX_INDEX(context, builder, kind, index, size)


if FIX_INDEX is not None:
    arrayobj.fix_integer_index = _fix_index


def _forget_stale_code() -> None:
    """Delete cached machine code when any module of this package, or of what it books in, changed.

    numba looks at the file of the outermost function alone: a changed `recorder.py` would leave the
    old code inside `kernel.py`'s.
    """
    here = Path(__file__).parent
    sources = sorted([*here.glob("*.py"), *(here.parent / "observations").glob("*.py")])
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    cache = here / "__pycache__"
    note = cache / "numba-sources"
    with suppress(OSError):  # a folder that cannot be written has no cache of ours either
        if note.is_file() and note.read_text(encoding="ascii") == digest:
            return
        cache.mkdir(exist_ok=True)
        for path in [*cache.glob("*.nbi"), *cache.glob("*.nbc")]:
            path.unlink(missing_ok=True)
        note.write_text(digest, encoding="ascii")


_forget_stale_code()


def jit(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function` to machine code that holds no global lock; cached on disk."""
    compiled: Callable[P, R] = numba.njit(**OPTIONS)(function)
    return compiled


def force_inline(function: Callable[P, R]) -> Callable[P, R]:
    """Like `jit`, but copied into each caller: for the few lines on the hot path."""
    compiled: Callable[P, R] = numba.njit(**OPTIONS, forceinline=True)(function)
    return compiled


def inner(function: Callable[P, R]) -> Callable[P, R]:
    """Like `force_inline`, for what compiled code alone calls.

    It has no entry from Python, which takes longer to compile than the function itself: calling it
    from Python ends the process.
    """
    compiled: Callable[P, R] = numba.njit(**OPTIONS, forceinline=True, no_cpython_wrapper=True)(
        function
    )
    return compiled


@intrinsic  # type: ignore[untyped-decorator,unused-ignore]  # numba's own protocol
def _leading_zeros(_context: Any, _value: Any) -> Any:
    """Count the leading zero bits: one machine instruction."""

    def build(_ctx: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.ctlz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.int64), build


COUNT_ZEROS: Any = _leading_zeros


@inner
def bit_length(value: int) -> int:
    """Return the number of bits that a non-negative 64-bit integer needs (0 for 0)."""
    return 64 - int(COUNT_ZEROS(value))


@intrinsic  # type: ignore[untyped-decorator,unused-ignore]  # numba's own protocol
def _prefetch(_context: Any, array: Any, _index: Any) -> Any:
    """Ask the caches for the start of a row: one machine instruction, which never fails."""

    def build(ctx: Any, builder: Any, signature: Any, args: Any) -> Any:
        rows = ARRAY(signature.args[0])(ctx, builder, args[0])
        word, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
        step = builder.extract_value(rows.strides, 0)
        start = builder.ptrtoint(rows.data, step.type)
        address = builder.inttoptr(builder.add(start, builder.mul(args[1], step)), pointer)
        kind = ir.FunctionType(ir.VoidType(), [pointer, word, word, word])
        ask = builder.module.declare_intrinsic("llvm.prefetch", (pointer,), kind)
        # To write (1), to be kept in all caches (3), data (1).
        builder.call(ask, [address, word(1), word(3), word(1)])
        return ctx.get_dummy_value()

    return types.void(array, types.intp), build


FETCH: Any = _prefetch


@inner
def prefetch(array: Any, index: int) -> None:
    """Ask the caches for the start of a row of an array, to have it when it is used."""
    FETCH(array, index)
