"""Command-line options of what listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

__all__ = ["port_option"]


def port_option(name: str, default: int, text: str) -> Callable[[Any], Any]:
    """Return the option of a port to listen on; `text` is a protocol, or French / English help."""
    if " / " not in text:
        text = f"Port {text} ; 0 : libre. / {text} port; 0: a free one."
    return click.option(name, type=click.IntRange(0, 65535), default=default, help=text)
