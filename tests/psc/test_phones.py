"""The phones and the card readers: Python, control API, pages."""

from __future__ import annotations

import re

import pytest

from sandbox.psc import Behaviour, Client, ProviderOptions
from sandbox.psc.behaviour import KINDS
from sandbox.psc.requests import ticket_of
from sandbox.psc.store import ProviderStore
from sandbox.space.errors import UserError
from tests.psc.conftest import DOCTOR, PHARMACIST, SECRET, begin, http, make_provider


@pytest.fixture
def api(core_server, core_http):
    def call(method: str, path: str, body=None, **members):
        return core_http.request(method, core_server.origin + path, json=body, **members)

    yield call
    core_server.provider.devices.behaviours.clear()
    core_server.provider.behave(Behaviour())
    core_server.provider.faults.replace(())
    core_server.provider.devices.reachable = True


def bare(server):
    """A browser that was not given the secret."""
    client = http(server)
    client.cookies.clear()
    return client


def test_the_api_shows_the_request_with_its_binding_message_and_never_its_id(
    api, core_server, core_http
):
    auth_req_id = begin(core_server, core_http, "899700000034")
    shown = api("GET", "/sandbox/requests?state=pending&national_id=899700000034")
    (item,) = shown.json()["requests"]
    assert (item["binding_message"], item["channel"]) == ("<b>77</b>", "MOBILE")
    assert auth_req_id not in shown.text
    done = api("POST", f"/sandbox/requests/{item['ticket']}/approve", {})
    assert done.json()["state"] == "approved"
    assert api("POST", f"/sandbox/requests/{item['ticket']}/approve", {}).status_code == 409


def test_the_api_decides_the_newest_request_so_that_an_abandoned_one_shifts_nothing(
    api, core_server, core_http
):
    begin(core_server, core_http, PHARMACIST)  # abandoned
    wanted = begin(core_server, core_http, PHARMACIST)
    body = {"national_id": PHARMACIST, "decision": "refuse"}
    (decided,) = api("POST", "/sandbox/decide", body).json()["decided"]
    assert decided["state"] == "denied"
    assert decided["ticket"] == ticket_of(wanted)
    (older,) = api("POST", "/sandbox/decide", {**body, "which": "oldest"}).json()["decided"]
    assert older["ticket"] != decided["ticket"]
    assert api("POST", "/sandbox/decide", body).status_code == 404


def test_the_api_decides_all_that_waits_for_one_client(api, core_server, core_http):
    for client_id in ("basic", "other", "basic"):
        begin(core_server, core_http, PHARMACIST, client_id)
    body = {"national_id": PHARMACIST, "client_id": "basic", "which": "all", "decision": "approve"}
    decided = api("POST", "/sandbox/decide", body).json()["decided"]
    assert [each["client_id"] for each in decided] == ["basic", "basic"]
    rest = {"national_id": PHARMACIST, "decision": "refuse"}
    assert api("POST", "/sandbox/decide", rest).json()["decided"][0]["client_id"] == "other"


def test_a_ping_posted_to_the_control_api_decides_nothing(api, core_server, core_http):
    auth_req_id = begin(core_server, core_http, PHARMACIST)
    assert api("POST", "/sandbox/decide", {"auth_req_id": auth_req_id}).status_code == 400
    assert core_server.provider.requests.waiting(PHARMACIST)
    api("POST", "/sandbox/decide", {"national_id": PHARMACIST, "decision": "refuse"})


@pytest.mark.parametrize(
    "path", ["/events", "/sms/events", "/sandbox/people", "/sandbox/sms", "/sandbox/clock"]
)
def test_the_control_api_asks_for_its_secret(core_server, path):
    with bare(core_server) as client:
        url = core_server.origin + path
        assert client.get(url).status_code == 401
        assert client.get(url, headers={"Authorization": "Bearer wrong"}).status_code == 401
        held = {"Authorization": f"Bearer {core_server.provider.control_secret}"}
        with client.stream("GET", url, headers=held) as answer:  # one of them has no end
            assert answer.status_code == 200


