"""The one error of the store."""

from __future__ import annotations

__all__ = ["StoreError"]


class StoreError(Exception):
    r"""An operation was not done, and nothing of it was written.

    Attributes:
        kind: `exists` (the name is taken), `missing` (no such mailbox, folder, message or queue
            row), `children` (RFC 9051 HASCHILDREN), `cannot` (never possible: INBOX deleted, a name
            or flag that cannot be), `limit` (a bound of the store), `failed` (the disk refused, or
            the store is closed).
    """

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind
