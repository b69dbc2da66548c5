"""Sessions start when the calendar, the software and the people say, the same in every design."""

from __future__ import annotations

import numpy as np
import pytest

from sandbox.observations.schema import Protocol
from sandbox.simulation.build import build_model
from sandbox.simulation.dialogues import RELAY_GROUP, group_of
from sandbox.simulation.model import SessionKind, StationStat
from sandbox.space.calendar import hourly_weights
from sandbox.space.capacity import NATIONAL
from sandbox.space.designs import BUILT_IN
from sandbox.space.methods import Method
from sandbox.space.population import SOFTWARE, BalKind
from sandbox.space.tables import week
from sandbox.space.years import mail_of
from tests.simulation.small import (
    ALL_ABLE,
    HOUR,
    NOBODY,
    SECOND,
    able,
    everyone,
    run,
    small_space,
)

PERIODS = {"lps": 900, "mail_client": 600, "webmail": 1800, "robot": 300}
ABLE = {key: value for s in SOFTWARE for key, value in able(s, **ALL_ABLE).items()}
# Everybody present from 8:00 to 18:00 sharp, every poll opens a session, nobody is excluded.
SHARP = {
    **{f"populations.{p}.opening_hour": 8 for p in ("liberal", "hospital", "laboratory", "ehpad")},
    **{f"populations.{p}.closing_hour": 18 for p in ("liberal", "hospital", "laboratory", "ehpad")},
    **{f"populations.{p}.opening_sd": 0 for p in ("liberal", "hospital", "laboratory", "ehpad")},
    **{f"populations.{p}.closing_sd": 0 for p in ("liberal", "hospital", "laboratory", "ehpad")},
    **{f"populations.{p}.port_blocked": 0 for p in ("liberal", "hospital", "laboratory", "ehpad")},
    **{f"software.{s}.poll_share": 1 for s in SOFTWARE},
    **ABLE,
}  # fmt: skip


@pytest.fixture(scope="module")
def space():
    return small_space(SHARP)


@pytest.fixture(scope="module")
def day(space):
    return run(space)


# Robots of two laboratories alone, whom nobody keeps out.
ROBOTS = {
    "populations.liberal.units": 0, "populations.hospital.units": 0, "populations.ehpad.units": 0,
    "populations.hospital.machine_share": 0,
    "populations.liberal.message_share": 0, "populations.hospital.message_share": 0,
    "populations.ehpad.message_share": 0, "populations.laboratory.message_share": 1,
    "populations.laboratory.machine_share": 1, **able("robot", **ALL_ABLE),
    "software.robot.poll_share": 0,
}  # fmt: skip
MANY = NOBODY | everyone(software="lps") | {"populations.liberal.units": 400}
ACCESS, LOGIN = 0, 4  # columns of a trace; who never logged in did so at -1
SMTP_CERTIFICATE = group_of(Protocol.SMTP, Method.CERTIFICATE)


def looks(day, software: str):
    """Return the times of polls and openings, by access, of one kind of software."""
    trace = day.trace[np.isin(day.trace[:, 1], [SessionKind.OPEN, SessionKind.POLL])]
    row = next(s for s in day.model.inputs.polls if s[0] == PERIODS[software] * SECOND)
    return {
        access: np.sort(trace[trace[:, 0] == access, 3])
        for access in range(row[1], row[1] + row[2])
    }


