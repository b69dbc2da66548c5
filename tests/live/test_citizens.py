"""Mon espace santé on real sockets: every bounce as a client of the sender sees it, and answers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import pytest

import sandbox
from sandbox.live.mailer import choose, open_imap, open_smtp
from sandbox.live.space import LiveSpace
from sandbox.messages.citizens import BOUNCE_SUBJECT
from sandbox.messages.patients import patient
from tests.command import Finished, mss


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSpace]:
    folder = tmp_path_factory.mktemp("space")
    with sandbox.live(
        "demo", designs=("single-endpoint",), operators=1, dir=folder, keys="p-256", block=212
    ) as running:
        yield running


@pytest.fixture(scope="module")
def doctor(space: LiveSpace) -> str:
    return str(space.sheet["accounts"][0]["address"])


def run(space: LiveSpace, *words: str, code: int = 0) -> Finished:
    done = mss(*words, "--dir", str(space.folder.path))
    assert done.returncode == code, done.stderr
    return done


def address(number: int) -> str:
    return f"{patient(1, number).matricule}@patient.mssante.test"


def write(space: LiveSpace, sender: str, *words: str) -> str:
    return run(space, "send", sender, *words, "--method", "cps").stdout.split()[0]


def state(space: LiveSpace, message_id: str) -> tuple[str, str]:
    """Return the state of a message once it is no more under way, and why."""
    while True:
        told = json.loads(run(space, "trace", message_id, "--json").stdout)
        (fate,) = told["fates"]
        if fate["state"] != "under-way":
            return fate["state"], fate["reason"]
        time.sleep(0.05)


def bounce(space: LiveSpace, mailbox: str, message_id: str) -> EmailMessage:
    """Wait for the notification about a message, as IMAP gives it to the sender's software."""
    while True:
        with open_imap(choose(space.sheet, mailbox, "imap", method="cps"), print) as imap:
            imap.select("INBOX")
            _, found = imap.search(None, "HEADER", "In-Reply-To", f'"{message_id}"')
            if found[0]:
                _, parts = imap.fetch(found[0].split()[-1].decode(), "(BODY[])")
                message = message_from_bytes(parts[0][1], policy=SMTP)
                assert isinstance(message, EmailMessage)
                return message
        time.sleep(0.05)


def inbox(space: LiveSpace, number: int) -> list[dict[str, Any]]:
    told = run(space, "citizen", "inbox", address(number), "--json").stdout
    return [json.loads(line) for line in told.splitlines()]


def test_a_document_reaches_the_citizen_it_is_about(space: LiveSpace, doctor: str) -> None:
    message = write(space, doctor, "patient", "--document", "11502-2", "--patient", "2")
    assert state(space, message) == ("delivered", "")
    (row,) = inbox(space, 2)
    assert (row["message_id"], row["documents"]) == (message, ["11502-2"])


@pytest.mark.parametrize(
    ("number", "local", "status"),
    [(0, "paul.martin", "5.1.3"), (999, "", "5.1.1"), (3, "", "5.2.1")],
    ids=["invalid", "unknown", "closed"],
)
def test_each_bounce_is_seen_by_the_sender(
    space: LiveSpace, doctor: str, number: int, local: str, status: str
) -> None:
    if number == 3:
        run(space, "citizen", "close", patient(1, 3).matricule)
    to = f"{local}@patient.mssante.test" if local else address(number)
    message = write(space, doctor, to)
    came = bounce(space, doctor, message)
    assert came["Subject"] == BOUNCE_SUBJECT
    assert came.get_content_type() == "multipart/report"
    text = came.as_string()
    assert f"Status: {status}" in text
    assert to.lower() in text
    assert state(space, message)[1].startswith(status)


def test_a_message_over_25_megabytes_bounces_though_operators_take_it(
    space: LiveSpace, doctor: str
) -> None:
    lines = (b"x" * 76 + b"\r\n") * 321_000  # between 25 MB and 25 MiB
    head = f"From: <{doctor}>\r\nTo: <{address(4)}>\r\nMessage-ID: <large@x.test>\r\n\r\n".encode()
    with open_smtp(choose(space.sheet, doctor, "smtp", method="cps"), print) as smtp:
        smtp.sendmail(doctor, [address(4)], head + lines)
    assert "Status: 5.2.3" in bounce(space, doctor, "<large@x.test>").as_string()
    assert inbox(space, 4) == []


def test_a_profile_that_opens_again_has_what_it_had(space: LiveSpace, doctor: str) -> None:
    first = write(space, doctor, address(5))
    state(space, first)
    run(space, "citizen", "close", address(5))
    assert state(space, write(space, doctor, address(5)))[0] == "refused"
    assert run(space, "citizen", "open", "5").stdout.strip() == address(5)
    third = write(space, doctor, address(5))
    state(space, third)
    assert [each["message_id"] for each in inbox(space, 5)] == [first, third]


def test_a_citizen_answers_who_wrote_until_the_exchange_is_ended(
    space: LiveSpace, doctor: str
) -> None:
    answer = ("citizen", "answer", address(6), doctor, "Merci")
    assert doctor in run(space, *answer, code=2).stderr  # nobody has written yet
    state(space, write(space, doctor, address(6)))
    reply = run(space, *answer).stdout.strip()
    assert state(space, reply) == ("delivered", "")
    state(space, write(space, doctor, address(6), "--subject", "[FIN]"))
    assert "fin" in run(space, *answer, code=2).stderr
    state(space, write(space, doctor, address(6)))
    run(space, *answer)
    state(space, write(space, doctor, address(6), "--end"))
    run(space, *answer, code=2)


def test_a_minor_has_an_address_of_his_own(space: LiveSpace) -> None:
    born = next(n for n in range(11, 200) if patient(1, n).birth_date.year > 2012)  # type: ignore[union-attr]
    assert run(space, "citizen", "open", str(born)).stdout.strip() == address(born)
    told = [json.loads(x) for x in run(space, "citizen", "list", "--json").stdout.splitlines()]
    assert next(each["minor"] for each in told if each["address"] == address(born)) is True


def test_a_receipt_to_a_closed_profile_bounces_to_nobody(space: LiveSpace, doctor: str) -> None:
    """The null reverse-path: nothing answers a notification."""
    run(space, "citizen", "close", address(7))
    report = (
        f"From: <{doctor}>\r\nTo: <{address(7)}>\r\nMessage-ID: <report@x.test>\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x--\r\n"
    ).encode()
    with open_smtp(choose(space.sheet, doctor, "smtp", method="cps"), print) as smtp:
        smtp.sendmail("", [address(7)], report)
    assert state(space, "<report@x.test>")[0] == "refused"


def test_no_mail_software_logs_in_there(space: LiveSpace) -> None:
    """Exempt from the editors' interface: no endpoint, no account."""
    assert not any("patient" in each["domain"] for each in space.sheet["operators"])
    assert not any(each["address"].endswith("@patient.mssante.test")
                   for each in space.sheet["accounts"])  # fmt: skip
