"""One call compares the designs of a scenario, and its summary keeps its keys."""

from __future__ import annotations

import gc
import json
import math
from pathlib import Path
from typing import Any

import pytest

from sandbox.analysis import comparison
from sandbox.analysis.comparison import Comparison
from sandbox.analysis.metrics import COMPARED, METRICS
from sandbox.analysis.result import compare
from sandbox.analysis.summary import write_summary
from sandbox.observations.schema import Cause
from sandbox.space.compatibility import can_connect
from sandbox.space.errors import UserError
from sandbox.space.loader import parse_scenario
from sandbox.space.methods import Method
from sandbox.space.population import ROBOT, build_space
from tests.simulation.small import BASE, small_scenario, tree_of

SCALE = 0.1
pytestmark = pytest.mark.usefixtures("one_sample")
DESIGNS = ("single-endpoint", "multi-endpoint", "multi-port", "multi-endpoint-sni", "api-lps-2023")


@pytest.fixture(scope="module")
def demo(one_sample: None, tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return compare(
        "demo", out=tmp_path_factory.mktemp("demo"), replications=2, scale=SCALE, workers=1,
        decision=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def summary(demo: Comparison) -> dict[str, Any]:
    written = json.loads(write_summary(demo, demo.folder).read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(demo.summary))
    return dict(written)


def test_the_summary_has_the_keys_of_the_brief(summary: dict[str, Any]) -> None:
    assert set(summary) >= {
        "scenario", "seed", "engine", "messages", "sessions", "wall_seconds", "peak_rss_bytes",
        "designs", "paired", "assumptions",
    }  # fmt: skip
    assert tuple(summary["designs"]) == DESIGNS
    assert (summary["scenario"], summary["seed"], summary["engine"]) == ("demo", 1, "fast")
    assert summary["replications"] == 2


@pytest.mark.parametrize("design", DESIGNS)
def test_a_design_in_the_summary_has_the_keys_of_the_brief(
    summary: dict[str, Any], design: str
) -> None:
    found = summary["designs"][design]
    assert set(found) >= {
        "certificates", "dns_records", "public_addresses", "firewall_openings",
        "auth_latency_seconds", "failures", "endpoints",
    }  # fmt: skip
    assert set(found["auth_latency_seconds"]) == {str(method) for method in Method}
    for measures in found["auth_latency_seconds"].values():
        assert set(measures) == {"machine", "user"}
        for quantiles in measures.values():
            assert set(quantiles) == {"p50", "p95", "p99", "mean", "ci95"}
    assert set(found["failures"]) <= {cause.name.lower() for cause in Cause}
    assert sum(found["failures"].values()) <= 1
    for endpoint in found["endpoints"].values():
        assert set(endpoint) >= {
            "sessions", "peak_per_second", "peak_connections", "utilisation_peak"
        }  # fmt: skip


def test_quantiles_rise_and_the_interval_holds_the_mean(summary: dict[str, Any]) -> None:
    for design in summary["designs"].values():
        for measures in design["auth_latency_seconds"].values():
            for found in measures.values():
                if found["p50"] is not None:
                    assert found["p50"] <= found["p95"] <= found["p99"]
                    low, high = found["ci95"]
                    assert low <= found["mean"] <= high


def test_robots_have_no_person_who_waits(summary: dict[str, Any]) -> None:
    for design in summary["designs"].values():
        assert design["auth_latency_seconds"]["certificat"]["user"]["mean"] is None
        assert design["auth_latency_seconds"]["certificat"]["machine"]["mean"] > 0


def test_messages_are_those_of_the_scenario_that_can_be_sent(
    demo: Comparison, summary: dict[str, Any]
) -> None:
    """Four standard deviations of the mean of two replications, batches and dispersion included."""
    expected = 0.0
    for replication in range(2):
        space = build_space(demo.scenario, seed=1, scale=SCALE, replication=replication)
        kept = can_connect(space, [(c.design, c.policy) for c in demo.candidates.values()])
        for number, people in enumerate(demo.scenario.populations.values()):
            for machine in (False, True):
                part = people.machine_share if machine else 1 - people.machine_share
                mine = (space.accesses.population == number) & (
                    (space.accesses.software == ROBOT) == machine
                )
                if mine.any():
                    expected += people.message_share * part * kept[mine].mean() / 2
    expected *= 27_000 * SCALE
    # A geometric batch of mean b has E[B^2] / E[B] = 2 b - 1; occasions are overdispersed.
    traffic = demo.scenario.traffic
    spread = (2 * traffic.batch - 1) + (traffic.dispersion - 1) * traffic.batch
    assert abs(summary["messages"] - expected) < 4 * math.sqrt(spread * expected / 2)
    assert summary["sessions"] > summary["messages"]


def test_every_design_sends_the_same_messages(demo: Comparison) -> None:
    for replication in range(2):
        sent = {
            int(runs[replication].tables["sessions"].query("protocol == 'smtp'")["sessions"].sum())
            for runs in demo.runs.values()
        }
        assert len(sent) == 1


def test_every_pair_is_judged_under_every_metric(summary: dict[str, Any]) -> None:
    pairs = {(row["metric"], row["first"], row["second"]) for row in summary["paired"]}
    assert len(pairs) == len(summary["paired"]) == len(METRICS) * 10
    for row in summary["paired"]:
        low, high = row["ci95"]
        assert low <= row["difference"] <= high
        assert row["significant"] is (not low <= 0 <= high or low == high != 0)


def test_every_assumption_has_its_source_and_state_of_knowledge(summary: dict[str, Any]) -> None:
    for row in summary["assumptions"]:
        assert set(row) == {
            "key", "value", "default", "low", "high", "unit", "knowledge", "source", "url", "note"
        }  # fmt: skip
        assert row["source"]
    by_key = {row["key"]: row for row in summary["assumptions"]}
    assert by_key["policies.ciba_interval"]["knowledge"] == "published"
    assert by_key["populations.liberal.units"]["knowledge"] == "scenario"  # set by demo.toml
    assert by_key["populations.liberal.units"]["value"] == 3900


def test_the_frame_and_the_table_hold_every_metric(demo: Comparison) -> None:
    assert set(demo.frame.columns) == {"design", "replication", "metric", "value"}
    assert len(demo.frame) == len(DESIGNS) * 2 * len(METRICS)
    assert list(demo.table.columns) == list(DESIGNS)
    assert set(demo.table.index) == set(METRICS)


def test_the_same_call_gives_the_same_figures_from_what_is_kept(demo: Comparison) -> None:
    again = compare("demo", out=demo.folder, replications=2, scale=SCALE, workers=1, decision=False)
    assert again.frame.equals(demo.frame)


def test_who_cannot_connect_is_computed_under_one_rule_for_all(demo: Comparison) -> None:
    stopped = {name: set(who.whole.by_cause) for name, who in demo.compatibility.items()}
    everywhere = {"mechanism"}  # EXTERNAL is asked of cards and robots in every design
    assert stopped == {
        "single-endpoint": everywhere | {"certificate_request"},
        "multi-endpoint": everywhere | {"host_setting"},
        "multi-port": everywhere | {"port_setting", "port_blocked"},
        "multi-endpoint-sni": everywhere | {"host_setting", "server_name"},
        "api-lps-2023": everywhere,
    }


def test_every_design_runs_the_same_accesses(demo: Comparison) -> None:
    """Those that can connect under all of them: nobody's absence makes a design look quick."""
    for replication in range(2):
        counts = {runs[replication].about["accesses"] for runs in demo.runs.values()}
        assert len(counts) == 1
        assert 0 < counts.pop() < len(demo.space.accesses)


def test_who_can_connect_is_in_the_summary_part_by_part(summary: dict[str, Any]) -> None:
    for design in summary["designs"].values():
        found = design["compatibility"]
        assert set(found) == {
            "accesses", "webmail", "cannot_connect", "by_cause", "by_product", "by_population",
            "by_method", "volume_to_migrate",
        }  # fmt: skip
        assert set(design["metrics"]) == set(METRICS)
        assert sum(found["by_cause"].values()) == pytest.approx(found["cannot_connect"], abs=1e-6)
        for parts in ("by_product", "by_population", "by_method"):
            out = sum(p["accesses"] * p["cannot_connect"] for p in found[parts].values())
            assert out == pytest.approx(found["volume_to_migrate"]["accesses"], abs=1e-3)
        volume = found["volume_to_migrate"]
        assert volume["messages"] == pytest.approx(volume["message_share"] * 27_000 * SCALE, abs=1)


def test_a_sweep_gives_a_row_for_each_value_design_and_metric() -> None:
    tree = tree_of(BASE) | {
        "sweep": {"key": "populations.liberal.port_blocked", "values": [0.0, 0.9],
                  "labels": ["none", "most"]},
        "compare": ["multi-port"],
    }  # fmt: skip
    found = compare(parse_scenario(tree, "swept"), replications=1, workers=1, decision=False)
    assert found.sweep is not None
    kept_out = found.sweep.query("metric == 'cannot_connect'").set_index("label")["result"]
    assert kept_out["none"] < kept_out["most"]
    assert len(found.sweep) == 2 * len(COMPARED)


def test_a_small_space_is_its_own_first_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "FIRST_STAGE", 3)
    monkeypatch.setattr(comparison, "_needed", lambda _metrics, _share: 4)
    found = compare(small_scenario(), workers=1, decision=False)
    assert found.first_stage is not None
    assert found.first_stage.share == 1
    assert {len(runs) for runs in found.first_stage.runs.values()} == {3}
    assert {len(runs) for runs in found.runs.values()} == {4}


def test_samples_of_a_large_space_say_how_many_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "FIRST_STAGE", 3)
    monkeypatch.setattr(comparison, "FIRST_ACCESSES", 25)
    monkeypatch.setattr(comparison, "_needed", lambda _metrics, _share: 1)
    found = compare(small_scenario(), workers=1, decision=False)
    stage = found.first_stage
    assert stage is not None
    assert stage.share == pytest.approx(25 / len(found.space.accesses))
    assert {run.about["replication"] for runs in stage.runs.values() for run in runs} == {
        comparison.FIRST_NUMBER + n for n in range(3)
    }
    assert {len(runs) for runs in found.runs.values()} == {1}
    summary = found.summary
    assert summary["first_stage"] == {"replications": 3, "share": stage.share}
    for design in summary["designs"].values():
        low, high = design["metrics"]["machine_latency"]["ci95"]
        assert low < design["metrics"]["machine_latency"]["mean"] < high


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"designs": ("nowhere",)}, "'nowhere': .* / not known"),
        ({"replications": 0}, "replications 0: .* / must be 1 to 1000"),
        ({"speed": 3}, "speed: .* / unknown option"),
        ({"scale": 0.0}, r"scale 0\.0"),
        ({"seed": -1}, "seed -1"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        compare("demo", **options)


def test_a_temporary_folder_lives_as_long_as_the_result() -> None:
    found = compare(small_scenario(), replications=1, workers=1, decision=False)
    folder = Path(found.folder)
    assert (folder / "observations").is_dir()
    del found
    gc.collect()
    assert not folder.exists()
