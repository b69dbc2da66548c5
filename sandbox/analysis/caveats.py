"""What the verdict says of money and of what nobody measured."""

from __future__ import annotations

from fnmatch import fnmatch

from sandbox.analysis.decision_names import factor_name
from sandbox.analysis.grid import Link, input_anchor
from sandbox.analysis.standing import VIEWS, Summary, capital, quoted
from sandbox.analysis.wording import (
    Text,
    count,
    decimal,
    enumerate_texts,
    euros,
    interval,
    percent,
    say,
)

__all__ = [
    "UNCERTAIN", "basis_text", "cost_text", "provisional", "ranking_text", "rests_on",
]  # fmt: skip

# What the engine reads: whatever is not money, what fails, a plan or a level of service.
OF_THE_ENGINE = (
    "populations.*", "products.*", "software.*", "methods.*", "policies.*", "login_policy",
    "network.*", "processor.*", "resources.*", "backends.*", "traffic.*", "mailboxes.*", "relay.*",
    "operators.*",
)  # fmt: skip
# What each result rests on: inputs by key, to say how much of it nobody measured or published.
RESTS_ON: dict[str, tuple[str, ...]] = {
    "access": ("products.*", "populations.*.method_*", "populations.*.software_*"),
    "port_blocked": ("populations.*.port_blocked",),
    "failure_share": OF_THE_ENGINE,
    "person_wait": OF_THE_ENGINE,
    "machine_latency": OF_THE_ENGINE,
    "limits": ("resources.*", "service.*", "processor.*", "backends.psc.*"),
    "costs": ("costs.*",),
    "incidents": ("incidents.*", "resources.*", "populations.*"),
    "migration": ("migration.*", "costs.*", "products.*"),
}  # fmt: skip
UNCERTAIN = ("placeholder", "expert guess")


def cost_text(summary: Summary) -> Text:
    """Say the cheapest and the dearest design, and whether the cheapest stays so in each view."""
    bills = {name: design["yearly_cost_euros"] for name, design in summary["designs"].items()}

    def amount(name: str) -> Text:
        low, central, high = (euros(bills[name][view]["total"]) for view in VIEWS)
        template = "{name}, {central} {ends}"
        name_text, ends = quoted(summary, name), interval(low, high)
        return say(template, template, name=name_text, central=central, ends=ends)

    totals = {view: {name: bill[view]["total"] for name, bill in bills.items()} for view in VIEWS}
    orders = {view: sorted(bills, key=of_all.__getitem__) for view, of_all in totals.items()}
    cheapest, dearest = orders["central"][0], orders["central"][-1]
    if len(bills) == 1:
        return capital(say("{a}, des hypothèses basses aux hautes.",
                           "{a}, from low to high assumptions.", a=amount(cheapest)))  # fmt: skip
    if orders["low"] == orders["central"] == orders["high"]:
        order = Text(
            "L'ordre des designs est le même aux hypothèses basses et hautes.",
            "The order of designs is the same under low and high assumptions.",
        )
    elif len({orders[view][0] for view in VIEWS}) == 1:
        order = Text(
            "Le moins cher le reste aux hypothèses basses et hautes, l'ordre des autres non.",
            "The cheapest stays so under low and high assumptions; the order of the others does "
            "not.",
        )
    else:
        order = say(
            "Le moins cher dépend des hypothèses : {low} aux basses, {high} aux hautes.",
            "Which is cheapest depends on assumptions: {low} under low, {high} under high ones.",
            low=quoted(summary, orders["low"][0]), high=quoted(summary, orders["high"][0]),
        )  # fmt: skip
    return say(
        "Le moins cher : {a}. Le plus cher : {b}. {order}",
        "Cheapest: {a}. Dearest: {b}. {order}",
        a=amount(cheapest), b=amount(dearest), order=order,
    )  # fmt: skip


def provisional(summary: Summary, result: str) -> int:
    """Return on how many placeholders a result (a key of RESTS_ON) rests."""
    return sum(
        row["knowledge"] == "placeholder"
        and any(fnmatch(row["key"], pattern) for pattern in RESTS_ON[result])
        for row in summary["assumptions"]
    )


