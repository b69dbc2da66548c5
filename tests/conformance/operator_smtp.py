"""The submission and the relay of the operator that is an object."""

from __future__ import annotations

import base64
import json
import re

from tests.conformance.operator import Session

LIMIT = 200_000  # octets; the tests have the least that is asked for scaled down with it
MANY = 20  # messages that no check but that of load sends over one connection
PATH = re.compile(r"(?i)(?:FROM|TO):\s*<([^>]*)>(.*)")
PLAIN = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)*")


class SmtpSession(Session):
    """One connection; `relay` doors have no logins."""

    sent = 0  # messages that it took

    def greet(self) -> None:
        self.forget()
        self.data: bytes | None = None
        self.sasl = ""
        self.challenged = False
        self.say("220 ready" if self.broken("smtp-greeting") else "220 mx.op1.mssante.test ESMTP")

    def forget(self) -> None:
        self.sender: str | None = None
        self.envid = ""
        self.recipients: dict[str, str] = {}

    @property
    def limit(self) -> int:
        """Octets of a message."""
        return LIMIT // 2 if self.broken("smtp-size-least") else LIMIT

    @property
    def relay(self) -> bool:
        return self.door.protocol == "relay"

    @property
    def entered(self) -> bool:
        """Whether mail may be sent."""
        return self.holder is not None or self.relay or self.broken("smtp-login-needed")

    def say(self, text: str) -> None:
        if self.broken("smtp-enhanced-codes"):
            text = re.sub(r"^(\d{3}) [245]\.\d\.\d+ ", r"\1 ", text)
        self.write(text.encode() + b"\r\n")

    def work(self) -> bool:
        if self.data is not None:
            ends = [b"\r\n.\r\n"]
            if self.broken("smtp-smuggling"):
                ends += [b"\n.\n", b"\r\n.\n"]
            found = [(self.buffer.find(end), end) for end in ends if end in self.buffer]
            if not found:
                return False
            place, end = min(found)
            content, self.buffer = self.buffer[:place], self.buffer[place + len(end) :]
            if not self.broken("delivery-intact"):
                content = re.sub(rb"(?m)^\.", b"", content)
            self.data = None
            self.take(content + b"\r\n")
            return True
        line = self.line()
        if line is None:
            return False
        self.command(line.decode("utf-8", "replace"))
        return True

    def command(self, line: str) -> None:
        if self.challenged:
            self.challenged = False
            self.say("235 2.7.0 in" if self.broken("token-challenge") else "535 5.7.8 refused")
            return
        if self.sasl:
            mechanism, self.sasl = self.sasl, ""
            self.respond(mechanism, line)
            return
        verb, _, argument = line.partition(" ")
        if self.broken("smtp-case") and verb != verb.upper():
            self.say("500 5.5.2 what")
            return
        act = getattr(self, f"do_{verb.lower()}", None)
        if act is None:
            self.say(f"{250 if self.broken('smtp-unknown-command') else 500} 5.5.2 what")
            return
        act(argument)

    def do_ehlo(self, _argument: str) -> None:
        offers = ["op1.mssante.test"]
        if not self.broken("smtp-size-offered"):
            offers.append(f"SIZE {self.limit}")
        offers.append("ENHANCEDSTATUSCODES")
        for requirement, word in (
            ("smtp-8bitmime-offered", "8BITMIME"), ("smtp-dsn-offered", "DSN"),
        ):  # fmt: skip
            if not self.broken(requirement):
                offers.append(word)
        starttls = "relay-starttls" if self.relay else "smtp-starttls-offered"
        if (not self.secured and not self.broken(starttls)) or (
            self.secured and self.door.tls == "starttls" and self.broken("smtp-starttls-once")
            and not self.relay
        ):  # fmt: skip
            offers.append("STARTTLS")
        if not self.relay:
            if self.secured:
                shown = self.certificate is not None and not self.broken("mechanisms-offered")
                names = [each for each in self.door.mechanisms if each != "EXTERNAL" or shown]
                offers.append(f"AUTH {' '.join(names)}")
            elif self.broken("smtp-auth-not-offered-in-clear"):
                offers.append("AUTH PLAIN")
        for each in offers[:-1]:
            self.say(f"{251 if self.broken('smtp-ehlo') else 250}-{each}")
        self.say(f"{251 if self.broken('smtp-ehlo') else 250} {offers[-1]}")

    def do_starttls(self, _argument: str) -> None:
        self.say("220 2.0.0 begin")
        self.start_tls("smtp-starttls-injection")

    def do_noop(self, _argument: str) -> None:
        self.say("250 2.0.0 ok")

    def do_rset(self, _argument: str) -> None:
        self.forget()
        self.say("502 5.5.1 no" if self.broken("smtp-rset") else "250 2.0.0 ok")

    def do_quit(self, _argument: str) -> None:
        self.say("221 2.0.0 bye")
        self.closed = not self.broken("smtp-quit")

    def do_vrfy(self, argument: str) -> None:
        known = argument in self.operator.holders
        if self.broken("smtp-vrfy"):
            self.say("250 2.1.5 here" if known else "550 5.1.1 none")
        else:
            self.say("252 2.5.2 send and see")

    # Logins.

    def do_auth(self, argument: str) -> None:
        mechanism, _, initial = argument.partition(" ")
        if not self.secured and not self.broken("smtp-auth-refused-in-clear"):
            self.say("538 5.7.11 encrypt first")
        elif self.holder is not None and not self.broken("smtp-auth-once"):
            self.say("503 5.5.1 already")
        elif mechanism not in self.door.mechanisms:
            code = 535 if self.broken("smtp-auth-unknown-mechanism") else 504
            self.say(f"{code} 5.5.4 unknown")
        elif initial:
            self.respond(mechanism, initial)
        else:
            self.sasl = mechanism
            self.say("334 ")

    def respond(self, mechanism: str, line: str) -> None:
        if line == "*":
            self.say(f"{535 if self.broken('smtp-auth-cancel') else 501} 5.7.0 cancelled")
            return
        try:
            response = base64.b64decode(line, validate=True).decode()
        except ValueError:
            self.say(f"{535 if self.broken('smtp-auth-not-base64') else 501} 5.5.2 not base64")
            return
        known = True
        if mechanism == "PLAIN":
            _, user, password = response.split("\0")
            holder = self.by_password(user, password)
            known = user in self.operator.holders
        elif mechanism == "EXTERNAL":
            holder = self.by_certificate(response)
        else:
            holder = self.by_token(response)
            if holder is None and not self.broken("token-challenge"):
                challenge = base64.b64encode(json.dumps({"status": "401"}).encode()).decode()
                self.challenged = True
                self.say(f"334 {challenge}")
                return
        if holder is not None:
            self.holder = holder
            self.say("235 2.7.0 welcome")
            return
        code = 550 if self.broken("password-refusal-code") else 535
        text = "no such user" if self.broken("login-no-enumeration") and not known else "failed"
        self.say(f"{code} 5.7.8 {text}")

    # Mail.

    def barred(self) -> str:
        """What refuses a relay by its certificate; empty for none."""
        certificate = self.certificate
        if certificate is None:
            return "" if self.broken("relay-certificate-missing") else "554 5.7.0 no certificate"
        if self.operator.revoked(certificate) and not self.broken("relay-certificate-revoked"):
            return "550 5.7.1 revoked"
        return ""

    def do_mail(self, argument: str) -> None:
        closed = argument.endswith(">") or not self.broken("smtp-syntax")
        found = PATH.match(argument if closed else f"{argument}>")
        clear = "relay-clear-refused" if self.relay else "smtp-mail-refused-in-clear"
        if not self.secured and not self.broken(clear):
            self.say("530 5.7.0 STARTTLS first")
        elif not self.entered and self.secured:
            self.say("530 5.7.0 log in first")
        elif found is None or (found[1] and not PLAIN.fullmatch(found[1])):
            self.say("501 5.5.4 syntax")
        else:
            self._mail(found[1], found[2])

    def _mail(self, sender: str, options: str) -> None:
        size = re.search(r"SIZE=(\d+)", options)
        domain = sender.rpartition("@")[2]
        if "XCONTROLE" in options and not self.broken("smtp-parameter"):
            self.say("555 5.5.4 unknown parameter")
        elif size and int(size[1]) > self.limit and not self.broken("smtp-size-declared"):
            self.say("552 5.3.4 too large")
        elif self.relay and self.secured and (why := self.barred()):
            self.say(why)
        elif self.relay and self.secured and not self._listed(domain):
            self.say("550 5.7.1 not listed")
        elif self.holder and sender != self.holder.address and not self.broken("smtp-sender-owned"):
            self.say("553 5.7.1 not yours")
        else:
            envid = re.search(r"ENVID=(\S+)", options)
            self.forget()
            self.sender, self.envid = sender, envid[1] if envid else ""
            self.say("250 2.1.0 ok")

    def _listed(self, domain: str) -> bool:
        if not domain:
            return not self.broken("relay-null-sender")
        certificate = self.certificate
        if certificate is None:
            return True
        subject = certificate.subject.rfc4514_string()
        domains = self.operator.listed.get(subject)
        if domains is None:
            return self.broken("relay-certificate-unlisted")
        return domain in domains or self.broken("relay-sender-domain")

    def do_rcpt(self, argument: str) -> None:
        found = PATH.match(argument)
        if self.sender is None and not self.broken("smtp-order"):
            self.say("503 5.5.1 MAIL first")
        elif found is None:
            self.say("501 5.5.4 syntax")
        else:
            recipient, options = found[1], found[2]
            refused = self._refused(recipient)
            if not refused:
                self.recipients[recipient] = options
            self.say(refused or "250 2.1.5 ok")

    def _refused(self, recipient: str) -> str:
        own = self.operator.domain
        if recipient == f"postmaster@{own}":
            return "550 5.1.1 none" if self.broken("relay-postmaster") else ""
        if recipient in self.operator.boxes:
            return ""
        broken = "relay-recipient-unknown" if self.relay else "smtp-recipient-unknown"
        if recipient.endswith(f"@{own}") and PLAIN.fullmatch(recipient):
            return "" if self.broken(broken) else "550 5.1.1 no such mailbox"
        if self.relay:
            return "" if self.broken("relay-open") else "550 5.7.1 not ours"
        if recipient.endswith("@op2.mssante.test"):
            return ""
        return "" if self.broken("smtp-recipient-elsewhere") else "550 5.7.1 not listed"

    def do_data(self, _argument: str) -> None:
        if not self.recipients and not self.broken("smtp-no-recipient"):
            self.say("503 5.5.1 no recipient")
            return
        self.data = b""
        self.say("354 go on")

    def take(self, content: bytes) -> None:
        """Take a message: here, or to the neighbour; tell what came of it."""
        if len(content) > self.limit and not self.broken("smtp-size-enforced"):
            self.say("552 5.3.4 too large")
            return
        sender, recipients, envid = self.sender or "", self.recipients, self.envid
        self.forget()
        if not self.broken("delivery-received"):
            content = b"Received: from x by y; Thu, 26 Nov 2026 10:00:00 +0100\r\n" + content
        if self.broken("delivery-message-id"):
            content = re.sub(rb"(?i)Message-ID: <[^>]*>", b"Message-ID: <other@op1.test>", content)
        for recipient, options in recipients.items():
            self._send(sender, recipient, options, envid, content)
        self.say("250 2.0.0 taken")

    def _send(
        self, sender: str, recipient: str, options: str, envid: str, content: bytes
    ) -> None:  # fmt: skip
        operator = self.operator
        self.sent += 1
        if self.broken("load-sustained") and MANY < self.sent < MANY + 4:
            return
        if recipient in operator.boxes:
            operator.deliver(sender, recipient, content)
            if "SUCCESS" in options and not self.broken("dsn-success"):
                self._notify(sender, recipient, envid, "delivered", "2.0.0")
        elif recipient.endswith("@op2.mssante.test"):
            refused = operator.deliver_out(sender, recipient, content)
            if refused and not self.broken("dsn-failure"):
                self._notify(sender, recipient, envid, "failed", "5.1.1")

    def _notify(self, sender: str, recipient: str, envid: str, action: str, status: str) -> None:
        kind = "mixed" if self.broken("dsn-form") else "report; report-type=delivery-status"
        self.operator.deliver("", sender, (
            f"From: <postmaster@{self.operator.domain}>\r\nTo: <{sender}>\r\n"
            f"Content-Type: multipart/{kind}; boundary=b\r\n\r\n--b\r\n\r\n{action}\r\n--b\r\n"
            f"Content-Type: message/delivery-status\r\n\r\nOriginal-Envelope-Id: {envid}\r\n\r\n"
            f"Final-Recipient: rfc822; {recipient}\r\nAction: {action}\r\nStatus: {status}\r\n"
            "--b--\r\n"
        ).encode())  # fmt: skip
