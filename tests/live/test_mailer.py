"""Which endpoint and method the small mail program takes for a mailbox of the sheet."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.live.mailer import choose
from sandbox.space.errors import UserError
from sandbox.space.methods import Method

ADDRESS = "accueil@op1.mssante.test"


def sheet(kind: str, *mechanisms: str) -> dict[str, Any]:
    """Return the sheet of one mailbox, whose holder has a card and a telephone for codes."""
    methods = {"cps": {"authzid": ADDRESS}, "totp": {}}
    place = {"protocol": "imap", "methods": ["cps", "totp"], "mechanisms": list(mechanisms)}
    return {
        "accounts": [{
            "address": ADDRESS, "type": kind, "operator": "op1",
            "holders": [{"identity": "8", "methods": methods}],
        }],
        "operators": [{"name": "op1", "designs": {"single-endpoint": [place]}}],
    }  # fmt: skip


def test_a_card_is_taken_where_it_can_name_the_mailbox() -> None:
    assert choose(sheet("ORG", "PLAIN", "EXTERNAL"), ADDRESS, "imap").method is Method.CPS
    assert choose(sheet("PER", "PLAIN", "NONE"), ADDRESS, "imap").method is Method.CPS


def test_a_shared_mailbox_is_not_opened_by_a_card_that_is_greeted_preauth() -> None:
    greeted = sheet("ORG", "PLAIN", "NONE")
    assert choose(greeted, ADDRESS, "imap").method is Method.TOTP
    with pytest.raises(UserError, match=r"not this one; choose among totp"):
        choose(greeted, ADDRESS, "imap", method="cps")
