"""Random programs of a session, restarts among them, against folders that are plain lists."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sandbox.operators.store import MailStore
from tests.operators.store.scenes import ALICE, contents, envelope, folder

FOLDERS = ("INBOX", "Sent", "Trash")
FLAGS = (r"\Seen", r"\Deleted", r"\Flagged", "$Forwarded")

names = st.sampled_from(FOLDERS)
numbers = st.sets(st.integers(1, 12), max_size=6)
flag_sets = st.frozensets(st.sampled_from(FLAGS))


@dataclass(frozen=True)
class Message:
    uid: int
    flags: frozenset[str]
    text: bytes


@dataclass
class Shelf:
    messages: list[Message] = field(default_factory=list)
    uid_next: int = 1

    def put(self, flags: frozenset[str], text: bytes) -> int:
        self.messages.append(Message(self.uid_next, flags, text))
        self.uid_next += 1
        return self.uid_next - 1

    def among(self, uids: set[int]) -> list[Message]:
        return [message for message in self.messages if message.uid in uids]

    def drop(self, gone: list[Message]) -> None:
        self.messages = [message for message in self.messages if message not in gone]


class Session(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mail-store-"))
        self.path = self.folder / "mail.db"
        self.runner = asyncio.Runner()
        self.shelves = {name: Shelf() for name in FOLDERS}
        self.modseqs = dict.fromkeys(FOLDERS, 0)
        self.texts = 0
        self.open()
        self.run(self.store.provision([ALICE]))

    def open(self) -> None:
        self.store = self.run(MailStore.open(self.path))
        # The disk is no part of the model.
        self.store._writer._connection.execute("PRAGMA synchronous=OFF")

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def id(self, name: str) -> int:
        return folder(self.store, name).id

    def text(self) -> bytes:
        self.texts += 1
        return b"text %d" % self.texts

    @rule(name=names, flags=flag_sets)
    def append(self, name: str, flags: frozenset[str]) -> None:
        text = self.text()
        uid = self.run(self.store.append(self.id(name), text, flags, 1.0))
        assert uid == self.shelves[name].put(flags, text)

    @rule()
    def accept(self) -> None:
        text = self.text()
        self.run(self.store.accept(envelope(), text, local=[ALICE], remote=[]))
        self.shelves["INBOX"].put(frozenset(), text)

    @rule(name=names, uids=numbers, action=st.sampled_from("+-="), flags=flag_sets)
    def change(self, name: str, uids: set[int], action: str, flags: frozenset[str]) -> None:
        shelf = self.shelves[name]

        def changed(old: frozenset[str]) -> frozenset[str]:
            return {"+": old | flags, "-": old - flags, "=": flags}[action]

        rows, _ = self.run(self.store.change_flags(self.id(name), list(uids), action, flags))
        shelf.messages = [
            replace(message, flags=changed(message.flags)) if message.uid in uids else message
            for message in shelf.messages
        ]
        assert [(row.uid, row.flags) for row in rows] == [
            (message.uid, message.flags) for message in shelf.among(uids)
        ]

    @rule(name=names, uids=st.none() | numbers)
    def expunge(self, name: str, uids: set[int] | None) -> None:
        shelf = self.shelves[name]
        gone = [
            message
            for message in shelf.messages
            if r"\Deleted" in message.flags and (uids is None or message.uid in uids)
        ]
        shelf.drop(gone)
        among = None if uids is None else list(uids)
        removed = self.run(self.store.expunge(self.id(name), among))
        assert removed == [message.uid for message in gone]

    @rule(name=names, to=names, uids=numbers)
    def copy(self, name: str, to: str, uids: set[int]) -> None:
        pairs = self.run(self.store.copy(self.id(name), list(uids), self.id(to)))
        assert pairs == self.copied(name, to, uids)

    @rule(name=names, to=names, uids=numbers)
    def move(self, name: str, to: str, uids: set[int]) -> None:
        pairs = self.run(self.store.move(self.id(name), list(uids), self.id(to)))
        taken = self.shelves[name].among(uids)
        assert pairs == self.copied(name, to, uids)
        self.shelves[name].drop(taken)

    def copied(self, name: str, to: str, uids: set[int]) -> list[tuple[int, int]]:
        shelf = self.shelves[to]
        taken = self.shelves[name].among(uids)
        return [(message.uid, shelf.put(message.flags, message.text)) for message in taken]

    @rule()
    def restart(self) -> None:
        self.run(self.store.close())
        self.open()

    @invariant()
    def folders_are_as_the_lists_say(self) -> None:
        if not hasattr(self, "store"):
            return
        for name, shelf in self.shelves.items():
            there = folder(self.store, name)
            rows = self.store.rows(there.id)
            assert [
                Message(row.uid, row.flags, self.store.content(row.message)) for row in rows
            ] == (shelf.messages)
            assert there.uid_next == shelf.uid_next
            assert there.highest_modseq >= self.modseqs[name]
            assert all(row.modseq <= there.highest_modseq for row in rows)
            self.modseqs[name] = there.highest_modseq
        texts = {message.text for shelf in self.shelves.values() for message in shelf.messages}
        assert contents(self.path) == len(texts)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.run(self.store.close())
            self.runner.close()
            shutil.rmtree(self.folder)


TestSession = Session.TestCase
TestSession.settings = settings(max_examples=40, stateful_step_count=30)
