"""Loopback blocks: two spaces of one machine never share addresses."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sandbox.space.errors import UserError

__all__ = ["free_block", "held_block"]

TEMPORARY = range(64, 255)  # blocks of spaces that name none, far from those that people choose


@contextlib.contextmanager
def held_block(block: int | None) -> Iterator[int]:
    """Hold a block for this process alone; None is any free one.

    Raises:
        UserError: another space of this user holds it.
    """
    for candidate in TEMPORARY if block is None else (block,):
        path = Path(tempfile.gettempdir()) / f"mssante-sandbox-{os.getuid()}-127.{candidate}.lock"
        lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        try:
            yield candidate
        finally:
            os.close(lock)
        return
    if block is None:
        raise UserError(
            "toutes tenues par d'autres espaces ; en arrêter un",
            "all held by other spaces; stop one",
            where="127.64 … 127.254",
        )
    raise UserError(
        "un autre espace y tourne ; donner un autre --loopback",
        "another space runs there; give another --loopback",
        where=f"127.{block}.x.y",
    )


def free_block() -> int:
    """Return a block that no space holds; any, since who wants it takes it a moment later.

    Raises:
        UserError: all are held.
    """
    for block in random.sample(TEMPORARY, len(TEMPORARY)):
        with contextlib.suppress(UserError), held_block(block):
            return block
    with held_block(None) as block:  # says that all are held
        return block
