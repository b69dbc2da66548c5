"""The model of a live space: exchange by exchange, a login takes what was measured of its steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sandbox.simulation.steps import Op
from sandbox.space.candidates import candidates
from sandbox.space.loader import load_scenario
from sandbox.space.methods import Method
from sandbox.twin.calibration import Calibration, Mixed
from sandbox.twin.minutes import instant_of
from sandbox.twin.runs import Run, predicted
from sandbox.twin.schedule import Schedule, Window, schedule_of
from sandbox.twin.structure import calibrated_model, calibrated_scenario
from sandbox.twin.subset import largest_operators
from tests.twin.small import write_scenario
from tests.twin.test_calibration import calibration

MACHINE = calibration()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenario(tmp_path_factory.mktemp("exchanges"))


def minutes(path: Path, machine: Calibration = MACHINE, *, speed: float = 1.0) -> Schedule:
    scenario = calibrated_scenario(largest_operators(load_scenario(path), 2), machine)
    each = candidates(scenario)["single-endpoint"]
    window = Window(begin=instant_of("lundi 08:30", scenario), seconds=1800, speed=speed)
    return schedule_of(scenario, each, [each], window)


@pytest.fixture(scope="module")
def idle(path: Path) -> Run:
    return predicted(minutes(path), MACHINE)


def wall(*steps: str) -> float:
    return sum(MACHINE.steps[name].wall for name in steps)


def test_a_login_alone_takes_what_its_steps_took(idle: Run) -> None:
    """TLS 1.3, full; with TLS 1.2 one exchange without servers' work more, with a ticket less."""
    seen = np.round(idle.samples["totp", "machine"], 5)
    new, again = wall("tls_full", "login_totp"), wall("tls_full", "login_totp_again")
    assert np.isclose(seen, new, atol=2e-5).any()
    assert np.isclose(seen, again, atol=2e-5).any()
    assert np.median(seen) == pytest.approx(new, rel=0.25)


def test_a_card_is_asked_about_once_while_it_is_known(tmp_path: Path) -> None:
    step = MACHINE.steps["login_certificate"]
    longer = replace(step, processor=step.processor + 0.01, wall=step.wall + 0.01)
    slow = replace(MACHINE, steps={**MACHINE.steps, "login_certificate": longer})

    def asked(known: int) -> tuple[float, int, int]:
        """Return how often, of how many cards, and logins by certificate."""
        path = write_scenario(tmp_path)
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("[policies]", f"[policies]\nrevocation_seconds = {known}"))
        schedule = minutes(path)
        found = predicted(schedule, MACHINE)
        cards = sum(schedule.method(each) is Method.CPS for each in schedule.active)
        logins = sum(len(found.samples[each, "machine"]) for each in ("cps", "certificat"))
        return (predicted(schedule, slow).servers - found.servers) / 0.01, cards, logins

    questions, cards, _ = asked(3_600)
    assert 0 < questions <= cards + 0.5
    questions, _, logins = asked(0)
    assert questions == pytest.approx(logins, rel=0.05)


def test_robots_have_a_certificate_that_is_known(idle: Run) -> None:
    """All robots of an operator are one account on the wire: one question is for all."""
    seen = idle.samples["certificat", "machine"]
    assert np.isclose(seen, wall("tls_mutual", "login_certificate_again"), atol=1e-4).any()


def test_the_operators_own_ciba_is_polled_as_on_the_wire(path: Path, idle: Run) -> None:
    """The wait from the answer to the next poll is uniform: half an interval on average."""
    seen = idle.samples["ciba-operateur", "machine"]
    held = seen[seen > 0.05]
    assert len(held) > 2
    assert held.max() <= load_scenario(path).policies.ciba_interval + 0.1


def test_who_comes_while_a_telephone_rings_waits_for_that_answer(path: Path) -> None:
    """At a great speed everybody comes back before she has answered: one ring, not one each."""
    quick, slow = (predicted(minutes(path, speed=x), MACHINE) for x in (600.0, 1.0))
    name = ("ecps", "user")
    assert len(quick.samples[name]) > 5
    assert quick.samples[name].max() <= slow.samples[name].max() + 1.0


