"""One look for every page: a style sheet, a font, what makes pages live, and how they are drawn.

Each service that shows pages to people has templates of its own, puts `SHARED` among its routes,
and draws with `templates`. Of what is shown it knows nothing; nothing comes from another site.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import jinja2
import segno
from markupsafe import Markup
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

__all__ = ["POLICY", "SHARED", "templates"]

_HERE = Path(__file__).parent
SHARED = Mount("/shared", app=StaticFiles(directory=_HERE / "static"))
# The content security policy of a page that frames nothing; services narrow or widen it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'"
)


def templates(*folders: Path) -> jinja2.Environment:
    """Return what draws the templates of some folders, and those that all pages share.

    Filters: `qr`, a drawing of a text; `clock` and `instant` of seconds since 1970.
    """
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, _HERE / "templates"]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"qr": _qr, "clock": _clock, "instant": _instant}
    return found


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S.%f")[:-3]


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="milliseconds")


def _qr(text: str) -> Markup:
    drawn = segno.make(text, error="m").svg_inline(omitsize=True, border=4, light="#fff")
    return Markup(drawn)  # noqa: S704 - the library's own drawing; the text is in its modules
