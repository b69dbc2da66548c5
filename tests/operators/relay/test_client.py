"""A transaction as a dialogue: what the server replies, what the client sends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.operators.mail import Envelope, Recipient
from sandbox.operators.relay.client import (
    Capabilities,
    PeerTransaction,
    capabilities,
    obstacle,
    wire_form,
)
from sandbox.operators.relay.replies import PeerReply, ProtocolError, ReplyReader

CONTENT = b"Subject: x\r\n\r\nhello\r\n"
B = Recipient(address="b@op2.mssante.test")
C = Recipient(address="c@op2.mssante.test")
ALL = Capabilities(frozenset({"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "DSN"}), 1000)
BARE = Capabilities()


def envelope(*recipients: Recipient, smtputf8: bool = False, sender: str = "a@op1.mssante.test",
             ret: str = "", envid: str = "") -> Envelope:  # fmt: skip
    return Envelope(
        reverse_path=sender, recipients=recipients or (B,), smtputf8=smtputf8, ret=ret, envid=envid
    )


def talk(transaction: PeerTransaction, *script: bytes) -> list[bytes]:
    """Give the server's lines one by one; return what the client sent, without empty ones."""
    sent = [transaction.start()]
    reader = ReplyReader()
    for line in script:
        for reply in reader.feed(line + b"\r\n"):
            sent.append(transaction.receive(reply))
    return [each for each in sent if each]


def said(transaction: PeerTransaction) -> list[str]:
    assert transaction.is_done
    return [each.said if each else "accepted" for each in transaction.results]


def test_with_pipelining_the_envelope_goes_in_one_flight() -> None:
    transaction = PeerTransaction(envelope(B, C), CONTENT, Capabilities(frozenset({"PIPELINING"})))
    sent = talk(transaction, b"250 ok", b"250 ok", b"250 ok", b"354 go", b"250 2.0.0 taken")
    assert sent == [
        (
            b"MAIL FROM:<a@op1.mssante.test>\r\nRCPT TO:<b@op2.mssante.test>\r\n"
            b"RCPT TO:<c@op2.mssante.test>\r\nDATA\r\n"
        ),
        CONTENT + b".\r\n",
    ]
    assert said(transaction) == ["accepted", "accepted"]
    assert not transaction.dirty


def test_without_pipelining_each_command_waits_for_its_reply() -> None:
    transaction = PeerTransaction(envelope(), CONTENT, BARE)
    sent = talk(transaction, b"250 ok", b"250 ok", b"354 go", b"250 taken")
    assert sent == [
        b"MAIL FROM:<a@op1.mssante.test>\r\n",
        b"RCPT TO:<b@op2.mssante.test>\r\n",
        b"DATA\r\n",
        CONTENT + b".\r\n",
    ]
    assert said(transaction) == ["accepted"]


@pytest.mark.parametrize("offered", [ALL, BARE])
def test_each_recipient_has_its_own_fate(offered: Capabilities) -> None:
    transaction = PeerTransaction(envelope(B, C), CONTENT, offered)
    sent = talk(transaction, b"250 ok", b"550 5.1.1 unknown", b"250 ok", b"354 go", b"250 taken")
    assert sent[-1] == CONTENT + b".\r\n"
    assert said(transaction) == ["550 5.1.1 unknown", "accepted"]


@pytest.mark.parametrize(
    ("offered", "script"),
    [
        (BARE, [b"250 ok", b"550 5.1.1 unknown", b"450 4.2.0 later"]),
        (ALL, [b"250 ok", b"550 5.1.1 unknown", b"450 4.2.0 later", b"554 5.5.1 nobody"]),
    ],
)
def test_without_any_recipient_nothing_is_sent_and_the_next_transaction_resets(
    offered: Capabilities, script: list[bytes]
) -> None:
    transaction = PeerTransaction(envelope(B, C), CONTENT, offered)
    sent = talk(transaction, *script)
    assert all(CONTENT not in each for each in sent)
    assert said(transaction) == ["550 5.1.1 unknown", "450 4.2.0 later"]
    assert transaction.dirty


