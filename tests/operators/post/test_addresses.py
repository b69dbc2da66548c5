"""Paths of MAIL and RCPT."""

from __future__ import annotations

import pytest

from sandbox.operators.post.addresses import AddressError, domain_of, normal_address, read_path


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("<>", ""),
        ("<a@b.test>", "a@b.test"),
        ("<Jean.Dupont@OP1.MSSante.test>", "Jean.Dupont@op1.mssante.test"),
        ("<a+tag=x/y@b.test>", "a+tag=x/y@b.test"),
        ('<"a b"@c.test>', '"a b"@c.test'),
        ('<"a"@c.test>', "a@c.test"),
        ('<"a\\b"@c.test>', "ab@c.test"),
        ('<"a>b"@c.test>', '"a>b"@c.test'),
        ("<@x.test,@y.test:a@b.test>", "a@b.test"),
        ("<a@[127.0.0.1]>", "a@[127.0.0.1]"),
        ("<a@[IPv6:::1]>", "a@[ipv6:::1]"),
        ("<hélène@b.test>", "hélène@b.test"),
        ("<a@hôpital.test>", "a@xn--hpital-ixa.test"),
        ("<PostMaster>", "postmaster"),
        (f"<{'x' * 64}@b.test>", f"{'x' * 64}@b.test"),
    ],
)
def test_paths(path: str, address: str) -> None:
    assert read_path(path + " REST") == (address, " REST")


@pytest.mark.parametrize(
    "path",
    [
        "a@b.test", "<a@b.test", "<a>", "<@b.test>", "<a@>", "<a@b>", "<a b@c.test>",
        "<a..b@c.test>", "<.a@c.test>", "<a.@c.test>", "<a@b..test>", "<a@-b.test>", "<a@b.test.>",
        "<a@b_c.test>", "<a@b@c.test>", '<"a@c.test>', "<a@ b.test>", "<a\t@b.test>",
        "<a@b.test\u2028>", "<\u0085a@b.test>", f"<{'x' * 65}@b.test>", f"<{'é' * 33}@b.test>",
        f"<a@{'b' * 64}.test>", f"<a@{'.'.join(['b' * 60] * 5)}>", "<a@[127.0.0.1>",
        f"<{'x' * 64}@{'.'.join(['b' * 47] * 4)}.test>", "", "<", "< >",
    ],
)  # fmt: skip
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(AddressError):
        read_path(path)


def test_the_domain_of_an_address() -> None:
    assert domain_of('"a@b"@C.test') == "c.test"
    assert domain_of("postmaster") == ""


def test_a_mailbox_has_one_spelling() -> None:
    assert normal_address('"Jean.Dupont"@OP1.test') == "jean.dupont@op1.test"
    with pytest.raises(AddressError):
        normal_address("a@b.test> <c@d.test")
