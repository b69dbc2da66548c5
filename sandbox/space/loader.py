"""From a TOML file, laid over the sourced defaults, to a checked scenario."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sandbox.space.calendar import DayKind, day_kinds
from sandbox.space.errors import UserError
from sandbox.space.operators import default_operators, operator_sizes
from sandbox.space.reading import read_toml, refusal
from sandbox.space.scenario import Scenario, SweepTable
from sandbox.space.tables import Tree, defaults, inputs, shipped, week

__all__ = [
    "find_scenario",
    "given_keys",
    "json_schema",
    "load_scenario",
    "parse_scenario",
    "scenario_names",
    "with_inputs",
]


WEEK = 7  # days


def scenario_names() -> list[str]:
    """Return the names of the shipped scenarios."""
    return sorted(path.stem for path in shipped("scenarios").glob("*.toml"))


def find_scenario(name: str | Path) -> Path:
    """Return the file of a scenario: a path, or the name of a shipped one.

    Raises:
        UserError: neither.
    """
    path = Path(name)
    if path.is_file():
        return path
    inside = shipped("scenarios") / f"{name}.toml"
    if inside.is_file():
        return inside
    raise UserError.among(
        "ni un fichier, ni un scénario livré",
        "no such file, and no shipped scenario of that name",
        f"scenario {str(name)!r}",
        scenario_names(),
    )


def _merge(base: Tree, over: Mapping[str, Any]) -> Tree:
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        else:
            base[key] = deepcopy(value)
    return base


def base_tree() -> Tree:
    """Return what a scenario holds before its file is read."""
    return defaults() | {"operators": default_operators()}


def parse_scenario(tree: Mapping[str, Any], where: str) -> Scenario:
    """Check a scenario given as a tree (what a TOML file holds).

    Raises:
        UserError: one line with the file, the key, the value and what is allowed.
    """
    base = base_tree()
    own = tree.get("operators")
    if isinstance(own, Mapping) and "mailboxes" in own:
        del base["operators"]  # a scenario with operators of its own has no others
    if isinstance(calibrated := tree.get("calibration"), Mapping):
        _calibrate(base, calibrated, where)
    merged = _merge(base, tree)
    try:
        scenario = Scenario.model_validate(merged)
    except ValidationError as error:
        raise refusal(error, Scenario).at(where) from None
    _check(scenario, merged, where)
    return scenario


def _check(scenario: Scenario, tree: Tree, where: str) -> None:
    """Check what one value alone cannot tell."""
    for name in scenario.populations:
        if name not in week():
            raise UserError(
                "aucun profil de semaine dans data/week.csv ; connus",
                "no weekly shape in data/week.csv; known",
                where=f"{where}: populations.{name}",
                then=", ".join(week()),
            )
    for name in scenario.compare:
        try:
            scenario.design(name)
        except UserError as error:
            raise error.at(f"{where}: compare") from None
    try:
        for own in scenario.login_policies:
            scenario.policy(own)
        policy = scenario.policy()
        for name in scenario.compare:
            policy.check(scenario.design(name))
        operator_sizes(scenario)
    except UserError as error:
        raise error.at(where) from None
    if scenario.traffic.messages > 0 and not _has_working_day(scenario):
        raise UserError(
            f"aucun jour ouvré du {scenario.period.start} à {scenario.period.days} "
            "jour(s) plus tard ; choisir des jours qui en ont",
            f"no working day between {scenario.period.start} and "
            f"{scenario.period.days} day(s) later; choose days that have one",
            where=f"{where}: period",
        )
    if scenario.sweep:
        _check_sweep(scenario, scenario.sweep, tree, where)


def _has_working_day(scenario: Scenario) -> bool:
    """Every week has one; looking it up loads the holidays of every country."""
    start, days = scenario.period.start, scenario.period.days
    return days >= WEEK or bool((day_kinds(start, days) == DayKind.WORKING).any())


def _check_sweep(scenario: Scenario, sweep: SweepTable, tree: Tree, where: str) -> None:
    """Refuse now a value that would be refused after hours of work."""
    if not isinstance(_lookup(tree, sweep.key), int | float):
        raise UserError(
            "ce n'est pas un nombre du scénario",
            "not a number of the scenario",
            where=f"{where}: sweep: {sweep.key!r}",
        )
    single = scenario.model_copy(update={"sweep": None})
    for value in sweep.values:
        _changed(single, {sweep.key: value}, f"{where}: sweep")


def _lookup(tree: Tree, key: str) -> object:
    node: object = tree
    for part in key.split("."):
        node = node.get(part) if isinstance(node, dict) else None
    return node


def load_scenario(name: str | Path) -> Scenario:
    """Load a scenario: a file, or the name of a shipped one.

    Raises:
        UserError: no such file, not TOML, or a value that is not allowed.
    """
    path = find_scenario(name)
    tree: Tree = {"name": path.stem} | read_toml(path)
    if isinstance(file := tree.get("calibration"), str):
        tree["calibration"] = _calibration(path.parent / file, f"{path}: calibration")
    return parse_scenario(tree, str(path))


def _calibration(path: Path, where: str) -> Tree:
    """Return what a scenario keeps of a file of `mss-sandbox calibrate`.

    Raises:
        UserError: there is none, or it is another file.
    """
    try:
        found = read_toml(path) if path.is_file() else {}
        machine, costs = found["machine"], dict(found["inputs"])
        words = (machine["processor"], f"Python {machine['python']}", machine["date"])
    except (KeyError, TypeError, ValueError):
        raise UserError(
            "pas de calibration ici ; en faire une avec", "no calibration there; make one with",
            where=f"{where}: {path}", then=f"mss-sandbox calibrate --out {path}",
        ) from None  # fmt: skip
    return {"machine": ", ".join(map(str, words)), "inputs": costs}


def _calibrate(base: Tree, calibrated: Mapping[str, Any], where: str) -> None:
    """Lay measured inputs over the sourced ones."""
    costs = calibrated.get("inputs")
    for key, value in costs.items() if isinstance(costs, Mapping) else ():
        if not isinstance(_lookup(base, key), int | float):
            raise UserError("paramètre inconnu", "no such input", where=f"{where}: {key!r}")
        *path, leaf = key.split(".")
        node: Any = base
        for part in path:
            node = node[part]
        node[leaf] = value


def with_inputs(scenario: Scenario, changes: Mapping[str, float | str]) -> Scenario:
    """Return the scenario with some inputs changed, by dotted key.

    Shares that must sum to 1 keep doing so: the others of the same family give way.

    Raises:
        UserError: a key that does not exist, or a value that is not allowed.
    """
    return _changed(scenario, changes, scenario.name)


def _changed(scenario: Scenario, changes: Mapping[str, float | str], where: str) -> Scenario:
    tree = scenario.model_dump(mode="json")
    for key, value in changes.items():
        *path, leaf = key.split(".")
        node: Any = tree
        for part in path:
            node = node.get(part) if isinstance(node, dict) else None
        if not isinstance(node, dict) or leaf not in node:
            raise UserError("paramètre inconnu", "no such input", where=f"{where}: {key!r}")
        node[leaf] = value
        _rebalance(tree, path, leaf)
    return parse_scenario(tree, where)


def _rebalance(tree: Tree, path: list[str], leaf: str) -> None:
    """Let the other shares of a family share what `leaf` leaves."""
    if len(path) != 2 or path[0] not in {"populations", "products"}:
        return
    if path[0] == "products":
        kind = tree["products"][path[1]]["kind"]
        mine = [each for each in tree["products"].values() if each["kind"] == kind]
        family = [(each, leaf) for each in mine] if leaf == "share" else []
    elif leaf == "message_share":
        family = [(tree["populations"][name], leaf) for name in tree["populations"]]
    elif leaf.startswith(("method_", "software_")):
        people = tree["populations"][path[1]]
        prefix = leaf.split("_")[0] + "_"
        family = [(people, key) for key in people if key.startswith(prefix)]
    else:
        return
    if not family:
        return
    chosen = tree[path[0]][path[1]]
    others = [(node, key) for node, key in family if not (node is chosen and key == leaf)]
    rest, given = 1.0 - chosen[leaf], sum(node[key] for node, key in others)
    for node, key in others:
        node[key] = node[key] / given * rest if given > 0 else rest / len(others)


def given_keys(name: str | Path) -> set[str]:
    """Return the dotted keys that the scenario's own file sets."""

    def walk(node: Mapping[str, Any], prefix: str) -> Iterator[str]:
        for key, value in node.items():
            if isinstance(value, Mapping):
                yield from walk(value, f"{prefix}{key}.")
            else:
                yield prefix + key

    return set(walk(read_toml(find_scenario(name)), ""))


def json_schema() -> Tree:
    """Return the JSON Schema of a scenario file, for editors: defaults, ranges, sources.

    Nothing that has a default is required.
    """
    schema: Tree = Scenario.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "mssante-sandbox scenario"

    def optional(node: object) -> None:
        if isinstance(node, dict):
            node.pop("required", None)
            for child in node.values():
                optional(child)
        elif isinstance(node, list):
            for child in node:
                optional(child)

    optional(schema)
    for table in (
        "DesignTable", "EndpointTable", "LoginPolicyTable", "OperatorFit", "Outage", "Plan",
        "SweepTable", "Wave",
    ):  # fmt: skip
        schema["$defs"][table]["required"] = [
            key for key in schema["$defs"][table]["properties"] if key not in {"labels", "retire"}
        ]
    schema["properties"]["calibration"] = {
        "type": "string", "description": "file of mss-sandbox calibrate, beside the scenario",
    }  # fmt: skip
    schema["required"] = ["title", "title_en", "period", "compare"]
    schema["x-inputs"] = {
        key: {"default": row.value, "low": row.low, "high": row.high, "unit": row.unit,
              "knowledge": row.knowledge, "source": row.source.title}
        for key, row in inputs().items()
    }  # fmt: skip
    return schema
