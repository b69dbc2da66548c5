"""The verdict says what the numbers say, whichever way they go."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.analysis.caveats import provisional
from sandbox.analysis.metrics import METRICS
from sandbox.analysis.standing import WEIGHED, leaders
from sandbox.analysis.verdict import verdict
from sandbox.decision.criteria import CRITERIA
from sandbox.space.tables import inputs
from tests.analysis.summaries import summary

SEPARATED: dict[str, tuple[list[float], list[float]]] = {
    "failure_share": ([0.001, 0.0011, 0.0012], [0.020, 0.021, 0.0215]),
    "person_wait": ([10.0, 10.1, 10.2], [12.0, 12.1, 12.3]),
    "machine_latency": ([0.10, 0.11, 0.12], [0.20, 0.21, 0.23]),
}


KNOWN = [{"key": "methods.ecps.never", "knowledge": "published"}]


def text(found: dict[str, Any], language: str = "fr") -> str:
    return "\n".join(f"{line.topic[language]} | {line.text[language]}" for line in verdict(found))


def line(found: dict[str, Any], topic: str) -> str:
    return next(each.text.fr for each in verdict(found) if each.topic.fr.startswith(topic))


@pytest.mark.parametrize("metric", SEPARATED)
@pytest.mark.parametrize("winner", ["a", "b"])
def test_a_difference_established_and_useful_names_the_better_design_first(
    metric: str, winner: str
) -> None:
    low, high = SEPARATED[metric]
    loser = "b" if winner == "a" else "a"
    found = summary({"a": {metric: low if winner == "a" else high},
                     "b": {metric: high if winner == "a" else low}}, assumptions=KNOWN)  # fmt: skip
    said = line(found, METRICS[metric].french[0].upper() + METRICS[metric].french[1:])
    assert said.index(f"Design {winner}") < said.index(f"Design {loser}")
    assert "Écart établi" in said
    assert leaders(found)[metric] == {winner}


@pytest.mark.parametrize("metric", SEPARATED)
def test_a_difference_that_rests_on_a_placeholder_is_not_called_established(metric: str) -> None:
    low, high = SEPARATED[metric]
    found = summary({"a": {metric: low}, "b": {metric: high}})
    assert "net, mais sur des valeurs provisoires" in text(found)
    assert "établi et" not in text(found)


@pytest.mark.parametrize("metric", SEPARATED)
def test_no_input_of_the_engine_that_nobody_measured_is_forgotten(metric: str) -> None:
    others = ("costs.", "incidents.", "migration.", "service.")
    forgotten = [
        key
        for key in inputs()
        if not provisional({"assumptions": [{"key": key, "knowledge": "placeholder"}]}, metric)
    ]
    assert [key for key in forgotten if not key.startswith(others)] == []


def test_a_difference_below_what_matters_is_too_close_to_decide_on() -> None:
    found = summary({"a": {"person_wait": [10.00, 10.01, 10.02]},
                     "b": {"person_wait": [10.01, 10.02, 10.03]}})  # fmt: skip
    assert "Trop proches pour décider" in text(found)
    assert "Écart établi" not in text(found)
    assert leaders(found)["person_wait"] == {"a", "b"}


def test_a_wide_difference_whose_interval_holds_zero_is_not_established() -> None:
    found = summary(
        {"a": {"person_wait": [10.0, 30.0, 12.0]}, "b": {"person_wait": [20.0, 9.0, 40.0]}}
    )
    assert "Non net malgré un écart" in line(found, "Ne départage pas")
    assert "Écart établi" not in text(found)
    assert leaders(found)["person_wait"] == {"a", "b"}


def test_a_wider_but_doubtful_gap_is_said_beside_the_established_one() -> None:
    found = summary({
        "a": {"failure_share": [0.0010, 0.0011, 0.0012]},
        "b": {"failure_share": [0.0030, 0.0031, 0.0032]},
        "c": {"failure_share": [0.0010, 0.0800, 0.0020]},
    }, assumptions=KNOWN)  # fmt: skip
    said = line(found, "Échecs")
    assert "Écart établi" in said
    assert "Non net malgré un écart" in said
    assert "Design c" in said


def test_one_replication_has_no_interval_and_says_so() -> None:
    found = summary({"a": {"person_wait": [10.0]}, "b": {"person_wait": [12.0]}})
    assert "une seule réplication : pas d'intervalle" in text(found)
    assert "observé (sans intervalle)" in line(found, "Attente")
    assert "établi et" not in text(found)
    assert "one replication only: no interval" in text(found, "en")


def test_a_reduced_scale_warns_that_queues_are_distorted() -> None:
    assert "déformées" in text(summary({"a": {}, "b": {}}, scale=0.05))
    assert "déformées" not in text(summary({"a": {}, "b": {}}, scale=1.0))


def test_who_cannot_connect_names_the_worst_design_and_its_first_causes() -> None:
    found = summary(
        {"a": {}, "b": {}},
        causes={"a": {"host_setting": 0.02}, "b": {"port_blocked": 0.09, "port_setting": 0.03}},
    )
    said = line(found, "Qui ne peut pas")
    assert said.index("Design a") < said.index("Design b")
    assert said.index("pare-feu") < said.index("régler le port")
    assert "l'hôte" not in said
    assert "Volume à migrer d'abord, alors : 6,0" in said


def test_designs_that_exclude_as_many_are_not_ranked() -> None:
    found = summary({"a": {}, "b": {}})
    assert "presque autant sous chaque design" in line(found, "Qui ne peut pas")
    assert "autant sous chaque design" in line(found, "En bref")


def test_nobody_excluded_is_said() -> None:
    found = summary({"a": {}, "b": {}}, causes={"a": {}, "b": {}})
    assert line(found, "Qui ne peut pas") == "Tous les accès peuvent se connecter."


def test_who_can_connect_is_established_only_without_placeholders() -> None:
    weak = [{"key": "products.lps-a.sni", "knowledge": "placeholder"}]
    sure = [{"key": "products.lps-a.sni", "knowledge": "measured"}]
    assert "Rien de cela n'est établi : 1 " in line(
        summary({"a": {}, "b": {}}, assumptions=weak), "En bref")  # fmt: skip
    assert "C'est établi" in line(summary({"a": {}, "b": {}}, assumptions=sure), "En bref")


def test_a_login_policy_that_changes_the_first_design_is_said_first() -> None:
    names = ["a/external", "b/external", "a/certificate-alone", "b/certificate-alone"]
    shares = dict(zip(names, (0.1, 0.2, 0.3, 0.2), strict=True))
    found = summary(
        {name: {} for name in names},
        causes={name: {"mechanism": share} for name, share in shares.items()},
        policies={name: name.split("/")[1] for name in names},
    )
    said = line(found, "En bref")
    assert said.startswith("La règle de connexion change")
    assert said.index("Règle external") < said.index("Règle certificate-alone")


@pytest.mark.parametrize(("costs", "said"), [
    ({"a": (1, 2, 3), "b": (2, 3, 4)}, "L'ordre des designs est le même"),
    ({"a": (1, 2, 9), "b": (2, 3, 4)}, "Le moins cher dépend des hypothèses"),
    ({"a": (1, 2, 3), "b": (3, 4, 9), "c": (4, 5, 6)}, "Le moins cher le reste"),
])  # fmt: skip
def test_costs_say_whether_their_order_holds(
    costs: dict[str, tuple[float, float, float]], said: str
) -> None:
    found = summary({name: {} for name in costs},
                    costs={n: tuple(1e4 * v for v in views) for n, views in costs.items()})  # type: ignore[misc]  # fmt: skip
    assert said in line(found, "Coût annuel")


def test_what_breaks_first_is_named_with_the_traffic_that_breaks_it() -> None:
    headroom = {"a": (4.0, "imap.ciba", "psc"), "b": (1.5, "imap", "connections")}
    found = summary({"a": {}, "b": {}}, headroom=headroom)
    said = line(found, "Ce qui casse d'abord")
    assert said.index("connexions simultanées (imap) : 1,5 fois") < said.index(
        "Pro Santé Connect (imap.ciba)"
    )
    assert leaders(found)["headroom"] == {"a"}


def test_designs_whose_samples_overlap_share_the_lead_in_headroom() -> None:
    headroom = {"a": (4.0, "imap", "psc"), "b": (4.2, "imap", "psc")}
    found = summary({"a": {}, "b": {}}, headroom=headroom)
    assert leaders(found)["headroom"] == {"a", "b"}


def test_the_ranking_is_as_likely_as_the_draws_say() -> None:
    drawn = {
        "recommended": "b", "draws": 2048, "designs": {"b": {"probability_best": 0.62}},
        "inputs": [], "drives": {name: [] for name in CRITERIA},
    }  # fmt: skip
    said = line(summary({"a": {}, "b": {}}, decision=drawn), "Le classement tient-il")
    assert "probabilité de 62,0" in said
    assert "2\u202f048 tirages" in said


def test_a_headline_names_the_input_that_drives_it_then_all_that_it_rests_on() -> None:
    key = "products.robot.share"
    drawn = {
        "recommended": "b", "draws": 2048, "designs": {"b": {"probability_best": 0.62}},
        "inputs": [{"key": key, "inputs": [{"key": "products.robot-a.share"}]}],
        "drives": {name: [] for name in CRITERIA} | {"cannot_connect": [{"key": key}]},
    }  # fmt: skip
    rows = [{"key": f"products.{n}.share", "knowledge": k}
            for n, k in (("robot-a", "placeholder"), ("lps-a", "published"))]  # fmt: skip
    found = verdict(summary({"a": {}, "b": {}}, decision=drawn, assumptions=rows))
    access = next(each for each in found if each.topic.en == "Who cannot connect")
    assert [link.anchor for link in access.rests] == [
        "input-products.robot-a.share", "input-products.*",
    ]  # fmt: skip
    assert access.rests[1].text.en == "products.* (1 of 2 unmeasured)"


def test_a_ranking_that_was_not_tried_is_unknown() -> None:
    assert "on ne sait pas" in line(summary({"a": {}, "b": {}}), "Le classement tient-il")


def test_results_that_rest_on_placeholders_say_so_and_others_do_not() -> None:
    said = line(summary({"a": {}, "b": {}}), "Le classement tient-il")
    assert "les attentes (1 entrées sur 1)" in said
    assert "les coûts" not in said
    known = summary({"a": {}}, assumptions=[{"key": "costs.day_rate", "knowledge": "measured"}])
    assert "Toutes les entrées sont publiées" in text(known)


def test_a_single_design_is_not_ranked() -> None:
    found = summary({"a": {}}, headroom={"a": (1.2, "imap", "psc")})
    said = text(found)
    assert "rien à comparer" in said
    assert "1,2 fois le trafic" in said
    assert "on ne sait pas" not in said


def test_a_metric_that_nobody_has_ranks_nobody() -> None:
    found = summary({"a": {}, "b": {}})
    for design in found["designs"].values():
        design["metrics"]["person_wait"]["mean"] = None
    for row in found["paired"]:
        if row["metric"] == "person_wait":
            row.update(difference=None, ci95=None, significant=None, matters=False)
    assert leaders(found)["person_wait"] == {"a", "b"}
    assert "attente" not in line(found, "Ne départage pas")


@pytest.mark.parametrize("count", range(len(SEPARATED) + 1))
def test_the_verdict_holds_in_ten_lines_in_both_languages(count: int) -> None:
    shown = dict(list(SEPARATED.items())[:count])
    found = summary({"a": {m: v[0] for m, v in shown.items()},
                     "b": {m: v[1] for m, v in shown.items()}})  # fmt: skip
    lines = verdict(found)
    assert len(lines) <= 10
    assert all(each.text.fr and each.text.en and each.topic.fr != "" for each in lines)
    assert not any("{" in each.text.fr + each.text.en for each in lines)


def test_every_metric_that_is_weighed_has_leaders() -> None:
    found = leaders(summary({"a": {}, "b": {}, "c": {}}))
    assert set(found) == {*WEIGHED, "headroom"}
    assert all(found.values())