def test_a_browser_opens_the_phones_once_with_the_secret(core_server):
    with bare(core_server) as client:
        assert client.get(core_server.origin + "/").status_code == 401
        first = client.get(core_server.phones)
        assert first.status_code == 303
        cookie = first.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "secret" not in first.headers["location"]
        assert client.get(core_server.provider.wallet_origin + "/").status_code == 200


def test_a_client_given_at_the_start_is_not_replaced(api):
    taken = {"client_id": "basic", "client_secret": SECRET}
    assert api("POST", "/sandbox/clients", taken).status_code == 409


def test_a_notification_endpoint_at_the_space_s_own_services_is_refused(api, core_server):
    client = {"client_id": "spy", "client_secret": SECRET, "delivery_mode": "ping"}
    for origin in (core_server.origin, core_server.provider.mtls_origin):
        own = {**client, "notification_endpoint": f"{origin}/sandbox/decide"}
        assert api("POST", "/sandbox/clients", own).status_code == 400
    reserved = ProviderOptions(clients=(), reserved=frozenset({"127.9.0.1"}))
    provider = make_provider(options=reserved)
    with pytest.raises(UserError, match="l'espace"):
        provider.register(
            Client.from_dict({**client, "notification_endpoint": "https://127.9.0.1/x"})
        )


@pytest.mark.parametrize(
    "uri", ["javascript:alert(1)", "data:text/html,x", "https:///x", "file:/x"]
)
def test_a_redirect_uri_that_runs_in_the_browser_is_refused(uri):
    with pytest.raises(UserError, match="redirect_uris"):
        Client(client_id="x", client_secret=SECRET, redirect_uris=(uri,))


def test_a_redirect_uri_of_an_application_is_accepted():
    Client(client_id="x", client_secret=SECRET, redirect_uris=("fr.exemple.app:/retour",))


def test_the_clock_goes_back_to_real_time_on_demand(tmp_path):
    store = ProviderStore(tmp_path / "state.db")
    provider = make_provider(store=store)
    provider.advance(35)
    before = make_provider(store=store).now()
    provider.reset_clock()
    assert make_provider(store=store).now() == before - 35
    assert not provider.clock.frozen


def test_a_poll_that_waits_is_logged_as_a_poll_not_as_a_refusal(core):
    auth_req_id = core.start()
    core.poll(auth_req_id)
    assert core.refusals == []
    assert [e.kind for e in core.provider.events.since()] == ["request", "poll"]


def test_the_api_moves_the_clock(api):
    before = api("GET", "/sandbox/clock").json()["now"]
    assert api("POST", "/sandbox/clock", {"advance": 50}).json()["now"] >= before + 50


def test_the_api_sets_behaviours_clients_keys_and_device(api, core_server):
    assert api("POST", "/sandbox/behaviour", {"kind": "approve"}).status_code == 200
    assert core_server.provider.devices.behaviour.kind == "approve"
    new = {"client_id": "new", "client_secret": SECRET}
    assert api("POST", "/sandbox/clients", new).status_code == 201
    assert SECRET not in api("GET", "/sandbox/clients").text
    kids = api("POST", "/sandbox/keys/rotate", {"grace": 10}).json()["keys"]
    assert len(kids) >= 4
    assert api("POST", "/sandbox/device", {"reachable": False}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/sandbox/behaviour", {"kind": "sleep"}),
        ("POST", "/sandbox/behaviour", {"kind": "approve", "national_id": "nobody"}),
        ("POST", "/sandbox/behaviour", {"national_id": 3}),
        ("POST", "/sandbox/clock", {"advance": -1}),
        ("POST", "/sandbox/clock", {"advance": "x"}),
        ("POST", "/sandbox/clock", [1]),
        ("POST", "/sandbox/clock", {"freeze": "yes"}),
        ("POST", "/sandbox/clock", {"rewind": 1}),
        ("POST", "/sandbox/faults", {"fault": "unknown"}),
        ("PUT", "/sandbox/faults", {"rules": "x"}),
        ("PUT", "/sandbox/faults", {"rules": [], "seed": "x"}),
        ("POST", "/sandbox/clients", {"client_id": "x", "auth_method": "none"}),
        ("POST", "/sandbox/keys/rotate", {"grace": -1}),
        ("POST", "/sandbox/device", {"reachable": "no"}),
        ("POST", "/sandbox/decide", {"decision": "maybe"}),
        ("POST", "/sandbox/decide", {"national_id": 1}),
    ],
)
def test_the_api_answers_bad_input_with_400_and_one_line(api, method, path, body):
    answer = api(method, path, body)
    assert answer.status_code == 400
    assert "\n" not in answer.json()["error"]


