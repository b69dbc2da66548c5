"""Writes the tables of the pages from the code and the data: `python docs/generate.py`.

Each table stands between `<!-- table: NAME -->` and `<!-- end -->`; the text around is kept.
With `--check`, writes nothing and exits with 1 when a page is not up to date.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from inspect import getdoc, getsource
from pathlib import Path

import numpy as np

from sandbox.analysis.fit import fit
from sandbox.observations import schema
from sandbox.simulation import steps
from sandbox.simulation.dialogues import Dialogues
from sandbox.simulation.draws import Law
from sandbox.space import methods
from sandbox.space.compatibility import barriers
from sandbox.space.costs import design_cost
from sandbox.space.designs import BUILT_IN
from sandbox.space.incidents import Incident, things_that_fail
from sandbox.space.loader import load_scenario
from sandbox.space.login_policies import BUILT_IN_POLICIES
from sandbox.space.methods import CAPABILITIES, METHODS, Feature, Method
from sandbox.space.population import Accesses, build_space
from sandbox.space.tables import Input, inputs, operator_classes, operator_rows

PAGES = tuple(Path(__file__).with_name(name) for name in ("stress-des.md", "fit.md"))
SCENARIO = "aout-2021"
KNOWLEDGE = ("measured", "published", "expert guess", "placeholder")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join(str(cell).replace("|", "\\|") for cell in row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def comments(of: type) -> dict[str, str]:
    """Return the comment beside each member of an enumeration, as written in its source."""
    return dict(re.findall(r"^ +(\w+) = [^#\n]+  # (.+)$", getsource(of), flags=re.MULTILINE))


def step_table() -> str:
    """Every kind of step: what it takes, what it does."""
    rows = []
    for kind in steps.Step.__args__:
        what = (getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")
        rows.append((kind.__name__, ", ".join(f.name for f in fields(kind)) or "-", what))
    return table(("step", "fields", "what it does"), rows)


def laws_of(step: object) -> list[tuple[steps.Purpose, Law]]:
    """Return the purpose and law that a step draws, if any."""
    law, purpose = getattr(step, "law", None), getattr(step, "purpose", None)
    return [(purpose, law)] if isinstance(law, Law) and isinstance(purpose, steps.Purpose) else []


def law_table() -> str:
    """Every law that the dialogues of the default scenario draw from, by purpose."""
    scenario = load_scenario(SCENARIO)
    found: dict[tuple[str, str, str], None] = {}
    for design in BUILT_IN.values():
        miss = dict.fromkeys((e.name for e in design.endpoints), 0.5)
        for policy in BUILT_IN_POLICIES.values():
            for program in Dialogues(scenario, design, policy, miss).programs():
                for purpose, law in (pair for step in program.body for pair in laws_of(step)):
                    shift = (
                        f"; {law.c:g} s at least" if law.kind.name == "LOGNORMAL" and law.c else ""
                    )
                    found[purpose.name, law.kind.name.lower(), f"{law.mean:.4g} s{shift}"] = None
    order = {purpose.name: purpose for purpose in steps.Purpose}
    rows = sorted(found, key=lambda row: (order[row[0]], row))
    return table(("purpose", "law", "mean"), rows)


def purpose_table() -> str:
    """Every purpose of a draw, and its number: the same in every design."""
    return table(("number", "purpose"), ((int(p), p.name) for p in steps.Purpose))


def phase_table() -> str:
    """The phases of a login."""
    notes = comments(schema.Phase)
    return table(
        ("phase", "what it holds"), ((p.name.lower(), notes[p.name]) for p in schema.Phase)
    )


def cause_table() -> str:
    """The causes of failure."""
    notes = comments(schema.Cause)
    return table(
        ("cause", "what happened"), ((c.name.lower(), notes[c.name]) for c in schema.SIMULATED)
    )


def design_table() -> str:
    """What each built-in design asks of one operator, and of all a year."""
    scenario = load_scenario(SCENARIO)
    rows = []
    for name, design in BUILT_IN.items():
        cost = design_cost(design, scenario)
        money = [f"{bill.total / 1e6:.2f}" for bill in (cost.low, cost.central, cost.high)]
        expired = things_that_fail(design, Incident.CERTIFICATE, one_host=False)
        falling = max(len(thing.endpoints) for thing in expired)
        rows.append((
            f"`{name}`", cost.certificates, cost.dns_records, cost.public_addresses,
            cost.firewall_openings, cost.editor_urls, len(design.endpoints),
            falling, " / ".join(money),
        ))  # fmt: skip
    head = ("design", "certificates", "DNS records", "public addresses", "firewall openings",
            "places an editor holds", "endpoints", "endpoints down when one certificate expires",
            "M€ a year: low / central / high")  # fmt: skip
    return table(head, rows)


def endpoint_table() -> str:
    """The endpoints of each built-in design."""
    rows = [
        (f"`{name}`", e.name, ", ".join(e.methods), f"`{e.host}`:{e.port}", e.tls,
         e.client_certificate, *(", ".join(p.offered(e)) for p in BUILT_IN_POLICIES.values()))
        for name, design in BUILT_IN.items()
        for e in design.endpoints
    ]  # fmt: skip
    head = ("design", "endpoint", "methods", "host and port", "TLS", "client certificate",
            *(f"`{name}`" for name in BUILT_IN_POLICIES))  # fmt: skip
    return table(head, rows)


HURTS = (Feature.REQUEST_FAILS, Feature.REQUEST_PROMPTS)
WITH_ALL = sum(int(each) for each in CAPABILITIES.values() if each not in HURTS)
LACKS: dict[str, int] = {
    "no EXTERNAL": WITH_ALL & ~(Feature.IMAP_EXTERNAL | Feature.SMTP_EXTERNAL),
    "no EXTERNAL to send": WITH_ALL & ~Feature.SMTP_EXTERNAL,
    "no XOAUTH2": WITH_ALL & ~(Feature.IMAP_XOAUTH2 | Feature.SMTP_XOAUTH2),
    "stops at PREAUTH": WITH_ALL & ~Feature.IMAP_ALONE,
    "insists on AUTH before MAIL, without EXTERNAL": WITH_ALL
    & ~(Feature.SMTP_ALONE | Feature.SMTP_EXTERNAL),
    "cannot set a port": WITH_ALL & ~Feature.PORT_SETTING,
    "cannot set a host": WITH_ALL & ~Feature.HOST_SETTING,
    "sends no server name (SNI)": WITH_ALL & ~Feature.SNI,
    "fails when asked for a certificate": WITH_ALL | Feature.REQUEST_FAILS,
    "site blocks non-standard ports": WITH_ALL | Feature.PORT_BLOCKED,
}


def exclusion_table() -> str:
    """Who cannot connect: one access for each lack and method, put to each design."""
    cases = [(lack, method) for lack in LACKS for method in Method]
    count = len(cases)
    zeros = np.zeros(count, dtype=np.int64)
    accesses = Accesses(
        kind=zeros.astype(np.int8), population=zeros.astype(np.int8),
        operator=zeros.astype(np.int32),
        method=np.array([list(Method).index(m) for _, m in cases], dtype=np.int8),
        software=zeros.astype(np.int8),
        product=zeros.astype(np.int16), rtt=np.ones(count),
        features=np.array([LACKS[lack] for lack, _ in cases], dtype=np.int64),
        mailbox=np.arange(count), site=np.arange(count), identity=np.arange(count),
    )  # fmt: skip
    space = replace(build_space(load_scenario("demo"), scale=0.01), accesses=accesses)
    rows: dict[tuple[str, ...], list[str]] = {}
    for policy in BUILT_IN_POLICIES.values():
        causes = [barriers(space, design, policy) for design in BUILT_IN.values()]
        for lack in LACKS:
            mine = [row for row, (lacked, _) in enumerate(cases) if lacked == lack]
            cells = []
            for kept_out in causes:
                out = [str(cases[row][1]) for row in mine if kept_out[row] >= 0]
                cells.append("all methods" if len(out) == len(Method) else ", ".join(out) or "-")
            rows.setdefault((lack, *cells), []).append(f"`{policy.name}`")
    shown = [
        (lack, "all" if len(names) == len(BUILT_IN_POLICIES) else ", ".join(names), *cells)
        for (lack, *cells), names in sorted(rows.items(), key=lambda r: list(LACKS).index(r[0][0]))
        if set(cells) != {"-"}
    ]
    return table(("the access...", "login policy", *(f"`{name}`" for name in BUILT_IN)), shown)


def method_table() -> str:
    """The methods."""
    notes = comments(methods.Method)
    rows = [
        (f"`{m}`", METHODS[m].english, notes[m.name],
         "yes" if METHODS[m].client_certificate else "no", ", ".join(METHODS[m].mechanisms))
        for m in Method
    ]  # fmt: skip
    head = (
        "method",
        "name",
        "what it is",
        "client certificate",
        "SASL mechanisms, preferred first",
    )
    return table(head, rows)


def knowledge_table() -> str:
    """How many inputs are known how well, by section of a scenario."""
    sections = list(dict.fromkeys(key.split(".")[0] for key in inputs()))

    def number(section: str, state: str) -> int:
        return sum(row.knowledge == state and row.key.split(".")[0] == section
                   for row in inputs().values())  # fmt: skip

    rows: list[tuple[object, ...]] = [
        (section, *(number(section, state) or "-" for state in KNOWLEDGE)) for section in sections
    ]
    rows.append(("**all**", *(sum(number(s, state) for s in sections) for state in KNOWLEDGE)))
    return table(("section", *KNOWLEDGE), rows)


def _figure(value: float | str | None) -> str:
    return "" if value is None else value if isinstance(value, str) else f"{value:g}"


def input_tables() -> str:
    """Every input, by state of knowledge."""
    parts = []
    for state in KNOWLEDGE:
        rows: list[Input] = [row for row in inputs().values() if row.knowledge == state]
        parts.append(f"**{state.capitalize()}** ({len(rows)})\n")
        parts.append(table(
            ("key", "value", "low", "high", "unit", "source", "note"),
            ((f"`{r.key}`", _figure(r.value), _figure(r.low), _figure(r.high), r.unit,
              f"[{r.source.title}]({r.source.url})" if r.source.url else r.source.title, r.note)
             for r in rows),
        ) + "\n")  # fmt: skip
    return "\n".join(parts)


def fit_table() -> str:
    """The model beside the published figures."""
    rows = []
    for figure in fit():
        said = figure.published
        digits = ",.2f" if said.unit == "share" else ",.0f"
        link = f"[{said.source.title}]({said.source.url})" if said.source.url else said.source.title
        rows.append((
            said.english, f"{said.month:%Y-%m}", format(said.value, digits),
            format(figure.model, digits), f"{figure.ratio:.2f}", f"`{said.scenario}`", link,
            said.explained,
        ))  # fmt: skip
    head = ("figure", "month", "published", "model", "ratio", "scenario", "source",
            "why, where further than 15 %")  # fmt: skip
    return table(head, rows)


def class_table() -> str:
    """What each class of operators holds of each kind of mailbox."""
    shares = operator_classes()
    kinds = list(dict.fromkeys(share.mailboxes for share in shares))
    rows = []
    for name in dict.fromkeys(share.kind for share in shares):
        count = sum(row.kind == name for row in operator_rows())
        mine = {share.mailboxes: f"{share.share:.0%}" for share in shares if share.kind == name}
        rows.append((name, count, *(mine.get(kind, "-") for kind in kinds)))
    return table(("class", "operators", *kinds), rows)


TABLES = {
    "steps": step_table,
    "laws": law_table,
    "purposes": purpose_table,
    "phases": phase_table,
    "causes": cause_table,
    "methods": method_table,
    "designs": design_table,
    "endpoints": endpoint_table,
    "exclusions": exclusion_table,
    "knowledge": knowledge_table,
    "inputs": input_tables,
    "fit": fit_table,
    "classes": class_table,
}


def updated(page: str) -> str:
    """Return the page with every table written anew.

    Raises:
        KeyError: the page asks for a table that does not exist.
    """
    pattern = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", flags=re.DOTALL)
    return pattern.sub(lambda m: f"{m[1]}\n{TABLES[m[2]]()}\n\n{m[3]}", page)


def main() -> int:
    """Write the pages, or check them."""
    late = 0
    for path in PAGES:
        page = path.read_text(encoding="utf-8")
        fresh = updated(page)
        late |= fresh != page
        if "--check" not in sys.argv[1:]:
            path.write_text(fresh, encoding="utf-8")
    return late if "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
