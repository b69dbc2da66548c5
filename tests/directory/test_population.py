"""The fictitious population: reproducible, valid, and shaped as the published figures say."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from sandbox.directory import (
    NATIONAL,
    BoxType,
    Directory,
    DomainShare,
    PopulationSpec,
)
from sandbox.directory.draws import Draws, running_count
from sandbox.directory.population import (
    Activities,
    Domains,
    DrawnMailboxes,
    DrawnPeople,
    Structures,
    make_domains,
    make_mailboxes,
    make_people,
    make_structures,
)
from sandbox.directory.population.mailboxes import APP, CAB, ORG, PER
from sandbox.directory.tables import tables
from sandbox.space.errors import UserError
from sandbox.space.tables import operator_rows
from tests.luhn import luhn_valid

from .support import SPEC

Country = tuple[Structures, DrawnPeople, Domains, DrawnMailboxes, Activities]

EXPECTED = [
    ("899737792061", "Joseph", "Morel", "joseph.morel@ch-a.mssante.test"),
    ("899711996951", "Édouard", "Masson", "edouard.masson@medecin.mssante.test"),
    ("899786201840", "Joséphine", "Breton", "josephine.breton@ch-a.mssante.test"),
]


def content(path: Path) -> str:
    """Digest every row of a database."""
    digest = hashlib.sha256()
    with sqlite3.connect(path) as connection:
        for line in connection.iterdump():
            digest.update(line.encode())
    connection.close()
    return digest.hexdigest()


def test_one_seed_gives_the_same_people_on_every_machine(directory: Directory) -> None:
    found = directory.people(limit=3)
    assert [(p.national_id, p.given_name, p.surname, p.mail) for p in found] == EXPECTED


def test_the_draws_are_those_of_splitmix64() -> None:
    # The first outputs of the published generator, seeded with 1234567.
    words = Draws.__new__(Draws)
    words._seed = 1234567
    assert words.words("", 3).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_building_twice_gives_the_same_rows(tmp_path: Path) -> None:
    once, again = tmp_path / "once.db", tmp_path / "again.db"
    for path in (once, again):
        Directory.build(SPEC, path).close()
    assert content(once) == content(again)


def test_another_seed_gives_other_people(directory: Directory) -> None:
    other = PopulationSpec(seed=8, people=400, mailboxes=700, domains=SPEC.domains)
    with Directory.build(other) as built:
        assert {p.national_id for p in built.people()} != {
            p.national_id for p in directory.people()
        }


def test_every_identifier_ends_well(directory: Directory) -> None:
    connection = directory.connection()
    structures = connection.execute("SELECT national_id, siret FROM structure").fetchall()
    people = connection.execute("SELECT national_id FROM person").fetchall()
    lengths = {"8": 11, "0": 9, "1": 9}
    numbers = [n for (n,) in (*people, *((n,) for n, _ in structures)) if n[0] in lengths]
    bad = [n for n in numbers if len(n) != 1 + lengths[n[0]] or not luhn_valid(n[1:])]
    bad += [n for _, n in structures if len(n) != 14 or not (luhn_valid(n) and luhn_valid(n[:9]))]
    assert bad == []


def test_no_rpps_can_be_that_of_a_real_person(directory: Directory) -> None:
    rows = directory.connection().execute(
        "SELECT count(*) FROM person WHERE national_id GLOB '8*' AND national_id NOT GLOB '8997*'"
    )
    assert rows.fetchone() == (0,)


def test_everybody_holds_a_living_mailbox(directory: Directory) -> None:
    rows = directory.connection().execute(
        "SELECT count(*) FROM person WHERE id NOT IN"
        " (SELECT person FROM mailbox WHERE deleted = 0 AND type = 0 AND person IS NOT NULL)"
    )
    assert rows.fetchone() == (0,)


def test_the_number_of_living_mailboxes_is_the_one_asked_for(directory: Directory) -> None:
    assert sum(directory.stats()["mailboxes"].values()) == SPEC.mailboxes


@pytest.mark.parametrize(
    ("kind", "person", "structure"),
    [
        (BoxType.PER, True, None),
        (BoxType.CAB, True, None),
        (BoxType.ORG, False, True),
        (BoxType.APP, False, True),
    ],
)
def test_each_type_hangs_on_what_the_rules_say(
    directory: Directory, kind: BoxType, person: bool, structure: bool | None
) -> None:
    boxes = [box for box in directory.mailboxes("1") if box.type is kind]
    assert boxes
    assert all((box.person is not None) is person for box in boxes)
    if structure:
        assert all(box.structure and box.structure.finess for box in boxes)


def test_the_holders_of_an_org_mailbox_work_in_its_structure(directory: Directory) -> None:
    checked = 0
    for box in directory.mailboxes("m.type = 1"):
        for holder in directory.holders(box.address):
            places = {activity.structure for activity in directory.activities_of(holder)}
            assert box.structure is not None
            assert box.structure.id in places
            checked += 1
    assert checked > 20


def test_the_requested_domains_share_the_mailboxes_by_weight(directory: Directory) -> None:
    assert {d.name: d.mailboxes for d in directory.domains()} == {
        "medecin.mssante.test": 300,
        "ch-a.mssante.test": 300,
        "labo-b.oc.mssante.test": 100,
    }


@pytest.fixture(scope="module")
def country() -> Country:
    """The national population as columns, without writing it (domain.md §7.2, §7.3)."""
    draws = Draws(NATIONAL.seed)
    structures = make_structures(NATIONAL, draws)
    people = make_people(NATIONAL, draws, structures)
    domains = make_domains(NATIONAL, draws, structures)
    boxes, activities = make_mailboxes(NATIONAL, draws, structures, people, domains)
    return structures, people, domains, boxes, activities


def test_the_published_quantiles_of_mailboxes_per_domain_are_met(country: Country) -> None:
    size = country[2].size
    assert len(size) == 5_018
    assert [int(size[rank]) for rank in (0, 50, 501, 2_508)] == pytest.approx(
        [62_151, 1_193, 87, 4], rel=0.02
    )
    assert int((size < 10).sum()) == pytest.approx(3_234, rel=0.01)


@pytest.mark.parametrize(("domains", "share"), [(10, 0.46), (50, 0.66), (1_001, 0.958)])
def test_the_published_concentration_is_met(country: Country, domains: int, share: float) -> None:
    size = country[2].size
    assert size[:domains].sum() / size.sum() == pytest.approx(share, abs=0.005)


def test_the_domains_of_the_professions_are_at_the_operator_of_the_professions(
    country: Country,
) -> None:
    rank = [row.kind for row in operator_rows()].index("professions") + 1
    domains = country[2]
    held = {
        operator
        for operator, profession in zip(domains.operators, domains.profession, strict=True)
        if profession >= 0
    }
    assert held == {f"operateur-{rank}"}


def test_operators_hold_domains_in_the_measured_proportion(country: Country) -> None:
    counts = Counter(country[2].operators)
    largest = max(counts.values()) / len(country[2])
    assert largest == pytest.approx(2_729 / 5_364, abs=0.005)


def test_org_mailboxes_are_a_seventh(country: Country) -> None:
    boxes = country[3]
    living = boxes.kind[boxes.deleted == 0]
    shares = np.bincount(living, minlength=4) / len(living)
    assert shares[[PER, ORG, APP, CAB]] == pytest.approx([0.844, 0.149, 0.005, 0.002], abs=1e-3)


def test_professions_have_the_shares_of_the_table(country: Country) -> None:
    shares = np.bincount(country[1].profession) / len(country[1])
    expected = [p.holders / 1_000 for p in tables().professions]
    assert shares == pytest.approx(expected, abs=0.003)


def test_the_churn_of_the_last_month_is_the_measured_one(country: Country) -> None:
    boxes = country[3]
    month = NATIONAL.instant - 30 * 86_400
    assert int((boxes.deleted > month).sum()) == pytest.approx(480 * 30, rel=0.01)
    recent = int((boxes.created > NATIONAL.instant - 75 * 86_400).sum())
    assert recent == pytest.approx(25_756, rel=0.05)


def test_finess_and_rpps_are_never_given_twice(country: Country) -> None:
    structures, people = country[0], country[1]
    finess = structures.finess[structures.finess > 0]
    register = np.array([p.register for p in tables().professions])[people.profession]
    rpps = people.number[register == "RPPS"]
    assert len(np.unique(finess)) == len(finess)
    assert len(np.unique(rpps)) == len(rpps)


def test_running_count_numbers_equal_rows_in_order() -> None:
    first = np.array([1, 2, 1, 1, 2])
    second = np.array([5, 5, 5, 6, 5])
    assert running_count(first, second).tolist() == [0, 0, 1, 0, 1]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"people": 0}, "people: 0"),
        ({"people": 10, "mailboxes": 9}, "mailboxes: 9"),
        ({"red_list": 1001}, "red_list"),
        ({"domains": (DomainShare("a.test"), DomainShare("a.test"))}, "twice"),
    ],
)
def test_a_wrong_description_is_refused_in_one_line(fault: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        PopulationSpec(**fault)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "Ch-A.test", "no_dot", "-a.test", "a..test", "a.test;"])
def test_a_name_that_is_not_a_domain_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="domain"):
        DomainShare(name)


@pytest.mark.parametrize(("people", "mailboxes"), [(1, 1), (2, 3), (17, 40), (60, 60)])
def test_very_small_populations_are_whole_too(people: int, mailboxes: int) -> None:
    with Directory.build(PopulationSpec(people=people, mailboxes=mailboxes)) as built:
        assert sum(built.stats()["mailboxes"].values()) == mailboxes


def test_the_database_is_readable_by_its_owner_alone(database: Path) -> None:
    assert database.stat().st_mode & 0o077 == 0


def test_an_existing_file_is_never_overwritten(database: Path) -> None:
    with pytest.raises(UserError, match="exists already"):
        Directory.build(SPEC, database)


def test_an_interrupted_build_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_unused: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sandbox.directory.build._holders", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Directory.build(SPEC, tmp_path / "a.db")
    assert list(tmp_path.iterdir()) == []


def test_a_small_population_has_mailboxes_of_every_type() -> None:
    with Directory.build(PopulationSpec(people=40, mailboxes=60)) as built:
        assert set(built.stats()["mailboxes"]) == {"PER", "ORG", "APP", "CAB"}