def test_a_server_that_wants_data_for_nobody_gets_an_empty_message() -> None:
    transaction = PeerTransaction(envelope(), CONTENT, ALL)
    sent = talk(transaction, b"250 ok", b"550 5.1.1 unknown", b"354 go", b"250 ok")
    assert sent[-1] == b".\r\n"
    assert said(transaction) == ["550 5.1.1 unknown"]
    assert not transaction.content_sent


@pytest.mark.parametrize(
    ("offered", "script"),
    [
        (BARE, [b"550 5.7.1 not you"]),
        (ALL, [b"550 5.7.1 not you", b"503 no", b"503 no", b"503 no"]),
    ],
)
def test_a_refused_sender_is_the_fate_of_all(offered: Capabilities, script: list[bytes]) -> None:
    transaction = PeerTransaction(envelope(B, C), CONTENT, offered)
    talk(transaction, *script)
    assert said(transaction) == ["550 5.7.1 not you"] * 2


@pytest.mark.parametrize("final", [b"451 4.3.0 later", b"554 5.6.0 no"])
def test_what_is_said_after_the_content_is_the_fate_of_the_accepted(final: bytes) -> None:
    transaction = PeerTransaction(envelope(B, C), CONTENT, ALL)
    talk(transaction, b"250 ok", b"550 5.1.1 unknown", b"250 ok", b"354 go", final)
    assert said(transaction) == ["550 5.1.1 unknown", final.decode()]


def test_a_refused_data_command_is_the_fate_of_the_accepted() -> None:
    transaction = PeerTransaction(envelope(B, C), CONTENT, ALL)
    talk(transaction, b"250 ok", b"250 ok", b"452 4.2.2 full", b"451 4.3.1 no room")
    assert said(transaction) == ["451 4.3.1 no room", "452 4.2.2 full"]
    assert transaction.dirty


def test_too_many_recipients_is_temporary() -> None:
    transaction = PeerTransaction(envelope(B, C), CONTENT, ALL)
    talk(transaction, b"250 ok", b"250 ok", b"552 5.5.3 too many", b"354 go", b"250 ok")
    assert transaction.results[0] is None
    assert transaction.results[1] is not None
    assert not transaction.results[1].is_permanent


@pytest.mark.parametrize("offered", [ALL, BARE])
def test_a_server_that_leaves_is_not_asked_further(offered: Capabilities) -> None:
    transaction = PeerTransaction(envelope(B, C), CONTENT, offered)
    talk(transaction, b"250 ok", b"421 4.3.2 going down")
    assert said(transaction) == ["421 4.3.2 going down"] * 2
    assert transaction.closing


def test_a_transaction_left_open_is_reset_first() -> None:
    transaction = PeerTransaction(envelope(), CONTENT, ALL, reset=True)
    sent = talk(transaction, b"250 reset", b"250 ok", b"250 ok", b"354 go", b"250 taken")
    assert sent[0].startswith(b"RSET\r\nMAIL FROM:")
    assert said(transaction) == ["accepted"]


def test_a_reply_to_nothing_is_an_error() -> None:
    transaction = PeerTransaction(envelope(), CONTENT, ALL)
    talk(transaction, b"250 ok", b"250 ok", b"354 go", b"250 taken")
    with pytest.raises(ProtocolError):
        transaction.receive(PeerReply(250, ("again",)))


PARAMETERS = Recipient(
    address="b@op2.mssante.test", notify=("FAILURE", "DELAY"), orcpt="rfc822;x+2By@op1.mssante.test"
)


def test_extensions_are_used_where_they_are_offered() -> None:
    content = "Subject: é\r\n\r\né\r\n".encode()
    asked = envelope(PARAMETERS, smtputf8=True, ret="HDRS", envid="E+2B1")
    first = PeerTransaction(asked, content, ALL).start()
    assert (
        first
        == (
            f"MAIL FROM:<a@op1.mssante.test> SIZE={len(content)} BODY=8BITMIME SMTPUTF8 RET=HDRS "
            "ENVID=E+2B1\r\nRCPT TO:<b@op2.mssante.test> NOTIFY=FAILURE,DELAY "
            "ORCPT=rfc822;x+2By@op1.mssante.test\r\nDATA\r\n"
        ).encode()
    )


