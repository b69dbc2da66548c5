"""A name server for the software alone: the gates' names, and which questions came."""

from __future__ import annotations

import contextlib
import socket
import threading

import dns.exception
import dns.message
import dns.rdatatype

from sandbox.trust.resolver import Resolver
from sandbox.trust.zone import ZoneSpec

__all__ = ["NameServer"]


class NameServer:
    """Answers over UDP on the loopback.

    Attributes:
        address, port: where.
        queries: name and type, oldest first.
    """

    def __init__(self, zone: ZoneSpec, address: str) -> None:
        self._resolver = Resolver(zone)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 0))
        self.address, self.port = self._socket.getsockname()
        self.queries: list[tuple[str, str]] = []
        threading.Thread(target=self._serve, name="gate-dns", daemon=True).start()

    def close(self) -> None:
        """Answer no more."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                data, client = self._socket.recvfrom(65_536)
                if not data:
                    return
                with contextlib.suppress(dns.exception.DNSException):
                    for each in dns.message.from_wire(data).question:
                        kind = dns.rdatatype.to_text(each.rdtype)
                        self.queries.append((each.name.to_text(omit_final_dot=True).lower(), kind))
                reply = self._resolver.answer(data, "udp").data
                if reply is not None:
                    self._socket.sendto(reply, client)
