"""What is asked of a start, and what follows from it before anything runs."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from sandbox.live.cast import SMALL, CastSize
from sandbox.live.folder import Founding, SpaceFolder
from sandbox.live.joining import Joining
from sandbox.live.planning import OFFSET
from sandbox.live.scenario_time import begin_of
from sandbox.live.wire import WireSettings, wire_of
from sandbox.space.errors import UserError
from sandbox.space.scenario import Scenario
from sandbox.trust import KeyKind

__all__ = ["LiveOptions", "founding_of", "process_count", "scenario_begin", "wire_asked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOptions:
    """What to bring up. None: as the folder was founded, or the default for a new one.

    Attributes:
        scenario: name or path; demo by default.
        designs: side by side, the first with the plain names; those that the scenario compares by
            default.
        login_policy: how one logs in there; the scenario's by default.
        operators: how many, the largest first; 3 by default.
        folder: where the space lives; None is a temporary folder, removed at the end.
        reset: forget what is kept.
        port_offset: added to every standard port; 10000 by default.
        block: second part of all addresses; 1 by default, any free one for a temporary space.
        keys: rsa-2048 (the real profile, the default), or p-256 (the default when temporary).
        behaviour: what people do with telephones (`psc.behaviour.KINDS`); SMS arrive at once
            unless it is draw.
        totp_share: seconds for which one client may use a one-time code again; 0 refuses strictly.
        revocation_cache: seconds for which a certificate that was good is not asked about again,
            0 to 3600; the scenario's by default.
        recheck: seconds between two looks at an open session, 1 to 86400; likewise.
        seed: of the directory and the accounts; 1 by default.
        at: the scenario's time at the start, which its outages go by; by default the first day of
            its period that has today's name, at this hour.
        outage_now: start where the scenario's first outage does.
        cast: who may log in, of a folder that is new.
        processes: that operators are shared out to, 1 to as many as there are operators; auto is
            one for each core, as far as there are operators; 0 keeps them in this process, with
            all the rest.
        join: operators that are not ours, at each start.
    """

    scenario: str | None = None
    designs: tuple[str, ...] = ()
    login_policy: str | None = None
    operators: int | None = None
    folder: Path | None = None
    reset: bool = False
    port_offset: int | None = None
    block: int | None = None
    keys: str | None = None
    behaviour: str = "manual"
    totp_share: float = 0.0
    revocation_cache: float | None = None
    recheck: float | None = None
    seed: int | None = None
    at: datetime | None = None
    outage_now: bool = False
    cast: CastSize = SMALL
    processes: int | Literal["auto"] = 0
    join: tuple[Joining, ...] = ()


def founding_of(
    options: LiveOptions, folder: SpaceFolder, *, temporary: bool, block: int | None
) -> Founding:
    """Return what a space is founded with; `block` is one that is held already."""
    names = ("scenario", "operators", "port_offset", "block", "keys", "seed")
    asked = {name: getattr(options, name) for name in names} | ({"block": block} if block else {})
    given = {name: value for name, value in asked.items() if value is not None}
    if "scenario" in given and Path(given["scenario"]).is_file():
        given["scenario"] = str(Path(given["scenario"]).absolute())
    return folder.founding(
        given,
        {
            "scenario": "demo",
            "operators": 3,
            "port_offset": OFFSET,
            "block": 1,
            "keys": (KeyKind.P256 if temporary else KeyKind.RSA_2048).value,
            "seed": 1,
        },
    )


def wire_asked(options: LiveOptions, scenario: Scenario) -> WireSettings:
    """Return how servers are set: as the scenario says, then as was asked of this start."""
    wire = wire_of(scenario).driven(options.behaviour)
    access = wire.operator.access
    access = replace(access, totp=replace(access.totp, share_seconds=options.totp_share))
    if options.revocation_cache is not None:
        evidence = replace(access.revocation, cache_seconds=options.revocation_cache)
        access = replace(access, revocation=evidence)
    if options.recheck is not None:
        access = replace(access, recheck_seconds=options.recheck)
    return replace(wire, operator=replace(wire.operator, access=access))


def scenario_begin(options: LiveOptions, scenario: Scenario) -> datetime:
    """Return the scenario's time at a start that is now.

    Raises:
        UserError: an instant outside the period, or no outage to start with.
    """
    wall = datetime.now()  # noqa: DTZ005 - the hours of a scenario are local
    return begin_of(scenario, wall, at=options.at, outage_now=options.outage_now)


def process_count(options: LiveOptions, operators: int) -> int:
    """Return how many processes the operators have of their own, 0 for none.

    Raises:
        UserError: more than there are operators.
    """
    asked = options.processes
    count = min(os.cpu_count() or 1, operators) if asked == "auto" else asked
    if not 0 <= count <= operators:
        raise UserError.expected(f"processes {count}", f"1 … {operators}")
    return count
