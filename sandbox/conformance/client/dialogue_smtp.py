"""An SMTP connection read from its octets (RFC 5321, RFC 2920, RFC 3030, RFC 4954)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sandbox.conformance.client.dialogue import (
    MASK,
    Chunk,
    ObservedLogin,
    Sent,
    SoftwareCommand,
    SoftwareDialogue,
    command_of,
    digest_of_responses,
)

__all__ = ["read_smtp"]

_PATH = re.compile(r"^(?:FROM|TO):\s*<?([^>\s]*)>?\s*(.*)$", re.I)


def read_smtp(chunks: Iterable[Chunk]) -> SoftwareDialogue:
    """Return what was said."""
    reader = _Reader()
    for chunk in chunks:
        if chunk.who == "#":
            reader.secured(chunk.data)
        elif chunk.who == "C":
            reader.client(chunk.data)
        else:
            reader.server(chunk.data)
    return reader.dialogue


class _Reader:
    def __init__(self) -> None:
        self.dialogue = SoftwareDialogue()
        self._out, self._in = b"", b""  # the software's and the server's octets not read yet
        self._reply: list[str] = []
        self._pending: list[SoftwareCommand] = []
        self._greeted = False
        self._offers: frozenset[str] = frozenset()
        self._sent: Sent | None = None
        self._login: ObservedLogin | None = None
        self._responses: list[bytes] = []
        self._asked = False  # the next line of the software is a SASL response
        self._data = False
        self._body = bytearray()  # of a message on its way; big ones come in thousands of pieces
        self._octets = 0  # of BDAT

    def secured(self, data: bytes) -> None:
        self.dialogue.note("#", data)
        self.dialogue.secure = True
        self._offers = frozenset()

    # The software ---------------------------------------------------------------------------------

    def client(self, data: bytes) -> None:
        self._out += data
        while self._out and self._step():
            pass

    def _step(self) -> bool:
        if self._octets:
            return self._chunk()
        if self._data:
            return self._text()
        line, end, rest = self._out.partition(b"\n")
        if not end:
            return False
        self._out = rest
        self.dialogue.broken += not line.endswith(b"\r")
        self._line(line.rstrip(b"\r"))
        return True

    def _chunk(self) -> bool:
        taken, self._out = self._out[: self._octets], self._out[self._octets :]
        self._octets -= len(taken)
        self._body += taken
        return True

    def _text(self) -> bool:
        searched = max(0, len(self._body) - 4)
        self._body += self._out
        self._out = b""
        end = self._body.find(b"\r\n.\r\n", searched)
        if end < 0:
            return False
        self._out, self._data = bytes(self._body[end + 5 :]), False
        content = bytes(self._body[:end]).replace(b"\r\n..", b"\r\n.")[2:]
        if self._sent is not None:
            self._sent.content = content + b"\r\n"
        self.dialogue.note("C", f"({len(content)} octets)")
        self._ask("MESSAGE", "")
        return True

    def _ask(self, verb: str, words: str) -> None:
        self._pending.append(SoftwareCommand(verb, words, self.dialogue.secure))
        self.dialogue.commands.append(self._pending[-1])

    def _line(self, line: bytes) -> None:
        if self._asked:
            self._asked = False
            self.dialogue.note("C", MASK if line not in (b"", b"*") else line)
            self._responses.append(line)
            self._pending.append(SoftwareCommand("AUTH", "", self.dialogue.secure))
            return
        verb, words = command_of(line)
        if verb == "AUTH":
            mechanism, _, initial = words.partition(" ")
            words = f"{mechanism} {MASK}" if initial else mechanism
            self._login = ObservedLogin(mechanism.upper(), self.dialogue.secure)
            self._responses = [initial.encode()] if initial else []
            self.dialogue.logins.append(self._login)
            line = f"AUTH {words}".encode()
        self.dialogue.note("C", line)
        self._ask(verb, words)
        if verb == "BDAT":
            count = words.partition(" ")[0]
            self._octets = int(count) if count.isdigit() else 0

    # The server -----------------------------------------------------------------------------------

    def server(self, data: bytes) -> None:
        self.dialogue.heard += data
        self._in += data
        while b"\n" in self._in:
            line, _, self._in = self._in.partition(b"\n")
            text = line.decode("utf-8", "replace").rstrip("\r")
            self.dialogue.note("S", text)
            self._reply.append(text)
            if text[3:4] != "-":
                reply, self._reply = self._reply, []
                self._answered(reply)

    def _answered(self, reply: list[str]) -> None:
        if not self._greeted or not self._pending:
            self._greeted = True
            return
        command = self._pending.pop(0)
        command.answer = reply[-1]
        code = reply[-1][:3]
        match command.verb:
            case "EHLO" if code == "250":
                self._offers = frozenset(each[4:].partition(" ")[0].upper() for each in reply[1:])
            case "MAIL" if code == "250":
                found = _PATH.match(command.words)
                words = found[2].upper().split() if found else []
                self._sent = Sent(found[1] if found else "", words, self._offers)
                self._body = bytearray()
            case "RCPT" if code[:2] == "25" and self._sent is not None:
                found = _PATH.match(command.words)
                if found:
                    self._sent.recipients.append(found[1])
                    self._sent.parameters += found[2].upper().split()
            case "DATA":
                self._data, self._body = code == "354", bytearray(b"\r\n")
            case "MESSAGE":
                self._over(reply[-1])
            case "BDAT" if command.words.upper().endswith("LAST"):
                if self._sent is not None:
                    self._sent.content = bytes(self._body)
                self._over(reply[-1])
            case "RSET":
                self._sent = None
            case "AUTH":
                self._judged(reply[-1], code)
            case _:
                pass

    def _over(self, answer: str) -> None:
        if self._sent is not None:
            self._sent.answer = answer
            self.dialogue.messages.append(self._sent)
            self._sent = None

    def _judged(self, answer: str, code: str) -> None:
        if self._login is None:
            return
        if code == "334":
            self._asked = True
            return
        self._login.answer, self._login.good = answer, code == "235"
        self._login.digest = digest_of_responses(self._login.mechanism, self._responses)
        self._login = None
