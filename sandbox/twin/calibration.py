"""What this machine takes for each step of a login and of mail, as measured; and its file."""

from __future__ import annotations

import math
import os
import platform
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from scipy.special import stdtrit

from sandbox.space.errors import UserError
from sandbox.space.files import write_whole
from sandbox.space.reading import read_toml
from sandbox.twin.cores import cores_of

__all__ = [
    "OPTIONAL",
    "STEPS",
    "Calibration",
    "Crowd",
    "Measured",
    "Mixed",
    "Taken",
    "in_sessions",
    "kind_of",
    "machine_of",
    "measured",
    "mixed_of",
    "read_calibration",
    "write_calibration",
]

# Every step that is measured: what it is. Each begins where the one before it ends.
STEPS: dict[str, str] = {
    "tls_full": "TCP, full TLS handshake, greeting of IMAP",
    "tls_resumed": "the same, TLS resumed",
    "tls_mutual": "the same as tls_full, with the client's certificate",
    "login_totp": "CAPABILITY, and PLAIN with a password and a code that is new",
    "login_totp_again": "the same with the code that the client has shown before",
    "login_certificate": "CAPABILITY, and EXTERNAL by a certificate that nobody has seen: OCSP",
    "login_certificate_again": "the same by one that was found good before",
    "ciba_request": "CAPABILITY, and PLAIN that is held: until the telephone rings",
    "ciba_poll": "the operator asks whether the person has answered: not yet",
    "ciba_answer": "the operator asks, the person has answered: until the client is in",
    "look": "SELECT, SEARCH, NOOP: INBOX has nothing new",
    "fetch": "SELECT, SEARCH, FETCH: INBOX has one new health message",
    "goodbye": "LOGOUT, end of the connection",
    "submit": "MAIL, RCPT, DATA: one health message to a mailbox of the same operator, stored",
    "relay": "the same to a mailbox of another operator: queued, relayed, stored there",
}
MIXED = "of what a step spares after its own kind, the share that it spares after another kind"
MOST_SHARE = 2.0  # of what it takes within a session: a crowd of strangers may spare less
LEAST_SHARE = 0.05  # that a queue leaves of a service: less is an error of measuring
# What only an operator of ours can be asked to do; a foreign one may not have it (`--space`).
OPTIONAL = frozenset({
    "tls_mutual", "login_certificate", "login_certificate_again", "ciba_request", "ciba_poll",
    "ciba_answer", "relay",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measured:
    """Durations of one step, s.

    Attributes:
        processor: mean processor time of the servers; low, high: its 95 % interval.
        client: mean processor time of the client.
        wall: mean time that a client sees on an idle server.
        p50, p95: of that time.
        variation: its coefficient of variation.
        count: how often.
        follow, follow_client: what the servers' and the client's part take in a queue, as a share
            of that when it finds them idle.
        turns, turns_client: of the servers' event loop and of the client's that it has; 0: not
            measured.
    """

    processor: float
    low: float
    high: float
    client: float
    wall: float
    p50: float
    p95: float
    variation: float
    count: int
    follow: float = 1.0
    follow_client: float = 1.0
    turns: float = 0.0
    turns_client: float = 0.0


@dataclass(slots=True)
class Taken:
    """What was taken of a step.

    Attributes:
        processor, client: means of blocks, in units that are named when it is `measured`.
        wall: single times, s.
        beside: means of blocks: of the wall, what is neither, s.
    """

    processor: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    client: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)

    def measured(self, unit: float, crowd: Taken) -> Measured:
        """Return the figures of the step; processor times are in units of so many s.

        The wall is that of the pace that the unit is of.

        Args:
            unit: s.
            crowd: what was taken of it when many did it at once; nothing: not measured.
        """
        servers, client = ([unit * e for e in each] for each in (self.processor, self.client))
        many = None
        if crowd.processor:
            many = unit * fmean(crowd.processor), unit * fmean(crowd.client)
        found = measured(servers, self.wall, client, many=many)
        if not self.beside:
            return found
        wall = found.processor + found.client + max(0.0, fmean(self.beside))
        return replace(found, wall=wall)


def measured(
    processor: Sequence[float], wall: Sequence[float], client: Sequence[float] = (), *,
    many: tuple[float, float] | None = None,
) -> Measured:  # fmt: skip
    """Return the figures of a step.

    Args:
        processor: mean of each block, s; blocks are alike and follow one another.
        wall: of each single time, s; none: the client does nothing, its time is the servers'.
        client: mean of each block, s.
        many: means of servers and client when many do the step at once, s; None: not measured.
    """
    blocks = np.array(processor)
    times = np.array(wall if len(wall) else processor)
    half = 0.0
    if len(blocks) > 1:
        error = blocks.std(ddof=1) / np.sqrt(len(blocks))
        half = float(stdtrit(len(blocks) - 1, 0.975) * error)
    mean = max(0.0, float(blocks.mean()))
    own = float(np.mean(client)) if len(client) else 0.0
    return Measured(
        processor=mean,
        low=max(0.0, mean - half),
        high=mean + half,
        client=own,
        wall=float(times.mean()),
        p50=float(np.quantile(times, 0.5)),
        p95=float(np.quantile(times, 0.95)),
        variation=float(times.std() / max(times.mean(), 1e-9)),
        count=len(times),
        follow=_share(many[0] if many else mean, mean),
        follow_client=_share(many[1] if many else own, own),
    )


def kind_of(step: str) -> str:
    """Return what a step is one of: the same work of the same programs, whatever it is about."""
    first = step.partition("_")[0]
    return {"fetch": "look", "relay": "submit"}.get(first, first)


def mixed_of(crowds: Sequence[Crowd], steps: Mapping[str, Measured]) -> Mixed:
    """Return what is spared where steps of different kinds follow one another.

    A step follows its own kind (`kind_of`) as often as its kind is met.

    Args:
        crowds: that did all steps at once; none: what is spared is taken to be the same.
        steps: what each takes alone, and in a queue of its own kind.
    """
    if not crowds:
        return Mixed()
    alone, own, other = np.zeros(2), np.zeros(2), np.zeros(2)  # s; of them spared after each
    for crowd in crowds:
        every = sum(crowd.done.values())
        met: Counter[str] = Counter()
        for name, count in crowd.done.items():
            met[kind_of(name)] += count
        for name, count in crowd.done.items():
            share = met[kind_of(name)] / every
            step = steps[name]
            whole = count * np.array([step.processor, step.client])
            spared = whole * (1.0 - np.array([step.follow, step.follow_client]))
            alone += whole
            own += spared * share
            other += spared * (1 - share)
    taken = np.sum([(each.servers, each.client) for each in crowds], axis=0)
    spares = other > 0  # else both are the same
    shares = np.divide(alone - own - taken, other, out=np.ones(2), where=spares)
    return Mixed(*(float(each) for each in np.clip(shares, 0.0, 1.0)))


def in_sessions(steps: Mapping[str, Measured], crowds: Sequence[Crowd]) -> dict[str, Measured]:
    """Return what steps take where each follows the one before it in a session, at once.

    Measured step by step, each begins after a pause, with cold caches; all are taken to take the
    same share of that within a session, those too that these sessions do not have.

    Args:
        steps: what each takes after a pause.
        crowds: sessions, whole, one after the other; none: nothing is known of it.
    """
    if not crowds:
        return dict(steps)
    alone, taken = np.zeros(2), np.zeros(2)
    for crowd in crowds:
        taken += (crowd.servers, crowd.client)
        for name, count in crowd.done.items():
            alone += count * np.array([steps[name].processor, steps[name].client])
    servers, client = (_share(*each) for each in zip(taken, alone, strict=True))

    def within(step: Measured) -> Measured:
        spared = step.processor * (1 - servers) + step.client * (1 - client)
        return replace(
            step, processor=step.processor * servers, low=step.low * servers,
            high=step.high * servers, client=step.client * client, wall=step.wall - spared,
            p50=step.p50 - spared, p95=step.p95 - spared,
            follow=_share(step.follow, servers, MOST_SHARE),
            follow_client=_share(step.follow_client, client, MOST_SHARE),
        )  # fmt: skip

    return {name: within(step) for name, step in steps.items()}


def _share(part: float, whole: float, most: float = 1.0) -> float:
    """Return what a queue leaves of a service: more than nothing, no more than `most`."""
    return min(most, max(LEAST_SHARE, part / whole)) if whole > 0 else 1.0


@dataclass(frozen=True, slots=True)
class Crowd:
    """Sessions at different steps at once, or one after the other.

    Attributes:
        done: how often each step was done.
        servers, client: processor time of all, s.
    """

    done: Mapping[str, int]
    servers: float
    client: float


@dataclass(frozen=True, slots=True)
class Mixed:
    """Share of what a step spares after its own kind that it spares after another kind too.

    0: after another kind it takes what it takes on idle servers; 1: what it takes after its own.
    """

    servers: float = 1.0
    client: float = 1.0

    @staticmethod
    def after(follow: float, spared: float) -> float:
        """Return the share of a service that is left after another kind, by that after its own."""
        return 1.0 - spared * (1.0 - follow)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured on a machine.

    Attributes:
        machine: processor, cores, python, load_average, date; pace_seconds, which the times are of.
        servers: event loops that the servers of a space share, hence how many of them work at once.
        steps: by name, those of STEPS; of OPTIONAL, those that could be measured.
        mixed: what a queue of different steps spares.
    """

    machine: Mapping[str, Any]
    servers: int
    steps: Mapping[str, Measured]
    mixed: Mixed = Mixed()

    def on(self, cores: int) -> Calibration:
        """Return the same of a machine of so many processors."""
        return replace(self, machine={**self.machine, "cores": cores})

    @property
    def pace(self) -> float:
        """What a fixed piece of work takes at the pace that these times are of, s; nan: unknown."""
        return float(self.machine.get("pace_seconds", math.nan))

    def with_loops(self, loops: int) -> Calibration:
        """Return the same of operators on so many event loops, each in a process of its own."""
        return replace(self, servers=min(loops, int(self.machine["cores"])))

    @property
    def saturated(self) -> Calibration:
        """Return the same where every service follows one of another kind at once."""
        steps = {
            name: replace(
                each, follow=1.0, follow_client=1.0,
                processor=each.processor * self.mixed.after(each.follow, self.mixed.servers),
                client=each.client * self.mixed.after(each.follow_client, self.mixed.client),
            )
            for name, each in self.steps.items()
        }  # fmt: skip
        return replace(self, steps=steps, mixed=Mixed())

    @property
    def shared(self) -> bool:
        """Whether clients work on the servers' own cores: these leave none to them."""
        return self.servers >= int(self.machine["cores"])

    def write(self, path: Path, inputs: Mapping[str, float]) -> None:
        """Write it, whole or not at all.

        Args:
            path: of the file.
            inputs: that follow from it, by dotted key: what a scenario takes of it.
        """
        more = ["", "[structure]", f"servers = {self.servers}", "", f"# {MIXED}", "[mixed]"]
        more += [f"{key} = {_toml(getattr(self.mixed, key))}" for key in Mixed.__slots__]
        write_calibration(path, self.machine, self.steps, STEPS, inputs, more)


def write_calibration(
    path: Path, machine: Mapping[str, Any], steps: Mapping[str, Measured],
    what: Mapping[str, str], inputs: Mapping[str, float], more: Sequence[str] = (),
) -> None:  # fmt: skip
    """Write what was measured, whole or not at all.

    Args:
        path: of the file.
        machine: that it was measured on.
        steps: by name.
        what: each of them is.
        inputs: that follow, by dotted key.
        more: lines of other tables.
    """
    lines = ["# mss-sandbox calibrate; seconds", "", "[machine]"]
    lines += [f"{key} = {_toml(value)}" for key, value in machine.items()]
    lines += more
    for name, step in steps.items():
        lines += ["", f"# {what[name]}", f"[steps.{name}]"]
        lines += [f"{key} = {_toml(getattr(step, key))}" for key in Measured.__slots__]
    lines += ["", '# What a scenario takes: calibration = "this file"', "[inputs]"]
    lines += [f'"{key}" = {_toml(value)}' for key, value in inputs.items()]
    write_whole(path, "\n".join(lines) + "\n")


def _toml(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.9f}"
    return str(value) if isinstance(value, int) else '"' + str(value).replace('"', "'") + '"'


def machine_of() -> dict[str, Any]:
    """Return which machine this is, and how busy."""
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        processor = names[0].partition(":")[2].strip() if names else processor
    return {
        "processor": processor,
        "cores": cores_of(),
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def read_calibration(path: Path) -> Calibration:
    """Read what `write` wrote.

    Raises:
        UserError: no such file, or not a whole calibration.
    """
    try:
        tree = read_toml(path)
        steps = {
            name: Measured(**tree["steps"][name])
            for name in STEPS
            if name in tree["steps"] or name not in OPTIONAL
        }
        mixed = Mixed(**tree["mixed"])
        found = Calibration(tree["machine"], int(tree["structure"]["servers"]), steps, mixed)
    except (UserError, KeyError, TypeError, ValueError):
        raise UserError(
            "ce n'est pas une calibration entière ; en faire une avec",
            "not a whole calibration; make one with",
            where=path,
            then=f"mss-sandbox calibrate --out {path}",
        ) from None
    if found.servers < 1 or any(not s.wall > 0 for s in steps.values()):
        raise UserError("des durées de 0", "durations of 0", where=path)
    return found
