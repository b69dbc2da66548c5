"""The operator's own CIBA: an SMS whose link decides once, its inbox and its pages."""

from __future__ import annotations

import pytest

from sandbox.psc import Behaviour, ProviderOptions, running
from sandbox.psc.sms import SmsInbox, SmsLaw
from sandbox.psc.store import ProviderStore
from sandbox.space.errors import UserError
from sandbox.space.laws import WaitLaw
from tests.psc.conftest import CLIENTS, SECRET, begin, http


@pytest.fixture
def operator():
    options = ProviderOptions(clients=CLIENTS, sms=SmsLaw())
    with running("core", device="sms", options=options) as server, http(server) as client:
        yield server, client


def test_the_operators_ciba_sends_a_link_that_decides_once(operator):
    server, client = operator
    auth_req_id = begin(server, client)
    (sms,) = client.get(server.origin + "/sandbox/sms").json()["sms"]
    assert sms["number"] == "+33700000018"
    assert f'href="{sms["link"]}"' in client.get(server.origin + "/sms").text
    assert "&lt;b&gt;77&lt;/b&gt;" in client.get(sms["link"]).text
    # Reading the link, as a scanner would, decides nothing.
    form = {
        "grant_type": "urn:openid:params:grant-type:ciba",
        "auth_req_id": auth_req_id,
    }
    pending = client.post(server.url("token"), data=form, auth=("basic", SECRET))
    assert pending.json()["error"] == "authorization_pending"
    assert client.post(sms["link"], data={"decision": "approve"}).status_code == 200
    assert client.get(sms["link"]).status_code == 410
    inbox = client.get(server.origin + "/sms").text
    assert "Lien utilisé ou expiré" in inbox
    assert '<a class="button' not in inbox
    assert client.post(sms["link"], data={"decision": "refuse"}).status_code == 410
    server.advance(5)
    assert client.post(server.url("token"), data=form, auth=("basic", SECRET)).status_code == 200


def test_the_page_of_sms_is_told_when_one_comes_and_when_it_is_answered():
    options = ProviderOptions(clients=CLIENTS, sms=SmsLaw(wait=WaitLaw(10, 0)))
    with running("core", device="sms", options=options) as server, http(server) as client:
        assert 'hx-trigger="live:phones from:body"' in client.get(server.origin + "/sms").text
        with client.stream("GET", server.origin + "/sms/events") as stream:
            told = (line for line in stream.iter_lines() if line.startswith("event:"))
            assert next(told) == "event: sms"  # what is there already
            begin(server, client)
            server.advance(10)
            assert next(told) == "event: sms"
            (sms,) = client.get(server.origin + "/sandbox/sms").json()["sms"]
            client.post(sms["link"], data={"decision": "approve"})
            assert next(told) == "event: sms"


@pytest.mark.parametrize(
    ("path", "first_line"), [("/sms/events", "retry: 1000"), ("/events", "id: 1")]
)
def test_so_many_listen_to_a_stream_and_no_more(monkeypatch, path, first_line):
    monkeypatch.setattr("sandbox.serve.streams.MOST_STREAMS", 1)
    headers = {"Accept": "text/event-stream"}
    with running("core", device="sms", options=ProviderOptions(clients=CLIENTS)) as server:
        url = server.origin + path
        with http(server) as client:
            server.provider.events.add(0, "clock", "é", "live")
            with client.stream("GET", url, headers=headers) as first:
                told = first.iter_lines()
                assert next(told) == first_line
                refusal = client.get(url, headers=headers)
                assert refusal.status_code == 503
                assert "too many pages" in refusal.json()["error"]["en"]
            while True:  # the server hears that the first has hung up, in its own time
                with client.stream("GET", url, headers=headers) as after:
                    if after.status_code == 200:
                        break


def test_who_listens_late_hears_all_that_is_kept_and_not_the_first_thousand_alone():
    with running("core", device="sms", options=ProviderOptions(clients=CLIENTS)) as server:
        for _ in range(1_500):
            server.provider.events.add(0, "clock")
        headers = {"Accept": "text/event-stream"}
        with (
            http(server) as client,
            client.stream("GET", server.origin + "/events", headers=headers) as stream,
        ):
            told = (line for line in stream.iter_lines() if line.startswith("id: "))
            assert [next(told) for _ in range(1_500)][-1] == "id: 1500"


def test_a_person_with_a_behaviour_answers_once_the_sms_has_come():
    options = ProviderOptions(
        clients=CLIENTS,
        sms=SmsLaw(wait=WaitLaw(10, 0)),
        behaviour=Behaviour(kind="approve"),
    )
    with running("core", device="sms", options=options) as server, http(server) as client:
        auth_req_id = begin(server, client)
        form = {"grant_type": "urn:openid:params:grant-type:ciba", "auth_req_id": auth_req_id}
        waiting = client.post(server.url("token"), data=form, auth=("basic", SECRET))
        assert waiting.json()["error"] == "authorization_pending"
        server.advance(10)
        answer = client.post(server.url("token"), data=form, auth=("basic", SECRET))
        assert answer.status_code == 200


def test_nobody_answers_an_sms_that_was_lost():
    options = ProviderOptions(
        clients=CLIENTS, sms=SmsLaw(loss=1), behaviour=Behaviour(kind="approve")
    )
    with running("core", device="sms", options=options) as server, http(server) as client:
        begin(server, client)
        server.advance(60)
        assert server.provider.requests.pending == 1


def test_a_link_dies_with_its_request(operator):
    server, client = operator
    begin(server, client)
    (sms,) = client.get(server.origin + "/sandbox/sms").json()["sms"]
    server.advance(120)
    assert client.get(sms["link"]).status_code == 410
    assert client.get(server.origin + "/s/unknown").status_code == 410
    assert client.post(sms["link"], data={"decision": "maybe"}).status_code == 400


def test_sms_are_late_and_lost_as_the_law_says_and_replay_by_seed():
    def sent(seed):
        inbox = SmsInbox(ProviderStore(), "https://h", SmsLaw(wait=WaitLaw(5, 1), loss=0.2), seed)
        return [inbox.send("+33", "t", None, 0.0, 120.0)["arrives_at"] for _ in range(500)]

    arrivals = sent(1)
    lost = sum(at is None for at in arrivals) / len(arrivals)
    assert lost == pytest.approx(0.2, abs=4 * (0.16 / 500) ** 0.5)
    assert sent(1) == arrivals != sent(2)


def test_an_sms_cannot_be_used_before_it_arrives():
    inbox = SmsInbox(ProviderStore(), "https://h", SmsLaw(wait=WaitLaw(5, 1)), 1)
    sms = inbox.send("+33", "t", "42", 0.0, 120.0)
    token = sms["link"].rpartition("/")[2]
    assert inbox.open(token, 0.0) is None
    assert inbox.arrived(0.0) == []
    assert inbox.spend(token, sms["arrives_at"])["ticket"] == "t"
    assert inbox.spend(token, sms["arrives_at"]) is None


@pytest.mark.parametrize("law", [{"wait": WaitLaw(-1, 1)}, {"loss": 2}, {"wait": WaitLaw(5, 11)}])
def test_an_sms_law_that_is_none_is_a_user_error(law):
    with pytest.raises(UserError):
        SmsLaw(**law)
