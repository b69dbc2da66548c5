"""What the tests of the relay share."""

from __future__ import annotations

import pytest

from .rig import Pki


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))
