"""Mail software beside curl, where the guide has none: STARTTLS, SNI, cards, tokens, terminals."""

from __future__ import annotations

import imaplib
import re
import smtplib
from pathlib import Path
from typing import Any

import pytest

from tests.live.clients.programs import names_of, needed, run
from tests.live.clients.world import ClientLogin, World

LPS = "api-lps-2023"  # a name per method, STARTTLS
SNI = "multi-endpoint-sni"  # a name per method behind one address


def recipient(world: World) -> str:
    return world.login("cps", operator=world.second).address


def swaks(world: World, at: dict[str, Any], login: ClientLogin, mark: str, *words: str) -> str:
    """Send with swaks, STARTTLS or not; return its transcript."""
    to = recipient(world)
    security = ["--tls-on-connect"] if at["tls"] == "implicit" else ["--tls"]
    if login.certificate:
        security += ["--tls-cert", login.certificate, "--tls-key", login.key]
    outcome = run([
        "swaks", "--server", at["address"], "--port", str(at["port"]), "--tls-sni", at["host"],
        "--tls-verify", "--tls-ca-path", world.bundle, *security, *words, "--from", login.address,
        "--to", to, "--header", f"Subject: {mark}",
    ])  # fmt: skip
    assert outcome.code == 0, outcome.said
    world.arrived(to, mark)
    return outcome.out


def by_password(login: ClientLogin, mechanism: str) -> list[str]:
    return ["--auth", mechanism, "--auth-user", login.user, "--auth-password", login.password]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_swaks_submits_over_starttls(world: World, mechanism: str) -> None:
    needed("swaks")
    at, login = world.endpoint(LPS, "smtp.otp"), world.login("totp")
    transcript = swaks(world, at, login, world.mark(), *by_password(login, mechanism))
    assert "TLS started with cipher" in transcript


def test_swaks_picks_its_endpoint_by_name(world: World) -> None:
    at, login = world.endpoint(SNI, "smtp.ciba"), world.login("ecps")
    swaks(world, at, login, world.mark(), *by_password(login, "PLAIN"))


@pytest.mark.parametrize(
    ("protocol", "hello", "bye"), [("imap", "a CAPABILITY", "b LOGOUT"), ("smtp", "EHLO x", "QUIT")]
)
def test_openssl_does_starttls(world: World, protocol: str, hello: str, bye: str) -> None:
    needed("openssl")
    at = world.endpoint(LPS, f"{protocol}.otp")
    # EHLO ends a group of commands (RFC 2920 §3.1): the rest waits for its answer.
    typed = f"printf '{hello}\\r\\n'; sleep 1; printf '{bye}\\r\\n'"
    command = (
        f"openssl s_client -starttls {protocol} -verify_return_error -quiet -CAfile {world.bundle}"
        f" -servername {at['host']} -verify_hostname {at['host']}"
        f" -connect {at['address']}:{at['port']}"
    )
    outcome = run(["bash", "-c", f"({typed}) | {command}"])
    assert re.search(r"AUTH[ =]PLAIN", outcome.out), outcome.said


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_speaks_tls(world: World, version: str) -> None:
    at = world.endpoint("single-endpoint", "imap")
    where = ["-connect", f"{at['address']}:{at['port']}", "-CAfile", world.bundle]
    outcome = run(["openssl", "s_client", version, "-brief", *where], text="")
    assert "Verification: OK" in outcome.said


def test_openssl_finds_no_older_tls(world: World) -> None:
    at = world.endpoint("single-endpoint", "imap")
    where = ["-connect", f"{at['address']}:{at['port']}", "-cipher", "ALL:@SECLEVEL=0"]
    outcome = run(["openssl", "s_client", "-tls1_1", *where], text="")
    assert outcome.code != 0
    assert "no peer certificate available" in outcome.said


MBSYNC = """
IMAPAccount mss
Host {host}
Port {port}
SSLType {tls}
CertificateFile {bundle}
User {user}
Timeout 100
{login}

IMAPStore far
Account mss

MaildirStore near
Path {folder}/
Inbox {folder}/INBOX
SubFolders Verbatim

Channel mss
Far :far:
Near :near:
Patterns *
Create Both
Sync All
"""


