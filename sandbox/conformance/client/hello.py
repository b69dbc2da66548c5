"""What software offers when TLS begins: its ClientHello (RFC 8446 §4.1.2, RFC 5246 §7.4.1.2)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TLS12", "TLS13", "ClientHello", "read_hello"]

SERVER_NAME, SESSION_TICKET, PRE_SHARED_KEY, VERSIONS = 0, 35, 41, 43
TLS12, TLS13 = 0x0303, 0x0304


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What a client offered.

    Attributes:
        name: server name (SNI), empty where it sent none.
        versions: of TLS, by number; the highest alone before TLS 1.3.
        suites: by number.
        resumes: it came with a ticket of an earlier session.
    """

    name: str
    versions: tuple[int, ...]
    suites: tuple[int, ...]
    resumes: bool

    @property
    def tls13(self) -> bool:
        """Whether TLS 1.3 is among them."""
        return TLS13 in self.versions


def _numbers(data: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(data[i : i + 2]) for i in range(0, len(data) - 1, 2))


def read_hello(record: bytes) -> ClientHello | None:
    """Return what the first TLS record of a connection offers; None where it is no ClientHello."""
    if record[:1] != b"\x16" or record[5:6] != b"\x01":
        return None
    try:
        return _read(record[9:])
    except IndexError:
        return None


def _read(body: bytes) -> ClientHello:
    at = 34  # version, random
    at += 1 + body[at]  # session
    end = at + 2 + int.from_bytes(body[at : at + 2])
    suites = _numbers(body[at + 2 : end])
    at = end + 1 + body[end] + 2  # compression, length of the extensions
    found: dict[int, bytes] = {}
    while at + 4 <= len(body):
        kind, size = int.from_bytes(body[at : at + 2]), int.from_bytes(body[at + 2 : at + 4])
        found[kind] = body[at + 4 : at + 4 + size]
        at += 4 + size
    versions = _numbers(found[VERSIONS][1:]) if VERSIONS in found else _numbers(body[:2])
    return ClientHello(
        name=found.get(SERVER_NAME, b"")[5:].decode("ascii", "replace"),
        versions=versions,
        suites=suites,
        resumes=PRE_SHARED_KEY in found or bool(found.get(SESSION_TICKET)),
    )
