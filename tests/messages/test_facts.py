"""What a header says, and what is not believed of it."""

from __future__ import annotations

import re
from email.parser import BytesHeaderParser
from email.policy import compat32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.messages.facts import Facts, MessageKind, facts_of, header_fields


def header(*fields: str) -> bytes:
    return "\r\n".join([*fields, "", "X-MSS-NIL: in the body"]).encode()


def test_a_document_is_counted_from_the_header_alone() -> None:
    facts = facts_of(
        header(
            "Message-ID: <a@b.mssante.test>",
            "X-MSS-CODECDA: 11502-2, PRESC-BIO",
            "X-MSS-INS: O",
            "X-MSS-NIL: DEV935997",
        )
    )
    assert facts == Facts(
        codes=("11502-2", "PRESC-BIO"), ins="O", nil="DEV935997", message_id="<a@b.mssante.test>"
    )
    assert facts.has_document


def test_a_message_without_a_document_says_its_software_alone() -> None:
    facts = facts_of(header("X-MSS-NIL: DEV935997"))
    assert facts == Facts(nil="DEV935997")
    assert not facts.has_document


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("X-MSS-INS: oui", "X-MSS-INS"),
        ("X-MSS-INS: O\r\nX-MSS-INS: N", "X-MSS-INS"),
        ("X-MSS-CODECDA: 11502-2,,", "X-MSS-CODECDA"),
        ("X-MSS-CODECDA: " + ",".join(["11502-2"] * 51), "X-MSS-CODECDA"),
        ("X-MSS-NIL: deux mots", "X-MSS-NIL"),
        ("X-MSS-NIL: " + "a" * 65, "X-MSS-NIL"),
        ("X-MSS-MES: fin", "X-MSS-MES"),
    ],
)
def test_a_value_that_cannot_be_counts_as_absent_and_is_named(field: str, name: str) -> None:
    assert facts_of(header(field)) == Facts(faults=(name,))


@pytest.mark.parametrize(
    ("field", "ends"),
    [
        ("X-MSS-MES: FIN", True),
        ("Subject: [FIN]", True),
        ("Subject: =?utf-8?B?W0ZJTl0=?=", True),
        ("Subject: Re: [FIN]", False),
        ("Subject: [FIN] merci", False),
    ],
)
def test_an_exchange_ends_by_the_field_or_by_that_subject_alone(field: str, ends: bool) -> None:
    assert facts_of(header(field)).end is ends


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (
            "multipart/report; report-type=disposition-notification; boundary=x",
            MessageKind.DISPOSITION,
        ),
        ("multipart/report; boundary=x; report-type=delivery-status", MessageKind.DELIVERY),
        ("multipart/report; report-type=feedback-report; boundary=x", MessageKind.MESSAGE),
        ("multipart/mixed; report-type=delivery-status; boundary=x", MessageKind.MESSAGE),
    ],
)
def test_the_kind_of_a_message_is_the_report_that_it_declares(told: str, kind: MessageKind) -> None:
    assert facts_of(header(f"Content-Type: {told}")).kind is kind


@given(st.binary(max_size=2000))
def test_any_bytes_have_facts(content: bytes) -> None:
    assert isinstance(facts_of(content), Facts)


@given(st.sampled_from(["Subject", "X-MSS-CODECDA", "Content-Type", "X-MSS-MES"]), st.binary())
def test_any_value_of_a_field_has_facts(name: str, value: bytes) -> None:
    assert isinstance(facts_of(name.encode() + b": " + value + b"\r\n\r\n"), Facts)


_NAMES = st.sampled_from(["Subject", "X-MSS-INS", "x-mss-nil", "Content-Type", "Message-ID", "A"])
_VALUES = st.text(st.sampled_from(" \t;:=?abO\u00e9\x0b\x0c\x00"), max_size=12)
_LINES = st.one_of(
    st.builds("{}:{}".format, _NAMES, _VALUES),
    st.builds("{} :{}".format, _NAMES, _VALUES),
    st.builds(" {}".format, _VALUES),
    _VALUES,
    st.just("From me"),
)


@given(st.lists(_LINES, max_size=6), st.sampled_from(["\r\n", "\n", "\r"]))
def test_a_header_is_read_as_the_library_reads_it(lines: list[str], end: str) -> None:
    head = end.join([*lines, "", ""]).encode()
    stop = re.search(rb"\r?\n\r?\n", head)
    expected = BytesHeaderParser(policy=compat32).parsebytes(head[: stop.end()] if stop else head)
    found = header_fields(head)
    assert [(name.lower(), str(value)) for name, value in found.raw_items()] == [
        (name.lower(), str(value)) for name, value in expected.raw_items()
    ]
