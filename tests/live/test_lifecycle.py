"""Domains and mailboxes change while a space runs: nobody loses a message without being told."""

from __future__ import annotations

import contextlib
import imaplib
import json
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rdatatype
import httpx
import pytest
from cryptography import x509

from sandbox.live import lifecycle, live
from sandbox.live.crew import OperatorCrew
from sandbox.live.mailer import MailError, choose, open_imap
from sandbox.live.space import LiveSpace
from sandbox.operators.operator import Operator
from sandbox.operators.store import PackedMailbox, StoreError
from sandbox.serve import client_context
from sandbox.space.places import Place
from tests.live.removed import MESSAGES, STEPS
from tests.live.test_space import account, deliver, quiet, subjects, wait_for

Tree = dict[str, Any]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def space() -> Iterator[LiveSpace]:
    with live(designs=("single-endpoint",), operators=3) as running:
        yield running


def until(true: Callable[[], bool]) -> None:
    """Wait; pytest's time-out is the end of patience."""
    while not true():
        time.sleep(0.02)


def domains(space: LiveSpace) -> dict[str, Tree]:
    return {each["domain"]: each for each in space.life.domains.entries()}


def mx(space: LiveSpace, name: str) -> list[str]:
    query = dns.message.make_query(name, dns.rdatatype.MX)
    at = space.plan.dns
    answer = dns.query.udp(query, at.address, port=at.port, timeout=5)
    return sorted(str(each.exchange) for rrset in answer.answer for each in rrset)


def addresses(space: LiveSpace, host: str) -> list[str]:
    at = space.plan.dns
    answer = dns.query.udp(dns.message.make_query(host, "A"), at.address, port=at.port, timeout=5)
    return [each.address for rrset in answer.answer for each in rrset]


def person(sheet: Tree, operator: int, number: int = 0) -> str:
    name = sheet["operators"][operator]["name"]
    found = [
        each["address"] for each in sheet["accounts"]
        if each["type"] == "PER" and each["operator"] == name
    ]  # fmt: skip
    return str(found[number])


def inbox(space: LiveSpace, address: str) -> list[str]:
    with open_imap(choose(space.sheet, address, "imap"), quiet) as imap:
        return subjects(imap)


def stay(imap: imaplib.IMAP4) -> None:
    while True:
        imap.noop()


def texts(imap: imaplib.IMAP4) -> list[str]:
    imap.select("INBOX", readonly=True)
    _, found = imap.fetch("1:*", "(BODY.PEEK[])")
    return [part[1].decode() for part in found if isinstance(part, tuple)]


def control(space: LiveSpace, method: str, path: str, body: Tree | None = None) -> httpx.Response:
    at = space.sheet["control"]
    return httpx.request(
        method, at["url"] + path, json=body, headers={"Authorization": f"Bearer {at['secret']}"},
        verify=client_context(Path(space.sheet["ca"]["bundle"])), trust_env=False, timeout=60,
    )  # fmt: skip


def test_a_suspended_domain_sends_and_receives_nothing_and_comes_back(space: LiveSpace) -> None:
    ours, theirs = person(space.sheet, 0), person(space.sheet, 1)
    name = ours.partition("@")[2]
    assert control(space, "DELETE", f"/domains/{name}/listing").json()["changed"]
    for sender, recipient in ((theirs, ours), (ours, theirs), (ours, ours)):
        with pytest.raises((smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused)):
            deliver(space.sheet, sender, recipient, "suspended")
    assert "suspended" not in inbox(space, ours)  # it is read all the same
    assert control(space, "PUT", f"/domains/{name}/listing").json()["changed"]
    assert not control(space, "PUT", f"/domains/{name}/listing").json()["changed"]
    deliver(space.sheet, theirs, ours, "restored")
    with open_imap(choose(space.sheet, ours, "imap"), quiet) as imap:
        wait_for(imap, "restored")


def test_a_closed_mailbox_ends_its_sessions_and_takes_no_mail(space: LiveSpace) -> None:
    name = space.sheet["operators"][0]["domain"]
    address = space.add_account(f"ferme@{name}")["address"]
    with open_imap(choose(space.sheet, address, "imap"), quiet) as imap:
        imap.select("INBOX")
        assert control(space, "DELETE", f"/mailboxes/{address}").json() == {"closed": address}
        with pytest.raises(imap.abort):
            stay(imap)
    assert address not in {each["address"] for each in space.sheet["accounts"]}
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        deliver(space.sheet, person(space.sheet, 0), address, "closed")
    label = space.sheet["operators"][0]["name"]
    assert not space.operators[label].store.has_mailbox(address)


