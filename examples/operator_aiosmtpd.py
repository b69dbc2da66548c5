"""An operator of your own in a hundred lines, on aiosmtpd: the start of a mock.

It joins a space of the sandbox (docs/join.md): it takes mail of other operators over mutual TLS,
lets its own people submit, relays what is for others, and keeps what is for its own in Maildirs.
Run: mss-sandbox up --join etranger.toml, with services = { submission = 587 } in it
     python operator_aiosmtpd.py out/space/space.json etranger mail/
"""

from __future__ import annotations

import asyncio
import json
import mailbox
import signal
import smtplib
import ssl
import sys
from pathlib import Path
from typing import Any

import dns.exception
import dns.resolver
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

PASSWORD = b"a password of a test"  # of every mailbox; PLAIN and LOGIN, within TLS


class Operator:
    """What it is, from the sheet of the space; where its mail is."""

    def __init__(self, sheet: dict[str, Any], name: str, folder: Path) -> None:
        self.sheet, self.folder = sheet, folder
        folder.mkdir(parents=True, exist_ok=True)
        self.own = next(each for each in sheet["joined"] if each["name"] == name)
        self.resolver = dns.resolver.Resolver(configure=False)
        self.resolver.nameservers = [sheet["dns"]["address"]]
        self.resolver.port = sheet["dns"]["port"]

    def context(self, certificate: str, purpose: ssl.Purpose) -> ssl.SSLContext:
        """Return TLS with one of its certificates, that trusts the space's authorities alone."""
        context = ssl.create_default_context(purpose, cafile=self.sheet["ca"]["bundle"])
        pair = self.own["certificates"][certificate]
        context.load_cert_chain(pair["certificate"], pair["key"])
        return context

    def has(self, address: str) -> bool:
        """Tell whether it keeps mail of an address: its mailboxes, and postmaster."""
        own = self.own
        return address.lower() in {*own["mailboxes"], f"postmaster@{own['domain']}"}

    def deliver(self, address: str, content: bytes) -> None:
        """Keep a message."""
        mailbox.Maildir(self.folder / address.lower()).add(content)

    def relay(self, sender: str, recipient: str, content: bytes) -> None:
        """Hand a message on to the operator of its recipient, over mutual TLS."""
        domain = recipient.rpartition("@")[2]
        host = self.resolver.resolve(domain, "MX")[0].exchange.to_text(omit_final_dot=True)
        address = self.resolver.resolve(host, "A")[0].to_text()
        with smtplib.SMTP(address, self.own["mx"]["port"], timeout=60) as smtp:
            smtp._host = host  # the name that its certificate has to carry
            smtp.starttls(context=self.context("relay", ssl.Purpose.SERVER_AUTH))
            smtp.sendmail(sender, [recipient], content)


class FromOperators:
    """The relay: mail of other operators for its own mailboxes, nothing else."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address.lower().endswith("@" + self.operator.own["domain"]):
            return "550 5.7.1 Not from outside"
        envelope.mail_from = address
        return "250 2.1.0 Ok"

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if not self.operator.has(address):
            return "550 5.1.1 No such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        for each in envelope.rcpt_tos:
            self.operator.deliver(each, envelope.content)
        return "250 2.0.0 Kept"


class FromClients(FromOperators):
    """Submission: its own people, who have logged in, to anybody."""

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address.lower() != session.auth_data.login.decode().lower():
            return "550 5.7.1 Not your address"
        envelope.mail_from = address
        return "250 2.1.0 Ok"

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address.lower().endswith("@" + self.operator.own["domain"]):
            return await super().handle_RCPT(server, session, envelope, address, options)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        for each in envelope.rcpt_tos:
            if self.operator.has(each):
                self.operator.deliver(each, envelope.content)
                continue
            try:  # at once, while the client waits: a mock has no queue to lose
                await asyncio.to_thread(
                    self.operator.relay, envelope.mail_from, each, envelope.content
                )
            except (OSError, smtplib.SMTPException, dns.exception.DNSException) as error:
                return f"554 5.4.0 {type(error).__name__}"
        return "250 2.0.0 Sent"


def main(sheet_file: str, name: str, folder: str) -> None:
    """Serve until interrupted."""
    operator = Operator(json.loads(Path(sheet_file).read_text()), name, Path(folder))

    def authenticate(*told: Any) -> AuthResult:
        login = told[-1]
        good = isinstance(login, LoginPassword) and login.password == PASSWORD
        known = good and login.login.decode().lower() in operator.own["mailboxes"]
        return AuthResult(success=known, auth_data=login if known else None, handled=False)

    peers = operator.context("relay", ssl.Purpose.CLIENT_AUTH)
    peers.verify_mode = ssl.CERT_REQUIRED
    mx = operator.own["mx"]
    relay = Controller(
        FromOperators(operator), mx["address"], mx["port"], server_hostname=mx["host"],
        tls_context=peers, require_starttls=True,
    )  # fmt: skip
    submission = Controller(
        FromClients(operator), mx["address"], operator.own["services"]["submission"],
        server_hostname=operator.own["mail"], require_starttls=True, auth_required=True,
        tls_context=operator.context("mail", ssl.Purpose.CLIENT_AUTH), authenticator=authenticate,
    )  # fmt: skip
    relay.start()
    submission.start()
    print("ready", flush=True)
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
    submission.stop()
    relay.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
