"""Thunderbird asks for a receipt and reads the answer; it answers who asks, once."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import pytest

from sandbox.conformance.software import thunderbird as tb
from sandbox.conformance.software.names import free_port
from sandbox.live.space import LiveOptions, LiveSpace
from sandbox.messages.receipts import Disposition, read_receipt
from tests.command import mss
from tests.live.clients.programs import names_of, needed
from tests.live.clients.world import PATIENCE, World

NEVER, ALWAYS = 0, 1
HANDS = ("--method", "cps")
# 0: never, 1: always, 2: a person is asked; for each case that has a choice of its own.
ANSWER = """
const [choice] = arguments;
for (const name of ["not_in_to_cc", "outside_domain", "other"]) {
  Services.prefs.setIntPref("mail.mdn.report." + name, choice);
}
"""


class Desk(NamedTuple):
    """Somebody with Thunderbird, and somebody of another operator."""

    world: World
    running: tb.Thunderbird
    own: str
    other: str

    def run(self, verb: str, *arguments: str) -> str:
        done = mss(verb, *arguments, "--dir", str(self.world.space.folder.path))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def state(self, message_id: str) -> str:
        (fate,) = json.loads(self.run("trace", message_id, "--json"))["fates"]
        return str(fate["state"])

    def until(self, message_id: str, state: str) -> None:
        end = time.monotonic() + PATIENCE
        while (now := self.state(message_id)) != state:
            assert time.monotonic() < end, now

    def answer_receipts(self, choice: int) -> None:
        """Set what its settings say of requests for a receipt."""
        self.running.session.script(ANSWER, choice)

    def asked(self) -> tuple[str, str]:
        """Have the other ask for a receipt; show the message here; return subject and id."""
        mark = self.world.mark()
        words = ("--subject", mark, "--receipt", *HANDS)
        message_id = self.run("send", self.other, self.own, *words).split()[0]
        self.running.until(mark)
        self.running.read(mark)
        return mark, message_id

    def flags(self, mark: str) -> bytes:
        with self.world.mailbox(self.own) as session:
            session.select("INBOX", readonly=True)
            _, (found,) = session.uid("SEARCH", "SUBJECT", f'"{mark}"')
            _, told = session.uid("FETCH", found.decode(), "(FLAGS)")
        return b" ".join(told)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    needed("thunderbird", "certutil", "pk12util")
    folder, port = tmp_path_factory.mktemp("thunderbird"), free_port()
    options = LiveOptions(operators=2, designs=("single-endpoint",), behaviour="approve")
    with LiveSpace(options) as space:
        world = World(space)
        mailbox = replace(tb.mailbox_of(world.sheet, "ecps"), keeps_sent=False)
        tb.make_profile(folder / "profile", world.sheet["ca"]["roots"], port, mailbox)
        with tb.thunderbird(folder / "profile", port, names_of(world.hosts)) as running:
            running.remember(mailbox)
            other = world.login("cps", operator=world.second).address
            yield Desk(world, running, mailbox.user, other)


def test_it_asks_and_is_answered(desk: Desk) -> None:
    mark = desk.world.mark()
    desk.running.send(desk.other, mark, receipt=True)
    sent = desk.world.arrived(desk.other, mark)
    found = re.search(rb"(?im)^Message-ID: (<\S+>)", sent)
    assert found is not None
    message_id = found[1].decode()
    assert desk.state(message_id) == "silent"
    (told,) = map(json.loads, desk.run("receive", desk.other, "--json", *HANDS).splitlines())
    assert (told["message_id"], told["sent"]) == (message_id, "displayed")
    desk.until(message_id, "read")
    # It shows the answer in turn, and does not answer that.
    desk.answer_receipts(ALWAYS)
    desk.running.until(f"Lu : {mark}")
    desk.running.read(f"Lu : {mark}")
    _, later = desk.asked()
    desk.until(later, "read")
    assert desk.run("receive", desk.other, "--json", *HANDS).count('"uid"') == 1


def test_it_answers_once_who_asks(desk: Desk) -> None:
    desk.answer_receipts(ALWAYS)
    mark, message_id = desk.asked()
    desk.until(message_id, "read")
    said = read_receipt(desk.world.arrived(desk.other, f"{mark}"))
    assert (said.original, said.recipient) == (message_id, desk.own)
    assert (said.disposition, said.code) == (Disposition.DISPLAYED, "")
    assert b"$MDNSent" in desk.flags(mark)


def test_it_does_not_answer_where_its_settings_say_never(desk: Desk) -> None:
    desk.answer_receipts(NEVER)
    _, message_id = desk.asked()
    # What comes after and is answered tells that the first was not.
    desk.answer_receipts(ALWAYS)
    _, later = desk.asked()
    desk.until(later, "read")
    assert desk.state(message_id) == "silent"