def test_who_is_struck_off_is_shut_out_and_comes_back(space: LiveSpace) -> None:
    address = person(space.sheet, 0, 1)
    [holder] = next(a for a in space.sheet["accounts"] if a["address"] == address)["holders"]
    path = f"/people/{holder['identity']}/departure"
    said = control(space, "PUT", path, {"reason": "struck-off"}).json()
    assert address in said["mailboxes"]
    with pytest.raises(MailError):
        open_imap(choose(space.sheet, address, "imap"), quiet)
    control(space, "DELETE", path)
    with open_imap(choose(space.sheet, address, "imap"), quiet) as imap:
        imap.select("INBOX")


def test_the_card_of_who_is_struck_off_is_revoked_and_who_comes_back_has_another(
    space: LiveSpace, tmp_path: Path
) -> None:
    address = person(space.sheet, 2, 3)  # nobody has asked about its card yet
    [holder] = next(a for a in space.sheet["accounts"] if a["address"] == address)["holders"]
    path = f"/people/{holder['identity']}/departure"
    shown = holder["methods"]["cps"]
    card = Path(shown["certificate"])
    old = x509.load_pem_x509_certificate(card.read_bytes())
    by_rpps = f"/people/{holder['identity'][1:]}/departure"  # without the 8 that says RPPS
    assert control(space, "PUT", by_rpps, {"reason": "struck-off"}).status_code == 200
    assert space.keys.ca.is_revoked(old)
    with pytest.raises(MailError):
        open_imap(choose(space.sheet, address, "imap", method="cps"), quiet)
    assert last_refusal(space, 2) == "certificate-revoked"
    for name in ("certificate", "key"):
        shutil.copy(shown[name], tmp_path / name)
    control(space, "DELETE", path)
    with open_imap(choose(space.sheet, address, "imap", method="cps"), quiet) as imap:
        imap.select("INBOX")
    assert x509.load_pem_x509_certificate(card.read_bytes()).serial_number != old.serial_number
    # She is there again; the card that she had is not.
    way = choose(space.sheet, address, "imap", method="cps")
    kept = {**way.secrets, **{name: str(tmp_path / name) for name in ("certificate", "key")}}
    with pytest.raises(MailError):
        open_imap(replace(way, secrets=kept), quiet)
    assert last_refusal(space, 2) == "certificate-revoked"


def full(*_: object) -> int:
    raise StoreError("failed", "disk full")


def last_refusal(space: LiveSpace, operator: int) -> str:
    label = space.sheet["operators"][operator]["name"]
    events = list(space.operators[label].journal.since())
    return str(next(e["reason"] for e in reversed(events) if e["event"] == "refused"))


def test_an_organisation_s_mailbox_changes_hands(space: LiveSpace) -> None:
    shared = account(space.sheet, "ORG")
    before = space.directory.holders(shared)
    other = space.directory.holders(person(space.sheet, 0, 2))[0]
    path = f"/mailboxes/{shared}/holders"
    assert control(space, "PUT", path, {"holders": [other.national_id]}).status_code == 200
    assert [each.id for each in space.directory.holders(shared)] == [other.id]
    control(space, "PUT", path, {"holders": [each.national_id for each in before]})


@pytest.mark.parametrize("name", ["postmaster", "mailer-daemon", "abuse"])
def test_an_address_of_the_operator_is_no_person_s(space: LiveSpace, name: str) -> None:
    address = f"{name}@{space.sheet['operators'][0]['domain']}"
    answer = control(space, "POST", "/mailboxes", {"address": address})
    assert answer.status_code == 400
    assert space.directory.mailbox(address) is None


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "/domains/nowhere.mssante.test", None),
        ("DELETE", "/domains/mssante.fr", None),
        ("PUT", "/domains/nowhere.mssante.test/listing", None),
        ("POST", "/domains", {"domain": "x.mssante.test", "operator": "nobody"}),
        ("POST", "/domains", {"domain": "x.example.org", "operator": "op"}),
        ("POST", "/domains", {"domain": "x.mssante.test"}),
        ("DELETE", "/mailboxes/nobody@nowhere.mssante.test", None),
    ],
)
def test_what_cannot_be_is_refused_with_a_line(
    space: LiveSpace, method: str, path: str, body: Tree | None
) -> None:
    before = domains(space)
    answer = control(space, method, path, body)
    assert answer.status_code == 400
    assert " / " in answer.json()["error"]
    assert domains(space) == before


