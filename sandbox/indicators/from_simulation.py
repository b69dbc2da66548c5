"""The indicators of a simulated month: the same count, of facts that virtual time gives.

A message of the traffic is one `submitted`, one `sent`, one `received`, and one `relayed` where the
recipient is at another operator: the simulation loses none for good. Each carries a document, of a
type drawn as its population's are (`data/documents.csv`), names the sender's product, and has a
qualified INS, or goes to a citizen, as often as the year has it (`data/messages-by-year.csv`): a
message to Mon espace santé takes the place of one to a professional, in its operator's relay too.
Some ask for a read receipt, and some of those to an application for an acknowledgement, which says
whether it could integrate the document. Either is lost for good, or comes after a while: past the
end of the month it is late, and not counted there. Logins are those that the engine saw accepted at
each operator; its refusals are not by operator and are left out. Professions of personal mailboxes
are drawn as those who hold one are (`data/directory/professions.csv`); FINESS of the others are
fictitious, one a place.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandbox.indicators.counting import (
    CountedLogin,
    CountedMailbox,
    Fact,
    Indicators,
    count,
)
from sandbox.indicators.month import Month
from sandbox.messages.documents import document_types
from sandbox.messages.facts import QUALIFIED, UNQUALIFIED
from sandbox.messages.ins import PATIENT_LABEL
from sandbox.messages.receipts import receipt_figures
from sandbox.simulation.arrivals import between
from sandbox.simulation.build import build_model
from sandbox.simulation.fast import run
from sandbox.simulation.model import Inputs, SessionKind
from sandbox.simulation.observe import observe
from sandbox.space.chance import uniform
from sandbox.space.compatibility import can_connect
from sandbox.space.errors import UserError
from sandbox.space.loader import load_scenario
from sandbox.space.population import BalKind, Space, build_space
from sandbox.space.scenario import Scenario
from sandbox.space.tables import rows
from sandbox.space.years import mail_of, share_to_citizens
from sandbox.trust.identity import luhn_key

__all__ = ["Receipts", "SimulatedMonth", "from_scenario", "month_of"]

SUFFIX = "mssante.test"
_ACCESS, _KIND, _PEER, _INSTANT = 0, 1, 4, 5  # columns of a list of arrivals
CITIZENS = -1  # in place of an operator's number
CAME, LATE, LOST = 1, 2, 3  # of a receipt that was asked for
FILED, REFUSED = 1, 2  # by an application
_INS = (UNQUALIFIED, QUALIFIED)
DAY = 86_400.0
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


@dataclass(frozen=True, slots=True)
class Receipts:
    """What became of the receipts of readers, or of applications, that were asked for in a month.

    Attributes:
        asked: how many.
        came: within the month.
        late: after its end.
        lost: never.
        refused: of those that came, that say why the document was not integrated.
    """

    asked: int
    came: int
    late: int
    lost: int
    refused: int = 0


@dataclass(frozen=True, slots=True)
class SimulatedMonth:
    """A month of a scenario: each operator's file, what became of receipts of either kind."""

    files: tuple[Indicators, ...]
    receipts: Receipts
    acknowledgements: Receipts


