"""What the tap reads in a ClientHello that OpenSSL wrote."""

from __future__ import annotations

import ssl

from tests.live.clients.tap import read_hello


def hello(name: str | None, highest: ssl.TLSVersion) -> bytes:
    """Return the first record of a client."""
    context = ssl.create_default_context()
    context.maximum_version = highest
    context.check_hostname = name is not None
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a handshake alone")


def test_the_server_name_and_the_version_are_read() -> None:
    assert read_hello(hello("imap.op.test", ssl.TLSVersion.TLSv1_3)) == (
        "imap.op.test", True, False,
    )  # fmt: skip


def test_a_client_without_server_name_or_tls_1_3_is_told() -> None:
    assert read_hello(hello(None, ssl.TLSVersion.TLSv1_2)) == ("", False, False)


def test_what_is_no_client_hello_is_none() -> None:
    assert read_hello(b"EHLO x\r\n") is None
