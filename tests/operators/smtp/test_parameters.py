"""Parameters of MAIL and RCPT (RFC 1870, 6152, 6531, 4954 §5, 3461)."""

from __future__ import annotations

import pytest

from sandbox.operators.smtp.transaction import (
    MailParameters,
    ParameterError,
    RcptParameters,
    mail_parameters,
    rcpt_parameters,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", MailParameters()),
        (" SIZE=0", MailParameters()),
        (" size=123 body=8bitmime", MailParameters(size=123, body="8BITMIME")),
        (" SMTPUTF8", MailParameters(smtputf8=True)),
        (" RET=hdrs ENVID=QQ+3D", MailParameters(ret="HDRS", envid="QQ+3D")),
        (" AUTH=<>", MailParameters()),
        (" AUTH=a+2Bb@c.test", MailParameters()),
        (" ENVID=" + "x" * 100, MailParameters(envid="x" * 100)),
    ],
)
def test_mail(text: str, expected: MailParameters) -> None:
    assert mail_parameters(text, authentication=True) == expected


@pytest.mark.parametrize(
    "text",
    [
        "SIZE=1", " SIZE", " SIZE=-1", " SIZE=" + "9" * 21, " SIZE=1 SIZE=1", " BODY",
        " BODY=BINARYMIME", " SMTPUTF8=1", " RET", " RET=BOTH", " ENVID", " ENVID=a+2b",
        " ENVID=a=b", " ENVID=" + "x" * 101, " =1", " A==1", " A=\u2028", " AUTH",
    ],
)  # fmt: skip
def test_mail_that_is_malformed(text: str) -> None:
    with pytest.raises(ParameterError) as refused:
        mail_parameters(text, authentication=True)
    assert (refused.value.reply.code, refused.value.reply.status) == (501, "5.5.4")


@pytest.mark.parametrize("text", [" HOLDFOR=1", " BY=1;R", " NOTIFY=NEVER"])
def test_mail_that_is_not_known(text: str) -> None:
    with pytest.raises(ParameterError) as refused:
        mail_parameters(text, authentication=True)
    assert refused.value.reply.code == 555


def test_auth_is_no_parameter_where_it_is_not_offered() -> None:
    with pytest.raises(ParameterError) as refused:
        mail_parameters(" AUTH=<>", authentication=False)
    assert refused.value.reply.code == 555


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", RcptParameters()),
        (" NOTIFY=never", RcptParameters(notify=("NEVER",))),
        (" NOTIFY=SUCCESS,FAILURE,DELAY", RcptParameters(notify=("SUCCESS", "FAILURE", "DELAY"))),
        (" ORCPT=rfc822;a+2Bb@c.test", RcptParameters(orcpt="rfc822;a+2Bb@c.test")),
    ],
)
def test_rcpt(text: str, expected: RcptParameters) -> None:
    assert rcpt_parameters(text, smtputf8=False) == expected


@pytest.mark.parametrize(
    "text",
    [
        " NOTIFY", " NOTIFY=", " NOTIFY=ALWAYS", " NOTIFY=NEVER,DELAY", " NOTIFY=DELAY,DELAY",
        " ORCPT", " ORCPT=a@b.test", " ORCPT=rfc822;", " ORCPT=rfc822;a+b", " ORCPT=;a@b.test",
        " ORCPT=utf-8;é@b.test", " ORCPT=rfc822;" + "x" * 500,
    ],
)  # fmt: skip
def test_rcpt_that_is_malformed(text: str) -> None:
    with pytest.raises(ParameterError) as refused:
        rcpt_parameters(text, smtputf8=False)
    assert refused.value.reply.code == 501


def test_an_original_recipient_may_be_utf8_with_smtputf8() -> None:
    given = " ORCPT=utf-8;é@b.test"
    assert rcpt_parameters(given, smtputf8=True).orcpt == "utf-8;é@b.test"
