"""How an observation is booked: one compiled function each, which both engines call."""

from __future__ import annotations

from sandbox.observations.histogram import BINS, SUB_BITS, UNIT_BITS
from sandbox.simulation.jit import bit_length, force_inline
from sandbox.simulation.model import MINUTE, EndpointStat, PoolStat, Record, StationStat

__all__ = [
    "bin_index",
    "book_connection",
    "book_delivery",
    "book_disconnection",
    "book_login",
    "book_queue",
    "book_service",
]

HALF = 1 << SUB_BITS
SECOND = 1_000_000_000
SESSIONS, NOW, PEAK = int(EndpointStat.SESSIONS), int(EndpointStat.NOW), int(EndpointStat.PEAK)
IN_SECOND, PEAK_SECOND = int(EndpointStat.IN_SECOND), int(EndpointStat.PEAK_SECOND)
THIS_SECOND = int(EndpointStat.SECOND)
SERVED, WAITED, WAIT = int(StationStat.SERVED), int(StationStat.WAITED), int(StationStat.WAIT)
BUSY, THIS_MINUTE = int(StationStat.BUSY), int(StationStat.MINUTE)
BUSY_MINUTE, PEAK_MINUTE = int(StationStat.BUSY_MINUTE), int(StationStat.PEAK_MINUTE)
QUEUE_AREA, CHANGED = int(PoolStat.QUEUE_AREA), int(PoolStat.CHANGED)


@force_inline
def bin_index(duration: int) -> int:
    """Return the histogram bin of a duration in ns (see observations.histogram)."""
    value = max(duration, 0) >> UNIT_BITS
    if value < HALF:
        return value
    shift = bit_length(value) - SUB_BITS - 1
    return min(((shift + 1) << SUB_BITS) + (value >> shift) - HALF, BINS - 1)


@force_inline
def book_login(
    record: Record, operator_bin: int, operator: int, group: int, latency: int, person: int,
    attended: bool,
) -> None:  # fmt: skip
    """Book a successful login: its machine part and, when a person waited for it, the whole."""
    machine = latency - person
    record.logins[operator_bin, group, 0, bin_index(machine)] += 1
    record.login_count[operator, group, 0] += 1
    record.login_time[operator, group, 0] += machine
    if attended:
        record.logins[operator_bin, group, 1, bin_index(latency)] += 1
        record.login_count[operator, group, 1] += 1
        record.login_time[operator, group, 1] += latency


@force_inline
def book_phase(record: Record, group: int, phase: int, duration: int) -> None:
    """Book the time that one login spent in one phase."""
    if duration > 0:
        record.phases[group, phase, bin_index(duration)] += 1
        record.phase_time[group, phase] += duration


@force_inline
def book_delivery(record: Record, age: int) -> None:
    """Book the age of a message that reached its mailbox."""
    record.deliveries[bin_index(age)] += 1
    record.delivery[0] += 1
    record.delivery[1] += age


@force_inline
def book_connection(record: Record, endpoint: int, role: int, t: int) -> None:
    """Book that a connection took a slot of an endpoint at t."""
    rows = record.endpoints
    rows[endpoint, SESSIONS] += 1
    rows[endpoint, NOW] += 1
    rows[endpoint, PEAK] = max(rows[endpoint, PEAK], rows[endpoint, NOW])
    second = t // SECOND
    if rows[endpoint, THIS_SECOND] != second:
        rows[endpoint, THIS_SECOND] = second
        rows[endpoint, IN_SECOND] = 0
    rows[endpoint, IN_SECOND] += 1
    rows[endpoint, PEAK_SECOND] = max(rows[endpoint, PEAK_SECOND], rows[endpoint, IN_SECOND])
    minute = min(t // MINUTE, record.role_minutes.shape[1] - 1)
    record.role_minutes[role, minute] += 1
    record.role_now[role] += 1
    record.role_connections[role, minute] = max(
        record.role_connections[role, minute], record.role_now[role]
    )


@force_inline
def book_disconnection(record: Record, endpoint: int, role: int, t: int) -> None:
    """Book that a connection gave its slot back at t."""
    record.endpoints[endpoint, NOW] -= 1
    minute = min(t // MINUTE, record.role_minutes.shape[1] - 1)
    record.role_connections[role, minute] = max(
        record.role_connections[role, minute], record.role_now[role]
    )
    record.role_now[role] -= 1


@force_inline
def book_queue(record: Record, pool: int, length: int, t: int) -> None:
    """Book that the queue of a pool had `length` sessions until t."""
    rows = record.pools
    rows[pool, QUEUE_AREA] += length * (t - rows[pool, CHANGED])
    rows[pool, CHANGED] = t


@force_inline
def book_service(record: Record, station: int, start: int, wait: int, service: int) -> None:
    """Book a service that begins at `start` after waiting `wait`, lasting `service` (ns)."""
    rows = record.stations
    rows[station, SERVED] += 1
    rows[station, WAIT] += wait
    rows[station, WAITED] += wait > 0
    rows[station, BUSY] += service
    minute = start // MINUTE
    if rows[station, THIS_MINUTE] != minute:
        rows[station, THIS_MINUTE] = minute
        rows[station, BUSY_MINUTE] = 0
    rows[station, BUSY_MINUTE] += service
    rows[station, PEAK_MINUTE] = max(rows[station, PEAK_MINUTE], rows[station, BUSY_MINUTE])
