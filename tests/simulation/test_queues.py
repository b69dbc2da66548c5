"""The textbook queues, as models of our own steps: the engines agree, and more means less wait."""

from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
import pytest

from sandbox.observations.schema import Phase
from sandbox.simulation import fast
from sandbox.simulation.draws import NANOSECONDS, exponential
from sandbox.simulation.model import PACE_BITS, PoolStat, Record, StationStat
from sandbox.simulation.queues import (
    Queue,
    QueueWatch,
    _queue,
    finite_queue,
    impatient_queue,
    infinite_queue,
    retrial_queue,
    slot_queue,
    storm_queue,
)
from sandbox.simulation.steps import Branch, End, Purpose, Serve, Step
from tests.simulation.engines import assert_engines_agree
from tests.simulation.small import run


def kinds_queue(watch: QueueWatch, *, load: float, after: float, follow: float) -> Queue:
    """M/M/1 of two kinds of customers, as many of each, whom a server takes in turn.

    The load is that of services that find the server idle. One that follows a service of the other
    kind at once takes `after` of its time; one that follows its own kind takes `follow`.
    """

    def body(service: float) -> tuple[str | Step, ...]:
        def served(station: str) -> Step:
            return Serve(station, Phase.BACKEND, law=exponential(service))

        return (
            Branch(0.5, Purpose.MISTYPE, "other"), served("server"), End(),
            "other", served("other"), End(),
        )  # fmt: skip

    queue = _queue(body, watch, servers=1, backlog=0, load=load)
    shares = np.rint(np.array([[after, follow]] * 2) * (1 << PACE_BITS)).astype(np.int64)
    inputs = queue.model.inputs._replace(follow_time=shares)
    return replace(queue, model=replace(queue.model, inputs=inputs))


WATCH = QueueWatch(2000, warm_up=50.0, seed=11)
QUEUES = {
    "M/M/1": infinite_queue(WATCH, servers=1, load=0.9, scv=1.0),
    "M/M/16": infinite_queue(WATCH, servers=16, load=0.9, scv=1.0),
    "M/D/1": infinite_queue(WATCH, servers=1, load=0.8, scv=0.0),
    "M/M/1 of two kinds": kinds_queue(WATCH, load=0.9, after=0.8, follow=0.5),
    "M/lognormal/1": infinite_queue(WATCH, servers=1, load=0.8, scv=0.5),
    "M/H2/3": infinite_queue(WATCH, servers=3, load=0.8, scv=6.0),
    "M/G/4 on slots": slot_queue(WATCH, servers=4, load=0.9, scv=4.0),
    "M/M/4/10": finite_queue(WATCH, servers=4, load=1.3, capacity=10),
    "Erlang B": finite_queue(WATCH, servers=10, load=0.8, capacity=10),
    "Erlang A": impatient_queue(WATCH, servers=10, load=1.2, patience=0.5),
    "retrials": retrial_queue(WATCH, load=0.7, retrial_rate=0.5),
}


def pool(record: Record, stat: PoolStat) -> int:
    return int(record.pools[0, stat])


def mean_wait(queue: Queue) -> float:
    record = fast.run(queue.model)
    station, waits = record.stations.sum(axis=0), record.pools[0]
    total = station[StationStat.WAIT] + waits[PoolStat.WAIT] + waits[PoolStat.LOST_WAIT]
    return float(total) / float(record.sessions[0]) / (queue.service * NANOSECONDS)


@pytest.mark.parametrize("name", QUEUES)
def test_engines_agree_on_every_session_of_a_queue(name: str) -> None:
    record, rows = assert_engines_agree(QUEUES[name].model)
    assert len(rows) == record.sessions.sum() > 1000


def test_voided_deadlines_do_not_overrun_the_event_heap() -> None:
    """Each wait that a slot ends leaves its deadline behind: far more than sessions in flight."""
    watch = QueueWatch(30_000, crowd=1000.0, seed=3)
    assert_engines_agree(impatient_queue(watch, servers=10, load=0.9, patience=1e-4).model)


def test_room_grows_with_the_sessions_in_flight() -> None:
    watch = QueueWatch(20_000, crowd=10_000.0, seed=4)
    record, _ = assert_engines_agree(
        impatient_queue(watch, servers=1, load=100.0, patience=0.01).model
    )
    assert pool(record, PoolStat.ABANDONED) > 10_000


@pytest.mark.parametrize("name", ["M/M/4/10", "Erlang A", "Erlang B"])
def test_arrivals_are_served_refused_or_gone(name: str) -> None:
    record = fast.run(QUEUES[name].model)
    ways = (PoolStat.GRANTED, PoolStat.REFUSED, PoolStat.ABANDONED)
    assert record.sessions[0] == sum(pool(record, way) for way in ways)


def test_little_s_law_holds_to_the_nanosecond_for_a_pool() -> None:
    record = fast.run(QUEUES["Erlang A"].model)
    waits = pool(record, PoolStat.WAIT) + pool(record, PoolStat.LOST_WAIT)
    assert pool(record, PoolStat.QUEUE_AREA) == waits > 0


