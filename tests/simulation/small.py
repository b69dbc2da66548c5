"""Small spaces that both engines run in a fraction of a second, and how two runs are compared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.observations.schema import Cause, Phase
from sandbox.simulation import fast, reference
from sandbox.simulation.build import build_model
from sandbox.simulation.model import Model, Record
from sandbox.space.loader import parse_scenario
from sandbox.space.methods import CAPABILITIES, Method
from sandbox.space.population import Space, build_space
from sandbox.space.scenario import Scenario
from sandbox.space.tables import inputs

ENGINES = {"fast": fast.run, "simpy": reference.run}
SECOND = 1_000_000_000
HOUR = 3600 * SECOND
KINDS = ("OPEN", "POLL", "SEND", "SPAWNED", "ALONE", "RECEIPT")
SHARES = ("cps", "totp", "ecps", "sms")
PRODUCTS = [key.split(".")[1] for key in inputs() if re.fullmatch(r"products\..*\.kind", key)]
SOFTWARE_SHARES = ("lps", "mail_client", "webmail")
POPULATIONS = ("liberal", "hospital", "laboratory", "ehpad")

# A Monday of two operators: some forty people, four robots, sixty messages.
BASE: dict[str, Any] = {
    "name": "small",
    "title": "Petit",
    "title_en": "Small",
    "compare": ["single-endpoint", "multi-endpoint"],
    "period.start": "2021-09-06",
    "period.days": 1,
    "traffic.messages": 60,
    "traffic.receipts_asked": 0,
    "traffic.application_share": 0,
    "operators.mailboxes": [3.0, 1.0],
    "operators.certificates": [],
    "populations.liberal.units": 24,
    "populations.hospital.units": 1,
    "populations.hospital.personal_mailboxes": 6,
    "populations.hospital.shared_mailboxes": 2,
    "populations.hospital.application_mailboxes": 2,
    "populations.laboratory.units": 2,
    "populations.ehpad.units": 2,
    "backends.psc.servers": 1,
    "backends.sms.servers": 1,
    **{f"populations.{name}.deployment": 1.0 for name in POPULATIONS},
    **{f"populations.{name}.active": 1.0 for name in POPULATIONS},
    **{f"populations.{name}.present_working": 1.0 for name in POPULATIONS},
}


def tree_of(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return dotted keys as the tree of a TOML file."""
    tree: dict[str, Any] = {}
    for key, value in changes.items():
        *path, leaf = key.split(".")
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node[leaf] = value
    return tree


def able(kind: str, **capabilities: float) -> dict[str, Any]:
    """Return the changes that give every product of a kind some capabilities."""
    return {
        f"products.{product}.{name}": value
        for product in PRODUCTS
        if inputs()[f"products.{product}.kind"].value == kind
        for name, value in capabilities.items()
    }


# A product that can do everything and suffers from nothing.
ALL_ABLE = dict.fromkeys(CAPABILITIES, 1.0) | {
    "certificate_request_fails": 0.0, "certificate_request_prompts": 0.0, "tls13": 0.5,
}  # fmt: skip


def everyone(*, method: str | None = None, software: str | None = None) -> dict[str, Any]:
    """Return the changes that give all people one method, one kind of software."""
    changes: dict[str, Any] = {}
    for name in POPULATIONS:
        if method:
            changes |= {f"populations.{name}.method_{m}": float(m == method) for m in SHARES}
        if software:
            changes |= {
                f"populations.{name}.software_{s}": float(s == software) for s in SOFTWARE_SHARES
            }
    return changes


# All but the liberal professionals away.
NOBODY = {
    "populations.hospital.units": 0, "populations.hospital.machine_share": 0,
    "populations.laboratory.units": 0, "populations.laboratory.machine_share": 0,
    "populations.ehpad.units": 0,
    "populations.hospital.message_share": 0, "populations.laboratory.message_share": 0,
    "populations.ehpad.message_share": 0, "populations.liberal.message_share": 1,
}  # fmt: skip


def one_person(method: str, software: str, **policies: Any) -> dict[str, Any]:
    """One person, one mailbox, one kind of software, who makes no mistake and is no exception."""
    return (
        NOBODY
        | everyone(method=method, software=software)
        | {
            "populations.liberal.units": 1,
            "populations.liberal.port_blocked": 0,
            "traffic.messages": 0,
            "operators.mailboxes": [1.0],
            "methods.totp.mistyped": 0,
            "methods.ecps.never": 0,
            "methods.ecps.refused": 0,
            "methods.ecps.forgotten": 0,
            f"software.{software}.left_open": 0,
        }
        | able(software, **ALL_ABLE)
        | policies
    )


def small_scenario(changes: Mapping[str, Any] | None = None) -> Scenario:
    """Return the small scenario with some inputs changed (dotted keys)."""
    return parse_scenario(tree_of(BASE | dict(changes or {})), "small")


def small_space(
    changes: Mapping[str, Any] | None = None, *, seed: int = 1, replication: int = 0
) -> Space:
    return build_space(small_scenario(changes), seed=seed, replication=replication)


def slots(count: int) -> dict[str, int]:
    """Return the changes that let small operators serve so many connections of each protocol."""
    return {f"resources.small.{protocol}_connections": count for protocol in ("imap", "smtp")}


@dataclass(frozen=True)
class Run:
    """One run of one engine: its record, and its sessions sorted."""

    space: Space
    model: Model
    record: Record
    trace: NDArray[np.int64]

    def of_kind(self, kind: str) -> NDArray[np.int64]:
        return self.trace[self.trace[:, 1] == KINDS.index(kind)]

    def phase(self, phase: Phase, rows: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
        return (self.trace if rows is None else rows)[:, 9 + phase]

    def failures(self, cause: Cause) -> int:
        """Count the failed attempts of one cause."""
        return int(self.record.failures[:, cause].sum())

    def logins(self, method: Method) -> int:
        groups = [list(Method).index(method) + len(Method) * p for p in (0, 1)]
        return int(self.record.login_count[:, groups, 0].sum())


def run(
    changes: Mapping[str, Any] | Space | None = None, design: str = "single-endpoint", *,
    policy: str | None = None, engine: str = "fast", seed: int = 1, replication: int = 0,
) -> Run:  # fmt: skip
    """Run the small space under one design and login policy on one engine."""
    if isinstance(changes, Space):
        space = changes
    else:
        space = small_space(changes, seed=seed, replication=replication)
    scenario = space.scenario
    model = build_model(space, scenario.design(design), scenario.policy(policy))
    blocks: list[NDArray[np.int64]] = []
    record = ENGINES[engine](model, trace=blocks.append)
    trace = np.concatenate(blocks)
    return Run(space, model, record, trace[np.lexsort(trace.T[::-1])])


def assert_same(first: Run, second: Run) -> None:
    """Compare two runs session by session, then everything that they recorded."""
    np.testing.assert_array_equal(first.trace, second.trace)
    for field in first.record._fields:
        np.testing.assert_array_equal(
            getattr(first.record, field), getattr(second.record, field), err_msg=field
        )
