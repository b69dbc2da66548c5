"""A live run is told in the tables of a simulated one, so that one analysis reads both."""

from __future__ import annotations

import math
import ssl
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.analysis.metrics import METRICS, headline, latency, login_weights
from sandbox.observations.histogram import bin_index
from sandbox.observations.observations import TABLES, Observations
from sandbox.observations.schema import Cause
from sandbox.operators.listener import Inbound, Listener, MailDoor
from sandbox.operators.model import Channel, SaslName
from sandbox.operators.observing import DeliveryObserved, LoginObserved, SessionObserved
from sandbox.operators.recorder import Recorder
from sandbox.operators.recorder_tables import observations_of
from sandbox.serve import DoorLimits
from sandbox.simulation import recorder as simulated
from sandbox.space.methods import Method
from tests.operators.listening import a_listener

START = 1_000_000.0


def listener(
    endpoint: str = "imap.otp", *, operator: str = "op1", design: str = "multi-endpoint"
) -> Listener:
    protocol = "relay" if not design else endpoint.partition(".")[0]
    return a_listener(
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), operator=operator, design=design, name=endpoint,
        host=f"{endpoint}.{operator}.mssante.test", protocol=protocol, methods=(Method.TOTP,),
        mechanisms=(SaslName.PLAIN,), port=993,
    )  # fmt: skip


class Run:
    """A recorder that watches doors, and short ways to tell it what happens."""

    def __init__(self, *listeners: Listener, shared: bool = False, slots: int = 100) -> None:
        self.now = START
        self.cpu = 0.0
        self.recorder = Recorder(clock=lambda: self.now, processor=lambda: self.cpu)
        self.channel: dict[tuple[str, str], Channel] = {}
        groups = [listeners] if shared else [(each,) for each in listeners]
        for group in groups:
            door = MailDoor(group, self.never, DoorLimits(connections=slots))
            self.recorder.watch(door)
            for each in group:
                self.channel[each.place.operator, each.place.name] = each.channel("127.0.0.9", 993)

    @staticmethod
    def never(arrival: Inbound) -> Any:
        raise AssertionError(arrival)

    def connect(self, endpoint: str = "imap.otp", operator: str = "op1", at: float = 0.0) -> None:
        self.recorder.connected(self.channel[operator, endpoint], START + at)

    def login(self, endpoint: str = "imap.otp", operator: str = "op1", **values: Any) -> None:
        durations = {"tls": 0.0, "sasl": 0.0, "backend": 0.0, "person": 0.0, "at": START}
        seen = {"channel": self.channel[operator, endpoint], "method": Method.TOTP, **durations}
        self.recorder.login(LoginObserved(**{**seen, **values}))

    def leave(
        self, endpoint: str = "imap.otp", operator: str = "op1", at: float = 0.0,
        seconds: float = 0.0, method: Method | None = Method.TOTP,
    ) -> None:  # fmt: skip
        self.recorder.session(SessionObserved(
            channel=self.channel[operator, endpoint], method=method, at=START + at,
            seconds=seconds,
        ))  # fmt: skip

    def deliver(self, age: float) -> None:
        self.recorder.delivery(DeliveryObserved(
            operator="op1", mailbox="a@op1.mssante.test", at=START, age=age, size=1, relayed=False
        ))  # fmt: skip

    def table(self, name: str, design: str = "multi-endpoint") -> pd.DataFrame:
        return observations_of(self.recorder.seen(), design).tables[name]

    def row(self, name: str, **where: Any) -> dict[str, Any]:
        frame = self.table(name)
        for column, value in where.items():
            frame = frame[frame[column] == value]
        (found,) = frame.to_dict("records")
        return found


@given(st.integers(-10, 2**62))
def test_a_bin_is_that_of_the_simulation(duration: int) -> None:
    assert bin_index(duration) == simulated.bin_index(duration)


def test_every_table_has_the_columns_of_the_schema_even_when_nothing_happened() -> None:
    found = observations_of(Run(listener()).recorder.seen(), "multi-endpoint")
    assert {n: list(t.columns) for n, t in found.tables.items()} == {
        name: list(columns) for name, columns in TABLES.items()
    }


def test_a_login_without_a_gesture_has_a_machine_latency_alone() -> None:
    run = Run(listener())
    run.login(tls=0.002, sasl=0.003, backend=0.005)
    totals = run.table("login_totals")
    assert list(totals["measure"]) == ["machine"]
    assert totals["total_seconds"].sum() == pytest.approx(0.010)


def test_a_person_that_is_waited_for_counts_in_the_user_measure_only() -> None:
    run = Run(listener())
    run.login(tls=0.1, sasl=0.2, backend=0.3, person=9.0)
    assert run.row("login_totals", measure="machine")["total_seconds"] == pytest.approx(0.6)
    assert run.row("login_totals", measure="user")["total_seconds"] == pytest.approx(9.6)


def test_latencies_are_kept_within_one_per_cent() -> None:
    run = Run(listener())
    for milliseconds in (10, 20, 30, 40, 1000):
        run.login(sasl=milliseconds / 1000)
    found = latency(observations_of(run.recorder.seen(), "multi-endpoint"), "totp", "machine")
    assert found["p50"] == pytest.approx(0.030, rel=0.01)
    assert found["p99"] == pytest.approx(1.0, rel=0.01)
    assert found["mean"] == pytest.approx(0.220)


def test_phases_that_took_no_time_are_not_counted() -> None:
    run = Run(listener())
    run.login(tls=0.5, sasl=0.0, backend=0.25)
    assert set(run.table("phases")["phase"]) == {"tls", "backend"}
    assert run.row("phase_totals", phase="tls")["total_seconds"] == pytest.approx(0.5)


