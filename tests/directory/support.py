"""What the tests of the directory share: a population, its keys, a clock."""

from __future__ import annotations

from dataclasses import replace

from sandbox.directory import Bearer, BoxState, DomainShare, Feeder, Mailbox, PopulationSpec

READING_KEY = "cle-de-lecture"
FEEDING_KEY = "cle-d-alimentation"
OPERATOR_KEY = "cle-de-l-operateur"
SPEC = PopulationSpec(
    seed=7,
    people=400,
    mailboxes=700,
    domains=(
        DomainShare("medecin.mssante.test", 3, "operateur-a"),
        DomainShare("ch-a.mssante.test", 3, "operateur-b"),
        DomainShare("labo-b.oc.mssante.test", 1, "operateur-b"),
    ),
)


class Clock:
    """A clock that only moves when a test says so."""

    def __init__(self, start: int) -> None:
        self.seconds = start

    def __call__(self) -> float:
        return float(self.seconds)


def list_red(feeder: Feeder, box: Mailbox, *, hidden: bool) -> int:
    """Put a mailbox on the red list, or take it off; return the version of its bearer."""
    state = replace(BoxState.of(box), red_list=hidden)
    return feeder.change(Bearer.of(box), [lambda writer: writer.update(box.address, state)])
