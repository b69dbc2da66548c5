"""Operators in processes of their own: one space still, and one that is killed harms no other."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.live import crew_process, live
from sandbox.live.mailer import choose, open_imap, open_smtp
from sandbox.live.space import LiveSpace
from sandbox.messages.check import check_message
from sandbox.observations.observations import TABLES
from sandbox.space.errors import UserError
from tests.command import PROGRAM
from tests.live.killed import ROOT, Ledger, Process, Sender, fetched

Tree = dict[str, Any]
OPTIONS = ("demo", "--operators", "2", "--design", "single-endpoint", "--keys", "p256",
           "--behaviour", "approve", "--processes", "2")  # fmt: skip


def quiet(_: str) -> None:
    """Nobody reads what a person would have to do."""


@pytest.fixture(scope="module")
def space() -> Iterator[LiveSpace]:
    patched = pytest.MonkeyPatch()
    patched.setattr(crew_process, "LASTING", 0.0)
    with live("demo", designs=("single-endpoint",), operators=2, processes=2) as running:
        yield running
    patched.undo()


def addresses(sheet: Tree, operator: int) -> list[str]:
    name = sheet["operators"][operator]["name"]
    return [each["address"] for each in sheet["accounts"] if each["operator"] == name]


def pids(sheet: Tree) -> list[int]:
    return [each["pid"] for each in sheet["operators"]]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def inbox(sheet: Tree, address: str) -> list[str]:
    """Subjects in an INBOX."""
    with open_imap(choose(sheet, address, "imap"), quiet) as imap:
        imap.select("INBOX", readonly=True)
        lines = imap.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
        return [subject for _, _, subject in fetched(lines)]


def send(sheet: Tree, sender: str, recipient: str, subject: str) -> None:
    with open_smtp(choose(sheet, sender, "smtp"), quiet) as smtp:
        smtp.sendmail(
            sender,
            recipient,
            f"From: {sender}\r\nSubject: {subject}\r\n\r\nBonjour\r\n",
        )


def test_each_operator_has_a_process_of_its_own(space: LiveSpace) -> None:
    assert len({os.getpid(), *pids(space.sheet)}) == 3
    assert all(map(is_alive, pids(space.sheet)))


def test_nothing_of_an_operator_is_in_the_process_of_the_space(space: LiveSpace) -> None:
    assert space.operators == {}
    with pytest.raises(UserError, match="operators have processes of their own"):
        space.run(asyncio.sleep(0))


def test_mail_goes_from_one_to_the_other_and_both_are_observed(space: LiveSpace) -> None:
    sheet = space.sheet
    (sender, *_), (recipient, *_) = addresses(sheet, 0), addresses(sheet, 1)
    send(sheet, sender, recipient, "d'un processus a l'autre")
    while "d'un processus a l'autre" not in inbox(sheet, recipient):
        pass
    seen = space.observations("single-endpoint")
    assert {n: list(t.columns) for n, t in seen.tables.items()} == {
        name: list(columns) for name, columns in TABLES.items()
    }
    endpoints = seen.tables["endpoints"]
    assert set(endpoints["operator"]) == {each["name"] for each in sheet["operators"]}
    logins = seen.tables["login_totals"].groupby(["operator", "protocol"])["count"].sum()
    first, second = (each["name"] for each in sheet["operators"])
    assert logins[first, "smtp"] >= 1
    assert logins[second, "imap"] >= 1
    assert seen.tables["deliveries"]["count"].sum() >= 1
    # One row of load for each endpoint and minute, whichever process saw it.
    assert not seen.tables["load"].duplicated(["endpoint", "minute"]).any()


def test_a_mailbox_is_opened_filled_and_emptied_where_its_operator_is(space: LiveSpace) -> None:
    for operator in space.sheet["operators"]:
        address = f"ajoute@{operator['domain']}"
        space.add_account(address)
        assert space.fill_mailbox(address, 3) == 3
        assert len(inbox(space.sheet, address)) == 3
        assert space.empty_mailbox(address) == 3


def test_a_mailbox_is_filled_with_health_messages_that_comply(space: LiveSpace) -> None:
    address = f"sante@{space.sheet['operators'][0]['domain']}"
    space.add_account(address)
    assert space.fill_mailbox(address, 2, documents=True) == 2
    with open_imap(choose(space.sheet, address, "imap"), print) as imap:
        imap.select("INBOX", readonly=True)
        _, found = imap.fetch("1:*", "(BODY.PEEK[])")
    contents = [part[1] for part in found if isinstance(part, tuple)]
    assert [check_message(each).verdict for each in contents] == ["pass", "pass"]
    assert len({len(each) for each in contents}) == 2
    with pytest.raises(UserError, match="500"):
        space.fill_mailbox(address, 501, documents=True)


def test_a_fault_strikes_in_every_process_until_it_is_cleared(space: LiveSpace) -> None:
    space.faults.add("no", command="EXAMINE")
    for operator in range(2):
        way = choose(space.sheet, addresses(space.sheet, operator)[0], "imap")
        with open_imap(way, quiet) as imap:
            assert imap.select("INBOX", readonly=True)[0] == "NO"
    space.faults.replace([{"fault": "certificate-expired", "protocol": "imap"}])
    for operator in range(2):
        with pytest.raises(OSError, match="expired"):
            inbox(space.sheet, addresses(space.sheet, operator)[0])
    space.faults.clear()
    for operator in range(2):
        assert inbox(space.sheet, addresses(space.sheet, operator)[0]) is not None


def test_operators_follow_the_clock_of_the_space(space: LiveSpace) -> None:
    # An ID token from an hour ahead would be refused.
    space.psc.advance(3_600)
    for operator in range(2):
        way = choose(space.sheet, addresses(space.sheet, operator)[0], "imap", method="ecps")
        with open_imap(way, quiet) as imap:
            assert imap.noop()[0] == "OK"
    space.psc.provider.reset_clock()


async def _kill_one(space: LiveSpace, ledger: Ledger) -> tuple[int, int]:
    """Load both; kill the second; return what the first answered before and after."""
    ours, theirs = addresses(space.sheet, 0), addresses(space.sheet, 1)
    routes = ((theirs[0],), (ours[0],), (ours[1], theirs[0]))
    first = [Sender(f"un.{each}", ours[each], routes, ledger) for each in range(2)]
    second = [Sender(f"deux.{each}", theirs[each], routes, ledger) for each in range(2)]
    loading = [asyncio.create_task(each.live(space.sheet)) for each in first]
    falling = [asyncio.create_task(each.live(space.sheet)) for each in second]

    async def answered(senders: list[Sender], more: int) -> int:
        enough = sum(each.number for each in senders) + more
        while (now := sum(each.number for each in senders)) < enough:
            await asyncio.sleep(0.005)
        return now

    before = await answered(first, 30)
    await answered(second, 30)
    space.kill(space.sheet["operators"][1]["name"])
    await asyncio.gather(*falling)
    after = await answered(first, 60)
    for each in loading:
        each.cancel()
    await asyncio.gather(*loading, return_exceptions=True)
    return before, after


def test_a_killed_operator_loses_nothing_accepted_comes_back_and_the_other_goes_on(
    space: LiveSpace,
) -> None:
    ledger = Ledger()
    killed = pids(space.sheet)[1]
    before, after = asyncio.run(_kill_one(space, ledger))
    assert after >= before + 60
    while killed in pids(space.sheet):
        time.sleep(0.02)
    boxes = {each for recipients in ledger.answered.values() for each in recipients}
    wanted = Counter(
        (box, subject) for subject, recipients in ledger.answered.items() for box in recipients
    )
    while True:
        found = Counter((box, subject) for box in boxes for subject in inbox(space.sheet, box))
        if wanted <= found:  # what waited for the relay has come
            break
        time.sleep(0.2)  # each look logs in to every mailbox
    assert all(found[each] == 1 for each in wanted)
    assert len(space.observations("single-endpoint").tables["endpoints"]) == 6


def test_an_operator_that_leaves_stops_listening_and_so_does_its_next_process(
    space: LiveSpace,
) -> None:
    stays, leaves = (each["name"] for each in space.sheet["operators"])
    (plan,) = (each for each in space.plan.operators if each.label == leaves)
    doors = [(each.address, each.port) for each in (*plan.endpoints, plan.relay, plan.accounts)]
    assert all(map(answers, doors))
    space.life.leave(leaves, stays)
    assert not any(map(answers, doors))
    killed = pids(space.sheet)[1]
    space.kill(leaves)
    while killed in pids(space.sheet):
        time.sleep(0.02)
    assert not any(map(answers, doors))
    assert inbox(space.sheet, addresses(space.sheet, 0)[0]) is not None


def answers(place: tuple[str, int]) -> bool:
    try:
        socket.create_connection(place, timeout=60).close()
    except ConnectionRefusedError:
        return False
    return True


def test_more_processes_than_operators_are_refused_in_one_line() -> None:
    with (
        pytest.raises(UserError, match=r"processes 3: attendu / expected 1 … 2"),
        live("demo", designs=("single-endpoint",), operators=2, processes=3),
    ):
        pass


def test_no_operator_outlives_a_space_that_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "space"
    folder.mkdir()
    with Process(folder, *OPTIONS, "--loopback", "215") as process:
        children = pids(process.ready())
        assert all(map(is_alive, children))
        process.kill()
        while any(map(is_alive, children)):
            time.sleep(0.02)


def test_ctrl_c_ends_every_process_and_says_nothing_bad(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "up", *OPTIONS, "--loopback", "216", "--dir", str(tmp_path / "space"), "--json"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    children = pids(json.loads(process.stdout.readline()))
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 0
    assert "Traceback" not in said
    assert not any(map(is_alive, children))
