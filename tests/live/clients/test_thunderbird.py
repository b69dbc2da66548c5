"""Thunderbird reads and sends: through the CIBA proxy, by card, by code; and finds its way."""

from __future__ import annotations

import smtplib
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.conformance.software import thunderbird as tb
from sandbox.conformance.software.names import free_port
from sandbox.live.launch import LiveOptions
from sandbox.live.space import LiveSpace
from sandbox.psc import Behaviour
from tests.live.clients.programs import names_of, needed
from tests.live.clients.world import World

DESIGNS = ("single-endpoint", "multi-endpoint")
SOCKETS = {"implicit": tb.IMPLICIT_TLS, "starttls": 2}


@contextmanager
def a_space(**options: Any) -> Iterator[World]:
    """Run a space of its own: what a person approved before would spoil the count."""
    needed("thunderbird", "certutil", "pk12util")
    options = {"designs": DESIGNS, "behaviour": "approve", **options}
    with LiveSpace(LiveOptions(operators=2, **options)) as space:
        yield World(space)


@contextmanager
def started(
    world: World, folder: Path, mailbox: tb.ThunderbirdAccount | None, *, code: bool = False
) -> Iterator[tb.Thunderbird]:
    """Run Thunderbird; it knows the password, followed by a one-time code of now if asked."""
    port, profile = free_port(), folder / "profile"
    tb.make_profile(profile, world.sheet["ca"]["roots"], port, mailbox)
    with tb.thunderbird(profile, port, names_of(world.hosts)) as running:
        if mailbox is not None and mailbox.password:
            password = world.login("totp").password if code else mailbox.password
            running.remember(replace(mailbox, password=password))
        yield running


def written_to(world: World, recipient: str) -> str:
    """Have somebody at the other operator write; return the subject."""
    other, mark = world.login("cps", operator=world.second), world.mark()
    at = world.endpoint("single-endpoint", "smtp", world.second)
    context = world.context(other)
    with smtplib.SMTP_SSL(at["address"], at["port"], context=context) as smtp:
        smtp.ehlo()
        smtp.auth("EXTERNAL", lambda _=None: other.address)
        smtp.send_message(world.message(other.address, recipient, mark))
    return mark


def reads_and_sends(world: World, running: tb.Thunderbird, user: str) -> None:
    running.until(written_to(world, user))
    other, answer = world.login("cps", operator=world.second), world.mark()
    running.send(other.address, answer)
    assert b"From: " + user.encode() in world.arrived(other.address, answer)


def open_all_folders(running: tb.Thunderbird) -> None:
    """Open every folder at once: Thunderbird then makes several connections."""
    end = time.monotonic() + tb.PATIENCE
    while len(running.folders()) < 6:
        assert time.monotonic() < end, running.dialogs()
    running.folders()


def journaled(world: World, event: str) -> list[dict[str, Any]]:
    journal = world.space.operators[world.first].journal
    return [entry for entry in journal.since() if entry["event"] == event]


def rings(world: World) -> int:
    return len(world.space.psc.provider.requests.of())


@pytest.mark.parametrize(
    ("design", "method", "policy"),
    [
        ("single-endpoint", "ecps", "external"),
        ("multi-endpoint", "ecps", "external"),
        ("multi-endpoint", "cps", "certificate-alone"),
    ],
)
def test_thunderbird_receives_and_sends(
    tmp_path: Path, design: str, method: str, policy: str
) -> None:
    with a_space(login_policy=policy) as world:
        mailbox = tb.mailbox_of(world.sheet, method, design)
        with started(world, tmp_path, mailbox) as running:
            reads_and_sends(world, running, mailbox.user)


def test_where_a_card_needs_external_it_reads_and_sends_nothing(tmp_path: Path) -> None:
    with a_space(login_policy="external") as world:
        mailbox = tb.mailbox_of(world.sheet, "cps", "multi-endpoint")
        with started(world, tmp_path, mailbox) as running:
            running.until(written_to(world, mailbox.user))
            with pytest.raises(RuntimeError):
                running.send(mailbox.user, world.mark())
        logins, refused = journaled(world, "login"), journaled(world, "refused")
        ways = {(entry["protocol"], entry["mechanism"]) for entry in logins}
        reasons = {(entry["protocol"], entry["reason"]) for entry in refused}
        assert (ways, reasons) == ({("imap", "EXTERNAL")}, {("smtp", "smtp-login-needed")})


