"""FHIR searches: every parameter finds what it says, and what it does not know it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.directory import Directory, FhirOptions
from sandbox.directory.fhir import FhirRequest, FhirResponse, FhirService
from sandbox.directory.fhir.parameters import SEARCH
from sandbox.directory.fhir.systems import TYPE_BAL, nos
from sandbox.directory.tables import fold

Json = dict[str, Any]
SECTOR = nos("TRE_R02-SecteurActivite")


@pytest.fixture(scope="module")
def service(directory: Directory) -> FhirService:
    return FhirService(directory, FhirOptions(mailbox_type=True))


def ask(service: FhirService, kind: str, *parameters: tuple[str, str]) -> FhirResponse:
    return service.handle(FhirRequest("GET", kind, parameters))


def everything(service: FhirService, kind: str, *parameters: tuple[str, str]) -> list[Json]:
    """Follow the pages to the end."""
    found: list[Json] = []
    after = "0"
    while True:
        answer = ask(service, kind, *parameters, ("_after", after))
        assert answer.status == 200, answer.body
        entries = answer.body.get("entry", [])
        found += [e["resource"] for e in entries if e["search"]["mode"] == "match"]
        links = {link["relation"]: link["url"] for link in answer.body["link"]}
        if "next" not in links:
            return found
        after = links["next"].rpartition("_after=")[2]


def values(resource: Json, path: str) -> list[str]:
    """Return what stands at a dotted path, through lists."""
    current: list[Any] = [resource]
    for step in path.split("."):
        found = [item[step] for item in current if step in item]
        current = [x for item in found for x in (item if isinstance(item, list) else [item])]
    return [str(value) for value in current]


def test_a_page_has_fifty_resources_and_a_next_link(service: FhirService) -> None:
    answer = ask(service, "Practitioner")
    assert len(answer.body["entry"]) == 50
    assert [link["relation"] for link in answer.body["link"]] == ["self", "next"]


@pytest.mark.parametrize("kind", SEARCH)
def test_pages_give_every_resource_once(service: FhirService, kind: str) -> None:
    found = [one["id"] for one in everything(service, kind)]
    total = ask(service, kind, ("_total", "accurate"), ("_count", "0")).body["total"]
    assert len(found) == len(set(found)) == total


@pytest.mark.parametrize("kind", SEARCH)
def test_a_bundle_is_one_for_a_library_that_is_not_ours(service: FhirService, kind: str) -> None:
    body = ask(service, kind, ("_count", "20")).body
    assert Bundle.model_validate(body).entry


# Resource, parameter, path of the values, how a value is turned into a search.
EXACT = [
    ("Practitioner", "_id", "id"),
    ("Practitioner", "identifier", "identifier.value"),
    ("Practitioner", "family", "name.family"),
    ("Practitioner", "family:exact", "name.family"),
    ("Practitioner", "given", "name.given"),
    ("Practitioner", "given:exact", "name.given"),
    ("Practitioner", "name", "name.family"),
    ("Practitioner", "mailbox-mss", "telecom.value"),
    ("Practitioner", "mailbox-mss:exact", "telecom.value"),
    ("Practitioner", "mailbox-mss:contains", "telecom.value"),
    ("Practitioner", "qualification-code", "qualification.code.coding.code"),
    ("PractitionerRole", "_id", "id"),
    ("PractitionerRole", "identifier", "identifier.value"),
    ("PractitionerRole", "practitioner", "practitioner.reference"),
    ("PractitionerRole", "organization", "organization.reference"),
    ("PractitionerRole", "role", "code.coding.code"),
    ("PractitionerRole", "mailbox-mss", "telecom.value"),
    ("PractitionerRole", "mailbox-mss:contains", "telecom.value"),
    ("Organization", "_id", "id"),
    ("Organization", "identifier", "identifier.value"),
    ("Organization", "name", "name"),
    ("Organization", "name:exact", "name"),
    ("Organization", "name:contains", "name"),
    ("Organization", "address-city", "address.city"),
    ("Organization", "address-postalcode", "address.postalCode"),
    ("Organization", "partof", "partOf.reference"),
    ("Organization", "type", "type.coding.code"),
    ("Organization", "mailbox-mss:exact", "telecom.value"),
    ("Organization", "mailbox-mss:contains", "telecom.value"),
]


@pytest.mark.parametrize(("kind", "name", "path"), EXACT)
def test_a_parameter_finds_all_that_hold_the_value_and_no_other(
    service: FhirService, kind: str, name: str, path: str
) -> None:
    resources = everything(service, kind)
    known = sorted({v for one in resources for v in values(one, path) if v.strip()})
    known = [v for v in known if "mailbox" not in name or "@" in v]
    # The category of a profession is a code of qualification that the real service does not search.
    known = [v for v in known if name != "qualification-code" or v not in {"C", "M"}]
    assert known
    for value in known[:: max(1, len(known) // 5)]:
        found = {one["id"] for one in everything(service, kind, (name, value))}
        exact = {one["id"] for one in resources if value in values(one, path)}
        assert exact <= found
        if name == "name" and kind == "Practitioner":
            continue  # any part of a name: first names count too
        plain, _, modifier = name.partition(":")
        if SEARCH[kind].parameters[plain][0] == "string" and modifier != "exact":
            # A prefix or a part: what is found holds it, accents and case apart.
            texts = {one["id"]: map(fold, values(one, path)) for one in resources}
            assert all(any(fold(value) in text for text in texts[one]) for one in found)
        else:
            assert found <= exact


def test_a_system_restricts_an_identifier(service: FhirService) -> None:
    [one, *_] = everything(service, "Practitioner", ("identifier-type", "RPPS"))
    rpps = one["identifier"][1]["value"]
    assert everything(
        service, "Practitioner", ("identifier", f"https://rpps.esante.gouv.fr|{rpps}")
    )
    assert not everything(service, "Practitioner", ("identifier", f"urn:oid:9|{rpps}"))


def test_a_sector_with_its_system_and_any_mailbox_is_the_query_of_the_documentation(
    service: FhirService,
) -> None:
    found = everything(
        service, "Organization", ("type", f"{SECTOR}|SA01"), ("mailbox-mss:contains", "@")
    )
    assert found
    assert all("SA01" in values(one, "type.coding.code") for one in found)
    assert all("@" in "".join(values(one, "telecom.value")) for one in found)


def test_parameters_are_anded_and_commas_ored(service: FhirService) -> None:
    jobs = everything(service, "Practitioner", ("qualification-code", "10,60"))
    both = everything(
        service, "Practitioner", ("qualification-code", "10"), ("qualification-code", "60")
    )
    assert {v for one in jobs for v in values(one, "qualification.code.coding.code")} >= {
        "10",
        "60",
    }
    assert both == []


@pytest.mark.parametrize("kind", ["PER", "CAB", "ORG", "APP"])
def test_the_announced_type_of_mailbox_finds_its_bearers(
    service: FhirService, directory: Directory, kind: str
) -> None:
    found = [
        one
        for resource in SEARCH
        for one in everything(service, resource, ("mailbox-mss-type", f"{TYPE_BAL}|{kind}"))
    ]
    addresses = {a for one in found for a in values(one, "telecom.value") if "@" in a}
    published = {b.address for b in directory.published("fhir") if b.type == kind}
    assert published <= addresses
    assert bool(found) is bool(published)


def test_the_real_service_does_not_know_the_type_of_mailbox(directory: Directory) -> None:
    answer = ask(FhirService(directory), "Practitioner", ("mailbox-mss-type", "PER"))
    assert answer.status == 400
    assert answer.body["issue"][0]["diagnostics"] == "Parameter mailbox-mss-type not found"


@pytest.mark.parametrize(
    ("prefix", "inside"), [("gt", False), ("ge", True), ("eq", True), ("lt", False), ("le", True)]
)
def test_last_updated_takes_the_prefixes_of_fhir(
    service: FhirService, prefix: str, inside: bool
) -> None:
    [one, *_] = everything(service, "Organization")
    day = one["meta"]["lastUpdated"][:10]
    found = everything(service, "Organization", ("_lastUpdated", f"{prefix}{day}"))
    assert (one["id"] in {other["id"] for other in found}) is inside


def test_two_dates_make_a_range(service: FhirService) -> None:
    found = everything(
        service, "Organization", ("_lastUpdated", "ge2026-01"), ("_lastUpdated", "lt2026-07")
    )
    dates = [one["meta"]["lastUpdated"] for one in found]
    assert dates
    assert all("2026-01" <= date < "2026-07" for date in dates)


def test_elements_are_kept_and_the_rest_is_said_to_be_missing(service: FhirService) -> None:
    body = ask(service, "Practitioner", ("_elements", "identifier,telecom"), ("_count", "1")).body
    [entry] = body["entry"]
    assert entry["resource"].keys() <= {"resourceType", "id", "meta", "identifier", "telecom"}
    assert entry["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"


def test_includes_bring_what_a_role_refers_to(service: FhirService) -> None:
    body = ask(service, "PractitionerRole", ("_include", "*"), ("_count", "5")).body
    modes = {(e["resource"]["resourceType"], e["search"]["mode"]) for e in body["entry"]}
    assert modes == {
        ("PractitionerRole", "match"),
        ("Practitioner", "include"),
        ("Organization", "include"),
    }


def test_reverse_includes_bring_the_roles_of_a_person(service: FhirService) -> None:
    answer = ask(
        service, "Practitioner", ("_revinclude", "PractitionerRole:practitioner"), ("_count", "3")
    )
    included = [e["resource"] for e in answer.body["entry"] if e["search"]["mode"] == "include"]
    matched = {f"Practitioner/{e['resource']['id']}" for e in answer.body["entry"]}
    assert {one["practitioner"]["reference"] for one in included} <= matched
    assert len(included) >= 3


@pytest.mark.parametrize(
    ("kind", "name", "value", "status"),
    [
        ("Practitioner", "foo", "1", 400),
        ("Practitioner", "number-smartcard", "1", 400),
        ("Practitioner", "family:above", "x", 400),
        ("Practitioner", "family", "", 400),
        ("Practitioner", "_lastUpdated", "yesterday", 400),
        ("Practitioner", "_lastUpdated", "gt2026-13-45", 400),
        ("Practitioner", "active", "maybe", 400),
        ("Practitioner", "_count", "-1", 400),
        ("Practitioner", "_count", "1e9", 400),
        ("Practitioner", "_total", "all", 400),
        ("Practitioner", "_format", "xml", 406),
        ("Practitioner", "_include", "Practitioner:x", 400),
        ("Practitioner", "family", "x" * 2000, 400),
        ("Practitioner", "family", "a\x00b", 400),
        ("Practitioner", "mailbox-mss", "", 400),
        ("Device", "_id", "1", 404),
        ("Patient", "_id", "1", 404),
    ],
)
def test_what_the_server_does_not_accept_is_an_operation_outcome(
    service: FhirService, kind: str, name: str, value: str, status: int
) -> None:
    answer = ask(service, kind, (name, value))
    assert answer.status == status
    assert answer.body["resourceType"] == "OperationOutcome"


def test_a_huge_page_is_cut_to_the_largest_one_allowed(directory: Directory) -> None:
    service = FhirService(directory, FhirOptions(largest_page=70))
    assert len(ask(service, "Practitioner", ("_count", "10000")).body["entry"]) == 70


@pytest.mark.parametrize("value", ["'", '"', "%", "_", "\\", "*", ") OR 1=1 --", "a|b|c", "é" * 20])
@pytest.mark.parametrize("kind", SEARCH)
def test_no_text_breaks_a_query(service: FhirService, kind: str, value: str) -> None:
    for name, (_type, modifiers, _make) in SEARCH[kind].parameters.items():
        for full in (name, *(f"{name}:{modifier}" for modifier in modifiers)):
            assert ask(service, kind, (full, value)).status in {200, 400}


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_search_raises(service: FhirService, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(SEARCH)))
    name = data.draw(st.sampled_from(sorted(SEARCH[kind].parameters)))
    value = data.draw(st.text(max_size=30))
    assert ask(service, kind, (name, value)).status in {200, 400}


def test_red_list_and_responsible_are_not_published(service: FhirService) -> None:
    names = {
        inner["url"]
        for kind in SEARCH
        for one in everything(service, kind)
        for point in one.get("telecom", [])
        for extension in point.get("extension", [])
        for inner in extension.get("extension", [])
    }
    assert names == {"type", "description", "service"}


def test_the_capability_statement_names_what_is_searched(directory: Directory) -> None:
    body = FhirService(directory).handle(FhirRequest("GET", "metadata")).body
    [rest] = body["rest"]
    for resource in rest["resource"]:
        declared = {p["name"] for p in resource["searchParam"]}
        assert declared == set(SEARCH[resource["type"]].parameters) - {"mailbox-mss-type"}


def test_the_root_of_the_gateway_serves_nothing(service: FhirService) -> None:
    assert service.handle(FhirRequest("POST", "", body=b"{}")).status == 404


def test_a_logical_id_reads_one_resource(service: FhirService) -> None:
    answer = service.handle(FhirRequest("GET", "Practitioner/pp-1"))
    assert (answer.status, answer.body["id"]) == (200, "pp-1")


@pytest.mark.parametrize("identifier", ["pp-0", "pp-01", "pp-999999", "st-1", "x", "pp-1;", "pp-"])
def test_an_id_that_names_nothing_is_not_found(service: FhirService, identifier: str) -> None:
    assert service.handle(FhirRequest("GET", f"Practitioner/{identifier}")).status == 404
