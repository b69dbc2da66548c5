"""What foreign clients do is observed, in the tables that a simulation gives."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.analysis.metrics import headline, latency, login_weights
from tests.live.clients.curl import mailbox_status, send
from tests.live.clients.world import ClientLogin, World, running_world

DESIGN = "multi-port"


@pytest.fixture
def world() -> Iterator[World]:
    """A space of its own: what it saw is counted."""
    with running_world() as found:
        yield found


def test_logins_refusals_and_deliveries_are_told_as_a_simulation_tells_them(world: World) -> None:
    card, phone = world.login("cps"), world.login("ecps")
    at = world.endpoint(DESIGN, "imap.cps")
    assert mailbox_status(world, at, card, "EXTERNAL").code == 0
    at = world.endpoint(DESIGN, "imap.ciba")
    assert mailbox_status(world, at, phone, "PLAIN").code == 0
    assert mailbox_status(world, at, ClientLogin(phone.address, phone.user, "x"), "PLAIN").code != 0
    recipient, mark = world.login("cps", operator=world.second).address, world.mark()
    at = world.endpoint(DESIGN, "smtp.cps")
    assert send(world, at, card, "EXTERNAL", recipient, mark).code == 0
    world.arrived(recipient, mark)
    run = world.space.observations(DESIGN)
    logins = run.tables["login_totals"].query("measure == 'machine'")
    counted = logins.set_index(["protocol", "method"])["count"].to_dict()
    assert counted == {("imap", "cps"): 1, ("imap", "ecps"): 1, ("smtp", "cps"): 1}
    assert list(run.tables["failures"]["cause"]) == ["credentials"]
    assert run.tables["deliveries"]["count"].sum() == 1
    assert set(run.tables["phases"].query("method == 'ecps'")["phase"]) >= {"tls", "backend"}
    assert latency(run, "ecps", "machine")["mean"] > 0
    assert headline(run, login_weights([run]))["failure_share"] == pytest.approx(1 / 4)