def test_a_refused_login_is_a_failure_with_its_cause_and_no_login() -> None:
    run = Run(listener())
    run.login(cause=Cause.CODE_REUSED, reason="totp-replayed")
    run.login(cause=Cause.CREDENTIALS, method=None)
    assert run.row("failures", cause="code_reused") == {
        "protocol": "imap", "method": "totp", "cause": "code_reused", "count": 1,
    }  # fmt: skip
    assert run.row("failures", cause="credentials")["method"] == ""
    assert run.table("logins").empty


def test_designs_are_told_apart_on_the_same_mailboxes() -> None:
    run = Run(listener(), listener("imap", design="single-endpoint"))
    run.login("imap", tls=0.1)
    assert run.table("logins").empty
    assert run.table("logins", "single-endpoint")["count"].sum() == 1


def test_operators_beyond_the_ten_busiest_share_a_histogram_but_keep_their_totals() -> None:
    names = [f"op{number}" for number in range(12)]
    run = Run(*(listener(operator=name) for name in names))
    for number, name in enumerate(names):
        for _ in range(20 - number):
            run.login(operator=name, sasl=0.01)
    assert set(run.table("logins")["operator"]) == {*names[:10], "others"}
    assert set(run.table("login_totals")["operator"]) == set(names)
    assert run.row("logins", operator="others")["count"] == 10 + 9


def test_an_endpoint_counts_its_connections_and_its_busiest_second() -> None:
    run = Run(listener())
    for at in (0.1, 0.2, 0.9, 1.5):
        run.connect(at=at)
    run.leave(at=0.1, seconds=2.0)
    run.connect(at=3.0)
    row = run.row("endpoints", endpoint="imap.otp")
    assert (row["sessions"], row["peak_connections"], row["peak_per_second"]) == (5, 4, 3)
    assert (row["host"], row["slots"]) == ("imap.otp.op1.mssante.test", 100)


def test_endpoints_on_one_socket_share_its_slots() -> None:
    run = Run(listener("imap.otp"), listener("imap.ciba"), shared=True)
    run.connect("imap.otp")
    run.connect("imap.ciba")
    row = run.row("endpoints", endpoint="imap.ciba")
    assert (row["peak_connections"], row["slots_used_peak"]) == (1, 2)


def test_a_minute_shows_the_connections_that_stay_open_in_it() -> None:
    run = Run(listener())
    run.connect(at=10)
    run.connect(at=130)
    run.leave(at=10, seconds=170)
    run.now = START + 250
    load = run.table("load")
    assert list(load["sessions"]) == [1, 0, 1, 0, 0]
    assert list(load["connections"]) == [1, 1, 2, 2, 1]


def test_sessions_are_counted_by_the_method_that_logged_in() -> None:
    run = Run(listener(), listener("mx", design=""))
    run.connect()
    run.login(sasl=0.1)
    run.leave()
    run.connect()
    run.leave(method=None)
    run.connect("mx")
    counts = run.table("sessions").set_index(["protocol", "method"])["sessions"]
    assert counts["imap", "totp"] == counts["imap", ""] == counts["relay", ""] == 1
    assert counts.sum() == 3


def test_the_relay_is_the_endpoint_mx_of_every_design() -> None:
    run = Run(listener(), listener("relay-in", design=""))
    run.connect("relay-in")
    assert run.row("endpoints", endpoint="mx")["sessions"] == 1


def test_back_ends_count_the_logins_that_asked_them() -> None:
    run = Run(listener())
    run.login(method=Method.ECPS, backend=0.2)
    run.login(method=Method.CPS, backend=0.2)
    run.login(method=Method.CPS)
    served = run.table("backends").set_index("backend")["served"]
    assert served.to_dict() == {"psc": 1, "sms": 0, "directory": 1}


def test_utilisation_is_that_of_the_process_and_peaks_in_its_busiest_minute() -> None:
    run = Run(listener())
    for minute, cpu in ((1, 6.0), (2, 36.0), (3, 39.0)):
        run.cpu = cpu
        run.connect(at=60 * minute)
    run.now, run.cpu = START + 240, 48.0
    row = run.row("endpoints", endpoint="imap.otp")
    assert row["utilisation"] == pytest.approx(0.2)
    assert row["utilisation_peak"] == pytest.approx(0.5)


def test_memory_follows_endpoints_and_methods_not_logins() -> None:
    run = Run(listener())
    for number in range(3_000):
        run.login(sasl=0.001 + number / 1e6)
    histograms = run.table("logins")
    assert len(histograms) <= 64 * 3
    assert histograms["count"].sum() == 3_000


def busy() -> Observations:
    run = Run(listener(), listener("smtp.otp"), listener("mx", design=""))
    run.connect()
    run.login(tls=0.1, sasl=0.2, backend=0.1, person=3.0, method=Method.ECPS)
    run.login("smtp.otp", sasl=0.2)
    run.login(cause=Cause.CREDENTIALS)
    run.connect("mx")
    run.leave("mx", method=None)
    run.deliver(age=0.25)
    return observations_of(
        run.recorder.seen(), "multi-endpoint", scenario="demo", seed=1, person_days=2
    )


def test_observations_survive_parquet(tmp_path: Path) -> None:
    before = busy()
    before.write(tmp_path / "run")
    after = Observations.read(tmp_path / "run")
    assert after.about == before.about
    for name, frame in before.tables.items():
        pd.testing.assert_frame_equal(after.tables[name], frame)


def test_the_analysis_reads_a_live_run() -> None:
    run = busy()
    found = headline(run, login_weights([run]))
    assert set(found) == set(METRICS)
    assert found["failure_share"] == pytest.approx(1 / 3)
    assert found["person_wait"] == pytest.approx(3.4 / 2)
    assert math.isnan(found["psc_peak"])  # the queue inside a back end is not seen from here
