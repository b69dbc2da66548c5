"""SMTP as a client that says exactly what a check wants said."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from sandbox.conformance.connection import ProbeConnection
from sandbox.conformance.findings import NotMet, Unsure

__all__ = ["SmtpProbe", "SmtpReply"]

ME = "controle.mssante.test"
_LINES = 200  # of one reply


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """A reply: its code, 0 where it is none, and its lines without it."""

    code: int
    lines: tuple[str, ...]

    @property
    def good(self) -> bool:
        """2yz or 3yz."""
        return 200 <= self.code < 400

    @property
    def refused(self) -> bool:
        """4yz or 5yz."""
        return self.code >= 400

    def __str__(self) -> str:
        return f"{self.code} {self.lines[-1] if self.lines else ''}"

    def keywords(self) -> dict[str, list[str]]:
        """Return what EHLO offers: keyword and its parameters."""
        words = [line.upper().split() for line in self.lines[1:]]
        return {each[0]: each[1:] for each in words if each}

    def wants(self, *codes: int) -> SmtpReply:
        """Fail unless the code is one of these; return the reply."""
        if self.code not in codes:
            wanted = ", ".join(map(str, codes))
            raise NotMet(f"attendu {wanted}, reçu « {self} »", f'expected {wanted}, heard "{self}"')
        return self

    def reached(self, *codes: int) -> SmtpReply:
        """Be unsure unless it is good, and one of these: it is not the question that failed."""
        if not (self.code in codes if codes else self.good):
            raise Unsure(f"question non atteinte : « {self} »", f'question not reached: "{self}"')
        return self


class SmtpProbe:
    """One SMTP connection, past the greeting."""

    def __init__(self, connection: ProbeConnection) -> None:
        self.connection = connection
        self.greeting = SmtpReply(0, ())
        self.offers: dict[str, list[str]] = {}

    def close(self) -> None:
        """Hang up."""
        self.connection.close()

    def reply(self) -> SmtpReply:
        """Read a reply (RFC 5321 §4.2)."""
        lines: list[str] = []
        for _ in range(_LINES):
            line = self.connection.line().decode("utf-8", "replace").rstrip("\r\n")
            code = int(line[:3]) if line[:3].isascii() and line[:3].isdigit() else 0
            lines.append(line[4:])
            if line[3:4] != "-" or not code:
                return SmtpReply(code, tuple(lines))
        raise Unsure("réponse sans fin", "a reply without an end")

    def say(self, line: str, shown: str = "") -> SmtpReply:
        """Say a line, shown otherwise where it proves somebody; return the reply."""
        self.put(line, shown)
        return self.reply()

    def put(self, line: str, shown: str = "") -> None:
        """Say a line and do not wait."""
        self.connection.transcript.note("C", shown or line)
        self.connection.send(line.encode() + b"\r\n")

    def hello(self) -> SmtpReply:
        """Say EHLO; keep what is offered."""
        reply = self.say(f"EHLO {ME}")
        self.offers = reply.keywords() if reply.good else {}
        return reply

    def auth(self, mechanism: str, response: bytes) -> SmtpReply:
        """Log in with an initial response; a challenge after it is answered with nothing."""
        if mechanism == "LOGIN":  # the same name and password, one by one
            return self._login(*response.split(b"\0")[1:])
        coded = base64.b64encode(response).decode() or "="
        self.connection.transcript.hide([coded])
        reply = self.say(f"AUTH {mechanism} {coded}", f"AUTH {mechanism} ***")
        if reply.code == 334:
            reply = self.say("", "(empty)")
        return reply

    def _login(self, user: bytes, password: bytes) -> SmtpReply:
        coded = [base64.b64encode(each).decode() for each in (user, password)]
        self.connection.transcript.hide(coded[1:])
        reply = self.say("AUTH LOGIN")
        for each in coded:
            if reply.code == 334:
                reply = self.say(each, "***")
        return reply

    def content(self, content: bytes) -> SmtpReply:
        """Say DATA and a message, dots doubled (RFC 5321 §4.5.2); return the last reply."""
        reply = self.say("DATA")
        if reply.code != 354:
            return reply
        self.connection.transcript.note("C", f"({len(content)} octets)")
        stuffed = content.replace(b"\r\n.", b"\r\n..")
        self.connection.send((b"." if stuffed[:1] == b"." else b"") + stuffed + b"\r\n.\r\n")
        return self.reply()
