"""FHIR PATCH of mailboxes, as the IG messagerie sécurisée announces it, and its history."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.directory import Directory, FhirOptions, Mailbox
from sandbox.directory.fhir import FhirRequest, FhirResponse, FhirService
from sandbox.directory.fhir.systems import MAILBOX

from .support import Clock

Json = dict[str, Any]
KEY, OTHER = "cle-d-alimentation", "cle-de-l-operateur"


@pytest.fixture
def service(fed: Directory) -> FhirService:
    return FhirService(fed, FhirOptions(frozenset({"lecture"}), {KEY: "", OTHER: "operateur-b"}))


def parameters(*operations: dict[str, Json | str]) -> bytes:
    """Write a Parameters resource; values are given as {valueX: ...}."""
    written = []
    for operation in operations:
        parts: list[Json] = [{"name": "type", "valueCode": operation["type"]}]
        parts.append({"name": "path", "valueString": operation["path"]})
        if "value" in operation:
            value = operation["value"]
            assert isinstance(value, dict)
            parts.append({"name": "value", **value})
        if operation["type"] == "insert":
            parts.append({"name": "index", "valueInteger": 0})
        written.append({"name": "operation", "part": parts})
    return json.dumps({"resourceType": "Parameters", "parameter": written}).encode()


def point(address: str, kind: str, **more: Json) -> Json:
    """Write a ContactPoint as the examples of the IG do."""
    inner = [{"url": "type", "valueCode": kind}]
    inner += [{"url": name, **value} for name, value in more.items()]
    extension = [{"url": MAILBOX, "extension": inner}]
    return {"valueContactPoint": {"system": "email", "value": address, "extension": extension}}


def metadata(kind: str, address: str, name: str) -> str:
    return (
        f"{kind}.telecom.where(value = '{address}').extension('{MAILBOX}')"
        f".extension('{name}').value"
    )


def patch(
    service: FhirService, path: str, body: bytes, key: str = KEY, **more: Any
) -> FhirResponse:
    return service.handle(FhirRequest("PATCH", path, body=body, key=key, **more))


def org_box(directory: Directory) -> Mailbox:
    return next(directory.mailboxes("m.type = 1 AND m.domain = 2 AND m.red = 0"))


def organization(box: Mailbox) -> str:
    assert box.structure is not None
    return f"Organization/st-{box.structure.id}"


def test_insert_creates_a_mailbox(fed: Directory, service: FhirService) -> None:
    box = org_box(fed)
    operation = {
        "type": "insert",
        "path": "Organization.telecom",
        "value": point("accueil@ch-a.mssante.test", "ORG", listeRouge={"valueBoolean": False}),
    }
    answer = patch(service, organization(box), parameters(operation))
    assert answer.status == 200
    assert answer.headers["ETag"] == 'W/"2"'
    assert "accueil@ch-a.mssante.test" in json.dumps(answer.body)
    assert fed.mailbox("accueil@ch-a.mssante.test") is not None


def test_a_conditional_patch_names_its_resource_by_identifier(
    fed: Directory, service: FhirService
) -> None:
    [person] = fed.people(profession="10", limit=1)
    operation = {
        "type": "insert",
        "path": "Practitioner.telecom",
        "value": point("nouvelle.bal@ch-a.mssante.test", "PER"),
    }
    condition = (("identifier", f"urn:oid:1.2.250.1.71.4.2.1|{person.national_id}"),)
    answer = patch(service, "Practitioner", parameters(operation), parameters=condition)
    assert answer.status == 200
    assert [p.national_id for p in fed.holders("nouvelle.bal@ch-a.mssante.test")] == [
        person.national_id
    ]


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ((("identifier", "https://finess.esante.gouv.fr|000000000"),), 404),
        ((("identifier", "https://finess.esante.gouv.fr|"),), 412),
        ((), 412),
        ((("name", "x"),), 412),
    ],
)
def test_a_condition_that_names_no_single_resource_is_404_or_412(
    service: FhirService, condition: tuple[tuple[str, str], ...], status: int
) -> None:
    operation = {"type": "delete", "path": "Organization.telecom.where(value = 'a@b.test')"}
    answer = patch(service, "Organization", parameters(operation), parameters=condition)
    assert answer.status == status


def test_the_red_list_is_set_through_its_path(fed: Directory, service: FhirService) -> None:
    box = org_box(fed)
    operation = {
        "type": "replace",
        "path": metadata("Organization", box.address, "listeRouge"),
        "value": {"valueBoolean": True},
    }
    assert patch(service, organization(box), parameters(operation)).status == 200
    changed = fed.mailbox(box.address)
    assert changed is not None
    assert changed.red_list
    seen = service.handle(FhirRequest("GET", organization(box), key="lecture"))
    assert box.address not in json.dumps(seen.body)


def test_a_whole_mailbox_is_replaced_and_what_is_not_said_is_emptied(
    fed: Directory, service: FhirService
) -> None:
    box = org_box(fed)
    operation = {
        "type": "replace",
        "path": f"Organization.telecom.where(value='{box.address}')",
        "value": point(box.address, "ORG", description={"valueString": "Nouvelle"}),
    }
    assert patch(service, organization(box), parameters(operation)).status == 200
    changed = fed.mailbox(box.address)
    assert changed is not None
    assert (changed.description, changed.service) == ("Nouvelle", "")


def test_delete_removes_a_mailbox(fed: Directory, service: FhirService) -> None:
    box = org_box(fed)
    operation = {
        "type": "delete",
        "path": f"Organization.telecom.where(value = '{box.address}')",
    }
    assert patch(service, organization(box), parameters(operation)).status == 200
    assert fed.mailbox(box.address) is None


def test_operations_are_applied_in_order_all_or_none(fed: Directory, service: FhirService) -> None:
    box = org_box(fed)
    gone = {"type": "delete", "path": f"Organization.telecom.where(value = '{box.address}')"}
    answer = patch(service, organization(box), parameters(gone, gone))
    assert answer.status == 404
    assert fed.mailbox(box.address) == box


def test_history_keeps_each_version(fed: Directory, service: FhirService, clock: Clock) -> None:
    box = org_box(fed)
    clock.seconds += 60
    text = {"valueString": "Deuxième"}
    path = metadata("Organization", box.address, "description")
    operation = {"type": "replace", "path": path, "value": text}
    patch(service, organization(box), parameters(operation))
    body = service.handle(FhirRequest("GET", f"{organization(box)}/_history", key=KEY)).body
    versions = [e["resource"]["meta"]["versionId"] for e in body["entry"]]
    assert versions == ["2", "1"]
    assert ["Deuxième" in json.dumps(e, ensure_ascii=False) for e in body["entry"]] == [True, False]
    first = service.handle(FhirRequest("GET", f"{organization(box)}/_history/1", key=KEY))
    assert first.body == body["entry"][1]["resource"]


def test_if_match_guards_against_a_version_that_passed(
    fed: Directory, service: FhirService
) -> None:
    box = org_box(fed)
    path = metadata("Organization", box.address, "service")
    operation = {"type": "replace", "path": path, "value": {"valueString": "x"}}
    body = parameters(operation)
    assert patch(service, organization(box), body, if_match='W/"1"').status == 200
    assert patch(service, organization(box), body, if_match='W/"1"').status == 412


@pytest.mark.parametrize(("key", "status"), [("", 401), ("wrong", 401), ("lecture", 403)])
def test_only_a_feeding_key_may_patch(
    fed: Directory, service: FhirService, key: str, status: int
) -> None:
    operation = {"type": "delete", "path": "Organization.telecom.where(value = 'a@b.test')"}
    assert patch(service, organization(org_box(fed)), parameters(operation), key).status == status


def test_history_is_not_for_readers(fed: Directory, service: FhirService) -> None:
    answer = service.handle(FhirRequest("GET", "Practitioner/pp-1/_history", key="lecture"))
    assert answer.status == 403


def test_an_operator_patches_its_own_domains_only(fed: Directory, service: FhirService) -> None:
    box = next(fed.mailboxes("m.type = 1 AND m.domain = 1"))
    operation = {
        "type": "delete",
        "path": f"Organization.telecom.where(value = '{box.address}')",
    }
    answer = patch(service, organization(box), parameters(operation), OTHER)
    assert answer.status == 422
    assert "own-domain" in answer.body["issue"][0]["diagnostics"]


def breach(fed: Directory, name: str) -> bytes:
    box = org_box(fed)
    where = f"Organization.telecom.where(value = '{box.address}')"
    other = point("autre@ch-a.mssante.test", "ORG")
    return {
        "address-immutable": parameters({"type": "replace", "path": where, "value": other}),
        "address-immutable by path": parameters(
            {"type": "replace", "path": f"{where}.value", "value": {"valueString": "x@y.test"}}
        ),
        "type-immutable": parameters(
            {"type": "replace", "path": where, "value": point(box.address, "APP")}
        ),
        "type-immutable by path": parameters(
            {
                "type": "replace",
                "path": metadata("Organization", box.address, "type"),
                "value": {"valueCode": "APP"},
            }
        ),
        "person-for-per-cab": parameters(
            {
                "type": "insert",
                "path": "Organization.telecom",
                "value": point("a.b@ch-a.mssante.test", "PER"),
            }
        ),
    }[name]


@pytest.mark.parametrize(
    "name",
    [
        "address-immutable",
        "address-immutable by path",
        "type-immutable",
        "type-immutable by path",
        "person-for-per-cab",
    ],
)
def test_the_rules_of_feeding_are_enforced_with_their_name(
    fed: Directory, service: FhirService, name: str
) -> None:
    answer = patch(service, organization(org_box(fed)), breach(fed, name))
    assert answer.status == 422
    assert answer.body["issue"][0]["code"] == "business-rule"
    assert answer.body["issue"][0]["diagnostics"].startswith(name.split()[0])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'{"resourceType": "Patient"}', 400),
        (b"[" * 100_000, 400),
        (b'{"resourceType": "Parameters"}', 422),
        (b'{"resourceType": "Parameters", "parameter": [{"name": "other"}]}', 422),
        (b'{"resourceType": "Parameters", "parameter": [{"name": "operation"}]}', 400),
        (
            parameters(
                {"type": "replace", "path": "Organization.name", "value": {"valueString": "x"}}
            ),
            422,
        ),
        (parameters({"type": "move", "path": "Organization.telecom"}), 422),
        (parameters({"type": "jump", "path": "Organization.telecom"}), 400),
        (
            parameters(
                {
                    "type": "insert",
                    "path": "Practitioner.telecom",
                    "value": point("a@b.test", "PER"),
                }
            ),
            422,
        ),
        (
            parameters(
                {"type": "insert", "path": "Organization.telecom", "value": {"valueString": "x"}}
            ),
            422,
        ),
        (
            parameters(
                {
                    "type": "insert",
                    "path": "Organization.telecom",
                    "value": {"valueContactPoint": {"system": "email", "value": "a@b.test"}},
                }
            ),
            422,
        ),
    ],
    ids=range(14),
)
def test_a_malformed_patch_gets_a_precise_answer(
    fed: Directory, service: FhirService, body: bytes, status: int
) -> None:
    answer = patch(service, organization(org_box(fed)), body)
    assert answer.status == status, answer.body
    assert answer.body["resourceType"] == "OperationOutcome"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "part",
                    "valueCode",
                    "valueString",
                    "valueContactPoint",
                    "parameter",
                    "resourceType",
                    "extension",
                    "url",
                    "system",
                    "value",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(body=JSON, wrap=st.booleans())
def test_no_json_breaks_a_patch(directory: Directory, body: Any, wrap: bool) -> None:
    service = FhirService(directory, FhirOptions(feeders={KEY: ""}))
    if wrap:
        part = body if isinstance(body, list) else [body]
        operation = {"name": "operation", "part": part}
        body = {"resourceType": "Parameters", "parameter": [operation]}
    answer = patch(service, "Organization/st-1", json.dumps(body).encode())
    assert answer.status in {400, 404, 422}
