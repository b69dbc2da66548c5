"""A scenario of which every input matters, and another value for each: does it move what runs?"""

from __future__ import annotations

from typing import Any

from sandbox.space.loader import load_scenario, with_inputs
from sandbox.space.tables import inputs

__all__ = ["BASE", "SINGLE", "another", "changes"]

# Operators of every size class; who has messages sent by machines has machines.
BASE = with_inputs(
    load_scenario("demo"),
    {
        "populations.ehpad.application_mailboxes": 0.1,
        "resources.small.mailboxes": 100,
        "resources.medium.mailboxes": 400,
        "resources.large.mailboxes": 600,
    },
)
# Of these the wire has one value: another is refused (below).
SINGLE = {"resources.placement"}
# Words, and numbers of which the wire has few: another value than the default that it can have.
OTHERS: dict[str, Any] = {
    "login_policy": "xoauth2",
    "policies.ciba_mode": "ping",
    "populations.liberal.personal_mailboxes": 1.5,
    "populations.liberal.application_mailboxes": 0.1,
    "populations.ehpad.machine_share": 0.2,
    # Across the size of an operator of the scenario.
    "resources.small.mailboxes": 120,
    "resources.medium.mailboxes": 510,
    "resources.large.mailboxes": 1300,
    "policies.token_check": "jwks",
    "policies.ticket_seconds": 0,
    "policies.totp_step": 60,
    "policies.totp_once": 0,
    "policies.totp_window": 0,
    "policies.imap_keepalive": 0,
    "network.tls13_server": 0,
}


def another(key: str) -> Any:
    """Return a value of a key that is not its default: an end of its range.

    What was measured, yes or no, has no range: the other answer.
    """
    row = inputs()[key]
    if key in OTHERS:
        return OTHERS[key]
    if row.high is None and row.value in {0, 1}:
        return 1 - row.value
    return row.low if row.value == row.high else row.high


def changes(key: str) -> dict[str, Any]:
    """Return another value of a key, and of those that must change with it.

    The products of a kind share all of it: a product changes kind with one of another kind, and
    takes its share.
    """
    if not (key.startswith("products.") and key.endswith(".kind")):
        return {key: another(key)}
    rows, mine = inputs(), key.removesuffix("kind")
    other = next(
        row.key.removesuffix("kind")
        for row in rows.values()
        if row.unit == rows[key].unit and row.value != rows[key].value
    )
    return {
        f"{to}{leaf}": rows[f"{of}{leaf}"].value
        for leaf in ("kind", "share")
        for to, of in ((mine, other), (other, mine))
    }
