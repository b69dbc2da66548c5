"""Whom a citizen may answer, and what bounces: the rules alone."""

from __future__ import annotations

import pytest

from sandbox.messages.citizens import BOUNCES, CitizenProfile, bounce_for, writers
from tests.messages.made import PATIENT

ADDRESS = f"{PATIENT.matricule}@patient.mssante.test"


@pytest.mark.parametrize(
    ("address", "size", "profile", "bounce"),
    [
        (ADDRESS, 25_000_000, CitizenProfile.OPEN, None),
        (ADDRESS, 25_000_001, CitizenProfile.OPEN, "large"),
        (ADDRESS, 1, CitizenProfile.CLOSED, "closed"),
        (ADDRESS, 1, CitizenProfile.NONE, "unknown"),
        ("paul@patient.mssante.test", 1, CitizenProfile.OPEN, "invalid"),
        (ADDRESS.replace("@", "0@"), 1, CitizenProfile.OPEN, "invalid"),
    ],
)
def test_a_message_is_delivered_or_bounces_for_one_reason(
    address: str, size: int, profile: CitizenProfile, bounce: str | None
) -> None:
    assert bounce_for(address, size, profile) == (BOUNCES[bounce] if bounce else None)


def mail(author: str, *fields: str) -> bytes:
    return "\r\n".join([f"From: {author}", *fields, "", ""]).encode()


def test_who_wrote_may_be_answered_until_he_ends_the_exchange() -> None:
    first, second = mail("A <a@x.test>"), mail("b@x.test")
    assert writers([first, second]) == ["a@x.test", "b@x.test"]
    assert writers([first, second, mail("a@x.test", "X-MSS-MES: FIN")]) == ["b@x.test"]
    assert writers([mail("a@x.test", "Subject: [FIN]"), first]) == ["a@x.test"]


def test_reply_to_is_who_is_answered() -> None:
    assert writers([mail("app@x.test", "Reply-To: <secretariat@x.test>")]) == ["secretariat@x.test"]


def test_a_notification_opens_no_exchange() -> None:
    report = "Content-Type: multipart/report; report-type=disposition-notification; boundary=x"
    assert writers([mail("a@x.test", report)]) == []
