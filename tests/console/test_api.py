"""The API of the console, of a space that runs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pyotp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.live.mailer import MailError, choose, open_imap
from sandbox.live.space import LiveSpace
from tests.console.conftest import account

PATIENCE = 60.0


def until(api: httpx.Client, path: str, name: str, wanted: Any = bool) -> list[dict[str, Any]]:
    """Ask until there is something that fits."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = [each for each in api.get(path).json()[name] if wanted(each)]
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing came: {path}")


def log_in(space: LiveSpace, address: str, method: str) -> threading.Thread:
    """Log in beside; a telephone has to be answered meanwhile."""

    def work() -> None:
        with contextlib.suppress(MailError):
            open_imap(choose(space.sheet, address, "imap", method=method), lambda _: None).logout()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_wrong_password_is_explained(space: LiveSpace, api: httpx.Client) -> None:
    who = account(space, "totp")
    way = choose(space.sheet, who["address"], "imap", method="totp")
    way.secrets["password"], kept = "faux", way.secrets["password"]
    try:
        with pytest.raises(MailError):
            open_imap(way, lambda _: None)
    finally:
        way.secrets["password"] = kept
    found = until(api, f"/connections?person={who['address']}&outcome=refused", "connections")[0]
    told = api.get(f"/connections/{found['key']}").json()
    refused = next(step["refused"] for step in told["steps"] if "refused" in step)
    assert refused["reason"] == found["reason"]
    assert all(refused["remedy"][language] for language in ("fr", "en"))
    assert refused["clause"]


def test_a_telephone_is_answered_and_the_connection_tells_it_whole(
    space: LiveSpace, api: httpx.Client
) -> None:
    who = account(space, "ecps")
    login = log_in(space, who["address"], "ecps")
    identity = who["holders"][0]["identity"]
    (ring,) = until(api, "/phones", "phones", lambda each: each["identity"] == identity)
    assert len(ring["choices"]) == 3
    assert ring["number"] in ring["choices"]
    path = f"/phones/{ring['provider']}/{ring['ticket']}"
    wrong = next(each for each in ring["choices"] if each != ring["number"])
    answer = api.post(path, json={"decision": "approve", "number": wrong})
    assert answer.json()["state"] == "pending"
    answer = api.post(path, json={"decision": "approve", "number": ring["number"]})
    assert answer.json()["state"] == "approved"
    login.join(PATIENCE)
    again = api.post(path, json={"decision": "approve", "number": ring["number"]})
    assert again.status_code == 409
    (found,) = until(
        api, f"/connections?person={identity}&outcome=passed&method=ecps", "connections"
    )
    layers = [step["layer"] for step in api.get(f"/connections/{found['key']}").json()["steps"]]
    assert {"tls", "ciba", "directory", "sasl"} <= set(layers)


def test_a_message_of_the_operator_is_answered(space: LiveSpace, api: httpx.Client) -> None:
    who = account(space, "ciba-operateur")
    login = log_in(space, who["address"], "ciba-operateur")
    identity = who["holders"][0]["identity"]
    sms = until(api, "/sms", "sms", lambda each: each["identity"] == identity and each["open"])[0]
    answer = api.post(f"/phones/{sms['operator']}/{sms['ticket']}", json={"decision": "refuse"})
    assert answer.json()["state"] == "denied"
    login.join(PATIENCE)
    (found,) = until(
        api, f"/connections?person={who['address']}&reason=ciba-refused", "connections"
    )
    assert found["method"] == "ciba-operateur"


def test_a_person_has_the_codes_that_the_operator_takes(
    space: LiveSpace, api: httpx.Client
) -> None:
    who = account(space, "totp")
    told = api.get(f"/people/{who['holders'][0]['identity']}/codes").json()["codes"]
    code = next(each for each in told if each["mailbox"] == who["address"])
    assert code["uri"] == who["holders"][0]["methods"]["totp"]["otpauth"]
    assert len(code["code"]) == 6


def test_the_metrics_are_what_prometheus_reads(space: LiveSpace, api: httpx.Client) -> None:
    text = api.get("/metrics").text
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            assert name.startswith("mssante_")
            float(value)
    assert 'mssante_connections{design="single-endpoint",endpoint="imap"}' in text


def test_the_stream_tells_what_comes(space: LiveSpace, api: httpx.Client) -> None:
    who = account(space, "cps")
    with api.stream("GET", "/events") as stream:
        lines = stream.iter_lines()
        assert next(line for line in lines if line.startswith("event:")) == "event: hello"
        log_in(space, who["address"], "cps").join(PATIENCE)
        assert any(line == "event: journal" for line in lines)


