"""Thunderbird reads and sends: through the CIBA proxy (the telephone rings), and with a card."""

from __future__ import annotations

import smtplib
import socket
import time
from pathlib import Path

import pytest

from tests.live.clients import thunderbird as tb
from tests.live.clients.programs import names_of, needed
from tests.live.clients.world import World


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("method", ["ecps", "cps"])
def test_thunderbird_receives_and_sends(world: World, tmp_path: Path, method: str) -> None:
    needed("thunderbird", "certutil", "pk12util")
    env = names_of(world.hosts)
    mailbox, port = tb.mailbox_of(world.sheet, method), free_port()
    tb.make_profile(tmp_path / "profile", mailbox, world.sheet["ca"]["roots"], port)
    other, mark, answer = world.login("cps", operator=world.second), world.mark(), world.mark()
    at = world.endpoint("single-endpoint", "smtp", world.second)
    with smtplib.SMTP_SSL(at["address"], at["port"], context=world.context(other)) as smtp:
        smtp.ehlo()
        smtp.auth("EXTERNAL", lambda _=None: other.address)
        smtp.send_message(world.message(other.address, mailbox.user, mark))
    with tb.thunderbird(tmp_path / "profile", port, env) as session:
        if mailbox.password:
            hosts = mailbox.imap[0], mailbox.smtp[0]
            session.script(tb.REMEMBER, *hosts, mailbox.user, mailbox.password)
        end = time.monotonic() + tb.PATIENCE
        while mark not in (seen := session.script(tb.SUBJECTS)):
            assert time.monotonic() < end, f"{mark} not among {seen}"
        session.script(tb.SEND, other.address, answer)
    assert b"From: " + mailbox.user.encode() in world.arrived(other.address, answer)
