"""Which messages a SEARCH means (RFC 9051 §6.4.4): keys become functions, cheap ones first."""

from __future__ import annotations

import datetime as dt
import email.utils
from collections.abc import Callable, Sequence

from sandbox.operators.imap import keys
from sandbox.operators.imap.header import decoded, first, in_charset
from sandbox.operators.imap.keys import Key
from sandbox.operators.imap.messages import Parsed, ParsedMessages
from sandbox.operators.imap.mime import BodyPart
from sandbox.operators.imap.responses import No
from sandbox.operators.imap.sections import decode_body
from sandbox.operators.imap.sequence import SequenceSet
from sandbox.operators.mail import MessageRow

__all__ = ["SearchCandidate", "Test", "compile_key", "reads_content"]


class SearchCandidate:
    """One message that is asked about; read when a key needs it, once.

    Args:
        row: of the message.
        index: in the view, from 0.
        recent: it is recent in this session.
        content: gives bytes by their key in the store.
        parsed: structures.
    """

    __slots__ = ("_bytes", "_content", "_parsed", "_read", "index", "recent", "row")

    def __init__(
        self,
        row: MessageRow,
        index: int,
        *,
        recent: bool,
        content: Callable[[int], bytes],
        parsed: ParsedMessages,
    ) -> None:
        self.row = row
        self.index = index
        self.recent = recent
        self._bytes: bytes | None = None
        self._read: dict[bytes | int, str] = {}
        self._content = content
        self._parsed = parsed

    @property
    def content(self) -> bytes:
        """Bytes of the message."""
        if self._bytes is None:
            self._bytes = self._content(self.row.message)
        return self._bytes

    @property
    def parsed(self) -> Parsed:
        """Its structure."""
        return self._parsed.get(self.row.message, self._bytes)

    def words(self, value: bytes) -> str:
        """Return a field as it is compared; each is decoded once, however many keys ask."""
        found = self._read.get(value)
        if found is None:
            found = self._read[value] = decoded(value).casefold()
        return found

    def text(self, part: BodyPart) -> str:
        """Return the body of a part as it is compared, likewise."""
        found = self._read.get(part.body)
        if found is None:
            found = self._read[part.body] = _text(self.content, part).casefold()
        return found


Test = Callable[[SearchCandidate], bool]
Resolve = Callable[[SequenceSet, bool], Sequence[int]]


def reads_content(key: Key) -> bool:
    """Tell whether a key needs more than flags, dates, sizes and numbers."""
    return _cost(key) > 0


def _cost(key: Key) -> int:
    if isinstance(key, keys.Both):
        return max(map(_cost, key.keys), default=0)
    if isinstance(key, keys.Either):
        return max(_cost(key.first), _cost(key.second))
    if isinstance(key, keys.Not):
        return _cost(key.key)
    if isinstance(key, keys.Containing):
        return 2
    return int(isinstance(key, keys.InHeader) or (isinstance(key, keys.Dated) and key.sent))


def compile_key(key: Key, resolve: Resolve) -> Test:
    """Return the function that a key means.

    Args:
        key: what has to hold.
        resolve: gives the indexes of a sequence set; whether it is of UIDs.
    """
    if isinstance(key, keys.Both):
        return _both([compile_key(each, resolve) for each in sorted(key.keys, key=_cost)])
    if isinstance(key, keys.Either):
        pair = sorted((key.first, key.second), key=_cost)
        return _either(compile_key(pair[0], resolve), compile_key(pair[1], resolve))
    if isinstance(key, keys.Not):
        inner = compile_key(key.key, resolve)
        return lambda candidate: not inner(candidate)
    if isinstance(key, keys.Within):
        among = frozenset(resolve(key.numbers, key.uid))
        return lambda candidate: candidate.index in among
    return _leaf(key)


def _leaf(key: Key) -> Test:
    if isinstance(key, keys.Flagged):
        return _flagged(key.flag)
    if isinstance(key, keys.Recent):
        return lambda candidate: candidate.recent
    if isinstance(key, keys.Sized):
        size = key.size
        if key.larger:
            return lambda candidate: candidate.row.size > size
        return lambda candidate: candidate.row.size < size
    if isinstance(key, keys.Changed):
        modseq = key.modseq
        return lambda candidate: candidate.row.modseq >= modseq
    if isinstance(key, keys.Identified):
        email_id = key.email_id
        return lambda candidate: candidate.row.email_id == email_id
    if isinstance(key, keys.Dated):
        return _dated(key)
    if isinstance(key, keys.InHeader):
        field, text = key.field.encode("ascii", "replace"), key.text
        return lambda candidate: _in_header(candidate, field, text)
    assert isinstance(key, keys.Containing)
    headers, text = key.headers, key.text
    return lambda candidate: _containing(candidate, text, headers=headers)


def _both(tests: Sequence[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    return lambda candidate: all(test(candidate) for test in tests)


def _either(one: Test, other: Test) -> Test:
    return lambda candidate: one(candidate) or other(candidate)


def _flagged(flag: str) -> Test:
    if flag.startswith("\\"):
        return lambda candidate: flag in candidate.row.flags
    lower = flag.lower()
    return lambda candidate: any(each.lower() == lower for each in candidate.row.flags)


def _dated(key: keys.Dated) -> Test:
    relation, day = key.relation, key.day

    def compare(seen: dt.date | None) -> bool:
        if seen is None:
            return False
        return seen < day if relation == "<" else seen == day if relation == "=" else seen >= day

    if key.sent:
        return lambda candidate: compare(_sent(candidate.parsed.message))
    return lambda candidate: compare(
        dt.datetime.fromtimestamp(candidate.row.internal_date, dt.UTC).date()
    )


def _sent(message: BodyPart) -> dt.date | None:
    """Return the day in the Date field, whatever its time and zone."""
    value = first(message.fields, b"date")
    found = email.utils.parsedate((value or b"").decode("latin-1"))
    if found is None:
        return None
    try:
        return dt.date(*found[:3])
    except ValueError:
        return None


def _in_header(candidate: SearchCandidate, name: bytes, text: str) -> bool:
    return any(
        field.name == name and text in candidate.words(field.value)
        for field in candidate.parsed.message.fields
    )


def _containing(candidate: SearchCandidate, text: str, *, headers: bool) -> bool:
    message = candidate.parsed.message
    for part in message.walk():
        if (headers or part is not message) and any(
            text in candidate.words(field.raw) for field in part.fields
        ):
            return True
        if part.type == b"text" and text in candidate.text(part):
            return True
    return False


def _text(content: bytes, part: BodyPart) -> str:
    try:
        body = decode_body(content, part)
    except No:
        body = content[part.body : part.end]
    charset = dict(part.parameters).get(b"charset", b"us-ascii").decode("ascii", "replace")
    return in_charset(body, charset)
