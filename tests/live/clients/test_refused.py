"""What must not work does not, through any door, and the journal says why."""

from __future__ import annotations

import imaplib
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.live.clients.curl import mailbox_status, send
from tests.live.clients.world import ClientLogin, World

SINGLE = "single-endpoint"


@contextmanager
def smtp(world: World, at: dict[str, Any], login: ClientLogin) -> Iterator[smtplib.SMTP]:
    context = world.context(login)
    with smtplib.SMTP_SSL(at["address"], at["port"], context=context) as session:
        session.ehlo()
        if login.certificate:
            session.auth("EXTERNAL", lambda _=None: login.user)
        yield session


def imap(world: World, login: ClientLogin, name: str = "") -> None:
    """Log in with a password, or a card for a mailbox."""
    at = world.endpoint(SINGLE, "imap")
    context = world.context(login)
    with imaplib.IMAP4_SSL(at["address"], at["port"], ssl_context=context) as session:
        if login.certificate:
            session.authenticate("EXTERNAL", lambda _: (name or login.user).encode())
        else:
            # imaplib quotes the password alone; a holder's name (`mailbox*identity`) needs it too.
            session.login(f'"{login.user}"', login.password)


def rules(world: World, operator: str = "") -> list[str]:
    """Return the rules that the journal says refused, newest last."""
    journal = world.space.operators[operator or world.first].journal
    return [event["reason"] for event in journal.since() if event["event"] == "refused"]


def test_a_code_is_good_once_by_whatever_protocol(world: World) -> None:
    login = world.login("totp")
    imap(world, login)
    at = world.endpoint(SINGLE, "smtp")
    outcome = send(world, at, login, "PLAIN", login.address, world.mark())
    assert "< 535 5.7.8 " in outcome.said
    assert rules(world)[-1] == "code-reused"


def test_a_wrong_password_and_an_unknown_account_read_the_same(world: World) -> None:
    answers = []
    for user in (world.login("cps").address, f"personne@{world.first}.mssante.test"):
        with pytest.raises(imaplib.IMAP4.error) as refused:
            imap(world, ClientLogin(user, user, "ni-le-bon-mot-de-passe-123456"))
        answers.append(str(refused.value))
    assert answers[0] == answers[1]


def test_a_card_does_not_open_another_person_s_mailbox(world: World) -> None:
    with pytest.raises(imaplib.IMAP4.error, match="AUTHORIZATIONFAILED"):
        imap(world, world.login("cps"), world.login("cps", number=1).address)


def test_a_mailbox_of_another_operator_is_not_here(world: World) -> None:
    with pytest.raises(imaplib.IMAP4.error):
        imap(world, world.login("cps"), world.login("cps", operator=world.second).address)


def test_a_token_of_another_person_does_not_open(world: World) -> None:
    at = world.endpoint(SINGLE, "imap")
    mine, other = world.login("ecps", "OAUTHBEARER"), world.login("ecps", number=1)
    stolen = ClientLogin(other.address, other.address, token=mine.token)
    outcome = mailbox_status(world, at, stolen, "OAUTHBEARER")
    assert outcome.code != 0
    assert "STATUS INBOX (MESSAGES " not in outcome.out


def test_a_revoked_card_is_refused(world: World) -> None:
    login = world.login("cps", number=2)
    chain = x509.load_pem_x509_certificates(Path(login.certificate).read_bytes())
    world.space.keys.ca.revoke(chain[0])
    with pytest.raises(imaplib.IMAP4.error):
        imap(world, login)
    assert rules(world)[-1] == "certificate-revoked"


def test_an_endpoint_for_cards_tells_in_words_who_has_none(world: World) -> None:
    at = world.endpoint("multi-endpoint", "imap.cps")
    with pytest.raises(imaplib.IMAP4.error):
        imaplib.IMAP4_SSL(at["address"], at["port"], ssl_context=world.context())
    at = world.endpoint("multi-endpoint", "smtp.cps")
    with pytest.raises(smtplib.SMTPConnectError, match="554"):
        smtplib.SMTP_SSL(at["address"], at["port"], context=world.context())


def test_nobody_sends_under_another_s_address(world: World) -> None:
    login, other = world.login("cps"), world.login("cps", number=1)
    with (
        smtp(world, world.endpoint(SINGLE, "smtp"), login) as session,
        pytest.raises(smtplib.SMTPSenderRefused) as refused,
    ):
        session.sendmail(other.address, [other.address], b"Subject: x\r\n\r\nx\r\n")
    assert refused.value.smtp_code == 553


def test_nobody_sends_out_of_the_space(world: World) -> None:
    login = world.login("cps")
    with smtp(world, world.endpoint(SINGLE, "smtp"), login) as session:
        session.mail(login.address)
        code, _ = session.rcpt("someone@example.org")
    assert code // 100 == 5


def test_nobody_sends_without_logging_in(world: World) -> None:
    with smtp(world, world.endpoint(SINGLE, "smtp"), ClientLogin("", "")) as session:
        code, _ = session.mail(world.login("cps").address)
    assert code == 530


def test_a_password_is_not_heard_in_clear(world: World) -> None:
    at, login = world.endpoint("api-lps-2023", "imap.otp"), world.login("cps")
    with imaplib.IMAP4(at["address"], at["port"]) as session:
        assert "LOGINDISABLED" in session.capabilities
        with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
            session.login(login.user, "x")


def test_a_relay_hears_operators_of_the_list_alone(world: World) -> None:
    mx = next(each["mx"] for each in world.sheet["operators"] if each["name"] == world.first)
    login = world.login("certificat", operator=world.second)
    victim = world.login("cps").address
    with smtplib.SMTP(mx["address"], mx["port"]) as session:
        session.starttls(context=world.context(login))
        session.ehlo()
        code, _ = session.mail(login.address)
        if code == 250:
            code, _ = session.rcpt(victim)
    assert code // 100 == 5
