"""A line between two processes: both may ask, errors come back, an end is noticed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.live.line import GoneError, ProcessLine
from sandbox.space.errors import UserError


class Ends:
    """Both ends in one process; each answers by adding, failing, asking back or being told."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.told: list[int] = []
        self.gone = threading.Event()
        self.here = ProcessLine(ours, self.answer, self.gone.set)
        self.there = ProcessLine(theirs, self.answer, lambda: None)

    def answer(self, name: str, *args: Any) -> Any:
        match name:
            case "add":
                return sum(args)
            case "refuse":
                raise UserError("non", "no", where="here")
            case "break":
                raise OSError("disk")
            case "back":
                return self.there.call("add", *args)
            case _:
                self.told.extend(args)
                return None


@pytest.fixture
def ends() -> Iterator[Ends]:
    found = Ends()
    yield found
    found.here.close()
    found.there.close()


def test_a_call_gives_what_the_other_end_gives(ends: Ends) -> None:
    assert ends.here.call("add", 1, 2) == 3
    assert ends.there.call("add", 3, 4) == 7


def test_an_end_that_is_asked_may_ask_before_it_answers(ends: Ends) -> None:
    assert ends.here.call("back", 5, 6) == 11


def test_a_refusal_comes_back_as_it_was_said(ends: Ends) -> None:
    with pytest.raises(UserError, match=r"here: non / no"):
        ends.here.call("refuse")


def test_another_error_comes_back_as_text(ends: Ends) -> None:
    with pytest.raises(RuntimeError, match="disk"):
        ends.here.call("break")


def test_what_is_told_comes_before_what_is_asked_next(ends: Ends) -> None:
    for number in range(100):
        ends.here.tell("note", number)
    ends.here.call("add")
    assert ends.told == list(range(100))


def test_nobody_waits_for_an_end_that_is_no_more(ends: Ends) -> None:
    ends.there.close()
    assert ends.gone.wait(10)
    with pytest.raises(GoneError):
        ends.here.call("add", 1)
    ends.here.tell("note", 1)
