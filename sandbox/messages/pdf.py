"""PDF/A-1b: what an encapsulated document and its copy are (ECO.2.1.5), made and told apart."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from datetime import datetime

__all__ = ["make_pdf", "pdf_part"]

_PART = re.compile(
    rb"pdfaid:part(?:>|=[\"'])\s*([1-4])(?:<|[\"']).{0,400}?"
    rb"pdfaid:conformance(?:>|=[\"'])\s*([A-Ua-u])",
    re.DOTALL,
)


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
    # Its library takes half a second to load: servers, which only receive, do without.
    from sandbox.messages.pdf_pages import WIDTH, draw

    bare = draw(title, lines, at, b"")
    rest = size - len(bare)
    if rest < WIDTH:
        return bare
    noise = random.Random(f"page/{seed}").randbytes(rest // WIDTH * WIDTH)  # noqa: S311
    return draw(title, lines, at, noise)


def pdf_part(content: bytes) -> str:
    """Return which PDF/A a document claims to be (`1B`), empty for none or no PDF.

    It reads the claim, as a mail gateway can; whether it holds is for a validator (veraPDF).
    """
    if not content.startswith(b"%PDF-"):
        return ""
    found = _PART.search(content)
    return f"{found[1].decode()}{found[2].decode().upper()}" if found else ""