def test_extensions_that_are_not_offered_are_not_used() -> None:
    asked = envelope(PARAMETERS, smtputf8=True, ret="HDRS", envid="E+2B1")
    sent = talk(PeerTransaction(asked, CONTENT, BARE), b"250 ok")
    assert sent == [b"MAIL FROM:<a@op1.mssante.test>\r\n", b"RCPT TO:<b@op2.mssante.test>\r\n"]


@pytest.mark.parametrize(
    ("asked", "content", "offered", "name"),
    [
        (envelope(), CONTENT, BARE, ""),
        (envelope(smtputf8=True), CONTENT, BARE, ""),
        (envelope(smtputf8=True), "Subject: é\r\n\r\n".encode(), BARE, "smtputf8-missing"),
        (envelope(smtputf8=True, sender="é@op1.mssante.test"), CONTENT, BARE, "smtputf8-missing"),
        (envelope(Recipient(address="é@op2.mssante.test"), smtputf8=True), CONTENT, BARE,
         "smtputf8-missing"),
        (envelope(smtputf8=True, sender="é@op1.mssante.test"), CONTENT, ALL, ""),
        (envelope(), "A: b\r\n\r\né\r\n".encode(), BARE, "8bit-missing"),
        (envelope(), "A: b\r\n\r\né\r\n".encode(), ALL, ""),
        (envelope(), b"a" * 1001, ALL, "too-big"),
        (envelope(), b"a" * 1000, ALL, ""),
    ],
)  # fmt: skip
def test_a_message_that_a_server_cannot_take_is_known_before(
    asked: Envelope, content: bytes, offered: Capabilities, name: str
) -> None:
    found = obstacle(asked, content, offered)
    assert (found.reason.name if found else "") == name
    assert found is None or found.is_permanent


def test_capabilities_are_read_from_the_reply_to_ehlo() -> None:
    offered = capabilities(
        PeerReply(250, ("mx", "pipelining", "SIZE 25000000", "AUTH PLAIN", "SIZE"))
    )
    assert "PIPELINING" in offered
    assert "AUTH" in offered
    assert "DSN" not in offered
    assert offered.max_size == 25_000_000


@pytest.mark.parametrize(
    ("content", "wire"),
    [
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b"", b"\r\n.\r\n"),
        (b".\r\n..\r\n.a\r\n", b"..\r\n...\r\n..a\r\n.\r\n"),
        (b"a\n.\nMAIL FROM:<x>\n", b"a\r\n..\r\nMAIL FROM:<x>\r\n.\r\n"),
        (b"a\r.\r\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r\n.\rb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
    ],
)
def test_content_ends_only_where_it_ends(content: bytes, wire: bytes) -> None:
    assert wire_form(content) == wire
    assert wire_form(content).count(b"\r\n.\r\n") <= 1


@given(
    codes=st.lists(st.sampled_from([220, 250, 354, 421, 450, 452, 550, 552, 503]), max_size=12),
    offered=st.sampled_from([ALL, BARE]),
)
def test_whatever_the_replies_content_goes_only_to_who_accepted_and_asked(
    codes: list[int], offered: Capabilities
) -> None:
    transaction = PeerTransaction(envelope(B, C), CONTENT, offered)
    sent, taken = [transaction.start()], []
    for code in codes:
        if transaction.is_done:
            break
        sent.append(transaction.receive(PeerReply(code, ("x",))))
        taken.append(code)
    whole = wire_form(CONTENT)
    assert sent.count(whole) <= 1
    if transaction.content_sent:
        assert 354 in taken
        assert taken[0] // 100 == 2
    if transaction.is_done:
        assert len(transaction.results) == 2
        if None in transaction.results:
            assert whole in sent
            assert taken[-1] // 100 == 2
