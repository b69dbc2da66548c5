"""The rules of feeding: each one refuses what it forbids, whatever the door."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

import pytest

from sandbox.directory import (
    RULES,
    Bearer,
    BoxState,
    BoxType,
    Directory,
    Feeder,
    Mailbox,
    RefusalError,
)
from sandbox.space.addresses import RESERVED

from .support import Clock, list_red


def first(directory: Directory, condition: str) -> Mailbox:
    return next(directory.mailboxes(condition, order="m.id"))


def state(address: str, kind: str, **more: object) -> BoxState:
    return BoxState(address=address, type=kind, **more)  # type: ignore[arg-type]


def org(directory: Directory) -> Bearer:
    return Bearer.of(first(directory, "m.type = 1"))


def doctor(directory: Directory) -> Bearer:
    [person] = directory.people(profession="10", limit=1)
    return Bearer("Practitioner", person.id)


def reserved(name: str, directory: Directory) -> None:
    Feeder(directory).insert(org(directory), state(f"{name}@ch-a.mssante.test", "ORG"))


def rename(directory: Directory) -> None:
    box = first(directory, "m.type = 1")
    new = state("autre@ch-a.mssante.test", "ORG")
    Feeder(directory).change(Bearer.of(box), [lambda w: w.update(box.address, new)])


def retype(directory: Directory) -> None:
    box = first(directory, "m.type = 1")
    new = state(box.address, "APP")
    Feeder(directory).change(Bearer.of(box), [lambda w: w.update(box.address, new)])


def twice(directory: Directory) -> None:
    taken = first(directory, "m.type = 0").address
    Feeder(directory).insert(org(directory), state(taken, "ORG"))


def reborn_elsewhere(directory: Directory) -> None:
    gone = next(directory.mailboxes("m.deleted > 0 AND m.type = 0", deleted=True))
    Feeder(directory).insert(org(directory), state(gone.address, "ORG"))


def adeli(directory: Directory) -> None:
    row = directory.connection().execute(
        "SELECT id FROM person WHERE national_id GLOB '0*' LIMIT 1"
    )
    bearer = Bearer("Practitioner", row.fetchone()[0])
    Feeder(directory).insert(bearer, state("a.b@ch-a.mssante.test", "PER"))


def practice(directory: Directory) -> None:
    row = directory.connection().execute(
        "SELECT id FROM structure WHERE national_id GLOB '3*' LIMIT 1"
    )
    bearer = Bearer("Organization", row.fetchone()[0])
    Feeder(directory).insert(bearer, state("a.b@ch-a.mssante.test", "ORG"))


def withdrawn(directory: Directory) -> None:
    bearer = org(directory)
    Feeder(directory).remove_domain("ch-a.mssante.test")
    Feeder(directory).insert(bearer, state("a.b@ch-a.mssante.test", "ORG"))


BREACHES: list[tuple[str, Callable[[Directory], object]]] = [
    ("address-immutable", rename),
    ("type-immutable", retype),
    ("address-unique", twice),
    ("address-unique", reborn_elsewhere),
    ("person-for-per-cab", adeli),
    ("person-for-per-cab", lambda d: Feeder(d).insert(org(d), state("a@ch-a.mssante.test", "PER"))),
    ("person-for-per-cab", lambda d: Feeder(d).insert(org(d), state("a@ch-a.mssante.test", "CAB"))),
    (
        "structure-for-org-app",
        lambda d: Feeder(d).insert(doctor(d), state("a.b@ch-a.mssante.test", "ORG")),
    ),
    ("structure-for-org-app", practice),
    ("address-form", lambda d: Feeder(d).insert(org(d), state("A.B@ch-a.mssante.test", "ORG"))),
    ("address-form", lambda d: Feeder(d).insert(org(d), state("a.b@elsewhere.test", "ORG"))),
    ("domain-in-force", withdrawn),
    ("domain-in-force", lambda d: Feeder(d).remove_domain("elsewhere.test")),
    (
        "own-domain",
        lambda d: Feeder(d, "operateur-a").insert(org(d), state("a.b@ch-a.mssante.test", "ORG")),
    ),
    *(("address-reserved", partial(reserved, name)) for name in sorted(RESERVED)),
    ("own-domain", lambda d: Feeder(d).add_domain("ch-a.mssante.test", "operateur-a")),
    (
        "rank-positive",
        lambda d: Feeder(d).insert(org(d), state("a.b@ch-a.mssante.test", "ORG", rank=0)),
    ),
    (
        "text-length",
        lambda d: Feeder(d).insert(
            org(d), state("a.b@ch-a.mssante.test", "ORG", description="x" * 501)
        ),
    ),
    ("mailbox-exists", lambda d: Feeder(d).delete("a.b@ch-a.mssante.test")),
    (
        "bearer-exists",
        lambda d: Feeder(d).insert(
            Bearer("Organization", 10**6), state("a.b@ch-a.mssante.test", "ORG")
        ),
    ),
]


@pytest.mark.parametrize(("rule", "breach"), BREACHES, ids=[rule for rule, _ in BREACHES])
def test_a_rule_refuses_what_it_forbids_and_nothing_changes(
    fed: Directory, rule: str, breach: Callable[[Directory], object]
) -> None:
    with pytest.raises(RefusalError) as caught:
        breach(fed)
    assert caught.value.rule.id == rule
    assert RULES[rule].text in str(caught.value)
    assert fed.mailbox("a.b@ch-a.mssante.test") is None


def test_every_rule_is_tried() -> None:
    assert {rule for rule, _ in BREACHES} == set(RULES)


def test_a_new_mailbox_is_found_by_its_address_and_its_bearer(fed: Directory) -> None:
    bearer = doctor(fed)
    Feeder(fed).insert(bearer, state("nouvelle.adresse@ch-a.mssante.test", "PER", rank=2))
    box = fed.mailbox("nouvelle.adresse@ch-a.mssante.test")
    assert box is not None
    assert (box.type, box.rank, Bearer.of(box)) == (BoxType.PER, 2, bearer)


def test_a_mailbox_that_was_deleted_can_come_back_to_its_bearer(fed: Directory) -> None:
    box = first(fed, "m.type = 1")
    feeder = Feeder(fed)
    feeder.delete(box.address)
    assert fed.mailbox(box.address) is None
    feeder.insert(Bearer.of(box), state(box.address, "ORG"))
    again = fed.mailbox(box.address)
    assert again is not None
    assert again.id == box.id


def test_a_group_of_changes_is_applied_whole_or_not_at_all(fed: Directory) -> None:
    box = first(fed, "m.type = 1")
    with pytest.raises(RefusalError):
        Feeder(fed).change(
            Bearer.of(box),
            [lambda w: w.delete(box.address), lambda w: w.delete("unknown@ch-a.mssante.test")],
        )
    assert fed.mailbox(box.address) == box


def test_the_withdrawal_of_a_domain_removes_all_its_mailboxes(fed: Directory) -> None:
    before = len(list(fed.mailboxes("d.name = 'labo-b.oc.mssante.test'")))
    assert Feeder(fed).remove_domain("labo-b.oc.mssante.test") == before > 0
    assert list(fed.mailboxes("d.name = 'labo-b.oc.mssante.test'")) == []


def test_a_withdrawn_domain_can_come_back_empty(fed: Directory) -> None:
    feeder = Feeder(fed)
    feeder.remove_domain("labo-b.oc.mssante.test")
    feeder.add_domain("labo-b.oc.mssante.test", "operateur-a")
    [domain] = [d for d in fed.domains() if d.name == "labo-b.oc.mssante.test"]
    assert (domain.operator, domain.removed, domain.mailboxes) == ("operateur-a", 0, 0)


def test_a_domain_moves_with_its_mailboxes(fed: Directory) -> None:
    before = list(fed.mailboxes("d.name = 'labo-b.oc.mssante.test'"))
    assert Feeder(fed).move_domain("labo-b.oc.mssante.test", "operateur-c") != "operateur-c"
    [domain] = [d for d in fed.domains() if d.name == "labo-b.oc.mssante.test"]
    assert domain.operator == "operateur-c"
    assert list(fed.mailboxes("d.name = 'labo-b.oc.mssante.test'")) == before


def test_who_is_struck_off_opens_nothing_and_keeps_the_mailbox(fed: Directory) -> None:
    box = first(fed, "m.type = 0 AND m.person IS NOT NULL")
    assert box.person is not None
    feeder = Feeder(fed)
    assert box in feeder.note_departure(box.person.national_id, "struck-off")
    assert fed.holders(box.address) == []
    assert fed.mailbox(box.address) == box
    assert fed.gone_of(box) == [(box.person, "struck-off")]
    feeder.note_departure(box.person.national_id)
    assert fed.holders(box.address) == [box.person]


def test_each_change_is_a_version_with_its_author(fed: Directory, clock: Clock) -> None:
    box = first(fed, "m.type = 1 AND m.domain = 2")
    bearer = Bearer.of(box)
    feeder = Feeder(fed, "operateur-b")
    clock.seconds += 10
    assert list_red(feeder, box, hidden=True) == 2
    clock.seconds += 10
    assert feeder.delete(box.address) == 3
    rows = fed.connection().execute(
        "SELECT version, actor, change FROM history WHERE bearer = ? ORDER BY version",
        (f"{bearer.kind}/{bearer.id}",),
    )
    history = [
        (version, actor, [s["red_list"] for s in json.loads(change) if s["address"] == box.address])
        for version, actor, change in rows.fetchall()
    ]
    assert history == [
        (1, "sandbox", [False]),
        (2, "operateur-b", [True]),
        (3, "operateur-b", []),
    ]


def test_holders_of_a_shared_mailbox_are_named_by_its_feeder(directory: Directory) -> None:
    box = first(directory, "m.type = 1")
    people = directory.people(limit=2)
    Feeder(directory).name_holders(box.address, people)
    assert {p.id for p in directory.holders(box.address)} == {p.id for p in people}
    Feeder(directory).name_holders(box.address, people[:1])
    assert [p.id for p in directory.holders(box.address)] == [people[0].id]


def test_only_a_shared_mailbox_has_named_holders(directory: Directory) -> None:
    for address in (first(directory, "m.type = 0").address, "nobody@ch-a.mssante.test"):
        with pytest.raises(RefusalError, match="not an ORG mailbox"):
            Feeder(directory).name_holders(address, [])
