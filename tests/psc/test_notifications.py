"""Rows P1 to P4: ping and push, as values and on the wire."""

from __future__ import annotations

import json
import ssl
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

import pytest

from sandbox.psc import FaultRule, ProviderOptions, running
from sandbox.psc.jose import ASYMMETRIC, half_hash, read_jwt
from tests.psc.conftest import CIBA, CLIENTS, DOCTOR, NOTIFICATION_TOKEN, SECRET, http
from tests.psc.test_request import refused


def started(core, client_id="ping"):
    return core.start(client_id, client_notification_token=NOTIFICATION_TOKEN)


def test_p1_the_ping_holds_only_auth_req_id_and_the_clients_bearer(core):
    auth_req_id = started(core)
    assert not core.provider.requests.outbox
    core.decide()
    (sent,) = core.provider.requests.outbox
    assert sent.body == {"auth_req_id": auth_req_id}
    assert sent.bearer == NOTIFICATION_TOKEN
    assert sent.url == "https://localhost:1/ping"


@pytest.mark.parametrize("decision", ["approve", "refuse"])
def test_p2_one_notification_whatever_the_decision(core, decision):
    started(core)
    core.decide(decision)
    core.provider.advance(600)
    assert len(core.provider.requests.outbox) == 1


def test_p2_a_ping_client_finds_an_expiry_by_polling(core):
    auth_req_id = started(core)
    core.provider.advance(120)
    assert not core.provider.requests.outbox
    refused(core.poll(auth_req_id, "ping"), 400, "expired_token")


def test_p3_push_delivers_tokens_bound_to_the_request(core):
    auth_req_id = started(core, "push")
    core.decide()
    (sent,) = core.provider.requests.outbox
    body = sent.body
    assert body["auth_req_id"] == auth_req_id
    keys = core.provider.ring.verification_keys(core.provider.now())
    _, claims = read_jwt(body["id_token"], keys, ASYMMETRIC)
    assert claims["urn:openid:params:jwt:claim:auth_req_id"] == auth_req_id
    assert claims["urn:openid:params:jwt:claim:rt_hash"] == half_hash(body["refresh_token"])
    assert claims["at_hash"] == half_hash(body["access_token"])
    assert core.introspect(body["access_token"])["active"] is True


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("refuse", "access_denied"),
        ("expire", "expired_token"),
        ("fail", "transaction_failed"),
        ("fault", "transaction_failed"),
    ],
)
def test_p4_push_errors(core, what, error):
    auth_req_id = started(core, "push")
    if what == "expire":
        core.provider.advance(120)
    elif what == "fault":
        core.provider.faults.replace((FaultRule(fault="transaction_failed"),))
        core.decide()
    else:
        core.decide(what)
    (sent,) = core.provider.requests.outbox
    assert (sent.body["auth_req_id"], sent.body["error"]) == (auth_req_id, error)
    assert "access_token" not in sent.body


def test_p4_a_push_client_at_the_token_endpoint(core):
    refused(core.poll(started(core, "push"), "push"), 400, "unauthorized_client")


class Receiver:
    """A client's notification endpoint over TLS that answers what it is told."""

    def __init__(self, files, status: int) -> None:
        self.got: Queue = Queue()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.put((self.path, self.headers["authorization"], json.loads(body)))
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.chain, files.key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"https://psc.mssante.test:{self.server.server_port}/ping"

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.mark.parametrize("status", [204, 200, 302, 401, 500])
def test_p2_on_the_wire_nothing_is_followed_or_repeated_and_polling_still_works(status):
    with running("core", options=ProviderOptions(clients=CLIENTS)) as psc:
        receiver = Receiver(psc.files, status)
        logged = threading.Event()

        def watch() -> None:
            if any(e.kind == "notification" for e in psc.provider.events.since()):
                logged.set()

        psc.provider.events.listen(watch)
        try:
            ping = next(c for c in CLIENTS if c.client_id == "ping")
            psc.provider.register(replace(ping, notification_endpoint=receiver.url))
            with http(psc, auth=("ping", SECRET)) as client:
                form = {
                    "scope": "openid",
                    "login_hint": DOCTOR,
                    "client_notification_token": NOTIFICATION_TOKEN,
                }
                begun = client.post(psc.url("backchannel"), data=form).json()
                psc.approve()
                path, bearer, body = receiver.got.get(timeout=10)
                assert (path, bearer) == ("/ping", f"Bearer {NOTIFICATION_TOKEN}")
                assert body == {"auth_req_id": begun["auth_req_id"]}
                assert logged.wait(10)
                form = {"grant_type": CIBA, "auth_req_id": begun["auth_req_id"]}
                assert client.post(psc.url("token"), data=form).status_code == 200
            (event,) = [e for e in psc.provider.events.since() if e.kind == "notification"]
            assert str(status) in event.text_en
            assert receiver.got.empty()
        finally:
            receiver.close()


def test_a_notification_endpoint_that_is_down_is_logged(core):
    import asyncio

    from sandbox.psc.notifications import Sender

    started(core)
    core.decide()

    async def send() -> str:
        sender = Sender(verify=True)
        try:
            return await sender.send(core.provider.requests.outbox[0])
        finally:
            await sender.close()

    assert asyncio.run(send()).startswith("not delivered")


def test_a_notification_never_leaves_the_sandbox(core):
    import asyncio

    from sandbox.psc.notifications import Sender

    started(core)
    core.decide()
    outside = replace(core.provider.requests.outbox[0], url="https://example.com/ping")
    assert asyncio.run(Sender(verify=True).send(outside)).startswith("refused")
