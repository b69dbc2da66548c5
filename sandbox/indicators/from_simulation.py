"""The indicators of a simulated month: the same count, of facts that virtual time gives.

A message of the traffic is one `submitted`, one `sent`, one `received`, and one `relayed` where the
recipient is at another operator: the simulation loses none for good. Each carries a document, of a
type drawn as its population's are (`data/documents.csv`), and names the sender's product; whether
its INS is qualified is nowhere published, and is left empty. Logins
are those that the engine saw accepted at each operator; its refusals are not by operator and are
left out. Directory data (profession, FINESS) is not simulated.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from sandbox.indicators.counting import CountedLogin, CountedMailbox, Fact, Indicators, count
from sandbox.indicators.month import Month
from sandbox.messages.documents import document_types
from sandbox.simulation.arrivals import between
from sandbox.simulation.build import build_model
from sandbox.simulation.fast import run
from sandbox.simulation.model import Inputs, SessionKind
from sandbox.simulation.observe import observe
from sandbox.space.compatibility import can_connect
from sandbox.space.errors import UserError
from sandbox.space.loader import load_scenario
from sandbox.space.population import BalKind, Space, build_space
from sandbox.space.scenario import Scenario

__all__ = ["from_scenario", "month_of"]

SUFFIX = "mssante.test"
_ACCESS, _KIND, _PEER = 0, 1, 4  # columns of a list of arrivals
_MOST = 2_000_000  # messages that are listed in memory


def month_of(scenario: Scenario, month: Month) -> Scenario:
    """Return the scenario over a whole month, at its own pace of messages."""
    days = calendar.monthrange(month.year, month.number)[1]
    messages = scenario.traffic.messages * days / scenario.period.days
    period = scenario.period.model_copy(
        update={"start": date(month.year, month.number, 1), "days": days}
    )
    traffic = scenario.traffic.model_copy(update={"messages": messages})
    return scenario.model_copy(update={"period": period, "traffic": traffic, "outages": ()})


def from_scenario(
    name: str, month: Month, *, seed: int = 1, operators: Sequence[str] = ()
) -> Iterator[Indicators]:
    """Yield each operator's month of a scenario, under the design that lets most connect.

    The space is taken smaller where its month has more messages than memory is meant to hold; the
    pace of each mailbox stays.

    Raises:
        UserError: no such scenario or operator.
    """
    scenario = month_of(load_scenario(name), month)
    scale = min(1.0, _MOST / max(1.0, float(scenario.traffic.messages)))
    space = build_space(scenario, seed=seed, scale=scale)
    for each in operators:
        if each not in space.operators:
            raise UserError(
                "aucun opérateur de ce nom ; les premiers sont", "no such operator; the first are",
                where=each[:80], then=", ".join(space.operators[:5]),
            )  # fmt: skip
    # Who cannot connect sends nothing: the design that shuts out fewest says most of the month.
    designs = [scenario.design(each) for each in scenario.compare]
    design = max(designs, key=lambda each: can_connect(space, [(each, scenario.policy())]).sum())
    model = build_model(space, design)
    sent = _messages(space, model.inputs, seed)
    seen = observe(space, design, model, run(model), {})
    totals = seen.tables["login_totals"]
    totals = totals[totals["measure"] == "machine"]
    for number, label in enumerate(space.operators):
        if operators and label not in operators:
            continue
        mine = totals[totals["operator"] == label]
        logins = [
            CountedLogin("", str(protocol), str(method), "", int(times))
            for protocol, method, times in zip(
                mine["protocol"], mine["method"], mine["count"], strict=True
            )
        ]
        yield count(
            label, month, [_domain(space, number)], _boxes(space, number),
            _facts(space, sent, number), logins,
        )  # fmt: skip


def _domain(space: Space, operator: int) -> str:
    return f"{space.operators[operator]}.{SUFFIX}"


def _messages(space: Space, inputs: Inputs, seed: int) -> NDArray[np.int64]:
    """Return the messages of a month: access that sends, operator it goes to, type of document.

    Shape (n, 3); accesses by their row in the space, types by their place in `document_types`.
    Without the polls: each stream has its own draws, so nothing else changes.
    """
    alone = inputs._replace(polls=inputs.polls[:0])
    rows = between(alone, 0, int(inputs.horizon[0]))
    rows = rows[rows[:, _KIND] == int(SessionKind.SEND)]
    order = np.argsort(space.accesses.identity)
    wanted = inputs.access_identity[rows[:, _ACCESS]]
    found = order[np.searchsorted(space.accesses.identity, wanted, sorter=order)]
    kinds = np.zeros(len(found), dtype=np.int64)
    chance = np.random.default_rng([seed, 11])
    for number, name in enumerate(space.populations):
        mine = np.flatnonzero(space.accesses.population[found] == number)
        shares = np.array([each.shares[name] for each in document_types().values()])
        kinds[mine] = chance.choice(len(shares), len(mine), p=shares / shares.sum())
    return np.stack([found, rows[:, _PEER], kinds], axis=1)


def _facts(space: Space, sent: NDArray[np.int64], operator: int) -> Iterator[Fact]:
    """Yield what happened at an operator, weighted."""
    accesses, here, codes = space.accesses, _domain(space, operator), list(document_types())
    mine = sent[accesses.operator[sent[:, 0]] == operator]
    for (access, peer, kind), n in _counted(mine):
        mailbox = _address(space, operator, int(accesses.mailbox[access]))
        domain, said = _domain(space, peer), (codes[kind], "", _product(space, access))
        yield Fact("submitted", mailbox, "", *said, times=n)
        yield Fact("sent", mailbox, domain, *said, times=n)
        if peer != operator:
            yield Fact("relayed", mailbox, domain, times=n)
    # Whose mailbox receives is not drawn: an operator counts what comes by where it comes from.
    to = sent[sent[:, 1] == operator]
    origin = np.stack([accesses.operator[to[:, 0]], accesses.product[to[:, 0]], to[:, 2]], axis=1)
    for (peer, product, kind), n in _counted(origin):
        yield Fact(
            "received", f"@{here}", _domain(space, peer), codes[kind], "",
            space.products[product], times=n,
        )  # fmt: skip


def _counted(rows: NDArray[np.int64]) -> Iterator[tuple[list[int], int]]:
    """Yield each row that there is, and how often."""
    found, times = np.unique(rows, axis=0, return_counts=True)
    yield from zip(found.tolist(), times.tolist(), strict=True)


def _product(space: Space, access: int) -> str:
    return str(space.products[space.accesses.product[access]])


def _boxes(space: Space, operator: int) -> Iterator[CountedMailbox]:
    """Yield the mailboxes of an operator: those in use, and as many more as it has idle."""
    accesses = space.accesses
    mine = np.flatnonzero(accesses.operator == operator)
    numbers, first = np.unique(accesses.mailbox[mine], return_index=True)
    for number, at in zip(numbers.tolist(), mine[first].tolist(), strict=True):
        kind = BalKind(int(accesses.kind[at])).name
        yield CountedMailbox(_address(space, operator, number), kind, "", "", 0.0)
    domain = _domain(space, operator)
    for number in range(max(0, int(space.operator_mailboxes[operator]) - len(numbers))):
        yield CountedMailbox(f"idle-{number}@{domain}", "", "", "", 0.0)


def _address(space: Space, operator: int, mailbox: int) -> str:
    return f"bal-{mailbox}@{_domain(space, operator)}"
