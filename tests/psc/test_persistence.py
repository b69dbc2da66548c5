"""Ids, tokens, keys, links and the clock survive a restart; memory stays bounded."""

from __future__ import annotations

import resource
import stat
from pathlib import Path

import pytest

from sandbox.psc import Behaviour, Clock, Provider, ProviderOptions, settings_for
from sandbox.psc.store import ProviderStore, fingerprint
from sandbox.space.errors import UserError
from tests.psc.conftest import CLIENTS, DOCTOR, PHARMACIST, START, Dialogue, make_provider
from tests.psc.test_request import refused


def restart(path, **changes) -> Dialogue:
    provider = Provider(
        settings_for("core", **changes),
        "https://localhost:9",
        options=ProviderOptions(clients=CLIENTS),
        store=ProviderStore(path),
        clock=Clock(START),
    )
    return Dialogue(provider)


def test_a_pending_request_and_its_throttle_survive(tmp_path):
    before = restart(tmp_path / "s.db")
    auth_req_id = before.start()
    refused(before.poll(auth_req_id), 400, "authorization_pending")
    before.provider.store.close()
    after = restart(tmp_path / "s.db")
    refused(after.poll(auth_req_id), 400, "slow_down")
    after.decide()
    after.provider.advance(10)
    assert after.poll(auth_req_id).status == 200
    after.provider.store.close()
    last = restart(tmp_path / "s.db")
    refused(last.poll(auth_req_id), 400, "invalid_grant")


def test_tokens_keys_and_the_clock_survive(tmp_path):
    before = restart(tmp_path / "s.db")
    body = before.tokens()
    jwks = before.provider.ring.jwks(0)
    now = before.provider.now()
    before.provider.store.close()
    after = restart(tmp_path / "s.db")
    assert after.introspect(body["access_token"])["active"] is True
    assert after.provider.ring.jwks(0) == jwks
    assert after.provider.now() == now
    refresh = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
    assert after.token(**refresh).status == 200


def test_what_a_person_was_about_to_do_survives(tmp_path):
    before = restart(tmp_path / "s.db")
    before.provider.behave(Behaviour(kind="approve", delay=8))
    auth_req_id = before.start()
    before.provider.store.close()
    after = restart(tmp_path / "s.db")
    after.provider.advance(8)
    assert after.poll(auth_req_id).status == 200


def test_a_replayed_assertion_is_still_refused_after_a_restart(tmp_path):
    before = restart(tmp_path / "s.db")
    form = {"scope": "openid", "login_hint": DOCTOR, **before.assertion("jwt")}
    assert before.raw("", None, **form).status == 200
    before.provider.store.close()
    refused(restart(tmp_path / "s.db").raw("", None, **form), 401, "invalid_client")


def test_the_state_file_is_private_and_holds_no_token(tmp_path):
    path = tmp_path / "s.db"
    dialogue = restart(path)
    auth_req_id = dialogue.start()
    dialogue.decide()
    body = dialogue.poll(auth_req_id).body
    dialogue.provider.store.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    stored = path.read_bytes()
    for secret in (auth_req_id, body["access_token"], body["refresh_token"]):
        assert secret.encode() not in stored


def test_a_state_file_that_is_none_is_a_user_error(tmp_path):
    path = tmp_path / "s.db"
    path.write_text("not a database at all, but long enough to be read as one" * 30)
    with pytest.raises(UserError, match=r"s\.db"):
        ProviderStore(path)


def test_a_transaction_that_fails_leaves_nothing():
    store = ProviderStore()

    def fail() -> None:
        with store.transaction():
            store.put("k", "a", {}, expires=1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert store.get("k", "a") is None
    assert store.add("k", "a", expires=1) is True
    assert store.add("k", "a", expires=1) is False


def test_expired_entries_leave_the_store():
    store = ProviderStore()
    for n in range(10):
        store.put("k", fingerprint(str(n)), {}, expires=n)
    assert store.purge(5) == 5
    assert store.count("k") == 5


def resident_bytes() -> int:
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def test_ten_thousand_pending_requests_use_bounded_memory_and_no_timer_storm():
    core = Dialogue(make_provider("core"))
    before = resident_bytes()
    for n in range(10_000):
        core.start(login_hint=DOCTOR if n % 2 else PHARMACIST)
    # Store, timers and events together; the event log is capped, the store is purged.
    assert resident_bytes() - before < 60_000_000
    assert core.provider.requests.pending == 10_000
    assert core.provider.requests.next_due() == START + 120
    core.provider.advance(120)
    assert core.provider.requests.pending == 0
    core.provider.advance(2_000)
    assert core.provider.store.count("ciba") == 0
    assert core.provider.requests.next_due() is None