def rests_on(summary: Summary, result: str, criterion: str = "") -> list[Link]:
    """Return what a result (a key of RESTS_ON) rests on, as links to the table of assumptions.

    First what moves the gap between the first two designs on a criterion, where a decision was
    taken; then every group of inputs, with how many of them nobody measured or published.
    """
    found, decision = [], summary["decision"]
    if decision is not None and criterion:
        members = {row["key"]: row["inputs"][0]["key"] for row in decision["inputs"]}
        for row in decision["drives"][criterion]:
            key = row["key"]
            found.append(Link(factor_name(key), input_anchor(members[key])))
    groups: dict[str, list[bool]] = {}
    for row in summary["assumptions"]:
        if any(fnmatch(row["key"], pattern) for pattern in RESTS_ON[result]):
            group = groups.setdefault(row["key"].split(".")[0], [])
            group.append(row["knowledge"] in UNCERTAIN)
    for name, weak in groups.items():
        text = say("{g} ({k} sur {n} sans mesure)", "{g} ({k} of {n} unmeasured)",
                   g=f"{name}.*" if len(weak) > 1 else name, k=count(sum(weak)),
                   n=count(len(weak)))  # fmt: skip
        found.append(Link(text, input_anchor(f"{name}.*")))
    return found


def basis_text(summary: Summary) -> Text:
    """Say which results rest on inputs that nobody measured or published."""
    rows = summary["assumptions"]
    ports = any(
        "port_blocked" in each["compatibility"]["by_cause"] for each in summary["designs"].values()
    )
    access = RESTS_ON["access"] + (RESTS_ON["port_blocked"] if ports else ())
    results = [
        (Text("qui peut se connecter", "who can connect"), access),
        (Text("les attentes", "waits"), RESTS_ON["person_wait"]),
        (Text("la marge de charge", "headroom"), RESTS_ON["limits"]),
        (Text("les coûts", "costs"), RESTS_ON["costs"]),
    ]
    parts = []
    for name, patterns in results:
        mine = [r for r in rows if any(fnmatch(r["key"], pattern) for pattern in patterns)]
        weak = sum(r["knowledge"] in UNCERTAIN for r in mine)
        if weak:
            parts.append(say("{name} ({k} entrées sur {n})", "{name} ({k} of {n} inputs)",
                             name=name, k=count(weak), n=count(len(mine))))  # fmt: skip
    guesses = sum(r["knowledge"] == "expert guess" for r in rows)
    placeholders = sum(r["knowledge"] == "placeholder" for r in rows)
    if not guesses + placeholders:
        return Text("Toutes les entrées sont publiées, mesurées ou fixées par le scénario.",
                    "Every input is published, measured or set by the scenario.")  # fmt: skip
    text = say(
        "{p} valeurs provisoires et {g} avis d'expert sur {n} entrées ({share} %).",
        "{p} placeholders and {g} expert guesses among {n} inputs ({share}%).",
        p=count(placeholders), g=count(guesses), n=count(len(rows)),
        share=decimal(100 * (guesses + placeholders) / len(rows)),
    )  # fmt: skip
    if parts:
        text = say("{a} En dépendent : {b}.", "{a} Resting on them: {b}.", a=text,
                   b=enumerate_texts(parts))  # fmt: skip
    return text


def ranking_text(summary: Summary) -> Text:
    """Say how likely the choice stands when the uncertain inputs move together, and their state."""
    found = summary["decision"]
    basis = basis_text(summary)
    if len(summary["designs"]) == 1:
        return basis
    if found is None:
        return say(
            "Les entrées incertaines n'ont pas été tirées : on ne sait pas si le classement leur "
            "résiste. {basis}",
            "The uncertain inputs were not drawn: whether the ranking survives them is unknown. "
            "{basis}", basis=basis,
        )  # fmt: skip
    name = found["recommended"]
    return say(
        "{d} est le meilleur avec une probabilité de {p} quand toutes les entrées incertaines "
        "bougent ensemble ({n} tirages, toutes pondérations des critères). {basis}",
        "{d} is best with probability {p} when all uncertain inputs move together ({n} draws, all "
        "weights of the criteria). {basis}",
        d=quoted(summary, name), p=percent(found["designs"][name]["probability_best"]),
        n=count(found["draws"]), basis=basis,
    )  # fmt: skip