def test_the_api_refuses_what_a_page_of_another_origin_could_send(api, core_http, core_server):
    url = core_server.origin + "/sandbox/clock"
    form = core_http.post(url, content='{"advance": 5}', headers={"Content-Type": "text/plain"})
    assert form.status_code == 400
    rebound = core_http.get(url, headers={"Host": "evil.example"})
    assert rebound.status_code == 421


def test_events_are_a_log_and_a_live_stream(api, core_server, core_http):
    begin(core_server, core_http)
    last = core_server.provider.events.last
    listed = api("GET", f"/events?since={last - 1}").json()["events"]
    assert [event["seq"] for event in listed] == [last]
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(last)}
    with core_http.stream("GET", core_server.origin + "/events", headers=headers) as stream:
        core_server.provider.events.add(0, "clock", "é", "live")
        lines = stream.iter_lines()
        assert next(lines) == f"id: {last + 1}"
        assert next(lines) == "event: clock"


def test_the_phones_page_has_the_look_of_all_pages_and_a_policy(core_server, core_http):
    page = core_http.get(core_server.origin + "/")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert all(kind in page.text for kind in KINDS)
    addresses = re.findall(r'(?:src|href)="(/shared/[^"]*)"', page.text)
    assert {"/shared/style.css", "/shared/live.js"} <= set(addresses)
    for address in addresses:
        assert core_http.get(core_server.origin + address).status_code == 200


def test_a_telephone_rings_on_the_page_and_a_wrong_number_counts(api, core_server, core_http):
    form = {"scope": "openid", "login_hint": DOCTOR, "binding_message": "4711"}
    asked = core_http.post(core_server.url("backchannel"), data=form, auth=("basic", SECRET))
    ticket = ticket_of(asked.json()["auth_req_id"])
    page = core_http.get(core_server.origin + "/").text
    assert f'data-api="POST /sandbox/requests/{ticket}"' in page
    numbers = set(re.findall(rf'{ticket}".*?name="number" value="(\d+)"', page))
    assert "4711" in numbers
    assert len(numbers) == 3
    path = f"/sandbox/requests/{ticket}"
    wrong = api("POST", path, {"decision": "approve", "number": min(numbers - {"4711"})}).json()
    assert (wrong["state"], wrong["wrong_codes"]) == ("pending", 1)
    assert api("POST", path, {"decision": "maybe"}).status_code == 404
    right = api("POST", path, {"decision": "approve", "number": "4711"}).json()
    assert right["state"] == "approved"


def test_a_card_and_a_message_that_is_no_number_are_shown_as_such(api, core_server, core_http):
    form = {
        "scope": "openid", "login_hint": DOCTOR, "binding_message": "<b>77</b>", "channel": "CARD",
    }  # fmt: skip
    asked = core_http.post(core_server.url("backchannel"), data=form, auth=("basic", SECRET))
    ticket = ticket_of(asked.json()["auth_req_id"])
    page = core_http.get(core_server.origin + "/").text
    ring = page[page.index(f"ring-{ticket}") : page.index("</article>", page.index(ticket))]
    assert "Carte CPS au lecteur" in ring
    assert re.findall(r'name="decision" value="(\w+)"', ring) == ["approve", "wrong_code", "refuse"]
    wrong = api("POST", f"/sandbox/requests/{ticket}", {"decision": "wrong_code"}).json()
    assert (wrong["state"], wrong["wrong_codes"]) == ("pending", 1)


# --- the operator's CIBA by SMS ------------------------------------------------------------------
