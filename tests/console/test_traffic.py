"""The little traffic: who acts in it, by which method, and that they are answered to the end."""

from __future__ import annotations

import itertools
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.console import people, traffic
from sandbox.space.methods import Method

DESIGNS = ["single-endpoint", "multi-port"]


def holder(name: str, *methods: str) -> dict[str, Any]:
    return {
        "address": f"{name}@op001.mssante.test", "type": "PER", "operator": "op001",
        "holders": [
            {"identity": name, "methods": {each: {"period": 30} for each in methods or ("ecps",)}}
        ],
    }  # fmt: skip


def sheet(*accounts: dict[str, Any], designs: list[str]) -> dict[str, Any]:
    return {"accounts": list(accounts), "operators": [{"designs": designs}]}


def crowd() -> dict[str, Any]:
    methods = ("cps", "totp", "ecps", "ciba-operateur", "certificat")
    return sheet(*(holder(f"person{n}", *methods) for n in range(6)), designs=DESIGNS)


def test_every_method_acts_the_same_under_each_design() -> None:
    cast = traffic.TrafficCast(crowd(), seed=1)
    acts = [cast.next(at / 2) for at in range(400)]
    assert {part.method for act in acts for part in act} == set(Method)
    for act in acts:
        assert [part.design for part in act] == DESIGNS
        assert len({(part.method, part.to) for part in act}) == 1
        if act[0].method is not Method.TOTP:
            assert act[0].address == act[1].address
    again = traffic.TrafficCast(crowd(), seed=1)
    assert acts == [again.next(at / 2) for at in range(400)]


def test_nobody_acts_twice_with_one_code() -> None:
    cast = traffic.TrafficCast(crowd(), seed=1)
    instants: dict[str, list[float]] = {}
    for at in range(1_000):
        for part in cast.next(at / 2):
            if part.method is Method.TOTP:
                instants.setdefault(part.address, []).append(at / 2)
    # The first one's code is spared for the demonstration.
    assert set(instants) == {f"person{n}@op001.mssante.test" for n in range(1, 6)}
    for times in instants.values():
        assert len(times) > 1
        assert all(after - before >= 60.0 for before, after in itertools.pairwise(times))


def test_an_sms_is_answered_once_it_has_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    looked, arrived, answered = threading.Semaphore(0), threading.Event(), threading.Event()
    decided: list[bool] = []

    def log_in(*_: Any) -> Any:
        return SimpleNamespace(ok=answered.wait(10.0))

    def inbox(*_: Any) -> list[Any]:
        looked.release()
        return [SimpleNamespace(ticket="t", open=True)] if arrived.is_set() else []

    def decide(*_: Any) -> None:
        decided.append(arrived.is_set())
        answered.set()

    ring = SimpleNamespace(provider="op001", identity="a", ticket="t", number="12")
    for place, name, made in (
        (traffic, "log_in", log_in), (traffic, "send_stocked", log_in), (people, "inbox", inbox),
        (people, "decide", decide), (people, "ringing", lambda _: [ring]),
    ):  # fmt: skip
        monkeypatch.setattr(place, name, made)
    space = SimpleNamespace(
        sheet=sheet(holder("a", "ciba-operateur"), designs=DESIGNS[:1]), providers=dict
    )
    maker = traffic.TrafficMaker(space, approval=60.0)  # type: ignore[arg-type]
    maker.start(traffic.TrafficOrder(rate=10.0, seconds=10.0))
    for _ in range(2):  # it has looked in vain
        assert looked.acquire(timeout=10.0)
    arrived.set()
    assert answered.wait(10.0)
    maker.stop()
    assert decided[0]


def test_whose_telephone_rings_when_traffic_is_stopped_is_still_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, stopping, answered = (threading.Event() for _ in range(3))

    def log_in(*_: Any) -> Any:
        asked.set()
        return SimpleNamespace(ok=answered.wait(10.0))

    def ringing(_: Any) -> list[Any]:
        ring = SimpleNamespace(provider="", identity="a", ticket="t", number="12")
        return [ring] if stopping.is_set() else []

    monkeypatch.setattr(traffic, "log_in", log_in)
    monkeypatch.setattr(traffic, "send_stocked", log_in)
    monkeypatch.setattr(people, "ringing", ringing)
    monkeypatch.setattr(people, "decide", lambda *_: answered.set())
    # The last one is spared for the demonstration.
    space = SimpleNamespace(
        sheet=sheet(holder("a"), holder("b"), designs=DESIGNS[:1]), providers=dict
    )
    maker = traffic.TrafficMaker(space, approval=60.0)  # type: ignore[arg-type]
    maker.start(traffic.TrafficOrder(rate=10.0, seconds=10.0))
    assert asked.wait(10.0)
    stopping.set()
    maker.stop()
    assert answered.is_set()
