"""What a machine takes for each step: its file, and the inputs that follow from it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from sandbox.analysis.summary import assumptions
from sandbox.space.errors import UserError
from sandbox.space.loader import load_scenario, with_inputs
from sandbox.space.tables import inputs
from sandbox.twin.calibration import (
    OPTIONAL,
    STEPS,
    Calibration,
    Crowd,
    Measured,
    Mixed,
    Taken,
    in_sessions,
    measured,
    mixed_of,
    read_calibration,
)
from sandbox.twin.structure import inputs_of
from tests.twin.small import write_scenario

MILLISECONDS = {
    "tls_full": 1.0, "tls_resumed": 0.6, "tls_mutual": 1.4, "login_totp": 2.5,
    "login_totp_again": 1.5, "login_certificate": 6.0, "login_certificate_again": 1.4,
    "ciba_request": 6.0, "ciba_poll": 2.0, "ciba_answer": 4.0, "look": 1.0, "fetch": 2.0,
    "goodbye": 0.5, "submit": 2.0, "relay": 5.0,
}  # fmt: skip


MACHINE = {"processor": 'a "fast" one', "cores": 2, "python": "3.11.7", "date": "2026-11-26"}


CLIENT = 0.0005  # s of the client's processor in each step


def calibration(
    *,
    times: float = 1.0,
    beyond: float = 0.001,
    servers: int = 1,
    follow: float = 1.0,
    mixed: Mixed | None = None,
) -> Calibration:
    """Return one whose servers take so many times the above; a login waits `beyond` s beside."""
    steps = {}
    for name, value in MILLISECONDS.items():
        processor = times * value / 1000
        wall = processor + CLIENT + (beyond if name.startswith("login_") else 0.0)
        steps[name] = Measured(processor, processor, processor, CLIENT, wall, wall, wall, 0.2, 40,
                               follow, follow)  # fmt: skip
    return Calibration(MACHINE, servers, steps, mixed or Mixed())


def test_every_step_is_measured() -> None:
    assert set(MILLISECONDS) == set(STEPS)


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    made = calibration(mixed=Mixed(0.25, 0.5))
    made.write(tmp_path / "calibration.toml", inputs_of(made))
    read = read_calibration(tmp_path / "calibration.toml")
    assert read.steps["relay"].processor == pytest.approx(0.005)
    assert read.steps["relay"].client == pytest.approx(CLIENT)
    assert (read.servers, read.machine["cores"]) == (1, 2)
    assert read.mixed == Mixed(0.25, 0.5)


def test_what_a_queue_of_different_steps_spares_is_found_again() -> None:
    """Crowds that spare 0.3 of it after another kind, all of it after their own."""
    made = calibration(follow=0.5)
    done = {"tls_full": 10, "tls_resumed": 10, "look": 20, "submit": 10}
    kinds = {"tls_full": 20, "tls_resumed": 20, "look": 20, "submit": 10}
    servers = client = 0.0
    for name, count in done.items():
        step, own = made.steps[name], kinds[name] / 50
        kept = 1 - 0.5 * (own + 0.3 * (1 - own))
        servers, client = servers + count * step.processor * kept, client + count * step.client
    crowds = [Crowd(done, servers, client)] * 3
    found = mixed_of(crowds, made.steps)
    assert (found.servers, found.client) == (pytest.approx(0.3), 0.0)
    assert mixed_of([], made.steps) == Mixed()


def test_steps_take_what_whole_sessions_took_of_them() -> None:
    """Sessions, one after the other, that took 0.8 of the servers and 0.9 of the client."""
    made = calibration(follow=0.5)
    done = {"tls_full": 3, "look": 2, "goodbye": 3}
    servers = 0.8 * sum(count * made.steps[name].processor for name, count in done.items())
    crowds = [Crowd(done, servers, 0.9 * 8 * CLIENT)] * 2
    found = in_sessions(made.steps, crowds)
    for name, before in made.steps.items():
        after = found[name]
        assert after.processor == pytest.approx(0.8 * before.processor)
        assert after.client == pytest.approx(0.9 * CLIENT)
        # What passes beside both is as long, and a queue takes what it took.
        assert after.wall - after.processor - after.client == pytest.approx(
            before.wall - before.processor - before.client
        )
        assert after.follow * after.processor == pytest.approx(0.5 * before.processor)
    assert in_sessions(made.steps, []) == made.steps


def test_a_queue_may_spare_less_than_a_session() -> None:
    made = calibration(follow=0.9)
    done = {"look": 2}
    crowds = [Crowd(done, 0.75 * 2 * made.steps["look"].processor, 2 * CLIENT)]
    assert in_sessions(made.steps, crowds)["relay"].follow == pytest.approx(1.2)


def test_where_a_queue_spares_nothing_another_kind_is_as_its_own() -> None:
    made = calibration(follow=1.0)
    assert mixed_of([Crowd({"look": 2}, 0.001, 0.001)], made.steps) == Mixed()


def test_the_same_work_at_two_paces_gives_one_figure() -> None:
    """Blocks of 2 and 4 ms while the watched work took 1 and 2 ms; what passes beside stays."""
    taken = Taken(processor=[2.0, 2.0], client=[1.0, 1.0], wall=[0.004, 0.007], beside=[0.001] * 2)
    found = taken.measured(0.0015, Taken())
    assert (found.processor, found.high) == (pytest.approx(0.003), pytest.approx(0.003))
    assert found.client == pytest.approx(0.0015)
    assert found.wall == pytest.approx(0.0055)


@pytest.mark.parametrize("text", ["", "machine = 1", "[steps.tls_full]\nprocessor = 1\n", "é"])
def test_another_file_is_refused_with_what_makes_one(tmp_path: Path, text: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="mss-sandbox calibrate"):
        read_calibration(path)


def test_a_missing_file_is_refused_with_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mss-sandbox calibrate"):
        read_calibration(tmp_path / "none.toml")


def scenario_file(folder: Path, line: str = 'calibration = "calibration.toml"') -> Path:
    made = calibration()
    made.write(folder / "calibration.toml", inputs_of(made))
    path = write_scenario(folder)
    path.write_text(f"{line}\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
    return path


def test_a_scenario_takes_it_by_one_line(tmp_path: Path) -> None:
    found = load_scenario(scenario_file(tmp_path))
    assert found.processor.tls_full == pytest.approx(0.001)
    assert found.calibration is not None
    assert "a 'fast' one" in found.calibration.machine


def test_the_report_says_what_is_calibrated_and_on_which_machine(tmp_path: Path) -> None:
    comparison = SimpleNamespace(scenario=load_scenario(scenario_file(tmp_path)))
    rows = {row["key"]: row for row in assumptions(comparison)}  # type: ignore[arg-type]
    assert rows["processor.tls_full"]["knowledge"] == "calibrated"
    assert rows["processor.tls_full"]["source"].startswith("a 'fast' one")
    assert rows["traffic.recipients"]["knowledge"] != "calibrated"


def test_what_a_scenario_gives_itself_counts_more(tmp_path: Path) -> None:
    path = scenario_file(tmp_path)
    with path.open("a", encoding="utf-8") as file:
        file.write("[processor]\ntls_full = 0.5\n")
    assert load_scenario(path).processor.tls_full == 0.5


def test_a_changed_input_of_a_calibrated_scenario_is_changed(tmp_path: Path) -> None:
    found = with_inputs(load_scenario(scenario_file(tmp_path)), {"processor.login": 0.25})
    assert (found.processor.login, found.processor.tls_full) == (0.25, pytest.approx(0.001))


@pytest.mark.parametrize("file", ["none.toml", "petit.toml"])
def test_a_scenario_that_names_no_calibration_is_refused(tmp_path: Path, file: str) -> None:
    path = scenario_file(tmp_path, f'calibration = "{file}"')
    with pytest.raises(UserError, match="mss-sandbox calibrate"):
        load_scenario(path)


def test_an_input_that_does_not_exist_is_refused_by_name(tmp_path: Path) -> None:
    path = scenario_file(tmp_path)
    calibration().write(tmp_path / "calibration.toml", {"processor.typo": 1.0})
    with pytest.raises(UserError, match=r"processor\.typo"):
        load_scenario(path)


def test_the_inputs_that_it_gives_exist() -> None:
    assert set(inputs_of(calibration())) <= set(inputs())


@pytest.mark.parametrize(
    ("keys", "steps"),
    [
        (("processor.tls_full", "processor.login", "processor.password"),
         ("tls_full", "login_totp")),
        (("processor.tls_client_certificate", "processor.login", "backends.directory.lookup"),
         ("tls_mutual", "login_certificate")),
        (("processor.imap_session",), ("look", "goodbye")),
        (("processor.login", "backends.psc.authentication"), ("ciba_request",)),
    ],
)  # fmt: skip
def test_the_parts_of_a_session_make_up_what_was_measured(
    keys: tuple[str, ...], steps: tuple[str, ...]
) -> None:
    found = inputs_of(calibration())
    total = sum(MILLISECONDS[name] for name in steps) / 1000
    assert sum(found[key] for key in keys) == pytest.approx(total, abs=1e-5)


def test_what_a_foreign_operator_does_not_offer_gives_no_input() -> None:
    whole = calibration()
    kept = {name: step for name, step in whole.steps.items() if name not in OPTIONAL}
    found = inputs_of(Calibration(MACHINE, 1, kept))
    assert found["processor.password"] == pytest.approx(0.001, abs=1e-5)
    assert not {key for key in found if key.startswith("backends.")}


def test_a_step_has_an_interval_over_its_blocks() -> None:
    found = measured([0.9, 1.0, 1.1], [1.0] * 9)
    assert found.processor == pytest.approx(1.0)
    assert found.high - found.low == pytest.approx(2 * 4.303 * 0.1 / 3**0.5, rel=1e-3)
