"""All reasons to refuse that the packages know, found where they are kept: in constants."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import TypeVar

import sandbox
from sandbox.observations.schema import Reason
from sandbox.operators.refusals import LoginRefusal, MailRefusal

R = TypeVar("R", LoginRefusal, MailRefusal)

__all__ = ["all_reasons", "refusals_in"]


def refusals_in(module: ModuleType, kind: type[R]) -> dict[str, R]:
    """Return the refusals of a module by name."""
    return {each.name: each for each in vars(module).values() if isinstance(each, kind)}


def all_reasons() -> dict[tuple[str, str], list[Reason]]:
    """Return the reasons by package and name; one that two modules see counts once."""
    found: dict[tuple[str, str], list[Reason]] = {}
    for info in pkgutil.walk_packages(sandbox.__path__, "sandbox."):
        if info.name.endswith("__main__"):
            continue
        for reason in _within(vars(importlib.import_module(info.name)).values()):
            same = found.setdefault((info.name.split(".")[1], reason.name), [])
            if all(each is not reason for each in same):
                same.append(reason)
    return found


def _within(values: object) -> Iterator[Reason]:
    for value in list(values):  # type: ignore[call-overload]
        if isinstance(value, Reason):
            yield value
        elif isinstance(value, tuple | list):
            yield from _within(value)
        elif isinstance(value, dict):
            yield from _within(value.values())
        elif isinstance(getattr(value, "reason", None), Reason):
            yield value.reason