def test_slots_and_a_station_make_the_same_customers_wait_the_same_time() -> None:
    station = fast.run(infinite_queue(WATCH, servers=4, load=0.9, scv=1.0).model)
    slots = fast.run(slot_queue(WATCH, servers=4, load=0.9, scv=1.0).model)
    assert int(station.stations[0, StationStat.WAIT]) == pool(slots, PoolStat.QUEUE_AREA) > 0


@pytest.mark.parametrize("name", QUEUES)
def test_the_warm_up_run_has_the_first_customers_of_the_whole_run(name: str) -> None:
    queue = QUEUES[name]
    whole, start = fast.run(queue.model), fast.run(queue.warm_up())
    counts = queue.model.inputs.send_counts[0]
    assert start.sessions[0] == counts[: queue.warm_hours].sum() > 0
    assert (whole.sessions - start.sessions)[0] == counts[queue.warm_hours :].sum()


def test_customers_fill_the_time_that_counts() -> None:
    for customers in (1000, 123_456):
        queue = infinite_queue(QueueWatch(customers), servers=3, load=0.6, scv=1.0)
        assert queue.duration * 3 * 0.6 == pytest.approx(customers, rel=1e-12)


def test_replications_differ_and_a_seed_repeats() -> None:
    def counts(seed: int, replication: int) -> list[int]:
        watch = QueueWatch(10_000, seed=seed, replication=replication)
        queue = infinite_queue(watch, servers=1, load=0.5, scv=1.0)
        return fast.run(queue.model).stations[0].tolist()

    assert counts(1, 0) == counts(1, 0)
    assert counts(1, 0) != counts(1, 1)
    assert counts(1, 0) != counts(2, 0)


def test_more_servers_or_room_never_lengthen_the_same_customers_wait() -> None:
    """At one arrival rate: per server the load falls."""
    watch = QueueWatch(20_000, seed=5)
    waits = [mean_wait(infinite_queue(watch, servers=c, load=3.6 / c, scv=1.0)) for c in (4, 5, 8)]
    assert waits == sorted(waits, reverse=True)
    refused = [
        pool(fast.run(finite_queue(watch, servers=4, load=0.9, capacity=k).model), PoolStat.REFUSED)
        for k in (4, 6, 10, 40)
    ]
    assert refused == sorted(refused, reverse=True)
    assert refused[0] > 0


@pytest.mark.parametrize(("after", "follow"), [(0.75, 0.75), (0.9, 0.5)])
def test_services_that_follow_at_once_wait_as_theory_says(after: float, follow: float) -> None:
    """M/G/1 with exceptional first service: P. D. Welch, Operations Research 12 (1964), 736-752.

    Kinds are drawn at random, so what a service follows is drawn too, a fair coin each time.
    """
    load, mean, square = 0.9, (after + follow) / 2, (after**2 + follow**2) / 2
    queue = kinds_queue(QueueWatch(400_000, seed=7), load=load, after=after, follow=follow)
    following = load * mean  # loads; the unit is the mean first service, its square's mean is 2
    expected = load * 2 * square / (2 * (1 - following)) + load * 2 * (1 - square) / (
        2 * (1 - following + load)
    )
    assert mean_wait(queue) == pytest.approx(expected, rel=0.03)


def test_more_variable_service_waits_longer() -> None:
    watch = QueueWatch(200_000, seed=6)
    waits = [mean_wait(infinite_queue(watch, servers=1, load=0.8, scv=v)) for v in (0, 0.5, 1, 4)]
    assert waits == sorted(waits)


def test_the_impatient_leave_sooner_and_more_of_them() -> None:
    watch = QueueWatch(50_000, seed=7)
    runs = [
        fast.run(impatient_queue(watch, servers=10, load=1.0, patience=theta).model)
        for theta in (0.1, 0.5, 2.0)
    ]
    gone = [pool(run, PoolStat.ABANDONED) for run in runs]
    assert gone == sorted(gone)
    area = [pool(run, PoolStat.QUEUE_AREA) for run in runs]
    assert area == sorted(area, reverse=True)


def test_no_customer_waits_when_there_is_a_server_each() -> None:
    record = fast.run(infinite_queue(QueueWatch(2000), servers=500, load=0.01, scv=1.0).model)
    assert record.stations[0, StationStat.WAIT] == 0


def test_a_single_customer_is_served_at_once() -> None:
    queue = infinite_queue(QueueWatch(1, seed=2), servers=1, load=0.5, scv=1.0)
    record, rows = assert_engines_agree(queue.model)
    assert len(rows) == record.sessions[0]
    assert np.all(record.stations[0, [StationStat.WAITED, StationStat.WAIT]] == 0) or len(rows) > 1


def test_a_crowd_larger_than_the_event_list_finds_room_on_both_engines() -> None:
    """Nine thousand spawned at one instant, where the list starts with fewer places."""
    _, rows = assert_engines_agree(storm_queue(9000, servers=4, service=0.001, back_off=5.0).model)
    assert len(rows) == 9001


def test_a_queue_and_a_space_are_run_by_the_same_machine_code() -> None:
    """Arrays of one type: the kernel takes half a minute to compile."""
    model = run().model
    queues = [queue.model for queue in QUEUES.values()]
    assert {numba.typeof(each.inputs) for each in (model, *queues)} == {numba.typeof(model.inputs)}
