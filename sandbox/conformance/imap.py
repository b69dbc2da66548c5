"""IMAP as a client that says exactly what a check wants said."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.conformance.connection import ProbeConnection
from sandbox.conformance.findings import NotMet, Unsure

__all__ = ["ImapAnswer", "ImapProbe"]

_LITERAL = re.compile(rb"\{(\d+)\}\r\n\Z")
_LINES = 1_000  # responses to one command
_MOST = 8 * 1024 * 1024  # octets of one literal that are read


@dataclass(frozen=True, slots=True)
class ImapAnswer:
    """What came of a command.

    Attributes:
        kind: OK, NO, BAD; `+` where the server waits for more; empty for anything else.
        text: of the tagged line, code and words.
        data: untagged responses, each with its literals in place.
    """

    kind: str
    text: str
    data: tuple[bytes, ...]

    def __str__(self) -> str:
        return f"{self.kind} {self.text}"

    @property
    def code(self) -> str:
        """The response code in brackets, in capitals."""
        found = re.match(r"\[([A-Za-z0-9-]+)", self.text)
        return found[1].upper() if found else ""

    def wants(self, *kinds: str) -> ImapAnswer:
        """Fail unless it is one of these; return it."""
        if self.kind not in kinds:
            wanted = ", ".join(kinds)
            raise NotMet(f"attendu {wanted}, reçu « {self} »", f'expected {wanted}, heard "{self}"')
        return self

    def reached(self) -> ImapAnswer:
        """Be unsure unless it is OK: it is not the question that failed."""
        if self.kind != "OK":
            raise Unsure(f"question non atteinte : « {self} »", f'question not reached: "{self}"')
        return self

    def find(self, pattern: bytes) -> re.Match[bytes] | None:
        """Return the first untagged response that matches."""
        found = (re.search(pattern, each, re.IGNORECASE | re.DOTALL) for each in self.data)
        return next((each for each in found if each), None)

    def literal(self) -> bytes:
        """Return the first literal of the untagged responses; nothing without one."""
        found = self.find(rb"\{(\d+)\}\r\n")
        return found.string[found.end() : found.end() + int(found[1])] if found else b""


class ImapProbe:
    """One IMAP connection, past the greeting."""

    def __init__(self, connection: ProbeConnection) -> None:
        self.connection = connection
        self.greeting = b""
        self._number = 0

    def close(self) -> None:
        """Hang up."""
        self.connection.close()

    def response(self) -> bytes:
        """Read one response with its literals."""
        line = self.connection.line()
        while (found := _LITERAL.search(line)) and int(found[1]) <= _MOST:
            line += self.connection.octets(int(found[1])) + self.connection.line()
        return line

    def say(self, command: str | bytes, shown: str = "") -> ImapAnswer:
        """Say a command, shown otherwise where it proves somebody; return what came of it."""
        self._number += 1
        tag = f"c{self._number}"
        text = command.encode() if isinstance(command, str) else command
        self.connection.transcript.note("C", tag.encode() + b" " + (shown.encode() or text))
        self.connection.send(tag.encode() + b" " + text + b"\r\n")
        return self.until(tag)

    def until(self, tag: str) -> ImapAnswer:
        """Read up to the tagged line, or a continuation."""
        data: list[bytes] = []
        for _ in range(_LINES):
            line = self.response()
            head, _, rest = line.partition(b" ")
            if head == b"+":
                return ImapAnswer("+", rest.decode("utf-8", "replace").strip(), tuple(data))
            if head == tag.encode():
                kind, _, text = rest.decode("utf-8", "replace").strip().partition(" ")
                return ImapAnswer(kind.upper(), text, tuple(data))
            data.append(line)
        raise Unsure("le serveur ne répond pas à la commande", "the command is never answered")

    def more(self, line: bytes, shown: str = "") -> ImapAnswer:
        """Answer a continuation."""
        self.connection.transcript.note("C", shown or line)
        self.connection.send(line + b"\r\n")
        return self.until(f"c{self._number}")

    def capabilities(self) -> set[str]:
        """Ask what is offered."""
        answer = self.say("CAPABILITY").reached()
        found = answer.find(rb"^\* CAPABILITY (.*)")
        return set(found[1].decode("utf-8", "replace").upper().split()) if found else set()

    def auth(self, mechanism: str, response: bytes) -> ImapAnswer:
        """Log in, the response after the continuation; a challenge is answered with nothing.

        LOGIN is the command, with the name and the password of a PLAIN response.
        """
        if mechanism == "LOGIN":
            return self._login(*response.split(b"\0")[1:])
        coded = base64.b64encode(response)
        self.connection.transcript.hide([coded.decode()])
        answer = self.say(f"AUTHENTICATE {mechanism}")
        if answer.kind == "+":
            answer = self.more(coded, "***")
        if answer.kind == "+":
            answer = self.more(b"", "(empty)")
        return answer

    def _login(self, user: bytes, password: bytes) -> ImapAnswer:
        """Say the command; what is not ASCII goes as a literal (RFC 3501 §4.3)."""
        self.connection.transcript.hide([password.decode("utf-8", "replace")])
        send: Callable[[bytes, str], ImapAnswer] = self.say
        line, shown = b"LOGIN", "LOGIN ***"
        for word in (user, password):
            if word.isascii():
                line += b' "%s"' % re.sub(rb'(["\\])', rb"\\\1", word)
                continue
            answer = send(b"%s {%d}" % (line, len(word)), shown)
            if answer.kind != "+":
                return answer
            send, line, shown = self.more, word, "***"
        return send(line, shown)

    def append(self, folder: str, content: bytes) -> ImapAnswer:
        """Put a message into a folder with a synchronising literal."""
        answer = self.say(f"APPEND {folder} {{{len(content)}}}")
        return self.more(content, f"({len(content)} octets)") if answer.kind == "+" else answer
