"""A certificate that logs in alone: who shows one, who shows none, and after STARTTLS."""

from __future__ import annotations

import imaplib
import smtplib
from pathlib import Path

import pytest
from cryptography import x509

from tests.live.clients.programs import names_of, needed, run
from tests.live.clients.test_software import LPS, swaks
from tests.live.clients.world import World

SINGLE = "single-endpoint"


def opened(alone: World, method: str = "cps", number: int = 0) -> imaplib.IMAP4_SSL:
    at = alone.endpoint(SINGLE, "imap")
    context = alone.context(alone.login(method, number=number))
    return imaplib.IMAP4_SSL(at["address"], at["port"], ssl_context=context)


@pytest.mark.parametrize("method", ["cps", "certificat"])
def test_at_a_single_endpoint_who_shows_a_certificate_is_greeted_preauth(
    alone: World, method: str
) -> None:
    with opened(alone, method) as session:
        assert session.state == "AUTH"
        assert session.select("INBOX")[0] == "OK"


def test_at_a_single_endpoint_who_shows_none_logs_in_by_sasl(alone: World) -> None:
    at, login = alone.endpoint(SINGLE, "imap"), alone.login("ecps")
    context = alone.context()
    with imaplib.IMAP4_SSL(at["address"], at["port"], ssl_context=context) as session:
        assert session.state == "NONAUTH"
        assert "AUTH=EXTERNAL" not in session.capabilities
        session.login(f'"{login.user}"', login.password)


def test_a_revoked_certificate_is_greeted_ok_and_external_is_refused(alone: World) -> None:
    login = alone.login("cps", number=2)
    chain = x509.load_pem_x509_certificates(Path(login.certificate).read_bytes())
    alone.space.keys.ca.revoke(chain[0])
    with opened(alone, number=2) as session:
        assert session.state == "NONAUTH"
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            session.authenticate("EXTERNAL", lambda _: b"")
    told = alone.space.operators[alone.first].journal.since()[-2:]
    assert [each.get("reason") for each in told] == ["certificate-revoked"] * 2


def test_after_starttls_a_certificate_has_to_say_external(alone: World) -> None:
    at, login = alone.endpoint(LPS, "imap.cps"), alone.login("cps")
    with imaplib.IMAP4(at["address"], at["port"]) as session:
        session.starttls(alone.context(login))
        assert session.state == "NONAUTH"
        assert "AUTH=EXTERNAL" in session.capabilities
        session.authenticate("EXTERNAL", lambda _: b"")
        assert session.select("INBOX")[0] == "OK"


def test_swaks_submits_with_a_card_alone(alone: World) -> None:
    transcript = swaks(alone, alone.endpoint(LPS, "smtp.cps"), alone.login("cps"), alone.mark())
    assert " -> AUTH" not in transcript
    assert " ~> AUTH" not in transcript


def test_nobody_sends_in_another_s_name_with_a_card_alone(alone: World) -> None:
    at, other = alone.endpoint(SINGLE, "smtp"), alone.login("cps", number=1)
    context = alone.context(alone.login("cps"))
    with smtplib.SMTP_SSL(at["address"], at["port"], context=context) as session:
        session.ehlo()
        assert session.mail(other.address)[0] == 553


def test_neomutt_opens_the_inbox_without_a_password(alone: World, tmp_path: Path) -> None:
    needed("neomutt", "script")
    at, login = alone.endpoint(SINGLE, "imap"), alone.login("cps")
    both = Path(login.certificate).read_text() + Path(login.key).read_text()
    (tmp_path / "card.pem").write_text(both)
    (tmp_path / "rc").write_text(f"""
set ssl_ca_certificates_file = "{alone.bundle}"
set ssl_client_cert = "{tmp_path}/card.pem"
set imap_user = "{login.user}"
set folder = "imaps://{at["host"]}:{at["port"]}/"
set spoolfile = "+INBOX"
set header_cache = "" message_cachedir = ""
unset wait_key
""")
    outcome = run(
        ["script", "--quiet", "--return", "--command",
         f"neomutt -d 2 -l {tmp_path}/log -F {tmp_path}/rc -e 'push \"<exit>\"'", "/dev/null"],
        env={**names_of(alone.hosts), "TERM": "xterm", "HOME": str(tmp_path)}, folder=tmp_path,
    )  # fmt: skip
    assert outcome.code == 0, outcome.said
    said = "".join(path.read_text(errors="replace") for path in tmp_path.glob("log*"))
    assert 'SELECT "INBOX"' in said
    assert "LOGIN" not in said
    assert "AUTHENTICATE" not in said
