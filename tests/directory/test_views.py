"""Three views of one population: equal, or different by exactly the lag that was asked for."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.directory import (
    Bearer,
    BoxState,
    Directory,
    DomainShare,
    Feeder,
    Lag,
    PopulationSpec,
    ViewLags,
)
from sandbox.directory.extractions import correspondence
from sandbox.directory.fhir.export import write_ndjson
from sandbox.directory.fhir.systems import MAILBOX
from sandbox.directory.ldap.backend import SUBTREE, SearchBackend
from sandbox.directory.ldap.entries import MAILBOXES_DN
from sandbox.directory.ldap.filters import Equals
from sandbox.space.errors import UserError

from .support import Clock, list_red

Seen = dict[str, tuple[str, str, str]]  # address: type, person, FINESS


def through_ldap(directory: Directory) -> Seen:
    backend = SearchBackend(directory)
    page = backend.search(MAILBOXES_DN, SUBTREE, Equals("objectclass", "mssbal"), 1_000_000)
    seen = {}
    for entry in page.entries:
        values = {name: value[0] for name, value in entry.attributes}
        kind = values["mssTypeBal"]
        finess = values.get("mssFiness", "")
        seen[values["mail"]] = (kind, values.get("mssIdNatPP", ""), finess)
    return seen


def through_extraction(directory: Directory) -> Seen:
    archive = zipfile.ZipFile(io.BytesIO(b"".join(correspondence(directory).chunks())))
    [name] = archive.namelist()
    lines = archive.read(name).decode().splitlines()
    seen = {}
    for row in csv.DictReader(lines, delimiter="|", quoting=csv.QUOTE_NONE):
        finess = row["Identification Structure"] if row["Type identifiant structure"] == "1" else ""
        seen[row["Adresse BAL"]] = (row["Type de BAL"], row["Identification nationale PP"], finess)
    return seen


def resources(directory: Directory) -> Iterator[dict]:  # type: ignore[type-arg]
    file = io.StringIO()
    write_ndjson(directory, file)
    return map(json.loads, file.getvalue().splitlines())


def through_fhir(directory: Directory) -> Seen:
    everything = {f"{r['resourceType']}/{r['id']}": r for r in resources(directory)}

    def identifier(reference: str, system: str) -> str:
        found = [
            i["value"] for i in everything[reference]["identifier"] if i["system"].endswith(system)
        ]
        return found[0] if found else ""

    seen = {}
    for reference, resource in everything.items():
        person, structure = "", ""
        if resource["resourceType"] == "PractitionerRole":
            person = identifier(resource["practitioner"]["reference"], "71.4.2.1")
            structure = identifier(resource["organization"]["reference"], "finess.esante.gouv.fr")
        elif resource["resourceType"] == "Practitioner":
            person = identifier(reference, "71.4.2.1")
        else:
            structure = identifier(reference, "finess.esante.gouv.fr")
        for point in resource.get("telecom", []):
            if point["system"] != "email":
                continue
            [metadata] = [e for e in point["extension"] if e["url"] == MAILBOX]
            [kind] = [
                e["valueCodeableConcept"]["coding"][0]["code"]
                for e in metadata["extension"]
                if e["url"] == "type"
            ]
            seen[point["value"]] = (kind, person, structure)
    return seen


def agree(directory: Directory) -> Seen:
    """Check that the three views tell the same, and return it."""
    ldap, fhir = through_ldap(directory), through_fhir(directory)
    assert ldap == fhir
    # The real extraction has neither APP nor CAB.
    extracted = {a: seen for a, seen in ldap.items() if seen[0] in {"PER", "ORG"}}
    assert extracted == through_extraction(directory)
    return ldap


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(-(2**40), 2**40),
    people=st.integers(1, 60),
    extra=st.integers(0, 80),
    red=st.integers(0, 1000),
    domains=st.integers(0, 4),
    later=st.integers(-40, 40),
)
def test_any_population_is_the_same_in_the_three_views(
    seed: int, people: int, extra: int, red: int, domains: int, later: int
) -> None:
    spec = PopulationSpec(
        seed=seed,
        people=people,
        mailboxes=people + extra,
        red_list=red,
        domains=tuple(DomainShare(f"d{n}.mssante.test", 1 + n) for n in range(domains)),
    )
    with Directory.build(spec, clock=Clock(spec.instant + later * 86_400)) as built:
        agree(built)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["delete", "hide", "show", "insert"]), st.integers(0, 999)),
        min_size=1,
        max_size=8,
    )
)
def test_the_three_views_stay_the_same_whatever_is_fed(steps: list[tuple[str, int]]) -> None:
    spec = PopulationSpec(people=30, mailboxes=60, domains=(DomainShare("ch-a.mssante.test"),))
    with Directory.build(spec, clock=Clock(spec.instant)) as built:
        feeder = Feeder(built)
        for turn, (action, choice) in enumerate(steps):
            boxes = list(built.mailboxes("p.national_id IS NULL OR p.national_id GLOB '8*'"))
            box = boxes[choice % len(boxes)]
            if action == "delete":
                feeder.delete(box.address)
            elif action == "insert":
                state = BoxState(address=f"nouvelle.{turn}@ch-a.mssante.test", type=box.type.value)
                feeder.insert(Bearer.of(box), state)
            else:
                list_red(feeder, box, hidden=action == "hide")
        agree(built)


def test_no_red_listed_mailbox_is_published(directory: Directory) -> None:
    red = {box.address for box in directory.mailboxes("m.red > 0")}
    assert red
    assert not red & agree(directory).keys()


def test_what_is_published_is_all_that_lives_and_is_not_red(directory: Directory) -> None:
    expected = {box.address for box in directory.mailboxes("m.red = 0")}
    assert agree(directory).keys() == expected


def test_yesterdays_extraction_shows_what_ldap_showed_yesterday(
    fed: Directory, clock: Clock
) -> None:
    clock.seconds += 3_600 - 86_400
    before = through_extraction(fed)
    clock.seconds += 86_400 - 3_600
    [box, *_] = fed.mailboxes("m.type = 1 AND m.red = 0")
    feeder = Feeder(fed)
    feeder.delete(box.address)
    new = BoxState(address="nouvelle@ch-a.mssante.test", type="ORG")
    feeder.insert(Bearer.of(box), new)
    fed.lags = ViewLags.parse(("extraction=1d",))
    clock.seconds += 3_600
    assert through_extraction(fed).keys() == before.keys()
    assert through_ldap(fed).keys() ^ through_fhir(fed).keys() == set()
    assert new.address in through_ldap(fed)
    clock.seconds += 86_400
    assert agree(fed).keys() >= {new.address}


def test_a_deleted_mailbox_stays_listed_where_removals_lag(fed: Directory, clock: Clock) -> None:
    [box, *_] = fed.mailboxes("m.type = 0 AND m.red = 0")
    Feeder(fed).delete(box.address)
    fed.lags = ViewLags.parse(("fhir.removals=2h",))
    clock.seconds += 60
    assert box.address in through_fhir(fed)
    assert box.address not in through_ldap(fed)
    clock.seconds += 7_200
    assert box.address not in through_fhir(fed)


def test_the_name_of_a_lagging_extraction_carries_its_own_instant(fed: Directory) -> None:
    fed.lags = ViewLags(extraction=Lag(86_400, 86_400))
    assert correspondence(fed).filename == "Extraction_Correspondance_MSSante_202608250000.zip"


@given(
    creations=st.integers(0, 1000),
    removals=st.integers(0, 1000),
    created=st.integers(0, 2000),
    deleted=st.integers(0, 2000),
    red=st.integers(0, 2000),
)
def test_the_condition_in_sql_is_that_of_instants(
    creations: int, removals: int, created: int, deleted: int, red: int, directory: Directory
) -> None:
    lag = Lag(creations, removals)
    columns = f"SELECT {created} AS created, {deleted} AS deleted, {red} AS red"
    sql = f"SELECT count(*) FROM ({columns}) m WHERE {lag.condition(1500)}"
    [(count,)] = directory.connection().execute(sql).fetchall()
    by, since = 1500 - creations, 1500 - removals
    shown = created <= by and (not deleted or deleted > since) and (not red or red > since)
    assert bool(count) is shown


@pytest.mark.parametrize(
    "setting",
    ["", "extraction", "ftp=1d", "ldap.x=1d", "ldap=1", "ldap=-1d", "ldap=d", "ldap=999d"],
)
def test_a_lag_that_means_nothing_is_refused(setting: str) -> None:
    with pytest.raises(UserError, match="lag"):
        ViewLags.parse((setting,))