def from_scenario(
    name: str, month: Month, *, seed: int = 1, operators: Sequence[str] = ()
) -> SimulatedMonth:
    """Simulate a month of a scenario, under the design that lets most connect.

    The space is taken smaller where its month has more messages than memory is meant to hold; the
    pace of each mailbox stays.

    Args:
        name: of the scenario, or its file.
        month: which.
        seed: of everything drawn.
        operators: those whose files are wanted; all when empty.

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
    sent = _messages(space, model.inputs, month, seed)
    seen = observe(space, design, model, run(model), {})
    totals = seen.tables["login_totals"]
    totals = totals[totals["measure"] == "machine"]
    files = []
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
        files.append(
            count(
                label,
                month,
                [_domain(space, number)],
                _boxes(space, number, seed),
                _facts(space, sent, number),
                logins,
            )
        )
    read, filed = sent.where(sent.filed == 0), sent.where(sent.filed > 0)
    return SimulatedMonth(tuple(files), _became_of(read), _became_of(filed))


def _became_of(sent: _Sent) -> Receipts:
    _, came, late, lost = np.bincount(sent.receipt, minlength=4).tolist()
    refused = int(((sent.receipt == CAME) & (sent.filed == REFUSED)).sum())
    return Receipts(came + late + lost, came, late, lost, refused)


class _Sent(NamedTuple):
    """The messages of a month, each an array of (n,)."""

    access: NDArray[np.int64]  # that sends: its row in the space
    peer: NDArray[np.int64]  # operator that it goes to, or CITIZENS
    kind: NDArray[np.int64]  # of its document: place in `document_types`
    qualified: NDArray[np.int64]  # INS: 0 or 1
    receipt: NDArray[np.int64]  # 0: not asked for; CAME, LATE, LOST
    filed: NDArray[np.int64]  # 0: by a person; by an application: FILED, REFUSED

    def rows(self, *columns: NDArray[np.int64]) -> Iterator[tuple[list[int], int]]:
        """Yield each row of some columns that there is, and how often."""
        found, times = np.unique(np.stack(columns, axis=1), axis=0, return_counts=True)
        yield from zip(found.tolist(), times.tolist(), strict=True)

    def where(self, kept: NDArray[np.bool_]) -> _Sent:
        """Return those that are kept."""
        return _Sent(*(column[kept] for column in self))


def _domain(space: Space, operator: int) -> str:
    label = PATIENT_LABEL if operator == CITIZENS else space.operators[operator]
    return f"{label}.{SUFFIX}"


def _messages(space: Space, inputs: Inputs, month: Month, seed: int) -> _Sent:
    """Draw the messages of a month.

    Without the polls: each stream has its own draws, so nothing else changes.
    """
    alone = inputs._replace(polls=inputs.polls[:0])
    listed = between(alone, 0, int(inputs.horizon[0]))
    listed = listed[listed[:, _KIND] == int(SessionKind.SEND)]
    order = np.argsort(space.accesses.identity)

    def row_of(access: NDArray[np.int64]) -> NDArray[np.int64]:
        wanted = inputs.access_identity[access]
        return order[np.searchsorted(space.accesses.identity, wanted, sorter=order)]

    found = row_of(listed[:, _ACCESS])
    kinds = np.zeros(len(found), dtype=np.int64)
    chance = np.random.default_rng([seed, 11])
    for number, name in enumerate(space.populations):
        mine = np.flatnonzero(space.accesses.population[found] == number)
        shares = np.array([each.shares[name] for each in document_types().values()])
        kinds[mine] = chance.choice(len(shares), len(mine), p=shares / shares.sum())
    chance, mail = np.random.default_rng([seed, 12]), mail_of(month.year)
    to_citizens = chance.random(len(found)) < share_to_citizens(space.scenario)
    qualified = chance.random(len(found)) < mail.qualified
    chance, about = np.random.default_rng([seed, 13]), receipt_figures()
    traffic = space.scenario.traffic
    # As often as the engine draws an application: which, it draws with its operator.
    machines = float(
        np.mean(space.accesses.kind[row_of(inputs.recipients.astype(np.int64))] == BalKind.APP)
    )
    filed = (chance.random(len(found)) < machines) & ~to_citizens
    shares = np.where(filed, traffic.acknowledged, traffic.receipts_asked)
    asked = (chance.random(len(found)) < shares) & ~to_citizens
    shares = np.where(filed, traffic.acknowledgements_lost, traffic.receipts_lost)
    lost = chance.random(len(found)) < shares
    mean = DAY * np.where(filed, about["application_days"], about["days"])
    comes = listed[:, _INSTANT] / 1e9 + chance.exponential(mean)
    refused = chance.random(len(found)) < about["refused"]
    late = comes >= month.end - month.begin
    return _Sent(
        access=found,
        peer=np.where(to_citizens, CITIZENS, listed[:, _PEER]),
        kind=kinds,
        # A citizen's address is made of a qualified INS (ECO.2.2.6).
        qualified=(qualified | to_citizens).astype(np.int64),
        receipt=np.select([~asked, lost, late], [0, LOST, LATE], CAME).astype(np.int64),
        filed=np.select([~filed, refused], [0, REFUSED], FILED).astype(np.int64),
    )


def _facts(space: Space, sent: _Sent, operator: int) -> Iterator[Fact]:
    """Yield what happened at an operator, weighted."""
    accesses, here, codes = space.accesses, _domain(space, operator), list(document_types())
    mine = sent.where(accesses.operator[sent.access] == operator)
    for (access, peer, kind, ins), n in mine.rows(*mine[:4]):
        mailbox = _address(space, operator, int(accesses.mailbox[access]))
        domain, said = _domain(space, peer), (codes[kind], _INS[ins], _product(space, access))
        yield Fact("submitted", mailbox, "", *said, times=n)
        yield Fact("sent", mailbox, domain, *said, times=n)
        if peer != operator:
            yield Fact("relayed", mailbox, domain, times=n)
    # Whose mailbox receives is not drawn: an operator counts what comes by where it comes from.
    to = sent.where(sent.peer == operator)
    origin = accesses.operator[to.access], accesses.product[to.access], to.kind, to.qualified
    for (peer, product, kind, ins), n in to.rows(*(each.astype(np.int64) for each in origin)):
        yield Fact(
            "received", f"@{here}", _domain(space, peer), codes[kind], _INS[ins],
            space.products[product], times=n,
        )  # fmt: skip
    # Receipts have no sender: they leave from where the message came, and come back here.
    answered = to.where(to.receipt == CAME)
    for (peer,), n in answered.rows(accesses.operator[answered.access].astype(np.int64)):
        yield Fact("submitted", "", times=n)
        yield Fact("sent", "", _domain(space, peer), times=n)
        if peer != operator:
            yield Fact("relayed", "", _domain(space, peer), times=n)
    back = mine.where(mine.receipt == CAME)
    for (own,), n in back.rows(accesses.mailbox[back.access]):
        yield Fact("received", _address(space, operator, own), "", times=n)


def _product(space: Space, access: int) -> str:
    return str(space.products[space.accesses.product[access]])


def _boxes(space: Space, operator: int, seed: int) -> Iterator[CountedMailbox]:
    """Yield the mailboxes of an operator: those in use, and as many more as it has idle."""
    accesses = space.accesses
    mine = np.flatnonzero(accesses.operator == operator)
    numbers, first = np.unique(accesses.mailbox[mine], return_index=True)
    for number, at in zip(numbers.tolist(), mine[first].tolist(), strict=True):
        kind = BalKind(int(accesses.kind[at]))
        own = kind is BalKind.PER
        population = space.populations[accesses.population[at]]
        yield CountedMailbox(
            _address(space, operator, number), kind.name,
            _profession(population, uniform(seed, "profession", number)) if own else "",
            "" if own else _finess(int(accesses.site[at])), 0.0,
        )  # fmt: skip
    domain = _domain(space, operator)
    for number in range(max(0, int(space.operator_mailboxes[operator]) - len(numbers))):
        yield CountedMailbox(f"idle-{number}@{domain}", "", "", "", 0.0)


@cache
def _professions(in_practice: bool) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return professions, and the end of each one's share, of those in practices or elsewhere."""
    table = rows("directory/professions.csv")
    weights = np.array([
        float(row["holders"]) * (
            float(row["liberal"]) if in_practice else 1000.0 - float(row["liberal"])
        )
        for row in table
    ])  # fmt: skip
    return tuple(row["code"] for row in table), np.cumsum(weights) / weights.sum()


def _profession(population: str, draw: float) -> str:
    codes, ends = _professions(population == "liberal")
    return codes[min(int(np.searchsorted(ends, draw, side="right")), len(codes) - 1)]


def _finess(site: int) -> str:
    """Return the number of a place that is none: of a department that does not exist."""
    number = f"99{site % 1_000_000:06d}"
    return number + luhn_key(number)


def _address(space: Space, operator: int, mailbox: int) -> str:
    return f"bal-{mailbox}@{_domain(space, operator)}"
