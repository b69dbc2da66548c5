"""Faults on the wire, as real clients meet them; and after `clear`, all is well."""

from __future__ import annotations

import imaplib
import json
import smtplib
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from sandbox.cli import cli
from sandbox.console.trust import withdraw_or_restore
from sandbox.live.faults import KNOWN
from sandbox.live.mailer import MailError, Way, choose, open_imap, open_smtp
from sandbox.live.space import LiveSpace
from sandbox.operators.fault_rules import MailFaults, MailRule
from sandbox.operators.faults import FAULTS, POINTS
from sandbox.operators.imap.commands import COMMANDS
from sandbox.operators.smtp.relay_in import RelayIn
from sandbox.operators.smtp.submission import Submission
from sandbox.serve import client_context
from sandbox.space.errors import UserError

PATIENCE = 60.0


@pytest.fixture
def space(mss_space: LiveSpace) -> Iterator[LiveSpace]:
    """The space, well again afterwards."""
    yield mss_space
    mss_space.faults.clear()


def person(space: LiveSpace, operator: int = 0) -> str:
    name = space.sheet["operators"][operator]["name"]
    return next(
        str(each["address"])
        for each in space.sheet["accounts"]
        if each["operator"] == name and each["type"] == "PER"
    )


def smtp(space: LiveSpace) -> smtplib.SMTP:
    return open_smtp(choose(space.sheet, person(space), "smtp"), lambda _: None)


def imap(space: LiveSpace, operator: int = 0) -> imaplib.IMAP4:
    return open_imap(choose(space.sheet, person(space, operator), "imap"), lambda _: None)


def send(space: LiveSpace, to: str, subject: str = "Essai") -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = person(space), to, subject
    message.set_content("Bonjour.")
    with smtp(space) as client:
        client.send_message(message)


def subjects(space: LiveSpace, operator: int) -> bytes:
    with imap(space, operator) as client:
        client.select()
        _, found = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        return b"".join(each[1] for each in found if isinstance(each, tuple))


def until_arrived(space: LiveSpace, subject: str) -> None:
    end = time.monotonic() + PATIENCE
    while subject.encode() not in subjects(space, 1):
        assert time.monotonic() < end, f"{subject} never came"
        time.sleep(0.2)


def refused(space: LiveSpace, **members: Any) -> tuple[int, bytes]:
    """What a recipient is answered while a fault is in force, and that he is taken after it."""
    space.faults.add(**members)
    with smtp(space) as client:
        client.mail(person(space))
        answer = client.rcpt(person(space))
        space.faults.clear()
        assert client.rcpt(person(space))[0] == 250
    return answer


