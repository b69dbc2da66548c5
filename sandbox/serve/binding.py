"""Listening sockets, on loopback only."""

from __future__ import annotations

import socket
from ipaddress import ip_address

from sandbox.space.errors import UserError

__all__ = ["BindError", "bind", "check_loopback"]


class BindError(UserError):
    """An address or port that cannot be had; `reason` is the system's."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(
            "adresse ou port indisponible ; choisir un autre port",
            "address or port that cannot be had; choose another port",
            where=place,
            then=f"({reason})",
        )
        self.place = place
        self.reason = reason

    def __reduce__(self) -> tuple[type[BindError], tuple[str, str]]:
        """Return what a copy is made of."""
        return BindError, (self.place, self.reason)


def check_loopback(host: str) -> None:
    """Refuse an address that other machines can reach.

    Raises:
        UserError: `host` is not an address of 127.0.0.0/8, nor ::1.
    """
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise UserError(
            "le bac à sable n'écoute que sur 127.0.0.0/8",
            "this sandbox listens on 127.0.0.0/8 only",
            where=host,
        )


def bind(host: str, port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """Return a socket bound to a loopback address; port 0 is any free one.

    Raises:
        UserError: the address is not loopback.
        BindError: it is taken, or may not be had.
    """
    check_loopback(host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With TCP named, asyncio turns Nagle off on what is accepted: else an answer waits 40 ms for a
    # delayed acknowledgement.
    protocol = socket.IPPROTO_TCP if kind is socket.SOCK_STREAM else socket.IPPROTO_UDP
    bound = socket.socket(family, kind, protocol)
    try:
        if kind is socket.SOCK_STREAM:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setblocking(False)  # noqa: FBT003 - positional only
        bound.bind((host, port))
    except (OSError, OverflowError) as error:
        bound.close()
        reason = error.strerror if isinstance(error, OSError) else "port ?"
        raise BindError(f"{host}:{port}", reason or str(error)) from None
    return bound
