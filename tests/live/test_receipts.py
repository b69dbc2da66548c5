"""A document followed from end to end on real sockets: read, integrated, refused, silent."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

import sandbox
from sandbox.live.space import LiveSpace
from tests.command import Finished, mss

HANDS = ("--method", "cps")


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSpace]:
    folder = tmp_path_factory.mktemp("space")
    with sandbox.live(
        "demo", designs=("single-endpoint",), operators=2, dir=folder, keys="p-256", block=211
    ) as running:
        yield running


def boxes(space: LiveSpace, kind: str) -> list[str]:
    return [each["address"] for each in space.sheet["accounts"] if each["type"] == kind]


def run(space: LiveSpace, verb: str, *arguments: str) -> Finished:
    done = mss(verb, *arguments, "--dir", str(space.folder.path))
    assert done.returncode == 0, done.stderr
    return done


def sent(space: LiveSpace, sender: str, *arguments: str) -> str:
    return run(space, "send", sender, *arguments, *HANDS).stdout.split()[0]


def received(space: LiveSpace, address: str, *arguments: str) -> list[dict[str, Any]]:
    told = run(space, "receive", address, "--json", *arguments).stdout
    return [json.loads(line) for line in told.splitlines()]


def fates(space: LiveSpace, message_id: str) -> list[tuple[str, str]]:
    found = json.loads(run(space, "trace", message_id, "--json").stdout)
    return [(each["state"], each["reason"]) for each in found["fates"]]


def wait_for(space: LiveSpace, message_id: str, states: set[str]) -> list[tuple[str, str]]:
    """Return the fates once they are all among some states; the relay takes its time."""
    while True:
        found = fates(space, message_id)
        if {state for state, _ in found} <= states:
            return found
        time.sleep(0.05)


FAR = {"delivered", "silent", "refused"}


def test_a_document_is_delivered_then_read_and_told_once(space: LiveSpace) -> None:
    people = boxes(space, "PER")
    sender, recipient = people[0], people[-1]  # of two operators
    message = sent(space, sender, recipient, "--document", "11502-2", "--receipt")
    assert wait_for(space, message, FAR) == [("silent", "")]
    assert received(space, recipient, *HANDS)[-1]["sent"] == "displayed"
    assert wait_for(space, message, {"read"})
    assert received(space, recipient, *HANDS) == []
    # The receipt itself asks for nothing, and nothing answers it.
    assert [each["reason"] for each in received(space, sender, *HANDS)] == ["not-asked"]


def test_without_a_request_a_message_is_delivered_and_nothing_is_told(space: LiveSpace) -> None:
    sender, recipient, *_ = boxes(space, "PER")
    message = sent(space, sender, recipient)
    assert wait_for(space, message, FAR) == [("delivered", "")]
    assert received(space, recipient, *HANDS)[-1]["reason"] == "not-asked"
    assert fates(space, message) == [("delivered", "")]


def test_one_holder_of_a_shared_mailbox_answers_for_all(space: LiveSpace) -> None:
    sender, shared = boxes(space, "PER")[0], boxes(space, "ORG")[0]
    message = sent(space, sender, shared, "--receipt")
    wait_for(space, message, FAR)
    account = next(each for each in space.sheet["accounts"] if each["address"] == shared)
    first, second = (each["identity"] for each in account["holders"])
    assert received(space, shared, *HANDS, "--holder", first)[-1]["sent"] == "displayed"
    assert received(space, shared, *HANDS, "--holder", second) == []
    assert fates(space, message) == [("read", "")]


def test_an_application_integrates_or_says_by_which_code_it_cannot(space: LiveSpace) -> None:
    sender, application = boxes(space, "PER")[0], boxes(space, "APP")[-1]
    known = sent(space, sender, application, "--document", "11502-2", "--patient", "4",
                 "--receipt")  # fmt: skip
    unknown = sent(space, sender, application, "--document", "11502-2", "--patient", "5",
                   "--receipt")  # fmt: skip
    for each in (known, unknown):
        wait_for(space, each, FAR)
    assert {each["code"] for each in received(space, application, "--unknown", "5")} == {"", "902"}
    assert wait_for(space, known, {"integrated", "refused"}) == [("integrated", "")]
    assert wait_for(space, unknown, {"integrated", "refused"}) == [
        ("refused", "902 patient inconnu / unknown patient")
    ]


def test_a_mailbox_that_is_not_there_refuses_with_its_reason(space: LiveSpace) -> None:
    sender, other = boxes(space, "PER")[0], boxes(space, "PER")[-1]
    message = sent(space, sender, f"nobody@{other.rpartition('@')[2]}")
    ((state, reason),) = wait_for(space, message, {"refused"})
    assert (state, reason.split()[0]) == ("refused", "5.1.1")


def test_a_message_that_nobody_sent_has_no_trace(space: LiveSpace) -> None:
    done = mss("trace", "<never@sent.test>", "--dir", str(space.folder.path))
    assert done.returncode == 2
    assert "<never@sent.test>" in done.stderr


def test_a_receipt_from_who_was_not_sent_the_message_is_put_aside(
    space: LiveSpace,
) -> None:
    from datetime import UTC, datetime

    from sandbox.live.mailer import choose, open_smtp
    from sandbox.messages.receipts import make_receipt

    sender, recipient, forger, *_ = boxes(space, "PER")
    message = sent(space, sender, recipient, "--receipt")
    wait_for(space, message, FAR)
    forged = make_receipt(
        f"Message-ID: {message}\r\nSubject: x\r\n\r\n".encode(), mailbox=forger, to=sender,
        at=datetime.now(UTC), message_id="<forged@x.mssante.test>",
    )  # fmt: skip
    for content in (forged, forged.replace(f"rfc822; {forger}".encode(),
                                           f"rfc822; {recipient}".encode())):  # fmt: skip
        with open_smtp(choose(space.sheet, forger, "smtp", method="cps"), print) as smtp:
            smtp.sendmail("", [sender], content, ["BODY=8BITMIME"])
    assert fates(space, message) == [("silent", "")]
    told = json.loads(run(space, "trace", message, "--json").stdout)
    assert len(told["put_aside"]) == 2