def test_every_point_is_a_command_of_its_protocol() -> None:
    assert set(POINTS["imap"]) - {"CONNECT"} == {each.removeprefix("UID ") for each in COMMANDS}
    assert set(POINTS["smtp"]) - {"CONNECT", "MESSAGE"} == set(Submission.COMMANDS)
    assert set(POINTS["relay"]) - {"CONNECT", "MESSAGE"} == set(RelayIn.COMMANDS)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"fault": "quot"}, "quot"),
        ({"fault": "quota", "protocol": "pop"}, "pop"),
        ({"fault": "quota", "command": "EHLO"}, "RCPT"),
        ({"fault": "reply", "code": 250}, "400"),
        ({"fault": "slow", "seconds": 601}, "600"),
        ({"fault": "slow", "nth": 0}, "nth"),
        ({"fault": "full-disk", "nth": 2}, "operator"),
        ({"fault": "operator-stopped", "protocol": "imap"}, "operator"),
        ({"fault": "certificate-expired", "probability": 0.5}, "method"),
        ({"fault": "no", "method": "pigeon"}, "cps"),
        ({"fault": "ocsp-stale", "nth": 2}, "seconds"),
        ({"fault": "crl-nonsense"}, "crl"),
        ({"fault": {"quota": 1}}, "string"),
        ({"fault": ["quota"]}, "string"),
        ({"fault": ""}, "quota"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_and_changes_nothing(
    space: LiveSpace, members: dict[str, Any], said: str
) -> None:
    space.faults.add("quota")
    before = space.faults.rules()
    with pytest.raises(UserError, match=said):
        space.faults.add(**members)
    assert space.faults.rules() == before


def test_the_same_seed_strikes_the_same_commands(space: LiveSpace) -> None:
    def struck(seed: int) -> list[int]:
        space.faults.replace([{"fault": "reply", "command": "NOOP", "probability": 0.5}], seed)
        with smtp(space) as client:
            return [client.noop()[0] for _ in range(20)]

    first = struck(4)
    assert set(first) == {250, 451}
    assert struck(4) == first
    assert struck(5) != first


def test_the_nth_command_gets_the_reply_asked_for(space: LiveSpace) -> None:
    space.faults.add("reply", command="RCPT", nth=2, code=550, protocol="smtp")
    with smtp(space) as client:
        client.mail(person(space))
        assert [client.rcpt(person(space))[0] for _ in range(3)] == [250, 550, 250]


def test_a_fault_keeps_to_its_mailbox(space: LiveSpace) -> None:
    space.faults.add("quota", mailbox=person(space, 1))
    with smtp(space) as client:
        client.mail(person(space))
        assert client.rcpt(person(space))[0] == 250
        assert client.rcpt(person(space, 1))[0] == 452


def test_a_fault_keeps_to_its_design(space: LiveSpace) -> None:
    space.faults.add("cut", design="multi-port", command="CONNECT")
    with pytest.raises(imaplib.IMAP4.abort):
        open_imap(choose(space.sheet, person(space), "imap", design="multi-port"), lambda _: None)
    other = choose(space.sheet, person(space), "imap", design="multi-endpoint")
    open_imap(other, lambda _: None).logout()


def test_a_full_mailbox_takes_no_recipient(space: LiveSpace) -> None:
    assert refused(space, fault="quota") == (452, b"4.2.2 Mailbox full")


def test_greylisting_takes_the_second_attempt(space: LiveSpace) -> None:
    space.faults.add("greylisting", protocol="smtp")
    with smtp(space) as client:
        client.mail(person(space))
        assert [client.rcpt(person(space))[0] for _ in range(2)] == [450, 250]


def test_a_full_disk_takes_no_message_and_still_lets_read_and_remove(space: LiveSpace) -> None:
    space.faults.add("full-disk", operator=space.sheet["operators"][0]["name"])
    with pytest.raises(smtplib.SMTPDataError) as error:
        send(space, person(space))
    assert error.value.smtp_code == 451
    with imap(space) as client:
        assert client.select()[0] == "OK"
        answer = client.append("INBOX", "", "", b"Subject: x\r\n\r\nx\r\n")
        assert answer[0] == "NO"
        assert b"UNAVAILABLE" in answer[1][0]
        assert client.expunge()[0] == "OK"
    space.faults.clear()
    send(space, person(space))


def test_imap_commands_get_no_bad_overquota_and_bye(space: LiveSpace) -> None:
    with imap(space) as client:
        space.faults.add("no", command="SELECT", nth=1)
        assert client.select()[0] == "NO"
        assert client.select()[0] == "OK"
        space.faults.add("quota", protocol="imap")
        answer = client.append("INBOX", "", "", b"Subject: x\r\n\r\nx\r\n")
        assert (answer[0], b"OVERQUOTA" in answer[1][0]) == ("NO", True)
        space.faults.replace([{"fault": "bad", "command": "NOOP"}])
        with pytest.raises(imaplib.IMAP4.error, match="BAD"):
            client.noop()
        space.faults.replace([{"fault": "closing", "command": "NOOP"}])
        with pytest.raises(imaplib.IMAP4.abort):
            client.noop()
    space.faults.clear()
    with imap(space) as client:
        assert client.noop()[0] == "OK"


@pytest.mark.parametrize("point", ["CONNECT", "EHLO", "RCPT", "MESSAGE"])
def test_smtp_is_cut_where_the_rule_says(space: LiveSpace, point: str) -> None:
    space.faults.add("cut", protocol="smtp", command=point)
    with pytest.raises((smtplib.SMTPServerDisconnected, MailError)):
        send(space, person(space))
    space.faults.clear()
    send(space, person(space))


@pytest.mark.parametrize("point", ["CONNECT", "AUTHENTICATE"])
def test_imap_is_cut_where_the_rule_says(space: LiveSpace, point: str) -> None:
    space.faults.add("cut", protocol="imap", command=point)
    with pytest.raises((MailError, imaplib.IMAP4.abort, OSError)):
        imap(space)
    space.faults.clear()
    with imap(space) as client:
        assert client.select()[0] == "OK"


def test_an_open_imap_session_is_cut_too(space: LiveSpace) -> None:
    client = imap(space)
    space.faults.add("cut", protocol="imap", command="SELECT")
    with pytest.raises(imaplib.IMAP4.abort):
        client.select()
    client.shutdown()
    space.faults.clear()
    with imap(space) as client:
        assert client.select()[0] == "OK"


@pytest.mark.parametrize("protocol", ["smtp", "imap"])
def test_a_slow_server_answers_late_and_rightly(space: LiveSpace, protocol: str) -> None:
    space.faults.add("slow", seconds=1.5, command="NOOP", protocol=protocol)
    with smtp(space) if protocol == "smtp" else imap(space) as client:
        begin = time.monotonic()
        assert client.noop()[0] in (250, "OK")
        assert time.monotonic() - begin >= 1.5


@pytest.mark.parametrize("fault", ["relay-down", "greylisting", "closing"])
def test_mail_waits_for_a_relay_and_arrives_after_it(space: LiveSpace, fault: str) -> None:
    operator = space.sheet["operators"][1]["name"]
    more = {"command": "MAIL"} if fault == "closing" else {}
    space.faults.add(fault, operator=operator, protocol="relay", **more)
    subject = f"Attend {fault} {time.time()}"
    send(space, person(space, 1), subject)
    journal = space.operators[operator].journal
    end = time.monotonic() + PATIENCE
    while not [e for e in journal.since() if e.get("fault") == fault]:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert subject.encode() not in subjects(space, 1)
    space.faults.clear()
    until_arrived(space, subject)


OCSP = [name for name in KNOWN if name.startswith("ocsp-")]
CRL = [name for name in KNOWN if name.startswith("crl-")]
SILENT = {"ocsp": "crl-unreachable", "crl": "ocsp-unreachable"}  # the other source, out of the way


def by_card(space: LiveSpace) -> None:
    """Log in with a card."""
    with open_imap(choose(space.sheet, person(space), "imap", method="cps"), lambda _: None):
        pass


def last_refusal(space: LiveSpace) -> str:
    journal = next(iter(space.operators.values())).journal
    return [str(each["reason"]) for each in journal.since() if each["event"] == "refused"][-1]


@pytest.mark.parametrize("name", [*OCSP, *CRL])
def test_a_card_is_refused_while_its_revocation_cannot_be_known(
    space: LiveSpace, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    space.faults.add(name)
    space.faults.add(SILENT[name.partition("-")[0]])
    with monkeypatch.context() as hurried:
        if name.endswith("-slow"):  # else it is waited for as long as an operator waits
            evidence = next(iter(space.operators.values())).access._evidence
            hurried.setattr(evidence, "_policy", replace(evidence._policy, timeout=1.0))
        with pytest.raises(MailError):
            by_card(space)
    assert last_refusal(space) == "revocation-unknown"
    space.faults.clear()
    by_card(space)


@pytest.mark.parametrize("name", [name for name in OCSP if name != "ocsp-slow"])
def test_a_card_opens_by_the_crl_while_ocsp_misbehaves(space: LiveSpace, name: str) -> None:
    space.faults.add(name)
    by_card(space)


@pytest.mark.parametrize("name", CRL)
def test_a_card_opens_by_ocsp_while_the_crl_misbehaves(space: LiveSpace, name: str) -> None:
    space.faults.add(name)
    by_card(space)


@pytest.mark.parametrize("kind", ["crl", "ocsp"])
def test_what_is_slow_and_comes_in_time_is_believed(space: LiveSpace, kind: str) -> None:
    space.faults.add(f"{kind}-slow", seconds=0.2)
    space.faults.add(SILENT[kind], seconds=0.2)
    by_card(space)


# The control API and the command line.


def run(space: LiveSpace, *words: str) -> Result:
    return CliRunner().invoke(cli, [*words, "--dir", str(space.folder.path)])


def test_the_command_line_sets_lists_and_clears(space: LiveSpace) -> None:
    result = run(space, "fault", "set", "quota", "--protocol", "smtp", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["rules"][0]["fault"] == "quota"
    assert "quota" in run(space, "fault", "list").output
    assert run(space, "fault", "clear").exit_code == 0
    assert space.faults.rules() == []


def test_the_command_line_says_what_a_fault_may_be(space: LiveSpace) -> None:
    result = run(space, "fault", "set", "nonsense")
    assert isinstance(result.exception, UserError)
    assert "quota" in str(result.exception)
    known = run(space, "fault", "list", "--known").output
    assert all(name in known for name in KNOWN)


@pytest.mark.parametrize("secret", ["", "wrong"])
def test_nobody_else_drives_the_space(space: LiveSpace, secret: str) -> None:
    control = space.sheet["control"]
    answer = httpx.post(
        control["url"] + "/faults",
        json={"fault": "quota"},
        headers={"Authorization": f"Bearer {secret}"} if secret else {},
        verify=client_context(Path(space.sheet["ca"]["bundle"])),
        trust_env=False,
    )
    assert answer.status_code == 401
    assert space.faults.rules() == []


def test_a_mailbox_is_filled_and_emptied(space: LiveSpace) -> None:
    address = person(space)
    assert run(space, "mailbox", "empty", address).exit_code == 0
    assert "300 messages" in run(space, "mailbox", "fill", address, "300").output
    with imap(space) as client:
        assert client.select()[1] == [b"300"]
    assert "300 messages" in run(space, "mailbox", "empty", address).output
    with imap(space) as client:
        assert client.select()[1] == [b"0"]


def test_an_account_that_is_added_logs_in_by_each_method(space: LiveSpace) -> None:
    address = f"ajoute@{space.sheet['operators'][0]['domain']}"
    result = run(space, "mailbox", "add", address)
    assert result.exit_code == 0, result.output
    sheet = json.loads((space.folder.path / "space.json").read_text("utf-8"))
    for method in ("cps", "totp", "ecps"):
        way = choose(sheet, address, "imap", method=method)
        with open_imap(way, lambda _: None) as client:
            assert client.select()[0] == "OK"
    again = run(space, "mailbox", "add", address)
    assert isinstance(again.exception, UserError)
    assert address in str(again.exception)


@pytest.mark.parametrize(
    "members", [{"nth": 0}, {"nth": "2"}, {"probability": -0.1}, {"code": 250}]
)
def test_a_rule_made_directly_has_the_same_bounds(members: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=next(iter(members))):
        MailRule(fault="reply", **members)


def test_faults_count_for_each_session_where_asked() -> None:
    from tests.operators.smtp.scripted import channel

    faults = MailFaults(0, [MailRule(fault="reply", command="RCPT", nth=2, per="session")])
    here = channel()
    assert [faults.strike(here, "RCPT") is None for _ in range(3)] == [True, False, True]
    assert set(FAULTS) <= set(KNOWN)


def way(space: LiveSpace, design: str, method: str) -> Way:
    address = next(
        str(each["address"]) for each in space.sheet["accounts"]
        if method in each["holders"][0]["methods"]
        and each["operator"] == space.sheet["operators"][0]["name"]
    )  # fmt: skip
    return choose(space.sheet, address, "imap", method=method, design=design)


def gets_in(space: LiveSpace, design: str, method: str) -> str:
    """Return what keeps a client out, empty if nothing does."""
    try:
        open_imap(way(space, design, method), lambda _: None).logout()
    except (MailError, OSError) as error:
        return str(error)
    return ""


def test_an_expired_certificate_keeps_out_who_shares_it_and_nobody_afterwards(
    space: LiveSpace,
) -> None:
    """Where a method has an endpoint of its own it fails alone; elsewhere all of them do."""
    shared, apart = "single-endpoint", "multi-endpoint"
    space.faults.add("certificate-expired", protocol="imap", method="cps")
    assert "expired" in gets_in(space, shared, "certificat")
    assert "expired" in gets_in(space, apart, "cps")
    assert gets_in(space, apart, "certificat") == ""
    space.faults.clear()
    assert gets_in(space, shared, "certificat") == gets_in(space, apart, "cps") == ""


def test_a_port_that_is_closed_keeps_newcomers_out_and_leaves_who_is_in(space: LiveSpace) -> None:
    shared, apart = "single-endpoint", "multi-endpoint"
    inside = open_imap(way(space, shared, "cps"), lambda _: None)
    space.faults.add("port-closed", design=shared)
    assert gets_in(space, shared, "cps")
    assert gets_in(space, apart, "cps") == ""
    assert inside.noop()[0] == "OK"
    space.faults.remove(space.faults.rules()[0])
    assert gets_in(space, shared, "cps") == ""
    inside.logout()


def test_an_operator_that_is_stopped_cuts_everybody_and_comes_back(space: LiveSpace) -> None:
    shared = "single-endpoint"
    inside = open_imap(way(space, shared, "cps"), lambda _: None)
    space.faults.add("operator-stopped", operator=space.sheet["operators"][0]["name"])
    with pytest.raises((imaplib.IMAP4.abort, OSError)):
        inside.noop()
    inside.shutdown()
    assert gets_in(space, shared, "cps")
    space.faults.clear()
    assert gets_in(space, shared, "cps") == ""


def test_a_fault_of_a_method_or_a_person_strikes_no_other(space: LiveSpace) -> None:
    shared = "single-endpoint"
    rule = {"fault": "no", "command": "NOOP"}
    holder = way(space, shared, "cps")
    identity = next(
        each["holders"][0]["identity"] for each in space.sheet["accounts"]
        if each["address"] == holder.address
    )  # fmt: skip
    for members, struck in (
        ({"method": "cps"}, True), ({"method": "totp"}, False),
        ({"person": identity}, True), ({"person": "899999999999"}, False),
    ):  # fmt: skip
        space.faults.replace([{**rule, **members}])
        with open_imap(holder, lambda _: None) as client:
            assert (client.noop()[0] == "NO") is struck, members


def test_a_list_that_is_stale_does_not_tell_who_was_withdrawn(space: LiveSpace) -> None:
    domain = space.sheet["operators"][1]["domain"]

    def answer() -> int:
        space.refresh_list()
        with smtp(space) as client:
            client.mail(person(space))
            return client.rcpt(person(space, 1))[0]

    space.faults.add("list-stale")
    withdraw_or_restore(space.ledger, domain, datetime.now(UTC))
    try:
        assert answer() == 250
        space.faults.clear()
        assert answer() >= 500
    finally:
        withdraw_or_restore(space.ledger, domain, datetime.now(UTC))
        assert answer() == 250


def test_operators_of_this_process_cannot_be_killed_alone(space: LiveSpace) -> None:
    with pytest.raises(UserError, match="--processes"):
        space.kill(space.sheet["operators"][0]["name"])
    with pytest.raises(UserError, match=space.sheet["operators"][0]["name"]):
        space.kill("nobody")
