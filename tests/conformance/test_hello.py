"""What is read in a ClientHello that OpenSSL wrote."""

from __future__ import annotations

import ssl

from sandbox.conformance.client.hello import TLS12, TLS13, read_hello


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


def test_name_versions_and_suites_are_read() -> None:
    read = read_hello(hello("imap.op.test", ssl.TLSVersion.TLSv1_3))
    assert read is not None
    assert (read.name, read.versions, read.resumes) == ("imap.op.test", (TLS13, TLS12), False)
    assert 0x1301 in read.suites


def test_a_client_without_server_name_or_tls_1_3_is_told() -> None:
    read = read_hello(hello(None, ssl.TLSVersion.TLSv1_2))
    assert read is not None
    assert (read.name, read.tls13, read.versions) == ("", False, (TLS12,))


def test_what_is_no_client_hello_is_none() -> None:
    assert read_hello(b"EHLO x\r\n") is None


def test_half_a_client_hello_is_none() -> None:
    assert read_hello(hello("imap.op.test", ssl.TLSVersion.TLSv1_3)[:60]) is None