@pytest.mark.parametrize("software", ["lps", "mail_client", "webmail"])
def test_software_looks_once_a_period_while_it_is_open(day, software: str) -> None:
    """Ten hours: 40, 60 and 20 looks, the first of which opens."""
    found = looks(day, software)
    assert found
    assert {len(times) for times in found.values()} == {36_000 // PERIODS[software]}
    for times in found.values():
        assert (np.diff(times) == PERIODS[software] * SECOND).all()
        assert 8 * HOUR <= times[0] < 8 * HOUR + PERIODS[software] * SECOND
        assert times[-1] < 18 * HOUR + PERIODS[software] * SECOND


def test_robots_look_day_and_night(day) -> None:
    found = looks(day, "robot")
    assert found
    assert {len(times) for times in found.values()} == {86_400 // 300}


@pytest.mark.parametrize("software", PERIODS)
def test_an_access_looks_at_its_own_phase(day, software: str) -> None:
    for access, times in looks(day, software).items():
        phase = day.model.inputs.access_phase[access]
        assert (times % (PERIODS[software] * SECOND) == phase).all()


def test_each_person_opens_once_a_day_and_each_robot_once(day) -> None:
    opened = day.of_kind("OPEN")[:, 0]
    assert sorted(opened) == list(range(len(day.space.accesses)))


def test_nobody_comes_on_a_day_when_nobody_is_present() -> None:
    changes = {f"populations.{p}.present_working": 0
               for p in ("liberal", "hospital", "laboratory", "ehpad")}  # fmt: skip
    found = run(SHARP | changes)
    software = found.space.accesses.software
    robots = int((software == SOFTWARE.index("robot")).sum())
    assert len(found.of_kind("OPEN")) == robots > 0


def test_presence_is_drawn_at_its_share() -> None:
    """Each day anew: 20 days of 44 people at 60 %."""
    share, people = 0.6, 0
    opened = 0
    for replication in range(20):
        found = run(
            SHARP | {f"populations.{p}.present_working": share
                     for p in ("liberal", "hospital", "laboratory", "ehpad")},
            replication=replication,
        )  # fmt: skip
        robots = int((found.space.accesses.software == SOFTWARE.index("robot")).sum())
        opened += len(found.of_kind("OPEN")) - robots
        people += len(found.space.accesses) - robots
    sd = np.sqrt(share * (1 - share) / people)
    assert abs(opened / people - share) < 4 * sd


@pytest.mark.parametrize("design", [name for name in BUILT_IN if name != "single-endpoint"])
def test_the_same_sessions_start_at_the_same_instants_in_every_design(
    space, day, design: str
) -> None:
    """Common random numbers: access, kind, key, start and recipient's operator."""
    mine = run(space, design)

    def arrivals(found):
        rows = found.trace[found.trace[:, 1] != SessionKind.SPAWNED]
        return rows[:, [0, 1, 2, 3, 8]]

    np.testing.assert_array_equal(arrivals(mine), arrivals(day))


def test_replications_draw_other_people_and_other_days(day) -> None:
    other = run(small_space(SHARP, replication=1))
    mine, theirs = day.model.inputs, other.model.inputs
    assert not np.array_equal(theirs.access_features, mine.access_features)
    assert not np.array_equal(theirs.access_phase, mine.access_phase)
    assert not np.array_equal(other.of_kind("SEND")[:, 3], day.of_kind("SEND")[:, 3])


@pytest.mark.parametrize("design", ["multi-endpoint", "multi-port"])
def test_a_replication_has_the_same_people_in_every_design(space, day, design: str) -> None:
    """Common random numbers: only the programs of a design differ."""
    other = build_model(space, BUILT_IN[design]).inputs
    for field in ("access_identity", "access_phase", "access_features", "access_rtt", "senders"):
        np.testing.assert_array_equal(getattr(other, field), getattr(day.model.inputs, field))


def counted(changes: dict[str, float], replications: int = 1):
    spaces = [small_space(changes, replication=number) for number in range(replications)]
    return np.array(
        [build_model(space, BUILT_IN["single-endpoint"]).inputs.send_counts for space in spaces]
    )


@pytest.mark.parametrize("index", [1.0, 2.0, 6.0])
def test_the_messages_of_an_hour_have_the_index_of_dispersion_given(index: float) -> None:
    """Counts of each hour at its rate, with that variance over the mean (1: Poisson)."""
    changes = {"traffic.messages": 20_000, "traffic.dispersion": index, "traffic.batch": 1} | ABLE
    counts = counted(changes, 60).sum(axis=1)
    space = small_space(changes)
    expected = sum(
        people.message_share * 20_000
        * hourly_weights(space.scenario.period.start, 1, week()[name],
                         space.scenario.traffic.monday_factor)
        for name, people in space.scenario.populations.items()
    )  # fmt: skip
    z = (counts.sum(axis=0) - 60 * expected) / np.sqrt(60 * expected * index)
    assert np.abs(z[expected > 5]).max() < 4.5
    busy = expected > 50
    dispersion = counts[:, busy].var(axis=0, ddof=1) / expected[busy]
    assert abs(dispersion.mean() - index) < 5 * index * np.sqrt(2 / 59 / busy.sum())


def test_applications_send_in_rows_of_the_mean_length_given() -> None:
    """Sending occasions of robots are fewer, and each spawns the messages that follow it."""
    found = run(ROBOTS | {"traffic.batch": 5.0, "traffic.messages": 4000})
    occasions = len(found.of_kind("SEND"))
    sent = int(found.record.sessions[SMTP_CERTIFICATE])
    assert abs(occasions - 800) < 5 * np.sqrt(800 * 2)
    assert abs(sent / occasions - 5) < 5 * np.sqrt(20 / occasions)


def test_a_message_goes_to_as_many_as_the_mean_given() -> None:
    found = run(ROBOTS | {"traffic.batch": 1, "traffic.messages": 2000, "traffic.recipients": 1.5})
    sent = int(found.record.sessions[SMTP_CERTIFICATE])
    relays = int(found.record.sessions[RELAY_GROUP])
    assert abs(relays / sent - 1.5) < 5 * np.sqrt(0.75 / sent)


def test_receipts_are_as_many_as_their_inputs_say_and_log_in_as_people_do() -> None:
    found = run(MANY | ABLE | {
        "traffic.messages": 1000, "traffic.recipients": 1.5, "traffic.receipts_asked": 0.5,
        "traffic.receipts_lost": 0.2,
    })  # fmt: skip
    told = found.of_kind("RECEIPT")
    expected = 1000 * 1.5 * 0.5 * 0.8
    assert abs(len(told) - expected) < 5 * np.sqrt(expected * 2)
    logged_in = int((told[:, LOGIN] >= 0).sum())
    assert logged_in > 0.8 * len(told)
    assert len(np.unique(told[:, ACCESS])) > 100  # whoever received, not who sends most
    # Each is submitted and relayed once, whatever the recipients of messages.
    silent = run(MANY | ABLE | {"traffic.messages": 1000, "traffic.recipients": 1.5})
    assert len(silent.of_kind("RECEIPT")) == 0
    more = found.record.sessions[RELAY_GROUP] - silent.record.sessions[RELAY_GROUP]
    assert abs(more - logged_in) < 0.05 * logged_in  # a login that is honoured spares another's


def test_applications_acknowledge_as_often_as_their_inputs_say() -> None:
    """Robots alone, each as often as the others; people who read tell nothing here."""
    space = small_space(MANY | ABLE | {
        "populations.laboratory.units": 20, "traffic.messages": 4000, "traffic.recipients": 1.5,
        "traffic.application_share": 0.4, "traffic.acknowledged": 0.5,
        "traffic.acknowledgements_lost": 0.2,
    })  # fmt: skip
    found = run(space)
    inputs, told = found.model.inputs, found.of_kind("RECEIPT")
    expected = 4000 * 1.5 * 0.4 * 0.5 * 0.8
    assert abs(len(told) - expected) < 5 * np.sqrt(expected * 2)
    applications = space.accesses.identity[space.accesses.kind == BalKind.APP]
    robots = np.flatnonzero(np.isin(inputs.access_identity, applications))
    assert set(told[:, ACCESS]) <= set(robots)
    counts = np.bincount(told[:, ACCESS], minlength=len(inputs.access_class))[robots]
    mean = len(told) / len(robots)
    assert np.abs(counts - mean).max() < 5 * np.sqrt(mean) + mean / 10  # places of a turn are whole
    # The messages themselves go there as often.
    to_robots = np.isin(inputs.recipients, robots).mean()
    assert abs(to_robots - 0.4) < 0.01
    without = {"traffic.messages": 100, "traffic.application_share": 0, "traffic.acknowledged": 1}
    assert len(run(MANY | ABLE | without).of_kind("RECEIPT")) == 0


def test_messages_go_to_citizens_as_often_as_in_their_year() -> None:
    served = []
    for year in ("2021-09-06", "2026-09-07"):
        found = run(MANY | {"period.start": year, "traffic.messages": 2000})
        citizens = found.record.stations[NATIONAL.index("citizens"), StationStat.SERVED]
        served.append(citizens / found.record.sessions[RELAY_GROUP])
    share = mail_of(2026).citizens
    assert served[0] == 0 < share
    assert abs(served[1] - share) < 5 * np.sqrt(share / 2000)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_the_tenth_of_senders_that_send_most_send_their_share(share: float) -> None:
    found = run(MANY | {"traffic.messages": 20_000, "traffic.top_tenth": share})
    inputs = found.model.inputs
    counts = np.bincount(found.of_kind("SEND")[:, 0], minlength=len(inputs.access_class))
    # Each stream of senders has heavy ones of its own.
    streams = [inputs.senders[first : first + count] for first, count, *_ in inputs.sends]
    of_most = sum(np.sort(counts[who])[::-1][: len(who) // 10].sum() for who in streams)
    most = of_most / counts.sum()
    if share == 0.1:  # all alike: what is left is the luck of the draw
        assert most < 0.2
    else:
        assert abs(most - share) < 0.03


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_some_software_looks_on_the_clock(share: float) -> None:
    phases = small_space(MANY | {"software.lps.aligned": share})
    found = build_model(phases, BUILT_IN["single-endpoint"]).inputs.access_phase / SECOND
    spread = phases.scenario.traffic.aligned_spread
    by_chance = spread / PERIODS["lps"]
    expected = share + (1 - share) * by_chance
    assert abs((found < spread).mean() - expected) < 4 * np.sqrt(0.25 / len(found))


def test_software_left_open_looks_alone_until_midnight_and_no_longer() -> None:
    found = run(SHARP | {"software.lps.left_open": 1.0})
    alone = found.trace[found.trace[:, 1] == SessionKind.ALONE]
    assert (alone[:, 3] >= 18 * HOUR).all()
    assert (alone[:, 3] < 24 * HOUR + PERIODS["lps"] * SECOND).all()
    lps = found.space.accesses.software == SOFTWARE.index("lps")
    assert len(alone) == int(lps.sum()) * 6 * 3600 // PERIODS["lps"]


def test_every_message_of_an_hour_is_sent_within_it(day) -> None:
    sent = day.of_kind("SEND")[:, 3]
    by_hour = np.bincount(sent // HOUR, minlength=24)
    np.testing.assert_array_equal(by_hour, day.model.inputs.send_counts.sum(axis=0))


def test_messages_lie_evenly_within_their_hour() -> None:
    """Order statistics of uniforms: Kolmogorov-Smirnov on a fixed sample."""
    from scipy import stats

    sent = run({"traffic.messages": 3000}).of_kind("SEND")[:, 3]
    assert stats.kstest((sent % HOUR) / HOUR, "uniform").pvalue > 0.01


def test_messages_go_to_operators_as_people_do() -> None:
    found = run({"traffic.messages": 3000})
    people = found.space.accesses.operator[found.space.accesses.kind != 2]
    share = (people == 0).mean()
    sent = found.of_kind("SEND")
    assert abs((sent[:, 8] == 0).mean() - share) < 4 * np.sqrt(share * (1 - share) / len(sent))


def test_no_traffic_is_a_quiet_day_not_an_error() -> None:
    assert len(run({"traffic.messages": 0}).of_kind("SEND")) == 0