def test_the_telephone_rings_once_for_all_connections(tmp_path: Path) -> None:
    with a_space() as world:
        world.space.psc.provider.behave(Behaviour(kind="approve", delay=3))
        mailbox = tb.mailbox_of(world.sheet, "ecps")
        with started(world, tmp_path, mailbox) as running:
            open_all_folders(running)
            reads_and_sends(world, running, mailbox.user)
        assert len(journaled(world, "login")) >= 4
        assert rings(world) == 1


def test_a_telephone_that_refuses_is_not_rung_for_every_mechanism(tmp_path: Path) -> None:
    with a_space() as world:
        world.space.psc.provider.behave(Behaviour(kind="refuse", delay=1))
        with started(world, tmp_path, tb.mailbox_of(world.sheet, "ecps")) as running:
            end = time.monotonic() + tb.PATIENCE
            while len(journaled(world, "refused")) < 3:
                assert time.monotonic() < end
                running.inbox()
            # Before it is stopped: a login that it leaves then is journaled too.
            refused = journaled(world, "refused")
        assert {entry["mechanism"] for entry in refused} == {"PLAIN", "LOGIN"}
        assert rings(world) == 1


def test_a_code_that_is_good_once_opens_one_connection_and_sends_nothing(tmp_path: Path) -> None:
    with a_space(totp_share=0) as world:
        mailbox = replace(tb.mailbox_of(world.sheet, "totp"), keeps_sent=False)
        with started(world, tmp_path, mailbox, code=True) as running:
            end = time.monotonic() + tb.PATIENCE
            while not (journaled(world, "login") and journaled(world, "refused")):
                assert time.monotonic() < end, running.dialogs()
                running.inbox()
            with pytest.raises(RuntimeError):
                running.send(mailbox.user, world.mark())
            logins, refused = journaled(world, "login"), journaled(world, "refused")
        assert [entry["protocol"] for entry in logins] == ["imap"]
        assert {entry["protocol"] for entry in refused} == {"imap", "smtp"}
        assert {entry["reason"] for entry in refused} == {"code-reused"}


def test_a_code_that_one_client_shares_opens_all_connections(tmp_path: Path) -> None:
    with a_space(totp_share=300) as world:
        mailbox = tb.mailbox_of(world.sheet, "totp")
        with started(world, tmp_path, mailbox, code=True) as running:
            open_all_folders(running)
            reads_and_sends(world, running, mailbox.user)
        assert not journaled(world, "refused")
        assert len(journaled(world, "login")) >= 4


@pytest.fixture
def standard_ports() -> dict[str, Any]:
    """Mozilla's autoconfiguration is asked for at ports 443 and 80 only."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.254.254.254", 80))
        except PermissionError:
            pytest.skip("ports below 1024 need a right that this user lacks")
    return {"designs": ("all",), "port_offset": 0}


def test_an_address_and_a_password_are_enough(
    tmp_path: Path, standard_ports: dict[str, Any]
) -> None:
    with a_space(**standard_ports) as world:
        mailbox = tb.mailbox_of(world.sheet, "ecps")
        with started(world, tmp_path, None) as running:
            running.discover(mailbox.user, mailbox.password)
            reads_and_sends(world, running, mailbox.user)


def test_the_endpoints_that_take_passwords_are_found_in_every_design(
    tmp_path: Path, standard_ports: dict[str, Any]
) -> None:
    with a_space(**standard_ports) as world, started(world, tmp_path, None) as running:
        operator = world.sheet["operators"][0]
        first = next(iter(operator["designs"]))
        for design, endpoints in operator["designs"].items():
            domain = operator["domain"]
            if design != first:
                label, _, suffix = domain.partition(".")
                domain = f"{label}.{design}.{suffix}"
            found = running.discover(f"x@{domain}")
            for protocol, servers in found.items():
                assert sorted(map(tuple, servers)) == sorted(
                    (each["host"], each["port"], SOCKETS[each["tls"]], tb.PASSWORD)
                    for each in endpoints
                    if each["protocol"] == protocol and "PLAIN" in each["mechanisms"]
                ), (design, protocol)
