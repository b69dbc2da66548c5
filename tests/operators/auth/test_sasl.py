"""SASL exchanges as dialogues: responses in, challenges and credentials out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.operators.auth.sasl import MAX_LINE, MalformedError, UnknownMechanism, begin, decode
from sandbox.operators.model import (
    CertificateCredentials,
    Channel,
    PasswordCredentials,
    SaslName,
    TokenCredentials,
)
from sandbox.space.methods import Method

OFFERED = tuple(name for name in SaslName if name is not SaslName.NONE)
CHANNEL = Channel(
    operator="op1", design="d", endpoint="imap", host="imap.op1.mssante.test", port=10993,
    protocol="imap", methods=tuple(Method), mechanisms=(*OFFERED, SaslName.NONE),
    client="127.0.0.1", tls="TLSv1.3",
)  # fmt: skip
TOKEN = "eyJhbGciOi.J9-_~+/="


def test_plain_gives_name_and_password() -> None:
    found = begin("plain", CHANNEL).step(b"\0a@b.test\0secret 123456")
    assert found == PasswordCredentials(
        mechanism=SaslName.PLAIN, authcid="a@b.test", password="secret 123456"
    )


def test_plain_carries_the_mailbox_to_act_on() -> None:
    found = begin("PLAIN", CHANNEL).step(b"org@b.test\0899\0pw")
    assert isinstance(found, PasswordCredentials)
    assert (found.authzid, found.authcid) == ("org@b.test", "899")


def test_without_initial_response_plain_sends_an_empty_challenge_first() -> None:
    exchange = begin("PLAIN", CHANNEL)
    assert exchange.step(None) == b""
    assert isinstance(exchange.step(b"\0a\0p"), PasswordCredentials)


@pytest.mark.parametrize(
    "response",
    [
        b"", b"a", b"a\0p", b"\0a\0p\0", b"\0\0p", b"\0a\0", b"\0\xff\0p", b"\0a\x07\0p",
        b"\0a\r\n\0p", b"\0" + b"a" * 513 + b"\0p", b"\0a\0" + b"p" * 256,
    ],
)  # fmt: skip
def test_plain_of_another_shape_is_malformed(response: bytes) -> None:
    with pytest.raises(MalformedError):
        begin("PLAIN", CHANNEL).step(response)


def test_login_asks_for_name_then_password() -> None:
    exchange = begin("LOGIN", CHANNEL)
    assert exchange.step(None) == b"Username:"
    assert exchange.step(b"a@b.test") == b"Password:"
    assert exchange.step(b"pw") == PasswordCredentials(
        mechanism=SaslName.LOGIN, authcid="a@b.test", password="pw"
    )


def test_login_takes_the_name_as_initial_response() -> None:
    exchange = begin("LOGIN", CHANNEL)
    assert exchange.step(b"a@b.test") == b"Password:"


def test_external_may_name_a_mailbox_or_nothing() -> None:
    assert begin("EXTERNAL", CHANNEL).step(decode(b"=", initial=True)) == CertificateCredentials(
        mechanism=SaslName.EXTERNAL
    )
    assert begin("EXTERNAL", CHANNEL).step(b"a@b.test") == CertificateCredentials(
        mechanism=SaslName.EXTERNAL, authzid="a@b.test"
    )


def test_xoauth2_gives_user_and_token() -> None:
    found = begin("XOAUTH2", CHANNEL).step(b"user=a@b.test\1auth=Bearer %s\1\1" % TOKEN.encode())
    assert found == TokenCredentials(mechanism=SaslName.XOAUTH2, user="a@b.test", token=TOKEN)


@pytest.mark.parametrize(
    "response",
    [
        b"user=a\1auth=Bearer t\1", b"user=a\1\1", b"auth=Bearer t\1\1",
        b"user=a\1auth=Basic t\1\1",
        b"user=a\1auth=Bearer t t\1\1", b"user=a\1user=b\1auth=Bearer t\1\1",
        b"user=a\1auth=Bearer \1\1", b"user=a\1auth=Bearer " + b"t" * 8193 + b"\1\1",
    ],
)  # fmt: skip
def test_xoauth2_of_another_shape_is_malformed(response: bytes) -> None:
    with pytest.raises(MalformedError):
        begin("XOAUTH2", CHANNEL).step(response)


def test_oauthbearer_gives_user_and_token() -> None:
    found = begin("OAUTHBEARER", CHANNEL).step(
        b"n,a=a=2Cb=3D@b.test,\1host=IMAP.op1.mssante.test.\1port=10993\1auth=bearer t\1\1"
    )
    assert found == TokenCredentials(mechanism=SaslName.OAUTHBEARER, user="a,b=@b.test", token="t")


def test_oauthbearer_may_leave_the_user_to_the_token() -> None:
    found = begin("OAUTHBEARER", CHANNEL).step(b"n,,\1auth=Bearer t\1\1")
    assert isinstance(found, TokenCredentials)
    assert found.user == ""


@pytest.mark.parametrize("host", [b"127.0.0.9", b"[::1]", b"localhost"])
def test_oauthbearer_takes_a_loopback_address_for_this_server(host: bytes) -> None:
    response = b"n,,\1host=" + host + b"\1auth=Bearer t\1\1"
    assert isinstance(begin("OAUTHBEARER", CHANNEL).step(response), TokenCredentials)


@pytest.mark.parametrize(
    "response",
    [
        b"n,,\1host=imap.op2.mssante.test\1auth=Bearer t\1\1",
        b"n,,\1port=993\1auth=Bearer t\1\1",
        b"n,,\1host=192.0.2.1\1auth=Bearer t\1\1",
    ],
)
def test_oauthbearer_meant_for_another_server_is_refused(response: bytes) -> None:
    with pytest.raises(MalformedError):
        begin("OAUTHBEARER", CHANNEL).step(response)


@pytest.mark.parametrize(
    "response",
    [
        b"n,,auth=Bearer t\1\1", b"p=tls-exporter,,\1auth=Bearer t\1\1", b"n\1auth=Bearer t\1\1",
        b"n,a=x=41,\1auth=Bearer t\1\1", b"n,b=x,\1auth=Bearer t\1\1", b"n,,\1\1",
        b"n,a=,\1auth=Bearer t\1\1", b"n,,x\1auth=Bearer t\1\1",
    ],
)  # fmt: skip
def test_oauthbearer_of_another_shape_is_malformed(response: bytes) -> None:
    with pytest.raises(MalformedError):
        begin("OAUTHBEARER", CHANNEL).step(response)


@pytest.mark.parametrize("mechanism", ["CRAM-MD5", "", "NONE", "PLAIN "])
def test_what_is_not_a_mechanism_is_unknown(mechanism: str) -> None:
    with pytest.raises(UnknownMechanism):
        begin(mechanism, CHANNEL)


def test_a_mechanism_that_the_endpoint_does_not_offer_is_unknown() -> None:
    with pytest.raises(UnknownMechanism):
        begin("XOAUTH2", replace(CHANNEL, mechanisms=(SaslName.PLAIN,)))


@pytest.mark.parametrize("line", [b"=", b"YQ", b"Y Q==", b"YQ==\n", b"*", b"A" * (MAX_LINE + 4)])
def test_a_line_that_is_not_base64_is_malformed(line: bytes) -> None:
    with pytest.raises(MalformedError):
        decode(line)


@given(st.sampled_from(OFFERED), st.lists(st.binary(max_size=400), max_size=3))
def test_whatever_comes_the_answer_is_a_challenge_credentials_or_malformed(
    mechanism: SaslName, responses: list[bytes]
) -> None:
    exchange = begin(mechanism, CHANNEL)
    for response in responses:
        try:
            answer = exchange.step(response)
        except MalformedError:
            return
        if not isinstance(answer, bytes):
            assert answer.mechanism is mechanism
            return


def test_printed_credentials_show_no_secret() -> None:
    password = begin("PLAIN", CHANNEL).step(b"\0a@b.test\0hunter2")
    token = begin("XOAUTH2", CHANNEL).step(b"user=a\1auth=Bearer hunter2\1\1")
    assert "hunter2" not in repr(password) + repr(token)
