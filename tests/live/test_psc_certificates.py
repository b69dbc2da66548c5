"""A client's certificate at Pro Santé Connect of a space: judged there, revoked or not by OCSP."""

from __future__ import annotations

from pathlib import Path

import httpx

from sandbox.live.space import LiveSpace
from sandbox.serve import client_context
from sandbox.trust import Organisation

EDITOR = Organisation(name="EDITEUR DE TEST", department="Paris (75)", finess="119999993")


def test_a_certificate_that_the_space_revokes_opens_no_more(
    mss_space: LiveSpace, tmp_path: Path
) -> None:
    issued = mss_space.keys.ca.org_client(EDITOR, "lps")
    issued.save(tmp_path)
    own = client_context(
        Path(mss_space.sheet["ca"]["roots"]), tmp_path / "chain.pem", tmp_path / "key.pem"
    )
    psc = mss_space.psc
    with httpx.Client(verify=own, trust_env=False, timeout=30) as client:
        good = client.post(psc.url("token", mtls=True), data={"grant_type": "none"})
        assert good.json()["error"] == "unsupported_grant_type"
        mss_space.keys.ca.revoke(issued)
        bad = client.post(psc.url("token", mtls=True), data={"grant_type": "none"})
    assert (bad.status_code, bad.json()["error"]) == (401, "invalid_client")
    told = [event.reason for event in psc.provider.events.since() if event.kind == "refusal"]
    assert told[-1] == "certificate-revoked"