def test_what_cannot_be_is_said_in_both_languages(api: httpx.Client) -> None:
    for path, status in (
        ("/connections?outcome=maybe", 400),
        ("/connections?limit=0", 400),
        ("/connections?limit=1e9", 400),
        (f"/connections?person={'a' * 300}", 400),
        ("/connections/nothing", 404),
        ("/people/nobody/codes", 404),
        ("/nothing", 404),
    ):
        answer = api.get(path)
        assert answer.status_code == status, path
        assert set(answer.json()["error"]) == {"fr", "en"}


@pytest.mark.parametrize(
    "asked",
    [{"policy": "none"}, {"blocked": 1.5}, {"blocked": "a"}, {"servers": 0}, {"servers": 1.5}],
)
def test_a_choice_that_there_is_not_starts_nothing(
    api: httpx.Client, asked: dict[str, Any]
) -> None:
    assert api.post("/comparison", json=asked).status_code == 400
    assert api.get("/comparison").json()["word"] == "idle"


@pytest.fixture
def mended(api: httpx.Client) -> Iterator[None]:
    """Leave nothing broken."""
    yield
    api.delete("/traffic")
    api.delete("/replay")
    api.put("/demo", json={"step": -1})
    assert api.delete("/faults").json()["faults"] == []


def test_a_fault_of_any_service_is_in_force_until_all_is_mended(
    api: httpx.Client, mended: None
) -> None:
    rules: tuple[dict[str, Any], ...] = (
        {"service": "mail", "fault": "quota", "mailbox": "a@op001.mssante.test"},
        {"service": "pki", "fault": "ocsp-stale"},
        {"service": "psc", "fault": "slow", "point": "token", "seconds": 2},
        {"service": "psc", "fault": "down"},
        {"service": "sms", "fault": "lost", "operator": "op001"},
        {"service": "pki", "fault": "list-stale"},
        {"service": "dns", "fault": "servfail"},
    )
    names = []
    for rule in rules:
        answer = api.post("/faults", json=rule)
        assert answer.status_code == 200, answer.text
        (found,) = (
            each
            for each in answer.json()["faults"]
            if (each["service"], each["fault"]) == (rule["service"], rule["fault"])
        )
        assert rule.items() <= found.items()
        names.append(found["name"])
    for number, name in enumerate(names, 1):
        left = [each["name"] for each in api.delete(f"/faults/{name}").json()["faults"]]
        assert left == [each for each in left if each in names[number:]]
    assert api.delete(f"/faults/{names[0]}").status_code == 404


def test_a_fault_that_is_there_twice_is_taken_away_once(api: httpx.Client, mended: None) -> None:
    rule = {"service": "mail", "fault": "cut", "probability": 0.1}
    api.post("/faults", json=rule)
    first, second = api.post("/faults", json=rule).json()["faults"]
    assert first["name"] != second["name"]
    assert len(api.delete(f"/faults/{second['name']}").json()["faults"]) == 1


def test_what_is_drawn_is_drawn_again_from_its_seed(
    space: LiveSpace, api: httpx.Client, mended: None
) -> None:
    api.post("/faults", json={"service": "mail", "fault": "cut", "command": "CONNECT",
                              "probability": 0.5})  # fmt: skip
    address = account(space, "cps")["address"]

    def struck() -> list[bool]:
        api.put("/faults/seed", json={"seed": 11})
        asked = {"address": address, "method": "cps"}
        return [api.post("/logins", json=asked).json()["ok"] for _ in range(8)]

    first = struck()
    assert set(first) == {True, False}
    assert struck() == first


def test_what_a_fault_costs_is_what_the_description_predicts(
    space: LiveSpace, api: httpx.Client, mended: None
) -> None:
    """Under a shared certificate everybody at IMAP fails, elsewhere the card alone."""
    assert api.post("/incidents/certificate-expired", json={}).status_code == 200
    api.post("/traffic", json={"rate": 20, "seconds": 600, "seed": 3})
    until(api, "/costs", "costs", lambda each: each["done"] >= 40)
    api.delete("/traffic")
    found = {each["design"]: each for each in api.get("/costs").json()["costs"]}
    shared, apart = (found[name] for name in ("single-endpoint", "multi-endpoint"))
    assert 0 < apart["failed"] < shared["failed"]
    refused = api.get("/connections?outcome=refused&limit=100").json()["connections"]
    for each in (shared, apart):
        why = [(e["design"], e["protocol"], e["method"], e["reason"]) for e in refused]
        assert each["failed"] == pytest.approx(each["predicted"] * each["done"]), (each, why)


