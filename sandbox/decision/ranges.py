"""What each uncertain input may be: its range, the law over it, who said so.

The ranges of `data/inputs.csv` and `data/products.csv` are those of every input that nobody
measured or published. A scenario (`[ranges]`) and a CSV file (`--ranges`) put others in their
place, or add some; several rows for one input are several experts', and each counts alike.
"""

from __future__ import annotations

import csv
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from scipy.special import betaincinv

from sandbox.space.errors import UserError
from sandbox.space.loader import with_inputs
from sandbox.space.scenario import Scenario
from sandbox.space.tables import inputs

__all__ = ["LAWS", "Range", "Uncertain", "read_ranges", "uncertain_inputs"]

Floats = NDArray[np.float64]
LAWS = ("pert", "uniform")
PERT_WEIGHT = 4.0  # of the mode in the mean (Clark 1962): mean = (low + 4 mode + high) / 6
COLUMNS = ("key", "low", "high")
POLICY = "login_policy"
DAY = 86400
DIVISORS = np.array([n for n in range(10, DAY + 1) if DAY % n == 0], dtype=np.float64)
# Nothing that the criteria of a decision read depends on these: they say how a plan goes on from
# quarter to quarter, how mail travels between operators once it is sent, when a level breaks.
# Receipts and acknowledgements are left out of its days, over the same logins in all designs: a
# fifth of what is sent at middle values, up to 1.7 times at the ends.
NOT_READ = (
    "migration.", "relay.", "service.", "traffic.recipients", "traffic.dispersion",
    "backends.sms.servers", "backends.directory.servers", "backends.psc.servers",
    "backends.citizens.servers", "traffic.citizen_factor", "traffic.receipts_",
    "traffic.application_share", "traffic.acknowledge",
    "processor.relay", "software.webmail.aligned",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Range:
    """A range as somebody gave it.

    Attributes:
        law: pert, which has a most likely value, or uniform.
        expert: whose it is; empty for the project's table.
    """

    low: float
    mode: float
    high: float
    law: str = "pert"
    expert: str = ""

    @property
    def mean(self) -> float:
        """Expectation."""
        weight = PERT_WEIGHT if self.law == "pert" else 0.0
        return (self.low + weight * self.mode + self.high) / (2.0 + weight)

    def quantile(self, u: Floats) -> Floats:
        """Return the values at probabilities `u`."""
        span = self.high - self.low
        if span == 0:
            return np.full_like(u, self.low)
        if self.law == "uniform":
            return self.low + span * u
        above = 1.0 + PERT_WEIGHT * (self.mode - self.low) / span
        below = 1.0 + PERT_WEIGHT * (self.high - self.mode) / span
        found: Floats = self.low + span * betaincinv(above, below, u)
        return found


@dataclass(frozen=True, slots=True)
class Uncertain:
    """An input that nobody measured or published.

    Attributes:
        kind: number, whole, switch (0 or 1), divisor (of a day) or choice.
        value: of the scenario.
        ranges: one a person who gave one; empty for a choice.
        choices: values of a choice, alike likely.
    """

    key: str
    kind: str
    value: float | str
    ranges: tuple[Range, ...]
    choices: tuple[str, ...]
    unit: str
    knowledge: str

    def quantile(self, u: Floats) -> NDArray[Any]:
        """Return the values at probabilities `u`; experts pool linearly, each counting alike."""
        if self.kind == "choice":
            number = np.minimum((u * len(self.choices)).astype(int), len(self.choices) - 1)
            chosen: NDArray[Any] = np.array(self.choices, dtype=object)[number]
            return chosen
        place = u * len(self.ranges)
        who = np.minimum(place.astype(int), len(self.ranges) - 1)
        found = np.empty_like(u)
        for number, each in enumerate(self.ranges):
            mine = who == number
            inside = np.clip(place[mine] - number, 0.0, 1.0)
            if self.kind == "switch":  # on as often as the mean of its range says
                found[mine] = inside > 1.0 - each.mean
            else:
                found[mine] = each.quantile(inside)
        if self.kind == "whole":
            return np.rint(found)
        return _divisors(found) if self.kind == "divisor" else found


def _divisors(seconds: Floats) -> Floats:
    """Return the nearest divisors of a day: software polls at the same times each day."""
    place = np.searchsorted(np.sqrt(DIVISORS[1:] * DIVISORS[:-1]), seconds)
    found: Floats = DIVISORS[place]
    return found


def _field(scenario: Scenario, key: str) -> tuple[Any, Any]:
    """Return the value at a dotted key and the type that the schema gives it.

    Raises:
        KeyError: no such key.
    """
    node: Any = scenario
    annotation: Any = None
    for part in key.split("."):
        if isinstance(node, Mapping):
            node = node[part]
        elif isinstance(node, BaseModel) and part in type(node).model_fields:
            annotation = type(node).model_fields[part].annotation
            node = getattr(node, part)
        else:
            raise KeyError(key)
    return node, annotation


def _kind(scenario: Scenario, key: str) -> tuple[str, float | str, tuple[str, ...]]:
    value, annotation = _field(scenario, key)
    if key == POLICY:
        return "choice", str(value), scenario.policies_known
    if typing.get_origin(annotation) is Literal:
        return "choice", str(value), tuple(typing.get_args(annotation))
    if isinstance(value, bool):
        return "switch", float(value), ()
    if isinstance(value, int) or key == "mailboxes.holders":
        return "whole", float(value), ()
    if key.endswith(".poll_seconds"):
        return "divisor", float(value), ()
    return "number", float(value), ()


def uncertain_inputs(
    scenario: Scenario,
    given: Iterable[tuple[str, Range]] = (),
    *,
    policy: str | None = None,
) -> dict[str, Uncertain]:
    """Return every input of a scenario that is drawn, by key, in the order of the tables.

    Those are the guesses and placeholders that the scenario does not set itself, its own
    `[ranges]`, and those of `given`, which count more.

    Args:
        given: key and range, of a file of ranges; several for one key are several experts'.
        policy: a login policy, or all: then it is no uncertainty; None: it is one.

    Raises:
        UserError: a key that does not exist or holds no number; a range beyond what it may be.
    """
    own: dict[str, tuple[Range, ...]] = {
        key: (Range(low, min(max(_number(scenario, key), low), high), high),)
        for key, (low, high) in scenario.ranges.items()
    }
    said: dict[str, tuple[Range, ...]] = {}
    for key, each in given:
        _number(scenario, key)
        said[key] = (*said.get(key, ()), each)
    own |= said
    for key, those in own.items():
        _check_ends(scenario, key, those)
    table, found = inputs(), {}
    for key in [*table, *(key for key in own if key not in table)]:
        unread = key.startswith(NOT_READ) or key.endswith(".kind")
        if (key == POLICY and policy is not None) or (key not in own and unread):
            continue
        row = table.get(key)
        listed = row is not None and row.uncertain and not _set(scenario, key, row.value)
        if key not in own and not listed:
            continue
        try:
            kind, value, choices = _kind(scenario, key)
        except KeyError:
            continue  # of a population that the scenario does not have
        ranges = own.get(key, ())
        if not ranges and kind != "choice":
            assert row is not None
            if row.low is None or row.high is None or row.low == row.high:
                continue
            ranges = (Range(row.low, min(max(float(value), row.low), row.high), row.high),)
        found[key] = Uncertain(
            key, kind, value, ranges, choices, row.unit if row else "",
            row.knowledge if row else "placeholder",
        )  # fmt: skip
    return found


def _check_ends(scenario: Scenario, key: str, ranges: Iterable[Range]) -> None:
    """Check that an input may take the ends of its ranges, as if a scenario set them."""
    kind, _, _ = _kind(scenario, key)
    if kind in ("number", "whole"):
        for end in dict.fromkeys(end for each in ranges for end in (each.low, each.high)):
            with_inputs(scenario, {key: round(end) if kind == "whole" else end})


def _set(scenario: Scenario, key: str, default: float | str) -> bool:
    """Tell whether the scenario has a value of its own."""
    try:
        value, _ = _field(scenario, key)
    except KeyError:
        return True
    return bool(value != default)


def _number(scenario: Scenario, key: str) -> float:
    try:
        value, _ = _field(scenario, key)
    except KeyError:
        raise UserError("paramètre inconnu", "no such input", where=f"ranges: {key!r}") from None
    if not isinstance(value, bool | int | float):
        raise UserError(
            "ce n'est pas un nombre ; une plage veut un nombre",
            "not a number; a range wants one",
            where=f"ranges: {key!r}",
        )
    return float(value)


def read_ranges(path: Path) -> list[tuple[str, Range]]:
    """Read ranges from a CSV file: key, low, high and, where given, mode, law, expert.

    Raises:
        UserError: no such file, a column that is missing, a range that is reversed, a mode outside
            of it, a law that does not exist.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError("illisible", "cannot be read", where=path, then=f"({error})") from None
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise UserError(
            "il faut les colonnes", "needs the columns", where=path, then=", ".join(COLUMNS)
        )
    return [_row(row, f"{path}: {number}") for number, row in enumerate(rows, start=2)]


def _row(row: Mapping[str, str | None], where: str) -> tuple[str, Range]:
    key, law = (row["key"] or "").strip(), (row.get("law") or LAWS[0]).strip()
    where = f"{where}: {key}"
    try:
        low, high = float(row["low"] or "?"), float(row["high"] or "?")
        mode = float(row.get("mode") or (low + high) / 2)
    except ValueError:
        raise UserError(
            "low, high (et mode) doivent être des nombres",
            "low, high (and mode) must be numbers",
            where=where,
        ) from None
    if not low <= mode <= high or not np.isfinite([low, high]).all():
        raise UserError(
            "il faut low <= mode <= high",
            "needed: low <= mode <= high",
            where=where,
            then=f"({low:g}, {mode:g}, {high:g})",
        )
    if law not in LAWS:
        raise UserError("loi inconnue ; connues", "no such law; known", where=f"{where}: {law!r}",
                        then=", ".join(LAWS))  # fmt: skip
    return key, Range(low, mode, high, law, (row.get("expert") or "").strip())
