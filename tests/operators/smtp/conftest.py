"""What the tests of SMTP share."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.trust import KeyKind, Organisation, TestCA
from tests.operators.smtp.served import HOST


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("smtp")
    ca = TestCA(key_kind=KeyKind.P256)
    ours = Organisation(name="OPERATEUR 1", department="Paris (75)", finess="750000018")
    other = Organisation(name="OPERATEUR 2", department="Paris (75)", finess="750000026")
    ca.endpoint_server(ours, [HOST]).save(folder / "server")
    ca.endpoint_server(other, ["relay.op2.mssante.test"]).save(folder / "relay")
    ca.org_client(ours, "appli").save(folder / "client")
    (folder / "bundle.pem").write_bytes(ca.bundle_pem())
    return folder
