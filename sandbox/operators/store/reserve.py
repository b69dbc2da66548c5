"""Room that a store keeps for the day the disk is full: what removes mail has to be written too."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = ["Reserve"]


class Reserve:
    """A file of zeros beside the database, given back to the disk when it is full.

    Args:
        path: of the file.
        octets: its size.

    Attributes:
        held: the room is there; while it is not, only what makes room is written.
    """

    def __init__(self, path: Path, octets: int) -> None:
        self._path = path
        self._octets = octets
        self.held = self.restore()

    def release(self) -> None:
        """Give the room back."""
        self.held = False
        self._path.unlink(missing_ok=True)

    def restore(self) -> bool:
        """Take the room again; tell whether it is had."""
        try:
            file = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
            try:
                _allocate(file, self._octets)
            finally:
                os.close(file)
        except OSError:
            # Half of it would only be in the way.
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
            self.held = False
        else:
            self.held = True
        return self.held


def _allocate(file: int, octets: int) -> None:
    """Have the disk set room aside; a hole would promise what it does not hold."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, octets)
        return
    missing = octets - os.fstat(file).st_size
    while missing > 0:
        missing -= os.write(file, bytes(min(missing, 1 << 20)))