@pytest.mark.parametrize(
    "rule",
    [
        {"service": "post", "fault": "quota"},
        {"service": "mail", "fault": "down"},
        {"service": "pki", "fault": "ocsp-stale", "operator": "op001"},
        {"service": "psc", "fault": "down", "seconds": 3},
        {"service": "sms", "fault": "lost", "operator": "op999"},
        {"service": "dns", "fault": "slow", "delay": "3"},
        {"service": "mail", "fault": "reply", "nth": 1.5},
    ],
)
def test_a_fault_that_cannot_be_changes_nothing(api: httpx.Client, rule: dict[str, Any]) -> None:
    answer = api.post("/faults", json=rule)
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"fr", "en"}
    assert api.get("/faults").json()["faults"] == []


def test_pro_sante_connect_falls_and_is_mended(
    space: LiveSpace, api: httpx.Client, mended: None
) -> None:
    assert api.post("/incidents/psc-down", json={}).status_code == 200
    provider = space.providers()[""]
    assert provider.outage() is not None
    api.delete("/faults")
    assert provider.outage() is None


@settings(
    max_examples=40, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(data=st.data())
def test_whatever_is_asked_the_answer_is_one_that_is_described(
    api: httpx.Client, mended: None, data: st.DataObject
) -> None:
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        response_schema_conformance,
        status_code_conformance,
    )

    document = _document(str(api.base_url), api)
    schema = schemathesis.openapi.from_dict(document)
    operations = [each.ok() for each in schema.get_all_operations()]
    operation = data.draw(st.sampled_from([each for each in operations if each.path != "/events"]))
    case = data.draw(operation.as_strategy())
    response = case.call(
        base_url=str(api.base_url), headers={"Authorization": api.headers["Authorization"]}
    )
    case.validate_response(
        response,
        checks=[not_a_server_error, status_code_conformance, response_schema_conformance],
    )


_DOCUMENTS: dict[str, Any] = {}


def _document(base: str, api: httpx.Client) -> Any:
    if base not in _DOCUMENTS:
        _DOCUMENTS[base] = api.get("/openapi.json").json()
    return _DOCUMENTS[base]


def test_a_card_signs_when_it_is_in_the_reader_and_its_pin_is_typed(
    space: LiveSpace, api: httpx.Client
) -> None:
    who = account(space, "cps")
    path = f"/people/{who['holders'][0]['identity']}/reader"
    asked = {"address": who["address"], "method": "cps"}

    def use(act: str, pin: str = "") -> int:
        return api.post(path, json={"act": act, "pin": pin}).status_code

    def refusal() -> str:
        told = api.post("/logins", json=asked).json()
        return "" if told["ok"] else str(told["told"])

    assert refusal() == ""
    use("remove")
    assert "no card" in refusal()
    assert use("pin", "1234") == 400
    use("insert")
    assert "PIN is not typed" in refusal()
    assert [use("pin", "0000") for _ in range(3)] == [400] * 3
    assert "blocked" in refusal()
    assert use("pin", "1234") == 400
    use("unblock")
    assert use("pin", "1234") == 200
    assert refusal() == ""


def test_a_telephone_is_enrolled_and_its_codes_count_once_confirmed(
    space: LiveSpace, api: httpx.Client
) -> None:
    who = account(space, "cps")
    path = f"/people/{who['holders'][0]['identity']}/telephones"
    made = api.post(path, json={"mailbox": who["address"], "label": "Tablette"}).json()
    generator = pyotp.parse_uri(made["uri"])
    assert isinstance(generator, pyotp.TOTP)
    wrong = {"mailbox": who["address"], "code": "000000"}
    assert api.put(path, json=wrong).status_code == 400
    right = {**wrong, "code": generator.at(int(time.time()))}
    assert api.put(path, json=right).json()["confirmed"]
    assert api.put(path, json=right).status_code == 404
    shown = api.get(path.replace("telephones", "codes")).json()["codes"]
    assert [each["confirmed"] for each in shown if each.get("label") == "Tablette"] == [True]