def test_the_servers_work_as_long_as_the_sessions_steps_say(path: Path, idle: Run) -> None:
    twice = calibration(times=2.0)
    assert predicted(minutes(path, twice), twice).servers == pytest.approx(
        2 * idle.servers, rel=0.01
    )
    assert idle.clients > 0


def test_servers_work_less_on_what_follows_at_once(path: Path, idle: Run) -> None:
    warm = calibration(follow=0.5)
    calm, crowded = (predicted(minutes(path, speed=x), warm).servers for x in (1.0, 3000.0))
    assert crowded < 0.9 * calm
    assert calm == pytest.approx(idle.servers, rel=0.1)


def test_less_is_spared_after_another_kind_of_step(path: Path) -> None:
    schedule = minutes(path, speed=3000.0)
    all_of_it, half, none = (
        predicted(schedule, calibration(follow=0.5, mixed=Mixed(share, share))).servers
        for share in (1.0, 0.5, 0.0)
    )
    assert all_of_it < half < none


def test_operators_on_several_loops_share_the_processors(path: Path) -> None:
    """Two loops on two cores: clients work there too; a third has no core of its own."""
    one, two = calibration(), calibration().with_loops(2)
    assert (two.servers, two.shared, one.with_loops(3).servers) == (2, True, 2)
    waits = [predicted(minutes(path, speed=2000.0), each).samples["totp", "machine"].mean()
             for each in (one, two)]  # fmt: skip
    assert waits[1] < waits[0]


def test_clients_work_on_the_servers_cores_where_these_leave_none(path: Path) -> None:
    """A machine of one core less than servers and clients would fill."""
    alone, shared = calibration(servers=1), calibration(servers=2)
    assert (alone.shared, shared.shared) == (False, True)  # of two cores
    removed = Calibration({**MACHINE.machine, "cores": 1}, 1, MACHINE.steps)
    assert removed.shared
    speed = 900.0
    with_two, with_one = (
        predicted(minutes(path, each, speed=speed), each).samples["totp", "machine"].mean()
        for each in (alone, removed)
    )
    assert with_one > 1.02 * with_two


def test_every_jump_of_the_new_table_stays_within_its_program(path: Path) -> None:
    schedule = minutes(path)
    model = calibrated_model(schedule.model, MACHINE, schedule.scenario).model
    table, entries = model.code.table, sorted(model.code.entries.values())
    jumps = {
        Op.GOTO, Op.FRESH, Op.BRANCH, Op.HAS, Op.ACQUIRE, Op.DEADLINE, Op.PENDING, Op.RETRY,
        Op.DURING, Op.ONCE, Op.TODAY, Op.ENTER,
    }  # fmt: skip
    for place, (op, target) in enumerate(zip(table[:, 0], table[:, 2], strict=True)):
        if int(op) in jumps:
            begin = max(entry for entry in entries if entry <= place)
            end = min((entry for entry in entries if entry > place), default=len(table))
            assert begin <= target < end


def turned(servers: float, client: float = 1.0) -> Calibration:
    """Return a calibration whose steps have so many turns."""
    steps = {
        name: replace(each, turns=servers, turns_client=client)
        for name, each in MACHINE.steps.items()
    }
    return replace(MACHINE, steps=steps)


def test_turns_take_nothing_where_nobody_else_is(path: Path, idle: Run) -> None:
    schedule = minutes(path)
    for machine in (turned(12.0), turned(1.0, 12.0)):
        found = predicted(schedule, machine)
        assert found.servers == pytest.approx(idle.servers, rel=1e-3)
        assert found.clients == pytest.approx(idle.clients, rel=1e-3)
        # All but the few who meet somebody.
        for name in (("totp", "machine"), ("cps", "machine")):
            assert np.median(found.samples[name]) == pytest.approx(
                np.median(idle.samples[name]), rel=0.02
            )


def test_work_that_is_handed_on_waits_each_time_for_what_others_have_done(path: Path) -> None:
    schedule = minutes(path, speed=4000.0)
    waits = [
        predicted(schedule, machine).samples["totp", "machine"].mean()
        for machine in (MACHINE, turned(6.0), turned(12.0), turned(12.0, 12.0))
    ]
    assert waits == sorted(waits)
    assert waits[-1] > 1.15 * waits[0]
