"""Listeners for the tests of operators, said in one line each."""

from __future__ import annotations

import ssl

from sandbox.operators.listener import Listener
from sandbox.operators.model import SaslName
from sandbox.space.designs import Endpoint
from sandbox.space.methods import Method
from sandbox.space.places import Place

__all__ = ["a_listener"]


def a_listener(
    context: ssl.SSLContext, *, name: str = "one", protocol: str = "imap", operator: str = "op1",
    design: str = "d", host: str = "x", methods: tuple[Method, ...] = tuple(Method),
    mechanisms: tuple[SaslName, ...] = (), address: str = "127.0.0.1", port: int = 0,
    tls: str = "implicit", client_certificate: str = "none",
) -> Listener:  # fmt: skip
    """Return a listener of one endpoint, whose names and ports are what is asked for."""
    endpoint = Endpoint(
        name=name, protocol=protocol, methods=methods, host=host, address=name, port=port,
        certificate=name, tls=tls, client_certificate=client_certificate,
    )  # fmt: skip
    place = Place(
        operator=operator, design=design, endpoint=endpoint, host=host, address=address, port=port
    )
    return Listener(place=place, mechanisms=mechanisms, context=context)