@pytest.mark.parametrize(
    ("identity", "reason", "remedy"),
    [
        ("800000000000", "deceased", "directory search"),
        ("800000000000", "bored", "deceased, struck-off"),
    ],
)
def test_a_departure_that_cannot_be_says_what_would_do(
    space: LiveSpace, identity: str, reason: str, remedy: str
) -> None:
    answer = control(space, "PUT", f"/people/{identity}/departure", {"reason": reason})
    assert remedy in answer.json()["error"]


def test_a_domain_moves_with_its_mail_to_another_operator(space: LiveSpace) -> None:
    ours, theirs = person(space.sheet, 2), person(space.sheet, 1)
    name, old, new = ours.partition("@")[2], *(space.sheet["operators"][i]["name"] for i in (2, 1))
    deliver(space.sheet, theirs, ours, "before")
    with open_imap(choose(space.sheet, ours, "imap"), quiet) as imap:
        wait_for(imap, "before")
    assert control(space, "PUT", f"/domains/{name}/operator", {"operator": new}).status_code == 200
    assert domains(space)[name]["operator"] == new
    assert mx(space, name) == mx(space, theirs.partition("@")[2])
    assert not space.operators[old].store.has_mailbox(ours)
    entry = next(a for a in space.sheet["accounts"] if a["address"] == ours)
    assert entry["operator"] == new
    deliver(space.sheet, theirs, ours, "after")
    other = person(space.sheet, 0)
    deliver(space.sheet, other, ours, "after, relayed")
    deliver(space.sheet, ours, other, "sent after")
    with open_imap(choose(space.sheet, ours, "imap"), quiet) as imap:
        wait_for(imap, "after, relayed")
        assert sorted(subjects(imap)) == ["after", "after, relayed", "before"]
    with open_imap(choose(space.sheet, other, "imap"), quiet) as imap:
        wait_for(imap, "sent after")


def test_a_domain_is_opened_and_listed_when_it_is_controlled(space: LiveSpace) -> None:
    label = space.sheet["operators"][0]["name"]
    name = f"neuf.{space.sheet['suffix']}"
    control(space, "POST", "/domains", {"domain": name, "operator": label})
    assert domains(space)[name]["listed"] is False
    assert mx(space, name) == mx(space, space.sheet["operators"][0]["domain"])
    control(space, "PUT", f"/domains/{name}/listing")
    assert domains(space)[name]["listed"] is True


def opened(space: LiveSpace, name: str) -> tuple[str, str]:
    """Open a domain with a mailbox; return its address, and an operator that it may move to."""
    old, new = (space.sheet["operators"][i]["name"] for i in (0, 1))
    address = f"dr@{name}.{space.sheet['suffix']}"
    control(space, "POST", "/domains", {"domain": address[3:], "operator": old})
    control(space, "POST", "/mailboxes", {"address": address})
    return address, new


def test_a_mailbox_of_a_domain_that_was_opened_moves_with_it(space: LiveSpace) -> None:
    address, new = opened(space, "opened")
    assert control(space, "POST", f"/mailboxes/{address}/messages", {"count": 2}).status_code == 200
    control(space, "PUT", f"/domains/{address[3:]}/operator", {"operator": new})
    with open_imap(choose(space.sheet, address, "imap"), quiet) as imap:
        assert imap.select("INBOX") == ("OK", [b"2"])
    assert control(space, "DELETE", f"/domains/{address[3:]}").status_code == 200


