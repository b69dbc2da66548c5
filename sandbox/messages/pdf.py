"""PDF/A-1b: what an encapsulated document and its copy are (ECO.2.1.5), made and told apart."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

from fpdf import FPDF
from PIL import Image

__all__ = ["make_pdf", "pdf_part"]

_FONT = "Caladea"
_WIDTH = 512  # pixels of the "scanned page" that gives a document its size
_PART = re.compile(
    rb"pdfaid:part(?:>|=[\"'])\s*([1-4])(?:<|[\"']).{0,400}?"
    rb"pdfaid:conformance(?:>|=[\"'])\s*([A-Ua-u])",
    re.DOTALL,
)

_DATED = re.compile(rb"(xmp:(?:Modify|Metadata)Date=\")[0-9T:+-]{25}")


@cache
def _font() -> str:
    return str(files("font_caladea") / "files" / "Caladea-Regular.ttf")


def make_pdf(title: str, lines: Sequence[str], *, size: int, at: datetime, seed: str = "") -> bytes:
    """Return a PDF/A-1b document: equal arguments give equal bytes.

    Args:
        title: in its metadata and at its head.
        lines: of its text.
        size: bytes that it should have; what the text leaves is noise, as of a scanned page. Below
            some 10 kB, what text and font take.
        at: date of creation.
        seed: of the noise.
    """
    bare = _pdf(title, lines, at, b"")
    rest = size - len(bare)
    if rest < _WIDTH:
        return bare
    noise = random.Random(f"page/{seed}").randbytes(rest // _WIDTH * _WIDTH)  # noqa: S311
    return _pdf(title, lines, at, noise)


class _Pdf(FPDF):
    """A document whose identifier is of its content, not of the hour at which it is made."""

    def __init__(self, identifier: bytes) -> None:
        super().__init__(enforce_compliance="PDF/A-1B")
        self._identifier = hashlib.md5(identifier, usedforsecurity=False).hexdigest().upper()

    def file_id(self) -> str:
        """Return what stands after /ID."""
        return f"<{self._identifier}><{self._identifier}>"


def _pdf(title: str, lines: Sequence[str], at: datetime, page: bytes) -> bytes:
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
            Image.frombytes("L", (_WIDTH, len(page) // _WIDTH), page),
            w=made.epw,
            h=made.eph,
            keep_aspect_ratio=True,
        )
    # The library dates its metadata now: equal arguments would not give equal bytes.
    dated = rf"\g<1>{at.isoformat(timespec='seconds')}".encode()
    return _DATED.sub(dated, bytes(made.output()))


def pdf_part(content: bytes) -> str:
    """Return which PDF/A a document claims to be (`1B`), empty for none or no PDF.

    It reads the claim, as a mail gateway can; whether it holds is for a validator (veraPDF).
    """
    if not content.startswith(b"%PDF-"):
        return ""
    found = _PART.search(content)
    return f"{found[1].decode()}{found[2].decode().upper()}" if found else ""
