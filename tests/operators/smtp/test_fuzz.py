"""Anything may come, cut anywhere: never an exception, never a delivery that was not sent so."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.operators.post.headers import HeaderError, read_header
from sandbox.operators.smtp.conversation import SmtpLimits
from tests.operators.smtp.scripted import ALICE, BOB, FAR, MESSAGE, Script, plain, relay, submission

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())
PIECES = st.sampled_from(
    [
        b"EHLO x\r\n", b"HELO x\r\n", b"STARTTLS\r\n", f"AUTH PLAIN {plain('good')}\r\n".encode(),
        b"AUTH LOGIN\r\n", b"AUTH PLAIN\r\n", b"*\r\n", b"=\r\n", b"RSET\r\n", b"NOOP\r\n",
        b"QUIT\r\n", b"DATA\r\n", f"MAIL FROM:<{ALICE}>".encode(), f"RCPT TO:<{FAR}>".encode(),
        f"RCPT TO:<{BOB}>".encode(), b"MAIL FROM:<>", b" SIZE=1", b" SMTPUTF8", b" NOTIFY=SUCCESS",
        b" ORCPT=rfc822;x", b" BODY=8BITMIME", b"\r\n", b"\r", b"\n", b".", b"\r\n.\r\n", b"\n.\n",
        f"MAIL FROM:<{ALICE}>\r\n".encode(), f"MAIL FROM:<{FAR}>\r\n".encode(),
        f"RCPT TO:<{FAR}>\r\n".encode(), f"RCPT TO:<{BOB}>\r\n".encode(), MESSAGE + b".\r\n",
        f"From: {FAR}\r\n\r\n.\r\n".encode(), b"\0", b"\xc3\xa9", b"\xff", b" ", b"<", b">",
        b"@", b'"', b":", MESSAGE,
        f"From: {ALICE}\r\n\r\n".encode(), b"x" * 600, b"x" * 1100, b"VRFY a\r\n", b"HELP\r\n",
    ]
)  # fmt: skip
BYTES = st.lists(PIECES | st.binary(max_size=12), max_size=30).map(b"".join)
CHUNKS = st.lists(
    st.lists(PIECES | st.binary(max_size=12), min_size=1, max_size=4).map(b"".join), max_size=30
)
LIMITS = SmtpLimits(message_bytes=2_000, errors=50, junk=50)


def feed(script: Script, chunks: Iterable[bytes]) -> None:
    """Send all; `Script` checks what is said; what is kept and delivered is checked here."""
    for chunk in chunks:
        script.say(chunk)
        assert script.dialogue.buffered <= LIMITS.message_bytes + 1024 + len(chunk)
    for envelope, content in script.posts:
        assert envelope.recipients
        assert content.count(b"\r") == content.count(b"\n") == content.count(b"\r\n")
        assert b"\0" not in content
        assert len(content) <= LIMITS.message_bytes
        assert max(map(len, content.split(b"\r\n"))) <= 998


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(CHUNKS, st.booleans())
@settings(max_examples=500, deadline=None)
def test_submission_takes_anything(chunks: list[bytes], logged_in: bool) -> None:
    script = submission(limits=LIMITS, logged_in=logged_in)
    feed(script, chunks)
    assert all(envelope.reverse_path in {ALICE, ""} for envelope, _ in script.posts)


@given(CHUNKS)
@settings(max_examples=300, deadline=None)
def test_the_relay_takes_anything(chunks: list[bytes]) -> None:
    script = relay(limits=LIMITS)
    feed(script, chunks)
    recipients = [each.address for envelope, _ in script.posts for each in envelope.recipients]
    assert all(each.endswith("@op1.mssante.test") or each == "postmaster" for each in recipients)


@given(CHUNKS)
@settings(max_examples=500, deadline=None)
def test_within_a_message_anything_may_come(chunks: list[bytes]) -> None:
    script = submission(limits=LIMITS)
    script.say(f"MAIL FROM:<{ALICE}>\nRCPT TO:<{FAR}>\nDATA")
    feed(script, [f"From: {ALICE}\r\n\r\n".encode(), *chunks, b"\r\n.\r\n"])


@given(BYTES, st.lists(st.integers(0, 5000), max_size=10))
@settings(max_examples=300, deadline=None)
def test_a_message_is_the_same_however_it_is_cut(body: bytes, places: list[int]) -> None:
    sent = f"From: {ALICE}\r\n\r\n".encode() + body + b"\r\n.\r\n"

    def received(chunks: list[bytes]) -> tuple[list[bytes], list[str]]:
        script = submission(limits=LIMITS)
        script.say(f"MAIL FROM:<{ALICE}>\nRCPT TO:<{FAR}>\nDATA")
        said = [line for chunk in chunks for line in script.say(chunk)]
        return [content for _, content in script.posts][:1], said[:1]

    assert received(cut(sent, places)) == received([sent])


@given(BYTES)
@settings(max_examples=300, deadline=None)
def test_a_header_is_read_or_refused(data: bytes) -> None:
    try:
        header = read_header(data)
        header.addresses("From")
        assert header.is_report in {True, False}
    except HeaderError:
        return
    assert 0 <= header.end <= len(data)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_the_corpus_is_taken(path: Path) -> None:
    """Sequences that were once of interest: attacks, broken clients, what a fuzzer found."""
    for make in (lambda: submission(limits=LIMITS), lambda: relay(limits=LIMITS)):
        for step in (1, 7, 100_000):
            data = path.read_bytes()
            feed(make(), cut(data, range(0, len(data), step)))
