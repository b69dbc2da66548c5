"""What an ID token must say to be the answer to a CIBA request: claim by claim."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.operators.auth.openid_tokens import (
    SentRequest,
    half_hash,
    id_token_problem,
    identity_of,
)

NOW = 1_800_000_000.0
ASKED = SentRequest(
    issuer="https://psc.mssante.test", client_id="op1", national_id="899700000018",
    auth_req_id="request-1", acr="eidas1", at=NOW - 8,
)  # fmt: skip
AUTH_REQ_ID = "urn:openid:params:jwt:claim:auth_req_id"
GOOD: dict[str, Any] = {
    "iss": ASKED.issuer, "aud": "op1", "azp": "op1", "sub": "f:uuid:899700000018",
    "preferred_username": "899700000018", "iat": int(NOW), "exp": int(NOW) + 120,
    "acr": "eidas1", "at_hash": half_hash("access"),
}  # fmt: skip


def problem(**changes: Any) -> str | None:
    claims = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return id_token_problem(claims, ASKED, "access", NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"aud": ["op1"]},
        {"azp": None},
        {"at_hash": None},
        {"preferred_username": None},
        {AUTH_REQ_ID: "request-1"},
        {"nonce": "of no request of ours", "unknown": {}},
    ],
    ids=str,
)
def test_an_answer_is_accepted(changes: dict[str, Any]):
    assert problem(**changes) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": "f:uuid:899700000026", "preferred_username": "899700000026"},
        {"sub": "f:uuid:899700000026"},
        {"preferred_username": "899700000026"},
        {"sub": None},
        {"sub": 899700000018},
        {"sub": "opaque", "preferred_username": None},
        {"iss": "https://psc.mssante.test/"},
        {"iss": None},
        {"aud": "op2"},
        {"aud": ["op1", "op2"]},
        {"aud": None},
        {"azp": "op2"},
        {"exp": int(NOW) - 60},
        {"exp": None},
        {"exp": True},
        {"iat": int(NOW) - 3600},
        {"iat": int(NOW) + 3600},
        {"iat": None},
        {"acr": "eidas2"},
        {"acr": None},
        {"at_hash": half_hash("another")},
        {"at_hash": 1},
        {AUTH_REQ_ID: "request-2"},
    ],
    ids=str,
)
def test_an_answer_to_something_else_is_refused(changes: dict[str, Any]):
    assert problem(**changes) is not None


@pytest.mark.parametrize(
    ("claims", "identity"),
    [
        ({"sub": "f:uuid:899700000018"}, "899700000018"),
        ({"sub": "f:uuid:500000001815646/CPAT00045"}, "500000001815646/CPAT00045"),
        ({"SubjectNameID": "899700000018", "sub": "opaque"}, "899700000018"),
        ({"SubjectNameID": "899700000018", "preferred_username": "899700000026"}, None),
        ({"sub": "opaque"}, None),
        ({"preferred_username": ""}, None),
        ({"preferred_username": ["899700000018"]}, None),
        ({}, None),
    ],
    ids=str,
)
def test_whose_token_it_is(claims: dict[str, Any], identity: str | None):
    assert identity_of(claims) == identity