@pytest.mark.parametrize(
    ("design", "name", "method"),
    [
        ("single-endpoint", "imap", "ecps"),
        ("single-endpoint", "imap", "certificat"),
        (LPS, "imap.cps", "cps"),
        (SNI, "imap.otp", "ciba-operateur"),
    ],
)
def test_mbsync_takes_and_gives(
    world: World, tmp_path: Path, design: str, name: str, method: str
) -> None:
    needed("mbsync")
    at, login = world.endpoint(design, name), world.login(method)
    by_card = f"ClientCertificate {login.certificate}\nClientKey {login.key}\nAuthMechs EXTERNAL"
    (tmp_path / "rc").write_text(MBSYNC.format(
        host=at["host"], port=at["port"], bundle=world.bundle, user=login.user, folder=tmp_path,
        tls="IMAPS" if at["tls"] == "implicit" else "STARTTLS",
        login=by_card if login.certificate else f"AuthMechs PLAIN\nPass {login.password}",
    ))  # fmt: skip
    mark = world.mark()
    for folder in ("cur", "new", "tmp"):
        (tmp_path / "INBOX" / folder).mkdir(parents=True)
    ours = world.message(login.address, login.address, mark).as_bytes()
    (tmp_path / "INBOX" / "new" / "1.here").write_bytes(ours)
    words = ["mbsync", "--config", str(tmp_path / "rc"), "mss"]
    env = {**names_of(world.hosts), "HOME": str(tmp_path)}  # where it keeps its state
    outcome = run(words, env=env)
    assert outcome.code == 0, outcome.said
    assert (tmp_path / "Sent").is_dir()
    again = run(words, env=env)
    assert again.code == 0, again.said
    near = [*tmp_path.glob("INBOX/*/*")]
    assert sum(mark in path.read_text(errors="replace") for path in near) == 1


def test_neomutt_reads_on_a_terminal(world: World, tmp_path: Path) -> None:
    needed("neomutt", "script")
    at, login = world.endpoint("single-endpoint", "imap"), world.login("ecps")
    sender, mark = world.login("cps", operator=world.second), world.mark()
    back = world.endpoint("single-endpoint", "smtp", world.second)
    context = world.context(sender)
    with smtplib.SMTP_SSL(back["address"], back["port"], context=context) as smtp:
        smtp.ehlo()
        smtp.auth("EXTERNAL", lambda _=None: sender.address)
        smtp.send_message(world.message(sender.address, login.address, mark))
    world.arrived(login.address, mark)
    (tmp_path / "rc").write_text(f"""
set ssl_ca_certificates_file = "{world.bundle}"
set imap_user = "{login.user}"
set imap_pass = "{login.password}"
set folder = "imaps://{at["host"]}:{at["port"]}/"
set spoolfile = "+INBOX"
set header_cache = "" message_cachedir = ""
unset wait_key
""")
    keys = f"<limit>~s {mark}<enter><pipe-message>cat > {tmp_path}/read<enter><exit>"
    outcome = run(
        ["script", "--quiet", "--return", "--command",
         f"neomutt -F {tmp_path}/rc -e 'push \"{keys}\"'", "/dev/null"],
        env={**names_of(world.hosts), "TERM": "xterm", "HOME": str(tmp_path)}, folder=tmp_path,
    )  # fmt: skip
    assert (tmp_path / "read").exists(), outcome.said
    assert mark in (tmp_path / "read").read_text()


@pytest.mark.parametrize("method", ["totp", "ecps"])
def test_msmtp_submits_over_starttls(world: World, tmp_path: Path, method: str) -> None:
    token = "oauthbearer" if method == "ecps" else ""
    at = world.endpoint(LPS, "smtp.otp" if method == "totp" else "smtp.ciba")
    login = world.login(method, "OAUTHBEARER" if token else "")
    rc, secret = tmp_path / "rc", tmp_path / "secret"
    secret.write_text(login.token or login.password)  # a line of its own file ends at 500
    rc.write_text(
        f"account mss\nhost {at['host']}\nport {at['port']}\ntls on\ntls_starttls on\n"
        f"tls_trust_file {world.bundle}\nauth {token or 'plain'}\nuser {login.user}\n"
        f"passwordeval cat {secret}\nfrom {login.address}\n"
    )
    rc.chmod(0o600)
    to, mark = recipient(world), world.mark()
    outcome = run(
        ["msmtp", f"--file={rc}", "--account=mss", to],
        text=world.message(login.address, to, mark).as_string(), env=names_of(world.hosts),
    )  # fmt: skip
    assert outcome.code == 0, outcome.said
    world.arrived(to, mark)


def test_imaplib_waits_and_is_told(world: World) -> None:
    login = world.login("cps")
    at = world.endpoint(LPS, "imap.cps")
    with imaplib.IMAP4(at["address"], at["port"]) as session:
        session.starttls(world.context(login))
        session.authenticate("EXTERNAL", lambda _: login.address.encode())
        session.select("INBOX")
        session.send(b"i IDLE\r\n")
        assert session.readline().startswith(b"+ ")
        sender, mark = world.login("cps", operator=world.second), world.mark()
        back = world.endpoint(LPS, "smtp.cps", world.second)
        with smtplib.SMTP(back["address"], back["port"]) as smtp:
            smtp.starttls(context=world.context(sender))
            smtp.ehlo()
            smtp.auth("EXTERNAL", lambda _=None: sender.address)
            smtp.send_message(world.message(sender.address, login.address, mark))
        session.sock.settimeout(30)
        while not session.readline().endswith(b"EXISTS\r\n"):
            pass
        session.send(b"DONE\r\n")
        while not session.readline().startswith(b"i OK"):
            pass
    world.arrived(login.address, mark)
