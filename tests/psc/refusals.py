"""Every refusal of Pro Santé Connect, by name, as the rows are written."""

from __future__ import annotations

from sandbox.psc import refusals_certificate, refusals_request, refusals_token
from sandbox.psc.refusals import Refusal

REFUSALS = {
    each.name: each
    for module in (refusals_request, refusals_token, refusals_certificate)
    for each in vars(module).values()
    if isinstance(each, Refusal)
}
