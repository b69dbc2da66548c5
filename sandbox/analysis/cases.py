"""The queues that `validate` runs: parameters, what theory says of them, and how they are run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from sandbox.analysis import theory
from sandbox.analysis.theory import Expected
from sandbox.simulation import queues
from sandbox.simulation.queues import Queue, QueueWatch
from sandbox.space.errors import UserError

__all__ = ["CASES", "Family", "QueueCase"]

LOADS = (0.001, 100.0)
MOST_SERVERS = 100_000
MOST_PRESENT = 1_000_000  # customers in the system at one instant
PATIENCE = (1e-4, 1e4)
MOST_SCV = 1000.0
LEAST_SCV = 0.01  # but 0, which is exact


class Family(StrEnum):
    """The kinds of queue; the values are those of `--model`, and the retrial queue."""

    MMC = "mmc"
    MMCK = "mmck"
    MG1 = "mg1"
    ERLANG_A = "erlang-a"
    RETRIAL = "retrial"


def _bounded(option: str, value: float | None, low: float, high: float) -> float:
    if value is None:
        raise UserError("valeur requise pour ce modèle", "this model needs a value", where=option)
    if not (math.isfinite(value) and low <= value <= high):
        raise UserError(
            f"attendu de {low:g} à {high:g}",
            f"expected {low:g} to {high:g}",
            where=f"{option} {value:g}",
        )
    return value


@dataclass(frozen=True, slots=True)
class QueueCase:
    """One queue with its parameters; mean service time 1.

    Attributes:
        load: arrival rate / (servers x service rate).
        capacity: customers in service and waiting at most (mmck).
        patience: rate at which each waiting customer gives up (erlang-a); rate at which each in
            orbit returns (retrial).
        scv: squared coefficient of variation of the service time (mg1).
    """

    family: Family
    load: float
    servers: int = 1
    capacity: int | None = None
    patience: float | None = None
    scv: float | None = None

    @property
    def rate(self) -> float:
        """Arrivals per mean service time."""
        return self.load * self.servers

    @property
    def title(self) -> str:
        """The case as queueing theory writes it."""
        match self.family:
            case Family.MMC:
                return f"M/M/{self.servers} ρ={self.load:g}"
            case Family.MMCK:
                return f"M/M/{self.servers}/{self.capacity} ρ={self.load:g}"
            case Family.MG1:
                name = "M/D/1" if self.scv == 0 else "M/G/1"
                return f"{name} ρ={self.load:g} CV²={self.scv:g}"
            case Family.ERLANG_A:
                return f"Erlang A M/M/{self.servers}+M ρ={self.load:g} θ={self.patience:g}"
            case Family.RETRIAL:
                return f"M/M/1 + rappels / retrials ρ={self.load:g} ν={self.patience:g}"

    def check(self) -> None:
        """Raise UserError unless the queue exists, has a long run, and fits in memory."""
        _bounded("--servers", self.servers, 1, MOST_SERVERS)
        _bounded("--load", self.load, *LOADS)
        self._check_options()
        if self.family in (Family.MMC, Family.MG1, Family.RETRIAL) and self.load >= 1:
            raise UserError(
                "sans limite ni impatience la file n'est stable qu'en dessous de 1",
                "without a limit or patience the queue is stable below 1 only",
                where=f"--load {self.load:g}",
            )
        if self.family is Family.MG1 and self.servers != 1:
            raise UserError(
                "mg1 a un serveur ; mmc en a plusieurs",
                "mg1 has one server; mmc has several",
                where=f"--servers {self.servers}",
            )
        if self.family is Family.ERLANG_A:
            patience = _bounded("--patience", self.patience, *PATIENCE)
            present = self.servers + max(0.0, self.rate - self.servers) / patience
            if present > MOST_PRESENT:
                raise UserError(
                    f"{present:.0f} clients présents, {MOST_PRESENT} au plus",
                    f"{present:.0f} customers present, {MOST_PRESENT} at most",
                    where=f"--patience {patience:g} --load {self.load:g}",
                )

    def _check_options(self) -> None:
        """Raise UserError for an option that is missing, out of range, or of another model."""
        if self.family is Family.MMCK:
            capacity = _bounded("--capacity", self.capacity, 1, MOST_PRESENT)
            if capacity < self.servers:
                raise UserError(
                    f"au moins --servers {self.servers} attendu, les clients servis comptent",
                    f"expected at least --servers {self.servers}, those in service count",
                    where=f"--capacity {self.capacity}",
                )
        elif self.capacity is not None:
            raise UserError("pour mmck seulement", "for mmck only", where="--capacity")
        if self.family is Family.MG1:
            if self.scv != 0:
                _bounded("--scv", self.scv, LEAST_SCV, MOST_SCV)
        elif self.scv is not None:
            raise UserError("pour mg1 seulement", "for mg1 only", where="--scv")
        if self.family not in (Family.ERLANG_A, Family.RETRIAL) and self.patience is not None:
            raise UserError("pour erlang-a seulement", "for erlang-a only", where="--patience")

    def expected(self) -> Expected:
        """Return what theory says."""
        match self.family:
            case Family.MMC:
                return theory.mmc(self.servers, self.load)
            case Family.MMCK:
                assert self.capacity is not None
                return theory.mmck(self.servers, self.load, self.capacity)
            case Family.MG1:
                assert self.scv is not None
                return theory.mg1(self.load, self.scv)
            case Family.ERLANG_A:
                assert self.patience is not None
                return theory.erlang_a(self.servers, self.load, self.patience)
            case Family.RETRIAL:
                assert self.patience is not None
                return theory.retrial(self.load, self.patience)

    def relaxation_time(self) -> float:
        """Return about how long the queue takes to forget that it started empty."""
        match self.family:
            case Family.MMCK:
                assert self.capacity is not None
                room = self.capacity - self.servers
                return theory.relaxation_time_finite(self.servers, self.load, room)
            case Family.ERLANG_A:
                assert self.patience is not None
                return theory.relaxation_time_impatient(self.servers, self.load, self.patience)
            case Family.RETRIAL:
                assert self.patience is not None
                slower = 1.0 + 1.0 / self.patience  # who leaves orbit must find the server free
                return slower * theory.relaxation_time(1, self.load)
            case _:
                return theory.relaxation_time(self.servers, self.load, self.scv or 1.0)

    def queue(self, watch: QueueWatch) -> Queue:
        """Return the queue as a model of our own steps."""
        match self.family:
            case Family.MMC:
                return queues.infinite_queue(watch, servers=self.servers, load=self.load, scv=1.0)
            case Family.MMCK:
                assert self.capacity is not None
                return queues.finite_queue(
                    watch, servers=self.servers, load=self.load, capacity=self.capacity
                )
            case Family.MG1:
                assert self.scv is not None
                return queues.infinite_queue(watch, servers=1, load=self.load, scv=self.scv)
            case Family.ERLANG_A:
                assert self.patience is not None
                return queues.impatient_queue(
                    watch, servers=self.servers, load=self.load, patience=self.patience
                )
            case Family.RETRIAL:
                assert self.patience is not None
                return queues.retrial_queue(watch, load=self.load, retrial_rate=self.patience)


CASES = (
    QueueCase(Family.MMC, 0.9, 1),
    QueueCase(Family.MMC, 0.9, 4),
    QueueCase(Family.MMC, 0.9, 16),
    QueueCase(Family.MMC, 0.9, 64),
    QueueCase(Family.MMCK, 0.9, 4, capacity=10),
    QueueCase(Family.MMCK, 0.8, 10, capacity=10),
    QueueCase(Family.MMCK, 1.2, 5, capacity=20),
    QueueCase(Family.MG1, 0.8, scv=0.0),
    QueueCase(Family.MG1, 0.8, scv=0.5),
    QueueCase(Family.MG1, 0.8, scv=1.0),
    QueueCase(Family.MG1, 0.8, scv=4.0),
    QueueCase(Family.ERLANG_A, 0.9, 10, patience=0.5),
    QueueCase(Family.ERLANG_A, 1.0, 10, patience=0.5),
    QueueCase(Family.ERLANG_A, 1.2, 10, patience=0.5),
    QueueCase(Family.RETRIAL, 0.7, patience=0.5),
)
