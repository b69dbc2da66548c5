"""How the pages of a PDF/A-1b document are drawn."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

from fpdf import FPDF
from PIL import Image

__all__ = ["WIDTH", "draw"]

WIDTH = 512  # pixels of the "scanned page" that gives a document its size
_FONT = "Caladea"
_DATED = re.compile(rb"(xmp:(?:Modify|Metadata)Date=\")[0-9T:+-]{25}")


@cache
def _font() -> str:
    return str(files("font_caladea") / "files" / "Caladea-Regular.ttf")


class _Pdf(FPDF):
    """A document whose identifier is of its content, not of the hour at which it is made."""

    def __init__(self, identifier: bytes) -> None:
        super().__init__(enforce_compliance="PDF/A-1B")
        self._identifier = hashlib.md5(identifier, usedforsecurity=False).hexdigest().upper()

    def file_id(self) -> str:
        """Return what stands after /ID."""
        return f"<{self._identifier}><{self._identifier}>"


def draw(title: str, lines: Sequence[str], at: datetime, page: bytes) -> bytes:
    """Return a document of text, and of a scanned page where one is given.

    Args:
        title: in its metadata and at its head.
        lines: of its text.
        at: date of creation.
        page: grey levels, row by row, of `WIDTH` each.
    """
    at = at.astimezone(UTC)
    made = _Pdf("\0".join((title, *lines, str(at))).encode() + page)
    made.set_creation_date(at)
    made.set_title(title)
    made.set_lang("fr-FR")
    made.add_font(_FONT, fname=_font())
    made.add_page()
    made.set_font(_FONT, size=14)
    made.multi_cell(0, 8, title, new_x="LMARGIN", new_y="NEXT")
    made.set_font(_FONT, size=11)
    made.multi_cell(0, 6, "\n".join(lines), new_x="LMARGIN", new_y="NEXT")
    if page:
        made.add_page()
        made.image(
            Image.frombytes("L", (WIDTH, len(page) // WIDTH), page),
            w=made.epw,
            h=made.eph,
            keep_aspect_ratio=True,
        )
    # The library dates its metadata now: equal arguments would not give equal bytes.
    dated = rf"\g<1>{at.isoformat(timespec='seconds')}".encode()
    return _DATED.sub(dated, bytes(made.output()))
