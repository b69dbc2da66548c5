"""The cast: one population for directory, cards, telephones and mailboxes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.directory import BoxType, Directory
from sandbox.live.cast import CastAccount, cast_of, open_directory
from sandbox.live.plan import SpacePlan
from sandbox.psc.from_directory import DirectoryPeople
from sandbox.space.methods import Method


@pytest.fixture(scope="module")
def directory(plan: SpacePlan, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    found = open_directory(tmp_path_factory.mktemp("cast") / "annuaire.db", plan, 1)
    yield found
    found.close()


@pytest.fixture(scope="module")
def cast(directory: Directory, plan: SpacePlan) -> tuple[CastAccount, ...]:
    return cast_of(directory, plan, 1)


def test_each_operator_has_people_a_shared_mailbox_and_an_application(
    plan: SpacePlan, cast: tuple[CastAccount, ...]
) -> None:
    kinds = [BoxType.PER] * 4 + [BoxType.ORG, BoxType.APP]
    for operator in plan.operators:
        assert [each.type for each in cast if each.operator == operator.label] == kinds


@pytest.mark.parametrize("page", ["README.md", "README.fr.md"])
def test_the_people_of_the_quick_start_are_there(cast: tuple[CastAccount, ...], page: str) -> None:
    text = (Path(__file__).parents[2] / page).read_text("utf-8")
    named = set(re.findall(r"[\w.-]+@op001\.mssante\.test", text))
    assert len(named) == 2
    assert named <= {each.address for each in cast}


def test_every_method_is_somebody_s_at_every_operator(
    plan: SpacePlan, cast: tuple[CastAccount, ...]
) -> None:
    for operator in plan.operators:
        used = {
            method
            for account in cast
            if account.operator == operator.label
            for holder in account.holders
            for method in holder.methods
        }
        assert used == set(Method)


def test_a_shared_mailbox_has_two_named_holders(cast: tuple[CastAccount, ...]) -> None:
    for account in cast:
        if account.type is BoxType.ORG:
            one, two = account.holders
            assert one.identity != two.identity
            assert one.username == f"{account.address}*{one.identity}"


def test_holders_are_those_of_the_directory(
    directory: Directory, cast: tuple[CastAccount, ...]
) -> None:
    for account in cast:
        holders = {each.national_id for each in directory.holders(account.address)}
        if account.type is BoxType.APP:
            structure = directory.structure_of(account.address)
            assert structure is not None
            holders = {structure.national_id}
        assert {each.identity for each in account.holders} == holders


def test_the_telephone_is_the_one_that_pro_sante_connect_rings(
    directory: Directory, cast: tuple[CastAccount, ...]
) -> None:
    people = DirectoryPeople(directory)
    for account in cast:
        for holder in account.holders:
            if holder.phone:
                person = people.find(holder.identity)
                assert person is not None
                assert person.phone_number == holder.phone


def test_the_same_seed_casts_the_same_people_and_another_seed_others(
    plan: SpacePlan, cast: tuple[CastAccount, ...], tmp_path: Path
) -> None:
    casts = []
    for seed in (1, 2):
        with open_directory(tmp_path / f"{seed}.db", plan, seed) as directory:
            casts.append(cast_of(directory, plan, seed))
    assert casts[0] == cast
    assert casts[1] != cast


def test_no_two_secrets_are_alike(cast: tuple[CastAccount, ...]) -> None:
    secrets = [
        secret
        for account in cast
        for holder in account.holders
        for secret in (holder.password, holder.totp)
        if secret
    ]
    assert len(set(secrets)) == len(secrets)


def test_a_build_that_was_killed_leaves_no_half_directory(plan: SpacePlan, tmp_path: Path) -> None:
    half = tmp_path / "annuaire.db.building"
    half.mkdir()
    (half / "annuaire.db").write_bytes(b"half")
    with open_directory(tmp_path / "annuaire.db", plan, 1) as directory:
        assert len(cast_of(directory, plan, 1)) == 6 * len(plan.operators)
    assert {each.name for each in tmp_path.iterdir()} == {"annuaire.db", "annuaire.db.search"}
