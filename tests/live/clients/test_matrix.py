"""Every method, by every mechanism that carries it, at every endpoint of every design: curl."""

from __future__ import annotations

import pytest

from tests.live.clients.curl import mailbox_status, send
from tests.live.clients.world import Case, World, cases


@pytest.mark.parametrize("case", cases("imap"), ids=lambda case: case.id)
def test_a_mailbox_is_read(world: World, case: Case) -> None:
    at = world.endpoint(case.endpoint.design, case.endpoint.name)
    login = world.login(case.method, case.mechanism)
    outcome = mailbox_status(world, at, login, case.mechanism)
    assert "* STATUS INBOX (MESSAGES" in outcome.out, outcome.said


@pytest.mark.parametrize("case", cases("smtp"), ids=lambda case: case.id)
def test_a_message_reaches_the_other_operator(world: World, case: Case) -> None:
    at = world.endpoint(case.endpoint.design, case.endpoint.name)
    login = world.login(case.method, case.mechanism)
    recipient = world.login("cps", operator=world.second).address
    mark = world.mark()
    outcome = send(world, at, login, case.mechanism, recipient, mark)
    assert outcome.code == 0, outcome.said
    assert f"From: {login.address}".encode() in world.arrived(recipient, mark)
