"""The story of a connection, from entries written here."""

from __future__ import annotations

from typing import Any

from sandbox.console import otlp, why
from sandbox.console.feed import PscEvent
from sandbox.console.ledger import Trail, Trails
from sandbox.console.timeline import Layer, layer_of_reason, timeline
from sandbox.operators.auth import refusals
from sandbox.psc.events import ProviderEvent

PLACE = {
    "operator": "op001", "session": "a", "protocol": "imap", "design": "single-endpoint",
    "endpoint": "imap", "client": "127.0.0.1", "client_port": 4711, "tls": "TLSv1.3",
}  # fmt: skip


def entry(event: str, at: float, **members: Any) -> dict[str, Any]:
    return {"event": event, "at": at, **PLACE, **members}


def refusal(at: float) -> dict[str, Any]:
    return entry("refused", at, **refusals.CODE_WRONG.reason.journaled())


def trail(*entries: dict[str, Any]) -> Trail:
    ledger = Trails()
    for place, each in enumerate(entries):
        ledger.add("op001", each, place)
    found = ledger.get("op001-a")
    assert found is not None
    return found


def test_a_refusal_keeps_the_words_of_whoever_refused() -> None:
    entries = [refusal(2.0)]
    step = timeline(trail(*entries), entries).steps[-1]
    assert step.refused is not None
    assert step.refused.cause == refusals.CODE_WRONG.reason.what
    assert step.refused.remedy == refusals.CODE_WRONG.reason.remedy
    assert step.refused.clause == refusals.CODE_WRONG.reason.clause


def test_polls_that_wait_for_a_person_are_one_step_and_no_refusal() -> None:
    entries = [entry("ciba-request", 1.0, ticket="t"), entry("login", 9.0, method="ecps")]
    polls = [
        PscEvent(ProviderEvent(seq=seq, at=float(seq), kind="poll", ticket="t"), "", 0.0)
        for seq in range(2, 8)
    ]
    story = timeline(trail(*entries), entries, polls)
    waits = [step for step in story.steps if step.event == "psc-poll"]
    assert [dict(step.details)["polls"] for step in waits] == ["6"]
    assert not any(step.refused for step in story.steps)


def test_a_login_with_a_certificate_tells_what_was_proved() -> None:
    entries = [entry("login", 1.0, method="cps", mailbox="a@op001.test", identity="8997")]
    layers = [step.layer for step in timeline(trail(*entries), entries).steps]
    assert layers == [Layer.TLS, Layer.PKI, Layer.DIRECTORY, Layer.SASL]


def test_every_reason_to_refuse_a_login_has_its_layer() -> None:
    for name, layer in (
        ("certificate-revoked", Layer.PKI), ("revocation-unknown", Layer.PKI),
        ("relay-certificate-expired", Layer.PKI), ("ciba-no-answer", Layer.CIBA),
        ("token-expired", Layer.CIBA), ("relay-domain-unlisted", Layer.RELAY),
        ("smtp-size", Layer.SMTP), ("imap-syntax", Layer.IMAP), ("tls-needed", Layer.TLS),
        ("not-a-holder", Layer.DIRECTORY), ("wrong-password", Layer.SASL),
    ):  # fmt: skip
        assert layer_of_reason(name) is layer, name


def test_what_a_client_wrote_moves_nothing_on_the_page() -> None:
    entries = [entry("id", 1.0, id_name="a\u202eb\x1b[2Jc")]
    assert (
        dict(timeline(trail(*entries), entries).steps[-1].details)["id_name"]
        == "a\ufffdb\ufffd[2Jc"
    )


def test_a_trace_is_what_opentelemetry_reads() -> None:
    entries = [entry("login", 1.0, method="totp"), refusal(2.5)]
    story = timeline(trail(*entries), entries)
    told = otlp.traces([story])
    (resource,) = told["resourceSpans"]
    root, *spans = resource["scopeSpans"][0]["spans"]
    assert len(root["traceId"]) == 32
    assert len(root["spanId"]) == 16
    assert root["endTimeUnixNano"] == "2500000000"
    assert all(span["parentSpanId"] == root["spanId"] for span in spans)
    assert spans[-1]["status"]["code"] == 2
    assert {"key": "error.type", "value": {"stringValue": "code-wrong"}} in spans[-1]["attributes"]


def test_the_same_connection_has_the_same_identifiers_each_time() -> None:
    entries = [refusal(2.0)]
    story = timeline(trail(*entries), entries)
    assert otlp.traces([story]) == otlp.traces([story])
    assert why.connection(story)["key"] == "op001-a"
