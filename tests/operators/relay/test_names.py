"""Where a domain's mail goes, asked of a DNS server of the sandbox on real sockets."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.operators.relay.names import Exchanger, Names, NoRouteError
from sandbox.trust import Host, MailDomain, ZoneSpec
from sandbox.trust.dns_server import DnsServer
from sandbox.trust.resolver import DnsFault, Resolver

ZONE = ZoneSpec(
    hosts=(
        Host("mx1.op1.mssante.test", ("127.0.0.11", "127.0.0.12")),
        Host("mx2.op1.mssante.test", ("127.0.0.13",)),
        Host("mx3.op1.mssante.test", ("127.0.0.14",)),
        Host("bare.mssante.test", ("127.0.0.15",)),
    ),
    domains=(
        MailDomain(
            name="op1.mssante.test",
            relays=(
                (20, "mx3.op1.mssante.test"),
                (10, "mx1.op1.mssante.test"),
                (10, "mx2.op1.mssante.test"),
            ),
        ),
        MailDomain(name="null.mssante.test", relays=((0, "."),)),
        MailDomain(name="away.mssante.test", relays=((10, "mx.example.org"),)),
        MailDomain(
            name="half.mssante.test",
            relays=((10, "mx.example.org"), (20, "mx1.op1.mssante.test")),
        ),
        MailDomain(name="text.mssante.test", texts=("v=spf1 -all",)),
    ),
)


async def _with_names(work, faults=(), seconds: float = 2.0):
    resolver = Resolver(ZONE)
    resolver.set_faults(faults)
    server = DnsServer(resolver=resolver)
    await server.start()
    try:
        names = Names("127.0.0.1", server.port, suffix="mssante.test", seconds=seconds)
        return await work(names, resolver)
    finally:
        await server.stop()


def exchangers(domain: str, *, seed: str = "", faults=(), seconds: float = 2.0):
    return asyncio.run(
        _with_names(lambda names, _: names.exchangers(domain, seed), faults, seconds)
    )


def addresses(host: str, *, faults=()):
    return asyncio.run(_with_names(lambda names, _: names.addresses(host), faults))


def test_hosts_are_tried_by_preference() -> None:
    found = exchangers("op1.mssante.test")
    assert [each.preference for each in found] == [10, 10, 20]
    assert found[2] == Exchanger("mx3.op1.mssante.test", 20)


def test_hosts_of_equal_preference_are_shuffled_the_same_way_for_the_same_message() -> None:
    async def work(names: Names, _: Resolver) -> list[str]:
        return [(await names.exchangers("op1.mssante.test", f"Q{i}"))[0].host for i in range(20)]

    firsts = asyncio.run(_with_names(work))
    assert set(firsts) == {"mx1.op1.mssante.test", "mx2.op1.mssante.test"}
    assert firsts == asyncio.run(_with_names(work))


def test_a_domain_without_mx_is_its_own_host() -> None:
    assert exchangers("bare.mssante.test") == (Exchanger("bare.mssante.test", 0),)


def test_a_host_may_have_several_addresses() -> None:
    assert set(addresses("mx1.op1.mssante.test")) == {"127.0.0.11", "127.0.0.12"}


def test_hosts_outside_the_suffix_are_left_out() -> None:
    assert exchangers("half.mssante.test") == (Exchanger("mx1.op1.mssante.test", 20),)


@pytest.mark.parametrize(
    ("domain", "trouble"),
    [
        ("nowhere.mssante.test", "domain-unknown"),
        ("null.mssante.test", "null-mx"),
        ("away.mssante.test", "outside"),
        ("mssante.fr", "outside"),
        ("example.org", "outside"),
        ("notmssante.test", "outside"),
        ("a" * 64 + ".mssante.test", "domain-unknown"),
        ("a..mssante.test", "domain-unknown"),
    ],
)
def test_a_domain_that_takes_no_mail_here_is_a_permanent_failure(domain: str, trouble: str) -> None:
    with pytest.raises(NoRouteError) as caught:
        exchangers(domain)
    assert caught.value.trouble.reason.name == trouble
    assert caught.value.trouble.is_permanent


@pytest.mark.parametrize(
    ("host", "trouble"),
    [
        ("mx9.op1.mssante.test", "no-usable-mx"),
        ("text.mssante.test", "no-usable-mx"),
        ("mx.example.org", "outside"),
    ],
)
def test_a_host_without_address_is_a_permanent_failure(host: str, trouble: str) -> None:
    with pytest.raises(NoRouteError) as caught:
        addresses(host)
    assert caught.value.trouble.reason.name == trouble
    assert caught.value.trouble.is_permanent


@pytest.mark.parametrize("kind", ["servfail", "refused", "timeout"])
def test_dns_that_does_not_answer_is_a_temporary_failure(kind: str) -> None:
    fault = DnsFault(kind=kind)
    with pytest.raises(NoRouteError) as caught:
        exchangers("op1.mssante.test", faults=(fault,), seconds=0.2)
    assert caught.value.trouble.reason.name == "dns-unavailable"
    assert not caught.value.trouble.is_permanent


def test_an_answer_cut_on_udp_is_asked_again_on_tcp() -> None:
    assert len(exchangers("op1.mssante.test", faults=(DnsFault(kind="truncated"),))) == 3


def test_dns_that_recovers_is_believed_at_the_next_question() -> None:
    async def work(names: Names, _: Resolver) -> int:
        with pytest.raises(NoRouteError):
            await names.exchangers("op1.mssante.test", "")
        return len(await names.exchangers("op1.mssante.test", ""))

    assert asyncio.run(_with_names(work, (DnsFault(kind="servfail", times=1),))) == 3


def test_answers_are_kept_until_asked_to_forget() -> None:
    async def work(names: Names, resolver: Resolver) -> list[int]:
        asked = []
        for _ in range(2):
            await names.exchangers("op1.mssante.test", "")
            asked.append(resolver.queries["MX"])
        names.forget()
        await names.exchangers("op1.mssante.test", "")
        return [*asked, resolver.queries["MX"]]

    assert asyncio.run(_with_names(work)) == [1, 1, 2]
