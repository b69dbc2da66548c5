"""One way to serve: what a server of the sandbox listens on by TCP is a `Door` of this package.

A `Door` binds a loopback address, bounds what strangers may take, does TLS, and hands each
connection to an `asyncio.Protocol` that its factory makes. IMAP, SMTP, the relay, LDAP and DNS over
TCP are such protocols; HTTP is one too (`HttpServer`, uvicorn's parser). So whatever one door
survives, all do: who opens many connections and asks nothing is cut first (`waiting`), silent and
half requests have their time, handshakes under way are counted. A `Pool` shares out descriptors
between doors. Two listeners are no servers, and no doors: the tap and the gate of `conformance`,
which hand on what software says, octet by octet. `loop` runs services beside synchronous code;
`tls` has the contexts of both sides; `pages` has the one look of all pages.

It knows libraries and `space.errors`, and nothing of what is served.
"""

from sandbox.serve.binding import BindError, bind, check_loopback
from sandbox.serve.door import Door, DoorLimits, Visitor
from sandbox.serve.http import HttpServer
from sandbox.serve.loop import Loop, Service, running, serve_until_interrupted, stopped_by_sigterm
from sandbox.serve.tls import Tls, client_context, server_context
from sandbox.serve.waiting import Pool

__all__ = [
    "BindError",
    "Door",
    "DoorLimits",
    "HttpServer",
    "Loop",
    "Pool",
    "Service",
    "Tls",
    "Visitor",
    "bind",
    "check_loopback",
    "client_context",
    "running",
    "serve_until_interrupted",
    "server_context",
    "stopped_by_sigterm",
]
