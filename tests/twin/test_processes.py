"""Whose processes listen at a place, as /proc says."""

from __future__ import annotations

import math
import socket
from pathlib import Path

import pytest

from sandbox.twin.processes import ProcessorOf

pytestmark = pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="/proc")


@pytest.mark.parametrize(
    ("family", "address"),
    [
        (socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0"),
        (socket.AF_INET6, "::ffff:127.0.0.1"), (socket.AF_INET6, "::"),
    ],
)  # fmt: skip
def test_who_listens_at_a_place_is_found(family: socket.AddressFamily, address: str) -> None:
    try:
        door = socket.create_server(
            (address, 0), family=family, dualstack_ipv6=family == socket.AF_INET6
        )
    except (OSError, ValueError):
        pytest.skip("no IPv6")
    with door:
        port = door.getsockname()[1]
        servers = ProcessorOf({("127.0.0.1", port)})
        assert servers.spent() == 0.0
        sum(range(2_000_000))
        assert servers.spent() > 0.0
    assert math.isnan(ProcessorOf({("127.0.0.1", port)}).spent())
