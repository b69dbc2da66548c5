"""Address lists for ENVELOPE (RFC 5322 §3.4, RFC 9051 §7.5.2).

The standard library's parsers lose groups (`email.utils`) or decode what ENVELOPE has to show as it
was sent (`email.headerregistry`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Address", "parse_addresses"]

_TOKEN = re.compile(
    rb'"((?:[^"\\]|\\.)*)"?'  # quoted string, perhaps unfinished
    rb"|(\[[^\]]*\]?)"  # domain literal
    rb"|([,:;<>@])"
    rb"|([ \t]+)"
    rb'|([^",:;<>@ \t(\[]+)'
    rb"|(.)",
    re.DOTALL,
)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_ADDRESSES = 20_000


@dataclass(frozen=True, slots=True)
class Address:
    """One of the four-part structures; a group starts with only `mailbox`, ends with nothing."""

    name: bytes | None = None
    route: bytes | None = None
    mailbox: bytes | None = None
    host: bytes | None = None


class _Reader:
    def __init__(self) -> None:
        self.found: list[Address] = []
        self._clear()
        self._in_group = False

    def _clear(self) -> None:
        self.phrase: list[bytes] = []  # words, in front of `<` or alone
        self.spec = bytearray()  # the same without spaces and with quotes
        self.angle: bytearray | None = None
        self.closed = False
        self.comment = b""

    def read(self, value: bytes) -> None:
        at = 0
        while at < len(value) and len(self.found) < _ADDRESSES:
            if value[at] == 0x28:  # (
                at = self._comment(value, at)
                continue
            token = _TOKEN.match(value, at)
            assert token is not None
            at = token.end()
            if token[3] is not None:
                self._special(token[3])
            elif token[4] is None:
                self._word(token)
        self._flush()
        if self._in_group:
            self.found.append(Address())

    def _comment(self, value: bytes, at: int) -> int:
        depth, start = 0, at + 1
        while at < len(value):
            if value[at] == 0x28:
                depth += 1
            elif value[at] == 0x29:
                depth -= 1
            elif value[at] == 0x5C:
                at += 1
            at += 1
            if depth == 0:
                break
        self.comment = value[start : at - 1]
        return at

    def _word(self, token: re.Match[bytes]) -> None:
        into = self.spec if self.angle is None else self.angle
        into += token[0]
        if self.angle is None:
            plain = token[0] if token[1] is None else _ESCAPED.sub(rb"\1", token[1])
            self.phrase.append(plain)

    def _special(self, mark: bytes) -> None:
        inside = self.angle is not None and not self.closed
        if inside and mark in b",:@;":
            assert self.angle is not None
            self.angle += mark
        elif mark == b"<":
            self.angle, self.closed = bytearray(), False
        elif mark == b">":
            self.closed = True
        elif mark == b"@":
            self.spec += mark
            self.phrase.append(mark)
        elif mark == b":" and not self._in_group:
            self.found.append(Address(mailbox=b" ".join(self.phrase)))
            self._clear()
            self._in_group = True
        else:
            self._flush()
            if mark == b";" and self._in_group:
                self.found.append(Address())
                self._in_group = False

    def _flush(self) -> None:
        spec = self.spec if self.angle is None else self.angle
        if self.angle is not None or spec:
            name = b" ".join(self.phrase) if self.angle is not None else self.comment
            self.found.append(_address(name or None, bytes(spec)))
        self._clear()


def _address(name: bytes | None, spec: bytes) -> Address:
    route = None
    if spec.startswith(b"@") and b":" in spec:
        route, _, spec = spec.partition(b":")
    mailbox, at, host = spec.rpartition(b"@")
    if not at:
        mailbox, host = spec, b""  # not NIL, which would start a group
    if mailbox.startswith(b'"') and mailbox.endswith(b'"') and len(mailbox) > 1:
        mailbox = _ESCAPED.sub(rb"\1", mailbox[1:-1])
    return Address(name, route, mailbox, host)


def parse_addresses(value: bytes) -> list[Address]:
    """Return the addresses of an unfolded field; something for everything that was sent."""
    reader = _Reader()
    reader.read(value)
    return reader.found
