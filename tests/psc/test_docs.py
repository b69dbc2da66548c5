"""docs/psc-rules.md is made from the tables of the code. MSS_UPDATE_DOCS=1 writes it."""

from __future__ import annotations

import os
from pathlib import Path

from sandbox.psc import FAULTS
from sandbox.psc.backchannel import ORDER
from sandbox.psc.ciba import POLL_ORDER
from tests.psc.refusals import REFUSALS

PAGE = Path(__file__).parents[2] / "docs" / "psc-rules.md"


def page() -> str:
    lines = [
        "# Refusals, check orders and misbehaviours of the PSC emulator",
        "",
        "Made from the tables of `sandbox/psc` by `tests/psc/test_docs.py`.",
        "",
        "## Check order",
        "",
        "| endpoint | profile | checks, first to last |",
        "|---|---|---|",
    ]
    for name, order in ORDER.items():
        checks = ", ".join(check.__name__.removeprefix("_") for check in order)
        lines.append(f"| authentication request | {name} | {checks} |")
    for name, order in POLL_ORDER.items():
        lines.append(f"| poll | {name} | {', '.join(order)} |")
    lines += [
        "",
        "## Refusals",
        "",
        "| refusal | rows | clause | core | psc | cause | what would have worked |",
        "|---|---|---|---|---|---|---|",
    ]
    for rule in REFUSALS.values():
        core, psc = (f"{answer.status} {answer.error}".strip() for answer in (rule.core, rule.psc))
        same = "the same" if core == psc else psc
        lines.append(
            f"| {rule.name} | {' '.join(rule.rows)} | {rule.reason.clause} | {core} | {same} "
            f"| {rule.reason.what.english} | {rule.reason.remedy.english} |"
        )
    lines += ["", "## Misbehaviours", "", "| fault | where | what it does |", "|---|---|---|"]
    for name, fault in FAULTS.items():
        points, text = fault.points, fault.text
        lines.append(f"| `{name}` | {', '.join(points)} | {text} |")
    return "\n".join(lines) + "\n"


def test_the_page_of_rules_is_what_the_code_does():
    if os.environ.get("MSS_UPDATE_DOCS"):
        PAGE.write_text(page(), "utf-8")
    assert PAGE.read_text("utf-8") == page()


def test_every_requirement_row_has_a_test_named_after_it():
    text = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    rows = {"m": 7, "r": 14, "k": 3, "t": 13, "p": 4, "f": 8}
    missing = [
        f"{letter}{number}"
        for letter, last in rows.items()
        for number in range(1, last + 1)
        if f"def test_{letter}{number}_" not in text
    ]
    assert missing == []
