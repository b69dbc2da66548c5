"""Replies are cut from bytes, whole or in pieces; what is no reply is refused."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.operators.relay.replies import PeerReply, ProtocolError, ReplyReader

DIALOGUE = (
    b"220 mx ready\r\n250-mx\r\n250-PIPELINING\r\n250 SIZE 100\r\n354\r\n550 5.1.1 no \xc3\xa9\r\n"
)
REPLIES = [
    PeerReply(220, ("mx ready",)),
    PeerReply(250, ("mx", "PIPELINING", "SIZE 100")),
    PeerReply(354, ("",)),
    PeerReply(550, ("5.1.1 no é",)),
]


@given(cuts=st.lists(st.integers(0, len(DIALOGUE)), max_size=8))
def test_replies_are_the_same_however_they_arrive(cuts: list[int]) -> None:
    reader, found = ReplyReader(), []
    edges = [0, *sorted(cuts), len(DIALOGUE)]
    for start, end in itertools.pairwise(edges):
        found += reader.feed(DIALOGUE[start:end])
    assert found == REPLIES
    assert reader.is_empty


def test_a_reply_that_has_begun_is_not_nothing() -> None:
    reader = ReplyReader()
    assert reader.feed(b"250-mx\r\n") == []
    assert not reader.is_empty


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n",
        b"\r\n",
        b"99 no\r\n",
        b"150 no\r\n",
        b"650 no\r\n",
        b"250_no\r\n",
        b"250-a\r\n251 b\r\n",
        b"250 " + b"a" * 3000 + b"\r\n",
        b"250 " + b"a" * 3000,
        b"250-a\r\n" * 200,
    ],
)
def test_what_is_no_reply_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        ReplyReader().feed(data)


@given(data=st.binary(max_size=400))
def test_whatever_comes_gives_replies_or_a_protocol_error(data: bytes) -> None:
    reader = ReplyReader()
    try:
        replies = reader.feed(data)
    except ProtocolError:
        return
    assert all(200 <= reply.code < 600 for reply in replies)


@pytest.mark.parametrize(("code", "positive"), [(250, True), (354, False), (451, False)])
def test_a_reply_is_positive_when_the_command_was_done(code: int, positive: bool) -> None:
    assert PeerReply(code, ("x",)).is_positive is positive