def test_a_move_that_fails_halfway_is_ended_by_the_same_command(
    space: LiveSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, new = opened(space, "halfway")
    control(space, "POST", f"/mailboxes/{address}/messages", {"count": 2})
    move = ("PUT", f"/domains/{address[3:]}/operator", {"operator": new})

    with monkeypatch.context() as failing:
        failing.setattr(OperatorCrew, "unpack", full)
        refused = control(space, *move)
        assert (refused.status_code, "disk full" in refused.text) == (400, True)
    assert control(space, *move).status_code == 200
    with open_imap(choose(space.sheet, address, "imap"), quiet) as imap:
        assert imap.select("INBOX") == ("OK", [b"2"])
    assert control(space, *move).status_code == 400  # nothing to move any more
    assert control(space, "DELETE", f"/domains/{address[3:]}").status_code == 200


def test_what_an_append_was_acknowledged_while_a_mailbox_moves_is_there_after(
    space: LiveSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sessions that are still in write before the mailbox is packed, between that and its end."""
    address, new = opened(space, "meanwhile")
    pack = OperatorCrew.pack
    there = [open_imap(choose(space.sheet, address, "imap"), quiet) for _ in range(2)]
    # Nobody is told to go meanwhile: the window is as wide as it can be.
    monkeypatch.setattr(Operator, "recheck", lambda _: None)
    acknowledged = []

    def write(imap: imaplib.IMAP4, subject: str) -> None:
        content = f"From: <{address}>\r\nSubject: {subject}\r\n\r\n.\r\n".encode()
        if imap.append("INBOX", "", "", content)[0] == "OK":
            acknowledged.append(subject)

    def meanwhile(crew: OperatorCrew, label: str, mailbox: str) -> PackedMailbox:
        if mailbox != address:
            return pack(crew, label, mailbox)
        write(there[0], "before")
        packed = pack(crew, label, mailbox)
        write(there[1], "after")
        return packed

    monkeypatch.setattr(OperatorCrew, "pack", meanwhile)
    move = control(space, "PUT", f"/domains/{address[3:]}/operator", {"operator": new})
    monkeypatch.undo()
    assert move.status_code == 200, move.text
    for each in there:
        each.shutdown()
    with open_imap(choose(space.sheet, address, "imap"), quiet) as imap:
        imap.select("INBOX")
        assert subjects(imap) == acknowledged == ["before"]
    assert control(space, "DELETE", f"/domains/{address[3:]}").status_code == 200


def test_an_operator_leaves_and_whoever_wrote_is_told(
    space: LiveSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "MOVE_SECONDS", 0.2)
    _, leaving, takes = (each["name"] for each in space.sheet["operators"])
    sender, recipient = person(space.sheet, 1), person(space.sheet, 0, 2)
    waits = {"fault": "reply", "protocol": "relay", "command": "RCPT", "code": 451,
             "mailbox": recipient}  # fmt: skip
    control(space, "PUT", "/faults", {"rules": [waits]})
    deliver(space.sheet, sender, recipient, "under way")
    until(lambda: len(space.run(queues(space, leaving))) == 1)
    path = f"/operators/{leaving}/departure"
    assert control(space, "PUT", path, {"to": leaving}).status_code == 400
    doors = places(space, leaving)
    assert all(answers(each) for each in doors)
    with contextlib.ExitStack() as there:
        strangers = [
            there.enter_context(tls(space, endpoint(space, 1, each))) for each in ("smtp", "imap")
        ]
        assert [each.recv(4096)[:4] for each in strangers] == [b"220 ", b"* OK"]
        mine = open_imap(choose(space.sheet, sender, "imap"), quiet)
        there.callback(mine.shutdown)
        mine.select("INBOX")
        with monkeypatch.context() as failing:
            failing.setattr(OperatorCrew, "dismiss", full)
            assert control(space, "PUT", path, {"to": takes}).status_code == 400
        # The same command goes on where it was.
        assert control(space, "PUT", path, {"to": takes}).status_code == 200
        with pytest.raises(mine.abort):  # BYE
            stay(mine)
        assert [each.recv(4096)[:5] for each in strangers] == [b"421 4", b"* BYE"]
    assert not any(answers(each) for each in doors)
    control(space, "DELETE", "/faults")
    serving = {each["operator"] for each in domains(space).values() if each["in_force"]}
    assert leaving not in serving
    with open_imap(choose(space.sheet, sender, "imap"), quiet) as imap:
        until(lambda: f"rfc822; {recipient}" in "".join(texts(imap)))
        [told] = [text for text in texts(imap) if f"Final-Recipient: rfc822; {recipient}" in text]
    assert "Status: 5.3.2" in told
    deliver(space.sheet, sender, recipient, "sent again")
    with open_imap(choose(space.sheet, recipient, "imap"), quiet) as imap:
        wait_for(imap, "sent again")
    assert addresses(space, f"mx.{leaving}.{space.sheet['suffix']}") == []
    assert addresses(space, f"mx.{takes}.{space.sheet['suffix']}") != []
    for method, where, body in (
        ("PUT", path, {}),
        ("PUT", f"/domains/{recipient.partition('@')[2]}/operator", {"operator": leaving}),
        ("POST", "/domains", {"domain": f"neuf2.{space.sheet['suffix']}", "operator": leaving}),
    ):
        assert control(space, method, where, body).status_code == 400


def test_a_removed_domain_leaves_nothing_and_tells_every_sender(space: LiveSpace) -> None:
    ours, theirs = person(space.sheet, 0), person(space.sheet, 2)
    name, label = ours.partition("@")[2], space.sheet["operators"][0]["name"]
    peer = space.sheet["operators"][2]["name"]
    # Mail of both directions waits: neither relay takes anything.
    waits = [{"fault": "reply", "protocol": "relay", "command": "RCPT", "code": 451}]
    assert control(space, "PUT", "/faults", {"rules": waits}).status_code == 200
    deliver(space.sheet, theirs, ours, "to it")
    deliver(space.sheet, ours, theirs, "from it")
    until(lambda: len(space.run(queues(space, label, peer))) == 2)
    assert control(space, "DELETE", f"/domains/{name}").status_code == 200
    assert space.run(queues(space, label, peer)) == []
    here = domains(space)[name]
    assert (here["listed"], here["in_force"], here["mailboxes"]) == (False, False, 0)
    assert mx(space, name) == []
    assert [each for each in space.operators[label].store.mailboxes() if each.endswith(name)] == []
    control(space, "DELETE", "/faults")
    with open_imap(choose(space.sheet, theirs, "imap"), quiet) as imap:
        assert sum(f"Final-Recipient: rfc822; {ours}" in text for text in texts(imap)) == 1
    failed = [e for e in space.operators[label].journal.since() if e["event"] == "relay-failed"]
    assert [e["to"] for e in failed if e["reason"] == "relay-domain-unlisted"] == [theirs]
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        deliver(space.sheet, theirs, ours, "gone")


def endpoint(space: LiveSpace, operator: int, protocol: str) -> Place:
    return next(e for e in space.plan.operators[operator].endpoints if e.protocol == protocol)


def tls(space: LiveSpace, at: Place) -> ssl.SSLSocket:
    plain = socket.create_connection((at.address, at.port), timeout=60)
    return client_context(space.keys.bundle).wrap_socket(plain, server_hostname=at.host)


def places(space: LiveSpace, operator: str) -> list[tuple[str, int]]:
    """Return where an operator listens."""
    plan = next(each for each in space.plan.operators if each.label == operator)
    mail = [(each.address, each.port) for each in (*plan.endpoints, plan.relay)]
    web = [(each.address, each.port) for each in (plan.autoconfig, plan.accounts, plan.ciba)]
    return [*mail, *web, (plan.autoconfig.address, plan.autoconfig_http)]


def answers(place: tuple[str, int]) -> bool:
    try:
        socket.create_connection(place, timeout=60).close()
    except ConnectionRefusedError:
        return False
    return True


async def queues(space: LiveSpace, *labels: str) -> list[Any]:
    return [each for label in labels for each in space.operators[label].store.queue()]


def life(folder: Path, *step: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.live.removed", str(folder), *step],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def killed_at_each_step(folder: Path, change: str) -> Tree:
    for number in range(len(STEPS[change])):
        ended = life(folder, change, str(number))
        assert ended.returncode == -signal.SIGKILL, ended.stderr
    ended = life(folder, change)
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(ended.stdout.splitlines()[-1]))


@pytest.mark.timeout(300)
def test_an_operator_that_leaves_and_is_killed_at_each_step_has_left(tmp_path: Path) -> None:
    """The domain is the other's, its mail is there once, and nothing speaks for who has left."""
    found = killed_at_each_step(tmp_path / "space", "leave")
    name = found["domain"]["domain"]
    assert (found["domain"]["operator"], found["domain"]["listed"]) == ("op003", True)
    assert [each for each in found["mailboxes"] if each.endswith(name)] == []
    assert found["subjects"] == MESSAGES
    [certificate] = found["certificates"]
    assert "mx.op003" in certificate
    assert found["revoked"] == [True, False]
    assert found["unfinished"] == []


@pytest.mark.timeout(300)
def test_a_removal_that_is_killed_at_each_step_is_taken_up_again(tmp_path: Path) -> None:
    """Each life goes one step farther and is killed there; the last one ends what all began."""
    folder = tmp_path / "space"
    found = killed_at_each_step(folder, "remove")
    domain = found["domain"]
    assert (domain["listed"], domain["in_force"], domain["mailboxes"]) == (False, False, 0)
    assert [each for each in found["mailboxes"] if each.endswith(domain["domain"])] == []
    assert [each for each in found["accounts"] if each.endswith(domain["domain"])] == []
    assert found["unfinished"] == []
