"""Notifications of Pro Santé Connect: what wakes a login that waits, and what does not."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from sandbox.operators.auth.ciba_ping import PATH, Pings, with_pings

BODY = b'{"auth_req_id": "r"}'


def test_a_notification_wakes_the_request_that_it_is_about_and_no_other() -> None:
    pings = Pings()
    with pings.awaited() as (token, mine), pings.awaited() as (_, other):
        assert pings.notified(f"Bearer {token}", BODY) == 204
        assert (mine.is_set(), other.is_set()) == (True, False)


def test_a_notification_after_the_end_is_nobody_s() -> None:
    pings = Pings()
    with pings.awaited() as (token, _):
        pass
    assert pings.notified(f"Bearer {token}", BODY) == 401


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer stranger", "Basic {token}"])
def test_without_the_token_of_a_request_nothing_is_told(given: str) -> None:
    pings = Pings()
    with pings.awaited() as (token, event):
        assert pings.notified(given.format(token=token), BODY) == 401
        assert not event.is_set()


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"auth_req_id": 1}', b"[" * 9_000])
def test_a_body_that_names_no_request_is_refused(body: bytes) -> None:
    pings = Pings()
    with pings.awaited() as (token, event):
        assert pings.notified(f"Bearer {token}", body) == 400
        assert not event.is_set()


def test_over_http_other_paths_are_the_application_s() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def work() -> None:
        pings = Pings()
        transport = httpx.ASGITransport(with_pings(app, pings))
        async with httpx.AsyncClient(transport=transport, base_url="https://op") as http:
            with pings.awaited() as (token, event):
                bearer = {"authorization": f"Bearer {token}"}
                assert (await http.get("/")).status_code == 418
                assert (await http.get(PATH)).status_code == 405
                large = await http.post(PATH, content=b"x" * 20_000, headers=bearer)
                assert large.status_code == 413
                told = await http.post(PATH, content=BODY, headers=bearer)
                assert told.status_code == 204
                assert event.is_set()

    asyncio.run(work())
