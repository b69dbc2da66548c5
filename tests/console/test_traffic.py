"""The little traffic: who acts in it is answered to the end."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.console import people, traffic


def holder(name: str) -> dict[str, Any]:
    return {
        "address": f"{name}@op001.mssante.test", "type": "PER", "operator": "op001",
        "holders": [{"identity": name, "methods": {"ecps": {}}}],
    }  # fmt: skip


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
    sheet = {
        # The last one is spared for the demonstration.
        "accounts": [holder("a"), holder("b")],
        "operators": [{"designs": ["single-endpoint"]}],
    }
    maker = traffic.TrafficMaker(
        SimpleNamespace(sheet=sheet, providers=dict),  # type: ignore[arg-type]
        approval=60.0,
    )
    maker.start(traffic.TrafficOrder(rate=10.0, seconds=10.0))
    assert asked.wait(10.0)
    stopping.set()
    maker.stop()
    assert answered.is_set()
