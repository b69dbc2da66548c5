"""The table of mail software and libraries that others wrote, and how each is told one way in.

The libraries are driven by the few lines of `foreign/`, which say the same thing in each language.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from sandbox.conformance.software.attempts import (
    BOTH,
    LoginAttempt,
    MailClient,
    ProgramCall,
    said_by,
)
from sandbox.conformance.software.thunderbird_attempts import THUNDERBIRD
from sandbox.space.errors import UserError

__all__ = ["CLIENTS", "FOREIGN", "JARS", "PEERS", "curl_words", "named"]

FOREIGN = Path(__file__).parent / "foreign"
# Where `.ci/peers-operators` puts libraries that no package of the system has.
PEERS = Path(os.environ.get("MSS_PEERS", Path.home() / ".cache/mssante-sandbox/peers"))


def curl_words(a: LoginAttempt) -> list[str]:
    """Return curl with all but what to do: led to the address by itself, TLS never left out."""
    scheme = a.protocol + ("s" if a.tls == "implicit" else "")
    place = f"{a.host}:{a.port}"
    words = ["curl", "--silent", "--show-error", "--ssl-reqd", "--cacert", a.bundle,
             "--connect-to", f"{place}:{a.address}:{a.port}"]  # fmt: skip
    if a.login.certificate:
        words += ["--cert", a.login.certificate, "--key", a.login.key]
    if a.login.token:
        words += ["--user", f"{a.login.user}:", "--oauth2-bearer", a.login.token]
    elif a.mechanism != "NONE":
        words += ["--user", f"{a.login.user}:{a.login.password}"]
    if a.mechanism != "NONE":
        words += ["--login-options", f"AUTH={a.mechanism}"]
    name = "client.mssante.test" if a.protocol == "smtp" else ""  # in EHLO
    return [*words, f"{scheme}://{place}/{name}"]


def _curl(a: LoginAttempt) -> ProgramCall:
    if a.protocol == "imap":
        return ProgramCall([*curl_words(a), "--request", "STATUS INBOX (MESSAGES)"])
    envelope = ["--mail-from", a.login.address, "--mail-rcpt", a.recipient, "--upload-file", "-"]
    return ProgramCall([*curl_words(a), *envelope], text=a.message)


def _mbsync(a: LoginAttempt) -> ProgramCall:
    lines = ["IMAPAccount mss", f"Host {a.host}", f"Port {a.port}",
             f"SSLType {'IMAPS' if a.tls == 'implicit' else 'STARTTLS'}",
             f"CertificateFile {a.bundle}"]  # fmt: skip
    if a.login.certificate:
        lines += [f"ClientCertificate {a.login.certificate}", f"ClientKey {a.login.key}"]
    if a.mechanism != "NONE":
        lines += [f"User {a.login.user}", f"AuthMechs {a.mechanism}"]
    if a.secret:
        a.file("secret", a.secret + "\n")
        lines += [f'PassCmd "cat {a.folder}/secret"']
    lines += ["", "IMAPStore far", "Account mss", "", "MaildirStore near", f"Path {a.folder}/mail/",
              f"Inbox {a.folder}/mail/INBOX", "", "Channel mss", "Far :far:", "Near :near:",
              "Create Near", "Sync Pull", ""]  # fmt: skip
    (a.folder / "mail").mkdir(exist_ok=True)
    return ProgramCall(["mbsync", "--config", a.file("rc", "\n".join(lines)), "mss"])


def _msmtp(a: LoginAttempt) -> ProgramCall:
    lines = ["account mss", f"host {a.host}", f"port {a.port}", "tls on",
             f"tls_starttls {'off' if a.tls == 'implicit' else 'on'}",
             f"tls_trust_file {a.bundle}", f"from {a.login.address}",
             f"auth {'off' if a.mechanism == 'NONE' else a.mechanism.lower()}"]  # fmt: skip
    if a.login.certificate:
        lines += [f"tls_cert_file {a.login.certificate}", f"tls_key_file {a.login.key}"]
    if a.mechanism != "NONE":
        lines += [f"user {a.login.user}"]
    if a.secret:
        lines += [f"passwordeval cat {a.file('secret', a.secret)}"]
    rc = a.file("rc", "\n".join([*lines, ""]))
    return ProgramCall(["msmtp", f"--file={rc}", "--account=mss", a.recipient], text=a.message)


def _neomutt(a: LoginAttempt) -> ProgramCall:
    at, s = a.login.user.replace("@", "%40"), "s" if a.tls == "implicit" else ""
    lines = [f'set ssl_ca_certificates_file = "{a.bundle}"', f'set imap_user = "{a.login.user}"',
             f'set folder = "imap{s}://{a.host}:{a.port}/"', 'set spoolfile = "+INBOX"',
             f'set smtp_url = "smtp{s}://{at}@{a.host}:{a.port}/"',
             "set ssl_starttls = yes ssl_force_tls = yes",
             f'set from = "{a.login.address}"',
             'set header_cache = "" message_cachedir = "" record = ""',
             "unset wait_key"]  # fmt: skip
    if a.login.certificate:
        both = Path(a.login.certificate).read_text() + Path(a.login.key).read_text()
        lines.append(f'set ssl_client_cert = "{a.file("card.pem", both)}"')
    if a.mechanism != "NONE":
        lines.append(f'set {a.protocol}_authenticators = "{a.mechanism.lower()}"')
    else:
        lines[4] = f'set smtp_url = "smtp{s}://{a.host}:{a.port}/"'
    if a.login.token:
        command = f"cat {a.file('secret', a.login.token)}"
        lines.append(f'set {a.protocol}_oauth_refresh_command = "{command}"')
    elif a.secret:
        lines.append(f'set {a.protocol}_pass = "{a.secret}"')
    rc, log = a.file("rc", "\n".join([*lines, ""])), f"{a.folder}/log"
    words = ["neomutt", "-n", "-d", "1", "-l", log, "-F", rc, "-s", "essai", "--", a.recipient]
    if a.protocol == "imap":
        line = f"neomutt -n -d 1 -l {log} -F {rc} -e 'push \"<exit>\"'"
        words = ["script", "--quiet", "--return", "--command", line, "/dev/null"]
    # It would wait for a key where it does not know a value, an authenticator for one; and where
    # it fails its screen keeps the cause to itself, which its log has (`-d 1`: no dialogue there).
    knows = (
        'neomutt -n -F "$0" -Q folder 2>&1 >/dev/null </dev/null | grep . && exit 1; "$@"; code=$?;'
        f" sed -n 's/.*<E> [a-z_0-9]*() //p' {log}0; exit $code"
    )
    text = "Bonjour.\n" if a.protocol == "smtp" else ""
    return ProgramCall(["sh", "-c", knows, rc, *words], text)


def _offlineimap(a: LoginAttempt) -> ProgramCall | str:
    if a.mechanism in ("OAUTHBEARER", "EXTERNAL"):
        return f"auth_mechanisms has no {a.mechanism}"
    lines = ["[general]", "accounts = mss", f"metadata = {a.folder}/state", "[Account mss]",
             "localrepository = near", "remoterepository = far", "[Repository near]",
             "type = Maildir", f"localfolders = {a.folder}/mail", "[Repository far]",
             "type = IMAP", f"remotehost = {a.host}", f"remoteport = {a.port}",
             f"ssl = {'yes' if a.tls == 'implicit' else 'no'}", "starttls = yes",
             "readonly = True", f"sslcacertfile = {a.bundle}",
             f"remoteuser = {a.login.user}"]  # fmt: skip
    if a.login.certificate:
        lines += [f"sslclientcert = {a.login.certificate}", f"sslclientkey = {a.login.key}"]
    if a.mechanism != "NONE":
        lines += [f"auth_mechanisms = {a.mechanism}"]
    if a.login.token:
        lines += [f"oauth2_access_token = {a.login.token}",
                  "oauth2_request_url = https://127.0.0.1/"]  # fmt: skip
    else:
        lines += [f"remotepassfile = {a.file('secret', a.secret or 'x')}"]
    rc = a.file("rc", "\n".join([*lines, ""]))
    return ProgramCall(["offlineimap", "-o", "-u", "basic", "-c", rc])


def _getmail(a: LoginAttempt) -> ProgramCall | str:
    if a.mechanism in ("OAUTHBEARER", "EXTERNAL"):
        return f"its IMAP retriever has no {a.mechanism}"
    if a.tls != "implicit":
        return "its IMAP retrievers have no STARTTLS"
    lines = ["[retriever]", "type = SimpleIMAPSSLRetriever", f"server = {a.host}",
             f"port = {a.port}", f"username = {a.login.user}", f"ca_certs = {a.bundle}",
             f'password_command = ("cat", "{a.file("secret", a.secret or "x")}")',
             f"use_xoauth2 = {a.mechanism == 'XOAUTH2'}"]  # fmt: skip
    if a.login.certificate:
        lines += [f"certfile = {a.login.certificate}", f"keyfile = {a.login.key}"]
    # As root it delivers into no Maildir.
    lines += ["[destination]", "type = MDA_external", "path = /bin/true",
              "allow_root_commands = true", "[options]", "read_all = true", "delete = false",
              ""]  # fmt: skip
    a.file("rc", "\n".join(lines))
    return ProgramCall(["getmail", f"--getmaildir={a.folder}", "--rcfile=rc"])


def _fetchmail(a: LoginAttempt) -> ProgramCall | str:
    kind = {"PLAIN": "password", "EXTERNAL": "external", "NONE": "any"}.get(a.mechanism, "")
    if not kind:
        return f"auth has no {a.mechanism} before version 7"
    tls = "ssl" if a.tls == "implicit" else "sslproto 'tls1.2+'"  # then STARTTLS is required
    line = (
        f"poll {a.host} service {a.port} protocol imap auth {kind} username '{a.login.user}'"
        f" password '{a.secret or 'x'}' {tls} sslcertck sslcertfile {a.bundle} keep"
        f" mda '/bin/cat >/dev/null'"
    )
    if a.login.certificate:
        line += f" sslcert {a.login.certificate} sslkey {a.login.key}"
    words = ["fetchmail", "--fetchmailrc", a.file("rc", line + "\n"), "--nodetach", "--nosyslog",
             "-v", "--pidfile", f"{a.folder}/pid"]  # fmt: skip
    return ProgramCall(words, good=(0, 1))  # 1: no mail


def _swaks(a: LoginAttempt) -> ProgramCall | str:
    words = ["swaks", "--server", a.host, "--port", str(a.port),
             "--tls-on-connect" if a.tls == "implicit" else "--tls",
             "--tls-verify", "--tls-ca-path", a.bundle, "--from", a.login.address,
             "--to", a.recipient, "--tls-sni", a.host]  # fmt: skip
    if a.mechanism == "PLAIN":
        words += ["--auth", "PLAIN", "--auth-user", a.login.user, "--auth-password", a.secret]
    elif a.mechanism != "NONE":
        return f"--auth has no {a.mechanism}"
    if a.login.certificate:
        words += ["--tls-cert", a.login.certificate, "--tls-key", a.login.key]
    return ProgramCall(words)


def _driver(*words: str, **more: str) -> Callable[[LoginAttempt], ProgramCall]:
    def command(a: LoginAttempt) -> ProgramCall:
        env = {
            "PROTOCOL": a.protocol, "HOST": a.host, "ADDRESS": a.address, "PORT": str(a.port),
            "TLS": a.tls, "MECHANISM": a.mechanism, "ME": a.login.user, "SECRET": a.secret,
            "CA": a.bundle, "CERT": a.login.certificate, "KEY": a.login.key,
            "P12": a.login.pkcs12, "PIN": a.login.pin,
            "FROM": a.login.address, "TO": a.recipient, "SUBJECT": "essai", "MESSAGE": a.message,
            "TIMES": str(a.times), "SSL_CERT_FILE": a.bundle, **more,
        }  # fmt: skip
        return ProgramCall([*words], env=env)

    return command


@cache
def _package(name: str) -> str:
    text = (PEERS / "mail-node/node_modules" / name / "package.json").read_text()
    found = re.search(r'"version": "([^"]+)"', text)
    return found[1] if found else "?"


def _node(name: str, protocol: str) -> MailClient:
    folder = PEERS / "mail-node"
    return MailClient(
        name, (protocol,), ("node", str(folder / "complete")),
        lambda: _package(name),
        _driver("node", str(FOREIGN / "node" / f"{name}.mjs"), NODE_FOLDER=str(folder)),
    )  # fmt: skip


JARS = PEERS / "jakarta-mail"
GO = PEERS / "mail-go" / "mail"

CLIENTS: tuple[MailClient, ...] = (
    MailClient("curl", BOTH, ("curl",), said_by("curl", "--version"), _curl,
           resolver=False),
    MailClient("mbsync", ("imap",), ("mbsync",), said_by("mbsync", "--version"), _mbsync),
    MailClient("msmtp", ("smtp",), ("msmtp",), said_by("msmtp", "--version"), _msmtp),
    MailClient("neomutt", BOTH, ("neomutt", "script"),
           said_by("neomutt", "-v", pattern=r"\d{8}"), _neomutt),
    MailClient("offlineimap3", ("imap",), ("offlineimap",),
           said_by("offlineimap", "--version"), _offlineimap),
    MailClient("getmail6", ("imap",), ("getmail",), said_by("getmail", "--version"), _getmail),
    MailClient("fetchmail", ("imap",), ("fetchmail",), said_by("fetchmail", "--version"),
           _fetchmail),
    MailClient("swaks", ("smtp",), ("swaks",), said_by("swaks", "--version", pattern=r"\d{8}"),
           _swaks),
    MailClient("Python", BOTH, ("python3",), said_by("python3", "--version"),
           _driver("python3", str(FOREIGN / "mail.py"))),
    MailClient("Jakarta Mail", BOTH, ("java", "javac", str(JARS / "complete")),
           lambda: next(JARS.glob("jakarta.mail-*.jar")).stem.rpartition("-")[2],
           _driver("java", "-XX:TieredStopAtLevel=1", "-cp", f"{JARS}/*",
                   str(FOREIGN / "Mail.java"))),
    _node("imapflow", "imap"),
    _node("nodemailer", "smtp"),
    MailClient("Go", BOTH, (str(GO),),
           said_by("grep", "go-imap v", str(FOREIGN / "go/go.mod")), _driver(str(GO))),
    MailClient("Perl", BOTH, ("perl", "/usr/share/perl5/Mail/IMAPClient.pm",
                          "/usr/share/perl5/IO/Socket/SSL.pm", "/usr/share/perl5/Authen/SASL.pm"),
           said_by("perl", "-e", 'printf "%vd", $^V'), _driver("perl", str(FOREIGN / "mail.pl"))),
    MailClient("Ruby", BOTH, ("ruby",), said_by("ruby", "--version"),
           _driver("ruby", str(FOREIGN / "mail.rb"))),
    MailClient("PHP", ("smtp",), ("php", "/usr/share/php/libphp-phpmailer/autoload.php"),
           said_by("php", "--version"), _driver("php", str(FOREIGN / "mail.php"))),
    THUNDERBIRD,
)  # fmt: skip


def named(names: Sequence[str], option: str) -> list[MailClient]:
    """Return software by name, in its order here; all where none is named.

    Raises:
        UserError: there is none of a name.
    """
    known = {each.software.casefold(): each for each in CLIENTS}
    for each in names:
        if each.casefold() not in known:
            raise UserError.among(
                "aucun logiciel de ce nom",
                "no software of this name",
                f"{option} {each}",
                [one.software for one in CLIENTS],
            )
    wanted = {each.casefold() for each in names}
    return [each for key, each in known.items() if not wanted or key in wanted]
