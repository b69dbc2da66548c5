"""Every colour of every chart, by what it stands for.

Designs and methods have Okabe and Ito's palette, the rest Tol's light and muted ones: told apart by
colour-blind readers, and none is taken for the colour of a design.
"""

from __future__ import annotations

from itertools import chain

from sandbox.analysis.wording import BARRIERS, PHASES

__all__ = [
    "BAND",
    "BARRIER_COLOURS",
    "DESIGN_COLOURS",
    "ENDPOINT_COLOURS",
    "GRID",
    "INDEX_COLOURS",
    "INK",
    "MEASURED",
    "METHOD_COLOURS",
    "PAYER_COLOURS",
    "PHASE_COLOURS",
    "PREDICTED",
    "SPAN",
    "SPARE_COLOURS",
]  # fmt: skip

# A design keeps its colour in every comparison, whatever the others.
DESIGN_COLOURS = {
    "single-endpoint": "#0072B2",
    "multi-endpoint": "#D55E00",
    "multi-port": "#009E73",
    "multi-endpoint-sni": "#CC79A7",
    "api-lps-2023": "#E69F00",
    "multi-port-codes": "#56B4E9",
}
METHOD_COLOURS = {
    "cps": "#0072B2", "totp": "#D55E00", "ecps": "#009E73", "ciba-operateur": "#CC79A7",
    "certificat": "#E69F00",
}  # fmt: skip
ENDPOINT_COLOURS = {
    "": "#333333", "cps": "#332288", "otp": "#999933", "ciba": "#AA3377", "certificat": "#44AA99",
}  # fmt: skip
PAYER_COLOURS = {"operators": "#77AADD", "editors": "#EEDD88", "sites": "#EE8866"}
INDEX_COLOURS = {"total": "#0B4F8A", "first": "#9DB8D2"}  # Sobol' indices
PREDICTED, MEASURED = "#0072B2", "#D55E00"  # of a twin
# What carries no meaning of its own: text and axes, spans and notes, rows, lines behind.
INK, SPAN, BAND, GRID = "#333333", "#555555", "#F4F6F9", "#E3E3E3"
# Of whatever has no colour of its own.
SPARE_COLOURS = ("#000000", "#8C6D31", "#7F7F7F", "#6A3D9A", "#B15928")
PHASE_COLOURS = dict(zip(
    PHASES,
    chain(("#99DDFF", "#BBBBBB", "#77AADD", "#44BB99", "#EEDD88", "#FFAABB"), SPARE_COLOURS),
    strict=False,
))  # fmt: skip
BARRIER_COLOURS = dict(zip(
    BARRIERS,
    chain(("#77AADD", "#99DDFF", "#EEDD88", "#FFAABB", "#EE8866", "#BBCC33", "#DDDDDD"),
          SPARE_COLOURS),
    strict=False,
))  # fmt: skip
