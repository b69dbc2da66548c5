"""An IMAP connection read from its octets (RFC 9051)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sandbox.conformance.client.dialogue import (
    MASK,
    Chunk,
    ObservedLogin,
    SoftwareCommand,
    SoftwareDialogue,
    digest_of,
    digest_of_responses,
)

__all__ = ["read_imap"]

_LITERAL = re.compile(rb"\{(\d+)\+?\}\r?\n$")
_WORD = re.compile(rb'"((?:[^"\\]|\\.)*)"|\{\d+\+?\}\r?\n(.*)|(\S+)', re.S)


def read_imap(chunks: Iterable[Chunk]) -> SoftwareDialogue:
    """Return what was said."""
    reader = _Reader()
    for chunk in chunks:
        if chunk.who == "#":
            reader.dialogue.note("#", chunk.data)
            reader.dialogue.secure = True
        elif chunk.who == "C":
            reader.client(chunk.data)
        else:
            reader.server(chunk.data)
    return reader.dialogue


class _Reader:
    def __init__(self) -> None:
        self.dialogue = SoftwareDialogue()
        self._out, self._in = b"", b""
        self._command = bytearray()  # as far as it came
        self._octets = 0  # of a literal of the software
        self._skip = 0  # of one of the server
        self._pending: dict[bytes, SoftwareCommand] = {}
        self._login: ObservedLogin | None = None
        self._tag = b""  # of the login
        self._responses: list[bytes] = []
        self._asked = self._idle = False

    # The software ---------------------------------------------------------------------------------

    def client(self, data: bytes) -> None:
        self._out += data
        while self._out:
            if self._octets:
                taken, self._out = self._out[: self._octets], self._out[self._octets :]
                self._octets -= len(taken)
                self._command += taken
                continue
            line, end, rest = self._out.partition(b"\n")
            if not end:
                return
            self._out = rest
            self.dialogue.broken += not line.endswith(b"\r")
            self._line(line + end)

    def _line(self, line: bytes) -> None:
        if self._asked and not self._command:
            self._asked = False
            plain = line.strip()
            self._responses.append(plain)
            self.dialogue.note("C", MASK if plain not in (b"", b"*") else plain)
            return
        if self._idle and line.strip().upper() == b"DONE":
            self._idle = False
            self.dialogue.note("C", line)
            return
        self._command += line
        literal = _LITERAL.search(line)
        if literal:
            self._octets = int(literal[1])
            return
        command, self._command = bytes(self._command), bytearray()
        self._whole(command)

    def _whole(self, raw: bytes) -> None:
        tag, _, rest = raw.strip().partition(b" ")
        verb, _, words = rest.partition(b" ")
        if verb.upper() == b"UID":
            verb, _, words = words.partition(b" ")
        name = verb.decode("ascii", "replace").upper()
        shown = words.partition(b"\n")[0].decode("utf-8", "replace").strip()
        if name in ("LOGIN", "AUTHENTICATE"):
            shown = self._begin(name, tag, words)
        self.dialogue.note("C", f"{tag.decode('ascii', 'replace')} {name} {shown}".rstrip())
        command = SoftwareCommand(name, shown, self.dialogue.secure)
        self.dialogue.commands.append(command)
        self._pending[tag] = command
        self._idle = name == "IDLE"

    def _begin(self, name: str, tag: bytes, words: bytes) -> str:
        """Take note of a login; return what of it may be shown."""
        self._tag, self._responses = tag, []
        if name == "LOGIN":
            parts = [a or b or c for a, b, c in _WORD.findall(words)]
            secret = re.sub(rb"\\(.)", rb"\1", parts[-1]) if len(parts) > 1 else b""
            self._login = ObservedLogin("LOGIN", self.dialogue.secure, digest_of(secret))
            self.dialogue.logins.append(self._login)
            return f"{MASK} {MASK}"
        mechanism, _, initial = words.partition(b" ")
        self._login = ObservedLogin(
            mechanism.decode("ascii", "replace").upper(), self.dialogue.secure
        )
        self._responses += [initial.strip()] if initial.strip() else []
        self.dialogue.logins.append(self._login)
        return f"{self._login.mechanism} {MASK}" if initial else self._login.mechanism

    # The server -----------------------------------------------------------------------------------

    def server(self, data: bytes) -> None:
        self.dialogue.heard += data
        self._in += data
        while self._in:
            if self._skip:
                taken = min(self._skip, len(self._in))
                self._in, self._skip = self._in[taken:], self._skip - taken
                continue
            line, end, rest = self._in.partition(b"\n")
            if not end:
                return
            self._in = rest
            self.dialogue.note("S", line)
            literal = _LITERAL.search(line + end)
            if literal:
                self._skip = int(literal[1])
            else:
                self._heard(line.strip())

    def _heard(self, line: bytes) -> None:
        if line.startswith(b"+"):
            self._asked = self._login is not None and not self._command
            return
        tag, _, rest = line.partition(b" ")
        if self._command.startswith(tag + b" "):  # a literal that is not wanted
            self._whole(bytes(self._command))
            self._command, self._octets = bytearray(), 0
        command = self._pending.pop(tag, None)
        if command is None:
            return
        command.answer = rest.decode("utf-8", "replace")
        if self._login is not None and tag == self._tag:
            self._login.answer = command.answer
            self._login.good = rest.upper().startswith(b"OK")
            if self._responses:
                self._login.digest = digest_of_responses(self._login.mechanism, self._responses)
            self._login, self._asked = None, False
