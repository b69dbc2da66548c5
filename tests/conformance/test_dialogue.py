"""A connection read from its octets: what was asked and answered, and no secret of it."""

from __future__ import annotations

import base64

from sandbox.conformance.client.dialogue import Chunk, SoftwareDialogue
from sandbox.conformance.client.dialogue_imap import read_imap
from sandbox.conformance.client.dialogue_smtp import read_smtp

SECRET = "sésame-ouvre-toi"
PLAIN = base64.b64encode(f"\0anne\0{SECRET}".encode()).decode()


def chunks(*told: str) -> list[Chunk]:
    """Return what was said: each text begins with C, S or #."""
    return [Chunk(each[0], each[1:].encode()) for each in told]


def smtp(*told: str) -> SoftwareDialogue:
    return read_smtp(chunks("S220 x\r\n", "CEHLO y\r\n", "S250-x\r\n250 DSN\r\n", *told))


def imap(*told: str) -> SoftwareDialogue:
    return read_imap(chunks("S* OK x\r\n", *told))


def test_a_message_is_read_with_its_dots_taken_away() -> None:
    read = smtp(
        "CMAIL FROM:<a@x>\r\n", "S250 ok\r\n", "CRCPT TO:<b@y> NOTIFY=SUCCESS\r\n", "S250 ok\r\n",
        "CDATA\r\n", "S354 go\r\n", "C..\r\nFin\r\n", "C.\r\nQUIT\r\n", "S250 taken\r\n221 bye\r\n",
    )  # fmt: skip
    (sent,) = read.messages
    assert (sent.sender, sent.recipients, sent.content) == ("a@x", ["b@y"], b".\r\nFin\r\n")
    assert (sent.taken, sent.parameters, sent.offers) == (True, ["NOTIFY=SUCCESS"], {"DSN"})
    assert [each.verb for each in read.commands][-2:] == ["MESSAGE", "QUIT"]


def test_commands_in_one_packet_have_each_their_answer() -> None:
    read = smtp(
        "CMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n",
        "S250 one\r\n550 two\r\n", "S554 three\r\n",
    )  # fmt: skip
    assert [each.answer for each in read.commands[1:]] == ["250 one", "550 two", "554 three"]


def test_a_message_in_chunks_is_read() -> None:
    read = smtp(
        "CMAIL FROM:<a@x>\r\n", "S250 ok\r\n", "CRCPT TO:<b@y>\r\n", "S250 ok\r\n",
        "CBDAT 4\r\nab\r\nBDAT 2 LAST\r\ncd", "S250 ok\r\n250 taken\r\n",
    )  # fmt: skip
    assert [each.content for each in read.messages] == [b"ab\r\ncd"]


def test_one_secret_is_the_same_however_it_is_carried_and_is_never_told() -> None:
    word = base64.b64encode(SECRET.encode()).decode()
    dialogues = [
        smtp(f"CAUTH PLAIN {PLAIN}\r\n", "S235 ok\r\n"),
        smtp("CAUTH PLAIN\r\n", "S334 \r\n", f"C{PLAIN}\r\n", "S235 ok\r\n"),
        smtp("CAUTH LOGIN\r\n", "S334 VXNlcjo=\r\n", "CYW5uZQ==\r\n", "S334 UGFzczo=\r\n",
             f"C{word}\r\n", "S235 ok\r\n"),
        imap(f'Ca LOGIN anne "{SECRET}"\r\n', "Sa OK\r\n"),
        imap(f"Ca LOGIN anne {{{len(SECRET.encode())}}}\r\n", "S+ go\r\n", f"C{SECRET}\r\n",
             "Sa OK\r\n"),
        imap("Ca AUTHENTICATE PLAIN\r\n", "S+ \r\n", f"C{PLAIN}\r\n", "Sa OK\r\n"),
        imap(f"Ca AUTHENTICATE PLAIN {PLAIN}\r\n", "Sa OK\r\n"),
    ]  # fmt: skip
    logins = [login for each in dialogues for login in each.logins]
    assert len({login.digest for login in logins}) == 1
    assert all(login.good for login in logins)
    told = repr([each.lines for each in dialogues]) + repr([each.commands for each in dialogues])
    assert not [each for each in (SECRET, PLAIN, word) if each in told]


def test_what_is_said_within_tls_is_told_from_what_is_not() -> None:
    read = smtp("CSTARTTLS\r\n", "S220 go\r\n", "#TLSv1.3", "CEHLO y\r\n", "S250 x\r\n")
    assert [each.secure for each in read.commands] == [False, False, True]


def test_literals_hold_no_commands() -> None:
    read = imap(
        "Ca APPEND Sent {13}\r\n", "S+ go\r\n", "Cb LOGIN c d\r\n\r\n", "Sa OK done\r\n",
        "Cc FETCH 1 (BODY[])\r\n", "S* 1 FETCH (BODY[] {11}\r\nc NO wrong\r\n)\r\nc OK right\r\n",
    )  # fmt: skip
    assert [(each.verb, each.answer) for each in read.commands] == [
        ("APPEND", "OK done"), ("FETCH", "OK right"),
    ]  # fmt: skip
    assert not read.logins


def test_lines_without_a_carriage_return_are_counted() -> None:
    assert smtp("CNOOP\n", "S250 ok\r\n").broken == 1
