"""The whole space killed under load, again and again: no message lost, none twice."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sandbox.live.launch import LiveOptions
from sandbox.live.mailer import choose, open_imap
from sandbox.live.space import LiveSpace
from tests.live.killed import Ledger, Process, Seen, Sender, Tree, fetched, read

MESSAGES = 3_000
STARTS_KILLED = 4  # the first while it founds the space
OPTIONS = (
    "demo", "--operators", "2", "--design", "single-endpoint", "--keys", "p256",
    "--behaviour", "approve", "--loopback", "203",
)  # fmt: skip


@dataclass(slots=True)
class Story:
    """What clients were told, and what is there at the end.

    Attributes:
        ledger: of the senders.
        seen: by mailbox.
        inboxes: at the end: UID, whether it is flagged, subject.
        validity: UIDVALIDITY at the end, by mailbox.
        lives: that ended under load.
    """

    ledger: Ledger = field(default_factory=Ledger)
    seen: dict[str, Seen] = field(default_factory=dict)
    inboxes: dict[str, list[tuple[int, bool, str]]] = field(default_factory=dict)
    validity: dict[str, int] = field(default_factory=dict)
    lives: int = 0


def clients(sheet: Tree, story: Story) -> list[Sender]:
    """Two for each person and application, sending within the operator and to the other one."""
    boxes: dict[str, list[str]] = {}
    for each in sheet["accounts"]:
        boxes.setdefault(each["operator"], []).append(each["address"])
    first, second = boxes.values()
    senders = []
    for ours, theirs in ((first, second), (second, first)):
        for number, address in enumerate(ours):
            routes = (
                (theirs[number],),
                (ours[0],),
                (ours[number], theirs[0]),
                (theirs[0], theirs[number - 1]),
            )
            names = (f"{address.split('@')[0]}.{each}" for each in range(2))
            senders += [Sender(name, address, routes, story.ledger) for name in names]
        story.seen[ours[0]] = Seen()
    return senders


def die_in(process: Process, seconds: float) -> None:
    """Kill a process while it starts, wherever it has got to."""
    time.sleep(seconds)
    assert process.is_alive
    process.kill()


async def life(process: Process, sheet: Tree, senders: list[Sender], story: Story,
               answers: int, pause: float) -> None:  # fmt: skip
    """Load the space until so many more answers have come and a moment has passed; kill it."""
    tasks = [asyncio.create_task(each.live(sheet)) for each in senders]
    tasks += [asyncio.create_task(read(sheet, *each)) for each in story.seen.items()]
    enough = len(story.ledger.answered) + answers
    while len(story.ledger.answered) < enough and not all(each.done() for each in tasks):
        await asyncio.sleep(0.005)
    await asyncio.sleep(pause)
    process.kill()
    await asyncio.gather(*tasks)


async def emptied(space: LiveSpace) -> None:
    while any(each.store.queue() for each in space.operators.values()):
        await asyncio.sleep(0.05)


def read_everything(folder: Path, story: Story) -> None:
    """Come up once more, wait until all is relayed, read every INBOX."""
    options = LiveOptions(folder=folder, designs=("single-endpoint",), behaviour="approve")
    with LiveSpace(options) as space:
        space.run(emptied(space), timeout=None)
        for account in space.sheet["accounts"]:
            way = choose(space.sheet, account["address"], "imap")
            with open_imap(way, lambda _: None) as imap:
                imap.select("INBOX", readonly=True)
                validity = imap.response("UIDVALIDITY")[1][0]
                assert validity is not None
                story.validity[way.address] = int(validity)
                _, lines = imap.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
                story.inboxes[way.address] = list(fetched(lines))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("killed") / "space"
    folder.mkdir()
    chance = random.Random(5)
    story = Story()
    for _ in range(STARTS_KILLED):
        with Process(folder, *OPTIONS) as process:
            die_in(process, chance.uniform(0.05, 0.8))
    senders: list[Sender] = []
    while len(story.ledger.answered) < MESSAGES:
        with Process(folder, *OPTIONS, slow=story.lives % 2 == 0) as process:
            sheet = process.ready()
            senders = senders or clients(sheet, story)
            asyncio.run(life(process, sheet, senders, story, chance.randint(1, 1_000),
                             chance.uniform(0.0, 0.05)))  # fmt: skip
        story.lives += 1
    read_everything(folder, story)
    return story


def copies(story: Story) -> Counter[tuple[str, str]]:
    """How often each INBOX holds each message."""
    return Counter(
        (mailbox, subject) for mailbox, rows in story.inboxes.items() for _, _, subject in rows
    )


def test_every_message_that_was_answered_is_there_once_in_each_mailbox(story: Story) -> None:
    assert len(story.ledger.answered) >= MESSAGES
    assert story.lives >= 5
    found = copies(story)
    wrong = {
        (mailbox, subject): found[mailbox, subject]
        for subject, recipients in story.ledger.answered.items()
        for mailbox in recipients
        if found[mailbox, subject] != 1
    }
    assert not wrong


def test_a_message_whose_answer_was_lost_is_there_once_for_all_recipients_or_for_none(
    story: Story,
) -> None:
    assert story.ledger.unanswered
    found = copies(story)
    for subject, recipients in story.ledger.unanswered.items():
        assert {found[mailbox, subject] for mailbox in recipients} in ({0}, {1}), subject


def test_nothing_is_there_that_nobody_sent(story: Story) -> None:
    sent = {
        (mailbox, subject)
        for each in (story.ledger.answered, story.ledger.unanswered)
        for subject, recipients in each.items()
        for mailbox in recipients
    }
    assert set(copies(story)) <= sent


def test_uids_are_unique_and_rise(story: Story) -> None:
    for rows in story.inboxes.values():
        uids = [uid for uid, _, _ in rows]
        assert uids == sorted(set(uids))


def test_a_uid_names_one_message_for_ever(story: Story) -> None:
    for mailbox, seen in story.seen.items():
        assert seen.subjects
        assert seen.validity == {story.validity[mailbox]}
        now = {uid: subject for uid, _, subject in story.inboxes[mailbox]}
        assert seen.subjects.items() <= now.items()


def test_flags_that_were_granted_are_kept_and_no_others_are_there(story: Story) -> None:
    for mailbox, seen in story.seen.items():
        assert seen.flagged
        flagged = {uid for uid, is_flagged, _ in story.inboxes[mailbox] if is_flagged}
        assert seen.flagged <= flagged <= seen.asked