def test_a_document_is_sent_with_a_file_and_what_became_of_it_is_told(
    space: LiveSpace, api: httpx.Client
) -> None:
    to = account(space, "certificat")["address"]
    told = api.post("/messages", json={
        "address": account(space, "cps")["address"], "method": "cps", "to": to, "receipt": True,
        "document": "11502-2",
        "attachments": [{"name": "../../\u202etxt.exe", "content": "aGVsbG8="}],
    }).json()  # fmt: skip
    assert told["ok"], told
    path = f"/fates/{told['message_id'].strip('<>')}"
    end = time.monotonic() + PATIENCE
    while (fate := api.get(path)).status_code == 404 or fate.json()["fates"][0]["state"] in (
        "under-way",
    ):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert fate.json()["documents"] == ["11502-2"]
    assert [(e["recipient"], e["state"]) for e in fate.json()["fates"]] == [(to, "silent")]
    letters = (  # the little traffic of other tests sends documents too
        api.get(f"/mailboxes/{to}/messages/{each['uid']}").json()
        for each in api.get(f"/mailboxes/{to}/messages").json()["messages"]
        if each["subject"].startswith("XDM/1.0/DDM+")
    )
    files = [{each["name"] for each in letter["attachments"]} for letter in letters]
    assert any({"\ufffdtxt.exe", "IHE_XDM.ZIP"} <= names for names in files), files


@pytest.mark.parametrize(
    "attachments",
    ["a", [1], [{"name": "a"}], [{"name": "a", "content": "é"}],
     [{"name": "a", "content": "aGVsbG8="}] * 21, [{"name": 1, "content": "aGVsbG8="}]],
)  # fmt: skip
def test_files_that_are_none_send_nothing(
    space: LiveSpace, api: httpx.Client, attachments: Any
) -> None:
    asked = {"address": account(space, "cps")["address"], "to": "a@b.test", "subject": "x"}
    answer = api.post("/messages", json={**asked, "attachments": attachments})
    assert answer.status_code == 400
    assert "attachments" in answer.json()["error"]["fr"]


def test_the_controls_find_what_is_wrong_and_close_it_once_mended(
    space: LiveSpace, api: httpx.Client
) -> None:
    assert api.post("/controls", json={}).json()["cases"] == []
    domain = space.sheet["operators"][1]["domain"]
    api.post(f"/domains/{domain}", json={})
    found = api.post("/controls", json={}).json()["cases"]
    api.post(f"/domains/{domain}", json={})
    assert domain in {each["case"].partition("/")[2] for each in found}
    assert api.post("/controls", json={}).json()["cases"] == []
    assert {each["operator"] for each in api.get("/indicators").json()["operators"]} >= {
        each["name"] for each in space.sheet["operators"]
    }


def test_a_certificate_is_issued_downloaded_and_revoked(
    space: LiveSpace, api: httpx.Client
) -> None:
    made = api.post("/certificates", json={"kind": "server", "name": "a.test, b.test"}).json()
    here = f"/certificates/{made['serial']}"
    key, chain = (api.get(f"{here}/{name}").content for name in ("key.pem", "chain.pem"))
    certificate = x509.load_pem_x509_certificates(chain)[0]
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.test", "b.test"]
    own = load_pem_private_key(key, None).public_key()
    assert own == certificate.public_key()
    assert api.post(f"{here}/revocation", json={"reason": "key-compromise"}).status_code == 200
    assert space.ca.is_revoked(certificate)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"kind": "root", "name": "a"}, "server"),
        ({"kind": "server", "name": " , "}, "hôte"),
        ({"kind": "server", "name": "a b"}, "a b"),
        ({"kind": "application", "name": ""}, "64"),
        ({"kind": "application", "name": "a\u202eb"}, "64"),
    ],
)
def test_a_certificate_that_cannot_be_is_not_issued(
    space: LiveSpace, api: httpx.Client, asked: dict[str, str], said: str
) -> None:
    before = len(space.ca.register.issued())
    answer = api.post("/certificates", json=asked)
    assert answer.status_code == 400
    assert said in answer.json()["error"]["fr"]
    assert len(space.ca.register.issued()) == before


@pytest.mark.parametrize(
    "path", ["..%2f..%2fpki/key.pem", "1/key.pem", "zz/key.pem", "{serial}/manifest.json"]
)
def test_no_other_file_is_given(space: LiveSpace, api: httpx.Client, path: str) -> None:
    serial = space.ca.register.issued()[-1]["serial"]
    assert api.get(f"/certificates/{path.format(serial=serial)}").status_code == 404
